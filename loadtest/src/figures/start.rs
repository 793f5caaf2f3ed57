//! Start to first Metadata: how long clients are without a gateway when it is restarted.
//!
//! Owns one such start. The clock runs from spawning the process, the cost of starting this program's own copy
//! included, until the first whole Metadata answer.

use crate::error::{Error, Result};
use crate::lab::sink::{Script, Sink};
use crate::load::handshake;
use crate::target::{Target, Variant};
use crate::wire::cluster::{self, NODE};
use crate::{interrupt, wire};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two attempts to connect.
const EVERY: Duration = Duration::from_micros(250);
/// How long it may take at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures one start.
///
/// # Errors
///
/// A target that ends, no answer in time, or an answer that names another node than it should.
pub fn measure(variant: &Variant, directory: &Path) -> Result<Duration> {
    let sink = Sink::start(None, Script { topics: variant.topics(), ..Script::default() })?;
    let begin = Instant::now();
    let mut target = Target::spawn(variant, directory, sink.address(), None)?;
    let answer = loop {
        target.check()?;
        match ask(target.bootstrap_address()) {
            Ok(answer) => break answer,
            Err(error) if begin.elapsed() > PATIENCE => {
                return Err(Error::new(format!("no Metadata answer after {} s: {error}", PATIENCE.as_secs())));
            }
            Err(_) => interrupt::pause(EVERY)?,
        }
    };
    let time = begin.elapsed();
    // A relay knows nothing of Kafka: the broker's own address stays in the answer.
    let expected = if variant.kind.is_klamm() { target.node_address() } else { sink.address() };
    let nodes = cluster::metadata(&answer).map_err(Error::new)?.nodes;
    if !matches!(nodes.as_slice(), [(NODE, _, port)] if *port == expected.port()) {
        let port = expected.port();
        return Err(Error::new(format!("the Metadata answer names {nodes:?}, right is node {NODE} at port {port}")));
    }
    target.stop()?;
    sink.stop()?;
    Ok(time)
}

fn ask(address: SocketAddr) -> Result<Vec<u8>> {
    handshake::ask(&mut handshake::connect(address)?, cluster::metadata_request(wire::TOPIC))
}
