//! Responses that name nodes, made with kafka-protocol: an encoder that this repository did not write.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    BrokerId, DescribeClusterResponse, DescribeQuorumResponse, FetchResponse, FindCoordinatorResponse,
    MetadataResponse, ProduceResponse, ShareAcknowledgeResponse, ShareFetchResponse, TopicName,
    describe_cluster_response, describe_quorum_response, fetch_response, find_coordinator_response, metadata_response,
    produce_response, share_acknowledge_response, share_fetch_response,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::Dice;

/// Backend hosts are made of this; nothing else in a sample has three in a row.
pub const HOST_BYTE: u8 = b'~';

/// An id of ours, or none; the type is inferred, as kafka-protocol does not name it.
macro_rules! uuid {
    ($some:expr) => {
        if $some { "07070707-0707-0707-0707-070707070707".parse().unwrap() } else { Default::default() }
    };
}

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

fn host(dice: &mut Dice) -> StrBytes {
    let length = match dice.below(4) {
        0 => 1,
        1 => 126,
        2 => 200,
        _ => 1 + dice.below(40),
    };
    string(&"~".repeat(usize::try_from(length).unwrap()))
}

fn port(dice: &mut Dice) -> i32 {
    i32::try_from(1 + dice.below(65_000)).unwrap()
}

fn rack(dice: &mut Dice) -> Option<StrBytes> {
    match dice.below(3) {
        0 => None,
        1 => Some(string("")),
        _ => Some(string("use1-az4")),
    }
}

/// 1 to 3 have a port in the tests' view, 0, 4 and 5 none, -1 is nobody.
fn node(dice: &mut Dice) -> BrokerId {
    BrokerId(i32::try_from(dice.below(7)).unwrap() - 1)
}

fn count(dice: &mut Dice, max: u64) -> usize {
    usize::try_from(dice.below(max + 1)).unwrap()
}

fn tags(dice: &mut Dice, flexible: bool) -> BTreeMap<i32, Bytes> {
    if !flexible || dice.below(4) > 0 {
        return BTreeMap::new();
    }
    let long = Bytes::from(vec![9u8; count(dice, 300)]);
    BTreeMap::from([(40, Bytes::from_static(b"unknown")), (1000, long)])
}

fn message(dice: &mut Dice, exists: bool) -> Option<StrBytes> {
    (exists && dice.below(2) == 0).then(|| string("it went wrong"))
}

fn many<T>(dice: &mut Dice, max: u64, mut make: impl FnMut(&mut Dice) -> T) -> Vec<T> {
    (0..count(dice, max)).map(|_| make(dice)).collect()
}

fn error(dice: &mut Dice) -> i16 {
    if dice.below(3) == 0 { 9 } else { 0 }
}

pub fn metadata(dice: &mut Dice, version: i16) -> MetadataResponse {
    let flexible = version >= 9;
    let mut all = MetadataResponse::default();
    all.throttle_time_ms = if version >= 3 { 7 } else { 0 };
    all.brokers = many(dice, 6, |dice| {
        let mut one = metadata_response::MetadataResponseBroker::default();
        one.node_id = node(dice);
        one.host = host(dice);
        one.port = port(dice);
        one.rack = if version >= 1 { rack(dice) } else { None };
        one.unknown_tagged_fields = tags(dice, flexible);
        one
    });
    all.cluster_id = if version >= 2 { Some(string("cluster")) } else { None };
    all.controller_id = if version >= 1 { node(dice) } else { BrokerId(-1) };
    all.topics = many(dice, 4, |dice| {
        let mut topic = metadata_response::MetadataResponseTopic::default();
        topic.error_code = error(dice);
        topic.name = Some(TopicName(string("a-topic")));
        if version >= 12 && dice.below(4) == 0 {
            topic.name = None;
        }
        topic.topic_id = uuid!(version >= 10);
        topic.is_internal = version >= 1 && dice.below(2) == 0;
        topic.partitions = many(dice, 4, |dice| {
            let mut one = metadata_response::MetadataResponsePartition::default();
            one.error_code = error(dice);
            one.partition_index = 3;
            one.leader_id = node(dice);
            one.leader_epoch = if version >= 7 { 5 } else { -1 };
            one.replica_nodes = many(dice, 3, node);
            one.isr_nodes = many(dice, 3, node);
            one.offline_replicas = if version >= 5 { many(dice, 2, node) } else { Vec::new() };
            one.unknown_tagged_fields = tags(dice, flexible);
            one
        });
        topic.topic_authorized_operations = if version >= 8 { 31 } else { i32::MIN };
        topic.unknown_tagged_fields = tags(dice, flexible);
        topic
    });
    all.cluster_authorized_operations = if (8..=10).contains(&version) { 31 } else { i32::MIN };
    all.error_code = if version >= 13 { error(dice) } else { 0 };
    all.unknown_tagged_fields = tags(dice, flexible);
    all
}

