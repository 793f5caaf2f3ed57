//! The responses we write ourselves for what a namespace refuses: an error code in each API's own shape.
//!
//! Where an API answers entry by entry, the entries are those of the request, in its order, as a Kafka would answer; where
//! it has one error code for all, the request is not looked at. A refusal is written when the whole request is here, and
//! waits in flight for its turn.

use super::super::rules::Rule;
use super::answers::{Part, parts};
use crate::metrics::Cause;
use crate::wire::{Exchange, LENGTH_BYTES, ReadError, Reader, push_varint, varint_bytes};

/// CLUSTER_AUTHORIZATION_FAILED.
pub const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
/// SECURITY_DISABLED.
pub const SECURITY_DISABLED: i16 = 54;
/// INVALID_REQUEST.
pub const INVALID_REQUEST: i16 = 42;

/// The shortest element of an array of a request; no table has one without a field.
const ELEMENT_BYTES_MIN: usize = 1;

/// The error with which a Kafka refuses a client that asks for the coordinator of a share partition, or of what no Kafka
/// coordinates: below version 6 it knows no such key type.
pub fn coordinator_error(key_type: i8, version: i16) -> i16 {
    if key_type == 2 && version >= 6 { CLUSTER_AUTHORIZATION_FAILED } else { INVALID_REQUEST }
}

/// The whole frame that refuses the request `entry` with `error`. `body` is what stands behind the request's header.
///
/// # Errors
///
/// `RequestMalformed` where entries to be answered cannot be read; `HeldFrameTooLarge` where the answer would be longer
/// than `bytes_max`; `UnknownVersion` where no refusal of that API is known.
pub fn answer(rule: &Rule, entry: &Exchange, error: i16, body: &[u8], bytes_max: usize) -> Result<Box<[u8]>, Cause> {
    let parts = parts(entry.api_key, entry.api_version).ok_or(Cause::UnknownVersion)?;
    let mut out = vec![0; LENGTH_BYTES];
    out.extend(entry.correlation_id.to_be_bytes());
    let flexible = rule.flexible(entry.api_version);
    if flexible {
        out.push(0);
    }
    let reader = Reader::new(body, flexible);
    let mut refusal = Refusal { version: entry.api_version, flexible, error, reader, joined: 0, bytes_max, out };
    refusal.write(parts).map_err(|fault| match fault {
        Fault::Unreadable => Cause::RequestMalformed,
        Fault::TooLong => Cause::HeldFrameTooLarge,
    })?;
    refusal.end_struct();
    let mut out = refusal.out;
    let length = i32::try_from(out.len() - LENGTH_BYTES).map_err(|_| Cause::HeldFrameTooLarge)?;
    if let Some(place) = out.first_chunk_mut() {
        *place = length.to_be_bytes();
    }
    Ok(out.into())
}

/// Why an answer is not written.
enum Fault {
    /// The request cannot be read.
    Unreadable,
    /// The answer would be longer than it may be.
    TooLong,
}

impl From<ReadError> for Fault {
    fn from(_: ReadError) -> Fault {
        Fault::Unreadable
    }
}

/// One answer on its way.
struct Refusal<'a> {
    version: i16,
    flexible: bool,
    error: i16,
    /// The request, from the next part on.
    reader: Reader<'a>,
    /// Elements of the array that is being joined.
    joined: u32,
    bytes_max: usize,
    out: Vec<u8>,
}

