//! A gateway of a test's own whose clients come through TLS, and clients that do what no ordinary one does.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::MetadataRequest;
use klamm::cluster::HostFormat;
use rustls::ClientConfig;

use crate::ensure;
use crate::harness::gateway::{DataPath, Gateway};
use crate::harness::lab::NODES;
use crate::harness::tls::Stream;
use crate::harness::wire::{Wire, socket};
use crate::harness::{Fallible, World, hosts, named};
use crate::tenants::{HIDDEN, VirtualCluster, head};

/// The virtual clusters that every front has, by their labels.
pub const LABELS: [&str; 2] = ["alice", "bob"];

/// Starts a gateway with alice and bob, whose names on the backend begin with `name`, and these listeners. Its last port of
/// ten is for the admin address.
pub fn start(world: &World, name: &str, port: u16, listeners: &str) -> Fallible<Gateway> {
    hosts::known()?;
    let own = LABELS.map(|label| (format!("{name}-{label}"), format!("dns_label: {label}, {HIDDEN}")));
    let clusters = own.each_ref().map(|(name, names)| VirtualCluster { name, names, port });
    let yaml = head(&world.lab()?.bootstrap(), port + 9, &clusters) + listeners;
    let gateway = Gateway::start_with(world.folder(), port, port + 9, &yaml, DataPath::AsUsersHaveIt)?;
    gateway.wait_ready()?;
    Ok(gateway)
}

/// What a client must be told: each node at its name of this virtual cluster.
pub fn told(format: HostFormat, label: &str, port: u16) -> BTreeMap<i32, String> {
    let own = named::names(format, label, port).own;
    let ids = 1..=i32::try_from(NODES).unwrap_or(i32::MAX);
    ids.map(|id| (id, format!("broker-{id}{own}:{port}"))).collect()
}

/// What this connection is told of the nodes.
pub fn nodes(wire: &mut Wire) -> Fallible<BTreeMap<i32, String>> {
    let brokers = wire.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?.body.brokers;
    Ok(brokers.into_iter().map(|broker| (broker.node_id.0, format!("{}:{}", broker.host, broker.port))).collect())
}

/// Names of topics that this connection sees.
pub fn topics(wire: &mut Wire) -> Fallible<Vec<String>> {
    let topics = wire.ask(12, &MetadataRequest::default().with_topics(None))?.body.topics;
    Ok(topics.into_iter().filter_map(|topic| topic.name.map(|name| name.to_string())).collect())
}

/// Connects to a port of this machine with TLS, asking for `host`, with settings of its own.
pub fn connect(port: u16, host: &str, config: &Arc<ClientConfig>) -> Fallible<Wire> {
    Ok(Wire::over(Stream::tls(host, socket(&format!("127.0.0.1:{port}"))?, Arc::clone(config))?, "tls"))
}

/// Fails unless the connection is refused, with a sentence that holds `why`. In TLS 1.3 a client that is refused for its
/// certificate learns it with the first answer.
pub fn refused(what: &str, why: &str, connected: Fallible<Wire>) -> Fallible<()> {
    let outcome = connected.and_then(|mut wire| nodes(&mut wire));
    let Err(error) = outcome else { return Err(format!("{what} is let in").into()) };
    ensure!(error.to_string().contains(why), "{what}: {error}, not {why}");
    Ok(())
}
