//! An answer that never comes holds a drain up no longer than `drain_duration`: its connection is closed with
//! `drain_deadline`, and the process ends with 0.

use std::time::{Duration, Instant};

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::gateway::Settings;
use crate::harness::scripted::{NODE, Scripted};
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

const DRAIN: Duration = Duration::from_secs(1);

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let backend = node.address();
    let gateway = world.own(&Settings { drain_duration: "1s", ..Settings::of(&backend) })?;
    gateway.wait_ready()?;
    let mut waiting = Wire::connect_as(&gateway.node_address(NODE)?, "silent")?;
    waiting.send(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
    gateway.wait_requests(1)?;

    let began = Instant::now();
    gateway.signal("TERM")?;
    waiting.closed(patience(10))?;
    let code = gateway.wait_end(patience(10))?;
    ensure!(code == Some(0), "exit code {code:?}");
    ensure!(began.elapsed() >= DRAIN, "the drain took only {:?}", began.elapsed());
    ensure!(
        gateway.log().contains("cause=drain_deadline "),
        "no close with drain_deadline in the log:\n{}",
        gateway.log()
    );
    Ok(())
}
