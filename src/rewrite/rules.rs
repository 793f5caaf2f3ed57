//! The rules table: one row for each API of Kafka 4.3.1, with the versions served and what is done to each direction.
//!
//! Owns which (api key, version) is served at all: what has no row is neither offered nor forwarded. From these rows
//! follow dispatch, our ApiVersions answers and the support table in the README. A test proves them equal to the stable
//! versions in Kafka's own definitions whose listeners include the broker's.

use std::fmt::Write as _;

use super::shape::{Fields, RequestMarks};
use super::shapes::*;

/// What is done to a request.
pub enum RequestRule {
    /// Only its head is looked at.
    Forward,
    /// Its structure is checked while it passes.
    Check(Fields<RequestMarks>),
    /// Looked at up to a mark, behind which the rest is forwarded.
    Front(Fields<RequestMarks>),
    /// Its structure is checked; it goes no further, as we answer it.
    Answer(Fields<RequestMarks>),
}

/// What is done to a response.
pub enum ResponseRule {
    /// Only its head is looked at.
    Forward,
    /// From this version on it is walked and the nodes it names are replaced; below it is forwarded.
    Walk(i16, &'static ResponseShape),
    /// The backend never sends one.
    Own,
}

/// What a namespaced virtual cluster makes of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedRule {
    /// Served up to this version; names are replaced in both directions.
    Served(i16),
    /// Served as without a namespace: nothing of it names anything.
    Untouched,
    /// Offered, and answered SECURITY_DISABLED, as a Kafka without authorizer does.
    Disabled,
    /// Hidden, and answered CLUSTER_AUTHORIZATION_FAILED.
    Refused,
    /// Hidden, and closes the connection.
    Closed,
}

/// One API.
pub struct Rule {
    /// Its key.
    pub key: i16,
    /// As Kafka names it.
    pub name: &'static str,
    /// Lowest version served.
    pub min: i16,
    /// Highest version served.
    pub max: i16,
    /// The first flexible version: from it on the request header is version 2 and the response header version 1.
    /// `NEVER` where no version is.
    pub flexible_from: i16,
    /// What is done to its requests.
    pub request: RequestRule,
    /// What is done to its responses.
    pub response: ResponseRule,
    /// What is made of it where there is a namespace.
    pub named: NamedRule,
}

/// No version is flexible.
pub const NEVER: i16 = i16::MAX;

/// An API of brokers and controllers among themselves: never offered, never forwarded.
#[derive(Clone, Copy, Debug)]
pub struct Internal {
    /// Its key.
    pub key: i16,
    /// As Kafka names it.
    pub name: &'static str,
}

/// The key of ApiVersions.
pub const API_VERSIONS: i16 = 18;
/// The key of Produce.
pub const PRODUCE: i16 = 0;
/// The key of Fetch.
pub const FETCH: i16 = 1;
/// The key of Metadata.
pub const METADATA: i16 = 3;
/// The key of OffsetFetch.
pub const OFFSET_FETCH: i16 = 9;
/// The key of ListGroups.
pub const LIST_GROUPS: i16 = 16;
/// The key of ListTransactions.
pub const LIST_TRANSACTIONS: i16 = 66;

impl Rule {
    /// Whether this version is served.
    pub fn serves(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// Whether this version is flexible.
    pub fn flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }

    const fn named(mut self, named: NamedRule) -> Rule {
        self.named = named;
        self
    }

    const fn checked(mut self, body: Fields<RequestMarks>) -> Rule {
        self.request = RequestRule::Check(body);
        self
    }

    const fn front(mut self, body: Fields<RequestMarks>) -> Rule {
        self.request = RequestRule::Front(body);
        self
    }

    const fn answered(mut self, body: Fields<RequestMarks>) -> Rule {
        self.request = RequestRule::Answer(body);
        self.response = ResponseRule::Own;
        self
    }

    const fn walked(mut self, from: i16, shape: &'static ResponseShape) -> Rule {
        self.response = ResponseRule::Walk(from, shape);
        self
    }
}

