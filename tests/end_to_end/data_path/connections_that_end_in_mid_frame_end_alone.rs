//! Whichever side ends in the middle of a frame that passes unread: the end has its cause, what was acknowledged before is
//! delivered, and what was in the pipe goes to nobody else.

use std::io::{Read as _, Write as _};
use std::thread;

use super::{mirrored, request};
use crate::ensure;
use crate::harness::closes::{Closes, SOON};
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

const LIMITS: &[(&str, &str)] = &[("splice_bytes_min", "1"), ("read_bytes_max", "4KiB"), ("pipes_max", "1")];
const BYTES: usize = 2 << 20;
const TIMES: i32 = 10;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), LIMITS)?;
    gateway.wait_ready()?;
    let bootstrap = gateway.bootstrap();
    let mut neighbour = Wire::connect_as(&bootstrap, "mirror")?;
    let mut ask_neighbour = |id: i32| -> Fallible<()> {
        let request = request("mirror", id, 300_000)?;
        neighbour.send_bytes(&request);
        Ok(mirrored(&mut neighbour, &request).map_err(|error| format!("the neighbour: {error}"))?)
    };

    let closes = Closes::before(&gateway, "request_cut")?;
    for id in 0..TIMES {
        let mut wire = Wire::connect_as(&bootstrap, "mirror")?;
        let request = request("mirror", id, BYTES)?;
        wire.stream().write_all(&request[..BYTES / 2 + id as usize])?;
        wire.finish();
        wire.closed(SOON)?;
        ask_neighbour(1_000 + id)?;
    }
    closes.more("a client that ends in a request", TIMES as usize)?;

    let closes = Closes::before(&gateway, "response_cut")?;
    for id in 0..TIMES {
        let mut wire = Wire::connect_as(&bootstrap, "mirror-cut")?;
        let request = request("mirror-cut", id, BYTES)?;
        wire.stream().write_all(&request)?;
        let came = wire.closed(SOON)?;
        let sent = request.len() - 4;
        ensure!(came.len() == sent / 2, "{} of {} bytes were delivered before the end", came.len(), sent / 2);
        ensure!(came[4..] == request[8..8 + came.len() - 4], "other bytes than the node sent");
        ask_neighbour(2_000 + id)?;
    }
    closes.more("a node that ends in a response", TIMES as usize)?;

    let ended = gateway.numbers()?.connections().2;
    for id in 0..TIMES {
        let mut wire = Wire::connect_as(&bootstrap, "mirror-once")?;
        let acknowledged = request("mirror-once", id, BYTES)?;
        let cut = request("mirror-once", 100 + id, BYTES)?;
        let mut writing = wire.stream().try_clone()?;
        let sent = acknowledged.clone();
        // The end may come while this is written.
        let writer =
            thread::spawn(move || writing.write_all(&sent).and_then(|()| writing.write_all(&cut[..BYTES / 2])));
        mirrored(&mut wire, &acknowledged).map_err(|error| format!("what was acknowledged before an end: {error}"))?;
        wire.closed(SOON)?;
        let _ = writer.join().map_err(|_| "the writer panicked")?;
        ask_neighbour(3_000 + id)?;
    }
    for id in 0..TIMES {
        let mut wire = Wire::connect_as(&bootstrap, "mirror")?;
        let request = request("mirror", id, BYTES)?;
        wire.stream().write_all(&request)?;
        wire.stream().read_exact(&mut vec![0; BYTES / 3 + id as usize])?;
        drop(wire);
        ask_neighbour(4_000 + id)?;
    }
    until("nodes that end in a request and clients that end in a response are closed", patience(10), || {
        let numbers = gateway.numbers()?;
        let (accepted, active, closed) = numbers.connections();
        ensure!(accepted == active + closed, "{accepted} accepted, {active} active, {closed} closed");
        ensure!(closed - ended == 2.0 * f64::from(TIMES), "{}", numbers.all_closed());
        ensure!(active == 1.0, "{active} are open");
        Ok(())
    })
}
