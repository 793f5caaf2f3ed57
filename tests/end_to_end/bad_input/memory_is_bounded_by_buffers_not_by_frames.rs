//! Many clients that each promise a frame of 90 MiB: before their first valid request they cost at most 64 KiB each, and
//! behind one, while the node takes nothing, at most the buffers of a session.

use std::time::{Duration, Instant};

use crate::ensure;
use crate::harness::gateway::Gateway;
use crate::harness::neighbour::Neighbour;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

const CLIENTS: usize = 200;
const PROMISED: i32 = 90 << 20;
const BYTES_BEFORE_REQUEST_MAX: u64 = 64 << 10;
const BYTES_SESSION_MAX: u64 = 384 << 10;
/// What each sends of its frame: more than a carry.
const SENT: usize = 512 << 10;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[])?;
    gateway.wait_ready()?;
    let neighbour = Neighbour::start(&gateway.bootstrap())?;

    let before = gateway.resident_bytes()?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        // The length and the api key: not yet a request.
        let mut wire = Wire::connect(&gateway.bootstrap())?;
        wire.send_bytes(&PROMISED.to_be_bytes());
        wire.send_bytes(&[0, 0]);
        clients.push(wire);
    }
    until("all are accepted", patience(10), || {
        let (_, active, _) = gateway.numbers()?.connections();
        ensure!(active as usize == CLIENTS + 1, "{active} are");
        Ok(())
    })?;
    let grown = most_resident(&gateway)?.saturating_sub(before) / CLIENTS as u64;
    ensure!(grown <= BYTES_BEFORE_REQUEST_MAX, "{grown} bytes each before a request");

    // The rest of a Produce v3 request's head, then records: the node reads the frame only when it is whole.
    let head = [&[0, 3, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0x75, 0x30][..], &[0; 64]].concat();
    let piece = vec![0; SENT];
    for wire in &mut clients {
        wire.stream().set_write_timeout(Some(Duration::from_millis(20)))?;
        wire.send_bytes(&head);
        wire.send_bytes(&piece);
    }
    let grown = most_resident(&gateway)?.saturating_sub(before) / CLIENTS as u64;
    ensure!(grown <= BYTES_SESSION_MAX, "{grown} bytes each in the middle of a request");
    neighbour.stop()
}

/// The most that it holds within some time: what was sent is being read.
fn most_resident(gateway: &Gateway) -> Fallible<u64> {
    let end = Instant::now() + Duration::from_secs(2);
    let mut most = 0;
    while Instant::now() < end {
        most = most.max(gateway.resident_bytes()?);
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(most)
}
