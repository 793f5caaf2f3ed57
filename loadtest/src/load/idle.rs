//! Memory of an idle connection: what a process takes more for many clients that got one answer and then send nothing.
//!
//! Owns the clients. They are this process' own, as is the synthetic broker: two descriptors a connection here, two in
//! the target.

use super::{Place, handshake};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::measure::memory;
use std::net::TcpStream;
use std::time::Duration;

/// How long the target may take to give back what it held while connections came.
const SETTLE: Duration = Duration::from_secs(1);

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

/// Connects so many clients, which `connect` makes by their number, and looks at the process.
pub fn measure<C>(pid: u32, connections: usize, connect: impl Fn(usize) -> Result<C>) -> Result<Idle> {
    let settled = || -> Result<u64> {
        interrupt::pause(SETTLE)?;
        Ok(memory::of_process(pid)?.private_kib)
    };
    let none_kib = settled()?;
    let mut clients = connect_all(0..connections / 2, &connect)?;
    let half_kib = settled()?;
    clients.append(&mut connect_all(connections / 2..connections, &connect)?);
    let all_kib = settled()?;
    Ok(Idle { none_kib, half_kib, all_kib, connections })
}

/// These clients, one after the other.
pub fn connect_all<C>(numbers: std::ops::Range<usize>, connect: impl Fn(usize) -> Result<C>) -> Result<Vec<C>> {
    let one = |number| interrupt::check().and_then(|()| connect(number));
    numbers.map(one).collect()
}

/// A plain client of one place after the other, which got its ApiVersions answer.
pub fn in_turn(places: &[Place]) -> impl Fn(usize) -> Result<TcpStream> {
    |number| {
        let place = places.get(number % places.len().max(1)).ok_or_else(|| Error::new("there is no address"))?;
        handshake::connect_and_ask(place.address)
    }
}
