//! The attacker: a raw client that sends whatever it likes and has every byte inspected that it is sent.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::ground::Ground;
use crate::definitions::codec::{Encoded, Struct, Value};
use crate::definitions::make::Choose;
use crate::definitions::{Entity, Field, Message};
use crate::ensure;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, records};

/// A connection of the attacker's.
pub struct Attacker<'a> {
    ground: &'a Ground,
    wire: Wire,
    address: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A response's body.
    Body(Bytes),
    Closed,
}

/// The names and numbers that a request is filled with.
#[derive(Clone)]
pub struct Filling<'a> {
    pub topic: &'a str,
    pub group: &'a str,
    pub transactional_id: &'a str,
    /// FindCoordinator's key type, and so what its keys are.
    pub key_type: i8,
    /// The type of a config API's resource, and so what its name is.
    pub resource_type: i8,
    /// More fields by their name.
    pub others: BTreeMap<&'a str, Value>,
}

/// Types of a resource.
pub const TOPIC: i8 = 2;
pub const GROUP: i8 = 32;

impl<'a> Attacker<'a> {
    /// Connects to the port of a node; 0 is the bootstrap port.
    pub fn connect(ground: &'a Ground, node: usize) -> Fallible<Attacker<'a>> {
        Attacker::connect_at(ground, ground.address(node)?)
    }

    /// The same at any address.
    pub fn connect_at(ground: &'a Ground, address: String) -> Fallible<Attacker<'a>> {
        Ok(Attacker { ground, wire: Wire::connect_as(&address, "attacker")?, address })
    }

    /// Every api key that is offered here, with its first and last version.
    pub fn offered(&mut self) -> Fallible<Vec<(i16, i16, i16)>> {
        let message = self.ground.request(18)?;
        let body = message.encode(0, &message.make(0, &mut |_: &Field| None)).bytes;
        let Reply::Body(answer) = self.ask(18, 0, &body)? else { return Err("closed".into()) };
        let response = self.ground.response(18)?.decode(0, &answer)?;
        let Some(Value::Array(keys)) = response.fields.get("ApiKeys") else { return Err("no keys".into()) };
        let number = |one: &Value, name: &str| match one {
            Value::Struct(one) => one.fields.get(name).and_then(Value::as_number).unwrap_or_default(),
            _ => 0,
        };
        let range = |one: &Value| ["ApiKey", "MinVersion", "MaxVersion"].map(|name| number(one, name));
        let ranges = keys.iter().map(range).map(|[key, min, max]| {
            let (key, min, max) = (i16::try_from(key)?, i16::try_from(min)?, i16::try_from(max)?);
            // Produce is offered from a version on that no Kafka has any more: old clients look for it.
            Ok((key, min.max(self.ground.request(key)?.valid.first), max))
        });
        ranges.collect()
    }

    /// Sends a request with the right header for its version, and has the reply inspected. A connection that was closed
    /// is opened again for the next one.
    pub fn ask(&mut self, key: i16, version: i16, body: &[u8]) -> Fallible<Reply> {
        let reply = self.ask_unseen(key, version, body)?;
        if let Reply::Body(body) = &reply {
            self.ground.inspect(&format!("api {key} v{version}"), body)?;
        }
        Ok(reply)
    }

    /// The same for a request that itself names something that must not be seen, and so may be echoed.
    pub fn ask_unseen(&mut self, key: i16, version: i16, body: &[u8]) -> Fallible<Reply> {
        let definition = self.ground.definitions.requests.get(&key);
        let flexible = definition.is_some_and(|message| message.flexible.has(version));
        let id = self.wire.send_body(key, version, if flexible { 2 } else { 1 }, body)?;
        let Ok(frame) = self.wire.frame() else {
            self.wire = Wire::connect_as(&self.address, "attacker")?;
            return Ok(Reply::Closed);
        };
        ensure!(frame.get(..4) == Some(&id.to_be_bytes()), "api {key} v{version}: a reply out of turn");
        let header = if flexible && key != 18 { 5 } else { 4 };
        ensure!(frame.len() >= header, "api {key} v{version}: a reply of {} bytes", frame.len());
        Ok(Reply::Body(frame.slice(header..)))
    }

    /// Asks with a request made of `filling`.
    pub fn ask_filled(&mut self, key: i16, version: i16, filling: &Filling<'_>) -> Fallible<Reply> {
        let body = self.ground.filled(key, version, filling)?;
        self.ask(key, version, &body)
    }
}

impl Ground {
    /// The definition of a request.
    pub fn request(&self, key: i16) -> Fallible<&Message> {
        self.definitions.requests.get(&key).ok_or_else(|| format!("api {key} has no request").into())
    }

    /// The definition of a response.
    pub fn response(&self, key: i16) -> Fallible<&Message> {
        self.definitions.responses.get(&key).ok_or_else(|| format!("api {key} has no response").into())
    }

    /// The body of a request made of `filling`.
    pub fn filled(&self, key: i16, version: i16, filling: &Filling<'_>) -> Fallible<Vec<u8>> {
        Ok(self.encoded(key, version, filling)?.bytes)
    }

    /// The same, with the places of its lengths and counts.
    pub fn encoded(&self, key: i16, version: i16, filling: &Filling<'_>) -> Fallible<Encoded> {
        let message = self.request(key)?;
        let batch = records::batch("from the attacker".into())?;
        let mut choose = Chooser { message, filling, batch: &batch };
        Ok(message.encode(version, &message.make(version, &mut choose)))
    }

    /// A response's body as values, without what differs from one time to the next.
    pub fn lasting(&self, key: i16, version: i16, body: &[u8]) -> Fallible<Struct> {
        let message = self.response(key)?;
        let mut value = message.decode(version, body)?;
        message.change(version, &mut value, &mut |field, value| {
            if PASSING.contains(&field.name.as_str()) {
                *value = Value::Null;
            }
        });
        Ok(value)
    }
}

/// Fields of responses whose values are new each time.
const PASSING: [&str; 5] = ["ThrottleTimeMs", "ProducerId", "ControllerId", "TopicId", "BaseOffset"];

impl<'a> Filling<'a> {
    /// Names, and numbers with which a request does what it is for.
    pub fn of(topic: &'a str, group: &'a str, transactional_id: &'a str) -> Filling<'a> {
        let number = Value::number;
        let others = [
            ("SessionTimeoutMs", number(10_000, 4)),
            ("RebalanceTimeoutMs", number(1_000, 4)),
            ("ProtocolType", Value::text("consumer")),
            ("ProtocolName", Value::text("range")),
            ("TransactionTimeoutMs", number(60_000, 4)),
            ("TimeoutMs", number(5_000, 4)),
            ("timeoutMs", number(5_000, 4)),
            ("Acks", number(-1, 2)),
            ("MaxBytes", number(1 << 20, 4)),
            ("PartitionMaxBytes", number(1 << 20, 4)),
            ("SessionEpoch", number(-1, 4)),
            ("Timestamp", number(-1, 8)),
            ("Offset", number(-1, 8)),
            ("NumPartitions", number(1, 4)),
            ("ReplicationFactor", number(1, 2)),
            ("Count", number(2, 4)),
            ("ConfigurationKeys", Value::Null),
            ("AllowAutoTopicCreation", number(0, 1)),
            ("StatesFilter", Value::Array(Vec::new())),
            ("TypesFilter", Value::Array(Vec::new())),
            ("StateFilters", Value::Array(Vec::new())),
            ("ProducerIdFilters", Value::Array(Vec::new())),
            ("DurationFilter", number(-1, 8)),
            ("ForgottenTopicsData", Value::Array(Vec::new())),
            ("ValidateOnly", number(1, 1)),
            ("validateOnly", number(1, 1)),
            ("GroupInstanceId", Value::Null),
        ];
        Filling {
            topic,
            group,
            transactional_id,
            key_type: 0,
            resource_type: TOPIC,
            others: others.into_iter().collect(),
        }
    }

    /// With another value of a field.
    pub fn with(mut self, field: &'a str, value: Value) -> Filling<'a> {
        self.others.insert(field, value);
        self
    }
}

struct Chooser<'a> {
    message: &'a Message,
    filling: &'a Filling<'a>,
    batch: &'a [u8],
}

impl Choose for Chooser<'_> {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value> {
        use crate::definitions::Kind;
        if field.tagged.has(version) {
            return None;
        }
        let is_text = matches!(field.kind, Kind::Text);
        let Filling { topic, group, transactional_id, key_type, resource_type, others } = self.filling;
        match (self.message.key, field.name.as_str(), field.entity) {
            (_, _, Entity::Topic) if is_text => Some(Value::text(topic)),
            (_, _, Entity::Group) if is_text => Some(Value::text(group)),
            (_, _, Entity::TransactionalId) if is_text => {
                let null = others.get("TransactionalId") == Some(&Value::Null) && field.nullable.has(version);
                Some(if null { Value::Null } else { Value::text(transactional_id) })
            }
            (10, "Key" | "CoordinatorKeys", _) if is_text => {
                Some(Value::text(if *key_type == 0 { group } else { transactional_id }))
            }
            (10, "KeyType", _) => Some(Value::number(i64::from(*key_type), 1)),
            (32 | 33 | 44, "ResourceType", _) => Some(Value::number(i64::from(*resource_type), 1)),
            (32 | 33 | 44, "ResourceName", _) => Some(Value::text(if *resource_type == GROUP { group } else { topic })),
            (33 | 44, "Name", _) => {
                Some(Value::text(if *resource_type == GROUP { "consumer.session.timeout.ms" } else { "retention.ms" }))
            }
            (33 | 44, "Value", _) => Some(Value::text("50000")),
            (19, "Assignments" | "Configs", _) => Some(Value::Array(Vec::new())),
            (37, "Assignments", _) => Some(Value::Null),
            (11, "Name", _) => Some(Value::text("range")),
            (_, "Records", _) => Some(Value::Bytes(self.batch.to_vec())),
            (_, name, _) => {
                let chosen = others.get(name)?;
                fits(&field.kind, chosen, field.nullable.has(version)).then(|| chosen.clone())
            }
        }
    }
}

/// Whether a field can hold a value: fields of one name differ between requests.
fn fits(kind: &crate::definitions::Kind, value: &Value, nullable: bool) -> bool {
    use crate::definitions::Kind;
    match (kind, value) {
        (_, Value::Null) => nullable,
        (Kind::Fixed(length), Value::Fixed(bytes)) => *length == bytes.len(),
        (Kind::Text, Value::Text(_)) | (Kind::Bytes, Value::Bytes(_)) => true,
        (Kind::Array(_), Value::Array(_)) | (Kind::Struct(_), Value::Struct(_)) => true,
        _ => false,
    }
}
