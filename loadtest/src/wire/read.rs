//! Reading an answer where it lies: numbers, strings and tagged fields of Kafka's flexible versions.
//!
//! Owns the position. Everything returns `None` where the bytes end too early or a length cannot be.

/// What is left to read.
pub struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Begins at the first of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How much is left.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// The next so many bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A number of one byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// A number of two bytes.
    pub fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// A number of four bytes.
    pub fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// A number of eight bytes.
    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self) -> Option<[u8; 16]> {
        self.array()
    }

    /// A number of seven bits a byte, the lowest first.
    pub fn varint(&mut self) -> Option<usize> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return usize::try_from(value).ok();
            }
        }
        None
    }

    /// The number of elements of a compact array; a null one has none. Each takes a byte at least.
    pub fn count(&mut self) -> Option<usize> {
        let count = self.varint()?.saturating_sub(1);
        (count <= self.left()).then_some(count)
    }

    /// A compact string or compact bytes; null reads as empty.
    pub fn compact(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?.saturating_sub(1);
        self.take(length)
    }

    /// Steps over tagged fields.
    pub fn tags(&mut self) -> Option<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.take(length)?;
        }
        Some(())
    }
}

/// Writes a number of seven bits a byte.
pub fn put_varint(to: &mut Vec<u8>, value: usize) {
    let mut rest = value;
    while rest > 0x7f {
        let [low, ..] = (rest | 0x80).to_le_bytes();
        to.push(low);
        rest >>= 7;
    }
    to.extend_from_slice(rest.to_le_bytes().get(..1).unwrap_or_default());
}

/// Writes a compact string.
pub fn put_compact(to: &mut Vec<u8>, text: &[u8]) {
    put_varint(to, text.len() + 1);
    to.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_come_back_and_endless_ones_do_not() {
        for value in [0, 1, 127, 128, 300, 16_384, 1 << 20, (1 << 31) - 1] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.varint(), Some(value));
            assert_eq!(cursor.left(), 0);
        }
        assert_eq!(Cursor::new(&[0xff; 6]).varint(), None);
        assert_eq!(Cursor::new(&[0xff]).varint(), None);
    }

    #[test]
    fn lengths_beyond_the_end_are_refused() {
        assert_eq!(Cursor::new(&[5, b'a', b'b']).compact(), None);
        assert_eq!(Cursor::new(&[200, 1, 0]).count(), None);
        assert_eq!(Cursor::new(&[1, 0, 9, 1]).tags(), None);
        assert_eq!(Cursor::new(&[1, 0, 1, 7]).tags(), Some(()));
    }
}
