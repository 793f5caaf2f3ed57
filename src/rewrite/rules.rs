//! The rules table: one row for each API of Kafka 4.3.1, with the versions served and what is done to each direction.
//!
//! Owns what is done with each API: what has no row is neither offered nor forwarded. Keys, names, versions and layouts are
//! those of [`crate::wire::APIS`]; a row says the rest. From these rows follow dispatch, our ApiVersions answers and the
//! support table in the README.

use std::fmt::Write as _;

use crate::wire::{APIS, Api, INTERNAL, key::*};

/// What is done to a request.
pub enum RequestRule {
    /// Only its head is looked at.
    Forward,
    /// Its structure is checked while it passes.
    Check,
    /// Looked at up to its acks, behind which the rest is forwarded.
    ReadAcks,
    /// Its structure is checked; it goes no further, as we answer it.
    Answer,
}

/// How much of a walked response must be here before its first byte can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nothing: its length does not change.
    Nothing,
    /// All up to the end of its brokers: behind them the length does not change. Where none of them is left out, nothing
    /// does: the rest passes.
    UntilBrokers,
    /// All of it.
    Whole,
}

/// What a name that is not of this virtual cluster means in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Its entry is left out: the backend lists what it has.
    LeftOut,
    /// The backend answers exactly what was asked: every name was ours, so that one that is not breaks the response. (A
    /// partition that is missing would be waited for.)
    Refused,
}

/// What is done to a response.
pub enum ResponseRule {
    /// Only its head is looked at.
    Forward,
    /// From this version on it is walked and the nodes it names are replaced; below it is forwarded.
    Walk(i16, Hold),
    /// The backend never sends one.
    Own,
}

/// What a namespaced virtual cluster makes of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceRule {
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
    /// [`crate::wire::NEVER`] where no version is.
    pub flexible_from: i16,
    /// What is done to its requests.
    pub request: RequestRule,
    /// What is done to its responses.
    pub response: ResponseRule,
    /// What is made of it where there is a namespace.
    pub named: NamespaceRule,
    /// What a foreign name in its responses means there.
    pub foreign: Foreign,
}

impl Rule {
    /// Whether this version is served.
    pub fn serves(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// Whether this version is flexible.
    pub fn flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }

    const fn named(mut self, named: NamespaceRule) -> Rule {
        self.named = named;
        self
    }

    const fn exact(mut self) -> Rule {
        self.foreign = Foreign::Refused;
        self
    }

    const fn checked(mut self) -> Rule {
        self.request = RequestRule::Check;
        self
    }

    const fn acks_read(mut self) -> Rule {
        self.request = RequestRule::ReadAcks;
        self
    }

    const fn answered(mut self) -> Rule {
        self.request = RequestRule::Answer;
        self.response = ResponseRule::Own;
        self
    }

    const fn walked(mut self, from: i16, hold: Hold) -> Rule {
        self.response = ResponseRule::Walk(from, hold);
        self
    }
}

const fn row(key: i16) -> Rule {
    let Api { name, versions, flexible_from, .. } = layout(key);
    Rule {
        key,
        name,
        min: versions.first,
        max: versions.last,
        flexible_from: *flexible_from,
        request: RequestRule::Forward,
        response: ResponseRule::Forward,
        named: Closed,
        foreign: Foreign::LeftOut,
    }
}

/// Of a key that has none, this does not compile.
#[expect(clippy::indexing_slicing, reason = "only the compiler runs it")]
const fn layout(key: i16) -> &'static Api {
    let mut at = 0;
    while APIS[at].key != key {
        at += 1;
    }
    &APIS[at]
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

/// The row of this API.
pub fn rule(key: i16) -> Option<&'static Rule> {
    match class(key) {
        Class::Served(rule) => Some(rule),
        Class::Internal | Class::Unknown => None,
    }
}

/// What the words of the table mean, in Markdown.
const WORDS: &str = "\
| word | means |\n\
|---|---|\n\
| forward | passes behind its head, unread |\n\
| check, read acks | its structure is checked while it passes; a Produce is read up to its acks |\n\
| walk | node addresses in it are replaced |\n\
| own | Klamm answers |\n\
| served | in a namespace: names are replaced in both directions; above the version, where there is one, topics have ids in place of names, and it is not offered |\n\
| the same | in a namespace: nothing in it names anything |\n\
| SECURITY_DISABLED | in a namespace: offered, and answered as by a Kafka without an authorizer |\n\
| refused | in a namespace: not offered, and answered CLUSTER_AUTHORIZATION_FAILED in the shape of its API |\n\
| hidden | in a namespace: not offered, and closes the connection |\n\n";

