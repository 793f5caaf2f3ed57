//! One of the sides that are compared: its names, its connections, and what its answers say in everybody's words.
//!
//! A request is made once, in words that belong to no side; each side says it with its own names, identities and
//! connections. What comes back is turned into the common words again, so that equal answers are equal values.

use bytes::Bytes;

use super::embedded;
use super::identities::{Identities, Kind};
use crate::definitions::codec::{Struct, Value};
use crate::definitions::{Entity, Field, Message};
use crate::ensure;
use crate::harness::Fallible;
use crate::harness::lab::NODES;
use crate::harness::wire::Wire;

/// Nodes are numbered from one, as in the lab.
pub const FIRST_NODE: usize = 1;

/// How the requests of a side reach Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Straight to the nodes: what the others are compared with.
    Direct,
    Passthrough,
    HidePrefix,
    EnforcePrefix,
}

/// All ways, each with the prefix of its names on the backend. The prefixes have one length, and hash codes that are even and
/// equal modulo four; with groups and transactional ids of even hash codes (whose sign then does not matter) each has the
/// same coordinator on every side.
pub const WAYS: [(Way, &str); 4] = [
    (Way::Direct, "diff-b."),
    (Way::Passthrough, "diff-f."),
    (Way::HidePrefix, "diff-j."),
    (Way::EnforcePrefix, "diff-n."),
];

/// Names that every side says as they are, because no prefix would keep their meaning.
const BARE: [&str; 3] = ["", ".", ".."];

/// Marks a text of a common request as a name; behind it stands the common name.
const NAME: &str = "\u{1}n";
/// The same for one that takes the prefix even where it is empty: the group "" is a legal one.
const ALWAYS_PREFIXED: &str = "\u{1}N";
/// Marks a text as an identity; behind it stands its number.
const IDENTITY: &str = "\u{1}m";
/// Numbers from here on are identities: no broker gives such ones.
const IDENTITY_NUMBER: i64 = 0x7afe_0000;

/// A name, as a value of a common request.
pub fn name(name: &str) -> Value {
    Value::text(&format!("{NAME}{name}"))
}

/// The name of a group where the empty one is legal.
pub fn prefixed_name(name: &str) -> Value {
    Value::text(&format!("{ALWAYS_PREFIXED}{name}"))
}

/// An identity in a text.
pub fn text_identity(number: usize) -> Value {
    Value::text(&format!("{IDENTITY}{number}"))
}

/// An identity in a number of so many bytes.
pub fn number_identity(number: usize, bytes: usize) -> Value {
    Value::number(IDENTITY_NUMBER + i64::try_from(number).expect("few identities"), bytes)
}

/// What came of a request.
pub enum Outcome {
    Answer(Struct),
    Closed,
}

/// A side.
pub struct Side {
    pub way: Way,
    prefix: String,
    /// Its place among the sides.
    at: usize,
    /// By node; entry 0 is not used.
    addresses: Vec<String>,
    connections: Vec<Option<Wire>>,
}

impl Side {
    pub fn new(at: usize, way: Way, prefix: &str, addresses: Vec<String>) -> Side {
        let connections = addresses.iter().map(|_| None).collect();
        Side { way, prefix: prefix.to_owned(), at, addresses, connections }
    }

    /// A name as this side's client says it.
    pub fn says(&self, common: &str) -> String {
        let bare = self.way == Way::HidePrefix || BARE.contains(&common);
        if bare { common.to_owned() } else { self.says_prefixed(common) }
    }

    fn says_prefixed(&self, common: &str) -> String {
        if self.way == Way::HidePrefix { common.to_owned() } else { format!("{}{common}", self.prefix) }
    }

    /// A name of an answer in common words.
    fn heard(&self, said: &[u8]) -> Vec<u8> {
        let rest = if self.way == Way::HidePrefix { None } else { said.strip_prefix(self.prefix.as_bytes()) };
        rest.unwrap_or(said).to_vec()
    }

    /// Sends a common request, and leaves the answer for [`Side::receive`].
    pub fn send(
        &mut self,
        node: usize,
        message: &Message,
        version: i16,
        request: &Struct,
        identities: &Identities,
    ) -> Fallible<()> {
        let mut request = request.clone();
        message.change(version, &mut request, &mut |_, value| self.say(value, identities));
        let body = message.encode(version, &request).bytes;
        let header = if message.flexible.has(version) { 2 } else { 1 };
        self.connection(node)?.send_body(message.key, version, header, &body)?;
        Ok(())
    }

