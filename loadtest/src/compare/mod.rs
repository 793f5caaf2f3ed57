//! The comparison: what Klamm's data path costs beside HAProxy, and beside nothing.
//!
//! Owns the options and the order: rounds in which the proxies take turns of 200 ms, so that a machine that gets slower or
//! busier meets all of them alike, and in which one of them takes part twice.

mod experiments;
mod goals;
mod record;
mod results;
mod rounds;
mod statistics;
mod table;

pub use statistics::{Range, median, spread_percent};

use crate::child::check_core;
use crate::console::{self, headline};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::load::descriptors;
use crate::measure::entries::Counter;
use crate::measure::machine::Machine;
use crate::target::{Kind, Variant, setting};
use crate::trial::Setting;
use experiments::{Experiment, Wanted};
use record::{Record, Series};
use rounds::Rounds;
use std::path::PathBuf;
use std::time::Duration;

/// Compare what Klamm costs with HAProxy (mode tcp, one thread; copying and spliced) and with no proxy at all.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Generator and synthetic broker run on one core, the proxies on another. Those that are compared are
all alive and take turns of 200 ms, in which one has all the load and the others sleep: what
disturbs the machine, or makes it slower, strikes now one and now the other. CPU is a proxy's own
(schedstat). Ratios are taken round by round, and their median, smallest and largest are printed.
One proxy takes part twice: where the two differ by more than 3 % nothing is concluded. A round in
which others took more than 3 % of a core is thrown away and repeated, a bounded number of times;
where fewer than half of the rounds are quiet nothing is concluded.

Latency counts from the time at which a request was due, and not in the first 50 ms of a turn. The
ratio of a round is the median of its turns', each to the peer's beside it; a percentile reaches its
goal where the median of all rounds does with a confidence of 90 %: that takes five or more.

  P1   CPU-s per GiB, frames of 64 KiB, 256 KiB and 1 MiB, Produce and Fetch (v12, v17)
  P2   CPU per Produce of 1 KiB at full speed, 5 and 1 in flight on 64 connections
  P3   the same at 10,000/s and 20,000/s
  P5   what the namespace costs: Klamm with hide_prefix against Klamm passthrough
  P6   user-mode instructions for each request (needs valgrind)
  P7   latency at 10,000/s
  P8   kernel entries for each request, 64 busy connections (needs perf or strace)
  P9   memory for each idle connection
  P10  memory, pipes included, of a connection through which frames of 99 MiB stream
  P13  two shards on one core against one; 10,000 virtual clusters against one (CPU and
       instructions)

Examples:
  cargo run --release -p loadtest -- compare --quick
  cargo run --release -p loadtest -- compare --only P2,P3 --rounds 7
  cargo run --release -p loadtest -- compare --only produce-64k --rounds 11
  cargo run --release -p loadtest -- compare --only P1 --proxy klamm-hide --variant small=limits.hold_bytes_max=1MiB
  cargo run --release -p loadtest -- compare --only P2 --klamm-binary old/klamm"
)]
pub struct Args {
    /// Only these measures, or single workloads by their name, as the tables have it (produce-64k).
    #[arg(long, value_name = "ID,...", value_delimiter = ',', value_parser = Wanted::parse)]
    only: Vec<Wanted>,
    /// Only these proxies: direct (none), haproxy, haproxy-splice, klamm (passthrough), klamm-hide (a namespace).
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', hide_possible_values = true)]
    proxy: Vec<Kind>,
    /// One more Klamm, with other settings: NAME=KEY=VALUE,... A key is mode (hide_prefix, which is the default, or
    /// passthrough), binary, shards, virtual_clusters, or limits. and a limit. May be repeated.
    #[arg(long, value_name = "NAME=KEY=VALUE,...", value_parser = Variant::parse)]
    variant: Vec<Variant>,
    /// A setting of every Klamm: shards=N or limits.KEY=VALUE. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    klamm_set: Vec<(String, String)>,
    /// Another klamm program, such as an older build: it takes part beside this one, as old and old-hide.
    #[arg(long, value_name = "PATH")]
    klamm_binary: Option<PathBuf>,
    /// Rounds of each proxy under each workload.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Measured seconds of a round.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Seconds before, which are not measured.
    #[arg(long, value_name = "S", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,
    /// A look, not a measurement: 3 rounds of 2 s after 1 s, one try each.
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "warm_up"])]
    quick: bool,
    /// How often a round that others disturbed is tried at most.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    tries: u32,
    /// The proxy's core.
    #[arg(long, value_name = "CORE", default_value_t = 0)]
    proxy_core: usize,
    /// The core of generator and broker.
    #[arg(long, value_name = "CORE", default_value_t = 1)]
    load_core: usize,
    /// The directory in which all rounds are written as JSON.
    #[arg(long, value_name = "DIR", default_value = "target/loadtest")]
    results: PathBuf,
}

