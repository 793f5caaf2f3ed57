//! A client that stops reading in the middle of a large answer gives the pipe back that its bytes are in: others get
//! it, the bytes wait in memory, and when it reads on it gets every one of them, and nobody else's.

use std::time::{Duration, Instant};

use super::{mirrored, request};
use crate::ensure;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

/// Fewer than there are slow readers on each of the two shards.
const LIMITS: &[(&str, &str)] = &[("pipes_max", "2"), ("splice_bytes_min", "32KiB"), ("read_bytes_max", "16KiB")];
const READERS: i32 = 8;
/// More than the kernel keeps in the sockets on the way.
const BYTES: usize = 24 << 20;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), LIMITS)?;
    gateway.wait_ready()?;
    let mut slow = Vec::new();
    for id in 1..=READERS {
        let mut wire = Wire::connect_as(&gateway.bootstrap(), "mirror")?;
        let request = request("mirror", id, BYTES)?;
        wire.send_bytes(&request);
        slow.push((wire, request));
    }
    until("pipes are taken from slow readers", patience(20), || {
        let read_back = gateway.numbers()?.sum("klamm_pipes_read_back_total") as u64;
        ensure!(read_back >= 1, "{read_back} were read back");
        Ok(())
    })?;

    let began = Instant::now();
    let mut quick = Wire::connect_as(&gateway.bootstrap(), "mirror")?;
    for id in 100..110 {
        let request = request("mirror", id, 1 << 20)?;
        quick.send_bytes(&request);
        mirrored(&mut quick, &request).map_err(|error| format!("a quick reader: {error}"))?;
    }
    ensure!(began.elapsed() < patience(10), "slow readers hold up a quick one: {:?}", began.elapsed());
    let open = gateway.numbers()?.sum("klamm_pipes_open") as u64;
    ensure!(open <= 4, "{open} pipes are open");

    for (wire, request) in &mut slow {
        wire.stream().set_read_timeout(Some(Duration::from_secs(20)))?;
        mirrored(wire, request).map_err(|error| format!("a slow reader: {error}"))?;
    }
    until("nothing is held any more", patience(5), || {
        let held = gateway.numbers()?.sum("klamm_held_bytes") as u64;
        ensure!(held < 64 << 10, "{held} bytes are held");
        Ok(())
    })
}
