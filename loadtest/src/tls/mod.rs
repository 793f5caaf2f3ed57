//! What TLS costs: handshakes of a bare server of rustls, of HAProxy and of Klamm, the memory of their idle connections,
//! and a start with many host names.
//!
//! Owns the options, the order in which the servers take turns, and the printed lines.

mod bare;
pub mod client;
mod server;

pub use bare::{BareArgs, become_bare};

use crate::child::check_core;
use crate::compare::{Range, median, spread_percent};
use crate::console::{self, headline};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::lab::sink::{Script, Sink};
use crate::load::handshake::{ask, first_success};
use crate::load::handshake_storm::HandshakeStorm;
use crate::load::{descriptors, idle};
use crate::measure::cpu;
use crate::measure::machine::Machine;
use crate::target::Target;
use crate::wire::cluster;
use client::{Handshake, open, plain_config};
use server::{HOST, Kind, Material};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a start is measured.
const STARTS: u32 = 5;
/// How long a server may take to begin and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Compare what TLS costs with HAProxy (mode tcp, one thread) and with a bare server of rustls.
#[derive(clap::Args, Debug)]
#[command(after_help = "Clients run on one core, the server alone on another; one server is alive at a time, and the
servers take turns. Each has the same ECDSA P-256 certificate. A handshake is a connection that is
closed after it; with a request it also gets an ApiVersions answer, for which HAProxy and Klamm
connect to the synthetic broker. HAProxy connects to it in any case. CPU is the server's own
(schedstat), the whole connection's: accept, handshake, close. Ratios are taken round by round.

  P11  full handshakes with X25519 and X25519MLKEM768, resumed ones, and those of TLS 1.2
  P9   memory for each idle client
  P14  start until the first answer, with 1,000 virtual clusters behind one port

P12 (CPU for each GiB received) is cargo bench --bench tls: it needs no socket.

Examples:
  cargo run --release -p loadtest -- tls
  cargo run --release -p loadtest -- tls --rounds 3 --seconds 1")]
pub struct Args {
    /// Rounds of each server under each kind of handshake.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Measured seconds of a round.
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Clients at a time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    clients: u32,
    /// Idle connections.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    idle: u32,
    /// Virtual clusters of the start.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    virtual_clusters: u32,
    /// The server's core.
    #[arg(long, value_name = "CORE", default_value_t = 0)]
    server_core: usize,
    /// The clients' core.
    #[arg(long, value_name = "CORE", default_value_t = 1)]
    client_core: usize,
}

/// Runs the comparison.
pub fn run(args: &Args) -> Result<()> {
    interrupt::install()?;
    if args.server_core == args.client_core {
        return Err(Error::new("the server needs a core of its own: --server-core and --client-core must differ"));
    }
    check_core(args.server_core).and_then(|()| check_core(args.client_core))?;
    descriptors::raise(args.idle as usize)?;
    headline(&format!("TLS\n{}", Machine::here().line()));
    let directory = tempfile::tempdir().doing("cannot create a temporary directory")?;
    let material = Material::make(directory.path())?;
    let bench = Bench { args, directory: directory.path(), material: &material };
    bench.handshakes()?;
    bench.idle()?;
    bench.starts()
}

/// What all measurements share.
struct Bench<'a> {
    args: &'a Args,
    directory: &'a Path,
    material: &'a Material,
}

/// The rounds of one server under one kind of handshake: handshakes for each CPU second.
struct Row {
    handshake: Handshake,
    kind: Kind,
    rates: Vec<f64>,
}

