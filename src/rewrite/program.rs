//! Shapes as the walk takes them: a flat list of operations for each shape in each version.
//!
//! Owns what a version makes of a shape: fields that it has not are gone, those of fixed size that stand in a row are one,
//! null and flexible are settled, arrays and tags are jumps. Made once for the process. May not look at a byte of a frame.

use super::rules::Rule;
use super::shape::{Field, Fields, Kind, Marks, bytes_min};
use super::walk::TEXT_BYTES_MAX;

/// What a walk does next. Jumps are places in the list.
pub enum Op<M: Marks> {
    /// So many bytes without interest.
    Fixed(u32),
    /// A marked value of so many bytes.
    Leaf(usize, M::Leaf),
    /// A compact length, and so many times `width` bytes.
    Compact { null: bool, most: u32, width: u32 },
    /// [`Op::Fixed`] and, which is the next operation too, [`Op::Compact`].
    FixedAndCompact { fixed: u32, null: bool, most: u32, width: u32 },
    /// A length of two bytes, and so many bytes.
    Short { null: bool },
    /// A length of four bytes, and so many times `width` bytes.
    Long { null: bool, width: u32 },
    /// A marked string or marked bytes, which is perhaps passed over where it is null.
    Text { length: Length, null: bool, null_told: bool, mark: M::Text },
    /// The count of an array whose elements take `least` bytes at least and begin at the next operation. `end` is where it
    /// goes on where there are none.
    Array { compact: bool, null: bool, least: u32, end: usize, mark: Option<M::Array> },
    /// The end of an element: the next one begins at `start`.
    Next { start: usize },
    /// The next three operations, where there are no tags: [`Op::Tags`], [`Op::Tag`] and [`Op::Next`].
    TagsAndNext { start: usize },
    /// The same as [`Op::Next`] in a marked array.
    NextMarked { start: usize, mark: M::Array },
    /// The end of a marked array.
    ArrayEnd(M::Array),
    /// The count of a struct's tags, of which the next operation is one.
    Tags { told: bool },
    /// A tag, of the body or of another struct, as long as there are any.
    Tag { body: bool },
    /// The end of a tag's content; the next tag is at this place.
    TagEnd(usize),
    /// The end of the message.
    End,
}

/// How the length of a marked string or of marked bytes is written, and its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Compact, of at most so many bytes.
    Compact(u32),
    /// Two bytes.
    Short,
    /// Four bytes.
    Long,
}

/// A tag whose content the shape knows.
struct Known {
    /// The place of the tag.
    tag: usize,
    number: u32,
    /// The place of its content.
    content: usize,
}

/// A shape in one version.
pub struct Program<M: Marks> {
    ops: Box<[Op<M>]>,
    known: Box<[Known]>,
}

/// What decides what becomes of a shape.
#[derive(Clone, Copy)]
pub struct Version {
    /// That of the API.
    pub version: i16,
    /// Whether it is flexible.
    pub flexible: bool,
    /// What is quiet is passed over.
    pub quiet: bool,
    /// Marked strings that are null are told.
    pub nulls: bool,
}

impl Version {
    /// In which everything is told.
    pub fn of(rule: &Rule, version: i16) -> Version {
        Version { version, flexible: rule.flexible(version), quiet: false, nulls: true }
    }
}

impl<M: Marks> Program<M> {
    /// Makes the program of a whole message: its header, without the fixed part, if it has one, and its body.
    pub fn message(header: Option<Fields<M>>, body: Fields<M>, version: Version) -> Program<M> {
        let mut writer = Writer::new(header, version);
        writer.fields(body);
        writer.tags(body, true);
        writer.finish()
    }

    /// Makes the program of a message's front: of the first fields of its body.
    pub fn front(header: Option<Fields<M>>, body: Fields<M>, version: Version) -> Program<M> {
        let mut writer = Writer::new(header, version);
        writer.fields(body);
        writer.finish()
    }

    /// All operations.
    #[inline]
    pub fn ops(&self) -> &[Op<M>] {
        &self.ops
    }