pub fn find_coordinator(dice: &mut Dice, version: i16) -> FindCoordinatorResponse {
    let mut all = FindCoordinatorResponse::default();
    all.throttle_time_ms = if version >= 1 { 7 } else { 0 };
    if version <= 3 {
        all.error_code = error(dice);
        all.error_message = message(dice, version >= 1);
        all.node_id = node(dice);
        let nobody = all.node_id.0 < 0;
        all.host = if nobody { string("") } else { host(dice) };
        all.port = if nobody { -1 } else { port(dice) };
    } else {
        all.coordinators = many(dice, 4, |dice| {
            let mut one = find_coordinator_response::Coordinator::default();
            one.key = string("a-group");
            one.node_id = node(dice);
            let nobody = one.node_id.0 < 0;
            one.host = if nobody { string("") } else { host(dice) };
            one.port = if nobody { -1 } else { port(dice) };
            one.error_code = error(dice);
            one.error_message = message(dice, true);
            one.unknown_tagged_fields = tags(dice, true);
            one
        });
    }
    all.unknown_tagged_fields = tags(dice, version >= 3);
    all
}

pub fn describe_cluster(dice: &mut Dice, version: i16) -> DescribeClusterResponse {
    let mut all = DescribeClusterResponse::default();
    all.throttle_time_ms = 7;
    all.error_code = error(dice);
    all.error_message = message(dice, true);
    all.endpoint_type = 1;
    all.cluster_id = string("cluster");
    all.controller_id = node(dice);
    all.brokers = many(dice, 130, |dice| {
        let mut one = describe_cluster_response::DescribeClusterBroker::default();
        one.broker_id = node(dice);
        one.host = host(dice);
        one.port = port(dice);
        one.rack = rack(dice);
        one.is_fenced = version >= 2 && dice.below(2) == 0;
        one.unknown_tagged_fields = tags(dice, true);
        one
    });
    all.cluster_authorized_operations = 31;
    all.unknown_tagged_fields = tags(dice, true);
    all
}

pub fn describe_quorum(dice: &mut Dice, version: i16) -> DescribeQuorumResponse {
    let replica = |dice: &mut Dice| {
        let mut one = describe_quorum_response::ReplicaState::default();
        one.replica_id = node(dice);
        one.replica_directory_id = uuid!(version >= 2);
        one.log_end_offset = 1000;
        one.last_fetch_timestamp = if version >= 1 { 8 } else { -1 };
        one.last_caught_up_timestamp = if version >= 1 { 8 } else { -1 };
        one
    };
    let mut all = DescribeQuorumResponse::default();
    all.error_code = error(dice);
    all.error_message = message(dice, version >= 2);
    all.topics = many(dice, 2, |dice| {
        let mut topic = describe_quorum_response::TopicData::default();
        topic.topic_name = TopicName(string("__cluster_metadata"));
        topic.partitions = many(dice, 2, |dice| {
            let mut one = describe_quorum_response::PartitionData::default();
            one.error_message = message(dice, version >= 2);
            one.leader_id = node(dice);
            one.current_voters = many(dice, 3, replica);
            one.observers = many(dice, 3, replica);
            one
        });
        topic
    });
    if version >= 2 {
        all.nodes = many(dice, 3, |dice| {
            let mut one = describe_quorum_response::Node::default();
            one.node_id = node(dice);
            one.listeners = many(dice, 2, |dice| {
                let mut listener = describe_quorum_response::Listener::default();
                listener.name = string("CONTROLLER");
                listener.host = host(dice);
                listener.port = 9093;
                listener
            });
            one
        });
    }
    all.unknown_tagged_fields = tags(dice, true);
    all
}

