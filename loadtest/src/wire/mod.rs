//! The frames of the synthetic load: made once, sent many times with another correlation id.
//!
//! Owns what they contain. kafka-protocol writes all but the record batch.

pub mod batch;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, BrokerId, MetadataRequest, MetadataResponse, ProduceRequest,
    ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable as _, Encodable, StrBytes};

/// The topic of the synthetic load.
pub const TOPIC: &str = "castle";
/// The synthetic broker's node id.
pub const NODE: i32 = 1;
/// Version of the Produce requests: the newest that names its topic. From version 10 on the answer can name nodes.
pub const PRODUCE_VERSION: i16 = 12;
/// Version of the Metadata requests.
pub const METADATA_VERSION: i16 = 12;
/// Version of the ApiVersions requests.
pub const API_VERSIONS_VERSION: i16 = 3;
/// Bytes of a request before its client id: length, api key, api version, correlation id.
pub const HEAD_BYTES: usize = 12;
/// Where the correlation id of a request stands.
pub const REQUEST_ID_AT: usize = 8;
/// Where the correlation id of an answer stands.
pub const ANSWER_ID_AT: usize = 4;

/// kafka-protocol could not write or read a message that this module made: a fault of this program.
pub type Result<T> = std::result::Result<T, String>;

fn string(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A request with correlation id 0, length included.
fn request<M: Encodable>(key: ApiKey, version: i16, message: &M) -> Result<Vec<u8>> {
    let mut body = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_client_id(Some(string("klamm-loadtest")))
        .encode(&mut body, key.request_header_version(version))
        .and_then(|()| message.encode(&mut body, version))
        .map_err(|error| format!("cannot write {key:?} {version}: {error}"))?;
    framed(&body)
}

/// An answer with correlation id 0, length included.
fn answer<M: Encodable>(key: ApiKey, version: i16, message: &M) -> Result<Vec<u8>> {
    let mut body = BytesMut::new();
    ResponseHeader::default()
        .encode(&mut body, key.response_header_version(version))
        .and_then(|()| message.encode(&mut body, version))
        .map_err(|error| format!("cannot write the answer to {key:?} {version}: {error}"))?;
    framed(&body)
}

fn framed(body: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(body.len()).map_err(|_| "a frame above 4 GiB".to_owned())?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(body);
    Ok(frame)
}

/// Puts a correlation id into a frame.
pub fn set_id(frame: &mut [u8], at: usize, id: u32) {
    if let Some(place) = frame.get_mut(at..at + 4) {
        place.copy_from_slice(&id.to_be_bytes());
    }
}

/// A big-endian number of four bytes.
pub fn u32_at(frame: &[u8], at: usize) -> Option<u32> {
    frame.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Produce, acks=1: one batch of one record with a value of so many bytes.
///
/// # Errors
///
/// See [`Result`].
pub fn produce_request(value_bytes: usize) -> Result<Vec<u8>> {
    let records = Bytes::from(batch::of_one(value_bytes));
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(TopicName(string(TOPIC))).with_partition_data(vec![partition]);
    let message = ProduceRequest::default().with_acks(1).with_timeout_ms(30_000).with_topic_data(vec![topic]);
    request(ApiKey::Produce, PRODUCE_VERSION, &message)
}

/// The answer to it.
///
/// # Errors
///
/// See [`Result`].
pub fn produce_answer() -> Result<Vec<u8>> {
    let partition = PartitionProduceResponse::default().with_index(0).with_base_offset(4711).with_log_start_offset(0);
    let name = TopicName(string(TOPIC));
    let topic = TopicProduceResponse::default().with_name(name).with_partition_responses(vec![partition]);
    answer(ApiKey::Produce, PRODUCE_VERSION, &ProduceResponse::default().with_responses(vec![topic]))
}

/// Metadata of all topics.
///
/// # Errors
///
/// See [`Result`].
pub fn metadata_request() -> Result<Vec<u8>> {
    let topic = MetadataRequestTopic::default().with_name(Some(TopicName(string(TOPIC))));
    request(ApiKey::Metadata, METADATA_VERSION, &MetadataRequest::default().with_topics(Some(vec![topic])))
}

/// One node, at this port of the loopback address, which leads the only partition of the only topic.
///
/// # Errors
///
/// See [`Result`].
pub fn metadata_answer(version: i16, port: u16) -> Result<Vec<u8>> {
    let node = BrokerId(NODE);
    let broker =
        MetadataResponseBroker::default().with_node_id(node).with_host(string("127.0.0.1")).with_port(i32::from(port));
    let partition = MetadataResponsePartition::default()
        .with_leader_id(node)
        .with_replica_nodes(vec![node])
        .with_isr_nodes(vec![node]);
    let topic =
        MetadataResponseTopic::default().with_name(Some(TopicName(string(TOPIC)))).with_partitions(vec![partition]);
    let message = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id((version >= 2).then(|| string("klamm-loadtest")))
        .with_controller_id(node)
        .with_topics(vec![topic]);
    answer(ApiKey::Metadata, version, &message)
}

/// The ports of the nodes that an answer to [`metadata_request`] names, by node id.
///
/// # Errors
///
/// Bytes that are no such answer.
pub fn metadata_ports(answer: &[u8]) -> Result<Vec<(i32, i32)>> {
    let mut body = Bytes::copy_from_slice(answer.get(4..).ok_or("a frame without a length")?);
    let header = ApiKey::Metadata.response_header_version(METADATA_VERSION);
    let message = ResponseHeader::decode(&mut body, header)
        .and_then(|_| MetadataResponse::decode(&mut body, METADATA_VERSION))
        .map_err(|error| format!("the Metadata answer cannot be read: {error}"))?;
    Ok(message.brokers.iter().map(|broker| (broker.node_id.0, broker.port)).collect())
}

/// What a client asks first.
///
/// # Errors
///
/// See [`Result`].
pub fn api_versions_request() -> Result<Vec<u8>> {
    let message = ApiVersionsRequest::default()
        .with_client_software_name(string("klamm-loadtest"))
        .with_client_software_version(string("1"));
    request(ApiKey::ApiVersions, API_VERSIONS_VERSION, &message)
}

/// What the synthetic broker can do.
///
/// # Errors
///
/// See [`Result`].
pub fn api_versions_answer(version: i16) -> Result<Vec<u8>> {
    let offers = [(ApiKey::Produce, PRODUCE_VERSION), (ApiKey::Metadata, METADATA_VERSION), (ApiKey::ApiVersions, 3)];
    let keys = offers.map(|(key, max)| ApiVersion::default().with_api_key(key as i16).with_max_version(max));
    answer(ApiKey::ApiVersions, version, &ApiVersionsResponse::default().with_api_keys(keys.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_and_the_correlation_id_stand_where_they_should() {
        let mut request = produce_request(1024).unwrap();
        assert_eq!(u32_at(&request, 0), u32::try_from(request.len() - 4).ok());
        set_id(&mut request, REQUEST_ID_AT, 77);
        let mut body = Bytes::copy_from_slice(&request[4..]);
        let header = RequestHeader::decode(&mut body, ApiKey::Produce.request_header_version(PRODUCE_VERSION)).unwrap();
        assert_eq!((header.request_api_key, header.correlation_id), (0, 77));
        let message = ProduceRequest::decode(&mut body, PRODUCE_VERSION).unwrap();
        assert_eq!(message.topic_data.len(), 1);
        assert!(body.is_empty());
    }

    #[test]
    fn the_metadata_answer_names_one_node() {
        let answer = metadata_answer(METADATA_VERSION, 22345).unwrap();
        assert_eq!(metadata_ports(&answer).unwrap(), [(NODE, 22345)]);
        for version in 0..=METADATA_VERSION {
            metadata_answer(version, 1).unwrap();
        }
    }
}
