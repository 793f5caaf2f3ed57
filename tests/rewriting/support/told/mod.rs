//! Every response with names, twice: as the backend tells it, and as the client is to read it. Both are made by
//! kafka-protocol from the same dice; what is replaced and left out is written down here, entry by entry.

mod admin;
mod data;
mod groups;
mod transactions;

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use klamm::cluster::Mode;
use klamm::wire::Asked;

use super::Dice;
use super::cast::{Cast, FOREIGN, PREFIX, Role};
use super::samples::{encode, string};

/// The cluster ids of the backend and of the virtual cluster.
pub const BACKEND_CLUSTER_ID: &str = "CANARY7f3a-cluster";
pub const CLUSTER_ID: &str = "dmlydHVhbC1jbHVzdGVy";
/// Topic ids that were asked for are combined with this.
pub const ID_MASK: [u8; 16] = [0x5a; 16];
/// The host of node 1, on the backend and for clients.
pub const BACKEND_HOST: &str = "CANARY7f3a-host.internal";
pub const CLIENT_HOST: &str = "gateway.example";
/// The session in Fetch responses.
pub const FETCH_SESSION: i32 = 0x5e55;

/// Who reads a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Backend,
    Client,
}

/// One telling of a response.
pub struct Teller<'a> {
    pub cast: &'a Cast<'a>,
    pub side: Side,
    pub dice: Dice,
    pub version: i16,
    pub flexible: bool,
    /// The error code that the exchange says everything is to show, or 0.
    pub shown_error: i16,
    pub asked: Asked,
    /// Produce may name nodes.
    pub endpoints: bool,
}

/// A default message with these fields.
macro_rules! make {
    ($name:ty { $($field:ident: $value:expr),* $(,)? }) => {{
        let mut one = <$name>::default();
        $(one.$field = $value;)*
        one
    }};
}

/// The same, with unknown tags now and then.
macro_rules! entry {
    ($teller:expr, $name:ty { $($field:ident: $value:expr),* $(,)? }) => {{
        let mut one = make!($name { $($field: $value),* });
        one.unknown_tagged_fields = $teller.unknown_tags();
        one
    }};
}

use {entry, make};