pub fn produce(dice: &mut Dice, version: i16) -> ProduceResponse {
    let flexible = version >= 9;
    let mut all = ProduceResponse::default();
    all.throttle_time_ms = 7;
    all.responses = many(dice, 3, |dice| {
        let mut topic = produce_response::TopicProduceResponse::default();
        topic.name = TopicName(string(if version <= 12 { "a-topic" } else { "" }));
        topic.topic_id = uuid!(version >= 13);
        topic.partition_responses = many(dice, 3, |dice| {
            let mut one = produce_response::PartitionProduceResponse::default();
            one.error_code = error(dice);
            one.base_offset = 12;
            one.log_append_time_ms = 13;
            one.log_start_offset = if version >= 5 { 14 } else { -1 };
            if version >= 8 {
                one.record_errors = many(dice, 2, |dice| {
                    let mut wrong = produce_response::BatchIndexAndErrorMessage::default();
                    wrong.batch_index_error_message = message(dice, true);
                    wrong
                });
                one.error_message = message(dice, true);
            }
            if version >= 10 && dice.below(2) == 0 {
                one.current_leader.leader_id = node(dice);
                one.current_leader.leader_epoch = 4;
            }
            one.unknown_tagged_fields = tags(dice, flexible);
            one
        });
        topic
    });
    if version >= 10 {
        all.node_endpoints = many(dice, 4, |dice| {
            let mut one = produce_response::NodeEndpoint::default();
            (one.node_id, one.host, one.port, one.rack) = (node(dice), host(dice), port(dice), rack(dice));
            one.unknown_tagged_fields = tags(dice, true);
            one
        });
    }
    all.unknown_tagged_fields = tags(dice, flexible);
    all
}

pub fn fetch(dice: &mut Dice, version: i16) -> FetchResponse {
    let mut all = FetchResponse::default();
    all.throttle_time_ms = 7;
    all.error_code = error(dice);
    all.session_id = 3;
    all.responses = many(dice, 3, |dice| {
        let mut topic = fetch_response::FetchableTopicResponse::default();
        topic.topic_id = uuid!(true);
        topic.partitions = many(dice, 3, |dice| {
            let mut one = fetch_response::PartitionData::default();
            one.error_code = error(dice);
            one.high_watermark = 12;
            one.aborted_transactions =
                (dice.below(2) == 0).then(|| many(dice, 2, |_| fetch_response::AbortedTransaction::default()));
            one.preferred_read_replica = node(dice);
            one.records = (dice.below(4) > 0).then(|| Bytes::from(vec![0x5a; count(dice, 700)]));
            if dice.below(2) == 0 {
                one.current_leader.leader_id = node(dice);
                one.current_leader.leader_epoch = 4;
            }
            one.unknown_tagged_fields = tags(dice, true);
            one
        });
        topic
    });
    if version >= 16 {
        all.node_endpoints = many(dice, 4, |dice| {
            let mut one = fetch_response::NodeEndpoint::default();
            (one.node_id, one.host, one.port, one.rack) = (node(dice), host(dice), port(dice), rack(dice));
            one.unknown_tagged_fields = tags(dice, true);
            one
        });
    }
    all.unknown_tagged_fields = tags(dice, true);
    all
}

