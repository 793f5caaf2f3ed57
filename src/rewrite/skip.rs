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

/// Bytes of the elements of an unmarked array at the front of `bytes`, where all of them are here. Where something in it
/// is marked, that is quiet: strings among it must be null.
pub fn unmarked_elements<M: Marks>(
    fields: Fields<M>,
    (count, tagged): (u32, bool),
    encoding: Encoding,
    bytes: &[u8],
) -> Option<u32> {
    elements(fields, count, tagged, encoding, bytes).and_then(|bytes| u32::try_from(bytes).ok())
}

/// Bytes that a response's header (tags alone, in flexible versions) and these fields take at the front of `bytes`.
pub fn header_and_fields<M: Marks>(fields: Fields<M>, encoding: Encoding, bytes: &[u8]) -> Option<usize> {
    let at = if encoding.flexible { tags(bytes, 0)? } else { 0 };
    structure(fields, false, encoding, bytes, at)
}

/// Bytes that `count` elements at the front of `bytes` take, each a struct with tags where `tagged`.
fn elements<M: Marks>(fields: Fields<M>, count: u32, tagged: bool, encoding: Encoding, bytes: &[u8]) -> Option<usize> {
    // Elements without bytes would be as many as the count likes to say.
    if count as usize > bytes.len() {
        return None;
    }
    if count >= PLANNED_FROM {
        return planned(fields, count, tagged, encoding, bytes);
    }
    let mut at = 0;
    for _ in 0..count {
        at = structure(fields, tagged, encoding, bytes, at)?;
    }
    Some(at)
}

/// The same, where there are many of them. Not part of the way of the few, which need not make room for a plan.
#[inline(never)]
fn planned<M: Marks>(fields: Fields<M>, count: u32, tagged: bool, encoding: Encoding, bytes: &[u8]) -> Option<usize> {
    let (plan, mut at) = (Plan::new(fields, encoding)?, 0);
    for _ in 0..count {
        at = plan.structure(tagged, encoding, bytes, at)?;
    }
    Some(at)
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
        at = match field.kind {
            Kind::Fixed(width, _) => at + width as usize,
            _ => over(field, encoding, bytes, at)?,
        };
    }
    end(tagged, encoding, bytes, at)
}

/// Where a struct ends whose fields end at `at`.
#[inline]
fn end(tagged: bool, encoding: Encoding, bytes: &[u8], at: usize) -> Option<usize> {
    let at = if tagged && encoding.flexible { tags(bytes, at)? } else { at };
    (at <= bytes.len()).then_some(at)
}

/// Where the field ends that begins at `at`: perhaps behind the end of `bytes`.
#[inline]
fn over<M: Marks>(field: &Field<M>, encoding: Encoding, bytes: &[u8], at: usize) -> Option<usize> {
    let nullable = field.nullable(encoding.version);
    Some(match &field.kind {
        Kind::Fixed(width, _) => at + *width as usize,
        Kind::Text(Some(_)) => null(nullable, encoding, bytes, at)?,
        Kind::Text(None) if encoding.flexible => counted(TEXT_BYTES_MAX, 1, nullable, encoding, bytes, at)?,
        Kind::Text(None) => classic_text(nullable, bytes, at)?,
        Kind::Blob(_) => counted(u32::MAX, 1, nullable, encoding, bytes, at)?,
        Kind::Items(width) => counted(u32::MAX, *width, nullable, encoding, bytes, at)?,
        Kind::Texts(element) => array(element, false, nullable, encoding, bytes, at)?,
        Kind::Array(element, _) => array(element, true, nullable, encoding, bytes, at)?,
        Kind::Struct(fields) => structure::<M>(fields, true, encoding, bytes, at)?,
        Kind::ClassicText | Kind::Tagged(..) => return None,
    })
}

fn array<M: Marks>(
    element: Fields<M>,
    tagged: bool,
    nullable: bool,
    encoding: Encoding,
    bytes: &[u8],
    at: usize,
) -> Option<usize> {
    match length(nullable, encoding, bytes, at)? {
        (at, 0) => Some(at),
        (at, count) => Some(at + elements(element, count, tagged, encoding, bytes.get(at..)?)?),
    }
}