const fn row(key: i16, name: &'static str, min: i16, max: i16, flexible_from: i16) -> Rule {
    Rule {
        key,
        name,
        min,
        max,
        flexible_from,
        request: RequestRule::Forward,
        response: ResponseRule::Forward,
        named: Closed,
    }
}

/// What is known of an api key.
#[derive(Clone, Copy)]
pub enum Class {
    /// It is served by this rule.
    Served(&'static Rule),
    /// It is for brokers and controllers among themselves.
    Internal,
    /// No Kafka has it.
    Unknown,
}

/// What is known of `key`.
pub fn class(key: i16) -> Class {
    let slot = usize::try_from(key).ok().and_then(|key| SLOTS.get(key));
    match slot.copied().unwrap_or(Slot::Unknown) {
        Slot::Served(at) => RULES.get(usize::from(at)).map_or(Class::Unknown, Class::Served),
        Slot::Internal => Class::Internal,
        Slot::Unknown => Class::Unknown,
    }
}

/// All rows, by key.
pub fn rules() -> &'static [Rule] {
    RULES
}

/// All APIs that are never served, by key.
pub fn internal() -> &'static [Internal] {
    INTERNAL
}

/// The support table of the README, in Markdown.
pub fn support_table() -> String {
    let mut table = String::from(
        "| key | API | versions | request | response | in a namespace |\n| ---: | --- | --- | --- | --- | --- |\n",
    );
    for rule in RULES {
        let request = match rule.request {
            RequestRule::Forward => "forward",
            RequestRule::Check(_) => "check, forward",
            RequestRule::Front(_) => "read acks, forward",
            RequestRule::Answer(_) => "check",
        };
        let response = match rule.response {
            ResponseRule::Forward => String::from("forward"),
            ResponseRule::Walk(from, _) if from <= rule.min => String::from("walk"),
            ResponseRule::Walk(from, _) => format!("walk from {from}"),
            ResponseRule::Own => String::from("own"),
        };
        let named = match rule.named {
            Served(max) if max == rule.max => String::from("served"),
            Served(max) => format!("served up to {max}"),
            Untouched => String::from("the same"),
            Disabled => String::from("SECURITY_DISABLED"),
            Refused => String::from("refused"),
            Closed => String::from("hidden"),
        };
        let versions = if rule.min == rule.max { rule.min.to_string() } else { format!("{}-{}", rule.min, rule.max) };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| {} | {} | {versions} | {request} | {response} | {named} |", rule.key, rule.name);
    }
    table
}

#[derive(Clone, Copy)]
enum Slot {
    Served(u8),
    Internal,
    Unknown,
}

const KEYS: usize = 93;

/// Key -> row, so that dispatch is one look-up. A key outside, or twice in, the tables does not compile.
#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const SLOTS: [Slot; KEYS] = {
    let mut slots = [Slot::Unknown; KEYS];
    let mut at = 0;
    while at < RULES.len() {
        let key = RULES[at].key as usize;
        assert!(matches!(slots[key], Slot::Unknown), "an api key has two rows");
        slots[key] = Slot::Served(at as u8);
        at += 1;
    }
    at = 0;
    while at < INTERNAL.len() {
        let key = INTERNAL[at].key as usize;
        assert!(matches!(slots[key], Slot::Unknown), "an api key has two rows");
        slots[key] = Slot::Internal;
        at += 1;
    }
    slots
};

use NamedRule::{Closed, Disabled, Refused, Served, Untouched};

