//! Kafka's own definitions of its messages: what they say of each field, and layouts to compare shapes with.
//!
//! The definitions are those inside kafka-clients 4.3.1; `KLAMM_KAFKA_MESSAGES` names the directory they lie in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use klamm::rewrite::{Fields, Kind, Marks};
use serde_json::Value;

/// By api key; what has none, by name.
pub struct Definitions {
    pub requests: BTreeMap<i64, Value>,
    pub responses: BTreeMap<i64, Value>,
    pub others: BTreeMap<String, Value>,
}

pub fn definitions() -> Definitions {
    let Some(directory) = std::env::var_os("KLAMM_KAFKA_MESSAGES").map(PathBuf::from) else {
        panic!(
            "KLAMM_KAFKA_MESSAGES is not set: it must name a directory with Kafka's message definitions. Get them with\n  \
             mvn dependency:copy -Dartifact=org.apache.kafka:kafka-clients:4.3.1 -DoutputDirectory=target/kafka-clients\n  \
             unzip -o target/kafka-clients/kafka-clients-4.3.1.jar 'common/message/*.json' -d target/kafka-clients\n  \
             export KLAMM_KAFKA_MESSAGES=$PWD/target/kafka-clients/common/message\n\
             (tests/run does this by itself)"
        );
    };
    let mut all = Definitions { requests: BTreeMap::new(), responses: BTreeMap::new(), others: BTreeMap::new() };
    let files = std::fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    for file in files {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let definition: Value =
            serde_json::from_str(&without_comments(&text)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let Some(key) = definition["apiKey"].as_i64() else {
            all.others.insert(definition["name"].as_str().unwrap().to_owned(), definition);
            continue;
        };
        match definition["type"].as_str() {
            Some("request") => all.requests.insert(key, definition),
            Some("response") => all.responses.insert(key, definition),
            _ => None,
        };
    }
    assert!(all.requests.len() >= 90, "{} holds {} requests only", directory.display(), all.requests.len());
    all
}

/// The files have `//` comments, which JSON has not.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let (mut quoted, mut last) = (false, ' ');
        let end = line.char_indices().find_map(|(at, c)| {
            quoted ^= c == '"' && last != '\\';
            let comment = !quoted && c == '/' && line[at..].starts_with("//");
            last = c;
            comment.then_some(at)
        });
        out.push_str(&line[..end.unwrap_or(line.len())]);
        out.push('\n');
    }
    out
}

/// "3-7", "3+", "3", "none" as an inclusive range.
pub fn range(versions: Option<&str>) -> Option<(i64, i64)> {
    let versions = versions.filter(|text| *text != "none")?;
    if let Some(from) = versions.strip_suffix('+') {
        return Some((from.parse().unwrap(), i64::MAX));
    }
    let (min, max) = versions.split_once('-').unwrap_or((versions, versions));
    Some((min.parse().unwrap(), max.parse().unwrap()))
}

pub fn within(versions: &Value, version: i16) -> bool {
    range(versions.as_str()).is_some_and(|(min, max)| (min..=max).contains(&i64::from(version)))
}

/// A field as the wire has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Wire {
    Fixed(u32),
    Text { null: bool },
    Blob { null: bool },
    Items { bytes: u32, null: bool },
    Texts { null: bool },
    Array { element: Vec<Wire>, null: bool },
    Struct(Vec<Wire>),
}

/// Values without a mark between them are one run of bytes.
pub fn merge(fields: Vec<Wire>) -> Vec<Wire> {
    let mut merged: Vec<Wire> = Vec::new();
    for field in fields {
        match (merged.last_mut(), field) {
            (Some(Wire::Fixed(sum)), Wire::Fixed(bytes)) => *sum += bytes,
            (_, field) => merged.push(field),
        }
    }
    merged
}

pub fn fixed_bytes(kind: &str) -> Option<u32> {
    Some(match kind {
        "bool" | "int8" => 1,
        "int16" | "uint16" => 2,
        "int32" | "uint32" => 4,
        "int64" | "float64" => 8,
        "uuid" => 16,
        _ => return None,
    })
}

/// A definition's fields in this version, tagged ones apart; structs that are defined once and used by name included.
pub fn defined(fields: &Value, version: i16, common: &Value) -> Vec<Wire> {
    let mut wire = Vec::new();
    for field in fields.as_array().unwrap() {
        if !within(&field["versions"], version) || within(&field["taggedVersions"], version) {
            continue;
        }
        let kind = field["type"].as_str().unwrap();
        let null = within(&field["nullableVersions"], version);
        let inner = |name: &str| {
            let own = &field["fields"];
            let shared = || common.as_array()?.iter().find(|one| one["name"] == name).map(|one| &one["fields"]);
            let fields = if own.is_array() { own } else { shared().unwrap_or_else(|| panic!("no struct {name}")) };
            merge(defined(fields, version, common))
        };
        wire.push(match (kind, kind.strip_prefix("[]")) {
            ("string", _) => Wire::Text { null },
            ("bytes" | "records", _) => Wire::Blob { null },
            (_, Some("string")) => Wire::Texts { null },
            (_, Some(element)) => match fixed_bytes(element) {
                Some(bytes) => Wire::Items { bytes, null },
                None => Wire::Array { element: inner(element), null },
            },
            (kind, None) => fixed_bytes(kind).map_or_else(|| Wire::Struct(inner(kind)), Wire::Fixed),
        });
    }
    wire
}

/// A shape's fields in this version.
pub fn shaped<M: Marks>(fields: Fields<M>, version: i16) -> Vec<Wire> {
    let existing = fields.iter().filter(|field| field.exists(version));
    existing
        .filter_map(|field| {
            let null = field.nullable(version);
            Some(match field.kind {
                Kind::Fixed(bytes, _) => Wire::Fixed(bytes),
                Kind::Text(_) => Wire::Text { null },
                Kind::Blob(_) => Wire::Blob { null },
                Kind::Items(bytes) => Wire::Items { bytes, null },
                Kind::Texts(_) => Wire::Texts { null },
                Kind::Array(element, _) => Wire::Array { element: merge(shaped(element, version)), null },
                Kind::Struct(fields) => Wire::Struct(merge(shaped(fields, version))),
                Kind::Tagged(..) => return None,
                Kind::ClassicText => panic!("{}: a body has no such string", field.name),
            })
        })
        .collect()
}
