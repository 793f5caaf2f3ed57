//! A node that comes back at another port is found within the refresh interval, without a restart of the gateway, and
//! the load goes on.

use kafka_protocol::messages::MetadataRequest;

use super::load::Load;
use crate::ensure;
use crate::harness::lab::NODES;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, ports, until};

const MOVED: usize = 3;

pub fn run(world: &World) -> Fallible<()> {
    let (lab, gateway) = (world.lab()?, world.gateway()?);
    let mut load = Load::start(world, world.bootstrap()?, "moved-node")?;
    let before = lab.address(MOVED);
    lab.kill_node(MOVED);
    lab.move_node(MOVED, ports::node_moved() + u16::try_from(MOVED)? - 1)?;
    ensure!(lab.address(MOVED) != before, "it did not move");
    lab.wait_for_nodes(NODES)?;
    until("the gateway reaches the moved node", patience(30), || {
        let mut wire = Wire::connect(&gateway.node_address(i32::try_from(MOVED)?)?)?;
        let answer = wire.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
        ensure!(answer.body.brokers.len() == NODES, "{} nodes", answer.body.brokers.len());
        Ok(())
    })?;
    load.wait_for_more(1000)?;
    load.finish()
}
