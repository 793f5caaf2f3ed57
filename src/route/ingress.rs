//! Where the connections of a listening socket go: by its port, by the host name that a client asks for (SNI), or both.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{HostTable, NoHostMatch, Route, host_names};
use crate::cluster::{AddressMap, ListenerId, NodeId};
use crate::config::{Forward, Listener, Snapshot};

/// The ingress of connections: one listening socket.
#[derive(Debug)]
pub struct Ingress {
    /// The listener.
    pub id: ListenerId,
    /// Its name.
    pub listener: Arc<str>,
    /// What is spoken there, and where connections go.
    pub mode: IngressMode,
}

/// What is spoken at an ingress, and where connections go.
#[derive(Debug)]
pub enum IngressMode {
    /// Plain connections, all of which go there.
    Plain(Destination),
    /// TLS.
    Tls(TlsIngress),
}

/// An ingress where TLS is spoken.
#[derive(Debug)]
pub struct TlsIngress {
    /// Connections that do not begin with TLS are accepted too, and go where [`TlsIngress::by_port`] says.
    pub allow_plaintext: bool,
    /// The host names of the listener; `None`: it does not route by name.
    pub host_table: Option<Arc<HostTable>>,
    /// Where connections of this port go whose name is not in the table; `None`: nowhere.
    pub by_port: Option<Destination>,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The virtual cluster behind its listener.
    pub route: Arc<Route>,
    /// The node; `None`: any live one (bootstrap).
    pub node: Option<NodeId>,
}

impl Destination {
    /// Whether clients are told this name, which stands for all nodes.
    fn is_advertised_as(&self, name: &[u8]) -> bool {
        fn plain(name: &[u8]) -> &[u8] {
            name.strip_suffix(b".").unwrap_or(name)
        }
        match &*self.route.addresses {
            AddressMap::Ports(mapping) => plain(mapping.advertised_host.as_bytes()).eq_ignore_ascii_case(plain(name)),
            AddressMap::Names(_) => false,
        }
    }
}

/// Why a connection goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDestination {
    /// It asks for a host name that no virtual cluster has.
    UnknownName,
    /// It asks for none, and the listener routes only by name.
    NoName,
}

impl TlsIngress {
    /// Where a client goes that asks for this name, or for none. A name below one of our suffixes that no virtual cluster has
    /// goes nowhere, whatever the port stands for: it must not end up in another virtual cluster. The host that the port mapping
    /// itself is advertised by is no such name.
    ///
    /// # Errors
    ///
    /// No policy takes the connection.
    pub fn destination(&self, name: Option<&[u8]>) -> Result<Destination, NoDestination> {
        let Some(name) = name else { return self.by_port.clone().ok_or(NoDestination::NoName) };
        match self.host_table.as_ref().map(|host_table| host_table.look_up(name)) {
            Some(Ok(matched)) => Ok(Destination { route: matched.route.clone(), node: matched.node }),
            Some(Err(NoHostMatch::Below)) => {
                self.by_port.clone().filter(|to| to.is_advertised_as(name)).ok_or(NoDestination::UnknownName)
            }
            Some(Err(NoHostMatch::Foreign)) | None => self.by_port.clone().ok_or(NoDestination::UnknownName),
        }
    }
}

/// Each address to listen on, with its ingress; in the order of the file. What several sockets of a listener share is made
/// once.
pub fn ingresses(snapshot: &Snapshot) -> Vec<(SocketAddr, Arc<Ingress>)> {
    let mut table = Vec::new();
    for listener in &snapshot.listeners {
        let host_table = host_names(snapshot, listener).map(Arc::new);
        let mapping = mapping(snapshot, listener);
        for port in &listener.ports {
            let by_port = mapping.clone().map(|route| Destination { node: node_of(&route, *port), route });
            let mode = match (&listener.tls, by_port) {
                (None, Some(by_port)) => IngressMode::Plain(by_port),
                // The check accepts no such listener: its connections would go nowhere.
                (None, None) => continue,
                (Some(tls), by_port) => IngressMode::Tls(TlsIngress {
                    allow_plaintext: tls.allow_plaintext,
                    host_table: host_table.clone(),
                    by_port,
                }),
            };
            let ingress = Arc::new(Ingress { id: listener.id, listener: listener.name.clone(), mode });
            let addresses = listener.addresses.iter();
            table.extend(addresses.map(|address| (SocketAddr::new(*address, *port), ingress.clone())));
        }
    }
    table
}

/// The route of the listener's port mapping; it has one at most.
fn mapping(snapshot: &Snapshot, listener: &Listener) -> Option<Arc<Route>> {
    let mapping = |forward: &Forward| match forward {
        Forward::PortMapping { virtual_cluster, address_map } => {
            Route::of(snapshot, listener, *virtual_cluster, address_map).map(Arc::new)
        }
        Forward::Sni(_) => None,
    };
    listener.forwards.iter().find_map(mapping)
}

fn node_of(route: &Route, port: u16) -> Option<NodeId> {
    match &*route.addresses {
        AddressMap::Ports(mapping) => mapping.node_of(port),
        AddressMap::Names(_) => None,
    }
}
