//! Frames by which a client learns of a cluster: ApiVersions, Metadata, and InitProducerId.
//!
//! Owns what they contain; kafka-protocol writes and reads them.

use super::{Result, answer, read_answer, request, string};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, BrokerId, InitProducerIdRequest, InitProducerIdResponse,
    MetadataRequest, MetadataResponse, ProducerId, TopicName,
};
use std::hash::{DefaultHasher, Hasher as _};

/// The synthetic broker's node id.
pub const NODE: i32 = 1;
/// Version of the Metadata requests.
pub const METADATA_VERSION: i16 = 12;
/// Version of the ApiVersions requests.
pub const API_VERSIONS_VERSION: i16 = 3;
/// Version of the InitProducerId requests.
pub const INIT_PRODUCER_ID_VERSION: i16 = 4;
/// What the synthetic broker offers: api key, lowest and highest version.
const OFFERS: [(ApiKey, i16, i16); 5] = [
    (ApiKey::Produce, 3, 12),
    (ApiKey::Fetch, 4, 17),
    (ApiKey::Metadata, 0, METADATA_VERSION),
    (ApiKey::ApiVersions, 0, API_VERSIONS_VERSION),
    (ApiKey::InitProducerId, 0, INIT_PRODUCER_ID_VERSION),
];

/// A client's first request.
pub fn api_versions_request() -> Result<Vec<u8>> {
    let message = ApiVersionsRequest::default()
        .with_client_software_name(string("klamm-loadtest"))
        .with_client_software_version(string("1"));
    request(ApiKey::ApiVersions, API_VERSIONS_VERSION, &message)
}

/// What the synthetic broker can do.
pub fn api_versions_answer(version: i16) -> Result<Vec<u8>> {
    let offer = |(key, min, max): (ApiKey, i16, i16)| {
        ApiVersion::default().with_api_key(key as i16).with_min_version(min).with_max_version(max)
    };
    let message = ApiVersionsResponse::default().with_api_keys(OFFERS.map(offer).to_vec());
    answer(ApiKey::ApiVersions, version, &message)
}

/// Whether an answer to [`api_versions_request`] offers this version.
pub fn offers(frame: &[u8], key: i16, version: i16) -> Result<bool> {
    let message: ApiVersionsResponse = read_answer(ApiKey::ApiVersions, API_VERSIONS_VERSION, frame)?;
    if message.error_code != 0 {
        return Err(format!("ApiVersions is answered with error {}", message.error_code));
    }
    let mut keys = message.api_keys.iter();
    Ok(keys.any(|offer| offer.api_key == key && (offer.min_version..=offer.max_version).contains(&version)))
}

/// Metadata of one topic, which is created if the cluster allows it.
pub fn metadata_request(topic: &str) -> Result<Vec<u8>> {
    let topic = MetadataRequestTopic::default().with_name(Some(TopicName(string(topic))));
    let message = MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(true);
    request(ApiKey::Metadata, METADATA_VERSION, &message)
}

/// The id of a topic of the synthetic broker: it follows from the name.
pub fn topic_id(name: &str) -> [u8; 16] {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write(name.as_bytes());
        hasher.write_u8(salt);
        u128::from(hasher.finish())
    };
    (half(0) << 64 | half(1) | 1).to_be_bytes()
}

/// One node, at this port of the loopback address, which leads the only partition of each of these topics.
pub fn metadata_answer(version: i16, port: u16, topics: &[&str], partitions: i32) -> Result<Vec<u8>> {
    let node = BrokerId(NODE);
    let broker =
        MetadataResponseBroker::default().with_node_id(node).with_host(string("127.0.0.1")).with_port(i32::from(port));
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(node)
            .with_replica_nodes(vec![node])
            .with_isr_nodes(vec![node])
    };
    let topic = |name: &&str| -> Result<MetadataResponseTopic> {
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(string(name))))
            .with_partitions((0..partitions).map(partition).collect());
        match version {
            10.. => Ok(topic.with_topic_id(topic_id(name).to_vec().try_into().map_err(|_| "a topic id")?)),
            _ => Ok(topic),
        }
    };
    let message = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id((version >= 2).then(|| string("klamm-loadtest")))
        .with_controller_id(node)
        .with_topics(topics.iter().map(topic).collect::<Result<_>>()?);
    answer(ApiKey::Metadata, version, &message)
}

/// A topic as a Metadata request names it: by name, or by id.
pub type Named = (Option<String>, [u8; 16]);

