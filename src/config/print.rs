//! A checked configuration as YAML, every default filled in.
//!
//! What is printed loads to the same `Snapshot`. What only decides whether a file is accepted is not in it: the
//! `authentication` of a virtual cluster and its backend cluster's flag for anonymous, which change nothing else yet.

mod names;
mod tls;

use std::collections::BTreeMap;

use serde::Serialize;

use super::snapshot::{self, Admin, Forward, Limits, Shards, Snapshot};
use super::units::{show_duration, show_size};
use crate::cluster::{AddressMap, HostFormat};

/// The configuration in its own format, every default filled in.
pub fn print(snapshot: &Snapshot) -> String {
    // Serializing plain maps, lists and text into a string cannot fail; if it did, its reason is what there is to show.
    serde_yaml::to_string(&File::of(snapshot)).unwrap_or_else(|error| format!("# cannot be printed: {error}\n"))
}

/// The same as a tree.
pub(super) fn tree(snapshot: &Snapshot) -> serde_yaml::Value {
    // As above.
    serde_yaml::to_value(File::of(snapshot)).unwrap_or_default()
}

#[derive(Serialize)]
struct File<'s> {
    node: Node<'s>,
    backend_clusters: Vec<BackendCluster<'s>>,
    virtual_clusters: Vec<VirtualCluster<'s>>,
    listeners: Vec<Listener<'s>>,
}

#[derive(Serialize)]
struct About<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'s str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'s BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Node<'s> {
    shards: ShardsText<'s>,
    admin: BTreeMap<&'static str, String>,
    drain_duration: String,
    limits: LimitsText,
    #[serde(flatten)]
    about: About<'s>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ShardsText<'s> {
    Auto(&'static str),
    Count(usize),
    Cores(&'s [usize]),
}

#[derive(Serialize)]
struct LimitsText {
    connections_max: String,
    connections_per_source_max: u64,
    accepts_per_second_max: u64,
    frame_bytes_max: String,
    hold_bytes_max: String,
    read_bytes_max: String,
    splice_bytes_min: String,
    pipes_max: u32,
    in_flight_max: u16,
    memory_bytes_max: String,
    first_byte: String,
    hello: String,
    handshake: String,
    connect: String,
    idle: String,
    stalled_write: String,
    request_bytes_per_second_min: String,
    request_grace: String,
}

#[derive(Serialize)]
struct BackendCluster<'s> {
    name: &'s str,
    bootstrap_servers: Vec<String>,
    metadata_update_interval_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<tls::BackendTls<'s>>,
    #[serde(flatten)]
    about: About<'s>,
}

#[derive(Serialize)]
struct Name<'s> {
    name: &'s str,
}

#[derive(Serialize)]
struct VirtualCluster<'s> {
    name: &'s str,
    destination: Option<Name<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_label: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<names::Namespace<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topic_aliases: Vec<names::Alias<'s>>,
    #[serde(flatten)]
    about: About<'s>,
}

#[derive(Serialize)]
struct Listener<'s> {
    name: &'s str,
    addresses: Vec<String>,
    ports: Vec<String>,
    policies: Vec<Policy<'s>>,
    #[serde(flatten)]
    about: About<'s>,
}

