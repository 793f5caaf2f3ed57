//! Memory of an idle TLS client: many that have asked for ApiVersions and then say nothing.
//!
//! Owns the clients.

use super::Ground;
use super::client::{open, plain_config};
use super::server::Kind;
use crate::console::{self, headline};
use crate::error::Result;
use crate::interrupt;
use crate::load::handshake::ask;
use crate::measure::memory;
use crate::wire::cluster;
use std::time::Duration;

/// How long a server may take to give back what it held while connections came.
const SETTLE: Duration = Duration::from_secs(1);

/// Measures and prints it.
///
/// # Errors
///
/// A server that does not start or dies, or no answer.
pub fn print(ground: &Ground<'_>) -> Result<()> {
    headline(&format!("User memory for each idle TLS client, {} connections", ground.args.idle));
    for kind in [Kind::Haproxy, Kind::Klamm].into_iter().filter(|kind| kind.is_there()) {
        console::step(kind.name(), || {
            let kib = measure(ground, kind)?;
            Ok(((), format!("{kib:.1} KiB (private memory, the connection to the broker included)")))
        })?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "KiB and counts far below 2^52")]
fn measure(ground: &Ground<'_>, kind: Kind) -> Result<f64> {
    ground.with_server(kind, |server, address| {
        let config = plain_config(&ground.material.roots)?;
        let client = || -> Result<_> {
            interrupt::check()?;
            let mut tls = open(address, &config)?;
            ask(&mut tls, cluster::api_versions_request())?;
            Ok(tls)
        };
        let settled = || -> Result<u64> {
            interrupt::pause(SETTLE)?;
            Ok(memory::of_process(server.pid())?.private_kib)
        };
        // What the first connections allocate once for all is not theirs.
        drop(client()?);
        let none = settled()?;
        let clients: Vec<_> = (0..ground.args.idle).map(|_| client()).collect::<Result<_>>()?;
        let all = settled()?;
        Ok((all as f64 - none as f64) / clients.len() as f64)
    })
}
