//! A start with many host names behind one port: from spawning the process to the first answer under TLS.
//!
//! Owns one such start.

use super::Ground;
use super::client::{open, plain_config};
use super::server::KlammFile;
use crate::child::Start;
use crate::compare::{median, spread_percent};
use crate::console::{self, headline};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::lab::sink::{Script, Sink};
use crate::load::handshake::ask;
use crate::wire::cluster;
use std::time::{Duration, Instant};

const STARTS: u32 = 5;
/// Between two attempts to connect.
const EVERY: Duration = Duration::from_micros(250);
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures and prints it.
///
/// # Errors
///
/// A gateway that does not start, or no answer in time.
pub fn print(ground: &Ground<'_>) -> Result<()> {
    headline(&format!("Start to first answer, {} virtual clusters behind one port", ground.args.virtual_clusters));
    console::step("klamm", || {
        let times: Vec<f64> =
            (0..STARTS).map(|_| measure(ground).map(|time| time.as_secs_f64() * 1000.0)).collect::<Result<_>>()?;
        let middle = median(times.iter().copied()).unwrap_or_default();
        let spread = spread_percent(&times).unwrap_or_default();
        Ok(((), format!("{middle:.1} ms (median of {STARTS}; spread {spread:.0} %)")))
    })
}

fn measure(ground: &Ground<'_>) -> Result<Duration> {
    let sink = Sink::start(None, Script::default())?;
    let klamm = KlammFile::write(ground.directory, ground.material, sink.address(), ground.args.virtual_clusters)?;
    let client = plain_config(&ground.material.roots)?;
    let log = ground.directory.join("klamm-names.log");
    let begin = Instant::now();
    let mut child = Start { name: "Klamm", log: &log, core: None, counted: None }.klamm(&klamm.path)?;
    loop {
        child.check()?;
        match open(klamm.front, &client).and_then(|mut tls| ask(&mut tls, cluster::api_versions_request())) {
            Ok(_) => break,
            Err(error) if begin.elapsed() > PATIENCE => {
                return Err(Error::new(format!("no answer after {} s: {error}", PATIENCE.as_secs())));
            }
            Err(_) => interrupt::pause(EVERY)?,
        }
    }
    let time = begin.elapsed();
    child.stop(PATIENCE)?;
    sink.stop()?;
    Ok(time)
}
