//! Passes over arrays that hold no mark, in one go where all of their bytes are here.
//!
//! Only quick: it says how many bytes they take, or nothing, upon which [`super::walk`] takes them field by field, and
//! finds whatever is wrong. What is skipped here that walk would have taken, too.

use super::shape::{Field, Fields, Kind, Marks};
use super::walk::TEXT_BYTES_MAX;
use crate::frame::{Varint, read_varint};

/// The encoding of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// The version of its API.
    pub version: i16,
    /// Whether that is flexible.
    pub flexible: bool,
}

/// Bytes of the elements of an unmarked array at the front of `bytes`, where all of them are here.
pub fn unmarked_elements<M: Marks>(
    fields: Fields<M>,
    (count, tagged): (u32, bool),
    encoding: Encoding,
    bytes: &[u8],
) -> Option<u32> {
    elements(fields, count, tagged, encoding, bytes).and_then(|bytes| u32::try_from(bytes).ok())
}

/// Bytes that `count` elements at the front of `bytes` take, each a struct with tags where `tagged`.
fn elements<M: Marks>(fields: Fields<M>, count: u32, tagged: bool, encoding: Encoding, bytes: &[u8]) -> Option<usize> {
    // Elements without bytes would be as many as the count likes to say.
    if count as usize > bytes.len() {
        return None;
    }
    let mut at = 0;
    for _ in 0..count {
        at = structure(fields, tagged, encoding, bytes, at)?;
    }
    Some(at)
}

/// Bytes that a response's header (tags alone, in flexible versions) and these fields take at the front of `bytes`.
pub fn header_and_fields<M: Marks>(fields: Fields<M>, encoding: Encoding, bytes: &[u8]) -> Option<usize> {
    let at = if encoding.flexible { tags(bytes, 0)? } else { 0 };
    structure(fields, false, encoding, bytes, at)
}

/// Where the struct ends that begins at `at`.
fn structure<M: Marks>(
    fields: Fields<M>,
    tagged: bool,
    encoding: Encoding,
    bytes: &[u8],
    mut at: usize,
) -> Option<usize> {
    for field in fields.iter().filter(|field| field.exists(encoding.version)) {
        at = match &field.kind {
            Kind::Fixed(width, _) => at + *width as usize,
            Kind::Text(_) => text(field, encoding, bytes, at)?,
            Kind::Blob(_) => {
                let (at, length) = length(field, encoding, bytes, at)?;
                at + length as usize
            }
            Kind::Items(width) => {
                let (at, count) = length(field, encoding, bytes, at)?;
                at + count.checked_mul(*width)? as usize
            }
            Kind::Texts(element) => array(field, element, false, encoding, bytes, at)?,
            Kind::Array(element, _) => array(field, element, true, encoding, bytes, at)?,
            Kind::Struct(fields) => structure::<M>(fields, true, encoding, bytes, at)?,
            Kind::ClassicText | Kind::Tagged(..) => return None,
        };
    }
    if tagged && encoding.flexible {
        at = tags(bytes, at)?;
    }
    (at <= bytes.len()).then_some(at)
}

fn array<M: Marks>(
    field: &Field<M>,
    element: Fields<M>,
    tagged: bool,
    encoding: Encoding,
    bytes: &[u8],
    at: usize,
) -> Option<usize> {
    let (at, count) = length(field, encoding, bytes, at)?;
    Some(at + elements(element, count, tagged, encoding, bytes.get(at..)?)?)
}

fn text<M: Marks>(field: &Field<M>, encoding: Encoding, bytes: &[u8], at: usize) -> Option<usize> {
    let (at, length) = if encoding.flexible {
        length(field, encoding, bytes, at)?
    } else {
        match i16::from_be_bytes(*bytes.get(at..)?.first_chunk()?) {
            -1 if field.nullable(encoding.version) => (at + 2, 0),
            length => (at + 2, u32::try_from(length).ok()?),
        }
    };
    (length <= TEXT_BYTES_MAX).then_some(at + length as usize)
}

