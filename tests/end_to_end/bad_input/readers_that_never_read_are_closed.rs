//! A client that asks for much and takes nothing is closed after `stalled_write`; until then it costs buffers, not the
//! answer's size; neighbours notice nothing.

use std::time::{Duration, Instant};

use kafka_protocol::messages::FetchRequest;

use crate::ensure;
use crate::harness::closes::Closes;
use crate::harness::neighbour::Neighbour;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

const READERS: usize = 50;
const STALLED_WRITE: Duration = Duration::from_secs(3);
/// Two directions of at most 128 KiB, a carry of 64 KiB, and what the allocator rounds up.
const BYTES_EACH_MAX: u64 = 512 << 10;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[("stalled_write", "3s")])?;
    gateway.wait_ready()?;
    let neighbour = Neighbour::start(&gateway.bootstrap())?;
    let closes = Closes::before(&gateway, "stalled_write")?;
    let before = gateway.resident_bytes()?;

    let began = Instant::now();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut wire = Wire::connect_as(&gateway.bootstrap(), "endless")?;
        wire.send(4, &FetchRequest::default())?;
        readers.push(wire);
    }
    let mut most = 0;
    until("all readers are closed", patience(20), || {
        most = most.max(gateway.resident_bytes()?);
        let closed = gateway.numbers()?.closed("stalled_write");
        ensure!(closed as usize >= READERS, "{closed} closed");
        Ok(())
    })?;
    ensure!(began.elapsed() >= STALLED_WRITE, "closed after {:?}", began.elapsed());
    closes.more("a client that never reads", READERS)?;
    let grown = most.saturating_sub(before) / READERS as u64;
    ensure!(grown <= BYTES_EACH_MAX, "{grown} bytes each");
    neighbour.stop()
}
