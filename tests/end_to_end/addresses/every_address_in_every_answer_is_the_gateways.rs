//! Every API that names nodes, in every version, from every port and host name: each host and port in the answer is the
//! gateway's, and no byte of a node's own address is anywhere in it.

use std::ops::RangeInclusive;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeQuorumRequest, FetchRequest, FindCoordinatorRequest, FindCoordinatorResponse,
    MetadataRequest, ProduceRequest, ShareFetchRequest, TopicName, share_fetch_request,
};
use kafka_protocol::protocol::Encodable as _;

use super::recorder::{Expected, Named, Recorder, Side};
use crate::ensure;
use crate::harness::door::Door;
use crate::harness::lab::NODES;
use crate::harness::records;
use crate::harness::tools::patience;
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, until};

/// One partition on one node, so that the other two have to name its leader.
const TOPIC: &str = "led-elsewhere";
const GROUP: &str = "recorder-group";
/// Types and names of coordinated things: a group and a transaction.
const KEYS: [(i8, &str); 2] = [(0, GROUP), (1, "recorder-transaction")];

pub fn run(world: &World) -> Fallible<()> {
    let (lab, bootstrap) = (world.lab()?, world.bootstrap()?);
    let told = (1..=i32::try_from(NODES)?).map(|node| {
        let (host, port) = world.advertised(node)?;
        Fallible::Ok(Named { node, host, port: i32::from(port) })
    });
    let told = told.collect::<Fallible<Vec<Named>>>()?;
    // A port of this machine is as long as the nodes' own addresses are; a host name is longer.
    let hints = if world.door() == Door::Ports { Expected::SameNodes } else { Expected::SameNodesIfThereIsRoom };
    let topic = single_partition(world)?;
    wait_for_coordinators(&lab.address(1))?;
    let leader = topic.partitions.first().ok_or("no partition")?.leader_id.0;
    let mut asked = 0;
    for Named { node, host, port } in told.clone() {
        let direct = lab.address(usize::try_from(node)?);
        let mut addresses = vec![format!("{host}:{port}")];
        if node == 1 {
            addresses.push(bootstrap.clone());
        }
        for address in addresses {
            let recorder = &mut Recorder::connect(&address, &direct, told.clone())?;
            metadata(recorder)?;
            find_coordinator(recorder)?;
            describe_cluster(recorder)?;
            describe_quorum(recorder)?;
            if node != leader && address != bootstrap {
                produce(recorder, &topic, hints)?;
                fetch(recorder, &topic, hints)?;
                share_fetch(recorder, &topic, hints)?;
            }
            asked += recorder.asked;
        }
    }
    ensure!(asked > 100, "only {asked} questions were asked");
    Ok(())
}

fn single_partition(world: &World) -> Fallible<MetadataResponseTopic> {
    let name = format!("{TOPIC}-{}", world.door().name());
    world.direct_tools()?.create_topic(&name, 1, 1)?;
    let asked = MetadataRequestTopic::default().with_name(Some(TopicName(text(&name))));
    let answer =
        Wire::connect(&world.lab()?.address(1))?.ask(12, &MetadataRequest::default().with_topics(Some(vec![asked])))?;
    Ok(answer.body.topics.into_iter().next().ok_or("the topic is not described")?)
}

fn metadata(recorder: &mut Recorder) -> Fallible<()> {
    for version in 0..=13 {
        // "No topic" is an empty list from v1 on; in v0 that means all.
        let request = MetadataRequest::default().with_topics(Some(Vec::new()));
        recorder.ask(version, &request, Expected::SameNodes, |answer| {
            let named = answer.brokers.iter().map(|b| named(b.node_id.0, &b.host, b.port));
            named.collect()
        })?;
    }
    Ok(())
}

fn find_coordinator(recorder: &mut Recorder) -> Fallible<()> {
    for version in 0..=6 {
        for (key_type, key) in KEYS {
            if key_type == 1 && version == 0 {
                continue;
            }
            let mut request = FindCoordinatorRequest::default();
            request =
                if version < 4 { request.with_key(text(key)) } else { request.with_coordinator_keys(vec![text(key)]) };
            if version > 0 {
                request = request.with_key_type(key_type);
            }
            recorder.ask(version, &request, Expected::SameNodes, coordinators)?;
        }
    }
    Ok(())
}

/// The first question makes Kafka create its internal topics: until then there is no coordinator.
fn wait_for_coordinators(address: &str) -> Fallible<()> {
    for (key_type, key) in KEYS {
        let request = FindCoordinatorRequest::default().with_key_type(key_type).with_coordinator_keys(vec![text(key)]);
        until("there is a coordinator", patience(20), || {
            let answer = Wire::connect(address)?.ask(4, &request)?;
            ensure!(!coordinators(&answer.body).is_empty(), "{:?}", answer.body);
            Ok(())
        })?;
    }
    Ok(())
}

