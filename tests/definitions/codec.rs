//! Messages as trees of values, written and read as the definitions say.

use std::collections::BTreeMap;

use super::{Field, Kind, Message};

/// A value of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    /// Big endian bytes, as many as the field has.
    Fixed(Vec<u8>),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Struct(Struct),
}

/// The values of a struct by the names of their fields, and its unknown tagged fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Struct {
    pub fields: BTreeMap<String, Value>,
    pub unknown: BTreeMap<u32, Vec<u8>>,
}

/// Where in an encoded message a length or a count stands: what an attacker would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: usize,
    pub bytes: usize,
    pub what: Count,
}

/// What a length or count is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    TextClassic,
    BytesClassic,
    ArrayClassic,
    TextCompact,
    BytesCompact,
    ArrayCompact,
    Tags,
}

/// Bytes, and where their counts stand.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    pub bytes: Vec<u8>,
    pub places: Vec<Place>,
}

impl Value {
    pub fn number(number: i64, bytes: usize) -> Value {
        Value::Fixed(number.to_be_bytes()[8 - bytes..].to_vec())
    }

    pub fn text(text: &str) -> Value {
        Value::Text(text.as_bytes().to_vec())
    }

    /// A number, where it is one of at most eight bytes.
    pub fn as_number(&self) -> Option<i64> {
        let Value::Fixed(bytes) = self else { return None };
        let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
        (bytes.len() <= 8).then(|| {
            let start = if negative { -1 } else { 0 };
            bytes.iter().fold(start, |number, byte| (number << 8) | i64::from(*byte))
        })
    }
}

impl Message {
    /// The body of this message.
    pub fn encode(&self, version: i16, value: &Struct) -> Encoded {
        let mut out = Encoded::default();
        out.fields(&self.fields, version, self.flexible.has(version), value);
        out
    }

    /// Reads a body, which must end where the message ends.
    ///
    /// # Errors
    ///
    /// It is no such message.
    pub fn decode(&self, version: i16, bytes: &[u8]) -> Result<Struct, String> {
        let (value, behind) = self.decode_front(version, bytes)?;
        if behind > 0 {
            return Err(format!("{} v{version}: {behind} bytes too many", self.name));
        }
        Ok(value)
    }

    /// Reads a body, and how many bytes stand behind it.
    ///
    /// # Errors
    ///
    /// It does not begin with such a message.
    pub fn decode_front(&self, version: i16, bytes: &[u8]) -> Result<(Struct, usize), String> {
        let mut input = Input { bytes, flexible: self.flexible.has(version), version };
        let value = input.fields(&self.fields).map_err(|what| {
            format!("{} v{version}: {what} at byte {} of {}", self.name, bytes.len() - input.bytes.len(), bytes.len())
        })?;
        Ok((value, input.bytes.len()))
    }
}

impl Encoded {
    fn fields(&mut self, fields: &[Field], version: i16, flexible: bool, value: &Struct) {
        let mut tagged: BTreeMap<u32, Vec<u8>> = value.unknown.clone();
        for field in fields.iter().filter(|field| field.versions.has(version)) {
            let Some(value) = value.fields.get(&field.name) else {
                assert!(field.tagged.has(version), "{} is missing", field.name);
                continue;
            };
            let nullable = field.nullable.has(version);
            if field.tagged.has(version) {
                let mut inside = Encoded::default();
                inside.value(&field.kind, version, flexible, nullable, value);
                tagged.insert(field.tag, inside.bytes);
            } else {
                self.value(&field.kind, version, flexible, nullable, value);
            }
        }
        if flexible {
            self.varint(tagged.len(), Count::Tags);
            for (tag, bytes) in tagged {
                push_varint(&mut self.bytes, u64::from(tag));
                push_varint(&mut self.bytes, bytes.len() as u64);
                self.bytes.extend(bytes);
            }
        }
    }

    fn value(&mut self, kind: &Kind, version: i16, flexible: bool, nullable: bool, value: &Value) {
        match (kind, value) {
            (Kind::Fixed(length), Value::Fixed(bytes)) => {
                assert_eq!(*length, bytes.len());
                self.bytes.extend(bytes);
            }
            (Kind::Text, Value::Text(bytes)) => {
                self.length(Some(bytes.len()), flexible, Count::TextClassic);
                self.bytes.extend(bytes);
            }
            (Kind::Bytes | Kind::Records, Value::Bytes(bytes)) => {
                self.length(Some(bytes.len()), flexible, Count::BytesClassic);
                self.bytes.extend(bytes);
            }
            (Kind::Array(element), Value::Array(values)) => {
                self.length(Some(values.len()), flexible, Count::ArrayClassic);
                values.iter().for_each(|value| self.value(element, version, flexible, false, value));
            }
            (Kind::Struct(fields), Value::Struct(value)) => {
                if nullable {
                    self.bytes.push(1);
                }
                self.fields(fields, version, flexible, value);
            }
            (Kind::Text, Value::Null) => self.length(None, flexible, Count::TextClassic),
            (Kind::Bytes | Kind::Records, Value::Null) => self.length(None, flexible, Count::BytesClassic),
            (Kind::Array(_), Value::Null) => self.length(None, flexible, Count::ArrayClassic),
            (Kind::Struct(_), Value::Null) => self.bytes.push(0xff),
            (_, value) => panic!("{value:?} is not what the field holds"),
        }
    }

