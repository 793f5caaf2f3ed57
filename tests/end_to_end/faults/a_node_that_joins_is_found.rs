//! A fourth node joins: clients are told of it at the gateway's port for it, and that port leads to it.

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::lab::NODES;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

const JOINS: usize = NODES + 1;

pub fn run(world: &World) -> Fallible<()> {
    let (lab, gateway) = (world.lab()?, world.gateway()?);
    lab.add_node(JOINS)?;
    lab.wait_for_nodes(JOINS)?;
    let id = i32::try_from(JOINS)?;
    until("the gateway leads to the new node", patience(10), || {
        let mut wire = Wire::connect(&gateway.node_address(id)?)?;
        let answer = wire.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
        let told =
            answer.body.brokers.iter().find(|broker| broker.node_id.0 == id).ok_or("clients are not told of it")?;
        let port = i32::from(gateway.node_port(id)?);
        ensure!(told.port == port, "clients are told of {}:{}", &*told.host, told.port);
        Ok(())
    })
}
