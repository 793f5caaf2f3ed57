//! Where a connection goes: tables that are computed once from a snapshot.
//!
//! Owns the port table and the host name tables. May not allocate on a look-up, change after it is built, or guess.

mod names;

use std::net::SocketAddr;
use std::sync::Arc;

pub use names::{HostTable, Meant, NoMeaning};

use crate::cluster::{AddressMap, Namespace, NodeId};
use crate::config::{Forward, Listener, Snapshot};

/// What the connections of one listening socket, or to one host name, are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The virtual cluster's name.
    pub virtual_cluster: Arc<str>,
    /// Index of the backend cluster.
    pub backend: usize,
    /// The node that the port stands for; `None`: any live one (bootstrap).
    pub node: Option<NodeId>,
    /// What clients are told of each node.
    pub addresses: Arc<AddressMap>,
    /// The names of the virtual cluster; `None`: everything is seen under its own name.
    pub namespace: Option<Arc<Namespace>>,
}

impl Route {
    /// A route to the bootstrap of a virtual cluster; `None` where there is no such one.
    fn of(snapshot: &Snapshot, listener: &Listener, cluster: usize, addresses: &Arc<AddressMap>) -> Option<Route> {
        let virtual_cluster = snapshot.virtual_clusters.get(cluster)?;
        Some(Route {
            listener: listener.name.clone(),
            virtual_cluster: virtual_cluster.name.clone(),
            backend: virtual_cluster.backend,
            node: None,
            addresses: addresses.clone(),
            namespace: virtual_cluster.namespace.clone(),
        })
    }
}

/// Each address to listen on that has a port mapping, with the route of its connections; in the order of the file.
pub fn ports(snapshot: &Snapshot) -> Vec<(SocketAddr, Arc<Route>)> {
    let mut table = Vec::new();
    for listener in &snapshot.listeners {
        for (cluster, address_map) in listener.forwards.iter().flat_map(Forward::targets) {
            let AddressMap::Ports(mapping) = &**address_map else { continue };
            let Some(route) = Route::of(snapshot, listener, cluster, address_map) else { continue };
            for port in &listener.ports {
                let route = Arc::new(Route { node: mapping.node_of(*port), ..route.clone() });
                let addresses = listener.addresses.iter();
                table.extend(addresses.map(|address| (SocketAddr::new(*address, *port), route.clone())));
            }
        }
    }
    table
}

/// The host names that lead somewhere on `listener`; `None` where it routes by none.
pub fn host_names(snapshot: &Snapshot, listener: &Listener) -> Option<HostTable> {
    let policies = || {
        listener.forwards.iter().filter_map(|forward| match forward {
            Forward::PortMapping { .. } => None,
            Forward::Sni(sni) => Some(sni),
        })
    };
    policies().next()?;
    let targets = policies().flat_map(|sni| &sni.targets);
    let routes = targets.filter_map(|(cluster, addresses)| Route::of(snapshot, listener, *cluster, addresses));
    Some(HostTable::new(routes.map(Arc::new).collect(), policies().map(|sni| sni.suffix.clone()).collect()))
}

#[cfg(test)]
mod tests;
