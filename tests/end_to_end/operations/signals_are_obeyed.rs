//! SIGHUP ends nothing; a second SIGINT ends at once what the first one lets end in peace.

use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::gateway::Settings;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

/// Longer than the test waits for the end.
const DRAIN: &str = "60s";

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let backend = node.address();
    let gateway = world.own(&Settings { drain_duration: DRAIN, ..Settings::of(&backend) })?;
    gateway.wait_ready()?;
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));

    gateway.signal("HUP")?;
    until("SIGHUP is answered in the log", patience(10), || {
        ensure!(gateway.log().contains("reloaded"), "it is not");
        Ok(())
    })?;
    Wire::connect(&gateway.bootstrap())?.ask(12, &request)?;

    // An answer that never comes keeps the drain from ending by itself.
    let mut waiting = Wire::connect_as(&gateway.node_address(1)?, "silent")?;
    waiting.send(12, &request)?;
    gateway.wait_requests(2)?;
    gateway.signal("INT")?;
    until("the drain begins", patience(10), || {
        let refused = Wire::connect(&gateway.bootstrap()).is_err();
        ensure!(refused, "connections are still accepted");
        Ok(())
    })?;
    ensure!(
        gateway.wait_end(Duration::from_millis(500)).is_err(),
        "the first SIGINT does not wait for what is in flight"
    );
    gateway.signal("INT")?;
    let code = gateway.wait_end(patience(10))?;
    ensure!(code == Some(130), "the second SIGINT ends with {code:?}");
    Ok(())
}
