//! Memory of an idle connection: many clients that have asked for ApiVersions and then say nothing.
//!
//! Owns the clients. They are this process' own, as is the synthetic broker: two descriptors a connection here, two in
//! the target.

use crate::error::{Context, Error, Result};
use crate::lab::sink::Sink;
use crate::measure::memory;
use crate::target::{Kind, Target};
use crate::{interrupt, wire};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Descriptors that are needed besides two for each connection.
const DESCRIPTORS_BESIDES: u64 = 200;
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

/// Measures it.
///
/// # Errors
///
/// Too few descriptors, with both numbers; or what the target did wrong.
pub fn measure(kind: Kind, directory: &Path, connections: usize) -> Result<Idle> {
    raise_descriptors(connections)?;
    let sink = Sink::start(None, Arc::new([]))?;
    let mut target = Target::start(kind, directory, sink.address(), None)?;
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
    let none_kib = settled()?;
    let mut clients = Vec::with_capacity(connections);
    let connect = |clients: &mut Vec<TcpStream>, until: usize| -> Result<()> {
        while clients.len() < until {
            interrupt::check()?;
            clients.push(client(target.node_address())?);
        }
        Ok(())
    };
    connect(&mut clients, connections / 2)?;
    let half_kib = settled()?;
    connect(&mut clients, connections)?;
    let all_kib = settled()?;
    Ok(Idle { none_kib, half_kib, all_kib, connections })
}

/// A client that has its ApiVersions answer.
fn client(address: SocketAddr) -> Result<TcpStream> {
    let ask = || -> std::io::Result<(TcpStream, [u8; 8])> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut request = wire::api_versions_request().map_err(std::io::Error::other)?;
        wire::set_id(&mut request, wire::REQUEST_ID_AT, 99);
        stream.write_all(&request)?;
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        let length = wire::u32_at(&head, 0).unwrap_or(0).clamp(4, 1 << 20);
        std::io::copy(&mut (&mut stream).take(u64::from(length - 4)), &mut std::io::sink())?;
        Ok((stream, head))
    };
    let (stream, head) = ask().doing(|| "an idle connection got no ApiVersions answer".to_owned())?;
    match wire::u32_at(&head, wire::ANSWER_ID_AT) {
        Some(99) => Ok(stream),
        id => Err(Error::new(format!("the ApiVersions answer has correlation id {id:?} instead of 99"))),
    }
}

/// Raises the soft limit to the hard one; children inherit it.
fn raise_descriptors(connections: usize) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .doing(|| "cannot raise the number of descriptors".to_owned())?;
    let needed = 2 * u64::try_from(connections).unwrap_or(u64::MAX / 2) + DESCRIPTORS_BESIDES;
    match limit.maximum {
        Some(maximum) if maximum < needed => {
            Err(Error::new(format!("{needed} descriptors are needed, the hard limit is {maximum}"))
                .try_this("Raise it (ulimit -Hn) or take fewer --connections."))
        }
        Some(_) | None => Ok(()),
    }
}
