//! The words in which the layout of a message is written down: fields, their types, the versions that have them.
//!
//! A layout is a table in the order of the wire and holds no code: [`super::plan`] reads it. What a field means to Klamm
//! stands elsewhere ([`super::roles`]); here is only what Kafka's own definitions (`common/message/*.json` in its
//! kafka-clients jar) say.

/// One API: both of its messages, in every stable version.
pub struct Api {
    /// Its key.
    pub key: i16,
    /// As Kafka names it.
    pub name: &'static str,
    /// The stable versions.
    pub versions: Versions,
    /// The first flexible version (KIP-482): from it on lengths are compact, structs end with tags, the request header is
    /// version 2 and the response header version 1. [`NEVER`] where no version is.
    pub flexible_from: i16,
    /// The body of the request.
    pub request: Fields,
    /// The body of the response.
    pub response: Fields,
}

/// No version is flexible.
pub const NEVER: i16 = i16::MAX;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the backend.
    Request,
    /// From the backend to the client.
    Response,
}

impl Api {
    /// The body of one of its messages.
    pub const fn body(&self, direction: Direction) -> Fields {
        match direction {
            Direction::Request => self.request,
            Direction::Response => self.response,
        }
    }
}

/// An inclusive range of versions; empty where the last is below the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first one.
    pub first: i16,
    /// The last one.
    pub last: i16,
}

impl Versions {
    /// No version.
    pub const NONE: Versions = Versions { first: 0, last: -1 };
    /// Every version.
    pub const ALL: Versions = Versions { first: 0, last: i16::MAX };

    /// Whether this version is one of them.
    pub const fn has(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

/// What a field holds.
#[derive(Clone, Copy)]
pub enum Kind {
    /// So many bytes: a number, a boolean, a UUID.
    Fixed(u32),
    /// A string: int16 length, or compact in flexible versions.
    String,
    /// Bytes or records: int32 length, or compact.
    Bytes,
    /// An array of values of so many bytes each.
    FixedArray(u32),
    /// An array of strings.
    StringArray,
    /// An array of structs.
    Array(Fields),
    /// A struct.
    Struct(Fields),
}

/// What a field names, as Kafka's definitions say it (`entityType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// Nothing that Kafka has a word for.
    None,
    /// A topic.
    Topic,
    /// A group.
    Group,
    /// A transactional id.
    TransactionalId,
    /// A node.
    Node,
    /// A producer id.
    ProducerId,
}

/// Fields in the order of the wire.
pub type Fields = &'static [Field];

/// One field.
#[derive(Clone, Copy)]
pub struct Field {
    /// As Kafka's definitions name it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it names.
    pub entity: Entity,
    /// The versions that have it.
    pub versions: Versions,
    /// The versions in which it may be null.
    pub nullable: Versions,
    /// The versions in which it is a tagged field, and its tag.
    pub tagged: (Versions, u32),
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Field {
        Field {
            name,
            kind,
            entity: Entity::None,
            versions: Versions::ALL,
            nullable: Versions::NONE,
            tagged: (Versions::NONE, 0),
        }
    }

    /// Whether this version has it among the fields in a row: not as a tagged one.
    pub const fn in_row(&self, version: i16) -> bool {
        self.versions.has(version) && !self.tagged.0.has(version)
    }

    /// The tag that it has in this version.
    pub const fn tag_in(&self, version: i16) -> Option<u32> {
        if self.versions.has(version) && self.tagged.0.has(version) { Some(self.tagged.1) } else { None }
    }

    /// It exists from this version on.
    pub const fn since(mut self, version: i16) -> Field {
        self.versions.first = version;
        self
    }

    /// It exists up to this version.
    pub const fn until(mut self, version: i16) -> Field {
        self.versions.last = version;
        self
    }

    /// It may be null.
    pub const fn nullable(self) -> Field {
        self.null_since(0)
    }

    /// It may be null from this version on.
    pub const fn null_since(mut self, version: i16) -> Field {
        self.nullable = Versions { first: version, last: i16::MAX };
        self
    }

    /// It is a tagged field with this number from this version on.
    pub const fn tag(mut self, number: u32, since: i16) -> Field {
        self.tagged = (Versions { first: since, last: i16::MAX }, number);
        self
    }

    /// It names a topic.
    pub const fn topic(self) -> Field {
        self.entity(Entity::Topic)
    }

    /// It names a group.
    pub const fn group(self) -> Field {
        self.entity(Entity::Group)
    }

    /// It is a transactional id.
    pub const fn transactional_id(self) -> Field {
        self.entity(Entity::TransactionalId)
    }

    /// It is a node's id.
    pub const fn node(self) -> Field {
        self.entity(Entity::Node)
    }

    /// It is a producer id.
    pub const fn producer_id(self) -> Field {
        self.entity(Entity::ProducerId)
    }

    const fn entity(mut self, entity: Entity) -> Field {
        self.entity = entity;
        self
    }
}

/// A value of `bytes` bytes.
pub const fn fixed(name: &'static str, bytes: u32) -> Field {
    Field::new(name, Kind::Fixed(bytes))
}

/// A string.
pub const fn string(name: &'static str) -> Field {
    Field::new(name, Kind::String)
}

/// Bytes.
pub const fn bytes(name: &'static str) -> Field {
    Field::new(name, Kind::Bytes)
}

/// An array of values of `bytes` bytes each.
pub const fn fixed_array(name: &'static str, bytes: u32) -> Field {
    Field::new(name, Kind::FixedArray(bytes))
}

/// An array of strings.
pub const fn string_array(name: &'static str) -> Field {
    Field::new(name, Kind::StringArray)
}

/// An array of structs.
pub const fn array(name: &'static str, element: Fields) -> Field {
    Field::new(name, Kind::Array(element))
}

/// A struct.
pub const fn structure(name: &'static str, fields: Fields) -> Field {
    Field::new(name, Kind::Struct(fields))
}

/// Constructors named as the types of Kafka's definitions, for [`super::layouts`].
macro_rules! types {
    ($make:ident: $($name:ident $bytes:literal),*) => {
        $(
            #[doc = concat!("What Kafka's definitions call so: values of ", stringify!($bytes), " bytes.")]
            pub const fn $name(name: &'static str) -> Field {
                $make(name, $bytes)
            }
        )*
    };
}

types!(fixed: boolean 1, int8 1, int16 2, uint16 2, int32 4, int64 8, float64 8, uuid 16);
types!(fixed_array: int8_array 1, int16_array 2, int32_array 4, int64_array 8);

/// Batches of records.
pub const fn records(name: &'static str) -> Field {
    bytes(name)
}

/// The fewest bytes that a struct of these fields takes: bounds a count by the bytes that are left.
pub fn bytes_min(fields: Fields, version: i16, flexible: bool) -> u32 {
    let of = |compact, classic| if flexible { compact } else { classic };
    let sum: u32 = fields
        .iter()
        .filter(|field| field.in_row(version))
        .map(|field| match field.kind {
            Kind::Fixed(bytes) => bytes,
            Kind::String => of(1, 2),
            Kind::Bytes | Kind::FixedArray(_) | Kind::StringArray | Kind::Array(_) => of(1, 4),
            Kind::Struct(fields) => bytes_min(fields, version, flexible),
        })
        .sum();
    sum + u32::from(flexible)
}
