//! What the shards use of a configuration: every reference resolved, no string left to look up.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::tls::{BackendTls, TlsServer};
use crate::cluster::{
    AddressMap, BackendId, HostFormat, HostPort, ListenerId, Namespace, ShadowWarnings, VirtualClusterId,
};

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// This machine's settings.
    pub node: Node,
    /// The backend clusters; within the snapshot others refer to them by index.
    pub backend_clusters: Vec<BackendCluster>,
    /// The virtual clusters, the implicit `passthrough` among them; within the snapshot others refer to them by index.
    pub virtual_clusters: Vec<VirtualCluster>,
    /// The listeners.
    pub listeners: Vec<Listener>,
}

/// This machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Which cores get a shard.
    pub shards: Shards,
    /// Where `/live`, `/ready` and `/metrics` are served.
    pub admin: Admin,
    /// How long a drain may take before what is left is closed.
    pub drain_duration: Duration,
    /// The limits.
    pub limits: Limits,
    /// Free text, for people.
    pub description: Option<Arc<str>>,
    /// Free labels, for people.
    pub labels: BTreeMap<String, String>,
}

/// Which cores get a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shards {
    /// One per allowed core.
    Auto,
    /// That many, on the first allowed cores.
    Count(usize),
    /// One on each of these cores.
    Cores(Vec<usize>),
}

/// The admin address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admin {
    /// A TCP address.
    Address(SocketAddr),
    /// A Unix socket.
    Socket(PathBuf),
}

/// The limits of this machine. All are on; `None` is "derived at start and printed".
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Client connections at a time; `None`: derived from the descriptor limit.
    pub connections_max: Option<u64>,
    /// Client connections from one source address at a time.
    pub connections_per_source_max: u64,
    /// Accepted connections per second, over all listeners.
    pub accepts_per_second_max: u64,
    /// Longest request, in bytes.
    pub frame_bytes_max: u32,
    /// Longest frame that may be held whole, in bytes.
    pub hold_bytes_max: u32,
    /// Bytes read from a socket at a time.
    pub read_bytes_max: u32,
    /// So many bytes of a frame pass from socket to socket unread, if a pipe is free.
    pub splice_bytes_min: u32,
    /// Pipes of each shard for that; 0: every byte is copied.
    pub pipes_max: u32,
    /// Requests in flight on a connection before reading stops.
    pub in_flight_max: u16,
    /// Memory for all buffers; `None`: 60 % of the memory this process may have.
    pub memory_bytes_max: Option<u64>,
    /// From accept to the first byte.
    pub first_byte: Duration,
    /// From the first byte to the end of a ClientHello.
    pub hello: Duration,
    /// From there to the end of the handshake.
    pub handshake: Duration,
    /// For reaching a node, and for waiting until the backend cluster is known.
    pub connect: Duration,
    /// Nothing in flight and nothing received.
    pub idle: Duration,
    /// A client that takes no answer bytes.
    pub stalled_write: Duration,
    /// A request that is being received must advance by this many bytes a second, after `request_grace`.
    pub request_bytes_per_second_min: u32,
    /// How long a request may be received before the minimum rate holds.
    pub request_grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: None,
            connections_per_source_max: 10_000,
            accepts_per_second_max: 5_000,
            frame_bytes_max: 100 << 20,
            hold_bytes_max: 4 << 20,
            read_bytes_max: 128 << 10,
            splice_bytes_min: 32 << 10,
            pipes_max: 32,
            in_flight_max: 256,
            memory_bytes_max: None,
            first_byte: Duration::from_secs(10),
            hello: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(11 * 60),
            stalled_write: Duration::from_secs(6 * 60),
            request_bytes_per_second_min: 1024,
            request_grace: Duration::from_secs(10),
        }
    }
}

/// A Kafka that is shared.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendCluster {
    /// Of its name.
    pub id: BackendId,
    /// Its name in the file.
    pub name: Arc<str>,
    /// Where to begin.
    pub bootstrap_servers: Vec<HostPort>,
    /// Between two refreshes of the catalogue.
    pub metadata_update_interval: Duration,
    /// `None`: plain connections.
    pub tls: Option<Arc<BackendTls>>,
    /// Free text, for people.
    pub description: Option<Arc<str>>,
    /// Free labels, for people.
    pub labels: BTreeMap<String, String>,
}

/// What a client takes for a Kafka of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualCluster {
    /// Of its name.
    pub id: VirtualClusterId,
    /// Its name in the file, or `passthrough`.
    pub name: Arc<str>,
    /// Index into [`Snapshot::backend_clusters`].
    pub backend: usize,
    /// What its host names have of their own; `None`: no listener reaches it by host name.
    pub dns_label: Option<Arc<str>>,
    /// Free text, for people.
    pub description: Option<Arc<str>>,
    /// Free labels, for people.
    pub labels: BTreeMap<String, String>,
    /// The names of its clients; None: everything under its own name.
    pub namespace: Option<Arc<Namespace>>,
    /// Its additional topics with `conflict: warn`.
    pub shadow_warnings: ShadowWarnings,
}

/// Sockets that are listened on, and where their connections go.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// Of its name.
    pub id: ListenerId,
    /// Its name in the file.
    pub name: Arc<str>,
    /// Each address is bound with each port.
    pub addresses: Vec<IpAddr>,
    /// Without duplicates, in the order of the file.
    pub ports: Vec<u16>,
    /// `None`: plain connections.
    pub tls: Option<Arc<TlsServer>>,
    /// Where its connections go: the first that takes one is used.
    pub forwards: Vec<Forward>,
    /// Free text, for people.
    pub description: Option<Arc<str>>,
    /// Free labels, for people.
    pub labels: BTreeMap<String, String>,
}

/// Where connections of a listener go.
#[derive(Clone, Debug, PartialEq)]
pub enum Forward {
    /// The port says which node is meant. Takes every connection.
    PortMapping {
        /// Index into [`Snapshot::virtual_clusters`].
        virtual_cluster: usize,
        /// Which port stands for which node, and what is advertised to clients.
        address_map: Arc<AddressMap>,
    },
    /// The host name that the client asks for says which virtual cluster and node is meant.
    Sni(Sni),
}

impl Forward {
    /// The virtual clusters that it leads to, by their index, and what is advertised to their clients.
    pub fn targets(&self) -> impl Iterator<Item = (usize, &Arc<AddressMap>)> {
        let (one, more) = match self {
            Forward::PortMapping { virtual_cluster, address_map } => (Some((*virtual_cluster, address_map)), None),
            Forward::Sni(sni) => (None, Some(&sni.targets)),
        };
        one.into_iter().chain(more.into_iter().flatten().map(|(cluster, addresses)| (*cluster, addresses)))
    }
}

/// Routing by host name.
#[derive(Clone, Debug, PartialEq)]
pub struct Sni {
    /// What all its names end with, in lower case.
    pub suffix: Arc<str>,
    /// The advertised port.
    pub advertised_port: u16,
    /// How names and labels are joined.
    pub format: HostFormat,
    /// The one virtual cluster that is reached; `None`: all that have a `dns_label`.
    pub destination: Option<usize>,
    /// The virtual clusters that it leads to, by their index into [`Snapshot::virtual_clusters`], and what is
    /// advertised to their clients.
    pub targets: Vec<(usize, Arc<AddressMap>)>,
}
