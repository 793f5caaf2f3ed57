//! The comparison with HAProxy: what Klamm's data path costs beside a plain relay, and beside nothing.
//!
//! Owns the order: rounds are interleaved (direct, HAProxy, Klamm, and again), so that a machine that gets slower or
//! busier meets all of them alike.

mod generator;
mod round;
mod table;
mod workload;

pub use table::{median, spread_percent};

use crate::console::{self, headline};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::lab::haproxy;
use crate::measure::machine::Machine;
use crate::target::Kind;
use round::Setting;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::Series;
use workload::Workload;

/// Rounds in which others took more of the core than this, in per cent, say little.
const OTHERS_PERCENT_MAX: f64 = 3.0;

/// Compare Klamm's cost with HAProxy's (mode tcp, one thread) and with no proxy at all.
#[derive(clap::Args, Debug)]
#[command(after_help = "A synthetic broker answers every Produce request at once; a generator keeps a fixed number in
flight. Both run on one core, the proxy alone on another. CPU is the proxy's own (schedstat);
medians of the rounds. The spread is (largest - smallest) / median of the CPU per request: a
difference below it says nothing.

Examples:
  cargo run --release -p loadtest -- baseline
  cargo run --release -p loadtest -- baseline --rounds 5 --seconds 8 --workload large")]
pub struct Args {
    /// Rounds of each target under each workload.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Measured seconds of a round.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Seconds before, which are not measured.
    #[arg(long, value_name = "S", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,
    /// Only these workloads: small-5, small-1, large.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = workload_name)]
    workload: Vec<&'static str>,
    /// Only these targets: direct (no proxy), haproxy, klamm.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', hide_possible_values = true)]
    target: Vec<Kind>,
    /// The proxy's core.
    #[arg(long, value_name = "CORE", default_value_t = 0)]
    proxy_core: usize,
    /// The core of generator and broker.
    #[arg(long, value_name = "CORE", default_value_t = 1)]
    load_core: usize,
    /// Where the rounds are written, as JSON.
    #[arg(long, value_name = "FILE", default_value = "target/loadtest/baseline.json")]
    json: PathBuf,
}

fn workload_name(text: &str) -> std::result::Result<&'static str, String> {
    let names = workload::ALL.map(|workload| workload.name);
    names.into_iter().find(|name| *name == text).ok_or_else(|| format!("there are {}", names.join(", ")))
}

/// Runs the comparison.
///
/// # Errors
///
/// A target that does not start or dies, a wrong answer, or Ctrl-C.
pub fn run(args: &Args) -> Result<()> {
    interrupt::install()?;
    check_cores(args)?;
    let machine = Machine::here();
    headline(&format!("Klamm beside HAProxy\n{}", machine.line()));
    let directory = tempfile::tempdir().doing(|| "cannot create a temporary directory".to_owned())?;
    let setting = Setting {
        directory: directory.path(),
        target_core: args.proxy_core,
        load_core: args.load_core,
        warm_up: Duration::from_secs(args.warm_up),
        time: Duration::from_secs(args.seconds),
    };
    let kinds = Kind::wanted(&args.target);
    let mut all = Vec::new();
    for workload in chosen(args) {
        let series = rounds(args, &workload, &kinds, &setting)?;
        all.extend(series);
        table::lines(&workload, &all).iter().for_each(|line| println!("{line}"));
    }
    tell_noise(&all);
    write_json(&args.json, &machine, &all)
}

fn check_cores(args: &Args) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if args.proxy_core == args.load_core || cores < 2 {
        return Err(Error::new("the proxy needs a core of its own: --proxy-core and --load-core must differ"));
    }
    Ok(())
}

fn chosen(args: &Args) -> Vec<Workload> {
    let wanted = |workload: &Workload| args.workload.is_empty() || args.workload.contains(&workload.name);
    workload::ALL.into_iter().filter(wanted).collect()
}

fn rounds(args: &Args, workload: &Workload, kinds: &[Kind], setting: &Setting<'_>) -> Result<Vec<Series>> {
    let empty = |target: &Kind| Series { workload: workload.name, target: *target, rounds: Vec::new() };
    let mut all: Vec<Series> = kinds.iter().map(empty).collect();
    for number in 1..=args.rounds {
        for series in &mut all {
            console::progress(&format!(
                "{} round {number} of {}: {}",
                workload.name,
                args.rounds,
                series.target.name()
            ));
            series.rounds.push(round::run(series.target, workload, setting)?);
        }
    }
    console::progress("");
    Ok(all)
}

fn tell_noise(all: &[Series]) {
    let rounds = || all.iter().flat_map(|series| &series.rounds);
    let noisy = rounds().filter(|round| round.others_percent > OTHERS_PERCENT_MAX).count();
    if noisy > 0 {
        let total = rounds().count();
        println!(
            "\nIn {noisy} of {total} rounds others took more than {OTHERS_PERCENT_MAX} % of the proxy's core: repeat on a quiet machine."
        );
    }
}

#[derive(serde::Serialize)]
struct Written<'a> {
    machine: &'a Machine,
    haproxy: Option<String>,
    workloads: [Workload; 3],
    series: &'a [Series],
}

fn write_json(file: &Path, machine: &Machine, all: &[Series]) -> Result<()> {
    let doing = || format!("cannot write {}", file.display());
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).doing(doing)?;
    }
    let written = Written { machine, haproxy: haproxy::version(), workloads: workload::ALL, series: all };
    let text = serde_json::to_string_pretty(&written).doing(doing)?;
    std::fs::write(file, text + "\n").doing(doing)?;
    println!("\nEvery round: {}", file.display());
    Ok(())
}