impl Teller<'_> {
    fn since<T: Default>(&self, version: i16, value: T) -> T {
        if self.version >= version { value } else { T::default() }
    }

    fn unknown_tags(&mut self) -> BTreeMap<i32, Bytes> {
        if !self.flexible || self.dice.below(5) > 0 {
            return BTreeMap::new();
        }
        BTreeMap::from([(40, Bytes::from_static(b"unknown")), (1000, Bytes::from(vec![9; 150]))])
    }

    /// Entries; `None` is one that the client does not get.
    fn entries<T>(&mut self, mut make: impl FnMut(&mut Self) -> Option<T>) -> Vec<T> {
        let count = [0, 1, 2, 3, 5, 9, 130][usize::try_from(self.dice.below(7)).unwrap()];
        (0..count).filter_map(|_| make(self)).collect()
    }

    /// Parts of an entry.
    fn few<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.dice.below(4)).map(|_| make(self)).collect()
    }

    fn name(&self, role: &Role) -> Option<StrBytes> {
        let bytes = match self.side {
            Side::Backend => Some(&role.physical),
            Side::Client => role.shown.as_ref(),
        };
        bytes.map(|bytes| string(std::str::from_utf8(bytes).unwrap()))
    }

    fn topic(&mut self) -> (Role, Option<TopicName>) {
        let role = self.cast.topic(&mut self.dice);
        let name = self.name(&role).map(TopicName);
        (role, name)
    }

    fn group(&mut self, listed: bool) -> (Role, Option<GroupId>) {
        let mut role = self.cast.group(&mut self.dice);
        if listed && role.refused != 0 {
            role.shown = None;
        }
        let name = self.name(&role).map(GroupId);
        (role, name)
    }

    fn transactional_id(&mut self, listed: bool) -> (Role, Option<TransactionalId>) {
        let mut role = self.cast.transactional_id(&mut self.dice);
        if listed && role.refused != 0 {
            role.shown = None;
        }
        let name = self.name(&role).map(TransactionalId);
        (role, name)
    }

    /// The error code that is shown in place of the backend's.
    fn code(&mut self, refused: i16) -> i16 {
        let code = [0, 0, 3, 17, 40, 44][usize::try_from(self.dice.below(6)).unwrap()];
        self.shown_code(code, refused)
    }

    fn shown_code(&self, code: i16, refused: i16) -> i16 {
        match self.side {
            Side::Backend => code,
            Side::Client if self.shown_error != 0 => self.shown_error,
            Side::Client if refused != 0 => refused,
            Side::Client => code,
        }
    }

    /// An error code and the text that explains it.
    fn fault(&mut self, refused: i16) -> (i16, Option<StrBytes>) {
        let code = self.raw_code();
        let text = self.text(code, refused);
        (self.shown_code(code, refused), text)
    }

    fn raw_code(&mut self) -> i16 {
        [0, 3, 17, 40, 44, 87][usize::try_from(self.dice.below(6)).unwrap()]
    }

    fn text(&mut self, code: i16, refused: i16) -> Option<StrBytes> {
        let own = format!("Topic {PREFIX}orders breaks the policy");
        let foreign = format!("{PREFIX}orders collides with {FOREIGN}.orders");
        let rejected = format!("no such thing: {PREFIX}/ia/b");
        let texts = [None, Some(String::new()), Some("plain".into()), Some(own), Some(foreign), Some(rejected)];
        let text = texts[usize::try_from(self.dice.below(6)).unwrap()].clone();
        let told = matches!(code, 40 | 44) && refused == 0 && self.shown_error == 0;
        let shown = match (self.side, &text) {
            (Side::Backend, _) => text,
            (Side::Client, _) if !told => None,
            (Side::Client, Some(text)) if self.cast.names.mode == Mode::HidePrefix => {
                let text = text.replace(PREFIX, "");
                (!text.contains(FOREIGN) && !text.contains("/i")).then_some(text)
            }
            // Where nothing is hidden, only what is another tenant's.
            (Side::Client, Some(text)) if self.cast.names.mode == Mode::EnforcePrefix => {
                (!text.contains(FOREIGN) && !text.contains("/i")).then_some(text.clone())
            }
            (Side::Client, _) => text.filter(|text| !text.contains(FOREIGN) && !text.contains(PREFIX)),
        };
        shown.map(|text| string(&text))
    }

    fn operations(&mut self) -> i32 {
        let told = [i32::MIN, 0xff8, 0][usize::try_from(self.dice.below(3)).unwrap()];
        if self.side == Side::Client { i32::MIN } else { told }
    }

    fn cluster_id(&self) -> StrBytes {
        string(if self.side == Side::Client { CLUSTER_ID } else { BACKEND_CLUSTER_ID })
    }

    fn host(&self) -> StrBytes {
        string(if self.side == Side::Client { CLIENT_HOST } else { BACKEND_HOST })
    }

    fn port(&self) -> i32 {
        // The tests' view has node 1 at its second port.
        if self.side == Side::Client { 19093 } else { 9092 }
    }

    fn records(&mut self) -> Option<Bytes> {
        let bytes = [None, Some(0), Some(61), Some(3000)][usize::try_from(self.dice.below(4)).unwrap()];
        bytes.map(|bytes| Bytes::from(vec![0x5a; bytes]))
    }

    /// A blob of the consumer protocol, by hand: the crate refuses newer versions and what is behind them.
    fn subscription(&mut self, consumer: bool) -> Bytes {
        if !consumer {
            return Bytes::from_static(b"of another protocol");
        }
        let version = i16::try_from(self.dice.below(6)).unwrap();
        let mut bytes = BytesMut::new();
        bytes.put_i16(version);
        self.blob_topics(&mut bytes, false);
        bytes.put_i32(-1);
        if version >= 1 {
            self.blob_topics(&mut bytes, true);
        }
        if version >= 2 {
            bytes.put_i32(7);
        }
        bytes.freeze()
    }

    fn assignment(&mut self, consumer: bool) -> Bytes {
        if !consumer || self.dice.below(4) == 0 {
            return Bytes::new();
        }
        let mut bytes = BytesMut::new();
        bytes.put_i16(3);
        self.blob_topics(&mut bytes, true);
        bytes.put_i32(2);
        bytes.put_slice(b"ud");
        bytes.freeze()
    }

    fn blob_topics(&mut self, into: &mut BytesMut, partitions: bool) {
        let topics: Vec<_> = self.few(|t| {
            let role = t.cast.topic(&mut t.dice);
            (if t.side == Side::Client { role.shown } else { Some(role.physical) }, t.few(|_| 5))
        });
        let kept: Vec<_> = topics.into_iter().filter_map(|(name, partitions)| Some((name?, partitions))).collect();
        into.put_i32(i32::try_from(kept.len()).unwrap());
        for (name, indexes) in kept {
            into.put_i16(i16::try_from(name.len()).unwrap());
            into.put_slice(&name);
            if partitions {
                into.put_i32(i32::try_from(indexes.len()).unwrap());
                indexes.iter().for_each(|index| into.put_i32(*index));
            }
        }
    }

    /// What another protocol has in its blobs is its own affair.
    fn protocol_type(&mut self) -> &'static str {
        if self.dice.below(4) == 0 { "connect" } else { "consumer" }
    }

    /// The body of a response to `key`.
    pub fn body(&mut self, key: i16) -> Vec<u8> {
        let version = self.version;
        match key {
            0 => encode(&self.produce(), version),
            1 => encode(&self.fetch(), version),
            // The crate ends at 10; 11 has the same layout.
            2 => encode(&self.list_offsets(), version.min(10)),
            3 => encode(&self.metadata(), version),
            8 => encode(&self.offset_commit(), version),
            9 => encode(&self.offset_fetch(), version),
            10 => encode(&self.find_coordinator(), version),
            11 => encode(&self.join_group(), version),
            12 => encode(&make!(HeartbeatResponse { error_code: self.code(0) }), version),
            13 => encode(&self.leave_group(), version),
            14 => encode(&self.sync_group(), version),
            15 => encode(&self.describe_groups(), version),
            16 => encode(&self.list_groups(), version),
            19 => encode(&self.create_topics(), version),
            20 => encode(&self.delete_topics(), version),
            21 => encode(&self.delete_records(), version),
            22 => {
                let code = self.code(0);
                encode(&make!(InitProducerIdResponse { error_code: code, producer_id: 77.into() }), version)
            }
            23 => encode(&self.offset_for_leader_epoch(), version),
            24 => encode(&self.add_partitions_to_txn(), version),
            25 => encode(&make!(AddOffsetsToTxnResponse { error_code: self.code(0) }), version),
            26 => encode(&make!(EndTxnResponse { error_code: self.code(0) }), version),
            28 => encode(&self.txn_offset_commit(), version),
            32 => encode(&self.describe_configs(), version),
            33 => encode(&self.alter_configs(), version),
            37 => encode(&self.create_partitions(), version),
            42 => encode(&self.delete_groups(), version),
            44 => encode(&self.incremental_alter_configs(), version),
            47 => encode(&self.offset_delete(), version),
            60 => encode(&self.describe_cluster(), version),
            61 => encode(&self.describe_producers(), version),
            65 => encode(&self.describe_transactions(), version),
            66 => encode(&self.list_transactions(), version),
            other => panic!("no telling of key {other}"),
        }
    }
}

/// An id; the type is inferred, as kafka-protocol does not name it.
fn kafka_uuid<T: std::str::FromStr<Err: std::fmt::Debug>>(bytes: [u8; 16]) -> T {
    bytes.map(|byte| format!("{byte:02x}")).concat().parse().unwrap()
}
