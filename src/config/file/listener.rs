//! `listeners[]` as it is written.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::policies::Policies;
use super::{About, at, host_fault, read_all, read_destination, read_plain_name};
use crate::cluster::NodeId;
use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::reader::{At, Fields, Item, Text};
use crate::config::units::{Bounds, Unit};

/// More addresses than a machine's interfaces are a slip; a wildcard covers them all.
const ADDRESSES_MAX: usize = 64;
pub(super) const PORT: Bounds =
    Bounds { unit: Unit::Count, min: 1, max: 65_535, why: "a port; 0 would be one that nobody could find" };
const BROKER_ID: Bounds =
    Bounds { unit: Unit::Count, min: 0, max: i32::MAX as u64, why: "node ids are not negative 32-bit numbers" };
const MIN_BROKER_ID_DEFAULT: i32 = 0;

#[derive(Debug)]
pub(in crate::config) struct Listener {
    pub name: Text,
    pub addresses: Vec<At<IpAddr>>,
    pub ports: Vec<At<PortRange>>,
    /// No item of `ports` was faulty.
    pub ports_whole: bool,
    pub policies: Policies,
    pub about: About,
}

/// One item of `ports`; both ends are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct PortRange {
    pub first: u16,
    pub last: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum BootstrapPort {
    AtStart,
    None,
}

/// The configuration of `forward_to_virtual_cluster` with `type: port_mapping`.
#[derive(Debug)]
pub(in crate::config) struct PortMapping {
    pub spot: Spot,
    /// `None`: left out. `Some(None)`: faulty.
    pub destination: Option<Option<Text>>,
    /// Where it would stand.
    pub destination_spot: Spot,
    /// `None`: left out. `Some(None)`: faulty.
    pub advertised_host: Option<Option<Arc<str>>>,
    /// Where it would stand.
    pub advertised_host_spot: Spot,
    /// `None` where a fault about one of them was reported.
    pub numbering: Option<Numbering>,
}

/// Which port stands for which node.
#[derive(Debug)]
pub(in crate::config) struct Numbering {
    pub bootstrap_port: BootstrapPort,
    pub min_broker_id: i32,
    pub node_ports: BTreeMap<NodeId, At<u16>>,
}

impl Listener {
    pub fn read(item: &Item<'_>, cx: &mut Context) -> Option<Listener> {
        let mut fields = item.fields("a listener: name, addresses, ports, policies", cx)?;
        let name = read_plain_name(&mut fields, cx);
        let addresses = fields.require("addresses", "[\"127.0.0.1\"]", cx);
        let addresses = addresses.map(|item| read_addresses(&item, cx)).unwrap_or_default();
        let ports = fields.require("ports", "[\"19092-19095\"]", cx);
        let (ports, ports_whole) = ports.map(|item| read_ports(&item, cx)).unwrap_or_default();
        let policies = fields.require("policies", "a list with one forward_to_virtual_cluster", cx);
        let policies = policies.and_then(|item| Policies::read(&item, cx)).unwrap_or_default();
        let about = About::read(&mut fields, cx);
        fields.done(&[], cx);
        Some(Listener { name: name?, addresses, ports, ports_whole, policies, about })
    }
}

fn read_addresses(list: &Item<'_>, cx: &mut Context) -> Vec<At<IpAddr>> {
    let Some(items) = list.list("a list of addresses, such as [\"127.0.0.1\"]", cx) else { return Vec::new() };
    if items.is_empty() {
        list.fault(cx, "is empty; name at least one address, such as \"127.0.0.1\"");
    }
    if let Some(item) = items.get(ADDRESSES_MAX) {
        item.fault(cx, format!("is one address too many: at most {ADDRESSES_MAX}; \"0.0.0.0\" stands for all"));
    }
    read_all(items.into_iter().take(ADDRESSES_MAX).collect(), cx, read_address)
}

fn read_address(item: &Item<'_>, cx: &mut Context) -> Option<At<IpAddr>> {
    let text = item.text("an IP address", cx)?;
    let wrong = match text.value.parse::<IpAddr>() {
        Err(_) => "is not an IP address; write one such as \"127.0.0.1\", \"0.0.0.0\" or \"::1\", without port",
        Ok(IpAddr::V4(address)) if address.is_multicast() || address == Ipv4Addr::BROADCAST => {
            "is an address that no connection can come to; write a unicast address"
        }
        Ok(IpAddr::V6(address)) if address.is_multicast() => {
            "is an address that no connection can come to; write a unicast address"
        }
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            "is an IPv4 address in IPv6 form; write it as IPv4, since IPv6 sockets here take IPv6 only"
        }
        Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => {
            "is a link-local address, which needs a zone: not yet supported; write a global address or \"::\""
        }
        Ok(address) => return Some(at(address, item)),
    };
    cx.fault(&text.spot, format!("{} {wrong}", text.shown));
    None
}