    /// Where the content of tag `number` begins, if the shape knows it; `tag` is the operation that met it.
    pub fn content(&self, tag: usize, number: u32) -> Option<usize> {
        self.known.iter().find(|known| known.tag == tag && known.number == number).map(|known| known.content)
    }
}

struct Writer<M: Marks> {
    version: Version,
    ops: Vec<Op<M>>,
    /// Tags that are known, whose content is still to be written: the place of the tag, its number and its content.
    pending: Vec<(usize, u32, Fields<M>)>,
}

impl<M: Marks> Writer<M> {
    /// Begins with the header.
    fn new(header: Option<Fields<M>>, version: Version) -> Writer<M> {
        let mut writer = Writer { version, ops: Vec::new(), pending: Vec::new() };
        if let Some(header) = header {
            writer.fields(header);
            writer.tags(header, false);
        }
        writer
    }

    fn finish(mut self) -> Program<M> {
        self.ops.push(Op::End);
        let mut known = Vec::new();
        while let Some((tag, number, fields)) = self.pending.pop() {
            known.push(Known { tag, number, content: self.ops.len() });
            self.fields(fields);
            self.ops.push(Op::TagEnd(tag));
        }
        Program { ops: self.ops.into(), known: known.into() }
    }

    fn fields(&mut self, fields: Fields<M>) {
        let version = self.version.version;
        fields.iter().filter(|field| field.exists(version)).for_each(|field| self.field(field));
    }

    fn field(&mut self, field: &'static Field<M>) {
        let (null, flexible) = (field.nullable(self.version.version), self.version.flexible);
        let quiet = field.quiet && self.version.quiet;
        let null_told = self.version.nulls && !quiet;
        let op = match field.kind {
            Kind::Fixed(bytes, Some(mark)) if !quiet => Op::Leaf(bytes as usize, mark),
            Kind::Fixed(bytes, _) => return self.fixed(bytes),
            Kind::Text(Some(mark)) => {
                let length = if flexible { Length::Compact(TEXT_BYTES_MAX) } else { Length::Short };
                Op::Text { length, null, null_told, mark }
            }
            Kind::Blob(Some(mark)) => {
                let length = if flexible { Length::Compact(u32::MAX) } else { Length::Long };
                Op::Text { length, null, null_told, mark }
            }
            Kind::Text(None) if flexible => Op::Compact { null, most: TEXT_BYTES_MAX, width: 1 },
            Kind::Text(None) | Kind::ClassicText => Op::Short { null },
            Kind::Blob(None) => self.counted(null, 1),
            Kind::Items(width) => self.counted(null, width),
            Kind::Texts(element) => return self.array(element, null, None, false),
            Kind::Array(element, mark) => return self.array(element, null, mark.filter(|_| !quiet), true),
            Kind::Struct(fields) => {
                self.fields(fields);
                return self.tags(fields, false);
            }
            // They stand behind all others.
            Kind::Tagged(..) => return,
        };
        if let (Op::Compact { null, most, width }, Some(last)) = (&op, self.ops.last_mut())
            && let Op::Fixed(fixed) = *last
        {
            *last = Op::FixedAndCompact { fixed, null: *null, most: *most, width: *width };
        }
        self.ops.push(op);
    }

    fn fixed(&mut self, bytes: u32) {
        match self.ops.last_mut() {
            // Nothing jumps to behind a value of fixed size.
            Some(Op::Fixed(before)) => *before += bytes,
            _ => self.ops.push(Op::Fixed(bytes)),
        }
    }

    fn counted(&self, null: bool, width: u32) -> Op<M> {
        if self.version.flexible { Op::Compact { null, most: u32::MAX, width } } else { Op::Long { null, width } }
    }

