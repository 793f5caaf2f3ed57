//! What follows from several entities together: references, ports, sockets. Makes the [`Snapshot`].
//!
//! May not look at the tree: each fault's place came with the value it is about.

mod host_names;
mod names;
mod namespaces;
mod ports;
mod prefixes;
mod sockets;

use std::collections::BTreeMap;
use std::sync::Arc;

use host_names::{Labels, Taken};
use names::Names;
use prefixes::Prefixes;

use super::context::Context;
use super::faults::{Spot, quoted};
use super::file::{self, Authentication, DRAIN_DURATION_DEFAULT, File, ForwardEntry, admin_default};
use super::reader::{At, Text};
use super::snapshot::{BackendCluster, Forward, Limits, Listener, Node, Shards, Snapshot, VirtualCluster};
use crate::cluster::{AddressMap, BackendId, ListenerId, ShadowWarnings, VirtualClusterId};

/// The name of the virtual cluster that a file without any has.
const PASSTHROUGH: &str = "passthrough";

/// Resolves and checks `file`; `None` where something is wrong, which is reported then.
pub(super) fn check(file: &File, cx: &mut Context) -> Option<Snapshot> {
    let node = node(file);
    let backends = Names::of(
        "backend cluster",
        "backend cluster named",
        file.backend_clusters.iter().map(|backend| &backend.name),
        cx,
    );
    let backend_clusters = backend_clusters(file, cx);
    let virtual_clusters = virtual_clusters(file, &backends, cx);
    let bounded = sockets::are_bounded(file, &node, cx);
    let listeners = listeners(file, bounded, cx);
    if bounded {
        sockets::check_twice(file, &node, cx);
    }
    Some(Snapshot { node, backend_clusters, virtual_clusters: virtual_clusters?, listeners: listeners? })
}

fn node(file: &File) -> Node {
    let Some(node) = &file.node else {
        return Node {
            shards: Shards::Auto,
            admin: admin_default(),
            drain_duration: DRAIN_DURATION_DEFAULT,
            limits: Limits::default(),
            description: None,
            labels: BTreeMap::new(),
        };
    };
    Node {
        shards: node.shards.clone().unwrap_or(Shards::Auto),
        admin: node.admin.as_ref().map_or_else(admin_default, |admin| admin.value.clone()),
        drain_duration: node.drain_duration.unwrap_or(DRAIN_DURATION_DEFAULT),
        limits: node.limits.clone(),
        description: node.about.description.as_deref().map(Arc::from),
        labels: node.about.labels.clone(),
    }
}

fn backend_clusters(file: &File, cx: &mut Context) -> Vec<BackendCluster> {
    if file.backend_clusters.is_empty() {
        missing_list(file, "backend_clusters", "names no Kafka to stand before", cx);
    }
    let snapshot = |backend: &file::BackendCluster| BackendCluster {
        id: BackendId::of(&backend.name.value),
        name: backend.name.value.as_str().into(),
        bootstrap_servers: backend.bootstrap_servers.clone(),
        metadata_update_interval: backend.metadata_update_interval,
        tls: backend.tls.clone(),
        description: backend.about.description.as_deref().map(Arc::from),
        labels: backend.about.labels.clone(),
    };
    file.backend_clusters.iter().map(snapshot).collect()
}

/// The virtual clusters, or the implicit one.
fn virtual_clusters(file: &File, backends: &Names<'_>, cx: &mut Context) -> Option<Vec<VirtualCluster>> {
    if file.virtual_clusters.is_empty() {
        if file.backend_clusters.len() > 1 && !cx.names_incomplete {
            let message = "is missing; without it there is one virtual cluster, passthrough, and that needs exactly one \
                           backend cluster. Write which virtual cluster leads to which backend cluster";
            top_fault(file, "virtual_clusters", message, cx);
        }
        let passthrough = VirtualCluster {
            id: VirtualClusterId::of(PASSTHROUGH),
            name: PASSTHROUGH.into(),
            backend: 0,
            dns_label: None,
            description: None,
            labels: BTreeMap::new(),
            namespace: None,
            shadow_warnings: ShadowWarnings::default(),
        };
        return Some(vec![passthrough]);
    }
    let clusters = &file.virtual_clusters;
    let destinations: Vec<Option<usize>> =
        clusters.iter().map(|cluster| destination(cluster, file, backends, cx)).collect();
    let prefixes = prefixes::by_backend(clusters, &destinations, cx);
    let unknown = Prefixes::default();
    // Every one is looked at before the first faulty one ends it.
    let resolved: Vec<Option<VirtualCluster>> = clusters
        .iter()
        .zip(destinations)
        .map(|(cluster, backend)| {
            let prefixes = backend.and_then(|index| prefixes.get(&index)).unwrap_or(&unknown);
            virtual_cluster(cluster, backend, prefixes, cx)
        })
        .collect();
    resolved.into_iter().collect()
}

/// The index of the backend cluster that `cluster` leads to.
fn destination(cluster: &file::VirtualCluster, file: &File, backends: &Names<'_>, cx: &mut Context) -> Option<usize> {
    let backend = match &cluster.destination {
        Some(Some(name)) => backends.resolve(name, cx),
        Some(None) => None,
        None => {
            cx.fault(&cluster.destination_spot, "is missing; write destination: {name: ...}, a backend cluster");
            None
        }
    };
    if let Some(target) = backend.and_then(|index| file.backend_clusters.get(index)) {
        check_anonymous(&cluster.authentication, target, cx);
    }
    backend
}