/// The topics that a Metadata request names; nothing: all of them.
pub fn metadata_topics(version: i16, frame: &[u8]) -> Result<Option<Vec<Named>>> {
    let message: MetadataRequest = super::read_request(ApiKey::Metadata, version, frame)?;
    // In version 0 an empty list stands for all.
    let topics = message.topics.filter(|topics| version > 0 || !topics.is_empty());
    let named = |topic: MetadataRequestTopic| (topic.name.map(|name| name.0.to_string()), topic.topic_id.into_bytes());
    Ok(topics.map(|topics| topics.into_iter().map(named).collect()))
}

/// What Metadata gives of one topic and of the cluster.
pub struct TopicMetadata {
    /// Id, host and port of each node.
    pub nodes: Vec<(i32, String, u16)>,
    /// The topic's name.
    pub topic: String,
    /// The topic's id; zeros when there is none.
    pub topic_id: [u8; 16],
    /// The error code of the topic.
    pub error: i16,
    /// Each partition, its leader, and its error code.
    pub leaders: Vec<(i32, i32, i16)>,
}

/// Reads an answer to [`metadata_request`].
pub fn metadata(frame: &[u8]) -> Result<TopicMetadata> {
    let message: MetadataResponse = read_answer(ApiKey::Metadata, METADATA_VERSION, frame)?;
    let [topic] = message.topics.as_slice() else {
        return Err(format!("the Metadata answer has {} topics instead of one", message.topics.len()));
    };
    let node = |broker: &MetadataResponseBroker| {
        (broker.node_id.0, broker.host.to_string(), u16::try_from(broker.port).unwrap_or(0))
    };
    let leader = |partition: &MetadataResponsePartition| {
        (partition.partition_index, partition.leader_id.0, partition.error_code)
    };
    Ok(TopicMetadata {
        nodes: message.brokers.iter().map(node).collect(),
        topic: topic.name.as_ref().map(|name| name.0.to_string()).unwrap_or_default(),
        topic_id: topic.topic_id.into_bytes(),
        error: topic.error_code,
        leaders: topic.partitions.iter().map(leader).collect(),
    })
}

/// An idempotent producer's first request.
pub fn init_producer_id_request() -> Result<Vec<u8>> {
    // An empty transactional id, which is the default here, is another thing than none.
    let message = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    request(ApiKey::InitProducerId, INIT_PRODUCER_ID_VERSION, &message)
}

/// The synthetic broker's answer.
pub fn init_producer_id_answer(version: i16, id: i64) -> Result<Vec<u8>> {
    let message = InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0);
    answer(ApiKey::InitProducerId, version, &message)
}

/// The error code of a broker that cannot give producer ids yet.
const LOADING: i16 = 14;

/// Producer id and epoch of an answer; `None`: ask again in a moment.
pub fn producer_id(frame: &[u8]) -> Result<Option<(i64, i16)>> {
    let message: InitProducerIdResponse = read_answer(ApiKey::InitProducerId, INIT_PRODUCER_ID_VERSION, frame)?;
    match message.error_code {
        0 => Ok(Some((message.producer_id.0, message.producer_epoch))),
        LOADING => Ok(None),
        code => Err(format!("InitProducerId is answered with error {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_answer_names_one_node_and_the_topics() {
        let seen = metadata(&metadata_answer(METADATA_VERSION, 22345, &["castle"], 2).unwrap()).unwrap();
        assert_eq!(seen.nodes, [(NODE, "127.0.0.1".to_owned(), 22345)]);
        assert_eq!(seen.leaders, [(0, NODE, 0), (1, NODE, 0)]);
        assert_eq!(seen.topic_id, topic_id("castle"));
        for version in 0..=METADATA_VERSION {
            metadata_answer(version, 1, &["castle"], 1).unwrap();
        }
        let named = metadata_topics(METADATA_VERSION, &metadata_request("castle").unwrap()).unwrap();
        assert_eq!(named, Some(vec![(Some("castle".to_owned()), [0; 16])]));
    }

    #[test]
    fn offers_are_read() {
        let frame = api_versions_answer(API_VERSIONS_VERSION).unwrap();
        assert_eq!((offers(&frame, 1, 17), offers(&frame, 1, 18)), (Ok(true), Ok(false)));
        let request = init_producer_id_request().unwrap();
        let request: InitProducerIdRequest =
            super::super::read_request(ApiKey::InitProducerId, INIT_PRODUCER_ID_VERSION, &request).unwrap();
        assert_eq!(request.transactional_id, None);
        assert_eq!(producer_id(&init_producer_id_answer(INIT_PRODUCER_ID_VERSION, 7).unwrap()), Ok(Some((7, 0))));
    }
}
