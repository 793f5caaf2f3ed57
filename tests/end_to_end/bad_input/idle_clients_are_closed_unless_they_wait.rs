//! A connection with nothing in flight that sends nothing is closed after `idle`; one that waits for an answer is not,
//! however long it takes.

use std::time::{Duration, Instant};

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::closes::Closes;
use crate::harness::scripted::{NODE, Scripted};
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

const IDLE: Duration = Duration::from_secs(1);

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[("idle", "1s")])?;
    gateway.wait_ready()?;
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let mut waits = Wire::connect_as(&gateway.node_address(NODE)?, "silent")?;
    waits.send(12, &request)?;

    let closes = Closes::before(&gateway, "idle")?;
    let mut idles = Wire::connect(&gateway.bootstrap())?;
    idles.ask(12, &request)?;
    let began = Instant::now();
    idles.closed(patience(10))?;
    ensure!(began.elapsed() >= IDLE.mul_f32(0.9), "closed after {:?}", began.elapsed());
    closes.one_more("an idle client")?;
    ensure!(waits.closed(IDLE * 2).is_err(), "a client that waits for an answer was closed");
    Ok(())
}