/// Runs the comparison.
pub fn run(args: &Args) -> Result<()> {
    interrupt::install()?;
    check_cores(args)?;
    let (rounds, seconds, warm_up, tries) =
        if args.quick { (3, 2, 1, 1) } else { (args.rounds, args.seconds, args.warm_up, args.tries) };
    let experiments = experiments::chosen(&args.only);
    let proxies = proxies(args)?;
    let alive = |one: &Experiment| if one.quantity.is_in_turns() { one.proxies(&proxies).len() } else { 1 };
    let connections = |one: &Experiment| one.workload.connections * alive(one);
    descriptors::raise(experiments.iter().map(connections).max().unwrap_or(0))?;
    headline(&format!("Klamm beside HAProxy\n{}", Machine::here().line()));
    let mut record = Record::begin(&args.results)?;
    let directory = tempfile::tempdir().doing("cannot create a temporary directory")?;
    let setting = Setting {
        directory: directory.path(),
        target_core: Some(args.proxy_core),
        load_core: Some(args.load_core),
        warm_up: Duration::from_secs(warm_up),
        time: Duration::from_secs(seconds),
        entries: None,
        instructions: false,
        memory: false,
    };
    println!("{}", time_needed(&experiments, &proxies, rounds, warm_up + seconds));
    let mut runner = Rounds { setting, rounds, tries, counter: Counter::here() };
    let outcome = measure(&mut runner, &experiments, &proxies, &mut record);
    console::progress("");
    let written = record.finish(outcome.as_ref().err().map(Error::what));
    println!("\nEvery round: {}", record.path().display());
    outcome.and(written)
}

fn measure(runner: &mut Rounds<'_>, all: &[Experiment], proxies: &[Variant], record: &mut Record) -> Result<()> {
    let mut too_noisy = 0;
    for experiment in all {
        let proxies = experiment.proxies(proxies);
        let result = runner.run(experiment, &proxies, record)?;
        table::lines(experiment, &result).iter().for_each(|line| println!("{line}"));
        let verdicts = goals::verdicts(experiment, &result);
        verdicts.iter().for_each(|verdict| println!("{}", verdict.line));
        let noisy = verdicts.iter().any(|verdict| verdict.too_noisy) || result.iter().any(Series::is_mostly_disturbed);
        too_noisy += usize::from(noisy);
        record.content.verdicts.extend(verdicts.into_iter().map(|verdict| verdict.line));
    }
    if too_noisy == 0 {
        return Ok(());
    }
    Err(Error::new(format!(
        "the machine is too noisy for a conclusion in {too_noisy} of the workloads: one proxy differs from itself by more \
         than 3 %, or others disturbed more than half of the rounds"
    ))
    .try_this("The figures are printed and kept, marked so. Repeat it when nothing else runs here."))
}

fn check_cores(args: &Args) -> Result<()> {
    if args.proxy_core == args.load_core {
        return Err(Error::new("the proxy needs a core of its own: --proxy-core and --load-core must differ"));
    }
    check_core(args.proxy_core).and_then(|()| check_core(args.load_core))
}

/// What takes part, in the order of the tables.
fn proxies(args: &Args) -> Result<Vec<Variant>> {
    let wanted = |kind: &Kind| args.proxy.is_empty() || args.proxy.contains(kind);
    let mut all: Vec<Variant> = Vec::new();
    for kind in Kind::ALL.into_iter().filter(wanted) {
        if kind.is_there() {
            all.push(kind.into());
        } else {
            println!("\n{}: {} is left out.", crate::lab::haproxy::INSTALL, kind.name());
        }
    }
    if let Some(binary) = &args.klamm_binary {
        let old = |kind: Kind, name: &str| Variant {
            name: name.to_owned(),
            binary: Some(binary.clone()),
            ..Variant::from(kind)
        };
        all.extend([old(Kind::Klamm, "old"), old(Kind::KlammHide, "old-hide")]);
    }
    all.extend(args.variant.iter().cloned());
    for variant in &mut all {
        if variant.kind.is_klamm() {
            variant.settings.splice(0..0, args.klamm_set.iter().cloned());
        }
        if let Some(binary) = variant.binary.as_ref().filter(|binary| !binary.is_file()) {
            return Err(Error::new(format!("{} is no klamm program: there is no such file", binary.display())));
        }
    }
    let mut names: Vec<&str> = all.iter().map(|variant| variant.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(Error::new(format!("two proxies are called {}", pair.first().copied().unwrap_or_default())));
    }
    Ok(all)
}

fn time_needed(experiments: &[Experiment], proxies: &[Variant], rounds: u32, seconds: u64) -> String {
    // Starting and stopping take about a second.
    let count: usize = experiments.iter().map(|experiment| experiment.proxies(proxies).len()).sum();
    let total = u64::try_from(count).unwrap_or(0) * u64::from(rounds) * (seconds + 1);
    let (workloads, minutes) = (experiments.len(), total.div_ceil(60));
    format!("{workloads} workloads, {rounds} rounds: about {minutes} minutes on a quiet machine")
}
