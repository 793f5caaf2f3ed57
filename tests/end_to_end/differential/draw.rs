//! Values for the fields of one request.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;

use super::embedded::{self, Writer};
use super::model::{Member, Model, Producer, STABLE, TRANSACTIONAL_IDS};
use super::side::{name, number_identity, prefixed_name, text_identity};
use super::step::{Made, Step, is_replicated};
use crate::definitions::codec::{Struct, Value};
use crate::definitions::make::Choose;
use crate::definitions::{Entity, Field, Kind};
use crate::harness::lab::NODES;

/// As long as Kafka lets a member be silent: longer than any run.
const SESSION_TIMEOUT_MS: i64 = 1_800_000;
const TRANSACTION_TIMEOUT_MS: i64 = 900_000;
/// APIs in which the group "" is a legal one.
const EMPTY_GROUP_IS_LEGAL: [i16; 5] = [8, 9, 10, 15, 42];
const GROUP: i64 = 32;
const TOPIC: i64 = 2;

/// A request on its way.
pub struct Draw<'a> {
    pub random: &'a mut SmallRng,
    pub model: &'a Model,
    pub key: i16,
    pub version: i16,
    pub node: usize,
    pub topics: Vec<String>,
    pub group: &'static str,
    pub transactional_id: &'static str,
    pub all: bool,
    /// How many topics were named.
    topic: usize,
    /// The next partition of the topic that was named last.
    partition: usize,
    member: Option<Member>,
    /// Says who it is, rightly.
    honest: bool,
    validate_only: bool,
    /// Of the topics that are created, or get partitions.
    shape: BTreeMap<String, (usize, usize)>,
    /// The partition that an assignment is for.
    assigned: usize,
    /// What the configurations are of, or what a coordinator is asked for.
    pub resource: i64,
    producer: Option<(Producer, bool)>,
    acks: i64,
    session: bool,
    made: Option<Made>,
}

