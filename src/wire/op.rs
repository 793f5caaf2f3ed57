//! What a walk does, one operation after the other.
//!
//! Owns the operations that a plan is made of. May not know how a plan is made, or walked.

use super::roles::Role;

/// An operation, and what is passed over before it.
pub struct Operation {
    /// Bytes of fixed size without interest.
    pub fixed: u32,
    /// What is done behind them.
    pub op: Op,
}

/// What a walk does next. Jumps are places in the list.
pub enum Op {
    /// A value of so many bytes with a role.
    Leaf(u32, Role),
    /// The same, of two or four bytes, where it is this (or is not), and else without interest.
    LeafWhere { bytes: u8, role: Role, is: bool, value: i32 },
    /// A compact length, and so many times `width` bytes.
    Compact(Compact),
    /// A length of two bytes, and so many bytes.
    Short { null: bool },
    /// A length of four bytes, and so many times `width` bytes.
    Long { null: bool, width: u32 },
    /// A string or bytes with a role, which are perhaps passed over where they are null.
    Text { length: Length, null: bool, null_wanted: bool, role: Role },
    /// The count of an array whose elements take `least` bytes at least and begin at the next operation. `end` is where it
    /// goes on where there are none.
    Array { compact: bool, null: bool, least: u32, end: u32, role: Option<Role> },
    /// The compact count of an array of elements of which most hold nothing of interest: the next operation, where not all of
    /// them are as these parts say, or not all here.
    QuickArray { null: bool, least: u32, first: u32, parts: u32, end: u32 },
    /// The same elements, when one was otherwise, or not all here: up to the last one, behind which `end` is. One that is
    /// otherwise begins at the next operation.
    Elements { first: u32, parts: u32, end: u32 },
    /// The end of an element: the next one begins at `start`.
    Next { start: u32 },
    /// The next three operations, where there are no tags: [`Op::Tags`], [`Op::Tag`] and [`Op::Next`].
    TagsAndNext { start: u32 },
    /// The same as [`Op::Next`] in an array with a role.
    NextWithRole { start: u32, role: Role },
    /// The end of an array with a role.
    ArrayEnd(Role),
    /// The count of a struct's tags, of which the next operation is one.
    Tags { wanted: bool },
    /// A tag, of the body or of another struct, as long as there are any.
    Tag { body: bool, wanted: bool },
    /// The end of a tag's content; the next tag is at this place.
    TagEnd(u32),
    /// The end of the message.
    End,
}

/// A compact length without interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compact {
    /// It may be null.
    pub null: bool,
    /// It is that of a string, which has a bound of its own.
    pub string: bool,
    /// Bytes for each of it.
    pub width: u16,
}

/// A part of an element that is passed over quickly: bytes of fixed size, and a varint behind them, which is the count of
/// tags or a compact length. Where it is at least `least` and at most `least` and `span`, the element can be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of fixed size.
    pub fixed: usize,
    /// Bytes behind the varint for each of what it says more than 1.
    pub width: usize,
    /// What it mostly is at least, where it takes one byte: 1 for a length, which then is that of something.
    pub short_least: u8,
    /// And at most so much more.
    pub short_span: u8,
    /// It is this at least: 0 where null is allowed, or there are no tags.
    pub least: u32,
    /// And at most so much more.
    pub span: u32,
    /// Of the first part of an element: one of them is often longer than one byte can say.
    pub often_long: bool,
}

impl Part {
    /// For a varint of such a range.
    pub(super) fn new(fixed: u32, least: u32, span: u32, width: u32) -> Part {
        let short_least = u8::from(width > 0 || least > 0);
        let most = (u64::from(least) + u64::from(span)).min(0x7f) as u8;
        let short_span = most.saturating_sub(short_least);
        Part { fixed: fixed as usize, width: width as usize, short_least, short_span, least, span, often_long: false }
    }
}

/// How the length of a string or of bytes with a role is written, and its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Compact, of at most so many bytes.
    Compact(u32),
    /// Two bytes.
    Short,
    /// Four bytes.
    Long,
}
