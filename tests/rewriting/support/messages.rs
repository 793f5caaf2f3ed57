//! Random messages made from Kafka's own definitions, in two forms at once: as a client says it, and as a backend is to
//! get it; and a reader of the names in a message, by the same definitions.

use serde_json::Value;

use super::Dice;
use super::definitions::{fixed_bytes, within};

/// What a test wants a field to hold, in both forms.
pub enum Given {
    Fixed(Vec<u8>, Vec<u8>),
    Text(Option<Vec<u8>>, Option<Vec<u8>>),
    Bytes(Vec<u8>, Vec<u8>),
    /// A text whose compact length takes one byte more than it came in, however long it is: a name in a frame that streams.
    Padded(Vec<u8>, Vec<u8>),
}

/// Both forms of a message.
#[derive(Clone, Debug, Default)]
pub struct Pair {
    pub said: Vec<u8>,
    pub physical: Vec<u8>,
}

/// Chooses what the field at a path holds; `None`: anything of its type.
pub type Choose<'c> = dyn FnMut(&str, &Value, &mut Dice) -> Option<Given> + 'c;

/// A random body of this version.
pub fn message(definition: &Value, version: i16, dice: &mut Dice, choose: &mut Choose<'_>) -> Pair {
    let flexible = within(&definition["flexibleVersions"], version);
    let common = &definition["commonStructs"];
    let mut writer = Writer { version, flexible, common, dice, choose, pair: Pair::default() };
    writer.fields(&definition["fields"], "");
    writer.pair
}

struct Writer<'w, 'c> {
    version: i16,
    flexible: bool,
    common: &'w Value,
    dice: &'w mut Dice,
    choose: &'w mut Choose<'c>,
    pair: Pair,
}

impl Writer<'_, '_> {
    fn fields(&mut self, fields: &Value, path: &str) {
        for field in fields.as_array().unwrap() {
            if within(&field["versions"], self.version) && !within(&field["taggedVersions"], self.version) {
                self.field(field, &format!("{path}/{}", field["name"].as_str().unwrap()));
            }
        }
        self.tags();
    }

    fn field(&mut self, field: &Value, path: &str) {
        let kind = field["type"].as_str().unwrap();
        let null = within(&field["nullableVersions"], self.version) && self.dice.below(4) == 0;
        let Some(element) = kind.strip_prefix("[]") else { return self.value(kind, field, path, null) };
        if null {
            return self.count(None);
        }
        let count = if self.dice.below(30) == 0 { 130 } else { self.dice.below(4) };
        self.count(Some(u32::try_from(count).unwrap()));
        for _ in 0..count {
            self.value(element, field, path, false);
        }
    }

    fn value(&mut self, kind: &str, field: &Value, path: &str, null: bool) {
        if let Some(given) = (self.choose)(path, field, self.dice) {
            return match given {
                Given::Fixed(said, physical) => self.put(&said, &physical),
                Given::Text(said, physical) => self.texts(said.as_deref(), physical.as_deref()),
                Given::Bytes(said, physical) => self.blobs(&said, &physical),
                Given::Padded(said, physical) => {
                    let before = self.pair.said.len();
                    self.texts(Some(&said), None);
                    if self.flexible {
                        let width = self.pair.said.len() - before - said.len() + 1;
                        self.pair.physical.pop();
                        klamm::wire::push_varint(&mut self.pair.physical, physical.len() as u32 + 1, width);
                    } else {
                        let null = self.pair.physical.len() - 2;
                        self.pair.physical.truncate(null);
                        self.pair.physical.extend(length(Some(physical.len() as u32), false, 2));
                    }
                    self.pair.physical.extend(physical);
                }
            };
        }
        match kind {
            "bool" => self.random_bytes(1, 1),
            "string" if null => self.texts(None, None),
            "string" => {
                let text = vec![b't'; usize::try_from(self.dice.below(130)).unwrap()];
                self.texts(Some(&text), Some(&text));
            }
            "bytes" | "records" if null => self.count(None),
            "bytes" | "records" => {
                let length = usize::try_from(self.dice.below(300)).unwrap();
                let blob: Vec<u8> = (0..length).map(|_| self.dice.below(256) as u8).collect();
                self.blobs(&blob, &blob);
            }
            _ => match fixed_bytes(kind) {
                Some(bytes) => self.random_bytes(bytes, 255),
                None => {
                    let own = &field["fields"];
                    let shared = self.common.as_array().and_then(|all| all.iter().find(|one| one["name"] == kind));
                    let fields = if own.is_array() { own } else { &shared.unwrap()["fields"] };
                    self.fields(&fields.clone(), path);
                }
            },
        }
    }

    fn random_bytes(&mut self, bytes: u32, mask: u8) {
        let value: Vec<u8> = (0..bytes).map(|_| self.dice.below(256) as u8 & mask).collect();
        self.put(&value, &value);
    }

    fn tags(&mut self) {
        if !self.flexible {
            return;
        }
        if self.dice.below(5) > 0 {
            return self.put(&[0], &[0]);
        }
        let tags = [&[2, 40, 3, 1, 2, 3][..], &[0xe8, 0x07, 0]].concat();
        self.put(&tags, &tags);
    }

