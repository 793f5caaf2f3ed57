//! The responses we write ourselves for what a namespace refuses: an error code in each API's own shape.
//!
//! Where an API answers entry by entry, the entries are those of the request, in its order, as a Kafka would answer; where
//! it has one error code for all, the request is not looked at. A refusal is written when the whole request is here, and
//! waits in flight for its turn.

use super::super::rules::Rule;
use super::answers::{Part, parts};
use crate::metrics::Cause;
use crate::wire::{Exchange, LENGTH_BYTES, Varint, push_varint, read_varint, varint_bytes};

/// CLUSTER_AUTHORIZATION_FAILED.
pub const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
/// SECURITY_DISABLED.
pub const SECURITY_DISABLED: i16 = 54;
/// INVALID_REQUEST.
pub const INVALID_REQUEST: i16 = 42;

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
    let mut refusal = Refusal { version: entry.api_version, flexible, error, rest: body, joined: 0, bytes_max, out };
    refusal.write(parts)?;
    refusal.end_struct();
    let mut out = refusal.out;
    let length = i32::try_from(out.len() - LENGTH_BYTES).map_err(|_| Cause::HeldFrameTooLarge)?;
    if let Some(place) = out.first_chunk_mut() {
        *place = length.to_be_bytes();
    }
    Ok(out.into())
}

/// One answer on its way.
struct Refusal<'a> {
    version: i16,
    flexible: bool,
    error: i16,
    /// The request, from the next part on.
    rest: &'a [u8],
    /// Elements of the array that is being joined.
    joined: u32,
    bytes_max: usize,
    out: Vec<u8>,
}

impl<'a> Refusal<'a> {
    /// The depth of the calls is that of the table.
    fn write(&mut self, parts: &[Part]) -> Result<(), Cause> {
        for part in parts {
            match part {
                Part::Skip(bytes) => drop(self.take(*bytes)?),
                Part::Echo(bytes) => {
                    let bytes = self.take(*bytes)?;
                    self.out.extend_from_slice(bytes);
                }
                Part::SkipText => drop(self.text()?),
                Part::SkipBlob => drop(self.blob()?),
                Part::EchoText => {
                    let text = self.text()?.ok_or(Cause::RequestMalformed)?;
                    self.put_text(Some(text));
                }
                Part::EchoNullable => {
                    let text = self.text()?;
                    self.put_text(text);
                }
                Part::Error => self.out.extend(self.error.to_be_bytes()),
                Part::Put(bytes) => self.out.extend_from_slice(bytes),
                Part::Null => self.put_text(None),
                Part::Empty => self.put_text(Some(b"")),
                Part::NoBytes | Part::NoEntries => self.put_count(0),
                Part::NullEntries => self.out.extend_from_slice(if self.flexible { &[0] } else { &[0xff; 4] }),
                Part::Each(element) => self.each(element, Elements::Structs)?,
                Part::EachOrNull(_) if self.skip_null() => self.put_count(0),
                Part::EachOrNull(element) => self.each(element, Elements::Structs)?,
                Part::EachItem(element) => self.each(element, Elements::Items)?,
                Part::Over(element) => drop(self.elements(element, Elements::Structs, false)?),
                Part::Joined(arrays) => self.join(arrays)?,
                Part::Joining(element) => {
                    self.joined = self.joined.saturating_add(self.elements(element, Elements::Structs, true)?);
                }
                Part::Since(version, parts) if self.version >= *version => self.write(parts)?,
                Part::Until(version, parts) if self.version <= *version => self.write(parts)?,
                Part::Since(..) | Part::Until(..) => {}
            }
            if self.out.len() > self.bytes_max {
                return Err(Cause::HeldFrameTooLarge);
            }
        }
        Ok(())
    }

    /// An array of the answer with as many elements as the next one of the request.
    fn each(&mut self, element: &[Part], kind: Elements) -> Result<(), Cause> {
        let mut ahead = Refusal { out: Vec::new(), ..*self };
        let count = ahead.count()?;
        self.put_count(count);
        self.elements(element, kind, true).map(drop)
    }

    /// An array of the answer with the elements that the arrays within add.
    fn join(&mut self, arrays: &[Part]) -> Result<(), Cause> {
        let before = std::mem::take(&mut self.out);
        self.joined = 0;
        self.write(arrays)?;
        let elements = std::mem::replace(&mut self.out, before);
        self.put_count(self.joined);
        self.out.extend(elements);
        Ok(())
    }

    /// Goes through the next array of the request. Each element takes a byte at least, or ends it.
    fn elements(&mut self, element: &[Part], kind: Elements, answered: bool) -> Result<u32, Cause> {
        let count = self.count()?;
        for _ in 0..count {
            self.write(element)?;
            if kind == Elements::Structs && self.flexible {
                self.skip_tags()?;
            }
            if answered {
                self.end_struct();
            }
        }
        Ok(count)
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

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Cause> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Cause::RequestMalformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Cause> {
        self.take(N)?.try_into().map_err(|_| Cause::RequestMalformed)
    }

    fn varint(&mut self) -> Result<u32, Cause> {
        match read_varint(self.rest) {
            Varint::Value(value, bytes) => self.take(bytes).map(|_| value),
            Varint::Incomplete | Varint::Invalid => Err(Cause::RequestMalformed),
        }
    }

    /// A string; `None` is null.
    fn text(&mut self) -> Result<Option<&'a [u8]>, Cause> {
        let length = match self.flexible {
            true => self.varint()?.checked_sub(1),
            false => match i16::from_be_bytes(self.array()?) {
                -1 => None,
                length => Some(u32::try_from(length).map_err(|_| Cause::RequestMalformed)?),
            },
        };
        match length {
            None => Ok(None),
            Some(length) if length > i16::MAX as u32 => Err(Cause::RequestMalformed),
            Some(length) => self.take(length as usize).map(Some),
        }
    }

    fn blob(&mut self) -> Result<&'a [u8], Cause> {
        let length = self.count()?;
        self.take(length as usize)
    }

    /// A count or a length that is not null.
    fn count(&mut self) -> Result<u32, Cause> {
        if self.flexible {
            return self.varint()?.checked_sub(1).ok_or(Cause::RequestMalformed);
        }
        u32::try_from(i32::from_be_bytes(self.array()?)).map_err(|_| Cause::RequestMalformed)
    }

    /// Steps over a null array, where one is next.
    fn skip_null(&mut self) -> bool {
        let null: &[u8] = if self.flexible { &[0] } else { &[0xff; 4] };
        let rest = self.rest.strip_prefix(null);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_tags(&mut self) -> Result<(), Cause> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = self.varint()?;
            self.take(size as usize)?;
        }
        Ok(())
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
