//! A listener with too few ports: the node that has none is left out of every answer. Its partitions are without a
//! leader, what it coordinates is not available, and nothing of its address is told; the other nodes work on.

use kafka_protocol::messages::{DescribeClusterRequest, FindCoordinatorRequest, MetadataRequest};

use super::recorder::leak;
use crate::ensure;
use crate::harness::gateway::Settings;
use crate::harness::tools::patience;
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, until};

/// Its port is the one that the listener lacks.
const LEFT_OUT: i32 = 3;
const TOPIC: &str = "partly-led";
const PARTITIONS: i32 = 6;
const LEADER_NOT_AVAILABLE: i16 = 5;
const COORDINATOR_NOT_AVAILABLE: i16 = 15;

pub fn run(world: &World) -> Fallible<()> {
    world.direct_tools()?.create_topic(TOPIC, PARTITIONS, 1)?;
    let backend = world.lab()?.bootstrap();
    let gateway = world.own(&Settings { ports: 3, ..Settings::of(&backend) })?;
    gateway.wait_ready()?;
    let direct = &mut Wire::connect(&world.lab()?.address(1))?;
    let through = &mut Wire::connect(&gateway.bootstrap())?;
    for version in 1..=12 {
        metadata(version, direct, through)?;
    }
    for version in 0..=2 {
        let answer = through.ask(version, &DescribeClusterRequest::default())?;
        ensure!(leak(&answer.frame).is_none(), "DescribeCluster v{version} tells of a node's address");
        let told = answer.body.brokers.iter().any(|broker| broker.broker_id.0 == LEFT_OUT);
        ensure!(!told && answer.body.brokers.len() == 2, "DescribeCluster v{version}: {:?}", answer.body.brokers);
    }
    coordinators(direct, through)?;
    ensure!(gateway.numbers()?.sum("klamm_nodes_left_out_total") as u64 > 0, "nothing was counted");
    Ok(())
}

fn metadata(version: i16, direct: &mut Wire, through: &mut Wire) -> Fallible<()> {
    let request = MetadataRequest::default().with_topics(None);
    let (theirs, ours) = (direct.ask(version, &request)?, through.ask(version, &request)?);
    let what = format!("Metadata v{version}");
    ensure!(leak(&ours.frame).is_none(), "{what} tells of a node's address");
    let told: Vec<i32> = ours.body.brokers.iter().map(|broker| broker.node_id.0).collect();
    ensure!(told.len() == 2 && !told.contains(&LEFT_OUT), "{what} names {told:?}");
    // Without ZooKeeper a node names any node as the controller, another one each time.
    let controller = ours.body.controller_id.0;
    ensure!(controller == -1 || told.contains(&controller), "{what}: controller {controller}");

    let of_topic = |answer: &kafka_protocol::messages::MetadataResponse| {
        let topic =
            answer.topics.iter().find(|topic| topic.name.as_ref().is_some_and(|name| &*name.0 == TOPIC)).cloned();
        topic.map(|topic| topic.partitions).ok_or("the topic is not told of")
    };
    let theirs = of_topic(&theirs.body)?;
    ensure!(theirs.iter().any(|partition| partition.leader_id.0 == LEFT_OUT), "{what}: node {LEFT_OUT} leads nothing");
    for partition in of_topic(&ours.body)? {
        let before =
            theirs.iter().find(|p| p.partition_index == partition.partition_index).ok_or("a partition too many")?;
        let (leader, error) = match before.leader_id.0 {
            LEFT_OUT => (-1, LEADER_NOT_AVAILABLE),
            leader => (leader, 0),
        };
        let same = (partition.leader_id.0, partition.error_code) == (leader, error);
        ensure!(same, "{what}: {partition:?}, from {before:?}");
    }
    Ok(())
}

/// Among many groups, some are coordinated by the node that is left out.
fn coordinators(direct: &mut Wire, through: &mut Wire) -> Fallible<()> {
    let groups: Vec<String> = (0..20).map(|n| format!("group-{n}")).collect();
    let keys = groups.iter().map(|group| text(group)).collect();
    let request = FindCoordinatorRequest::default().with_coordinator_keys(keys);
    let theirs = until("all groups have a coordinator", patience(20), || {
        let answer = direct.ask(4, &request)?.body.coordinators;
        ensure!(answer.iter().all(|coordinator| coordinator.error_code == 0), "{answer:?}");
        Ok(answer)
    })?;
    ensure!(theirs.iter().any(|coordinator| coordinator.node_id.0 == LEFT_OUT), "node {LEFT_OUT} coordinates nothing");
    let ours = through.ask(4, &request)?;
    ensure!(leak(&ours.frame).is_none(), "FindCoordinator tells of a node's address");
    ensure!(ours.body.coordinators.len() == theirs.len(), "{} coordinators", ours.body.coordinators.len());
    for (ours, theirs) in ours.body.coordinators.iter().zip(&theirs) {
        let expected = match theirs.node_id.0 {
            LEFT_OUT => (-1, COORDINATOR_NOT_AVAILABLE),
            node => (node, 0),
        };
        ensure!((ours.node_id.0, ours.error_code) == expected, "{ours:?}, from {theirs:?}");
    }
    Ok(())
}
