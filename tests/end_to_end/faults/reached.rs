//! Whether clients find a node: those of Kafka itself, and those of both tenants.

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};
use crate::tenants;

/// Where clients begin: at the shared gateway's passthrough, and at each shared tenant. All of them are started, so that
/// what happens to the nodes afterwards happens to a gateway at work.
pub fn bootstraps(world: &World) -> Fallible<Vec<String>> {
    let tenants = tenants::tenants(world)?;
    Ok([world.gateway()?.bootstrap()]
        .into_iter()
        .chain(tenants.iter().map(|one| one.tools.bootstrap.clone()))
        .collect())
}

/// Waits until the port of a node, which is the bootstrap port + its id, leads to a node that tells of `count` nodes, the
/// node itself at this port among them.
pub fn node(bootstrap: &str, node: usize, count: usize) -> Fallible<()> {
    let (host, port) = bootstrap.rsplit_once(':').ok_or("an address without a port")?;
    let port = port.parse::<u16>()? + u16::try_from(node)?;
    told_at(host, port, node, count)
}

/// The same of its host name, which is that of the bootstrap with another word in front.
pub fn named_node(bootstrap: &str, node: usize, count: usize) -> Fallible<()> {
    let (host, port) = bootstrap.rsplit_once(':').ok_or("an address without a port")?;
    told_at(&host.replacen("bootstrap", &format!("broker-{node}"), 1), port.parse()?, node, count)
}

fn told_at(host: &str, port: u16, node: usize, count: usize) -> Fallible<()> {
    until(&format!("{host}:{port} leads to node {node}"), patience(30), || {
        let mut wire = Wire::connect(&format!("{host}:{port}"))?;
        let brokers = wire.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?.body.brokers;
        ensure!(brokers.len() == count, "{} nodes", brokers.len());
        let itself = |id: i32, at: (&str, i32)| id as usize == node && at == (host, i32::from(port));
        let told = brokers.iter().any(|broker| itself(broker.node_id.0, (&broker.host, broker.port)));
        ensure!(told, "it is told of as {brokers:?}");
        Ok(())
    })
}
