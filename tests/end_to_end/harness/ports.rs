//! Who uses which port; all are below the ephemeral range, so that no outgoing connection takes one of them.
//!
//! A run has a block of two thousand ports to itself: another run on the same machine, or anybody else who listens on the
//! first port of a block, has it take the next one.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use super::gateway::ADVERTISED_HOST;

/// The first ports of the blocks. Ephemeral ports begin at 32768.
const BLOCKS: std::ops::Range<u16> = 11..16;
const BLOCK_PORTS: u16 = 2000;

/// Ports a test's own gateway gets: `PORTS_EACH` in a row.
const PORTS_EACH: u16 = 10;
const FIRST: u16 = 200;
const LAST: u16 = 1990;

/// Kafka's port of node 1; node n has this one + n - 1.
pub fn node() -> u16 {
    block() + 11
}

/// The port with TLS of node 1; node n has this one + n - 1.
pub fn node_tls() -> u16 {
    block() + 21
}

/// The same with clients' certificates.
pub fn node_mutual() -> u16 {
    block() + 31
}

/// The same with a certificate for another name.
pub fn node_misnamed() -> u16 {
    block() + 41
}

/// Where node 1 listens after it moved; node n has this one + n - 1.
pub fn node_moved() -> u16 {
    block() + 51
}

/// The controllers' port of node 1.
pub fn controller() -> u16 {
    block() + 91
}

/// The shared gateway's bootstrap port; node n has this one + n.
pub fn gateway() -> u16 {
    block() + 100
}

/// The shared gateway's admin port.
pub fn gateway_admin() -> u16 {
    block() + 190
}

/// The first of ten ports that nobody else uses in this run.
pub fn ten() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(FIRST);
    let port = NEXT.fetch_add(PORTS_EACH, Ordering::Relaxed);
    assert!(port <= LAST, "more gateways than ports: widen the range in ports.rs");
    block() + port
}

/// The first port of this run's block. Whoever listens there has the block, until the process ends.
fn block() -> u16 {
    static BLOCK: OnceLock<(u16, TcpListener)> = OnceLock::new();
    let take = || {
        let mut blocks = BLOCKS.map(|block| block * BLOCK_PORTS);
        blocks.find_map(|port| Some((port, TcpListener::bind((ADVERTISED_HOST, port)).ok()?)))
    };
    BLOCK.get_or_init(|| take().expect("a block of ports is free")).0
}
