//! The messages that are measured, as a client and a broker would write them: each topic has a name of its own, and a
//! broker's answers carry the names that the backend knows.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse,
    RequestHeader, ResponseHeader, TopicName, fetch_request, fetch_response, metadata_response, produce_request,
    produce_response,
};
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};

/// What the names of the virtual cluster begin with on the backend.
pub const PREFIX: &str = "vc-alice.";
/// All frames carry it.
const CORRELATION_ID: i32 = 7;

/// Topics, partitions of each, bytes of records in each of these.
#[derive(Clone, Copy)]
pub struct Size {
    pub topics: usize,
    pub partitions: usize,
    pub record_bytes: usize,
}

pub fn request_frame<M: Encodable + HeaderVersion>(key: i16, version: i16, message: &M) -> Vec<u8> {
    let mut header = RequestHeader::default();
    (header.request_api_key, header.request_api_version) = (key, version);
    (header.correlation_id, header.client_id) = (CORRELATION_ID, Some(StrBytes::from_static_str("producer-1")));
    frame(&header, M::header_version(version), message, version)
}

pub fn response_frame<M: Encodable + HeaderVersion>(version: i16, message: &M) -> Vec<u8> {
    let mut header = ResponseHeader::default();
    header.correlation_id = CORRELATION_ID;
    frame(&header, M::header_version(version), message, version)
}

fn frame(header: &impl Encodable, header_version: i16, message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut content = BytesMut::new();
    header.encode(&mut content, header_version).expect("a header of this version");
    message.encode(&mut content, version).expect("a message of this version");
    let mut frame = u32::try_from(content.len()).expect("a small frame").to_be_bytes().to_vec();
    frame.extend_from_slice(&content);
    frame
}

/// The name that clients say.
fn shown(topic: usize) -> TopicName {
    TopicName(StrBytes::from_string(format!("payments.orders-{topic:04}")))
}

/// The name that the backend knows.
fn physical(topic: usize) -> TopicName {
    TopicName(StrBytes::from_string(format!("{PREFIX}{}", shown(topic).0)))
}

fn indexes(count: usize) -> impl Iterator<Item = i32> {
    (0..).take(count)
}

/// Nothing opens records: any bytes will do.
fn records(size: Size) -> Option<Bytes> {
    Some(Bytes::from(vec![7; size.record_bytes]))
}

pub fn produce_request(size: Size) -> ProduceRequest {
    let topic = |topic| {
        let mut data = produce_request::TopicProduceData::default();
        data.name = shown(topic);
        data.partition_data = indexes(size.partitions)
            .map(|index| {
                let mut partition = produce_request::PartitionProduceData::default();
                (partition.index, partition.records) = (index, records(size));
                partition
            })
            .collect();
        data
    };
    let mut all = ProduceRequest::default();
    (all.acks, all.timeout_ms, all.topic_data) = (-1, 30_000, (0..size.topics).map(topic).collect());
    all
}

pub fn produce_response(size: Size) -> ProduceResponse {
    let topic = |topic| {
        let mut data = produce_response::TopicProduceResponse::default();
        data.name = physical(topic);
        data.partition_responses = indexes(size.partitions)
            .map(|index| {
                let mut partition = produce_response::PartitionProduceResponse::default();
                (partition.index, partition.base_offset, partition.log_start_offset) = (index, 1_000_000, 0);
                partition
            })
            .collect();
        data
    };
    let mut all = ProduceResponse::default();
    all.responses = (0..size.topics).map(topic).collect();
    all
}

pub fn fetch_request(size: Size) -> FetchRequest {
    let topic = |topic| {
        let mut data = fetch_request::FetchTopic::default();
        data.topic = shown(topic);
        data.partitions = indexes(size.partitions)
            .map(|index| {
                let mut partition = fetch_request::FetchPartition::default();
                (partition.partition, partition.fetch_offset, partition.partition_max_bytes) =
                    (index, 1_000_000, 1 << 20);
                partition
            })
            .collect();
        data
    };
    let mut all = FetchRequest::default();
    (all.replica_id, all.session_epoch, all.min_bytes) = (BrokerId(-1), -1, 1);
    (all.max_wait_ms, all.max_bytes, all.topics) = (500, 50 << 20, (0..size.topics).map(topic).collect());
    all
}

pub fn fetch_response(size: Size) -> FetchResponse {
    let topic = |topic| {
        let mut data = fetch_response::FetchableTopicResponse::default();
        data.topic = physical(topic);
        data.partitions = indexes(size.partitions)
            .map(|index| {
                let mut partition = fetch_response::PartitionData::default();
                (partition.partition_index, partition.high_watermark) = (index, 1_000_001);
                (partition.last_stable_offset, partition.log_start_offset) = (1_000_001, 0);
                partition.records = records(size);
                partition
            })
            .collect();
        data
    };
    let mut all = FetchResponse::default();
    all.responses = (0..size.topics).map(topic).collect();
    all
}

/// For all topics.
pub fn metadata_request(_size: Size) -> MetadataRequest {
    let mut all = MetadataRequest::default();
    (all.topics, all.allow_auto_topic_creation) = (None, false);
    all
}

pub fn metadata_response(size: Size) -> MetadataResponse {
    let broker = |id| {
        let mut broker = metadata_response::MetadataResponseBroker::default();
        broker.host = StrBytes::from_string(format!("broker-{id}.kafka.internal.example"));
        (broker.node_id, broker.port) = (BrokerId(id), 9092);
        broker
    };
    let topic = |topic| {
        let mut data = metadata_response::MetadataResponseTopic::default();
        data.name = Some(physical(topic));
        data.partitions = indexes(size.partitions)
            .map(|index| {
                let mut partition = metadata_response::MetadataResponsePartition::default();
                (partition.partition_index, partition.leader_id) = (index, BrokerId(1 + index % 3));
                partition.replica_nodes = vec![BrokerId(1), BrokerId(2), BrokerId(3)];
                partition.isr_nodes.clone_from(&partition.replica_nodes);
                partition
            })
            .collect();
        data
    };
    let mut all = MetadataResponse::default();
    (all.cluster_id, all.controller_id) = (Some(StrBytes::from_static_str("Y2x1c3Rlci1vZi1hLWxhYg")), BrokerId(1));
    (all.brokers, all.topics) = ((1..=3).map(broker).collect(), (0..size.topics).map(topic).collect());
    all
}