    fn say(&self, value: &mut Value, identities: &Identities) {
        match value {
            Value::Text(bytes) => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                if let Some(common) = text.strip_prefix(NAME) {
                    *bytes = self.says(common).into_bytes();
                } else if let Some(common) = text.strip_prefix(ALWAYS_PREFIXED) {
                    *bytes = self.says_prefixed(common).into_bytes();
                } else if let Some(number) = text.strip_prefix(IDENTITY) {
                    *bytes = identities.of(number.parse().expect("a number"), self.at);
                }
            }
            Value::Fixed(bytes) if matches!(bytes.len(), 4 | 8) => {
                let number = Value::Fixed(bytes.clone()).as_number().unwrap_or_default();
                if let Ok(number) = usize::try_from(number - IDENTITY_NUMBER)
                    && number < identities.len()
                {
                    *bytes = identities.of(number, self.at);
                }
            }
            Value::Fixed(bytes) if bytes.len() == 16 => {
                // A topic id is marked by its upper half.
                let (mark, number) = bytes.split_at(8);
                let number = i64::from_be_bytes(number.try_into().expect("eight bytes")) - IDENTITY_NUMBER;
                if let (true, Ok(number)) = (mark == [0; 8], usize::try_from(number)) {
                    *bytes = identities.of(number, self.at);
                }
            }
            Value::Bytes(bytes) => {
                embedded::say(bytes, |name| self.says(name), |number| identities.of(number, self.at))
            }
            Value::Null | Value::Fixed(_) | Value::Array(_) | Value::Struct(_) => {}
        }
    }

    /// Reads the answer to what was sent last to that node.
    pub fn receive(&mut self, node: usize, message: &Message, version: i16, header_tags: bool) -> Fallible<Outcome> {
        let frame = match self.connection(node)?.frame() {
            Ok(frame) => frame,
            Err(error) if error.to_string().contains("timed out") || error.to_string().contains("unavailable") => {
                return Err(format!("{:?}: {} v{version}: {error}", self.way, message.name).into());
            }
            Err(_) => {
                self.connections[node] = None;
                return Ok(Outcome::Closed);
            }
        };
        Ok(Outcome::Answer(self.read(&frame, message, version, header_tags)?))
    }

    fn read(&self, frame: &Bytes, message: &Message, version: i16, header_tags: bool) -> Fallible<Struct> {
        let head = if header_tags { 5 } else { 4 };
        ensure!(frame.len() >= head && (!header_tags || frame[4] == 0), "{}: a header with tags", message.name);
        let answer = message.decode(version, &frame[head..]);
        Ok(answer.map_err(|error| format!("{:?}: {error}: {}", self.way, frame.escape_ascii()))?)
    }

    /// Turns an answer into common words. Identities stay what they are: they are compared by [`Identities`].
    pub fn hear(&self, message: &Message, version: i16, answer: &mut Struct) {
        self.hear_addresses(answer);
        message.change(version, answer, &mut |field, value| self.hear_field(message.key, field, value));
    }

    fn hear_field(&self, key: i16, field: &Field, value: &mut Value) {
        let named = matches!(field.entity, Entity::Topic | Entity::Group | Entity::TransactionalId)
            || matches!((key, field.name.as_str()), (10, "Key") | (29..=33 | 44, "ResourceName"));
        match value {
            Value::Text(bytes) if named => *bytes = self.heard(bytes),
            Value::Text(bytes) if field.name.ends_with("ErrorMessage") => {
                *bytes = String::from_utf8_lossy(bytes).replace(&self.prefix, "").into_bytes();
            }
            Value::Bytes(bytes) => match field.name.as_str() {
                "Metadata" | "MemberMetadata" => embedded::hear(bytes, false, |name| self.heard(name)),
                "Assignment" | "MemberAssignment" => embedded::hear(bytes, true, |name| self.heard(name)),
                _ => {}
            },
            _ => {}
        }
    }

    /// Host and port of a node become its number, where they are what this side's clients must be told.
    fn hear_addresses(&self, answer: &mut Struct) {
        let node = answer.fields.get("NodeId").or_else(|| answer.fields.get("BrokerId")).and_then(Value::as_number);
        if let (Some(node), Some(Value::Text(host)), Some(port)) =
            (node, answer.fields.get("Host"), answer.fields.get("Port").and_then(Value::as_number))
        {
            let address = format!("{}:{port}", String::from_utf8_lossy(host));
            let right = usize::try_from(node).ok().and_then(|node| self.addresses.get(node)) == Some(&address);
            if right {
                answer.fields.insert("Host".into(), Value::text("as it must be"));
                answer.fields.insert("Port".into(), Value::number(node, 4));
            }
        }
        for value in answer.fields.values_mut() {
            match value {
                Value::Struct(below) => self.hear_addresses(below),
                Value::Array(elements) => {
                    for element in elements {
                        if let Value::Struct(below) = element {
                            self.hear_addresses(below);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a name that a list gave is one of ours. In a namespace all must be.
    pub fn owns(&self, said: &[u8]) -> bool {
        match self.way {
            Way::Direct | Way::Passthrough => said.starts_with(self.prefix.as_bytes()),
            Way::HidePrefix | Way::EnforcePrefix => true,
        }
    }

    /// Asks outside the sequence, by names that are this side's own already.
    pub fn connection(&mut self, node: usize) -> Fallible<&mut Wire> {
        ensure!((FIRST_NODE..=NODES).contains(&node), "there is no node {node}");
        let connection = &mut self.connections[node];
        if connection.is_none() {
            *connection = Some(Wire::connect_as(&self.addresses[node], "differential")?);
        }
        connection.as_mut().ok_or_else(|| "no connection".into())
    }
}

/// What the identities of an answer are, by the fields that have them.
pub fn identity(key: i16, field: &Field) -> Option<Kind> {
    match (key, field.name.as_str()) {
        (_, "MemberId") | (11, "Leader") => Some(Kind::Member),
        (_, "TopicId") => Some(Kind::Topic),
        (1, "SessionId") => Some(Kind::FetchSession),
        (_, "ClusterId") => Some(Kind::Cluster),
        _ if field.entity == Entity::ProducerId => Some(Kind::Producer),
        _ => None,
    }
}
