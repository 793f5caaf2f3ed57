//! Bytes that a client sends as urgent, which nobody does who speaks Kafka, stay where they are in their frame, whether it
//! passes unread or is copied. The kernel stops at them: a client that waits behind one may be closed as too slow, and no
//! other one notices.

use std::io::Write as _;

use socket2::SockRef;

use super::{mirrored, request, same};
use crate::ensure;
use crate::harness::closes::SOON;
use crate::harness::neighbour::Neighbour;
use crate::harness::scripted::Scripted;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

const SPLICED: &[(&str, &str)] =
    &[("read_bytes_max", "4KiB"), ("splice_bytes_min", "1"), ("pipes_max", "4"), ("request_grace", "1s")];
const COPIED: &[(&str, &str)] = &[("read_bytes_max", "4KiB"), ("pipes_max", "0"), ("request_grace", "1s")];
const CLIENTS: i32 = 2;
const BYTES: usize = 300_000;
/// Where they stand: in the length, in the header, in what is read with it, and in what passes.
const URGENT: [usize; 6] = [2, 9, 1_000, 100_000, 100_001, 290_000];

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    for limits in [SPLICED, COPIED] {
        let gateway = world.own_gateway_to(&node.address(), limits)?;
        gateway.wait_ready()?;
        let neighbour = Neighbour::start(&gateway.bootstrap())?;
        for id in 0..CLIENTS {
            let mut wire = Wire::connect_as(&gateway.bootstrap(), "mirror")?;
            let urgent = request("mirror", id, BYTES)?;
            // It moves on what the kernel stopped before, where anything does.
            let ordinary = request("mirror", 100 + id, BYTES)?;
            if send(&mut wire, &urgent).and_then(|()| wire.stream().write_all(&ordinary)).is_ok()
                && let Ok(answer) = wire.frame()
            {
                same(&answer, &urgent).map_err(|error| format!("with {limits:?}: {error}"))?;
                mirrored(&mut wire, &ordinary).map_err(|error| format!("behind, with {limits:?}: {error}"))?;
            } else {
                wire.closed(SOON)?;
                let numbers = gateway.numbers()?;
                ensure!(numbers.closed("request_too_slow") as u64 > 0, "closed: {}", numbers.all_closed());
            }
        }
        neighbour.stop()?;
    }
    Ok(())
}

fn send(wire: &mut Wire, request: &[u8]) -> std::io::Result<()> {
    let mut sent = 0;
    for at in URGENT {
        wire.stream().write_all(&request[sent..at])?;
        SockRef::from(&*wire.stream()).send_out_of_band(&request[at..=at])?;
        sent = at + 1;
    }
    wire.stream().write_all(&request[sent..])
}