/// The items that could be read, and whether these are all.
fn read_ports(list: &Item<'_>, cx: &mut Context) -> (Vec<At<PortRange>>, bool) {
    let Some(items) = list.list("a list of ports and ranges, such as [\"19092-19095\", 19099]", cx) else {
        return (Vec::new(), false);
    };
    if items.is_empty() {
        list.fault(cx, "is empty; name at least one port or range, such as \"19092-19095\"");
    }
    let count = items.len();
    let ranges = read_all(items, cx, read_port_range);
    let whole = ranges.len() == count;
    (ranges, whole)
}

fn read_port_range(item: &Item<'_>, cx: &mut Context) -> Option<At<PortRange>> {
    let text = item.text("a port such as 19092, or a range such as \"19092-19095\"", cx)?;
    let (first, last) = text.value.split_once('-').unwrap_or((&text.value, &text.value));
    let port = |digits: &str| PORT.read(digits.trim()).map(|port| u16::try_from(port).unwrap_or(u16::MAX));
    let wrong = match (port(first), port(last)) {
        (Ok(first), Ok(last)) if first <= last => return Some(at(PortRange { first, last }, item)),
        (Ok(_), Ok(_)) => "is a range that ends before it begins; write the lower port first".to_owned(),
        (Err(_), _) | (_, Err(_)) => {
            format!("is no port or range; write numbers of {PORT}, such as 19092 or \"19092-19095\"")
        }
    };
    cx.fault(&text.spot, format!("{} {wrong}", text.shown));
    None
}

impl PortMapping {
    /// Reads on behind `type`.
    pub(super) fn read(mut fields: Fields<'_>, cx: &mut Context) -> PortMapping {
        let mapping = PortMapping {
            spot: fields.spot(),
            destination: read_destination(&mut fields, cx),
            destination_spot: fields.spot_of("destination"),
            advertised_host: fields.take("advertised_host").map(|item| read_advertised_host(&item, cx)),
            advertised_host_spot: fields.spot_of("advertised_host"),
            numbering: read_numbering(&mut fields, cx),
        };
        fields.done(&["sni_suffix", "advertised_port", "broker_host_format"], cx);
        mapping
    }
}

fn read_numbering(fields: &mut Fields<'_>, cx: &mut Context) -> Option<Numbering> {
    let bootstrap = [("at_start", BootstrapPort::AtStart), ("none", BootstrapPort::None)];
    let bootstrap_port = match fields.take("bootstrap_port") {
        Some(item) => item.choice(&bootstrap, &[], cx),
        None => Some(BootstrapPort::AtStart),
    };
    let min_broker_id = match fields.take("min_broker_id") {
        Some(item) => item.number::<u64>(&BROKER_ID, cx).map(|id| broker_id(id.value)),
        None => Some(MIN_BROKER_ID_DEFAULT),
    };
    let node_ports = match fields.take("node_ports") {
        Some(item) => read_node_ports(&item, cx),
        None => Some(BTreeMap::new()),
    };
    Some(Numbering { bootstrap_port: bootstrap_port?, min_broker_id: min_broker_id?, node_ports: node_ports? })
}

/// `BROKER_ID`'s bounds were kept.
fn broker_id(id: u64) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
}

fn read_advertised_host(item: &Item<'_>, cx: &mut Context) -> Option<Arc<str>> {
    let text = item.text("the host that clients connect to", cx)?;
    let wildcard = text.value.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
    let wrong = match host_fault(&text.value) {
        Some(wrong) => wrong,
        None if wildcard => "is no address that a client could connect to; write the name or address it reaches us by",
        None => return Some(text.value.into()),
    };
    cx.fault(&text.spot, format!("{} {wrong}", text.shown));
    None
}

/// Node id -> port. `None` where an entry is faulty, so that no second fault follows from the gap.
fn read_node_ports(item: &Item<'_>, cx: &mut Context) -> Option<BTreeMap<NodeId, At<u16>>> {
    let mut ports = BTreeMap::new();
    let mut faulty = false;
    for (key, item) in item.entries("a map of node ids to ports, such as {7: 19099}", cx)? {
        let id = BROKER_ID.read(&key.value).map(|id| NodeId(broker_id(id)));
        if let Err(message) = &id {
            cx.fault(&key.spot, format!("the node id {} {message}", key.shown));
        }
        let port = item.number::<u16>(&PORT, cx);
        match (id, port) {
            (Ok(id), Some(port)) => match ports.insert(id, port) {
                Some(_) => cx.fault(&key.spot, format!("node {id} has a port already; keep one")),
                None => continue,
            },
            (Ok(_), None) | (Err(_), _) => {}
        }
        faulty = true;
    }
    (!faulty).then_some(ports)
}
