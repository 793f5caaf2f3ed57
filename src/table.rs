//! The table that all shards serve by: which ingress each socket has, the TLS of listeners and of backends, the limits. Made of
//! a snapshot off the shards, frozen, and replaced as a whole by one message.
//!
//! Owns what is shared between a table and the next one: whatever has not changed is the same, so that TLS sessions are resumed
//! and catalogues go on. May not open a socket, nor know a shard.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::cluster::{ListenerId, ShadowCheck};
use crate::config::{BackendCluster, Listener, Snapshot, VirtualCluster};
use crate::route::{self, Ingress, IngressMode};
use crate::tls::{BackendTlsConfig, ServerTlsConfig, ServerTlsConfigs};
use crate::upstream::{SharedBackend, TableBackend};

/// The ingress of each address that is listened on.
pub type Ingresses = Arc<HashMap<SocketAddr, Arc<Ingress>>>;

/// What a node can afford.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Client connections at a time.
    pub connections_max: u64,
    /// Memory for buffers, in bytes.
    pub memory_bytes_max: u64,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it was made of.
    pub snapshot: Arc<Snapshot>,
    /// The limits of connections and memory, where the snapshot leaves them to be derived too.
    pub capacity: Capacity,
    /// Where connections go.
    pub ingresses: Ingresses,
    /// The TLS configuration of listeners that speak TLS.
    pub server_tls: ServerTlsConfigs,
    /// The backend clusters.
    pub backends: Arc<[TableBackend]>,
}

impl Table {
    /// The table of a snapshot for so many shards; it follows the one `before`, where there is one. What the snapshot does not
    /// limit is not limited, or as limited as before.
    ///
    /// # Errors
    ///
    /// A sentence: rustls refuses something that the check did not find.
    pub fn of(snapshot: Snapshot, shards: usize, before: Option<&Table>) -> Result<Table, String> {
        let limits = &snapshot.node.limits;
        let capacity = before.map(|before| before.capacity).unwrap_or(Capacity {
            connections_max: limits.connections_max.unwrap_or(u64::MAX),
            memory_bytes_max: limits.memory_bytes_max.unwrap_or(u64::MAX),
        });
        Ok(Table {
            capacity,
            ingresses: ingresses(&snapshot, before),
            server_tls: server_tls(&snapshot, before)?,
            backends: backends(&snapshot, shards, before)?,
            snapshot: Arc::new(snapshot),
        })
    }

    /// Where connections of a listening socket with this address go, and the TLS configuration of its listener, where that has
    /// one; `None`: the address is no listener's any more.
    pub fn ingress(&self, address: SocketAddr) -> Option<(Arc<Ingress>, Option<Arc<ServerTlsConfig>>)> {
        let ingress = self.ingresses.get(&address)?;
        let server_tls = match &ingress.mode {
            IngressMode::Plain(_) => None,
            IngressMode::Tls(_) => self.server_tls.get(&ingress.id).cloned(),
        };
        Some((ingress.clone(), server_tls))
    }
}

fn ingresses(snapshot: &Snapshot, before: Option<&Table>) -> Ingresses {
    match before.filter(|before| routes_alike(&before.snapshot, snapshot)) {
        Some(before) => before.ingresses.clone(),
        None => Arc::new(route::ingresses(snapshot).into_iter().collect()),
    }
}

/// Whether connections go the same ways: all that ingresses are made of is the same.
fn routes_alike(one: &Snapshot, other: &Snapshot) -> bool {
    let listener = |(one, other): (&Listener, &Listener)| {
        let plaintext = |listener: &Listener| listener.tls.as_ref().map(|tls| tls.allow_plaintext);
        one.id == other.id
            && one.addresses == other.addresses
            && one.ports == other.ports
            && one.forwards == other.forwards
            && plaintext(one) == plaintext(other)
    };
    let backends = |snapshot: &Snapshot| snapshot.backend_clusters.iter().map(|backend| backend.id).collect::<Vec<_>>();
    one.listeners.len() == other.listeners.len()
        && one.listeners.iter().zip(&other.listeners).all(listener)
        && one.virtual_clusters == other.virtual_clusters
        && backends(one) == backends(other)
}