/// Where a row differs from Kafka's definitions or stops short of what could be walked:
/// * SaslHandshake 0 is not served: behind it tokens travel without any header, which could not be framed.
/// * InitProducerId 6 is not stable in 4.3.1.
/// * Fetch below 16 is forwarded: of nodes it holds only ids (the preferred read replica of 11-15). A client sent to a
///   replica without a port finds no such node in its metadata and goes on reading from the leader.
/// * A version that we serve and the node does not is forwarded all the same: the node closes the connection, as it
///   does for any client that ignores what was offered.
const RULES: &[Rule] = &[
    row(0, "Produce", 3, 13, 9).named(Served(12)).front(PRODUCE_REQUEST_FRONT).walked(10, &PRODUCE_RESPONSE),
    row(1, "Fetch", 4, 18, 12).named(Served(12)).walked(16, &FETCH_RESPONSE),
    row(2, "ListOffsets", 1, 11, 6).named(Served(11)),
    row(3, "Metadata", 0, 13, 9).named(Served(13)).checked(METADATA_REQUEST).walked(0, &METADATA_RESPONSE),
    row(8, "OffsetCommit", 2, 10, 8).named(Served(9)),
    row(9, "OffsetFetch", 1, 10, 6).named(Served(9)),
    row(10, "FindCoordinator", 0, 6, 3)
        .named(Served(6))
        .checked(FIND_COORDINATOR_REQUEST)
        .walked(0, &FIND_COORDINATOR_RESPONSE),
    row(11, "JoinGroup", 0, 9, 6).named(Served(9)),
    row(12, "Heartbeat", 0, 4, 4).named(Served(4)),
    row(13, "LeaveGroup", 0, 5, 4).named(Served(5)),
    row(14, "SyncGroup", 0, 5, 4).named(Served(5)),
    row(15, "DescribeGroups", 0, 6, 5).named(Served(6)),
    row(16, "ListGroups", 0, 5, 3).named(Served(5)),
    row(17, "SaslHandshake", 1, 1, NEVER).named(Untouched),
    row(18, "ApiVersions", 0, 4, 3).named(Untouched).answered(API_VERSIONS_REQUEST),
    row(19, "CreateTopics", 2, 7, 5).named(Served(7)),
    row(20, "DeleteTopics", 1, 6, 4).named(Served(5)),
    row(21, "DeleteRecords", 0, 2, 2).named(Served(2)),
    row(22, "InitProducerId", 0, 5, 2).named(Served(5)),
    row(23, "OffsetForLeaderEpoch", 2, 4, 4).named(Served(4)),
    row(24, "AddPartitionsToTxn", 0, 5, 3).named(Served(3)),
    row(25, "AddOffsetsToTxn", 0, 4, 3).named(Served(4)),
    row(26, "EndTxn", 0, 5, 3).named(Served(5)),
    row(27, "WriteTxnMarkers", 1, 2, 1).named(Refused),
    row(28, "TxnOffsetCommit", 0, 5, 3).named(Served(5)),
    row(29, "DescribeAcls", 1, 3, 2).named(Disabled),
    row(30, "CreateAcls", 1, 3, 2).named(Disabled),
    row(31, "DeleteAcls", 1, 3, 2).named(Disabled),
    row(32, "DescribeConfigs", 1, 4, 4).named(Served(4)),
    row(33, "AlterConfigs", 0, 2, 2).named(Served(2)),
    row(34, "AlterReplicaLogDirs", 1, 2, 2).named(Refused),
    row(35, "DescribeLogDirs", 1, 5, 2).named(Refused),
    row(36, "SaslAuthenticate", 0, 2, 2).named(Untouched),
    row(37, "CreatePartitions", 0, 3, 2).named(Served(3)),
    row(38, "CreateDelegationToken", 1, 3, 2).named(Refused),
    row(39, "RenewDelegationToken", 1, 2, 2).named(Refused),
    row(40, "ExpireDelegationToken", 1, 2, 2).named(Refused),
    row(41, "DescribeDelegationToken", 1, 3, 2).named(Refused),
    row(42, "DeleteGroups", 0, 2, 2).named(Served(2)),
    row(43, "ElectLeaders", 0, 2, 2).named(Refused),
    row(44, "IncrementalAlterConfigs", 0, 1, 1).named(Served(1)),
    row(45, "AlterPartitionReassignments", 0, 1, 0).named(Refused),
    row(46, "ListPartitionReassignments", 0, 0, 0).named(Refused),
    row(47, "OffsetDelete", 0, 0, NEVER).named(Served(0)),
    row(48, "DescribeClientQuotas", 0, 1, 1).named(Refused),
    row(49, "AlterClientQuotas", 0, 1, 1).named(Refused),
    row(50, "DescribeUserScramCredentials", 0, 0, 0).named(Refused),
    row(51, "AlterUserScramCredentials", 0, 0, 0).named(Refused),
    row(55, "DescribeQuorum", 0, 2, 0)
        .named(Refused)
        .checked(DESCRIBE_QUORUM_REQUEST)
        .walked(2, &DESCRIBE_QUORUM_RESPONSE),
    row(57, "UpdateFeatures", 0, 2, 0).named(Refused),
    row(60, "DescribeCluster", 0, 2, 0)
        .named(Served(2))
        .checked(DESCRIBE_CLUSTER_REQUEST)
        .walked(0, &DESCRIBE_CLUSTER_RESPONSE),
    row(61, "DescribeProducers", 0, 0, 0).named(Served(0)),
    row(64, "UnregisterBroker", 0, 0, 0).named(Refused),
    row(65, "DescribeTransactions", 0, 0, 0).named(Served(0)),
    row(66, "ListTransactions", 0, 2, 0).named(Served(2)),
    row(68, "ConsumerGroupHeartbeat", 0, 1, 0).named(Closed),
    row(69, "ConsumerGroupDescribe", 0, 1, 0).named(Closed),
    row(71, "GetTelemetrySubscriptions", 0, 0, 0).named(Closed),
    row(72, "PushTelemetry", 0, 0, 0).named(Closed),
    row(74, "ListConfigResources", 0, 1, 0).named(Closed),
    row(75, "DescribeTopicPartitions", 0, 0, 0).named(Closed),
    row(76, "ShareGroupHeartbeat", 1, 1, 0).named(Closed),
    row(77, "ShareGroupDescribe", 1, 1, 0).named(Closed),
    row(78, "ShareFetch", 1, 2, 0).named(Closed).walked(1, &SHARE_FETCH_RESPONSE),
    row(79, "ShareAcknowledge", 1, 2, 0).named(Closed).walked(1, &SHARE_ACKNOWLEDGE_RESPONSE),
    row(80, "AddRaftVoter", 0, 1, 0).named(Refused),
    row(81, "RemoveRaftVoter", 0, 0, 0).named(Refused),
    row(83, "InitializeShareGroupState", 0, 0, 0).named(Refused),
    row(84, "ReadShareGroupState", 0, 0, 0).named(Refused),
    row(85, "WriteShareGroupState", 0, 1, 0).named(Refused),
    row(86, "DeleteShareGroupState", 0, 0, 0).named(Refused),
    row(87, "ReadShareGroupStateSummary", 0, 1, 0).named(Refused),
    row(88, "StreamsGroupHeartbeat", 0, 0, 0).named(Closed),
    row(89, "StreamsGroupDescribe", 0, 0, 0).named(Closed),
    row(90, "DescribeShareGroupOffsets", 0, 1, 0).named(Closed),
    row(91, "AlterShareGroupOffsets", 0, 0, 0).named(Closed),
    row(92, "DeleteShareGroupOffsets", 0, 0, 0).named(Closed),
];

const INTERNAL: &[Internal] = &[
    Internal { key: 4, name: "LeaderAndIsr" },
    Internal { key: 5, name: "StopReplica" },
    Internal { key: 6, name: "UpdateMetadata" },
    Internal { key: 7, name: "ControlledShutdown" },
    Internal { key: 52, name: "Vote" },
    Internal { key: 53, name: "BeginQuorumEpoch" },
    Internal { key: 54, name: "EndQuorumEpoch" },
    Internal { key: 56, name: "AlterPartition" },
    Internal { key: 58, name: "Envelope" },
    Internal { key: 59, name: "FetchSnapshot" },
    Internal { key: 62, name: "BrokerRegistration" },
    Internal { key: 63, name: "BrokerHeartbeat" },
    Internal { key: 67, name: "AllocateProducerIds" },
    Internal { key: 70, name: "ControllerRegistration" },
    Internal { key: 73, name: "AssignReplicasToDirs" },
    Internal { key: 82, name: "UpdateRaftVoter" },
];
