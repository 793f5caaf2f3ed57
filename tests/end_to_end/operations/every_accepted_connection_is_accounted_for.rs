//! At every scrape, while connections come and go: accepted = active + the sum of closed by cause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::closes::SOON;
use crate::harness::gateway::Gateway;
use crate::harness::scripted::Scripted;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

const THREADS: usize = 4;
const SCRAPES: usize = 60;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[("connect", "10s")])?;
    gateway.wait_ready()?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..THREADS)
            .map(|n| {
                scope.spawn({
                    let (gateway, over) = (&gateway, &over);
                    move || come_and_go(gateway, n, over)
                })
            })
            .collect();
        let scraped = scrape(&gateway);
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().map_err(|_| "a client panicked")??;
        }
        scraped
    })?;
    let (accepted, _, closed) = gateway.numbers()?.connections();
    ensure!(accepted as u64 > 100, "only {accepted} connections came");
    ensure!(closed as u64 > 100, "only {closed} connections went");
    Ok(())
}

fn scrape(gateway: &Gateway) -> Fallible<()> {
    for _ in 0..SCRAPES {
        let numbers = gateway.numbers()?;
        let (accepted, active, closed) = numbers.connections();
        ensure!(
            accepted == active + closed,
            "{accepted} accepted, {active} active, {closed} closed: {}",
            numbers.all_closed()
        );
        thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(())
}

/// Good, cut and hopeless connections in turn.
fn come_and_go(gateway: &Gateway, n: usize, over: &AtomicBool) -> Fallible<()> {
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let mut turn = n;
    while !over.load(Ordering::Relaxed) {
        turn += 1;
        match turn % 4 {
            0 => {
                Wire::connect(&gateway.bootstrap())?.ask(12, &request)?;
            }
            1 => Wire::connect(&gateway.bootstrap())?.send_bytes(&[0, 0, 0, 100, 0]),
            2 => {
                let mut wire = Wire::connect(&gateway.bootstrap())?;
                wire.send_bytes(&[0xff; 32]);
                wire.closed(SOON)?;
            }
            _ => {
                let mut wire = Wire::connect_as(&gateway.node_address(1)?, "ended")?;
                wire.send(12, &request)?;
                wire.closed(SOON)?;
            }
        }
    }
    Ok(())
}