fn server_tls(snapshot: &Snapshot, before: Option<&Table>) -> Result<ServerTlsConfigs, String> {
    let mut configs: HashMap<ListenerId, Arc<ServerTlsConfig>> = HashMap::new();
    for listener in &snapshot.listeners {
        let Some(tls) = &listener.tls else { continue };
        let was = before.and_then(|before| before.snapshot.listeners.iter().find(|was| was.id == listener.id));
        let config = before.and_then(|before| before.server_tls.get(&listener.id));
        let config = match config {
            Some(config) if was.is_some_and(|was| was.tls.as_ref() == Some(tls)) => config.clone(),
            config => {
                let made = ServerTlsConfig::new(tls, config.map(Arc::as_ref));
                Arc::new(made.map_err(|error| format!("listeners[{}]: {error}", listener.name))?)
            }
        };
        configs.insert(listener.id, config);
    }
    Ok(Arc::new(configs))
}

fn backends(snapshot: &Snapshot, shards: usize, before: Option<&Table>) -> Result<Arc<[TableBackend]>, String> {
    let of = |(at, backend): (usize, &BackendCluster)| {
        let was = before.and_then(|before| before.backends.iter().find(|was| was.shared.id == backend.id));
        let own = snapshot.virtual_clusters.iter().filter(|cluster| cluster.backend == at);
        let checks: Vec<ShadowCheck> = own.filter_map(shadow_check).collect();
        let shared = match was.filter(|was| is_the_same(&was.shared, backend, &checks)) {
            Some(was) => was.shared.clone(),
            None => Arc::new(SharedBackend::new(backend.clone(), owner(backend, shards), checks)),
        };
        Ok(TableBackend { shared, tls: backend_tls(backend, before)? })
    };
    snapshot.backend_clusters.iter().enumerate().map(of).collect()
}

fn backend_tls(backend: &BackendCluster, before: Option<&Table>) -> Result<Option<BackendTlsConfig>, String> {
    let Some(tls) = &backend.tls else { return Ok(None) };
    let was = before.and_then(|before| before.snapshot.backend_clusters.iter().find(|was| was.id == backend.id));
    let config = before.and_then(|before| before.backends.iter().find(|was| was.shared.id == backend.id)?.tls.clone());
    match config {
        Some(config) if was.is_some_and(|was| was.tls.as_ref() == Some(tls)) => Ok(Some(config)),
        Some(_) | None => match BackendTlsConfig::new(tls) {
            Ok(config) => Ok(Some(config)),
            Err(error) => Err(format!("backend_clusters[{}].tls: {error}", backend.name)),
        },
    }
}

/// What its keeper does is the same; TLS is not its business.
fn is_the_same(was: &SharedBackend, backend: &BackendCluster, checks: &[ShadowCheck]) -> bool {
    was.config.bootstrap_servers == backend.bootstrap_servers
        && was.config.metadata_update_interval == backend.metadata_update_interval
        && was.shadow_checks == checks
}

/// Each catalogue has one owning shard, chosen by the hash of its backend cluster's name.
fn owner(backend: &BackendCluster, shards: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    backend.name.hash(&mut hasher);
    (hasher.finish() % shards.max(1) as u64) as usize
}

/// The check for shadowed topics of a virtual cluster; `None`: there is none.
fn shadow_check(cluster: &VirtualCluster) -> Option<ShadowCheck> {
    let names = cluster.namespace.clone().filter(|_| !cluster.shadow_warnings.is_empty())?;
    let (virtual_cluster, warnings) = (cluster.name.clone(), cluster.shadow_warnings.clone());
    Some(ShadowCheck { id: cluster.id, virtual_cluster, names, warnings })
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
