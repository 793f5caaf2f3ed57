//! One load on one target: what `loadtest run` does.
//!
//! Owns the options and what is printed. The target is started here before a synthetic broker, or is anybody's Kafka or
//! gateway.

mod plan;
mod report;

use crate::child::check_core;
use crate::console::{self, headline};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::lab::sink::{Script, Sink};
use crate::load::Done;
use crate::load::handshake_storm::HandshakeStorm;
use crate::load::idle;
use crate::load::{Generator, Load, Place, descriptors, discover};
use crate::measure::machine::Machine;
use crate::measure::{cpu, memory};
use crate::ports::host_port;
use crate::target::{Kind, Target, Variant, setting};
use crate::trial::{self, Round, Setting, Workload};
use plan::{Acks, Shape};
use report::Report;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Load a target that is started here, or any Kafka or gateway.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Without --bootstrap a synthetic broker that answers at once is started, and --target before it. With
--bootstrap the load goes to that Kafka or gateway; its CPU is measured when --pid names it. The
topic is created by its first mention, where the cluster allows that; what is produced stays.

Without --rate the loop is closed: on each connection --pipeline requests are in flight, as fast as
answers come. With --rate it is open: requests are due evenly spaced, whatever comes back, and
latency counts from the time at which a request was due. Every answer is checked: correlation id,
error codes, names, offsets, and the CRC of every batch that is fetched. A percentile q is printed
from 10 / (1 - q) samples on.

Examples:
  loadtest run                                      Produce 1 KiB through Klamm with a namespace
  loadtest run --target haproxy --rate 10000        the same through HAProxy, at a fixed rate
  loadtest run --load fetch --record-bytes 1MiB --fetch-version 17 --target direct
  loadtest run --load produce --acks all --idempotent --pipeline 5 --bootstrap kafka1:9092
  loadtest run --load idle --connections 5000       memory of idle connections
  loadtest run --load storm --connections 16        connections that come and go"
)]
pub struct Args {
    /// What is started before the synthetic broker: direct (nothing), haproxy, haproxy-splice, klamm, klamm-hide.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "klamm-hide",
        conflicts_with = "bootstrap",
        hide_possible_values = true
    )]
    target: Kind,
    /// A setting of the Klamm that is started: shards=N or limits.KEY=VALUE. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting, conflicts_with = "bootstrap")]
    klamm_set: Vec<(String, String)>,
    /// The klamm program to start instead of this one's own.
    #[arg(long, value_name = "PATH", conflicts_with = "bootstrap")]
    klamm_binary: Option<PathBuf>,
    /// Virtual clusters of the Klamm that is started; the connections are spread over them.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    virtual_clusters: u32,
    /// A Kafka or a gateway that is there already (plain, no SASL).
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', value_parser = host_port)]
    bootstrap: Vec<String>,
    /// The process whose CPU and memory are measured, with --bootstrap.
    #[arg(long, value_name = "PID", requires = "bootstrap")]
    pid: Option<u32>,
    /// The topic, with --bootstrap.
    #[arg(long, value_name = "NAME", default_value = "klamm-loadtest", requires = "bootstrap")]
    topic: String,
    /// What clients do: produce, fetch, metadata, idle, storm.
    #[arg(long, value_name = "KIND", default_value = "produce", hide_possible_values = true)]
    load: Shape,
    /// Acknowledgement of Produce: 0, 1 or all.
    #[arg(long, value_name = "ACKS", default_value = "1", hide_possible_values = true)]
    acks: Acks,
    /// Produce with a producer id and sequence numbers (needs --acks all).
    #[arg(long)]
    idempotent: bool,
    /// Bytes of a record's value, as in 1024, 64KiB, 1MiB; for fetch, of what the synthetic broker gives.
    #[arg(long, value_name = "SIZE", default_value = "1KiB", value_parser = plan::size)]
    record_bytes: usize,
    /// Records of a batch.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_records: u32,
    /// Version of Fetch: 12 (the last that names topics) to 17 (by id).
    #[arg(long, value_name = "V", default_value_t = 12, value_parser = clap::value_parser!(i16).range(12..=17))]
    fetch_version: i16,
    /// Fetch within a session.
    #[arg(long)]
    fetch_session: bool,
    /// Partitions of a Fetch request, with the synthetic broker.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=1000))]
    fetch_partitions: i32,
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::load::CONNECTIONS_MAX)))]
    connections: u32,
    /// Requests in flight on each connection; without it 1 in a closed loop and at most 5 in an open one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pipeline: Option<u32>,
    /// Requests a second over all connections; without it as many as can be.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rate: Option<u32>,
    /// Measured seconds.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Seconds before, which are not measured.
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,
    /// The only core of the target that is started here.
    #[arg(long, value_name = "CORE", conflicts_with = "bootstrap")]
    target_core: Option<usize>,
    /// The only core of generator and synthetic broker.
    #[arg(long, value_name = "CORE")]
    load_core: Option<usize>,
    /// A file for the results, as JSON; without it they are only printed.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    interrupt::install()?;
    let workload = plan::workload(args)?;
    let about = plan::about(&workload, args);
    for core in [args.target_core, args.load_core].into_iter().flatten() {
        check_core(core)?;
    }
    descriptors::raise(args.connections as usize)?;
    headline(&format!("{about}\n{}", Machine::here().line()));
    let mut report = Report::begin(args.json.clone(), about)?;
    let outcome = match args.load {
        Shape::Storm => storm(args),
        Shape::Idle => idle_connections(args),
        Shape::Produce | Shape::Fetch | Shape::Metadata => steady(args, &workload, &mut report),
    };
    console::progress("");
    let outcome = outcome.map(|round| report.round(round));
    let written = report.finish(outcome.as_ref().err().map(Error::what));
    outcome.and(written)
}

