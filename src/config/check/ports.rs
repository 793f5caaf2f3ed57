//! The ports of one listener: written out, and which stands for which node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::{NodeId, PortMapping};
use crate::config::context::Context;
use crate::config::faults::counted;
use crate::config::file::{self, BootstrapPort, Listener, Numbering};
use crate::config::reader::At;

/// The ports of all items in their order. `None` where an item is faulty or there is none, and where a port stands
/// twice, which is reported.
pub(super) fn expand(listener: &Listener, cx: &mut Context) -> Option<Vec<u16>> {
    let mut taken: BTreeMap<u16, &At<file::PortRange>> = BTreeMap::new();
    let mut ports = Vec::new();
    let mut whole = listener.ports_whole && !listener.ports.is_empty();
    for item in &listener.ports {
        for port in item.value.first..=item.value.last {
            if let Some(first) = taken.get(&port) {
                cx.fault(&item.spot, format!("port {port} is in {} already; write each port once", first.spot.path));
                whole = false;
                break;
            }
            taken.insert(port, item);
            ports.push(port);
        }
    }
    whole.then_some(ports)
}

/// The mapping of `listener`; `None` where something about it is wrong, which is reported.
pub(super) fn mapping(
    listener: &Listener,
    forward: &file::PortMapping,
    ports: Option<&[u16]>,
    cx: &mut Context,
) -> Option<PortMapping> {
    let advertised_host = advertised_host(listener, forward, cx);
    let numbering = forward.numbering.as_ref()?;
    let mapping = without_host(numbering, ports?);
    let right = check_node_ports(&mapping, numbering, cx)
        & check_all_stand(&mapping, ports?, forward, cx)
        & check_some_node(&mapping, forward, cx);
    let mapping = PortMapping { advertised_host: advertised_host?, ..mapping };
    right.then_some(mapping)
}

/// The mapping but for the host.
fn without_host(numbering: &Numbering, ports: &[u16]) -> PortMapping {
    let bootstrap_port = match numbering.bootstrap_port {
        BootstrapPort::AtStart => ports.first().copied(),
        BootstrapPort::None => None,
    };
    PortMapping {
        advertised_host: "".into(),
        bootstrap_port,
        ports: PortMapping::sorted(ports),
        min_broker_id: numbering.min_broker_id,
        node_ports: numbering.node_ports.iter().map(|(node, port)| (*node, port.value)).collect(),
    }
}

/// The advertised host: as written, or the listener's only address where that is one they could connect to.
fn advertised_host(listener: &Listener, forward: &file::PortMapping, cx: &mut Context) -> Option<Arc<str>> {
    if let Some(written) = &forward.advertised_host {
        return written.clone();
    }
    match &*listener.addresses {
        [only] if !only.value.is_unspecified() => Some(only.value.to_string().into()),
        [] => None,
        [..] => {
            let message = "is missing, and it does not follow from the listener's addresses; write the one host that \
                           every client reaches this listener by";
            cx.fault(&forward.advertised_host_spot, message);
            None
        }
    }
}

/// Whether every entry of `node_ports` has a port that is the listener's, and is nobody else's.
fn check_node_ports(mapping: &PortMapping, numbering: &Numbering, cx: &mut Context) -> bool {
    let sequence = sequence(mapping);
    let ports: BTreeSet<u16> = mapping.ports.iter().copied().collect();
    let mut taken: BTreeMap<u16, (NodeId, &At<u16>)> = BTreeMap::new();
    let mut right = true;
    for (node, at) in &numbering.node_ports {
        let port = at.value;
        let wrong = if !ports.contains(&port) {
            Some(format!("port {port} is not one of the listener's ports; add it there"))
        } else if mapping.bootstrap_port == Some(port) {
            Some(format!("port {port} is the bootstrap port; choose another, or write bootstrap_port: none"))
        } else if let Some((other, first)) = taken.get(&port) {
            Some(format!("port {port} stands for node {other} already ({}); choose another", first.spot.path))
        } else {
            match sequence.get(&port) {
                Some(other) if other != node && !numbering.node_ports.contains_key(other) => Some(format!(
                    "port {port} stands for node {other} by its place among the ports; choose one that does not follow \
                     on them, or give node {other} an entry of its own"
                )),
                Some(_) | None => None,
            }
        };
        taken.entry(port).or_insert((*node, at));
        if let Some(message) = wrong {
            cx.fault(&at.spot, message);
            right = false;
        }
    }
    right
}

/// The node of each port that follows without a gap on the first node's, `node_ports` left aside.
fn sequence(mapping: &PortMapping) -> BTreeMap<u16, NodeId> {
    let ports: BTreeSet<u16> = mapping.ports.iter().copied().collect();
    let first = mapping.ports.first().and_then(|port| port.checked_add(u16::from(mapping.bootstrap_port.is_some())));
    let Some(first) = first else { return BTreeMap::new() };
    let follow = (first..=u16::MAX).take_while(|port| ports.contains(port));
    let nodes = (mapping.min_broker_id..=i32::MAX).map(NodeId);
    follow.zip(nodes).collect()
}

/// Whether every port has a node id by its place, or an entry: one below the first port has none, and would only refuse
/// clients.
fn check_all_stand(mapping: &PortMapping, ports: &[u16], forward: &file::PortMapping, cx: &mut Context) -> bool {
    let Some(first) = mapping.ports.first().copied() else { return true };
    let idle = |port: &&u16| {
        let node = i64::from(**port) - i64::from(first) - i64::from(mapping.bootstrap_port.is_some())
            + i64::from(mapping.min_broker_id);
        let stands = **port >= first && i32::try_from(node).is_ok();
        !stands && mapping.node_ports.node_of(**port).is_none()
    };
    let count = ports.iter().filter(idle).count();
    let Some(example) = ports.iter().find(idle) else { return true };
    let message = format!(
        "{} would stand for no node, such as {example}: the first port written, {first}, is counted from, up to node {}; \
         write the lowest port first",
        counted(count, "port"),
        i32::MAX
    );
    cx.fault(&forward.spot, message);
    false
}

/// Whether some port is a node's: with the bootstrap port alone, clients would learn of no node.
fn check_some_node(mapping: &PortMapping, forward: &file::PortMapping, cx: &mut Context) -> bool {
    let some = mapping.ports.len() > usize::from(mapping.bootstrap_port.is_some());
    if !some {
        let message = "has a port for bootstrap and none for a node; give the listener a port for each node too";
        cx.fault(&forward.spot, message);
    }
    some
}