#[derive(Serialize)]
struct Policy<'s> {
    r#type: &'static str,
    config: Config<'s>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Config<'s> {
    TlsServer(tls::TlsServer<'s>),
    PortMapping(PortMapping<'s>),
    Sni(Sni<'s>),
}

#[derive(Serialize)]
struct Sni<'s> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<Name<'s>>,
    sni_suffix: &'s str,
    advertised_port: u16,
    broker_host_format: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct PortMapping<'s> {
    r#type: &'static str,
    destination: Option<Name<'s>>,
    advertised_host: &'s str,
    bootstrap_port: &'static str,
    min_broker_id: i32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    node_ports: BTreeMap<i32, u16>,
}

impl<'s> File<'s> {
    fn of(snapshot: &'s Snapshot) -> File<'s> {
        File {
            node: Node::of(&snapshot.node),
            backend_clusters: snapshot.backend_clusters.iter().map(BackendCluster::of).collect(),
            virtual_clusters: snapshot.virtual_clusters.iter().map(|of| VirtualCluster::of(of, snapshot)).collect(),
            listeners: snapshot.listeners.iter().map(|of| Listener::of(of, snapshot)).collect(),
        }
    }
}

impl<'s> Node<'s> {
    fn of(node: &'s snapshot::Node) -> Node<'s> {
        Node {
            shards: match &node.shards {
                Shards::Auto => ShardsText::Auto("auto"),
                Shards::Count(count) => ShardsText::Count(*count),
                Shards::Cores(cores) => ShardsText::Cores(cores),
            },
            admin: match &node.admin {
                Admin::Address(address) => BTreeMap::from([("address", address.to_string())]),
                Admin::Socket(path) => BTreeMap::from([("socket", path.display().to_string())]),
            },
            drain_duration: show_duration(node.drain_duration),
            limits: LimitsText::of(&node.limits),
            about: About { description: node.description.as_deref(), labels: &node.labels },
        }
    }
}

impl LimitsText {
    fn of(limits: &Limits) -> LimitsText {
        let auto = || "auto".to_owned();
        LimitsText {
            connections_max: limits.connections_max.map_or_else(auto, |count| count.to_string()),
            connections_per_source_max: limits.connections_per_source_max,
            accepts_per_second_max: limits.accepts_per_second_max,
            frame_bytes_max: show_size(limits.frame_bytes_max.into()),
            hold_bytes_max: show_size(limits.hold_bytes_max.into()),
            read_bytes_max: show_size(limits.read_bytes_max.into()),
            splice_bytes_min: show_size(limits.splice_bytes_min.into()),
            pipes_max: limits.pipes_max,
            in_flight_max: limits.in_flight_max,
            memory_bytes_max: limits.memory_bytes_max.map_or_else(auto, show_size),
            first_byte: show_duration(limits.first_byte),
            hello: show_duration(limits.hello),
            handshake: show_duration(limits.handshake),
            connect: show_duration(limits.connect),
            idle: show_duration(limits.idle),
            stalled_write: show_duration(limits.stalled_write),
            request_bytes_per_second_min: show_size(limits.request_bytes_per_second_min.into()),
            request_grace: show_duration(limits.request_grace),
        }
    }
}

impl<'s> BackendCluster<'s> {
    fn of(backend: &'s snapshot::BackendCluster) -> BackendCluster<'s> {
        BackendCluster {
            name: &backend.name,
            bootstrap_servers: backend.bootstrap_servers.iter().map(ToString::to_string).collect(),
            metadata_update_interval_seconds: backend.metadata_update_interval.as_secs(),
            tls: backend.tls.as_deref().map(tls::BackendTls::of),
            about: About { description: backend.description.as_deref(), labels: &backend.labels },
        }
    }
}

impl<'s> VirtualCluster<'s> {
    fn of(cluster: &'s snapshot::VirtualCluster, snapshot: &'s Snapshot) -> VirtualCluster<'s> {
        let backend = snapshot.backend_clusters.get(cluster.backend);
        VirtualCluster {
            name: &cluster.name,
            destination: backend.map(|backend| Name { name: &backend.name }),
            dns_label: cluster.dns_label.as_deref(),
            namespace: cluster.namespace.as_deref().and_then(|of| names::Namespace::of(of, &cluster.shadow_warnings)),
            topic_aliases: cluster.namespace.as_deref().map(names::aliases).unwrap_or_default(),
            about: About { description: cluster.description.as_deref(), labels: &cluster.labels },
        }
    }
}

impl<'s> Listener<'s> {
    fn of(listener: &'s snapshot::Listener, snapshot: &'s Snapshot) -> Listener<'s> {
        let tls_server = |tls| Policy { r#type: "tls_server", config: Config::TlsServer(tls::TlsServer::of(tls)) };
        let forward = |config| Policy { r#type: "forward_to_virtual_cluster", config };
        let forwards = listener.forwards.iter().filter_map(|of| Config::of(of, snapshot)).map(forward);
        Listener {
            name: &listener.name,
            addresses: listener.addresses.iter().map(ToString::to_string).collect(),
            ports: ranges(&listener.ports),
            policies: listener.tls.as_deref().map(tls_server).into_iter().chain(forwards).collect(),
            about: About { description: listener.description.as_deref(), labels: &listener.labels },
        }
    }
}

impl<'s> Config<'s> {
    fn of(forward: &'s Forward, snapshot: &'s Snapshot) -> Option<Config<'s>> {
        let name = |cluster: usize| snapshot.virtual_clusters.get(cluster).map(|cluster| Name { name: &cluster.name });
        match forward {
            Forward::PortMapping { virtual_cluster, address_map } => match &**address_map {
                AddressMap::Ports(mapping) => Some(Config::PortMapping(PortMapping {
                    r#type: "port_mapping",
                    destination: name(*virtual_cluster),
                    advertised_host: &mapping.advertised_host,
                    bootstrap_port: if mapping.bootstrap_port.is_some() { "at_start" } else { "none" },
                    min_broker_id: mapping.min_broker_id,
                    node_ports: mapping.node_ports.iter().map(|(node, port)| (node.0, port)).collect(),
                })),
                AddressMap::Names(_) => None,
            },
            Forward::Sni(sni) => {
                let format = match sni.format {
                    HostFormat::PerClusterSuffix => "per_cluster_suffix",
                    HostFormat::SharedSuffix => "shared_suffix",
                };
                Some(Config::Sni(Sni {
                    r#type: "sni",
                    destination: sni.destination.and_then(name),
                    sni_suffix: &sni.suffix,
                    advertised_port: sni.advertised_port,
                    broker_host_format: BTreeMap::from([("type", format)]),
                }))
            }
        }
    }
}

/// Ports that follow on each other as ranges, the order kept.
fn ranges(ports: &[u16]) -> Vec<String> {
    let follows = |a: &u16, b: &u16| a.checked_add(1) == Some(*b);
    ports
        .chunk_by(follows)
        .filter_map(|run| match (run.first()?, run.last()?) {
            (first, last) if first == last => Some(first.to_string()),
            (first, last) => Some(format!("{first}-{last}")),
        })
        .collect()
}