    /// The length of a text or blob, or the count of an array; `None` is null.
    fn length(&mut self, length: Option<usize>, flexible: bool, classic: Count) {
        let at = self.bytes.len();
        match (flexible, classic) {
            (true, Count::TextClassic) => self.varint(length.map_or(0, |length| length + 1), Count::TextCompact),
            (true, Count::BytesClassic) => self.varint(length.map_or(0, |length| length + 1), Count::BytesCompact),
            (true, _) => self.varint(length.map_or(0, |length| length + 1), Count::ArrayCompact),
            (false, Count::TextClassic) => {
                let length = length.map_or(-1, |length| i16::try_from(length).expect("a text is short"));
                self.bytes.extend(length.to_be_bytes());
                self.places.push(Place { at, bytes: 2, what: classic });
            }
            (false, _) => {
                let length = length.map_or(-1, |length| i32::try_from(length).expect("a blob is short"));
                self.bytes.extend(length.to_be_bytes());
                self.places.push(Place { at, bytes: 4, what: classic });
            }
        }
    }

    fn varint(&mut self, number: usize, what: Count) {
        let at = self.bytes.len();
        push_varint(&mut self.bytes, number as u64);
        self.places.push(Place { at, bytes: self.bytes.len() - at, what });
    }
}

/// Appends a number as an unsigned LEB128.
pub fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

struct Input<'a> {
    bytes: &'a [u8],
    flexible: bool,
    version: i16,
}

impl<'a> Input<'a> {
    fn fields(&mut self, fields: &[Field]) -> Result<Struct, String> {
        let mut value = Struct::default();
        let version = self.version;
        let of_version: Vec<&Field> = fields.iter().filter(|field| field.versions.has(version)).collect();
        for field in of_version.iter().filter(|field| !field.tagged.has(version)) {
            let read = self.value(&field.kind, field.nullable.has(version));
            value.fields.insert(field.name.clone(), read.map_err(|what| format!("{}: {what}", field.name))?);
        }
        if !self.flexible {
            return Ok(value);
        }
        for _ in 0..self.varint()? {
            let tag = u32::try_from(self.varint()?).map_err(|_| "a tag is too large")?;
            let length = self.varint()?;
            let bytes = self.take(length)?;
            match of_version.iter().find(|field| field.tagged.has(version) && field.tag == tag) {
                Some(field) => {
                    let mut inside = Input { bytes, ..*self };
                    let read = inside.value(&field.kind, field.nullable.has(version))?;
                    if !inside.bytes.is_empty() {
                        return Err(format!("{}: bytes are left in the tagged field", field.name));
                    }
                    value.fields.insert(field.name.clone(), read);
                }
                None => drop(value.unknown.insert(tag, bytes.to_vec())),
            }
        }
        Ok(value)
    }

    fn value(&mut self, kind: &Kind, nullable: bool) -> Result<Value, String> {
        Ok(match kind {
            Kind::Fixed(length) => Value::Fixed(self.take(*length)?.to_vec()),
            Kind::Text => match self.length(2)? {
                Some(length) => Value::Text(self.take(length)?.to_vec()),
                None => Value::Null,
            },
            Kind::Bytes | Kind::Records => match self.length(4)? {
                Some(length) => Value::Bytes(self.take(length)?.to_vec()),
                None => Value::Null,
            },
            Kind::Array(element) => match self.length(4)? {
                Some(count) if count <= self.bytes.len() => {
                    Value::Array((0..count).map(|_| self.value(element, false)).collect::<Result<_, _>>()?)
                }
                Some(count) => return Err(format!("{count} elements")),
                None => Value::Null,
            },
            Kind::Struct(_) if nullable && self.take(1)? != [1] => Value::Null,
            Kind::Struct(fields) => Value::Struct(self.fields(fields)?),
        })
    }

    fn length(&mut self, classic_bytes: usize) -> Result<Option<usize>, String> {
        if self.flexible {
            return Ok(self.varint()?.checked_sub(1));
        }
        let number = Value::Fixed(self.take(classic_bytes)?.to_vec()).as_number().unwrap_or_default();
        Ok(usize::try_from(number).ok())
    }

    fn varint(&mut self) -> Result<usize, String> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = usize::from(self.take(1)?[0]);
            number |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a varint of more than five bytes".into())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) =
            self.bytes.split_at_checked(length).ok_or_else(|| format!("{length} bytes are not there"))?;
        self.bytes = rest;
        Ok(taken)
    }
}
