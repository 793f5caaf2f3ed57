//! Memory of an idle connection: many clients that have asked for ApiVersions and then say nothing.
//!
//! Owns the clients. They are this process' own, as is the synthetic broker: two descriptors a connection here, two in
//! the target.

use crate::error::{Error, Result};
use crate::interrupt;
use crate::lab::sink::{Script, Sink};
use crate::load::{descriptors, handshake};
use crate::measure::memory;
use crate::target::{Target, Variant};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// How long the target may take to give back what it held while connections came.
const SETTLE: Duration = Duration::from_secs(1);
/// An api that everybody offers.
const METADATA: (i16, i16) = (3, 1);

/// Private memory of the target, in KiB.
pub struct Idle {
    /// Without connections.
    pub none_kib: u64,
    /// With half of them.
    pub half_kib: u64,
    /// With all.
    pub all_kib: u64,
    connections: usize,
}

impl Idle {
    /// KiB for each connection.
    #[expect(clippy::cast_precision_loss, reason = "KiB and counts far below 2^52")]
    pub fn slope_kib(&self) -> f64 {
        (self.all_kib as f64 - self.none_kib as f64) / self.connections as f64
    }
}

/// Measures it.
///
/// # Errors
///
/// Too few descriptors, with both numbers; or what the target did wrong.
pub fn measure(variant: &Variant, directory: &Path, connections: usize) -> Result<Idle> {
    descriptors::raise(connections)?;
    let sink = Sink::start(None, Script { topics: variant.topics(), ..Script::default() })?;
    let mut target = Target::start(variant, directory, sink.address(), None)?;
    let outcome = fill(&target, connections);
    target.check()?;
    target.stop()?;
    sink.stop()?;
    outcome
}

fn fill(target: &Target, connections: usize) -> Result<Idle> {
    let pid = target.pid().ok_or_else(|| Error::new("there is no process to measure"))?;
    let settled = || -> Result<u64> {
        interrupt::pause(SETTLE)?;
        Ok(memory::of_process(pid)?.private_kib)
    };
    let places: Vec<SocketAddr> = target.places().iter().map(|place| place.address).collect();
    let none_kib = settled()?;
    let mut clients = connect(&places, connections / 2)?;
    let half_kib = settled()?;
    clients.append(&mut connect(&places, connections - connections / 2)?);
    let all_kib = settled()?;
    Ok(Idle { none_kib, half_kib, all_kib, connections })
}

/// So many clients, each of which has its ApiVersions answer.
///
/// # Errors
///
/// No connection or no answer.
pub fn connect(addresses: &[SocketAddr], count: usize) -> Result<Vec<TcpStream>> {
    let client = |address: &SocketAddr| -> Result<TcpStream> {
        interrupt::check()?;
        let mut stream = handshake::connect(*address)?;
        let (key, version) = METADATA;
        if handshake::offers(&mut stream, key, version)? {
            Ok(stream)
        } else {
            Err(Error::new(format!("{} does not offer Metadata", address)))
        }
    };
    addresses.iter().cycle().take(count).map(client).collect()
}
