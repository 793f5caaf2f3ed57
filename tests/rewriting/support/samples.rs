//! Random values for messages that are made by Kafka's definitions, and kafka-protocol's encoder and decoder.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::Dice;
use crate::definitions::codec::Value;
use crate::definitions::make::Choose;
use crate::definitions::{Definitions, Entity, Field, Kind};

pub fn string(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn encode<M: Encodable>(message: &M, version: i16) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).unwrap();
    bytes.to_vec()
}

/// Decodes all of `bytes`.
pub fn decode<M: Decodable>(bytes: &[u8], version: i16) -> M {
    let mut bytes = Bytes::copy_from_slice(bytes);
    let message = M::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty(), "{} bytes behind the message", bytes.len());
    message
}

/// Anything that a field can hold.
pub struct Anything<'d> {
    dice: &'d mut Dice,
    /// No array was long yet: one may be.
    long: bool,
}

impl Anything<'_> {
    pub fn new(dice: &mut Dice) -> Anything<'_> {
        Anything { dice, long: true }
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.dice.below(256) as u8).collect()
    }
}

impl Choose for Anything<'_> {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value> {
        if field.tagged.has(version) {
            return None;
        }
        if field.nullable.has(version) && self.dice.below(4) == 0 {
            return Some(Value::Null);
        }
        match &field.kind {
            Kind::Fixed(1) if field.type_name == "bool" => Some(Value::Fixed(vec![self.dice.below(2) as u8])),
            Kind::Fixed(length) => Some(Value::Fixed(self.bytes(*length))),
            Kind::Text => Some(Value::Text(vec![b't'; usize::try_from(self.dice.below(130)).unwrap()])),
            Kind::Bytes | Kind::Records => {
                let lengths = [0, 61, self.dice.below(300), if self.long { 3000 } else { 1 }];
                let length = lengths[usize::try_from(self.dice.below(4)).unwrap()];
                self.long &= length < 3000;
                Some(Value::Bytes(self.bytes(usize::try_from(length).unwrap())))
            }
            Kind::Array(_) | Kind::Struct(_) => None,
        }
    }

    fn count(&mut self, _field: &Field) -> usize {
        if self.long && self.dice.below(30) == 0 {
            self.long = false;
            return 130;
        }
        usize::try_from(self.dice.below(4)).unwrap()
    }

    fn tagged(&mut self, _field: &Field) -> bool {
        self.dice.below(5) == 0
    }

    fn unknown(&mut self) -> BTreeMap<u32, Vec<u8>> {
        if self.dice.below(5) > 0 {
            return BTreeMap::new();
        }
        let long = usize::try_from(self.dice.below(300)).unwrap();
        BTreeMap::from([(40, b"unknown".to_vec()), (1000, vec![9; long])])
    }
}

/// Backend hosts are made of this; nothing else in a response has three in a row.
pub const HOST_BYTE: u8 = b'~';

/// Responses that name nodes: 1 to 3 have a port in the tests' view, 0, 4 and 5 none, -1 is nobody.
struct Nodes<'d> {
    others: Anything<'d>,
    /// A coordinator that there is not has no address.
    coordinators: bool,
    /// The node that was named last.
    node: i64,
}

impl Choose for Nodes<'_> {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value> {
        let nobody = self.coordinators && self.node < 0;
        let dice = &mut *self.others.dice;
        let named = matches!(&*field.name, "LeaderId" | "ReplicaId" | "NodeId" | "BrokerId");
        if matches!(field.kind, Kind::Fixed(4)) && (named || field.entity == Entity::Node) {
            self.node = i64::try_from(dice.below(7)).unwrap() - 1;
            return Some(Value::number(self.node, 4));
        }
        Some(match (&field.kind, field.name.as_str()) {
            (Kind::Fixed(4), "Port") if nobody => Value::number(-1, 4),
            (Kind::Text, "Host") if nobody => Value::text(""),
            (Kind::Fixed(4), "Port") => Value::number(1 + i64::try_from(dice.below(65_000)).unwrap(), 4),
            (Kind::Fixed(2), "Port") => Value::number(9093, 2),
            // Where kafka-protocol 0.18 does not know the field, it is found at its place.
            (Kind::Fixed(4), "AcquisitionLockTimeoutMs") => Value::number(30, 4),
            (Kind::Fixed(2), "ErrorCode") => Value::number(if dice.below(3) == 0 { 9 } else { 0 }, 2),
            (Kind::Text, "Host") => {
                let length = [1, 126, 200, 1 + dice.below(40)][usize::try_from(dice.below(4)).unwrap()];
                Value::Text(vec![HOST_BYTE; usize::try_from(length).unwrap()])
            }
            (Kind::Text, "Rack") if field.nullable.has(version) => {
                [Value::Null, Value::text(""), Value::text("use1-az4")][usize::try_from(dice.below(3)).unwrap()].clone()
            }
            (Kind::Text | Kind::Array(_), _) if field.nullable.has(version) && dice.below(2) == 0 => Value::Null,
            (Kind::Text, _) => Value::text("it went wrong"),
            (Kind::Bytes | Kind::Records, _) => Value::Bytes(vec![0x5a; usize::try_from(dice.below(700)).unwrap()]),
            (Kind::Fixed(16), _) => Value::Fixed(vec![7; 16]),
            (Kind::Fixed(1), _) => Value::Fixed(vec![dice.below(2) as u8]),
            (Kind::Fixed(length), _) => Value::number(12, *length),
            (Kind::Array(_) | Kind::Struct(_), _) => return None,
        })
    }

    fn count(&mut self, field: &Field) -> usize {
        let brokers = ["Brokers", "NodeEndpoints"].contains(&&*field.name) && self.others.dice.below(4) == 0;
        let most = if brokers { 130 } else { 4 };
        usize::try_from(self.others.dice.below(most + 1)).unwrap()
    }

    fn tagged(&mut self, field: &Field) -> bool {
        field.name == "NodeEndpoints" || self.others.dice.below(2) == 0
    }

    fn unknown(&mut self) -> BTreeMap<u32, Vec<u8>> {
        self.others.unknown()
    }
}

/// (key, lowest version, highest version) of the responses that are walked for addresses.
pub const WALKED: [(i16, i16, i16); 8] =
    [(0, 10, 13), (1, 16, 18), (3, 0, 13), (10, 0, 6), (55, 2, 2), (60, 0, 2), (78, 1, 2), (79, 1, 2)];

const FIND_COORDINATOR: i16 = 10;

thread_local! {
    static DEFINITIONS: Definitions = Definitions::read().unwrap();
}

/// The body of a random response that names nodes.
pub fn body(dice: &mut Dice, key: i16, version: i16) -> Vec<u8> {
    DEFINITIONS.with(|definitions| {
        let message = &definitions.responses[&key];
        let mut nodes = Nodes { others: Anything::new(dice), coordinators: key == FIND_COORDINATOR, node: 0 };
        let value = message.make(version, &mut nodes);
        message.encode(version, &value).bytes
    })
}