fn variant(args: &Args) -> Result<Variant> {
    if !args.target.is_there() {
        return Err(Error::new(crate::lab::haproxy::INSTALL));
    }
    let virtual_clusters = args.virtual_clusters as usize;
    if virtual_clusters > 1 && args.target != Kind::KlammHide {
        return Err(Error::new("only --target klamm-hide has more than one virtual cluster"));
    }
    let (settings, binary) = (args.klamm_set.clone(), args.klamm_binary.clone());
    Ok(Variant { settings, binary, virtual_clusters, ..Variant::from(args.target) })
}

/// Produce, Fetch or Metadata, in a steady stream.
fn steady(args: &Args, workload: &Workload, report: &mut Report) -> Result<Round> {
    let directory = tempfile::tempdir().doing("cannot create a temporary directory")?;
    let setting = Setting {
        directory: directory.path(),
        target_core: args.target_core,
        load_core: args.load_core,
        warm_up: Duration::from_secs(args.warm_up),
        time: Duration::from_secs(args.seconds),
        entries: None,
        instructions: false,
        memory: true,
    };
    let mut watch = |time, done| report.sample(time, done);
    if args.bootstrap.is_empty() {
        return only(trial::run(&[variant(args)?], workload, &setting, &mut watch)?);
    }
    let before = args.pid.map(memory::of_process).transpose()?;
    let load = Load {
        places: discover::places(&args.bootstrap, &args.topic)?,
        parties: 1,
        connections: workload.connections,
        work: workload.work.clone(),
        pace: workload.pace,
        core: args.load_core,
    };
    let generator = Generator::start(load)?;
    only(trial::measure(generator, &[args.pid], &setting, before.map(|memory| memory.private_kib), &mut watch)?)
}

fn only(rounds: Vec<Round>) -> Result<Round> {
    rounds.into_iter().next().ok_or_else(|| Error::new("nothing was measured"))
}

/// Works with where a storm or idle connections go to, and its process: started here, or there already.
fn with_places<T>(args: &Args, work: impl FnOnce(&[Place], Option<u32>) -> Result<T>) -> Result<T> {
    if !args.bootstrap.is_empty() {
        return work(&discover::places(&args.bootstrap, &args.topic)?, args.pid);
    }
    let variant = variant(args)?;
    let directory = tempfile::tempdir().doing("cannot create a temporary directory")?;
    let sink = Sink::start(args.load_core, Script { topics: variant.topics(), ..Script::default() })?;
    let mut target = Target::start(&variant, directory.path(), sink.address(), args.target_core)?;
    let outcome = work(&target.places(), target.pid());
    target.check()?;
    target.stop()?;
    sink.stop()?;
    outcome
}

fn storm(args: &Args) -> Result<Round> {
    with_places(args, |places, pid| {
        let (clients, time) = (args.connections as usize, Duration::from_secs(args.seconds));
        let storm = HandshakeStorm { clients, rate: args.rate, time, core: args.load_core };
        let before = pid.map(cpu::of_process).transpose()?;
        let (latencies, time) = storm.run(|| {
            let connect = idle::in_turn(places);
            Ok(move |number| connect(number).map(drop))
        })?;
        let own = pid.map(cpu::of_process).transpose()?;
        let cpu_seconds = own.zip(before).map(|(now, then)| now.saturating_sub(then).as_secs_f64());
        let done = Done { requests: latencies.count(), bytes: 0 };
        let round = Round { done, seconds: time.as_secs_f64(), cpu_seconds, ..Round::default() };
        Ok(round.with_latencies(&latencies))
    })
}

#[expect(clippy::cast_precision_loss, reason = "KiB and counts far below 2^52")]
fn idle_connections(args: &Args) -> Result<Round> {
    with_places(args, |places, pid| {
        let begin = Instant::now();
        let kib = || pid.map(memory::of_process).transpose().map(|memory| memory.map(|memory| memory.private_kib));
        let before = kib()?;
        let clients = idle::connect_all(0..args.connections as usize, idle::in_turn(places))?;
        interrupt::pause(Duration::from_secs(args.seconds))?;
        let grown = kib()?.zip(before).map(|(now, then)| now as f64 - then as f64);
        let idle_kib = grown.map(|grown| grown / clients.len() as f64);
        Ok(Round { seconds: begin.elapsed().as_secs_f64(), idle_kib, ..Round::default() })
    })
}
