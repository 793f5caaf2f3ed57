//! A backend cluster that cannot be reached at start does not stop the process: it lives, says that it is not ready, and
//! lets clients wait; those that waited are served when the backend appears, or closed when `connect` expires.

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::closes::{Closes, SOON};
use crate::harness::scripted::{HOST, Scripted};
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, ports, until};

pub fn run(world: &World) -> Fallible<()> {
    let port = ports::ten();
    let gateway = world.own_gateway_to(&format!("{HOST}:{port}"), &[("connect", "5s")])?;
    until("the process lives", patience(10), || {
        let (status, _) = gateway.admin("/live")?;
        ensure!(status == 200, "/live says {status}");
        Ok(())
    })?;
    let (status, why) = gateway.admin("/ready")?;
    ensure!(status == 503, "/ready says {status} without a backend");
    ensure!(why.contains("lab"), "/ready does not name the backend cluster: {why}");

    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let closes = Closes::before(&gateway, "backend_unavailable")?;
    let mut early = Wire::connect(&gateway.bootstrap())?;
    early.send(12, &request)?;
    early.closed(SOON)?;
    closes.one_more("a client that waited as long as `connect` allows")?;

    let mut waiting = Wire::connect(&gateway.bootstrap())?;
    let asked = waiting.send(12, &request)?;
    until("the client is accepted", patience(10), || {
        let (_, active, _) = gateway.numbers()?.connections();
        ensure!(active as usize == 1, "{active} are");
        Ok(())
    })?;
    let _node = Scripted::start_at(port)?;
    let answer = waiting.answer::<MetadataRequest>(12, asked)?;
    ensure!(!answer.body.brokers.is_empty(), "the client that waited is told of no node");
    gateway.wait_ready()
}