impl<'a> Draw<'a> {
    pub fn new(random: &'a mut SmallRng, model: &'a Model, key: i16, version: i16) -> Draw<'a> {
        let honest = random.random_bool(0.9);
        let validate_only = random.random_bool(0.2);
        Draw {
            random,
            model,
            key,
            version,
            node: 1,
            topics: Vec::new(),
            group: "g1",
            transactional_id: "x0",
            all: false,
            topic: 0,
            partition: 0,
            member: None,
            honest,
            validate_only,
            shape: BTreeMap::new(),
            assigned: 0,
            resource: TOPIC,
            producer: None,
            acks: -1,
            session: false,
            made: None,
        }
    }

    /// The request is drawn: what has to be known of it.
    pub fn into_step(self, request: Struct) -> Step {
        let list = (self.key == 3 && self.all) || matches!(self.key, 16 | 66);
        let made = match self.key {
            _ if self.validate_only && matches!(self.key, 19 | 37) => Made::Nothing,
            19 | 37 => Made::Topics(self.shape.into_iter().map(|(name, (node, count))| (name, node, count)).collect()),
            20 => Made::NoTopics(self.topics),
            11 => Made::Membership(self.group),
            13 => Made::NoMembership(self.group),
            26 => Made::EndOfTransaction(self.transactional_id),
            _ => self.made.unwrap_or(Made::Nothing),
        };
        let transaction = matches!(self.key, 22 | 26).then_some(self.transactional_id);
        Step {
            key: self.key,
            version: self.version,
            node: self.node,
            request,
            made,
            list,
            silent: self.key == 0 && self.acks == 0,
            metadata: matches!(self.key, 19 | 20 | 33 | 37 | 44),
            transaction,
        }
    }

    fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among.choose(self.random).cloned().expect("a choice")
    }

    fn topic_named(&self) -> &str {
        self.topics.get(self.topic.wrapping_sub(1)).map_or("", String::as_str)
    }

    fn next_topic(&mut self) -> Value {
        self.topic += 1;
        self.partition =
            if self.acks == 0 || self.random.random_bool(0.7) { 0 } else { self.random.random_range(0..3) };
        name(self.topic_named())
    }

    /// The next partition of this topic. Of one with followers only what the node leads.
    fn next_partition(&mut self) -> usize {
        let topic = self.topic_named().to_owned();
        let mut partition = self.partition;
        if is_replicated(&topic) && matches!(self.key, 0 | 1 | 2 | 21 | 23 | 61) {
            partition = (0..9).find(|at| self.model.leader(&topic, *at) == Some(self.node)).unwrap_or(9);
        }
        self.partition = partition + 1;
        partition
    }

    fn group_name(&self) -> Value {
        if EMPTY_GROUP_IS_LEGAL.contains(&self.key) { prefixed_name(self.group) } else { name(self.group) }
    }

    /// The member of the group that this is, or seems to be.
    fn member_id(&mut self) -> Value {
        self.member = self.model.groups[self.group].member.clone();
        if !self.honest {
            return Value::text("somebody else");
        }
        match &self.member {
            Some(member) => text_identity(member.id),
            None => Value::text(""),
        }
    }

    fn generation(&self) -> i64 {
        match &self.model.groups[self.group].member {
            Some(member) if self.honest => i64::from(member.generation),
            Some(member) => i64::from(member.generation) + 1,
            None => -1,
        }
    }

    fn transaction_producer(&self) -> Option<Producer> {
        self.model.transactions[self.transactional_id].producer.clone()
    }

    fn fixed(&mut self, field: &Field, bytes: usize) -> Option<Value> {
        let number = match (self.key, field.name.as_str()) {
            (_, "PartitionIndex") if self.key == 19 => self.next_assigned(),
            (_, "PartitionIndex" | "PartitionIndexes" | "Partition" | "Partitions" | "Index") => {
                i64::try_from(self.next_partition()).ok()?
            }
            (_, "ReplicaId") => -1,
            (_, "TimeoutMs" | "timeoutMs") => 20_000,
            (_, "validateOnly" | "ValidateOnly") => i64::from(self.validate_only),
            (_, "CurrentLeaderEpoch" | "CommittedLeaderEpoch") => self.pick(&[-1, -1, 0, 1]),
            (23, "LeaderEpoch") => self.pick(&[-1, 0, 0, 1]),
            (0, "Acks") => self.acks(),
            (1, "MaxWaitMs") => 0,
            (1, "MinBytes") => self.pick(&[0, 1]),
            (1, "MaxBytes" | "PartitionMaxBytes") => self.pick(&[0, 100, 1000, 5000]),
            (1 | 2, "IsolationLevel") => self.pick(&[0, 1]),
            (1, "FetchOffset") => self.random.random_range(-1..60),
            (1, "LastFetchedEpoch") => self.pick(&[-1, -1, 0, 1]),
            (1, "LogStartOffset") => -1,
            (1, "SessionId") => return Some(self.session_id()),
            (1, "SessionEpoch") => self.session_epoch(),
            (2, "Timestamp") => {
                let chosen = self.random.random_range(0..30_000);
                self.pick(&[-1, -2, -3, -4, -5, chosen, chosen, -9])
            }
            (3, "AllowAutoTopicCreation") => 0,
            (_, name) if name.starts_with("Include") => self.pick(&[0, 1]),
            (8 | 28, "CommittedOffset") => self.random.random_range(0..100),
            (8, "GenerationIdOrMemberEpoch") | (12 | 14 | 28, "GenerationId") => self.generation(),
            (9, "RequireStable") => self.pick(&[0, 1]),
            (10, "KeyType") => self.resource,
            (11, "SessionTimeoutMs" | "RebalanceTimeoutMs") => {
                if self.random.random_bool(0.95) {
                    SESSION_TIMEOUT_MS
                } else {
                    1
                }
            }
            (19, "NumPartitions" | "ReplicationFactor") => self.placed(&field.name),
            (19 | 37, "BrokerIds") => {
                let topic = self.topic_named().to_owned();
                i64::try_from(self.shape.get(&topic).map_or(1, |(node, _)| *node)).ok()?
            }
            (37, "Count") => self.partitions_then(),
            (21, "Offset") => self.pick(&[-1, 0, 1, 3, 10_000]),
            (22, "TransactionTimeoutMs") => {
                self.pick(&[TRANSACTION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS, -1])
            }
            (22, "ProducerId") => return Some(self.known_producer()),
            (22, "ProducerEpoch") => match (&self.producer, self.honest) {
                (Some((producer, _)), true) => i64::from(producer.epoch),
                (Some((producer, _)), false) => i64::from(producer.epoch) - 1,
                (None, _) => -1,
            },
            (24..=26 | 28, name) if name.ends_with("ProducerId") => {
                return Some(
                    self.transaction_producer().map_or(Value::number(4711, 8), |of| number_identity(of.id, 8)),
                );
            }
            (24..=26 | 28, name) if name.ends_with("ProducerEpoch") => {
                let epoch = self.transaction_producer().map_or(0, |producer| i64::from(producer.epoch));
                if self.honest { epoch } else { epoch - 1 }
            }
            (26, "Committed") => self.pick(&[0, 1]),
            (32, "ResourceType") => {
                self.resource = if self.random.random_bool(0.8) { TOPIC } else { GROUP };
                self.resource
            }
            (33 | 44, "ResourceType") => {
                self.resource = TOPIC;
                TOPIC
            }
            (44, "ConfigOperation") => self.pick(&[0, 0, 0, 1, 2, 9]),
            (29..=31, "ResourceType" | "ResourceTypeFilter") => TOPIC,
            (29..=31, "ResourcePatternType" | "PatternTypeFilter") => 3,
            (29..=31, "Operation" | "PermissionType") => 3,
            (66, "DurationFilter") => self.pick(&[-1, -1, 1_000_000]),
            (66, "ProducerIdFilters") => {
                return self.transaction_producer().map(|producer| number_identity(producer.id, 8));
            }
            _ => return None,
        };
        Some(Value::number(number, bytes))
    }

    /// Without followers any acks will do; what could fail without an answer is not sent.
    fn acks(&mut self) -> i64 {
        let topic = self.topics.first().cloned().unwrap_or_default();
        let followed = self.topics.iter().any(|topic| is_replicated(topic));
        let stays = STABLE.iter().any(|(name, ..)| *name == topic);
        let fits = stays && self.topics.len() == 1 && self.model.leader(&topic, 0) == Some(self.node);
        self.acks = if followed { self.pick(&[-1, -1, -1, 2]) } else { self.pick(&[-1, -1, 1, 1, 2, 0]) };
        if self.acks == 0 && !(fits && self.producer.is_none()) {
            self.acks = 1;
        }
        self.acks
    }

    /// The writer of what is produced: nobody, a producer, or one within a transaction.
    fn choose_writer(&mut self) {
        let transactional = self.random.random_bool(0.25);
        self.transactional_id = self.pick(&TRANSACTIONAL_IDS);
        let producer = if transactional {
            self.transaction_producer()
        } else if self.random.random_bool(0.4) {
            self.model.producers.choose(self.random).cloned()
        } else {
            None
        };
        if producer.is_some() {
            // So that the next sequence number is known, whatever happens.
            self.topics.truncate(1);
        }
        self.producer = producer.map(|producer| (producer, transactional));
    }

    fn records(&mut self) -> Value {
        let topic = self.topic_named().to_owned();
        let partition = self.partition.saturating_sub(1);
        let writer = self.producer.clone().map(|(producer, transactional)| {
            let next = producer.sequences.get(&(topic.clone(), partition)).copied().unwrap_or(0);
            let sequence = if self.honest { next } else { self.pick(&[next + 3, next - 1]).max(0) };
            if self.honest {
                self.made = Some(Made::Records { producer: producer.id, topic: topic.clone(), partition });
            }
            Writer { producer: producer.id, epoch: producer.epoch, sequence, transactional }
        });
        let value = vec![b'v'; self.random.random_range(0..300)];
        let timestamp = self.random.random_range(1..30_000);
        let mut batch = embedded::batch(value, timestamp, writer).expect("a batch is encoded");
        if writer.is_none() && self.acks != 0 && self.random.random_bool(0.02) {
            // A broken checksum.
            batch[19] ^= 0xff;
        }
        Value::Bytes(batch)
    }

    fn session_id(&mut self) -> Value {
        // From version 13 on there are ids of topics instead of names.
        self.session = self.version <= 12 && self.random.random_bool(0.4);
        match &self.model.sessions[self.node] {
            Some(session) if self.session => number_identity(session.id, 4),
            _ => Value::number(0, 4),
        }
    }

    fn session_epoch(&mut self) -> i64 {
        match (&self.model.sessions[self.node], self.session) {
            (_, false) => -1,
            (None, true) => {
                self.made = Some(Made::Session(1));
                0
            }
            (Some(session), true) => match self.random.random_range(0..10) {
                // The end of the session; a wrong epoch.
                0 => {
                    self.made = Some(Made::Session(0));
                    -1
                }
                1 => i64::from(session.epoch) + 1,
                _ => {
                    self.made = Some(Made::Session(session.epoch + 1));
                    i64::from(session.epoch)
                }
            },
        }
    }

    fn known_producer(&mut self) -> Value {
        let known = if self.random.random_bool(0.2) { self.transaction_producer() } else { None };
        let value = known.as_ref().map_or(Value::number(-1, 8), |producer| number_identity(producer.id, 8));
        self.producer = known.map(|producer| (producer, true));
        value
    }

    /// A topic is created with the nodes of its partitions; without them only to see what Kafka would say.
    fn placed(&mut self, field: &str) -> i64 {
        if field == "NumPartitions" {
            let topic = self.topic_named().to_owned();
            let shape = (self.random.random_range(1..=NODES), self.random.random_range(1..=3));
            self.shape.insert(topic, shape);
            self.all = self.validate_only && self.random.random_bool(0.5);
            return if self.all { self.pick(&[-1, 0, 1, 2]) } else { -1 };
        }
        if self.all { self.pick(&[-1, 0, 1, 2, 5]) } else { -1 }
    }

    fn next_assigned(&mut self) -> i64 {
        self.assigned += 1;
        i64::try_from(self.assigned - 1).unwrap_or(0)
    }

    /// One partition more than there are; or nonsense.
    fn partitions_then(&mut self) -> i64 {
        let topic = self.topic_named().to_owned();
        let (node, now) = self.model.topics.get(&topic).copied().unwrap_or((1, 1));
        let then = if self.honest { now + 1 } else { self.pick(&[0, now, now + 2]) };
        self.shape.insert(topic, (node, then));
        i64::try_from(then).unwrap_or(0)
    }

    fn text(&mut self, field: &Field) -> Option<Value> {
        Some(match (self.key, field.name.as_str()) {
            (10, "Key" | "CoordinatorKeys") => {
                let group = self.resource != 1;
                let id = self.pick(&TRANSACTIONAL_IDS);
                if group { prefixed_name(self.group) } else { name(id) }
            }
            (32, "ResourceName") if self.resource == GROUP => prefixed_name(self.group),
            (32 | 33 | 44, "ResourceName") => self.next_topic(),
            (_, "MemberId") => self.member_id(),
            (_, "GroupInstanceId" | "Reason" | "RackId" | "HostFilter" | "PrincipalFilter") => return None,
            (11 | 14, "ProtocolType") => Value::text("consumer"),
            (11, "Name") | (14, "ProtocolName") => Value::text("range"),
            (8 | 28, "CommittedMetadata") => {
                let text = Value::text("as far as here");
                self.pick(&[Value::Null, text.clone(), text])
            }
            (16, "StatesFilter") => Value::text(self.pick(&["Stable", "Empty", "Dead", "Nonsense"])),
            (16, "TypesFilter") => Value::text(self.pick(&["classic", "consumer", "nonsense"])),
            (66, "StateFilters") => Value::text(self.pick(&["Ongoing", "CompleteCommit", "Nonsense"])),
            (17, "Mechanism") => Value::text(self.pick(&["PLAIN", "NONSENSE"])),
            (18, "ClientSoftwareName" | "ClientSoftwareVersion") => Value::text(self.pick(&["diff", "1.0", "-"])),
            (19, "Name") => Value::text("min.insync.replicas"),
            (33, "Name") => Value::text(self.pick(&["min.insync.replicas", "flush.ms"])),
            (44, "Name") => Value::text(self.pick(&["flush.ms", "max.message.bytes", "cleanup.policy", "nonsense"])),
            (19, "Value") => Value::text(if self.random.random_bool(0.9) { "1" } else { "nonsense" }),
            (33, "Value") => Value::text("1"),
            (44, "Value") => Value::text(self.pick(&["150", "100000", "compact", "nonsense"])),
            (32, "ConfigurationKeys") => {
                Value::text(self.pick(&["flush.ms", "retention.ms", "consumer.session.timeout.ms", "nonsense"]))
            }
            (30, "ResourceName") | (29 | 31, "ResourceNameFilter") => Value::text("anything"),
            (30, "Principal") => Value::text("User:anybody"),
            (30, "Host") => Value::text("*"),
            _ => return None,
        })
    }

    fn array(&mut self, field: &Field) -> Option<Value> {
        let nullable = field.nullable.has(self.version);
        match (self.key, field.name.as_str()) {
            (3, "Topics") if self.all && nullable => Some(Value::Null),
            (9, "Topics") if nullable && self.random.random_bool(0.4) => Some(Value::Null),
            (32, "ConfigurationKeys") if nullable && self.random.random_bool(0.5) => Some(Value::Null),
            (37, "Assignments") if nullable && self.validate_only => Some(Value::Null),
            _ => None,
        }
    }

    fn names_topics(&self, field: &Field) -> bool {
        let Kind::Array(element) = &field.kind else { return false };
        match &**element {
            Kind::Struct(fields) => fields.iter().any(|field| {
                field.entity == Entity::Topic && field.versions.has(self.version)
                    || (matches!(self.key, 32 | 33 | 44) && field.name == "ResourceName")
            }),
            Kind::Text => field.entity == Entity::Topic,
            _ => false,
        }
    }
}

