//! All listening sockets together: none twice, and not too many.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::file::{File, Listener, PortRange};
use crate::config::reader::At;
use crate::config::snapshot::{Admin, Node};
use crate::config::summary::shards_of;

/// Listening sockets of the process: ports x addresses x shards. Each takes a descriptor and an accept that is armed;
/// half of Linux' usual hard limit of 524288 descriptors is more than enough for the clients then.
const LISTENING_SOCKETS_MAX: usize = 65_536;

/// Whether the sockets are not too many; a fault is reported where they are.
pub(super) fn are_bounded(file: &File, node: &Node, cx: &mut Context) -> bool {
    let pairs: usize = file.listeners.iter().map(|listener| listener.addresses.len().max(1) * ports(listener)).sum();
    // How many shards `auto` makes is known at start, which counts again.
    let shards = shards_of(node).unwrap_or(1);
    if pairs.saturating_mul(shards) <= LISTENING_SOCKETS_MAX {
        return true;
    }
    if let Some(largest) =
        file.listeners.iter().max_by_key(|listener| listener.addresses.len().max(1) * ports(listener))
    {
        let message = format!(
            "the listeners need {pairs} x {shards} listening sockets (ports x addresses, on each shard), more than \
             {LISTENING_SOCKETS_MAX}; listen on fewer ports, first of all here"
        );
        cx.fault(&largest.name.spot, message);
    }
    false
}

/// Items of one listener may overlap; that is reported elsewhere and only counts too much here.
fn ports(listener: &Listener) -> usize {
    listener.ports.iter().map(|range| usize::from(range.value.last - range.value.first) + 1).sum()
}

/// Who opens a port on an address.
#[derive(Clone, Copy)]
struct Opener<'f> {
    owner: Owner<'f>,
    address: IpAddr,
    /// Where the address stands; `None` for the admin address that holds by default.
    spot: Option<&'f Spot>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner<'f> {
    Admin,
    /// Its index and its name, as messages show it.
    Listener(usize, &'f str),
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Admin => f.write_str("the admin address"),
            Owner::Listener(_, shown) => write!(f, "the listener {shown}"),
        }
    }
}

/// Who opens one port, by address.
#[derive(Default)]
struct OpenPort<'f>(BTreeMap<IpAddr, Opener<'f>>);

impl<'f> OpenPort<'f> {
    /// One who stands in the way of opening the port on `address` too. IPv6 sockets take IPv6 only, so that `[::]` and
    /// `0.0.0.0` may share a port.
    fn in_the_way(&self, address: IpAddr) -> Option<&Opener<'f>> {
        let wildcard = match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let same_family = |other: &&Opener<'f>| other.address.is_ipv4() == address.is_ipv4();
        let any = || self.0.values().find(same_family).filter(|_| address == wildcard);
        self.0.get(&address).or_else(|| self.0.get(&wildcard)).or_else(any)
    }
}

/// Reports each port that would be opened twice on an address. The sockets must be bounded.
pub(super) fn check_twice(file: &File, node: &Node, cx: &mut Context) {
    let mut open: BTreeMap<u16, OpenPort<'_>> = BTreeMap::new();
    if let Admin::Address(address) = &node.admin {
        let spot = file.node.as_ref().and_then(|node| node.admin.as_ref()).map(|admin| &admin.spot);
        let opener = Opener { owner: Owner::Admin, address: address.ip(), spot };
        open.entry(address.port()).or_default().0.insert(address.ip(), opener);
    }
    for (index, listener) in file.listeners.iter().enumerate() {
        for address in &listener.addresses {
            let owner = Owner::Listener(index, &listener.name.shown);
            let opener = Opener { owner, address: address.value, spot: Some(&address.spot) };
            open_all(&opener, &listener.ports, &mut open, cx);
        }
    }
}

/// Opens all ports on the address of `opener`; reports each other opener in the way once.
fn open_all<'f>(
    opener: &Opener<'f>,
    ranges: &[At<PortRange>],
    open: &mut BTreeMap<u16, OpenPort<'f>>,
    cx: &mut Context,
) {
    let mut reported = BTreeSet::new();
    for range in ranges {
        for port in range.value.first..=range.value.last {
            let here = open.entry(port).or_default();
            match here.in_the_way(opener.address) {
                // Two items of `ports` overlap, which is reported with the ports.
                Some(other) if other.spot == opener.spot => {}
                Some(other) => {
                    if reported.insert((other.owner, other.address)) {
                        report_overlap(port, opener, other, &range.spot, cx);
                    }
                }
                None => {
                    here.0.insert(opener.address, *opener);
                }
            }
        }
    }
}

fn report_overlap(port: u16, opener: &Opener<'_>, other: &Opener<'_>, range: &Spot, cx: &mut Context) {
    let place = other.spot.map_or("by default".to_owned(), Spot::file_and_line);
    let message = format!(
        "port {port} on {} is opened by {} already, on {} ({place}); choose another port or address",
        opener.address, other.owner, other.address
    );
    // Within one listener it is the addresses that do not go together.
    let spot = if other.owner == opener.owner { opener.spot.unwrap_or(range) } else { range };
    cx.fault(spot, message);
}
