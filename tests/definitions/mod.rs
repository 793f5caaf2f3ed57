//! Kafka's own definitions of its messages, read: what each request and response has in each version, field by field.
//!
//! They lie inside kafka-clients; `KLAMM_KAFKA_MESSAGES` names the directory. From them follow an encoder and a decoder
//! (`codec.rs`) that owe nothing to the product, nor to any library that it uses.

#![allow(dead_code)]

pub mod codec;
pub mod make;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value as Json;

/// All requests and responses, by key.
pub struct Definitions {
    pub requests: BTreeMap<i16, Message>,
    pub responses: BTreeMap<i16, Message>,
    /// What stands in the bytes of other messages, by its name: the consumer protocol.
    pub data: BTreeMap<String, Message>,
    /// APIs that have no valid version any more: key, and name of the request.
    pub removed: BTreeMap<i16, String>,
}

/// A request or a response, or what stands in one.
pub struct Message {
    /// Of its API; -1 where it has none.
    pub key: i16,
    pub name: String,
    pub valid: Versions,
    /// The last of these is not stable yet.
    pub unstable: bool,
    /// Brokers take it from clients.
    pub of_brokers: bool,
    pub flexible: Versions,
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    /// The name of the type, or of an array's elements.
    pub type_name: String,
    pub versions: Versions,
    pub nullable: Versions,
    /// Versions in which it is a tagged field, and its tag.
    pub tagged: Versions,
    pub tag: u32,
    pub entity: Entity,
    /// As the definition has it.
    pub default: Option<String>,
}

/// What a field holds.
#[derive(Clone)]
pub enum Kind {
    /// Big endian, of so many bytes; booleans are one byte.
    Fixed(usize),
    Text,
    Bytes,
    Records,
    Array(Box<Kind>),
    Struct(Vec<Field>),
}

/// What a field names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entity {
    Topic,
    Group,
    TransactionalId,
    Node,
    ProducerId,
    /// Nothing that Kafka has a word for.
    Other,
}

/// An inclusive range; empty where the last is below the first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub first: i16,
    pub last: i16,
}

impl Versions {
    const NONE: Versions = Versions { first: 0, last: -1 };

    /// "3-7", "3+", "3", "none".
    fn read(text: Option<&str>) -> Versions {
        let Some(text) = text.filter(|text| *text != "none") else { return Versions::NONE };
        let number = |text: &str| text.parse().expect("a version is a number");
        if let Some(first) = text.strip_suffix('+') {
            return Versions { first: number(first), last: i16::MAX };
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Versions { first: number(first), last: number(last) }
    }

    pub fn has(self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }
}

impl Definitions {
    /// Reads the directory that `KLAMM_KAFKA_MESSAGES` names.
    ///
    /// # Errors
    ///
    /// It is not set, or what it names does not hold the definitions.
    pub fn read() -> Result<Definitions, String> {
        let folder = std::env::var_os("KLAMM_KAFKA_MESSAGES").map(PathBuf::from);
        let folder = folder.ok_or("KLAMM_KAFKA_MESSAGES is not set: tests/run fetches the definitions and sets it")?;
        let mut all = Definitions {
            requests: BTreeMap::new(),
            responses: BTreeMap::new(),
            data: BTreeMap::new(),
            removed: BTreeMap::new(),
        };
        let files = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for file in files {
            let path = file.map_err(|error| error.to_string())?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let json: Json = serde_json::from_str(&without_comments(&text))
                .map_err(|error| format!("{}: {error}", path.display()))?;
            if let (Some("none"), Some("request"), Some(key), Some(name)) =
                (json["validVersions"].as_str(), json["type"].as_str(), json["apiKey"].as_i64(), json["name"].as_str())
            {
                all.removed.insert(i16::try_from(key).map_err(|error| error.to_string())?, name.to_owned());
            }
            let into = match json["type"].as_str() {
                Some("request") => &mut all.requests,
                Some("response") => &mut all.responses,
                Some("data") => {
                    all.data.extend(Message::of(&json).map(|message| (message.name.clone(), message)));
                    continue;
                }
                _ => continue,
            };
            // What has no valid version any more has no fields either.
            if let (Some(message), true, true) =
                (Message::of(&json), json["fields"].is_array(), json["apiKey"].is_number())
            {
                into.insert(message.key, message);
            }
        }
        if all.requests.len() < 80 || all.requests.len() != all.responses.len() {
            return Err(format!("{} holds {} requests only", folder.display(), all.requests.len()));
        }
        Ok(all)
    }
}

impl Message {
    fn of(json: &Json) -> Option<Message> {
        let common: Vec<&Json> = json["commonStructs"].as_array().into_iter().flatten().collect();
        Some(Message {
            key: i16::try_from(json["apiKey"].as_i64().unwrap_or(-1)).ok()?,
            name: json["name"].as_str()?.to_owned(),
            valid: Versions::read(json["validVersions"].as_str()),
            unstable: json["latestVersionUnstable"].as_bool() == Some(true),
            of_brokers: json["listeners"].as_array().is_some_and(|all| all.iter().any(|one| one == "broker")),
            flexible: Versions::read(json["flexibleVersions"].as_str()),
            fields: Field::all(&json["fields"], &common),
        })
    }
}

impl Field {
    fn all(json: &Json, common: &[&Json]) -> Vec<Field> {
        json.as_array().into_iter().flatten().map(|field| Field::of(field, common)).collect()
    }

