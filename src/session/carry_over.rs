//! The bytes that were read from a socket and are not processed yet.

use crate::metrics::Cause;
use crate::rewrite::REST_BYTES_MAX;

/// Bytes that are fed to the walk before the next ones that are read. The few that a walk leaves unprocessed are stored
/// inline; memory is allocated only for requests that found no slot.
#[derive(Default)]
pub(super) struct CarryOver {
    inline: [u8; REST_BYTES_MAX],
    inline_bytes: usize,
    heap: Vec<u8>,
}

impl CarryOver {
    /// Replaces the content with `rest`.
    pub fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() && self.heap.is_empty() {
            // The usual case, without the call that copies nothing.
            self.inline_bytes = 0;
        } else if let Some(inline) = self.inline.get_mut(..rest.len()) {
            inline.copy_from_slice(rest);
            self.inline_bytes = rest.len();
            // Keeps no capacity: dropping an empty one is free.
            self.heap = Vec::new();
        } else {
            self.inline_bytes = 0;
            self.heap.clear();
            self.heap.extend_from_slice(rest);
            self.heap.shrink_to_fit();
        }
    }

    /// The bytes.
    ///
    /// # Errors
    ///
    /// `Internal` where there are more than were kept.
    pub fn bytes(&self) -> Result<&[u8], Cause> {
        if self.heap.is_empty() { self.inline.get(..self.inline_bytes).ok_or(Cause::Internal) } else { Ok(&self.heap) }
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty() && self.inline_bytes == 0
    }

    /// Bytes of memory in use.
    pub fn held_bytes(&self) -> usize {
        self.heap.capacity()
    }
}

impl From<Vec<u8>> for CarryOver {
    fn from(heap: Vec<u8>) -> CarryOver {
        CarryOver { heap, ..CarryOver::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_last_given() {
        let mut carry_over = CarryOver::from(vec![1; 100]);
        assert_eq!((carry_over.bytes(), carry_over.held_bytes()), (Ok(&[1; 100][..]), 100));
        for length in [5, 11, 12, 70_000, 13, 0, 1, 12, 0] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            carry_over.keep(&bytes);
            assert_eq!(carry_over.bytes(), Ok(&bytes[..]));
            assert_eq!(carry_over.is_empty(), length == 0);
            assert_eq!(carry_over.held_bytes() > 0, length > REST_BYTES_MAX, "a few bytes take no memory");
        }
    }
}
