//! Where a connection goes: tables that are computed once from a snapshot.
//!
//! Owns the port table and the host name tables. May not allocate on a look-up, change after it is built, or guess.

mod host_table;
mod ingress;

use std::sync::Arc;

pub use host_table::{HostMatch, HostTable, NoHostMatch};
pub use ingress::{Destination, Ingress, IngressMode, NoDestination, TlsIngress, ingresses};

use crate::cluster::{AddressMap, BackendId, Namespace, VirtualClusterId};
use crate::config::{Forward, Listener, Snapshot};

/// A virtual cluster as it is reached through one policy of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The virtual cluster's name.
    pub virtual_cluster: Arc<str>,
    /// Its id.
    pub id: VirtualClusterId,
    /// The backend cluster.
    pub backend: BackendId,
    /// The address of each node that clients see.
    pub addresses: Arc<AddressMap>,
    /// The namespace of the virtual cluster; `None`: virtual names are the physical ones.
    pub namespace: Option<Arc<Namespace>>,
}

impl Route {
    /// The route to a virtual cluster; `None` where there is no such one.
    fn of(snapshot: &Snapshot, listener: &Listener, cluster: usize, addresses: &Arc<AddressMap>) -> Option<Route> {
        let virtual_cluster = snapshot.virtual_clusters.get(cluster)?;
        let backend = snapshot.backend_clusters.get(virtual_cluster.backend)?;
        Some(Route {
            listener: listener.name.clone(),
            virtual_cluster: virtual_cluster.name.clone(),
            id: virtual_cluster.id,
            backend: backend.id,
            addresses: addresses.clone(),
            namespace: virtual_cluster.namespace.clone(),
        })
    }
}

/// The host names that `listener` routes by; `None` where it routes by none.
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
