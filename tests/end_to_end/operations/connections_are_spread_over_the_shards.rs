//! However the kernel spreads connections over the listening sockets of a port, each shard serves about as many: those
//! that it has too many are handed over before their first byte, and lose nothing.

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

const CLIENTS: usize = 60;
/// Of two shards: one may have two more than the other.
const LEAST: usize = CLIENTS / 2 - 2;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[])?;
    gateway.wait_ready()?;
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut wire = Wire::connect(&gateway.bootstrap())?;
        wire.ask(12, &request)?;
        clients.push(wire);
    }
    until("every session is in the log", patience(5), || {
        let log = gateway.log();
        let opened =
            |shard: &str| log.lines().filter(|line| line.contains("session open") && line.contains(shard)).count();
        let (first, second) = (opened("shard=0 "), opened("shard=1 "));
        ensure!(first + second == CLIENTS, "{first} and {second} sessions");
        ensure!(first >= LEAST && second >= LEAST, "{first} and {second} sessions on the two shards");
        Ok(())
    })?;
    let numbers = gateway.numbers()?;
    ensure!(numbers.sum("klamm_handed_over_total") as u64 >= 1, "the kernel's hash alone is never that even");
    let (accepted, active, closed) = numbers.connections();
    ensure!(accepted == active + closed, "{accepted} accepted, {active} active, {closed} closed");
    ensure!(active == CLIENTS as f64, "{active} active");
    Ok(())
}
