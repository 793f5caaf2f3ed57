//! The words in which the layout of a message is written down: fields, the versions they exist in, marks.
//!
//! A shape is a table in the order of the wire. It holds no code: [`super::walk`] reads it, and a mark tells the
//! direction that walks where a value stands that it must look at. Layouts are those of Kafka 4.3.1's definitions
//! (`common/message/*.json` in its kafka-clients jar), which a test compares field by field.

use std::convert::Infallible;

/// What a direction can be told of: one type for each kind of value that can be marked.
pub trait Marks: Sized + 'static {
    /// Marks of values with a fixed number of bytes.
    type Leaf: Copy + 'static;
    /// Marks of strings and of bytes.
    type Text: Copy + 'static;
    /// Marks of arrays.
    type Array: Copy + 'static;
    /// Whether it is told of the body's tags.
    const TAGS_TOLD: bool;
    /// The element of an array of strings.
    const TEXT: Fields<Self>;
}

/// Marks in requests.
#[derive(Clone, Copy, Debug)]
pub struct RequestMarks;

/// A marked value in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestLeaf {
    /// Produce's acks: 0 means that no response will come.
    Acks,
}

/// A marked string in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestText {
    /// Name or version of the client's software.
    Software,
}

impl Marks for RequestMarks {
    type Leaf = RequestLeaf;
    type Text = RequestText;
    type Array = Infallible;
    const TAGS_TOLD: bool = false;
    const TEXT: Fields<Self> = &[text("element")];
}

/// Marks in responses.
#[derive(Clone, Copy, Debug)]
pub struct ResponseMarks;

/// A marked value in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseLeaf {
    /// The node id of a member of the marked array `Brokers`.
    BrokerId,
    /// The node id of a coordinator.
    CoordinatorId,
    /// The node id of a member of the marked array `Endpoints`.
    EndpointId,
    /// The port of the node whose id came before.
    Port,
    /// An error code that stands before the coordinator it is about.
    ErrorBefore,
    /// An error code that stands behind the coordinator it is about.
    ErrorAfter,
    /// The node id of the controller.
    ControllerId,
    /// Error code, partition index and leader id of a partition in Metadata, ten bytes in a row.
    PartitionLeader,
    /// The node id of a replica to read from.
    PreferredReplica,
}

/// A marked string in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseText {
    /// The host of the node whose id came before.
    Host,
    /// The rack of a member of the marked array `Endpoints`.
    EndpointRack,
}

/// A marked array in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseArray {
    /// Nodes; those that have no address for the client are left out.
    Brokers,
    /// Node addresses at the end of a frame, replaced in the same number of bytes.
    Endpoints,
    /// Always shown empty.
    Hidden,
}

impl Marks for ResponseMarks {
    type Leaf = ResponseLeaf;
    type Text = ResponseText;
    type Array = ResponseArray;
    const TAGS_TOLD: bool = true;
    const TEXT: Fields<Self> = &[text("element")];
}

/// What a field is on the wire.
pub enum Kind<M: Marks> {
    /// That many bytes.
    Fixed(u32, Option<M::Leaf>),
    /// A string: int16 length, or compact in flexible versions.
    Text(Option<M::Text>),
    /// A string with an int16 length in every version: the client id of the request header.
    ClassicText,
    /// Bytes or records: int32 length, or compact.
    Blob(Option<M::Text>),
    /// An array of values of that many bytes each.
    Items(u32),
    /// An array of strings, each of which is this one field.
    Texts(Fields<M>),
    /// An array of structs.
    Array(Fields<M>, Option<M::Array>),
    /// A struct.
    Struct(Fields<M>),
    /// The tagged field with this number, whose content is this one field.
    Tagged(u32, Fields<M>),
}

/// Fields in the order of the wire.
pub type Fields<M> = &'static [Field<M>];

/// One field.
pub struct Field<M: Marks> {
    /// As Kafka's definitions name it; several values in a row that are looked at together are joined by `+`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind<M>,
    /// The first version that has it.
    pub first: i16,
    /// The last version that has it.
    pub last: i16,
    /// The first version in which it may be null.
    pub null_from: i16,
    /// The last version in which it may be null.
    pub null_until: i16,
    /// Its own mark is not told by a walk that passes over what is quiet; a string's, where it is null.
    pub quiet: bool,
}

impl<M: Marks> Field<M> {
    const fn new(name: &'static str, kind: Kind<M>) -> Field<M> {
        Field { name, kind, first: 0, last: i16::MAX, null_from: i16::MAX, null_until: -1, quiet: false }
    }

