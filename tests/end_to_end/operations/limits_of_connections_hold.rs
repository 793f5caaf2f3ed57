//! More connections than a limit allows are closed with the limit's name as the cause; those within it work on, and a
//! place that becomes free is given again.

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

/// The limit, and the cause of what is above it.
const LIMITS: [(&str, &str); 2] =
    [("connections_per_source_max", "source_connections_max"), ("connections_max", "connections_max")];
const LIMIT: usize = 10;
/// Shards each have their share of a limit, rounded up: with two shards it is exact for an even number.
const CLIENTS: usize = 40;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    for (limit, cause) in LIMITS {
        let gateway = world.own_gateway_to(&node.address(), &[(limit, &LIMIT.to_string())])?;
        gateway.wait_ready()?;
        let mut served = Vec::new();
        for _ in 0..CLIENTS {
            let mut wire = Wire::connect(&gateway.bootstrap())?;
            if wire.ask(12, &request).is_ok() {
                served.push(wire);
            }
        }
        ensure!(!served.is_empty() && served.len() <= LIMIT, "{limit} {LIMIT}: {} are served", served.len());
        until("the others are counted", patience(10), || {
            let refused = gateway.numbers()?.closed(cause) as usize;
            ensure!(refused == CLIENTS - served.len(), "{refused} closed as {cause}, {} served", served.len());
            Ok(())
        })?;
        for wire in &mut served {
            wire.ask(12, &request).map_err(|error| format!("one within the limit: {error}"))?;
        }

        served.clear();
        until("a free place is given again", patience(10), || {
            Wire::connect(&gateway.bootstrap())?.ask(12, &request)?;
            Ok(())
        })?;
    }
    Ok(())
}
