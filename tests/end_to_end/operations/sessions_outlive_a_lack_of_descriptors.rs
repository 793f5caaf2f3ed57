//! While no descriptor can be opened, no pipe is made and no node dialled: sessions that are open go on by copying, others
//! are closed in time, all are accounted for, and it ends with the lack.

use kafka_protocol::messages::MetadataRequest;

use crate::data_path::{mirrored, request};
use crate::ensure;
use crate::harness::closes::SOON;
use crate::harness::gateway::Gateway;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

const LIMITS: &[(&str, &str)] =
    &[("connect", "2s"), ("pipes_max", "4"), ("splice_bytes_min", "32KiB"), ("read_bytes_max", "16KiB")];
const SESSIONS: usize = 6;
const HOPELESS: usize = 20;
const ROUNDS: i32 = 3;
const BYTES: usize = 1 << 20;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), LIMITS)?;
    gateway.wait_ready()?;
    let mut sessions = Vec::new();
    for id in 0..SESSIONS {
        let mut wire = Wire::connect_as(&gateway.bootstrap(), "mirror")?;
        ask(&mut wire, id as i32, 10)?;
        sessions.push(wire);
    }
    gateway.without_descriptors(|| {
        for round in 1..=ROUNDS {
            hopeless(&gateway)?;
            for (session, wire) in sessions.iter_mut().enumerate() {
                ask(wire, 100 * round + session as i32, BYTES)
                    .map_err(|error| format!("session {session}: {error}"))?;
            }
        }
        Ok(())
    })?;
    until("every connection is accounted for", patience(10), || {
        let numbers = gateway.numbers()?;
        let (accepted, active, closed) = numbers.connections();
        ensure!(accepted == active + closed, "{accepted} accepted, {active} active, {closed} closed");
        ensure!(active as usize == SESSIONS, "{active} are open: {}", numbers.all_closed());
        ensure!(closed as usize == HOPELESS * ROUNDS as usize, "{}", numbers.all_closed());
        let [pipes, dials, spliced] =
            ["klamm_pipe_failures_total", "klamm_backend_dial_failures_total", "klamm_spliced_bytes_total"]
                .map(|name| numbers.sum(name));
        ensure!(pipes >= 1.0 && dials >= 1.0, "{pipes} pipes and {dials} dials have failed");
        ensure!(spliced == 0.0, "{spliced} bytes went through pipes that cannot be");
        Ok(())
    })?;

    let mut id = 10_000;
    until("pipes are made again", patience(10), || {
        id += 1;
        ask(&mut Wire::connect_as(&gateway.bootstrap(), "mirror")?, id, BYTES)?;
        let spliced = gateway.numbers()?.sum("klamm_spliced_bytes_total") as u64;
        ensure!(spliced > 0, "none was spliced");
        Ok(())
    })
}

fn ask(wire: &mut Wire, id: i32, bytes: usize) -> Fallible<()> {
    let request = request("mirror", id, bytes)?;
    wire.send_bytes(&request);
    mirrored(wire, &request)
}

/// Clients for whom no node can be dialled: each is told by an end.
fn hopeless(gateway: &Gateway) -> Fallible<()> {
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let mut wires = Vec::new();
    for _ in 0..HOPELESS {
        let mut wire = Wire::connect(&gateway.bootstrap())?;
        wire.send(12, &request)?;
        wires.push(wire);
    }
    for wire in &mut wires {
        let came = wire.closed(SOON)?;
        ensure!(came.is_empty(), "{} bytes came from a node that cannot be dialled", came.len());
    }
    Ok(())
}
