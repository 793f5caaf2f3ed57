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
    let port = port.parse::<i32>()? + i32::try_from(node)?;
    until(&format!("{host}:{port} leads to node {node}"), patience(30), || {
        let mut wire = Wire::connect(&format!("{host}:{port}"))?;
        let brokers = wire.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?.body.brokers;
        ensure!(brokers.len() == count, "{} nodes", brokers.len());
        let told = brokers.iter().any(|broker| broker.node_id.0 as usize == node && broker.port == port);
        ensure!(told, "it is told of as {brokers:?}");
        Ok(())
    })
}
