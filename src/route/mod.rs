//! Where a connection goes: a table that is computed once from a snapshot.
//!
//! Owns the port table. May not allocate on a look-up, change after it is built, or guess.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::cluster::{AddressMap, Namespace, NodeId};
use crate::config::Snapshot;

/// What the connections of one listening socket are for.
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

/// Each address to listen on, with the route of its connections; in the order of the file.
pub fn ports(snapshot: &Snapshot) -> Vec<(SocketAddr, Arc<Route>)> {
    let mut table = Vec::new();
    for listener in &snapshot.listeners {
        let Some(virtual_cluster) = snapshot.virtual_clusters.get(listener.virtual_cluster) else { continue };
        let AddressMap::Ports(mapping) = &*listener.address_map;
        for port in &listener.ports {
            let route = Arc::new(Route {
                listener: listener.name.clone(),
                virtual_cluster: virtual_cluster.name.clone(),
                backend: virtual_cluster.backend,
                node: mapping.node_of(*port),
                addresses: listener.address_map.clone(),
                namespace: virtual_cluster.namespace.clone(),
            });
            table.extend(listener.addresses.iter().map(|address| (SocketAddr::new(*address, *port), route.clone())));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{NodePorts, PortMapping, Warned};
    use crate::config::{Admin, Limits, Listener, Node, Shards, VirtualCluster};
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn each_port_of_each_address_has_its_route() {
        let mapping = PortMapping {
            advertised_host: "gateway".into(),
            bootstrap_port: Some(100),
            ports: vec![100, 101, 102].into(),
            min_broker_id: 5,
            node_ports: NodePorts::default(),
        };
        let listener = Listener {
            name: "desk".into(),
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            ports: vec![100, 101, 102],
            virtual_cluster: 0,
            address_map: Arc::new(AddressMap::Ports(mapping)),
            description: None,
            labels: BTreeMap::new(),
        };
        let node = Node {
            shards: Shards::Auto,
            admin: Admin::Address("127.0.0.1:1".parse().unwrap()),
            drain_duration: Duration::ZERO,
            limits: Limits::default(),
            description: None,
            labels: BTreeMap::new(),
        };
        let virtual_cluster = VirtualCluster {
            name: "passthrough".into(),
            backend: 0,
            description: None,
            labels: BTreeMap::new(),
            namespace: None,
            warned: Warned::default(),
        };
        let virtual_clusters = vec![virtual_cluster];
        let snapshot = Snapshot { node, backend_clusters: Vec::new(), virtual_clusters, listeners: vec![listener] };
        let table: Vec<_> = ports(&snapshot).into_iter().map(|(at, route)| (at.to_string(), route.node)).collect();
        let expected = [
            ("127.0.0.1:100", None),
            ("[::1]:100", None),
            ("127.0.0.1:101", Some(NodeId(5))),
            ("[::1]:101", Some(NodeId(5))),
            ("127.0.0.1:102", Some(NodeId(6))),
            ("[::1]:102", Some(NodeId(6))),
        ];
        assert_eq!(table, expected.map(|(at, node)| (at.to_string(), node)));
    }
}
