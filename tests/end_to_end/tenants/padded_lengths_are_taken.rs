//! Produce requests and Fetch responses that are larger than the gateway's buffers, in every version that names topics:
//! their names are replaced while they stream through, and in flexible versions each length is written in more bytes than
//! it needs. The nodes take that, and what they hold comes back.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiKey, BrokerId, FetchRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::{Encodable as _, HeaderVersion as _};

use super::setup::{HIDDEN, own_gateway};
use crate::ensure;
use crate::harness::gateway::Gateway;
use crate::harness::relay::{LONG_PADDED, long_name};
use crate::harness::tools::{leader, patience};
use crate::harness::wire::{Wire, find, request_frame, text};
use crate::harness::{Fallible, World, records, until};

const TENANT: &str = "vc-frank";
/// A receive buffer has 256 KiB: these records are in no one read.
const RECORD_BYTES: usize = 600 << 10;
const PRODUCE_VERSIONS: std::ops::RangeInclusive<i16> = 3..=12;
const FETCH_VERSIONS: std::ops::RangeInclusive<i16> = 4..=12;
const FLEXIBLE_FETCH: i16 = 12;
const CLIENT: &str = "raw";

pub fn run(world: &World) -> Fallible<()> {
    let (gateway, at) = own_gateway(world, &[(TENANT, HIDDEN)])?;
    let tools = world.tools_for(at.first().ok_or("no address")?.clone())?;
    // Of these lengths, one byte more than it came in is more than the first needs in a request; and as many as it came in
    // are more than the second needs in a response.
    let topics = ["short".to_owned(), long_name("raw")];
    for topic in &topics {
        tools.create_topic(topic, 1, 3)?;
        let leader = until("the topic is led", patience(20), || leader(&mut Wire::connect(&tools.bootstrap)?, topic))?;
        let mut wire = Wire::connect_as(&gateway.node_address(leader)?, CLIENT)?;
        let mut sent = Vec::new();
        for version in PRODUCE_VERSIONS {
            let batch = records::batch(Bytes::from(vec![b'a' + u8::try_from(version)?; RECORD_BYTES]))?;
            produce(&gateway, &mut wire, version, topic, &batch)?;
            sent.push(batch);
        }
        for version in FETCH_VERSIONS {
            fetch(&mut wire, version, topic, &sent)?;
        }
    }
    Ok(())
}

/// Produces, and holds what the gateway sent to the node against what it got: the prefix more, and in flexible versions one
/// more byte for the length.
fn produce(gateway: &Gateway, wire: &mut Wire, version: i16, topic: &str, batch: &Bytes) -> Fallible<()> {
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(batch.clone()));
    let data = TopicProduceData::default().with_name(TopicName(text(topic))).with_partition_data(vec![partition]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(20_000).with_topic_data(vec![data]);
    let mut body = BytesMut::new();
    request.encode(&mut body, version).map_err(|error| error.to_string())?;
    let header = ProduceRequest::header_version(version);
    let came = request_frame(ApiKey::Produce as i16, version, header, 1, CLIENT, &body)?.len();

    // Nobody else is at this gateway.
    let before = gateway.numbers()?.sum("klamm_backend_bytes_out_total") as usize;
    let answer = wire.ask(version, &request)?.body;
    let errors: Vec<i16> =
        answer.responses.iter().flat_map(|topic| &topic.partition_responses).map(|one| one.error_code).collect();
    ensure!(errors == [0], "Produce v{version} to {topic}: errors {errors:?}");
    let grown = TENANT.len() + 1 + usize::from(header == 2);
    until("all is counted", patience(10), || {
        let went = gateway.numbers()?.sum("klamm_backend_bytes_out_total") as usize - before;
        ensure!(went == came + grown, "Produce v{version} to {topic}: {came} bytes became {went}, not {grown} more");
        Ok(())
    })
}

/// Fetches all of it; where the name is long and the version flexible, its length is padded.
fn fetch(wire: &mut Wire, version: i16, topic: &str, sent: &[Bytes]) -> Fallible<()> {
    let partition = FetchPartition::default().with_partition(0).with_fetch_offset(0).with_partition_max_bytes(32 << 20);
    let asked = FetchTopic::default().with_topic(TopicName(text(topic))).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_max_bytes(32 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![asked]);
    let answer = wire.ask(version, &request)?;
    let told: Vec<_> = answer.body.responses.iter().map(|one| (&**one.topic, one.partitions.len())).collect();
    ensure!(told == [(topic, 1)], "Fetch v{version} answers {told:?}");
    let held = answer.body.responses[0].partitions[0].records.clone().unwrap_or_default();
    // The first bytes of a batch are the node's: its offset, and its leader's epoch.
    let mut at = 0;
    for batch in sent {
        let values = |batch: &[u8]| batch.get(BATCH_HEAD_BYTES..).unwrap_or_default().to_vec();
        let here = held.get(at..at + batch.len()).ok_or_else(|| format!("Fetch v{version}: {} bytes", held.len()))?;
        ensure!(values(here) == values(batch), "Fetch v{version}: other records at {at}");
        at += batch.len();
    }
    ensure!(at == held.len(), "Fetch v{version}: {} bytes, not {at}", held.len());
    let padded = find(&answer.frame, &[&LONG_PADDED[..], topic.as_bytes()].concat()).is_some();
    let expected = version == FLEXIBLE_FETCH && topic == long_name("raw");
    ensure!(padded == expected, "Fetch v{version} of {topic}, padded: {padded}");
    Ok(())
}

/// Of a record batch what a node writes anew, or its checksum covers: all up to its attributes.
const BATCH_HEAD_BYTES: usize = 8 + 4 + 4 + 1 + 4;
