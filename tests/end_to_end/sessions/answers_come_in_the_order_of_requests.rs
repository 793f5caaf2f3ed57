//! A thousand requests sent at once, among them ones that the gateway answers itself and ones that get no answer
//! (acks=0): the answers come in the order of the requests, each with its own correlation id, even when ids repeat. A frame
//! that closes the connection undoes nothing that was sent before it, not even in the same write.

use std::thread;

use bytes::Bytes;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, BrokerId, ListOffsetsRequest, MetadataRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::Encodable as _;

use crate::ensure;
use crate::harness::records;
use crate::harness::tools::{leader, patience};
use crate::harness::wire::{Wire, request_frame, text};
use crate::harness::{Fallible, World, until};

const TOPIC: &str = "unanswered";
const REQUESTS: i32 = 1000;
/// Correlation ids repeat: they are the client's business.
const IDS: i32 = 100;
/// A time that stands for the first offset (ListOffsetsRequest.EARLIEST_TIMESTAMP).
const EARLIEST: i64 = -2;

pub fn run(world: &World) -> Fallible<()> {
    world.direct_tools()?.create_topic(TOPIC, 1, 3)?;
    let gateway = world.gateway()?;
    let leader = until("the topic's leader serves it", patience(20), || serving_leader(world))?;
    let mut wire = Wire::connect(&gateway.node_address(leader)?)?;

    let (mut bytes, mut expected, mut produced) = (Vec::new(), Vec::new(), 0);
    for n in 0..REQUESTS {
        let id = n % IDS;
        let mut body = bytes::BytesMut::new();
        let (key, version) = match n % 3 {
            0 => {
                metadata().encode(&mut body, 4).map_err(|error| error.to_string())?;
                (ApiKey::Metadata, 4)
            }
            1 => {
                ApiVersionsRequest::default().encode(&mut body, 2).map_err(|error| error.to_string())?;
                (ApiKey::ApiVersions, 2)
            }
            _ => {
                produce(n)?.encode(&mut body, 8).map_err(|error| error.to_string())?;
                produced += 1;
                (ApiKey::Produce, 8)
            }
        };
        bytes.extend(request_frame(key as i16, version, 1, id, "pipeliner", &body)?);
        if key != ApiKey::Produce {
            expected.push((id, key));
        }
    }
    // The gateway stops reading while too much is in flight: somebody must read what it answers.
    let mut writer = wire.stream().try_clone()?;
    let writing = thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes));
    let mut sizes = [None, None];
    for (at, (id, key)) in expected.into_iter().enumerate() {
        let frame = wire.frame().map_err(|error| format!("answer {at}: {error}"))?;
        let came = i32::from_be_bytes(frame[..4].try_into()?);
        ensure!(came == id, "answer {at} has id {came}, not {id}");
        // All answers to one question are alike: a swap of the two kinds would show.
        let size: &mut Option<usize> = &mut sizes[usize::from(key == ApiKey::Metadata)];
        let first = *size.get_or_insert(frame.len());
        ensure!(frame.len() == first, "answer {at}, of {key:?}, has {} bytes, not {first}", frame.len());
    }
    ensure!(sizes[0] != sizes[1], "the two kinds of answers cannot be told apart");
    writing.join().map_err(|_| "the writer panicked")??;

    let mut body = bytes::BytesMut::new();
    produce(REQUESTS)?.encode(&mut body, 8).map_err(|error| error.to_string())?;
    let last = request_frame(ApiKey::Produce as i16, 8, 1, 0, "pipeliner", &body)?;
    let unserved = request_frame(ApiKey::Metadata as i16, 99, 1, 0, "pipeliner", &[0; 8])?;
    wire.send_bytes(&[last, unserved].concat());
    let answer = wire.closed(patience(5))?;
    ensure!(answer.is_empty(), "a version that is not served is answered {answer:02x?}");

    let arguments = ["-C", "-t", TOPIC, "-o", "beginning", "-e", "-q", "-f", "%s\n"];
    until("the record before the broken frame arrives", patience(10), || {
        let held = world.direct_tools()?.kcat(&arguments, b"")?;
        let numbers: Vec<i32> = held.lines().map(str::parse).collect::<Result<_, _>>()?;
        ensure!(numbers.len() == produced + 1, "{} of {} unanswered records arrived", numbers.len(), produced + 1);
        ensure!(numbers.is_sorted(), "they arrived out of order");
        Ok(())
    })
}

fn metadata() -> MetadataRequest {
    MetadataRequest::default().with_topics(Some(Vec::new()))
}

/// The leader, once it knows of it: before, it would end the connection of whoever produces without wanting an answer.
fn serving_leader(world: &World) -> Fallible<i32> {
    let leader = leader(&mut Wire::connect(&world.lab()?.address(1))?, TOPIC)?;
    let partition = ListOffsetsPartition::default().with_timestamp(EARLIEST);
    let topic = ListOffsetsTopic::default().with_name(TopicName(text(TOPIC))).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let answer = Wire::connect(&world.lab()?.address(usize::try_from(leader)?))?.ask(7, &request)?.body;
    let errors: Vec<i16> =
        answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
    ensure!(errors == [0], "node {leader} answers {errors:?}");
    Ok(leader)
}

fn produce(n: i32) -> Fallible<ProduceRequest> {
    let batch = records::batch(Bytes::from(n.to_string()))?;
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(batch));
    let topic = TopicProduceData::default().with_name(TopicName(text(TOPIC))).with_partition_data(vec![partition]);
    Ok(ProduceRequest::default().with_acks(0).with_timeout_ms(5000).with_topic_data(vec![topic]))
}