fn virtual_cluster(
    cluster: &file::VirtualCluster,
    backend: Option<usize>,
    prefixes: &Prefixes<'_>,
    cx: &mut Context,
) -> Option<VirtualCluster> {
    let namespace = namespaces::namespace(cluster, prefixes, cx);
    Some(VirtualCluster {
        id: VirtualClusterId::of(&cluster.name.value),
        name: cluster.name.value.as_str().into(),
        backend: backend?,
        dns_label: cluster.dns_label.as_ref().map(|label| label.value.as_str().into()),
        description: cluster.about.description.as_deref().map(Arc::from),
        labels: cluster.about.labels.clone(),
        namespace,
        shadow_warnings: cluster
            .namespace
            .as_ref()
            .map(|written| written.topics.shadow_warnings.clone())
            .unwrap_or_default(),
    })
}

/// Anybody who reaches an anonymous virtual cluster has what the backend lets Klamm do: only a backend that says so.
fn check_anonymous(ways: &[At<Authentication>], backend: &file::BackendCluster, cx: &mut Context) {
    for way in ways {
        match way.value {
            Authentication::Anonymous if !backend.insecure_allow_anonymous_virtual_cluster_auth => {
                let flag = &backend.flag_spot;
                let message = format!(
                    "anonymous is refused on the backend cluster {}: write {}: true ({}) if everybody may use it",
                    backend.name.shown,
                    flag.path,
                    flag.file_and_line()
                );
                cx.fault(&way.spot, message);
            }
            Authentication::Anonymous => {}
        }
    }
}

/// Ports are written out only where they are `bounded` in number.
fn listeners(file: &File, bounded: bool, cx: &mut Context) -> Option<Vec<Listener>> {
    if file.listeners.is_empty() {
        missing_list(file, "listeners", "opens no port for clients", cx);
    }
    let implicit = Text { value: PASSTHROUGH.to_owned(), shown: quoted(PASSTHROUGH), inserted: false, spot: no_spot() };
    let clusters = match &*file.virtual_clusters {
        [] => Names::of("virtual cluster", "virtual cluster named", [&implicit], cx),
        written => {
            Names::of("virtual cluster", "virtual cluster named", written.iter().map(|cluster| &cluster.name), cx)
        }
    };
    Names::of("listener", "listener named", file.listeners.iter().map(|listener| &listener.name), cx);
    let labels = Labels::of(file, cx);
    let resolved: Vec<Option<Listener>> =
        file.listeners.iter().map(|listener| self::listener(listener, bounded, (&clusters, &labels), cx)).collect();
    resolved.into_iter().collect()
}

fn listener(
    listener: &file::Listener,
    bounded: bool,
    known: (&Names<'_>, &Labels<'_>),
    cx: &mut Context,
) -> Option<Listener> {
    let ports = if bounded { ports::expand(listener, cx) } else { None };
    let mut taken = Taken::default();
    let mut forwards = Vec::new();
    for entry in &listener.policies.forwards {
        forwards.push(match entry {
            ForwardEntry::PortMapping(mapping) => {
                port_mapping(listener, mapping, ports.as_deref(), known.0, &taken, cx)
            }
            ForwardEntry::Sni(entry) => {
                host_names::sni(listener, entry, ports.as_deref(), known, &mut taken, cx).map(Forward::Sni)
            }
        });
    }
    let forwards: Vec<Forward> = forwards.into_iter().collect::<Option<_>>()?;
    let tls = match &listener.policies.tls {
        Some(tls) => Some(Arc::new(tls.server.clone()?)),
        None => None,
    };
    listener.policies.whole.then_some(Listener {
        id: ListenerId::of(&listener.name.value),
        name: listener.name.value.as_str().into(),
        addresses: listener.addresses.iter().map(|address| address.value).collect(),
        ports: ports?,
        tls,
        forwards,
        description: listener.about.description.as_deref().map(Arc::from),
        labels: listener.about.labels.clone(),
    })
}

fn port_mapping(
    listener: &file::Listener,
    mapping: &file::PortMapping,
    ports: Option<&[u16]>,
    clusters: &Names<'_>,
    taken: &Taken,
    cx: &mut Context,
) -> Option<Forward> {
    let cluster = match &mapping.destination {
        Some(Some(name)) => clusters.resolve(name, cx),
        Some(None) => None,
        None if clusters.count() == 1 => Some(0),
        None => {
            let message = "is missing; write destination: {name: ...}, one of the virtual clusters";
            cx.fault(&mapping.destination_spot, message);
            None
        }
    };
    let mapped = ports::mapping(listener, mapping, ports, cx)?;
    let right = host_names::check_mapped_host(listener, mapping, &mapped.advertised_host, taken, cx);
    let address_map = Arc::new(AddressMap::Ports(mapped));
    right.then_some(Forward::PortMapping { virtual_cluster: cluster?, address_map })
}

/// A list without which Klamm has nothing to do. Nothing is said where a fault may be the reason.
fn missing_list(file: &File, key: &str, lack: &str, cx: &mut Context) {
    if !cx.names_incomplete {
        top_fault(file, key, &format!("is missing or empty: this configuration {lack}; write one at least"), cx);
    }
}

fn top_fault(file: &File, key: &str, message: &str, cx: &mut Context) {
    if let Some(top) = &file.top {
        cx.fault(&Spot { path: key.to_owned(), ..top.clone() }, message);
    }
}

/// The place of what is in no file.
fn no_spot() -> Spot {
    Spot { file: "".into(), order: 0, line: 0, column: 0, path: String::new() }
}
