//! What the sequence has made so far, the same on every side: topics, members of groups, producers, fetch sessions. Learned
//! from Kafka's own answers, so that what follows is mostly meaningful.

use std::collections::BTreeMap;

use super::identities::{Identities, Kind};
use super::step::{Made, Step};
use crate::definitions::codec::{Struct, Value};
use crate::harness::lab::NODES;

/// Topics that stay: name, the leader of each partition, and whether the other nodes have replicas too.
pub const STABLE: [(&str, &[usize], bool); 4] =
    [("one", &[1, 1, 1], false), ("two", &[2, 2], false), ("three", &[3, 1], true), ("four", &[1, 2, 3], false)];
/// Topics that come and go; the last two collide in the names of Kafka's metrics, and so exclude each other.
pub const CHANGING: [&str; 5] = ["c0", "c1", "c2", "c.3", "c_3"];
/// Groups; "" is one of them. About the choice of names see [`super::side::WAYS`].
pub const GROUPS: [&str; 5] = ["g1", "g3", "g5", "caf\u{e9} \u{fffd}", ""];
/// Transactional ids.
pub const TRANSACTIONAL_IDS: [&str; 3] = ["x0", "x2", "x4"];

/// Everything that is there.
pub struct Model {
    /// Of each changing topic that is there: the node of its partitions, and how many these are.
    pub topics: BTreeMap<String, (usize, usize)>,
    pub groups: BTreeMap<&'static str, Group>,
    pub transactions: BTreeMap<&'static str, Transaction>,
    /// Producers without transactions.
    pub producers: Vec<Producer>,
    /// By node.
    pub sessions: Vec<Option<Session>>,
}

/// A classic group.
#[derive(Default)]
pub struct Group {
    pub coordinator: usize,
    pub member: Option<Member>,
}

/// The only member of a group.
#[derive(Clone)]
pub struct Member {
    /// An identity.
    pub id: usize,
    pub generation: i32,
}

/// A transactional id.
#[derive(Default)]
pub struct Transaction {
    pub coordinator: usize,
    pub producer: Option<Producer>,
}

/// A producer with an id.
#[derive(Clone)]
pub struct Producer {
    /// An identity.
    pub id: usize,
    pub epoch: i16,
    /// The next sequence number of each partition that it wrote to.
    pub sequences: BTreeMap<(String, usize), i32>,
}

/// A fetch session.
#[derive(Clone)]
pub struct Session {
    /// An identity.
    pub id: usize,
    pub epoch: i32,
}

impl Model {
    pub fn new() -> Model {
        Model {
            topics: BTreeMap::new(),
            groups: GROUPS.map(|group| (group, Group::default())).into(),
            transactions: TRANSACTIONAL_IDS.map(|id| (id, Transaction::default())).into(),
            producers: Vec::new(),
            sessions: (0..=NODES).map(|_| None).collect(),
        }
    }

    /// The leader of a partition; `None` where it does not exist.
    pub fn leader(&self, topic: &str, partition: usize) -> Option<usize> {
        if let Some((_, leaders, _)) = STABLE.iter().find(|(name, ..)| *name == topic) {
            return leaders.get(partition).copied();
        }
        self.topics.get(topic).filter(|(_, partitions)| partition < *partitions).map(|(node, _)| *node)
    }

    /// Takes what Kafka answered to a step.
    pub fn learn(&mut self, step: &Step, answer: &Struct, identities: &Identities) {
        let number = |name: &str| answer.fields.get(name).and_then(Value::as_number);
        let identity = |kind, name: &str| match answer.fields.get(name) {
            Some(Value::Text(bytes) | Value::Fixed(bytes)) => identities.number(kind, 0, bytes),
            _ => None,
        };
        let error = number("ErrorCode").unwrap_or(0);
        match &step.made {
            Made::Nothing => {}
            Made::Topics(topics) => {
                for (name, node, partitions) in topics.iter().filter(|(name, ..)| succeeded(answer, name)) {
                    self.topics.insert(name.clone(), (*node, *partitions));
                }
            }
            Made::NoTopics(names) => {
                for name in names.iter().filter(|name| succeeded(answer, name)) {
                    self.topics.remove(name);
                }
            }
            Made::Membership(group) => {
                const MEMBER_ID_REQUIRED: i64 = 79;
                let group = self.groups.get_mut(group).expect("a group of the model");
                if let (Some(id), true) = (identity(Kind::Member, "MemberId"), matches!(error, 0 | MEMBER_ID_REQUIRED))
                {
                    let generation = i32::try_from(number("GenerationId").unwrap_or(-1)).unwrap_or(-1);
                    group.member = Some(Member { id, generation });
                }
            }
            Made::NoMembership(group) => {
                if error == 0 && no_member_failed(answer) {
                    self.groups.get_mut(group).expect("a group of the model").member = None;
                }
            }
            Made::Producer(transactional_id) => {
                let producer = identity(Kind::Producer, "ProducerId").map(|id| Producer {
                    id,
                    epoch: i16::try_from(number("ProducerEpoch").unwrap_or(0)).unwrap_or(0),
                    sequences: BTreeMap::new(),
                });
                match transactional_id {
                    Some(id) => self.transactions.get_mut(id).expect("one of the model").producer = producer,
                    None => {
                        self.producers.extend(producer);
                        let many = self.producers.len().saturating_sub(4);
                        self.producers.drain(..many);
                    }
                }
            }
            Made::EndOfTransaction(id) => {
                let transaction = self.transactions.get_mut(id).expect("one of the model");
                // From version 5 on, the next transaction has another epoch.
                if let (Some(producer), Some(next), 0) =
                    (&mut transaction.producer, identity(Kind::Producer, "ProducerId"), error)
                {
                    let epoch = i16::try_from(number("ProducerEpoch").unwrap_or(0)).unwrap_or(0);
                    *producer = Producer { id: next, epoch, sequences: BTreeMap::new() };
                }
            }
            Made::Records { producer, topic, partition } => {
                if produced(answer) {
                    let of_transaction = self.transactions.values_mut().filter_map(|one| one.producer.as_mut());
                    for writer in self.producers.iter_mut().chain(of_transaction).filter(|one| one.id == *producer) {
                        *writer.sequences.entry((topic.clone(), *partition)).or_insert(0) += 1;
                    }
                }
            }
            Made::Session(epoch) => {
                let id = identity(Kind::FetchSession, "SessionId");
                self.sessions[step.node] = id.filter(|_| error == 0).map(|id| Session { id, epoch: *epoch });
            }
        }
    }
}

fn arrays(answer: &Struct) -> impl Iterator<Item = &Struct> {
    let arrays = answer.fields.values().filter_map(|value| match value {
        Value::Array(elements) => Some(elements),
        _ => None,
    });
    arrays.flatten().filter_map(|element| match element {
        Value::Struct(element) => Some(element),
        _ => None,
    })
}

fn error_of(element: &Struct) -> Option<i64> {
    element.fields.get("ErrorCode").and_then(Value::as_number)
}

fn succeeded(answer: &Struct, name: &str) -> bool {
    arrays(answer).any(|element| element.fields.get("Name") == Some(&Value::text(name)) && error_of(element) == Some(0))
}

fn no_member_failed(answer: &Struct) -> bool {
    arrays(answer).all(|element| error_of(element) == Some(0))
}

fn produced(answer: &Struct) -> bool {
    arrays(answer).flat_map(arrays).all(|element| error_of(element) == Some(0))
}