pub fn share_fetch(dice: &mut Dice, _version: i16) -> ShareFetchResponse {
    let mut all = ShareFetchResponse::default();
    all.error_code = error(dice);
    all.error_message = message(dice, true);
    all.responses = many(dice, 3, |dice| {
        let mut topic = share_fetch_response::ShareFetchableTopicResponse::default();
        topic.topic_id = uuid!(true);
        topic.partitions = many(dice, 3, |dice| {
            let mut one = share_fetch_response::PartitionData::default();
            one.error_message = message(dice, true);
            one.acknowledge_error_message = message(dice, true);
            one.current_leader.leader_id = node(dice).0;
            one.records = Some(Bytes::from(vec![0x5a; count(dice, 700)]));
            one.acquired_records = many(dice, 2, |_| share_fetch_response::AcquiredRecords::default());
            one.unknown_tagged_fields = tags(dice, true);
            one
        });
        topic
    });
    all.node_endpoints = many(dice, 4, |dice| {
        let mut one = share_fetch_response::NodeEndpoint::default();
        (one.node_id, one.host, one.port, one.rack) = (node(dice), host(dice), port(dice), rack(dice));
        one.unknown_tagged_fields = tags(dice, true);
        one
    });
    all.unknown_tagged_fields = tags(dice, true);
    all
}

pub fn share_acknowledge(dice: &mut Dice, _version: i16) -> ShareAcknowledgeResponse {
    let mut all = ShareAcknowledgeResponse::default();
    all.error_code = error(dice);
    all.error_message = None;
    all.responses = many(dice, 3, |dice| {
        let mut topic = share_acknowledge_response::ShareAcknowledgeTopicResponse::default();
        topic.topic_id = uuid!(true);
        topic.partitions = many(dice, 3, |dice| {
            let mut one = share_acknowledge_response::PartitionData::default();
            one.error_message = message(dice, true);
            one.current_leader.leader_id = node(dice).0;
            one
        });
        topic
    });
    all.node_endpoints = many(dice, 4, |dice| {
        let mut one = share_acknowledge_response::NodeEndpoint::default();
        (one.node_id, one.host, one.port, one.rack) = (node(dice), host(dice), port(dice), rack(dice));
        one.unknown_tagged_fields = tags(dice, true);
        one
    });
    all.unknown_tagged_fields = tags(dice, true);
    all
}

/// kafka-protocol 0.18 ends at version 1; the response of version 2 has the same layout.
pub fn encode_share_fetch(message: &ShareFetchResponse, _version: i16) -> Vec<u8> {
    encode(message, 1)
}

/// kafka-protocol 0.18 ends at version 1; version 2 adds AcquisitionLockTimeoutMs behind ErrorMessage.
pub fn encode_share_acknowledge(message: &ShareAcknowledgeResponse, version: i16) -> Vec<u8> {
    let mut bytes = encode(message, 1);
    if version >= 2 {
        bytes.splice(LOCK_TIMEOUT_AT..LOCK_TIMEOUT_AT, [0, 0, 0, 30]);
    }
    bytes
}

pub fn decode_share_acknowledge(bytes: &[u8], version: i16) -> ShareAcknowledgeResponse {
    let mut bytes = bytes.to_vec();
    if version >= 2 {
        let timeout: Vec<u8> = bytes.drain(LOCK_TIMEOUT_AT..LOCK_TIMEOUT_AT + 4).collect();
        assert_eq!(timeout, [0, 0, 0, 30]);
    }
    decode(&bytes, 1)
}

/// Behind the throttle time, the error code and an error message of no bytes.
const LOCK_TIMEOUT_AT: usize = 4 + 2 + 1;

/// (key, lowest version, highest version) of the walked responses.
pub const WALKED: [(i16, i16, i16); 8] =
    [(0, 10, 13), (1, 16, 18), (3, 0, 13), (10, 0, 6), (55, 2, 2), (60, 0, 2), (78, 1, 2), (79, 1, 2)];

/// The body of a random response.
pub fn body(dice: &mut Dice, key: i16, version: i16) -> Vec<u8> {
    match key {
        0 => encode(&produce(dice, version), version),
        1 => encode(&fetch(dice, version), version),
        3 => encode(&metadata(dice, version), version),
        10 => encode(&find_coordinator(dice, version), version),
        55 => encode(&describe_quorum(dice, version), version),
        60 => encode(&describe_cluster(dice, version), version),
        78 => encode_share_fetch(&share_fetch(dice, version), version),
        79 => encode_share_acknowledge(&share_acknowledge(dice, version), version),
        other => panic!("no sample of key {other}"),
    }
}