fn coordinators(answer: &FindCoordinatorResponse) -> Vec<Named> {
    let single = (answer.coordinators.is_empty() && answer.error_code == 0)
        .then(|| named(answer.node_id.0, &answer.host, answer.port));
    let many = answer.coordinators.iter().filter(|c| c.error_code == 0).map(|c| named(c.node_id.0, &c.host, c.port));
    single.into_iter().chain(many).collect()
}

fn describe_cluster(recorder: &mut Recorder) -> Fallible<()> {
    for version in 0..=2 {
        recorder.ask(version, &DescribeClusterRequest::default(), Expected::SameNodes, |answer| {
            answer.brokers.iter().map(|b| named(b.broker_id.0, &b.host, b.port)).collect()
        })?;
    }
    Ok(())
}

/// The controllers' addresses stand for nothing that a client could reach: the list is emptied. It came with v2.
fn describe_quorum(recorder: &mut Recorder) -> Fallible<()> {
    let topic = TopicData::default()
        .with_topic_name(TopicName(text("__cluster_metadata")))
        .with_partitions(vec![PartitionData::default()]);
    let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
    recorder.ask(2, &request, Expected::Nothing, |answer| {
        let listeners = answer.nodes.iter().flat_map(|node| node.listeners.iter().map(move |l| (node.node_id.0, l)));
        listeners.map(|(node, l)| named(node, &l.host, i32::from(l.port))).collect()
    })
}

fn produce(recorder: &mut Recorder, topic: &MetadataResponseTopic, hints: Expected) -> Fallible<()> {
    const VERSIONS: RangeInclusive<i16> = 10..=13;
    let name = topic.name.clone().ok_or("a topic without a name")?;
    for version in VERSIONS {
        let partition = PartitionProduceData::default()
            .with_index(0)
            .with_records(Some(records::batch(Bytes::from_static(b"for another node"))?));
        let mut data = TopicProduceData::default().with_partition_data(vec![partition]);
        data = if version < 13 { data.with_name(name.clone()) } else { data.with_topic_id(topic.topic_id) };
        let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(5000).with_topic_data(vec![data]);
        recorder.ask(version, &request, hints, |answer| {
            answer.node_endpoints.iter().map(|e| named(e.node_id.0, &e.host, e.port)).collect()
        })?;
    }
    Ok(())
}

fn fetch(recorder: &mut Recorder, topic: &MetadataResponseTopic, hints: Expected) -> Fallible<()> {
    for version in 16..=18 {
        let partition = FetchPartition::default().with_partition(0).with_partition_max_bytes(1 << 20);
        let data = FetchTopic::default().with_topic_id(topic.topic_id).with_partitions(vec![partition]);
        let request = FetchRequest::default().with_max_wait_ms(100).with_topics(vec![data]);
        recorder.ask(version, &request, hints, |answer| {
            answer.node_endpoints.iter().map(|e| named(e.node_id.0, &e.host, e.port)).collect()
        })?;
    }
    Ok(())
}

/// ShareAcknowledge is not asked: a node that never led the partition answers UNKNOWN_TOPIC_OR_PARTITION and names
/// nobody. The scripted node of `share_acknowledge_names_the_gateway` stands in for one that did.
fn share_fetch(recorder: &mut Recorder, topic: &MetadataResponseTopic, hints: Expected) -> Fallible<()> {
    for version in 1..=2 {
        let body = |side| share_fetch_body(version, side, topic);
        recorder.ask_body::<ShareFetchRequest>(version, body, 1, hints, |answer| {
            answer.node_endpoints.iter().map(|e| named(e.node_id.0, &e.host, e.port)).collect()
        })?;
    }
    Ok(())
}

/// The body as kafka-protocol writes v1, with what v2 adds: an acquire mode and a flag before the topics.
fn share_fetch_body(version: i16, side: Side, topic: &MetadataResponseTopic) -> Vec<u8> {
    let partition = share_fetch_request::FetchPartition::default().with_partition_index(0);
    let data =
        share_fetch_request::FetchTopic::default().with_topic_id(topic.topic_id).with_partitions(vec![partition]);
    let request = ShareFetchRequest::default()
        .with_group_id(Some(text(GROUP).into()))
        .with_member_id(Some(text(member(side))))
        .with_max_wait_ms(100)
        .with_max_bytes(1 << 20)
        .with_max_records(10)
        .with_batch_size(10)
        .with_topics(vec![data]);
    let mut body = BytesMut::new();
    request.encode(&mut body, 1).expect("v1 is known");
    let (compact_strings, integers) = (1 + GROUP.len() + 1 + member(side).len(), 6 * 4);
    let behind = body.split_off(compact_strings + integers);
    if version >= 2 {
        body.put_slice(&[0, 0]);
    }
    body.unsplit(behind);
    body.to_vec()
}

/// A share session belongs to a member: each side has its own.
fn member(side: Side) -> &'static str {
    match side {
        Side::Direct => "ZGlyZWN0LW1lbWJlci0wMQ",
        Side::Through => "dGhyb3VnaC1tZW1iZXItMQ",
    }
}

fn named(node: i32, host: &str, port: i32) -> Named {
    Named { node, host: host.to_owned(), port }
}