    /// An array of structs (`tagged`: they end with tags in flexible versions) or of strings.
    fn array(&mut self, element: Fields<M>, null: bool, mark: Option<M::Array>, tagged: bool) {
        let compact = self.version.flexible;
        // A plain string has no tags behind it.
        let tags = u32::from(compact && !tagged);
        let least = (bytes_min(element, self.version.version, compact) - tags).max(1);
        let at = self.ops.len();
        self.ops.push(Op::Array { compact, null, least, end: 0, mark });
        self.fields(element);
        if tagged && compact && mark.is_none() {
            self.ops.push(Op::TagsAndNext { start: at + 1 });
        }
        if tagged {
            self.tags(element, false);
        }
        if let (None, Some([Op::Fixed(width)])) = (mark, self.ops.get(at + 1..)) {
            // Every element takes as many bytes.
            let op = self.counted(null, *width);
            self.ops.truncate(at);
            return self.ops.push(op);
        }
        self.ops.push(match mark {
            None => Op::Next { start: at + 1 },
            Some(mark) => Op::NextMarked { start: at + 1, mark },
        });
        let behind = self.ops.len();
        if let Some(Op::Array { end, .. }) = self.ops.get_mut(at) {
            *end = behind;
        }
        self.ops.extend(mark.map(Op::ArrayEnd));
    }

    fn tags(&mut self, fields: Fields<M>, body: bool) {
        if !self.version.flexible {
            return;
        }
        self.ops.push(Op::Tags { told: body && M::TAGS_TOLD });
        let (at, version) = (self.ops.len(), self.version.version);
        self.ops.push(Op::Tag { body });
        for field in fields.iter().filter(|field| (field.first..=field.last).contains(&version)) {
            if let Kind::Tagged(number, content) = field.kind {
                self.pending.push((at, number, content));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::{RequestLeaf, RequestMarks, RequestText, array, fixed, leaf, marked_text, text};
    use super::*;

    const SHAPE: Fields<RequestMarks> = &[
        marked_text("Name", RequestText::Software).null_since(1),
        leaf("Acks", 2, RequestLeaf::Acks),
        fixed("Index", 4),
        fixed("Time", 8).since(1),
        text("Text"),
        array("Array", &[fixed("Id", 4), fixed("Count", 2)]),
    ];

    /// One word for each operation.
    fn words(version: i16, flexible: bool) -> Vec<String> {
        let version = Version { version, flexible, quiet: false, nulls: false };
        let program = Program::message(None, SHAPE, version);
        let word = |op: &Op<RequestMarks>| match op {
            Op::Fixed(bytes) => format!("fixed {bytes}"),
            Op::Leaf(bytes, RequestLeaf::Acks) => format!("leaf {bytes}"),
            Op::Compact { null: false, most, width } => format!("compact {most} {width}"),
            Op::FixedAndCompact { fixed, null: false, most: _, width: _ } => format!("fixed {fixed} and compact"),
            Op::Short { null: false } => "short".into(),
            Op::Long { null: false, width } => format!("long {width}"),
            Op::Text { length, null, null_told: false, mark: RequestText::Software } => format!("{length:?} {null}"),
            Op::Array { compact: true, null: false, least, end, mark: None } => format!("array {least} to {end}"),
            Op::Next { start } => format!("next {start}"),
            Op::TagsAndNext { start } => format!("tags and next {start}"),
            Op::Tags { told: false } => "tags".into(),
            Op::Tag { body } => format!("tag {body}"),
            Op::End => "end".into(),
            _ => panic!("nothing else is in that shape"),
        };
        program.ops().iter().map(word).collect()
    }

    #[test]
    fn a_program_is_what_a_version_has_of_a_shape() {
        let classic = ["Short false", "leaf 2", "fixed 4", "short", "long 6", "end"];
        assert_eq!(words(0, false), classic);
        let mut flexible: Vec<_> = ["Compact(32767) true", "leaf 2", "fixed 12 and compact", "compact 32767 1"].into();
        flexible.extend(["array 7 to 10", "fixed 6", "tags and next 5", "tags", "tag false", "next 5"]);
        flexible.extend(["tags", "tag true", "end"]);
        assert_eq!(words(1, true), flexible);
    }
}