impl Bench<'_> {
    fn handshakes(&self) -> Result<()> {
        let mut rows: Vec<Row> = Vec::new();
        for handshake in Handshake::ALL {
            let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_there() && kind.can(handshake));
            rows.extend(kinds.map(|kind| Row { handshake, kind, rates: Vec::new() }));
        }
        headline(&format!(
            "Handshakes for each CPU second, {} clients, {} rounds of {} s",
            self.args.clients, self.args.rounds, self.args.seconds
        ));
        for number in 1..=self.args.rounds {
            for row in &mut rows {
                let what =
                    format!("{} round {number} of {}: {}", row.handshake.name(), self.args.rounds, row.kind.name());
                console::progress(&what);
                row.rates.push(self.round(row.handshake, row.kind).map_err(|error| error.during(&what))?);
            }
        }
        console::progress("");
        table(&rows).iter().for_each(|line| println!("{line}"));
        Ok(())
    }

    /// Handshakes for each CPU second.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn round(&self, handshake: Handshake, kind: Kind) -> Result<f64> {
        self.with_server(kind, |server, pid| {
            let storm = |time| {
                let (clients, core) = (self.args.clients as usize, Some(self.args.client_core));
                let storm = HandshakeStorm { clients, rate: None, time, core };
                storm.run(|| handshake.client(server.bootstrap_address(), HOST, &self.material.roots))
            };
            // The first ones begin sessions, fill caches, and are not counted.
            storm(Duration::from_millis(500))?;
            let before = cpu::of_process(pid)?;
            let (done, _) = storm(Duration::from_secs(self.args.seconds))?;
            let took = cpu::of_process(pid)?.saturating_sub(before);
            Ok(done.count() as f64 / took.as_secs_f64())
        })
    }

    /// Starts a server before the synthetic broker, works with it, and stops it.
    fn with_server<T>(&self, kind: Kind, work: impl FnOnce(&Target, u32) -> Result<T>) -> Result<T> {
        let sink = Sink::start(Some(self.args.client_core), Script::default())?;
        let mut server = kind.start(self.directory, self.material, sink.address(), self.args.server_core)?;
        server.wait_ready(PATIENCE)?;
        let pid = server.pid().ok_or_else(|| Error::new("there is no process to measure"))?;
        let outcome = work(&server, pid);
        // What killed the server explains the clients' failure.
        let alive = server.check();
        let stopped = server.stop();
        alive.and(sink.stop())?;
        let outcome = outcome?;
        stopped.map(|()| outcome)
    }

    /// Memory of idle clients, each of which got an ApiVersions answer.
    fn idle(&self) -> Result<()> {
        headline(&format!("User memory for each idle TLS client, {} connections", self.args.idle));
        for kind in [Kind::Haproxy, Kind::Klamm].into_iter().filter(|kind| kind.is_there()) {
            console::step(kind.name(), || {
                let idle = self.with_server(kind, |server, pid| {
                    let config = plain_config(&self.material.roots)?;
                    let client = |_| -> Result<_> {
                        let mut tls = open(server.bootstrap_address(), HOST, &config)?;
                        ask(&mut tls, cluster::api_versions_request())?;
                        Ok(tls)
                    };
                    // What the first connections allocate once for all is not theirs.
                    drop(client(0)?);
                    idle::measure(pid, self.args.idle as usize, client)
                })?;
                let kib = idle.slope_kib();
                Ok(((), format!("{kib:.1} KiB (private memory, the connection to the broker included)")))
            })?;
        }
        Ok(())
    }

    /// From spawning the process to the first answer under TLS, with many host names behind one port.
    fn starts(&self) -> Result<()> {
        headline(&format!("Start to first answer, {} virtual clusters behind one port", self.args.virtual_clusters));
        console::step("klamm", || {
            let times: Vec<f64> = (0..STARTS).map(|_| self.start()).collect::<Result<_>>()?;
            let middle = median(times.iter().copied()).unwrap_or_default();
            let spread = spread_percent(&times).unwrap_or_default();
            Ok(((), format!("{middle:.1} ms (median of {STARTS}; spread {spread:.0} %)")))
        })
    }

    /// Milliseconds of one start.
    fn start(&self) -> Result<f64> {
        let sink = Sink::start(None, Script::default())?;
        let client = plain_config(&self.material.roots)?;
        let mut begin = Instant::now();
        let clusters = self.args.virtual_clusters as usize;
        let prepared = || begin = Instant::now();
        let mut klamm = server::start_klamm(self.directory, self.material, sink.address(), None, clusters, prepared)?;
        let address = klamm.bootstrap_address();
        let attempt = || ask(&mut open(address, HOST, &client)?, cluster::api_versions_request());
        let (_, end) = first_success(PATIENCE, || klamm.check(), attempt)?;
        klamm.stop()?;
        sink.stop()?;
        Ok(1000.0 * end.duration_since(begin).as_secs_f64())
    }
}

fn table(rows: &[Row]) -> Vec<String> {
    let mut lines = vec![format!("  {:<28}{:<10}{:>10}  {}", "", "", "per CPU-s", "beside others (rounds)")];
    for row in rows {
        let rate = median(row.rates.iter().copied()).unwrap_or_default();
        let mut beside = String::new();
        for peer in rows.iter().filter(|peer| row.kind == Kind::Klamm && peer.kind != row.kind) {
            if peer.handshake == row.handshake {
                beside.push_str(&format!("  {} to {}", ratio(row, peer), peer.kind.name()));
            }
        }
        if let Some(full) = row
            .handshake
            .full()
            .and_then(|full| rows.iter().find(|other| other.kind == row.kind && other.handshake == full))
        {
            beside.push_str(&format!("  {} to full", ratio(row, full)));
        }
        lines.push(format!("  {:<28}{:<10}{rate:>10.0}{beside}", row.handshake.name(), row.kind.name()));
    }
    lines
}

/// As `1.23x (1.20..1.25)`: of rounds that followed each other.
fn ratio(row: &Row, to: &Row) -> String {
    let range = Range::of(row.rates.iter().zip(&to.rates).map(|(rate, to)| rate / to));
    range.map_or_else(String::new, |range| range.ratio())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_stand_beside_their_peers() {
        let row = |handshake, kind, rate| Row { handshake, kind, rates: vec![rate; 3] };
        let rows = [
            row(Handshake::Full, Kind::Bare, 4000.0),
            row(Handshake::Full, Kind::Klamm, 3000.0),
            row(Handshake::Resumed, Kind::Klamm, 6000.0),
        ];
        let lines = table(&rows);
        assert!(lines[2].contains("0.75x (0.75..0.75) to rustls"), "{lines:?}");
        assert!(lines[3].contains("2.00x (2.00..2.00) to full") && !lines[3].contains("rustls"), "{lines:?}");
    }
}
