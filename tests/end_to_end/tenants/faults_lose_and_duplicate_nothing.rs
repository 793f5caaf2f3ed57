//! Under load in both tenants a node is killed and comes back at another address, the gateway is restarted, and partitions
//! are moved away from their leaders: no acknowledged record is lost, idempotent and transactional producers duplicate
//! nothing, and consumers go on.

use kafka_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use kafka_protocol::messages::{AlterPartitionReassignmentsRequest, BrokerId, MetadataRequest, TopicName};

use super::setup::{HIDDEN, own_gateway};
use super::transactions::Transactions;
use crate::ensure;
use crate::faults::load::Load;
use crate::harness::lab::NODES;
use crate::harness::tools::patience;
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, ports, until};

const TENANTS: [&str; 2] = ["vc-carol", "vc-dave"];
const TOPICS: [&str; 2] = ["faulty", "faulty-transactions"];
const MOVED: usize = 2;

/// The loads of both tenants.
struct Loads {
    plain: Vec<Load>,
    transactions: Vec<Transactions>,
}

impl Loads {
    fn wait_for_more(&mut self) -> Fallible<()> {
        self.plain.iter_mut().try_for_each(|load| load.wait_for_more(500))?;
        self.transactions.iter_mut().try_for_each(|load| load.wait_for_more(20))
    }
}

pub fn run(world: &World) -> Fallible<()> {
    let lab = world.lab()?;
    let (gateway, at) = own_gateway(world, &TENANTS.map(|name| (name, HIDDEN)))?;
    let mut loads = Loads { plain: Vec::new(), transactions: Vec::new() };
    for (name, at) in TENANTS.iter().zip(&at) {
        let tools = world.tools_for(at.clone())?;
        TOPICS.iter().try_for_each(|topic| tools.create_topic(topic, 3, 3))?;
        loads.plain.push(Load::begin(&tools, at, TOPICS[0], &format!("{name}-load"))?);
        loads.transactions.push(Transactions::begin(&tools, TOPICS[1], &format!("{name}-transactions"))?);
    }

    lab.kill_node(MOVED);
    loads.wait_for_more()?;
    lab.move_node(MOVED, ports::node_moved() + u16::try_from(MOVED)? - 1)?;
    lab.wait_for_nodes(NODES)?;
    loads.wait_for_more()?;

    gateway.signal("TERM")?;
    let code = gateway.wait_end(patience(15))?;
    ensure!(code == Some(0), "exit code {code:?}");
    gateway.start_again()?;
    gateway.wait_ready()?;
    loads.wait_for_more()?;

    for (name, topic) in TENANTS.iter().flat_map(|name| TOPICS.map(|topic| (name, topic))) {
        reassign(world, &format!("{name}.{topic}"))?;
    }
    loads.wait_for_more()?;
    loads.plain.into_iter().try_for_each(Load::finish)?;
    loads.transactions.into_iter().try_for_each(Transactions::finish)
}

/// Moves each partition of a backend topic to the two nodes that do not lead it, and waits until one of them does.
fn reassign(world: &World, physical: &str) -> Fallible<()> {
    let mut wire = Wire::connect(&world.lab()?.address(1))?;
    let all: Vec<i32> = (1..).take(NODES).collect();
    let leaders = until("every partition is led", patience(20), || leaders(&mut wire, physical))?;
    let others = |leader| all.iter().filter(|node| **node != leader).map(|node| BrokerId(*node)).collect::<Vec<_>>();
    let partitions = leaders.iter().map(|(index, leader)| {
        ReassignablePartition::default().with_partition_index(*index).with_replicas(Some(others(*leader)))
    });
    let topic = ReassignableTopic::default().with_name(TopicName(text(physical))).with_partitions(partitions.collect());
    let request = AlterPartitionReassignmentsRequest::default().with_timeout_ms(20_000).with_topics(vec![topic]);
    let answer = wire.ask(0, &request)?.body;
    let errors: Vec<i16> =
        answer.responses.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code).collect();
    ensure!(answer.error_code == 0 && errors.iter().all(|error| *error == 0), "{physical}: {answer:?}");
    until(&format!("{physical} is led elsewhere"), patience(30), || {
        let now = self::leaders(&mut wire, physical)?;
        let stayed = now.iter().filter(|one| leaders.contains(one)).count();
        ensure!(stayed == 0, "{stayed} partitions are still led by their old leaders");
        Ok(())
    })
}

/// Partition and leader.
fn leaders(wire: &mut Wire, physical: &str) -> Fallible<Vec<(i32, i32)>> {
    let answer = wire.ask(9, &MetadataRequest::default().with_topics(None))?.body;
    let named = |name: &Option<TopicName>| name.as_ref().is_some_and(|name| **name == text(physical));
    let topic = answer.topics.iter().find(|topic| named(&topic.name)).ok_or("the topic is not there")?;
    let leaders: Vec<(i32, i32)> = topic.partitions.iter().map(|one| (one.partition_index, one.leader_id.0)).collect();
    ensure!(leaders.iter().all(|(_, leader)| *leader > 0), "not all are led: {leaders:?}");
    Ok(leaders)
}