/// Where what has a length begins, and its length or count; null is 0 where it may be.
#[inline]
fn length<M: Marks>(field: &Field<M>, encoding: Encoding, bytes: &[u8], at: usize) -> Option<(usize, u32)> {
    if encoding.flexible {
        return match varint(bytes, at)? {
            (at, 0) => field.nullable(encoding.version).then_some((at, 0)),
            (at, more) => Some((at, more - 1)),
        };
    }
    match i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) {
        -1 if field.nullable(encoding.version) => Some((at + 4, 0)),
        length => Some((at + 4, u32::try_from(length).ok()?)),
    }
}

fn tags(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut at, count) = varint(bytes, at)?;
    if count as usize > bytes.len() {
        return None;
    }
    for _ in 0..count {
        let (size_at, _number) = varint(bytes, at)?;
        let (content_at, size) = varint(bytes, size_at)?;
        at = content_at + size as usize;
    }
    Some(at)
}

/// Where the varint at `at` ends, and its value.
#[inline]
fn varint(bytes: &[u8], at: usize) -> Option<(usize, u32)> {
    let byte = *bytes.get(at)?;
    if byte < 0x80 {
        return Some((at + 1, u32::from(byte)));
    }
    match read_varint(bytes.get(at..)?) {
        Varint::Value(value, width) => Some((at + width, value)),
        Varint::Incomplete | Varint::Invalid => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::{ResponseArray, ResponseMarks, array, fixed, items, marked_array, text, texts};
    use super::*;

    const NOTHING: Fields<ResponseMarks> = &[fixed("LaterField", 4).since(1)];
    const INNER: Fields<ResponseMarks> = &[fixed("F", 2), text("T").null_since(1), items("I", 4), texts("S")];
    const OUTER: Fields<ResponseMarks> = &[array("A", INNER)];
    const MARKED: Fields<ResponseMarks> = &[array("A", &[marked_array("B", INNER, ResponseArray::Hidden)])];

    fn skipped(fields: Fields<ResponseMarks>, count: u32, version: i16, bytes: &[u8]) -> Option<usize> {
        elements(fields, count, true, Encoding { version, flexible: version >= 1 }, bytes)
    }

    #[test]
    fn what_has_marks_is_not_skipped() {
        assert!(OUTER[0].unmarked && !MARKED[0].unmarked);
    }

    #[test]
    fn elements_are_skipped_whole_or_not_at_all() {
        // F, T "a", I [1 item], S ["b"], then the same with flexible lengths, a tag behind each struct.
        let classic = [0, 1, 0, 1, b'a', 0, 0, 0, 1, 9, 9, 9, 9, 0, 0, 0, 1, 0, 1, b'b'];
        let flexible = [0, 1, 2, b'a', 2, 9, 9, 9, 9, 2, 2, b'b', 1, 5, 1, 7];
        assert_eq!(skipped(INNER, 1, 0, &classic), Some(classic.len()));
        assert_eq!(skipped(INNER, 1, 1, &flexible), Some(flexible.len()));
        for cut in 0..classic.len() {
            assert_eq!(skipped(INNER, 1, 0, &classic[..cut]), None, "{cut}");
        }
        for cut in 0..flexible.len() {
            assert_eq!(skipped(INNER, 1, 1, &flexible[..cut]), None, "{cut}");
        }
        // Null, where it may be and where not.
        assert_eq!(skipped(INNER, 1, 1, &[0, 1, 0, 1, 1, 0]), Some(6));
        assert_eq!(skipped(INNER, 1, 1, &[0, 1, 0, 0, 1, 0]), None);
        assert_eq!(skipped(INNER, 1, 0, &[0, 1, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn a_count_is_bounded_by_the_bytes_also_where_elements_have_none() {
        assert_eq!(skipped(NOTHING, 3, 0, &[0; 3]), Some(0));
        assert_eq!(skipped(NOTHING, u32::MAX, 0, &[0; 3]), None);
        assert_eq!(skipped(OUTER, 1, 0, &[0x7f, 0xff, 0xff, 0xff]), None);
        assert_eq!(skipped(OUTER, 1, 1, &[0xff, 0xff, 0xff, 0xff, 0x0f]), None);
    }
}
