//! What `klamm check` says of a configuration that is right.

use super::faults::counted;
use super::snapshot::{Admin, BackendCluster, Forward, Node, Shards, Snapshot, VirtualCluster};
use super::tls::BackendTrust;
use crate::cluster::Mode;

/// Listening sockets for clients on `shards` shards: ports x addresses x shards.
pub fn listening_sockets(snapshot: &Snapshot, shards: usize) -> usize {
    let pairs: usize = snapshot.listeners.iter().map(|listener| listener.addresses.len() * listener.ports.len()).sum();
    pairs.saturating_mul(shards)
}

/// One line: `1 backend cluster, 1 virtual cluster, 1 listener: 8 listening sockets on 2 shards`.
///
/// `allowed_cores` is the number of cores this process may use, for `shards: auto`.
pub fn summary(snapshot: &Snapshot, allowed_cores: usize) -> String {
    let shards = shards_of(&snapshot.node).unwrap_or(allowed_cores);
    format!(
        "{}, {}, {}: {} on {}",
        counted(snapshot.backend_clusters.len(), "backend cluster"),
        counted(snapshot.virtual_clusters.len(), "virtual cluster"),
        counted(snapshot.listeners.len(), "listener"),
        counted(listening_sockets(snapshot, shards), "listening socket"),
        counted(shards, "shard"),
    )
}

/// What is right but may not be meant; one sentence each. What time does to certificates is [`super::validity`]'s.
pub fn warnings(snapshot: &Snapshot) -> Vec<String> {
    let mut warnings = Vec::new();
    for (index, backend) in snapshot.backend_clusters.iter().enumerate() {
        if !snapshot.virtual_clusters.iter().any(|cluster| cluster.backend == index) {
            warnings.push(format!("no virtual cluster leads to the backend cluster \"{}\"", backend.name));
        }
    }
    for (index, cluster) in snapshot.virtual_clusters.iter().enumerate() {
        let leads = |forward: &Forward| forward.targets().any(|(cluster, _)| cluster == index);
        if !snapshot.listeners.iter().any(|listener| listener.forwards.iter().any(leads)) {
            warnings.push(format!("no listener leads to the virtual cluster \"{}\"", cluster.name));
        }
    }
    warnings.extend(snapshot.virtual_clusters.iter().filter_map(|cluster| sees_namespaced(cluster, snapshot)));
    warnings.extend(blind_trust(snapshot));
    match &snapshot.node.admin {
        Admin::Address(address) if !address.ip().is_loopback() => {
            warnings.push(format!("whoever reaches {address} can read the metrics: node.admin is not loopback"));
        }
        Admin::Address(_) | Admin::Socket(_) => {}
    }
    warnings
}

/// What is said of a virtual cluster that sees into the namespaces of others.
fn sees_namespaced(cluster: &VirtualCluster, snapshot: &Snapshot) -> Option<String> {
    let sees_all = |cluster: &VirtualCluster| cluster.namespace.as_ref().is_none_or(|names| names.mode == Mode::Open);
    let neighbour = |other: &&VirtualCluster| other.backend == cluster.backend && !sees_all(other);
    let other = snapshot.virtual_clusters.iter().find(neighbour).filter(|_| sees_all(cluster))?;
    let backend = snapshot.backend_clusters.get(cluster.backend)?;
    Some(format!(
        "the virtual cluster \"{}\" has no namespace: it sees and changes everything on the backend cluster \"{}\", what \
         is of the virtual cluster \"{}\" too",
        cluster.name, backend.name, other.name
    ))
}

fn blind_trust(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let blind = |backend: &&BackendCluster| {
        backend.tls.as_ref().is_some_and(|tls| tls.trust == BackendTrust::InsecureSkipVerify)
    };
    snapshot.backend_clusters.iter().filter(blind).map(|backend| {
        format!(
            "everybody can pass for a node of the backend cluster \"{}\": insecure_skip_verify looks at no certificate",
            backend.name
        )
    })
}

/// The number of shards, where the configuration says it.
pub(super) fn shards_of(node: &Node) -> Option<usize> {
    match &node.shards {
        Shards::Auto => None,
        Shards::Count(count) => Some(*count),
        Shards::Cores(cores) => Some(cores.len()),
    }
}
