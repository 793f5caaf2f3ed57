//! What a listening socket leads to: by its port, by the host name that a client asks for, or both.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{HostTable, NoMeaning, Route, host_names};
use crate::cluster::{AddressMap, NodeId};
use crate::config::{Forward, Listener, Snapshot};

/// One listening socket, as its connections find it.
#[derive(Debug)]
pub struct Entrance {
    /// The listener's name.
    pub listener: Arc<str>,
    /// What is spoken there, and where it leads.
    pub door: Door,
}

/// What is spoken at an entrance, and where it leads.
#[derive(Debug)]
pub enum Door {
    /// Plain connections, all of which go there.
    Plain(Destination),
    /// TLS.
    Tls(TlsDoor),
}

/// An entrance where TLS is spoken.
#[derive(Debug)]
pub struct TlsDoor {
    /// Index of the listener, whose settings of TLS may be replaced while it is open.
    pub listener: usize,
    /// Connections that do not begin with TLS are let in too, and go where [`TlsDoor::mapped`] says.
    pub allow_plaintext: bool,
    /// The host names of the listener; `None`: names mean nothing.
    pub names: Option<Arc<HostTable>>,
    /// Where the port leads whatever has no name of the table; `None`: nowhere.
    pub mapped: Option<Destination>,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The virtual cluster behind its listener.
    pub route: Arc<Route>,
    /// The node; `None`: any live one (bootstrap).
    pub node: Option<NodeId>,
}

/// Why a connection goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDestination {
    /// It asks for a host name that is nobody's.
    UnknownName,
    /// It asks for none, and only names lead somewhere.
    NoName,
}

impl TlsDoor {
    /// Where a client goes that asks for this name, or for none. What has the form of a name of ours and is nobody's goes
    /// nowhere, whatever the port says: it must not fall into another's virtual cluster.
    ///
    /// # Errors
    ///
    /// No policy takes the connection.
    pub fn destination(&self, name: Option<&[u8]>) -> Result<Destination, NoDestination> {
        let Some(name) = name else { return self.mapped.clone().ok_or(NoDestination::NoName) };
        match self.names.as_ref().map(|names| names.meaning(name)) {
            Some(Ok(meant)) => Ok(Destination { route: meant.route.clone(), node: meant.node }),
            Some(Err(NoMeaning::UnknownCluster)) => Err(NoDestination::UnknownName),
            Some(Err(NoMeaning::Foreign)) | None => self.mapped.clone().ok_or(NoDestination::UnknownName),
        }
    }
}

/// Each address to listen on, with what its connections find there; in the order of the file. What several sockets of a
/// listener share is made once.
pub fn entrances(snapshot: &Snapshot) -> Vec<(SocketAddr, Arc<Entrance>)> {
    let mut table = Vec::new();
    for (index, listener) in snapshot.listeners.iter().enumerate() {
        let names = host_names(snapshot, listener).map(Arc::new);
        let mapping = mapping(snapshot, listener);
        for port in &listener.ports {
            let mapped = mapping.clone().map(|route| Destination { node: node_of(&route, *port), route });
            let door = match (&listener.tls, mapped) {
                (None, Some(mapped)) => Door::Plain(mapped),
                // The check accepts no such listener: nothing leads anywhere.
                (None, None) => continue,
                (Some(tls), mapped) => Door::Tls(TlsDoor {
                    listener: index,
                    allow_plaintext: tls.allow_plaintext,
                    names: names.clone(),
                    mapped,
                }),
            };
            let entrance = Arc::new(Entrance { listener: listener.name.clone(), door });
            let addresses = listener.addresses.iter();
            table.extend(addresses.map(|address| (SocketAddr::new(*address, *port), entrance.clone())));
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
