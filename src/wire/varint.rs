//! Unsigned varints (LEB128), as flexible versions write every length and count.

/// Longest form of a 32-bit value that Kafka's readers accept, in bytes; a short value may be padded up to it.
pub const VARINT_BYTES_MAX: usize = 5;

/// What begins at the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Varint {
    /// A value and the number of bytes it takes.
    Value(u32, usize),
    /// Its last byte is not here yet.
    Incomplete,
    /// More than 32 bits, or more than [`VARINT_BYTES_MAX`] bytes.
    Invalid,
}

/// Reads the varint at the front of `bytes`; padded forms are read as Kafka reads them.
#[inline]
pub fn read_varint(bytes: &[u8]) -> Varint {
    let mut value = 0u32;
    for (at, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        let bits = u32::from(byte & 0x7f);
        if at == VARINT_BYTES_MAX - 1 && (bits > 0x0f || byte & 0x80 != 0) {
            return Varint::Invalid;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Varint::Value(value, at + 1);
        }
    }
    Varint::Incomplete
}

/// The fewest bytes that hold `value`.
pub fn varint_bytes(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        0x1000_0000.. => 5,
    }
}

/// The form of `value` that takes `width` bytes, which must be at least [`varint_bytes`] and at most
/// [`VARINT_BYTES_MAX`]: the first `width` bytes of the array.
pub fn padded_varint(value: u32, width: usize) -> [u8; VARINT_BYTES_MAX] {
    debug_assert!((varint_bytes(value)..=VARINT_BYTES_MAX).contains(&width));
    let mut bytes = [0; VARINT_BYTES_MAX];
    let mut rest = value;
    for (at, byte) in bytes.iter_mut().enumerate().take(width) {
        let more = if at + 1 < width { 0x80 } else { 0 };
        *byte = (rest & 0x7f) as u8 | more;
        rest >>= 7;
    }
    bytes
}

/// Appends `value` in `width` bytes; see [`padded_varint`].
#[inline(always)]
pub fn push_varint(out: &mut Vec<u8>, value: u32, width: usize) {
    match width {
        // Most are short.
        1 => out.push(value as u8 & 0x7f),
        2 => {
            out.push(value as u8 | 0x80);
            out.push((value >> 7) as u8 & 0x7f);
        }
        _ => push_long_varint(out, value, width),
    }
}

#[inline(never)]
fn push_long_varint(out: &mut Vec<u8>, value: u32, width: usize) {
    out.extend(padded_varint(value, width).iter().take(width));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_any_width_is_read_back_and_a_part_of_it_is_incomplete() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455, 268_435_456, u32::MAX] {
            for width in varint_bytes(value)..=VARINT_BYTES_MAX {
                let mut bytes = Vec::new();
                push_varint(&mut bytes, value, width);
                assert_eq!(bytes.len(), width);
                for cut in 0..width {
                    assert_eq!(read_varint(&bytes[..cut]), Varint::Incomplete);
                }
                bytes.push(0xff);
                assert_eq!(read_varint(&bytes), Varint::Value(value, width));
            }
        }
    }

    #[test]
    fn more_than_32_bits_or_five_bytes_is_invalid() {
        assert_eq!(read_varint(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Varint::Invalid);
        assert_eq!(read_varint(&[0x80, 0x80, 0x80, 0x80, 0x80]), Varint::Invalid);
        assert_eq!(read_varint(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Varint::Value(u32::MAX, 5));
    }
}
