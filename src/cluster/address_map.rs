//! Which address is advertised to clients for a node.

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
    /// The address to advertise for `node`; `None` when the listener has no port for it.
    pub fn advertised(&self, node: NodeId) -> Option<Advertised<'_>> {
        match self {
            AddressMap::Ports(mapping) => Some(Advertised::same(&mapping.advertised_host, mapping.port_of(node)?)),
            AddressMap::Names(names) => (node.0 >= 0).then(|| Advertised::of_node(node, names)),
        }
    }
}

/// The ports of one listener and the nodes they stand for. Made once, and searched for each node of each answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// The advertised host name or address.
    pub advertised_host: Arc<str>,
    /// The bootstrap port, where the mapping has one.
    pub bootstrap_port: Option<u16>,
    /// The listener's ports as [`PortMapping::sorted`] gives them, the bootstrap port included where there is one.
    pub ports: Arc<[u16]>,
    /// The node id that the first node port stands for.
    pub min_broker_id: i32,
    /// Nodes with a port of their own choice; these ports are in no sequence.
    pub node_ports: NodePorts,
}

impl PortMapping {
    /// Ports of a file, which are counted from the first: that one stays, all behind it ascend.
    pub fn sorted(ports: &[u16]) -> Arc<[u16]> {
        let mut ports: Arc<[u16]> = ports.into();
        if let Some((_, rest)) = Arc::make_mut(&mut ports).split_first_mut() {
            rest.sort_unstable();
        }
        ports
    }

    /// The port that stands for `node`: its entry in `node_ports`, else
    /// first port + (1 with a bootstrap port) + node id - `min_broker_id`, when the listener has that port and no
    /// entry of `node_ports` took it.
    pub fn port_of(&self, node: NodeId) -> Option<u16> {
        if let Some(port) = self.node_ports.port_of(node) {
            return Some(port);
        }
        let (first, rest) = self.ports.split_first()?;
        let offset = i64::from(node.0) - i64::from(self.min_broker_id);
        if offset < 0 {
            return None;
        }
        let port = u16::try_from(i64::from(*first) + i64::from(self.bootstrap_port.is_some()) + offset).ok()?;
        let is_here = port == *first || rest.binary_search(&port).is_ok();
        (is_here && self.node_ports.node_of(port).is_none()).then_some(port)
    }

    /// The node that `port` stands for; `None` for the bootstrap port and for ports of another listener.
    pub fn node_of(&self, port: u16) -> Option<NodeId> {
        if let Some(node) = self.node_ports.node_of(port) {
            return Some(node);
        }
        let first = i64::from(*self.ports.first()?) + i64::from(self.bootstrap_port.is_some());
        let id = i64::from(port) - first + i64::from(self.min_broker_id);
        let node = NodeId(i32::try_from(id).ok()?);
        (self.port_of(node) == Some(port)).then_some(node)
    }
}

/// Nodes with a port of their own choice, to be found by either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePorts {
    by_node: BTreeMap<NodeId, u16>,
    /// The first node of each port.
    by_port: BTreeMap<u16, NodeId>,
}

impl NodePorts {
    /// All entries, the lowest node first.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, u16)> {
        self.by_node.iter().map(|(node, port)| (*node, *port))
    }

    fn port_of(&self, node: NodeId) -> Option<u16> {
        self.by_node.get(&node).copied()
    }

    /// The node that chose `port`.
    pub fn node_of(&self, port: u16) -> Option<NodeId> {
        self.by_port.get(&port).copied()
    }
}

impl FromIterator<(NodeId, u16)> for NodePorts {
    fn from_iter<I: IntoIterator<Item = (NodeId, u16)>>(entries: I) -> NodePorts {
        let by_node: BTreeMap<NodeId, u16> = entries.into_iter().collect();
        // The last to be inserted stays.
        let by_port = by_node.iter().rev().map(|(node, port)| (*port, *node)).collect();
        NodePorts { by_node, by_port }
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
            node_ports: [(NodeId(7), 19099)].into_iter().collect(),
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

    /// The definition, word by word: everything is looked through.
    fn looked_through(listed: &[u16], map: &PortMapping, node: i32) -> Option<u16> {
        if let Some((_, port)) = map.node_ports.iter().find(|(other, _)| other.0 == node) {
            return Some(port);
        }
        let offset = i64::from(node) - i64::from(map.min_broker_id);
        let port = i64::from(*listed.first()?) + i64::from(map.bootstrap_port.is_some()) + offset;
        let is_taken = map.node_ports.iter().any(|(_, taken)| i64::from(taken) == port);
        let is_here = listed.iter().any(|one| i64::from(*one) == port);
        (offset >= 0 && is_here && !is_taken).then(|| u16::try_from(port).unwrap())
    }

    #[test]
    fn a_search_finds_what_looking_through_all_finds() {
        let lists: [&[u16]; 6] =
            [&[], &[5], &[10, 11, 12, 20], &[12, 20, 13, 10, 14], &[65_534, 65_535, 1, 2], &[10, 30, 29, 11, 28, 12]];
        let by_hand: [&[(i32, u16)]; 5] = [&[], &[(1, 10)], &[(0, 12), (9, 13)], &[(3, 11), (4, 11)], &[(-1, 65_535)]];
        let mut found = 0;
        for listed in lists {
            for entries in by_hand {
                for (bootstrap_port, min_broker_id) in [(None, 0), (None, -2), (listed.first().copied(), 1)] {
                    let map = PortMapping {
                        advertised_host: "gateway".into(),
                        bootstrap_port,
                        ports: PortMapping::sorted(listed),
                        min_broker_id,
                        node_ports: entries.iter().map(|(node, port)| (NodeId(*node), *port)).collect(),
                    };
                    for node in (-5..40).chain([i32::MIN, i32::MAX]) {
                        let expected = looked_through(listed, &map, node);
                        assert_eq!(map.port_of(NodeId(node)), expected, "{map:?} {node}");
                        found += usize::from(expected.is_some());
                    }
                    for (port, node) in entries.iter().map(|(_, port)| (*port, map.node_of(*port).unwrap())) {
                        // The lowest of those that chose it.
                        assert_eq!(entries.iter().find(|entry| entry.1 == port).unwrap().0, node.0);
                    }
                }
            }
        }
        assert!(found > 100, "{found}");
    }
}
