//! A value of a frame, as an edit is asked about it.
//!
//! Owns where it stands and what of it is its length. May not know what it means.

/// A value of the frame: bytes that came together.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    /// All of it, a length in front included.
    pub bytes: &'a [u8],
    /// Bytes of that length: none before a value of fixed size.
    pub head: usize,
    /// Where it stands in the input. Empty where it came in pieces and was collected.
    pub at: (usize, usize),
    /// A string or bytes: null.
    pub null: bool,
}

impl<'a> Token<'a> {
    /// It is a string or bytes.
    #[inline(always)]
    pub fn is_text(&self) -> bool {
        self.head > 0
    }

    /// What stands behind its length, which the walk has read from it.
    #[inline(always)]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }
}
