//! Which address a client is told for a node.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Advertised, HostNames, NodeId};

/// Node id -> the host and port that stand for it in one virtual cluster behind one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressMap {
    /// Each node has a port of its own.
    Ports(PortMapping),
    /// Each node has a host name of its own.
    Names(HostNames),
}

impl AddressMap {
    /// The address a client must be told for `node`; `None` when the listener has no port for it.
    pub fn advertised(&self, node: NodeId) -> Option<Advertised<'_>> {
        match self {
            AddressMap::Ports(mapping) => Some(Advertised::same(&mapping.advertised_host, mapping.port_of(node)?)),
            AddressMap::Names(names) => (node.0 >= 0).then(|| Advertised::of_node(node, names)),
        }
    }
}

/// The ports of one listener and the nodes they stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// The host name or address that clients are told.
    pub advertised_host: Arc<str>,
    /// The bootstrap port, where the mapping has one.
    pub bootstrap_port: Option<u16>,
    /// The listener's ports in the order of the file, the bootstrap port included where there is one.
    pub ports: Arc<[u16]>,
    /// The node id that the first node port stands for.
    pub min_broker_id: i32,
    /// Nodes with a port of their own choice; these ports are in no sequence.
    pub node_ports: BTreeMap<NodeId, u16>,
}

impl PortMapping {
    /// The port that stands for `node`: its entry in `node_ports`, else
    /// first port + (1 with a bootstrap port) + node id - `min_broker_id`, when the listener has that port and no
    /// entry of `node_ports` took it.
    pub fn port_of(&self, node: NodeId) -> Option<u16> {
        if let Some(port) = self.node_ports.get(&node) {
            return Some(*port);
        }
        let first = i64::from(*self.ports.first()?) + i64::from(self.bootstrap_port.is_some());
        let offset = i64::from(node.0) - i64::from(self.min_broker_id);
        if offset < 0 {
            return None;
        }
        let port = u16::try_from(first + offset).ok()?;
        let taken = self.node_ports.values().any(|p| *p == port);
        (self.ports.contains(&port) && !taken).then_some(port)
    }

    /// The node that `port` stands for; `None` for the bootstrap port and for ports of another listener.
    pub fn node_of(&self, port: u16) -> Option<NodeId> {
        if let Some((node, _)) = self.node_ports.iter().find(|(_, p)| **p == port) {
            return Some(*node);
        }
        let first = i64::from(*self.ports.first()?) + i64::from(self.bootstrap_port.is_some());
        let id = i64::from(port) - first + i64::from(self.min_broker_id);
        let node = NodeId(i32::try_from(id).ok()?);
        (self.port_of(node) == Some(port)).then_some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(bootstrap: bool) -> PortMapping {
        PortMapping {
            advertised_host: "gateway".into(),
            bootstrap_port: bootstrap.then_some(19092),
            ports: vec![19092, 19093, 19094, 19095, 19099].into(),
            min_broker_id: 1,
            node_ports: BTreeMap::from([(NodeId(7), 19099)]),
        }
    }

    #[test]
    fn each_port_stands_for_one_node_and_back() {
        for bootstrap in [true, false] {
            let map = mapping(bootstrap);
            for port in map.ports.iter() {
                match map.node_of(*port) {
                    Some(node) => assert_eq!(map.port_of(node), Some(*port)),
                    None => assert_eq!(map.bootstrap_port, Some(*port)),
                }
            }
        }
        assert_eq!(mapping(true).port_of(NodeId(1)), Some(19093));
        assert_eq!(mapping(false).port_of(NodeId(1)), Some(19092));
        assert_eq!(mapping(true).port_of(NodeId(7)), Some(19099));
        assert_eq!(mapping(true).port_of(NodeId(4)), None);
        assert_eq!(mapping(true).port_of(NodeId(0)), None);
        assert_eq!(mapping(true).port_of(NodeId(i32::MAX)), None);
        assert_eq!(mapping(true).port_of(NodeId(i32::MIN)), None);
    }
}