impl Refusal<'_> {
    /// The depth of the calls is that of the table.
    fn write(&mut self, parts: &[Part]) -> Result<(), Fault> {
        for part in parts {
            match part {
                Part::Skip(bytes) => drop(self.reader.take(*bytes)?),
                Part::Echo(bytes) => {
                    let bytes = self.reader.take(*bytes)?;
                    self.out.extend_from_slice(bytes);
                }
                Part::SkipText => drop(self.reader.nullable_string()?),
                Part::SkipBlob => drop(self.reader.bytes()?),
                Part::EchoText => {
                    let text = self.reader.string()?;
                    self.put_text(Some(text));
                }
                Part::EchoNullable => {
                    let text = self.reader.nullable_string()?;
                    self.put_text(text);
                }
                Part::Error => self.out.extend(self.error.to_be_bytes()),
                Part::Put(bytes) => self.out.extend_from_slice(bytes),
                Part::Null => self.put_text(None),
                Part::Empty => self.put_text(Some(b"")),
                Part::NoBytes | Part::NoEntries => self.put_count(0),
                Part::NullEntries => self.out.extend_from_slice(if self.flexible { &[0] } else { &[0xff; 4] }),
                Part::Each(element) => self.each(element, Elements::Structs)?,
                Part::EachOrNull(element) => {
                    let count = self.reader.nullable_count(ELEMENT_BYTES_MIN)?.unwrap_or(0);
                    self.put_count(count);
                    self.elements(count, element, Elements::Structs, true)?;
                }
                Part::EachItem(element) => self.each(element, Elements::Items)?,
                Part::Over(element) => {
                    let count = self.reader.count(ELEMENT_BYTES_MIN)?;
                    self.elements(count, element, Elements::Structs, false)?;
                }
                Part::Joined(arrays) => self.join(arrays)?,
                Part::Joining(element) => {
                    let count = self.reader.count(ELEMENT_BYTES_MIN)?;
                    self.joined = self.joined.saturating_add(count);
                    self.elements(count, element, Elements::Structs, true)?;
                }
                Part::Since(version, parts) if self.version >= *version => self.write(parts)?,
                Part::Until(version, parts) if self.version <= *version => self.write(parts)?,
                Part::Since(..) | Part::Until(..) => {}
            }
            if self.out.len() > self.bytes_max {
                return Err(Fault::TooLong);
            }
        }
        Ok(())
    }

    /// An array of the answer with as many elements as the next one of the request.
    fn each(&mut self, element: &[Part], kind: Elements) -> Result<(), Fault> {
        let count = self.reader.count(ELEMENT_BYTES_MIN)?;
        self.put_count(count);
        self.elements(count, element, kind, true)
    }

    /// An array of the answer with the elements that the arrays within add.
    fn join(&mut self, arrays: &[Part]) -> Result<(), Fault> {
        let before = std::mem::take(&mut self.out);
        self.joined = 0;
        self.write(arrays)?;
        let elements = std::mem::replace(&mut self.out, before);
        self.put_count(self.joined);
        self.out.extend(elements);
        Ok(())
    }

    /// Goes through the elements of an array of the request.
    fn elements(&mut self, count: u32, element: &[Part], kind: Elements, answered: bool) -> Result<(), Fault> {
        for _ in 0..count {
            self.write(element)?;
            if kind == Elements::Structs {
                self.reader.skip_tags()?;
            }
            if answered {
                self.end_struct();
            }
        }
        Ok(())
    }

    fn end_struct(&mut self) {
        if self.flexible {
            self.out.push(0);
        }
    }

    fn put_text(&mut self, text: Option<&[u8]>) {
        match (text, self.flexible) {
            (None, true) => self.out.push(0),
            (None, false) => self.out.extend([0xff; 2]),
            // What came as a text is no longer than its length could say.
            (Some(text), true) => self.put_varint(u32::try_from(text.len()).unwrap_or(0) + 1),
            (Some(text), false) => self.out.extend(i16::try_from(text.len()).unwrap_or(0).to_be_bytes()),
        }
        self.out.extend_from_slice(text.unwrap_or_default());
    }

    fn put_count(&mut self, count: u32) {
        if self.flexible {
            self.put_varint(count.saturating_add(1));
        } else {
            self.out.extend(count.to_be_bytes());
        }
    }

    fn put_varint(&mut self, value: u32) {
        push_varint(&mut self.out, value, varint_bytes(value));
    }
}

/// What an array of a request is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elements {
    /// Structs, which end with tags in flexible versions.
    Structs,
    /// Plain values.
    Items,
}
