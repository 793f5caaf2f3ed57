//! A client that sends nothing, or one byte a second, is closed at its deadline and not before; one that is idle between
//! two requests is left alone; neighbours notice nothing.

use std::time::{Duration, Instant};

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::closes::Closes;
use crate::harness::neighbour::Neighbour;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::{Wire, request_frame};
use crate::harness::{Fallible, World};

const FIRST_BYTE: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(2);

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[("first_byte", "3s"), ("request_grace", "2s")])?;
    gateway.wait_ready()?;
    let address = gateway.bootstrap();
    let neighbour = Neighbour::start(&address)?;
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let mut idle = Wire::connect(&address)?;
    idle.ask(12, &request)?;

    let closes = Closes::before(&gateway, "first_byte_deadline")?;
    let began = Instant::now();
    Wire::connect(&address)?.closed(patience(10))?;
    ensure!(began.elapsed() >= FIRST_BYTE, "a silent client is closed after {:?}", began.elapsed());
    closes.one_more("a client that sends nothing")?;

    for used in [false, true] {
        let closes = Closes::before(&gateway, "request_too_slow")?;
        let mut wire = Wire::connect(&address)?;
        if used {
            wire.ask(12, &request)?;
        }
        let began = Instant::now();
        drip(&mut wire)?;
        ensure!(began.elapsed() >= GRACE, "a slow client is closed after {:?}", began.elapsed());
        closes.one_more("a client that sends a byte a second")?;
    }

    idle.ask(12, &request).map_err(|error| format!("a client that was idle: {error}"))?;
    neighbour.stop()
}

/// One byte of a request a second, until the other side closes.
fn drip(wire: &mut Wire) -> Fallible<()> {
    let frame = request_frame(3, 1, 1, 1, "a client that takes its time", &[0, 0, 0, 0])?;
    for byte in &frame {
        wire.send_bytes(&[*byte]);
        if wire.closed(Duration::from_secs(1)).is_ok() {
            return Ok(());
        }
    }
    Err("a whole request came through, a byte a second".into())
}
