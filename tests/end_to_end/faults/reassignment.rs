//! Partitions are moved between nodes, as Kafka's own tool would have it, at the backend itself.

use kafka_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::{AlterPartitionReassignmentsRequest, BrokerId, MetadataRequest, TopicName};

use crate::ensure;
use crate::harness::tools::patience;
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, until};

/// A move that was begun.
pub struct Moving {
    wire: Wire,
    topic: String,
    /// The nodes of each partition when the move is over.
    targets: Vec<(i32, Vec<i32>)>,
}

/// Begins to move each partition of a topic to the nodes that `to` gives for its leader, which is not among them.
pub fn away_from_leaders(node: &str, topic: String, to: impl Fn(i32) -> Vec<i32>) -> Fallible<Moving> {
    let mut wire = Wire::connect(node)?;
    let before = until("every partition is led", patience(20), || led_partitions(&mut wire, &topic))?;
    let targets: Vec<(i32, Vec<i32>)> =
        before.iter().map(|partition| (partition.partition_index, to(partition.leader_id.0))).collect();
    let partitions = targets.iter().map(|(index, nodes)| {
        let nodes = nodes.iter().map(|node| BrokerId(*node)).collect();
        ReassignablePartition::default().with_partition_index(*index).with_replicas(Some(nodes))
    });
    let moved = ReassignableTopic::default().with_name(TopicName(text(&topic))).with_partitions(partitions.collect());
    let request = AlterPartitionReassignmentsRequest::default().with_timeout_ms(20_000).with_topics(vec![moved]);
    let answer = wire.ask(0, &request)?.body;
    let mut errors = answer.responses.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code);
    ensure!(answer.error_code == 0 && errors.all(|error| error == 0), "{topic}: {answer:?}");
    Ok(Moving { wire, topic, targets })
}

impl Moving {
    /// Waits until the move is over: the nodes it was for alone have each partition, all are in sync, and one of them leads.
    pub fn wait(mut self) -> Fallible<()> {
        until(&format!("{} has moved", self.topic), patience(60), || {
            let now = led_partitions(&mut self.wire, &self.topic)?;
            for (index, nodes) in &self.targets {
                let partition = now.iter().find(|one| one.partition_index == *index).ok_or("a partition is gone")?;
                let at = |nodes: &[BrokerId]| sorted(nodes.iter().map(|node| node.0).collect());
                let there = at(&partition.replica_nodes) == sorted(nodes.clone())
                    && at(&partition.isr_nodes) == sorted(nodes.clone())
                    && nodes.contains(&partition.leader_id.0);
                ensure!(there, "not at {nodes:?}: {partition:?}");
            }
            Ok(())
        })
    }
}

fn sorted(mut nodes: Vec<i32>) -> Vec<i32> {
    nodes.sort_unstable();
    nodes
}

/// The partitions of a topic, each of which has a leader.
fn led_partitions(wire: &mut Wire, topic: &str) -> Fallible<Vec<MetadataResponsePartition>> {
    let answer = wire.ask(9, &MetadataRequest::default().with_topics(None))?.body;
    let named = |name: &Option<TopicName>| name.as_ref().is_some_and(|name| **name == text(topic));
    let found = answer.topics.into_iter().find(|found| named(&found.name)).ok_or("the topic is not there")?;
    let led = found.partitions.iter().all(|partition| partition.leader_id.0 > 0);
    ensure!(led && !found.partitions.is_empty(), "not all are led: {:?}", found.partitions);
    Ok(found.partitions)
}