fn classic_text(nullable: bool, bytes: &[u8], at: usize) -> Option<usize> {
    match i16::from_be_bytes(*bytes.get(at..)?.first_chunk()?) {
        -1 if nullable => Some(at + 2),
        length => Some(at + 2 + usize::try_from(length).ok()?),
    }
}

/// A string that may be passed over where it is null alone.
fn null(nullable: bool, encoding: Encoding, bytes: &[u8], at: usize) -> Option<usize> {
    let null: &[u8] = if encoding.flexible { &[0] } else { &[0xff; 2] };
    (nullable && bytes.get(at..)?.starts_with(null)).then_some(at + null.len())
}

/// A length, `most` at most, and for each of it `width` bytes.
#[inline]
fn counted(most: u32, width: u32, nullable: bool, encoding: Encoding, bytes: &[u8], at: usize) -> Option<usize> {
    let (at, count) = length(nullable, encoding, bytes, at)?;
    if count > most {
        return None;
    }
    Some(at + count.checked_mul(width)? as usize)
}

/// So many elements are worth a plan.
const PLANNED_FROM: u32 = 3;
/// Most parts of a planned struct.
const LEAPS_MAX: usize = 12;

/// What one version has of a struct, looked up once for all elements of an array.
struct Plan<M: Marks> {
    leaps: [Leap<M>; LEAPS_MAX],
    count: usize,
}

/// A field, or several of fixed size that stand in a row.
enum Leap<M: Marks> {
    Fixed(usize),
    Counted { most: u32, width: u32, nullable: bool },
    Other(&'static Field<M>),
}

impl<M: Marks> Plan<M> {
    /// `None`: it has too many parts.
    fn new(fields: Fields<M>, encoding: Encoding) -> Option<Plan<M>> {
        let mut plan = Plan { leaps: [const { Leap::Fixed(0) }; LEAPS_MAX], count: 0 };
        for field in fields.iter().filter(|field| field.exists(encoding.version)) {
            let nullable = field.nullable(encoding.version);
            let leap = match field.kind {
                Kind::Fixed(width, _) => {
                    let last = plan.count.checked_sub(1).and_then(|last| plan.leaps.get_mut(last));
                    if let Some(Leap::Fixed(bytes)) = last {
                        *bytes += width as usize;
                        continue;
                    }
                    Leap::Fixed(width as usize)
                }
                Kind::Text(None) if encoding.flexible => Leap::Counted { most: TEXT_BYTES_MAX, width: 1, nullable },
                Kind::Blob(_) => Leap::Counted { most: u32::MAX, width: 1, nullable },
                Kind::Items(width) => Leap::Counted { most: u32::MAX, width, nullable },
                _ => Leap::Other(field),
            };
            *plan.leaps.get_mut(plan.count)? = leap;
            plan.count += 1;
        }
        Some(plan)
    }

    /// Where the struct ends that begins at `at`.
    #[inline]
    fn structure(&self, tagged: bool, encoding: Encoding, bytes: &[u8], mut at: usize) -> Option<usize> {
        for leap in self.leaps.get(..self.count)? {
            at = match *leap {
                Leap::Fixed(width) => at + width,
                Leap::Counted { most, width, nullable } => counted(most, width, nullable, encoding, bytes, at)?,
                Leap::Other(field) => over(field, encoding, bytes, at)?,
            };
        }
        end(tagged, encoding, bytes, at)
    }
}

/// Where what has a length begins, and its length or count; null is 0 where it may be.
#[inline]
fn length(nullable: bool, encoding: Encoding, bytes: &[u8], at: usize) -> Option<(usize, u32)> {
    if encoding.flexible {
        return match varint(bytes, at)? {
            (at, 0) => nullable.then_some((at, 0)),
            (at, more) => Some((at, more - 1)),
        };
    }
    match i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) {
        -1 if nullable => Some((at + 4, 0)),
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