/// The support table of the README, in Markdown, behind what its words mean.
pub fn support_table() -> String {
    let mut table = String::from(WORDS);
    table.push_str(
        "| key | API | versions | request | response | in a namespace |\n| ---: | --- | --- | --- | --- | --- |\n",
    );
    for rule in RULES {
        let request = match rule.request {
            RequestRule::Forward => "forward",
            RequestRule::Check => "check, forward",
            RequestRule::ReadAcks => "read acks, forward",
            RequestRule::Answer => "check",
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

const _: () = assert!(RULES.len() == APIS.len(), "an API of Kafka has no row: it must be decided what becomes of it");

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
        let key = INTERNAL[at].0 as usize;
        assert!(matches!(slots[key], Slot::Unknown), "an api key has two rows");
        slots[key] = Slot::Internal;
        at += 1;
    }
    slots
};

use NamespaceRule::{Closed, Disabled, Refused, Served, Untouched};

/// Where a row stops short of what could be walked:
/// * Fetch below 16 is forwarded: of nodes it holds only ids (the preferred read replica of 11-15). A client sent to a
///   replica without a port finds no such node in its metadata and goes on reading from the leader.
/// * A version that we serve and the node does not is forwarded all the same: the node closes the connection, as it
///   does for any client that ignores what was offered.
const RULES: &[Rule] = &[
    row(PRODUCE).named(Served(12)).exact().acks_read().walked(10, Hold::Nothing),
    row(FETCH).named(Served(12)).exact().walked(16, Hold::Nothing),
    row(LIST_OFFSETS).named(Served(11)),
    row(METADATA).named(Served(13)).checked().walked(0, Hold::UntilBrokers),
    row(OFFSET_COMMIT).named(Served(9)),
    row(OFFSET_FETCH).named(Served(9)),
    row(FIND_COORDINATOR).named(Served(6)).checked().walked(0, Hold::Whole),
    row(JOIN_GROUP).named(Served(9)).exact(),
    row(HEARTBEAT).named(Served(4)),
    row(LEAVE_GROUP).named(Served(5)),
    row(SYNC_GROUP).named(Served(5)).exact(),
    row(DESCRIBE_GROUPS).named(Served(6)),
    row(LIST_GROUPS).named(Served(5)),
    row(SASL_HANDSHAKE).named(Untouched),
    row(API_VERSIONS).named(Untouched).answered(),
    row(CREATE_TOPICS).named(Served(7)),
    row(DELETE_TOPICS).named(Served(5)),
    row(DELETE_RECORDS).named(Served(2)),
    row(INIT_PRODUCER_ID).named(Served(5)),
    row(OFFSET_FOR_LEADER_EPOCH).named(Served(4)),
    row(ADD_PARTITIONS_TO_TXN).named(Served(3)),
    row(ADD_OFFSETS_TO_TXN).named(Served(4)),
    row(END_TXN).named(Served(5)),
    row(WRITE_TXN_MARKERS).named(Refused),
    row(TXN_OFFSET_COMMIT).named(Served(5)),
    row(DESCRIBE_ACLS).named(Disabled),
    row(CREATE_ACLS).named(Disabled),
    row(DELETE_ACLS).named(Disabled),
    row(DESCRIBE_CONFIGS).named(Served(4)),
    row(ALTER_CONFIGS).named(Served(2)),
    row(ALTER_REPLICA_LOG_DIRS).named(Refused),
    row(DESCRIBE_LOG_DIRS).named(Refused),
    row(SASL_AUTHENTICATE).named(Untouched),
    row(CREATE_PARTITIONS).named(Served(3)),
    row(CREATE_DELEGATION_TOKEN).named(Refused),
    row(RENEW_DELEGATION_TOKEN).named(Refused),
    row(EXPIRE_DELEGATION_TOKEN).named(Refused),
    row(DESCRIBE_DELEGATION_TOKEN).named(Refused),
    row(DELETE_GROUPS).named(Served(2)),
    row(ELECT_LEADERS).named(Refused),
    row(INCREMENTAL_ALTER_CONFIGS).named(Served(1)),
    row(ALTER_PARTITION_REASSIGNMENTS).named(Refused),
    row(LIST_PARTITION_REASSIGNMENTS).named(Refused),
    row(OFFSET_DELETE).named(Served(0)),
    row(DESCRIBE_CLIENT_QUOTAS).named(Refused),
    row(ALTER_CLIENT_QUOTAS).named(Refused),
    row(DESCRIBE_USER_SCRAM_CREDENTIALS).named(Refused),
    row(ALTER_USER_SCRAM_CREDENTIALS).named(Refused),
    row(DESCRIBE_QUORUM).named(Refused).checked().walked(2, Hold::Whole),
    row(UPDATE_FEATURES).named(Refused),
    row(DESCRIBE_CLUSTER).named(Served(2)).checked().walked(0, Hold::Whole),
    row(DESCRIBE_PRODUCERS).named(Served(0)),
    row(UNREGISTER_BROKER).named(Refused),
    row(DESCRIBE_TRANSACTIONS).named(Served(0)),
    row(LIST_TRANSACTIONS).named(Served(2)),
    row(CONSUMER_GROUP_HEARTBEAT).named(Closed),
    row(CONSUMER_GROUP_DESCRIBE).named(Closed),
    row(GET_TELEMETRY_SUBSCRIPTIONS).named(Closed),
    row(PUSH_TELEMETRY).named(Closed),
    row(LIST_CONFIG_RESOURCES).named(Closed),
    row(DESCRIBE_TOPIC_PARTITIONS).named(Closed),
    row(SHARE_GROUP_HEARTBEAT).named(Closed),
    row(SHARE_GROUP_DESCRIBE).named(Closed),
    row(SHARE_FETCH).named(Closed).walked(1, Hold::Nothing),
    row(SHARE_ACKNOWLEDGE).named(Closed).walked(1, Hold::Nothing),
    row(ADD_RAFT_VOTER).named(Refused),
    row(REMOVE_RAFT_VOTER).named(Refused),
    row(INITIALIZE_SHARE_GROUP_STATE).named(Refused),
    row(READ_SHARE_GROUP_STATE).named(Refused),
    row(WRITE_SHARE_GROUP_STATE).named(Refused),
    row(DELETE_SHARE_GROUP_STATE).named(Refused),
    row(READ_SHARE_GROUP_STATE_SUMMARY).named(Refused),
    row(STREAMS_GROUP_HEARTBEAT).named(Closed),
    row(STREAMS_GROUP_DESCRIBE).named(Closed),
    row(DESCRIBE_SHARE_GROUP_OFFSETS).named(Closed),
    row(ALTER_SHARE_GROUP_OFFSETS).named(Closed),
    row(DELETE_SHARE_GROUP_OFFSETS).named(Served(0)),
];
