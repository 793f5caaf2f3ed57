//! Kafka's own definitions of its messages: what they say of each field, and layouts to compare shapes with.
//!
//! The definitions are those inside kafka-clients 4.3.1; `KLAMM_KAFKA_MESSAGES` names the directory they lie in.

use std::collections::BTreeMap;
use std::path::PathBuf;

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
