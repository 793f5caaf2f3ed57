//! The figures of the README: memory of an idle connection, and start to first Metadata. Klamm, and HAProxy beside it.

use crate::compare::{median, spread_percent};
use crate::console::{self, headline};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::lab::sink::{Script, Sink};
use crate::load::handshake::{connect, first_success, metadata};
use crate::measure::machine::Machine;
use crate::target::{Kind, Target, Variant};
use crate::trial;
use crate::wire::TOPIC;
use crate::wire::cluster::NODE;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Print the memory of an idle connection pair, and the time from start to the first Metadata answer.
#[derive(clap::Args, Debug)]
#[command(after_help = "Memory is private memory (smaps_rollup: Private_Dirty and Swap), as the slope from no
connection to all, each after one ApiVersions answer. Start is from spawning the process to the
first whole Metadata answer on its first port. HAProxy stands beside Klamm when it is installed.

Example:
  cargo run --release -p loadtest -- figures")]
pub struct Args {
    /// Idle connections.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    connections: u32,
    /// Starts.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    starts: u32,
}

/// Prints them.
pub fn run(args: &Args) -> Result<()> {
    interrupt::install()?;
    headline(&format!("Figures\n{}", Machine::here().line()));
    let directory = tempfile::tempdir().doing("cannot create a temporary directory")?;
    let kinds = [Kind::Haproxy, Kind::Klamm, Kind::KlammHide].into_iter().filter(|kind| kind.is_there());
    let variants: Vec<Variant> = kinds.map(Variant::from).collect();

    headline(&format!("User memory for each idle connection, {} connections", args.connections));
    for variant in &variants {
        console::step(&variant.name, || {
            let idle = trial::idle(variant, directory.path(), args.connections as usize)?;
            let (slope, none, half, all) = (idle.slope_kib(), idle.none_kib, idle.half_kib, idle.all_kib);
            Ok(((), format!("{slope:.2} KiB ({none} KiB with none, {half} with half, {all} with all)")))
        })?;
    }
    headline(&format!("Start to first Metadata, {} starts", args.starts));
    for variant in &variants {
        console::step(&variant.name, || {
            let times = (0..args.starts).map(|_| start(variant, directory.path()));
            let times: Vec<f64> = times.collect::<Result<_>>()?;
            let middle = median(times.iter().copied()).unwrap_or_default();
            let spread = spread_percent(&times).unwrap_or_default();
            Ok(((), format!("{middle:.1} ms (median; spread {spread:.0} %)")))
        })?;
    }
    Ok(())
}

/// Milliseconds that clients are without a gateway when it is restarted: from spawning the process, the cost of starting this
/// program's own copy included, until the first whole Metadata answer.
fn start(variant: &Variant, directory: &Path) -> Result<f64> {
    let sink = Sink::start(None, Script { topics: variant.topics(), ..Script::default() })?;
    let begin = Instant::now();
    let mut target = Target::spawn(variant, directory, sink.address(), None)?;
    let address = target.bootstrap_address();
    let attempt = || metadata(&mut connect(address)?, TOPIC);
    let (answer, end) = first_success(PATIENCE, || target.check(), attempt)?;
    // A relay knows nothing of Kafka: the broker's own address stays in the answer.
    let expected = if variant.kind.is_klamm() { target.node_address() } else { sink.address() };
    let (nodes, port) = (answer.nodes, expected.port());
    if !matches!(nodes.as_slice(), [(NODE, _, found)] if *found == port) {
        return Err(Error::new(format!("Metadata names {nodes:?} instead of node {NODE} at port {port}")));
    }
    target.stop()?;
    sink.stop()?;
    Ok(1000.0 * end.duration_since(begin).as_secs_f64())
}
