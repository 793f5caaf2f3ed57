//! Who uses which port; all are below the ephemeral range, so that no outgoing connection takes one of them.

use std::sync::atomic::{AtomicU16, Ordering};

/// Kafka's port of node 1; node n has this one + n - 1.
pub const NODE: u16 = 21011;
/// Where a node listens after it moved: this port + n - 1.
pub const NODE_MOVED: u16 = 21051;
/// The controllers' port of node 1.
pub const CONTROLLER: u16 = 21091;
/// The shared gateway's bootstrap port; node n has this one + n.
pub const GATEWAY: u16 = 21100;
/// The shared gateway's admin port.
pub const GATEWAY_ADMIN: u16 = 21190;

/// Ports a test's own gateway gets: `PORTS_EACH` in a row.
const PORTS_EACH: u16 = 10;
const FIRST: u16 = 21200;
const LAST: u16 = 21990;

/// The first of ten ports that nobody else uses in this run.
pub fn ten() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(FIRST);
    let port = NEXT.fetch_add(PORTS_EACH, Ordering::Relaxed);
    assert!(port <= LAST, "more gateways than ports: widen the range in ports.rs");
    port
}