    fn put(&mut self, said: &[u8], physical: &[u8]) {
        self.pair.said.extend(said);
        self.pair.physical.extend(physical);
    }

    fn count(&mut self, count: Option<u32>) {
        let bytes = length(count, self.flexible, 4);
        self.put(&bytes, &bytes);
    }

    fn texts(&mut self, said: Option<&[u8]>, physical: Option<&[u8]>) {
        for (text, into) in [(said, &mut self.pair.said), (physical, &mut self.pair.physical)] {
            into.extend(length(text.map(|text| text.len() as u32), self.flexible, 2));
            into.extend(text.unwrap_or_default());
        }
    }

    fn blobs(&mut self, said: &[u8], physical: &[u8]) {
        for (blob, into) in [(said, &mut self.pair.said), (physical, &mut self.pair.physical)] {
            into.extend(length(Some(blob.len() as u32), self.flexible, 4));
            into.extend(blob);
        }
    }
}

/// A length or a count, null included.
fn length(count: Option<u32>, flexible: bool, classic_bytes: usize) -> Vec<u8> {
    if !flexible {
        let bytes = count.map_or(-1, i64::from).to_be_bytes();
        return bytes[bytes.len() - classic_bytes..].to_vec();
    }
    let (mut rest, mut bytes) = (count.map_or(0, |count| count + 1), Vec::new());
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// A string or a blob that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub path: String,
    /// As the definition says: topicName, groupId, transactionalId; or nothing.
    pub entity: String,
    pub bytes: Option<Vec<u8>>,
}

/// All strings and blobs of a body of this version, in order; `None`: it is malformed. Bytes behind it are left alone.
pub fn read(definition: &Value, version: i16, bytes: &[u8]) -> Option<Vec<Read>> {
    let flexible = within(&definition["flexibleVersions"], version);
    let common = &definition["commonStructs"];
    let mut reader = Reader { version, flexible, common, rest: bytes, found: Vec::new() };
    reader.fields(&definition["fields"], "")?;
    Some(reader.found)
}

/// What stands behind a request's header.
pub fn request_body(frame: &[u8], flexible: bool) -> Option<&[u8]> {
    let mut reader =
        Reader { version: 0, flexible: false, common: &Value::Null, rest: frame.get(12..)?, found: vec![] };
    reader.text("client id", "")?;
    reader.flexible = flexible;
    reader.tags()?;
    Some(reader.rest)
}

struct Reader<'r> {
    version: i16,
    flexible: bool,
    common: &'r Value,
    rest: &'r [u8],
    found: Vec<Read>,
}

impl Reader<'_> {
    fn fields(&mut self, fields: &Value, path: &str) -> Option<()> {
        for field in fields.as_array().unwrap() {
            if !within(&field["versions"], self.version) || within(&field["taggedVersions"], self.version) {
                continue;
            }
            let path = format!("{path}/{}", field["name"].as_str().unwrap());
            let kind = field["type"].as_str().unwrap();
            match kind.strip_prefix("[]") {
                Some(element) => {
                    for _ in 0..self.length(4)?.unwrap_or(0) {
                        self.value(element, field, &path)?;
                    }
                }
                None => self.value(kind, field, &path)?,
            }
        }
        self.tags()
    }

    fn value(&mut self, kind: &str, field: &Value, path: &str) -> Option<()> {
        let entity = field["entityType"].as_str().unwrap_or_default();
        match kind {
            "string" => self.text(path, entity),
            "bytes" | "records" => {
                let length = self.length(4)?;
                self.found(length, path, entity)
            }
            _ => match fixed_bytes(kind) {
                Some(bytes) => self.take(bytes as usize).map(|_| ()),
                None => {
                    let own = &field["fields"];
                    let shared = self.common.as_array().and_then(|all| all.iter().find(|one| one["name"] == kind));
                    self.fields(if own.is_array() { own } else { &shared.unwrap()["fields"] }, path)
                }
            },
        }
    }

    fn text(&mut self, path: &str, entity: &str) -> Option<()> {
        let length = self.length(2)?;
        self.found(length, path, entity)
    }

    fn found(&mut self, length: Option<usize>, path: &str, entity: &str) -> Option<()> {
        let bytes = match length {
            Some(length) => Some(self.take(length)?.to_vec()),
            None => None,
        };
        self.found.push(Read { path: path.to_owned(), entity: entity.to_owned(), bytes });
        Some(())
    }

    fn tags(&mut self) -> Option<()> {
        if self.flexible {
            for _ in 0..self.varint()? {
                self.varint()?;
                let size = self.varint()?;
                self.take(size as usize)?;
            }
        }
        Some(())
    }

    /// A length or a count; `Some(None)` is null.
    fn length(&mut self, classic_bytes: usize) -> Option<Option<usize>> {
        if self.flexible {
            return Some((self.varint()? as usize).checked_sub(1));
        }
        let bytes = self.take(classic_bytes)?;
        let length =
            bytes.iter().fold(if bytes[0] & 0x80 == 0 { 0 } else { -1i64 }, |sum, byte| sum << 8 | i64::from(*byte));
        match length {
            -1 => Some(None),
            length => Some(Some(usize::try_from(length).ok()?)),
        }
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0u64;
        for at in 0..5 {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    fn take(&mut self, bytes: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }
}