    fn of(json: &Json, common: &[&Json]) -> Field {
        let text = |name: &str| json[name].as_str();
        let entity = match text("entityType") {
            Some("topicName") => Entity::Topic,
            Some("groupId") => Entity::Group,
            Some("transactionalId") => Entity::TransactionalId,
            Some("brokerId") => Entity::Node,
            Some("producerId") => Entity::ProducerId,
            Some(_) | None => Entity::Other,
        };
        let default = match &json["default"] {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        Field {
            name: text("name").expect("a field has a name").to_owned(),
            kind: Kind::of(text("type").expect("a field has a type"), &json["fields"], common),
            type_name: text("type").unwrap_or_default().trim_start_matches("[]").to_owned(),
            versions: Versions::read(text("versions")),
            nullable: Versions::read(text("nullableVersions")),
            tagged: Versions::read(text("taggedVersions")),
            tag: json["tag"].as_u64().map_or(0, |tag| u32::try_from(tag).expect("a tag is small")),
            entity,
            default,
        }
    }
}

impl Kind {
    fn of(name: &str, fields: &Json, common: &[&Json]) -> Kind {
        if let Some(element) = name.strip_prefix("[]") {
            return Kind::Array(Box::new(Kind::of(element, fields, common)));
        }
        match name {
            "bool" | "int8" => Kind::Fixed(1),
            "int16" | "uint16" => Kind::Fixed(2),
            "int32" | "uint32" => Kind::Fixed(4),
            "int64" | "float64" => Kind::Fixed(8),
            "uuid" => Kind::Fixed(16),
            "string" => Kind::Text,
            "bytes" => Kind::Bytes,
            "records" => Kind::Records,
            name if fields.is_array() => {
                assert!(name.starts_with(char::is_uppercase), "the type {name} is not known");
                Kind::Struct(Field::all(fields, common))
            }
            name => {
                let shared = common.iter().find(|shared| shared["name"] == name);
                Kind::Struct(Field::all(&shared.expect("a struct is defined somewhere")["fields"], common))
            }
        }
    }
}

/// The files have `//` comments, which JSON has not.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut quoted = false;
        let end = line.char_indices().find(|(at, c)| {
            quoted ^= *c == '"';
            !quoted && line[*at..].starts_with("//")
        });
        out.push_str(&line[..end.map_or(line.len(), |(at, _)| at)]);
        out.push('\n');
    }
    out
}
