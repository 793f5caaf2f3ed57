//! The digest of everything on the backend that is not the attacker's: topics with their configuration, offsets, records
//! and producers; groups with their members and offsets; transactions. Asked of the nodes themselves, never of the gateway.

use std::fmt;

use bytes::Bytes;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    BrokerId, DescribeConfigsRequest, DescribeGroupsRequest, DescribeProducersRequest, DescribeTransactionsRequest,
    FetchRequest, ListGroupsRequest, ListOffsetsRequest, ListTransactionsRequest, MetadataRequest, OffsetFetchRequest,
    TopicName,
};

use crate::harness::Fallible;
use crate::harness::wire::Wire;

const TOPIC: i8 = 2;
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// A thing on the backend: what is said of it and, of a partition, its records as they are: to hash them takes longer.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub text: String,
    records: Vec<Bytes>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: usize = self.records.iter().map(Bytes::len).sum();
        write!(f, "{}, {bytes} bytes of records", self.text)
    }
}

/// The digest, a line for each thing, sorted. Kafka's own topics are not in it.
pub fn of_all_but(addresses: &[String], prefix: &str) -> Fallible<Vec<Line>> {
    let mut wires: Vec<Wire> = addresses.iter().map(|address| Wire::connect(address)).collect::<Fallible<_>>()?;
    let (mut lines, mut partitions) = (Vec::new(), Vec::new());
    let ours = |name: &str| name.starts_with(prefix);
    let all = match wires.first_mut() {
        Some(wire) => wire.ask(12, &MetadataRequest::default().with_topics(None))?.body,
        None => return Err("no node to ask".into()),
    };
    for topic in all.topics.iter().filter(|topic| !topic.is_internal) {
        let Some(name) = topic.name.as_ref().filter(|name| !ours(name)) else { continue };
        lines.push(format!("topic {} id {} partitions {}", &**name, topic.topic_id, topic.partitions.len()));
        lines.push(configs(&mut wires[0], name)?);
        for partition in &topic.partitions {
            let leader = usize::try_from(partition.leader_id.0 - 1)?;
            let wire = wires.get_mut(leader).ok_or_else(|| format!("{} has no leader", &**name))?;
            partitions.push(partition_line(wire, name, partition.partition_index)?);
        }
    }
    for wire in &mut wires {
        let listed = wire.ask(4, &ListGroupsRequest::default())?.body;
        for group in listed.groups.iter().filter(|group| !ours(&group.group_id)) {
            lines.push(group_line(wire, &group.group_id)?);
        }
        let listed = wire.ask(1, &ListTransactionsRequest::default())?.body;
        for transaction in listed.transaction_states.iter().filter(|one| !ours(&one.transactional_id)) {
            let ids = vec![transaction.transactional_id.clone()];
            let request = DescribeTransactionsRequest::default().with_transactional_ids(ids);
            lines.push(format!("transaction {:?}", wire.ask(0, &request)?.body.transaction_states));
        }
    }
    let mut all: Vec<Line> = lines.into_iter().map(|text| Line { text, records: Vec::new() }).collect();
    all.append(&mut partitions);
    all.sort();
    Ok(all)
}

fn configs(wire: &mut Wire, topic: &TopicName) -> Fallible<String> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(topic.0.clone())
        .with_configuration_keys(None);
    let answer = wire.ask(4, &DescribeConfigsRequest::default().with_resources(vec![resource]))?.body;
    let configs = answer.results.iter().flat_map(|result| &result.configs);
    let values: Vec<String> = configs.map(|config| format!("{}={:?}", &*config.name, config.value)).collect();
    Ok(format!("configs of {}: {}", &**topic, values.join(" ")))
}

/// First and last offset, all bytes, and the producers of a partition.
fn partition_line(wire: &mut Wire, name: &TopicName, index: i32) -> Fallible<Line> {
    let mut offsets = Vec::new();
    for timestamp in [EARLIEST, LATEST] {
        let partition = ListOffsetsPartition::default().with_partition_index(index).with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default().with_name(name.clone()).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let answer = wire.ask(7, &request)?.body;
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        offsets.extend(partitions.map(|one| (one.error_code, one.offset)));
    }
    let first = offsets.first().map_or(0, |(_, offset)| *offset);
    let partition =
        FetchPartition::default().with_partition(index).with_fetch_offset(first).with_partition_max_bytes(64 << 20);
    let topic = FetchTopic::default().with_topic(name.clone()).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_bytes(64 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let answer = wire.ask(12, &request)?.body;
    let read = answer.responses.into_iter().flat_map(|topic| topic.partitions).filter_map(|one| one.records);
    let records: Vec<Bytes> = read.collect();
    let topic = TopicRequest::default().with_name(name.clone()).with_partition_indexes(vec![index]);
    let producers = wire.ask(0, &DescribeProducersRequest::default().with_topics(vec![topic]))?.body;
    let producers: Vec<_> = producers.topics.iter().flat_map(|topic| &topic.partitions).collect();
    let text = format!("partition {} {index}: offsets {offsets:?}, producers {producers:?}", &**name);
    Ok(Line { text, records })
}

fn group_line(wire: &mut Wire, group: &kafka_protocol::messages::GroupId) -> Fallible<String> {
    let described = wire.ask(5, &DescribeGroupsRequest::default().with_groups(vec![group.clone()]))?.body;
    let all = OffsetFetchRequestGroup::default().with_group_id(group.clone()).with_topics(None);
    let offsets = wire.ask(8, &OffsetFetchRequest::default().with_groups(vec![all]))?.body;
    Ok(format!("group {:?}, offsets {:?}", described.groups, offsets.groups))
}
