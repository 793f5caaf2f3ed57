//! The encoder and decoder that follow from Kafka's definitions are right: each message of each version, made up from the
//! definitions, is read by kafka-protocol and written by it again as the same bytes, and truncations are refused.

use crate::definitions::codec::Value;
use crate::definitions::{Definitions, Field, Kind, Message};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

/// Texts of every field, numbers of every kind, two elements in each array.
struct Rich(i64);

impl crate::definitions::make::Choose for Rich {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value> {
        if field.tagged.has(version) {
            return None;
        }
        self.0 += 1;
        match &field.kind {
            // Booleans are written as 0 or 1, and codes stay what they are.
            Kind::Fixed(1) => Some(Value::number(self.0 % 2, 1)),
            Kind::Fixed(16) => Some(Value::Fixed(vec![7; 16])),
            Kind::Fixed(length) => Some(Value::number(self.0, *length)),
            Kind::Text => Some(Value::text(&"n".repeat(usize::try_from(self.0 % 200).unwrap()))),
            Kind::Bytes | Kind::Records => Some(Value::Bytes(vec![9; usize::try_from(self.0 % 150).unwrap()])),
            Kind::Array(_) | Kind::Struct(_) => None,
        }
    }

    fn count(&mut self, _field: &Field) -> usize {
        2
    }
}

/// Requests that kafka-protocol names in its ranges and cannot read: key and version.
const UNREADABLE: [(i16, i16); 3] = [(8, 10), (9, 10), (22, 6)];

/// Whether kafka-protocol has this version.
fn known_to(key: ApiKey, version: i16) -> bool {
    key.valid_versions().min <= version && version <= key.valid_versions().max
}

fn all(mut each: impl FnMut(&Message, i16, bool, ApiKey)) -> usize {
    let definitions = Definitions::read().unwrap();
    let mut count = 0;
    for (messages, request) in [(&definitions.requests, true), (&definitions.responses, false)] {
        for message in messages.values() {
            let Ok(key) = ApiKey::try_from(message.key) else { continue };
            for version in (message.valid.first..=message.valid.last).filter(|version| known_to(key, *version)) {
                each(message, version, request, key);
                count += 1;
            }
        }
    }
    count
}

#[test]
fn what_it_writes_another_reads_and_writes_alike() {
    let mut differ = Vec::new();
    let count = all(|message, version, request, key| {
        if request && UNREADABLE.contains(&(message.key, version)) {
            return;
        }
        let value = message.make(version, &mut Rich(0));
        let ours = message.encode(version, &value).bytes;
        assert_eq!(message.decode(version, &ours), Ok(value), "{} v{version}", message.name);
        let mut rest = Bytes::from(ours.clone());
        let theirs = if request {
            RequestKind::decode(key, &mut rest, version).and_then(|body| {
                let mut bytes = BytesMut::new();
                body.encode(&mut bytes, version).map(|()| bytes)
            })
        } else {
            ResponseKind::decode(key, &mut rest, version).and_then(|body| {
                let mut bytes = BytesMut::new();
                body.encode(&mut bytes, version).map(|()| bytes)
            })
        };
        match theirs {
            Ok(theirs) if theirs == ours && rest.is_empty() => {}
            Ok(theirs) => differ.push(format!("{} v{version}: {ours:02x?} became {:02x?}", message.name, &theirs[..])),
            Err(error) => differ.push(format!("{} v{version}: {error}", message.name)),
        }
    });
    assert!(differ.is_empty(), "{} of {count}:\n{}", differ.len(), differ.join("\n"));
    assert!(count > 500, "{count} messages only");
}

#[test]
fn every_truncation_is_refused() {
    all(|message, version, _, _| {
        let bytes = message.encode(version, &message.make(version, &mut Rich(0))).bytes;
        for end in 0..bytes.len() {
            assert!(message.decode(version, &bytes[..end]).is_err(), "{} v{version} ends at {end}", message.name);
        }
    });
}