impl Choose for Draw<'_> {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value> {
        if field.tagged.has(version) {
            return None;
        }
        if self.key == 0 && field.name == "TransactionalId" {
            self.choose_writer();
            let transactional = self.producer.as_ref().is_some_and(|(_, transactional)| *transactional);
            return Some(if transactional { name(self.transactional_id) } else { Value::Null });
        }
        if self.key == 22 && field.name == "TransactionalId" {
            let none = self.random.random_bool(0.2);
            self.made = Some(Made::Producer((!none).then_some(self.transactional_id)));
            return Some(if none { Value::Null } else { name(self.transactional_id) });
        }
        match (&field.kind, field.entity) {
            (Kind::Array(_), _) => self.array(field),
            (Kind::Text, Entity::Topic) => Some(self.next_topic()),
            (Kind::Text, Entity::Group) => Some(self.group_name()),
            (Kind::Text, Entity::TransactionalId) => Some(name(self.transactional_id)),
            (Kind::Text, _) => self.text(field),
            (Kind::Fixed(bytes), _) if *bytes <= 8 => self.fixed(field, *bytes),
            (Kind::Records, _) => Some(self.records()),
            (Kind::Bytes, _) => match (self.key, field.name.as_str()) {
                (11, "Metadata") => Some(Value::Bytes(embedded::subscription(&["one", "two", "none"]))),
                (14, "Assignment") => Some(Value::Bytes(embedded::assignment(&["one", "two"]))),
                _ => None,
            },
            _ => None,
        }
    }

    fn count(&mut self, field: &Field) -> usize {
        if self.names_topics(field) {
            return if field.name == "ForgottenTopicsData" { 0 } else { self.topics.len() };
        }
        match (self.key, field.name.as_str()) {
            (0, "PartitionData") | (10, "CoordinatorKeys") | (11, "Protocols") => 1,
            (13, "Members") | (9, "Groups") => 1,
            (15, "Groups") | (42, "GroupsNames") | (65, "TransactionalIds") => 1,
            (19, "Assignments") => {
                self.assigned = 0;
                let topic = self.topic_named().to_owned();
                if self.all { 0 } else { self.shape.get(&topic).map_or(1, |(_, partitions)| *partitions) }
            }
            (19 | 37, "BrokerIds") => 1,
            (37, "Assignments") => 1,
            (16, _) | (66, _) => usize::from(self.random.random_bool(0.3)),
            (14, "Assignments") => usize::from(self.random.random_bool(0.9)),
            (20, _) => self.topics.len(),
            _ => self.random.random_range(1..=2),
        }
    }
}