    /// What is marked means nothing where all names are what they should be, a string where it is null besides.
    pub const fn quiet(mut self) -> Field<M> {
        self.quiet = true;
        self
    }

    /// It exists from this version on.
    pub const fn since(mut self, version: i16) -> Field<M> {
        self.first = version;
        self
    }

    /// It exists up to this version.
    pub const fn until(mut self, version: i16) -> Field<M> {
        self.last = version;
        self
    }

    /// It may be null from this version on.
    pub const fn null_since(mut self, version: i16) -> Field<M> {
        self.null_from = version;
        self.null_until = i16::MAX;
        self
    }

    /// Whether this version has it.
    #[inline]
    pub fn exists(&self, version: i16) -> bool {
        self.first <= version && version <= self.last && !matches!(self.kind, Kind::Tagged(..))
    }

    /// Whether it may be null in this version.
    #[inline]
    pub fn nullable(&self, version: i16) -> bool {
        self.null_from <= version && version <= self.null_until
    }
}

/// A value of `bytes` bytes.
pub const fn fixed<M: Marks>(name: &'static str, bytes: u32) -> Field<M> {
    Field::new(name, Kind::Fixed(bytes, None))
}

/// A value of `bytes` bytes that is looked at.
pub const fn leaf<M: Marks>(name: &'static str, bytes: u32, mark: M::Leaf) -> Field<M> {
    Field::new(name, Kind::Fixed(bytes, Some(mark)))
}

/// A string.
pub const fn text<M: Marks>(name: &'static str) -> Field<M> {
    Field::new(name, Kind::Text(None))
}

/// A string that is looked at.
pub const fn marked_text<M: Marks>(name: &'static str, mark: M::Text) -> Field<M> {
    Field::new(name, Kind::Text(Some(mark)))
}

/// A string with an int16 length in every version.
pub const fn classic_text<M: Marks>(name: &'static str) -> Field<M> {
    Field::new(name, Kind::ClassicText)
}

/// Bytes or records.
pub const fn blob<M: Marks>(name: &'static str) -> Field<M> {
    Field::new(name, Kind::Blob(None))
}

/// Bytes that are looked at.
pub const fn marked_blob<M: Marks>(name: &'static str, mark: M::Text) -> Field<M> {
    Field::new(name, Kind::Blob(Some(mark)))
}

/// An array of values of `bytes` bytes each.
pub const fn items<M: Marks>(name: &'static str, bytes: u32) -> Field<M> {
    Field::new(name, Kind::Items(bytes))
}

/// An array of strings.
pub const fn texts<M: Marks>(name: &'static str) -> Field<M> {
    Field::new(name, Kind::Texts(M::TEXT))
}

/// An array of strings that are looked at: `element` is one marked string.
pub const fn marked_texts<M: Marks>(name: &'static str, element: Fields<M>) -> Field<M> {
    Field::new(name, Kind::Texts(element))
}

/// An array of structs.
pub const fn array<M: Marks>(name: &'static str, element: Fields<M>) -> Field<M> {
    Field::new(name, Kind::Array(element, None))
}

/// An array of structs that is looked at.
pub const fn marked_array<M: Marks>(name: &'static str, element: Fields<M>, mark: M::Array) -> Field<M> {
    Field::new(name, Kind::Array(element, Some(mark)))
}

/// A struct.
pub const fn structure<M: Marks>(name: &'static str, fields: Fields<M>) -> Field<M> {
    Field::new(name, Kind::Struct(fields))
}

/// A tagged field that is looked at; others need no mention.
pub const fn tagged<M: Marks>(name: &'static str, number: u32, content: Fields<M>) -> Field<M> {
    Field::new(name, Kind::Tagged(number, content))
}

/// The fewest bytes that a struct of these fields takes: bounds a count by the bytes that are left.
pub fn bytes_min<M: Marks>(fields: Fields<M>, version: i16, flexible: bool) -> u32 {
    let mut sum = u32::from(flexible);
    for field in fields.iter().filter(|field| field.exists(version)) {
        sum += match field.kind {
            Kind::Fixed(bytes, _) => bytes,
            Kind::Text(_) => {
                if flexible {
                    1
                } else {
                    2
                }
            }
            Kind::ClassicText => 2,
            Kind::Blob(_) | Kind::Items(_) | Kind::Texts(_) | Kind::Array(..) => {
                if flexible {
                    1
                } else {
                    4
                }
            }
            Kind::Struct(fields) => bytes_min(fields, version, flexible),
            Kind::Tagged(..) => 0,
        };
    }
    sum
}
