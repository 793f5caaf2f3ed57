//! One trial: targets before the synthetic broker, a warm-up, and what each took.
//!
//! Owns what is read when: answers and CPU time at the same two moments.

mod moment;

use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::lab::sink::{Script, Sink};
use crate::load::idle::{self, Idle};
use crate::load::{Done, Generator, Load, Pace, Place, Work, descriptors, handshake};
use crate::measure::entries::{Counter, Counting};
use crate::measure::latency::{Latencies, Window, Windows};
use crate::measure::{instructions, memory};
use crate::target::{Target, Variant};
use crate::wire::{TOPIC, batch, produce};
use moment::Moment;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long all connections together may take to stand.
const CONNECT_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at how it goes.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is sent, and how.
#[derive(Clone, Debug, Serialize)]
pub struct Workload {
    /// What clients do.
    pub work: Work,
    /// How fast.
    pub pace: Pace,
    /// Connections.
    pub connections: usize,
    /// Bytes of a record's value that the synthetic broker gives.
    pub fetched_bytes: usize,
}

/// Where and how long.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// For configuration files and logs.
    pub directory: &'a Path,
    /// The target's core; nothing: any.
    pub target_core: Option<usize>,
    /// The core of generator and broker; nothing: any.
    pub load_core: Option<usize>,
    /// Not measured.
    pub warm_up: Duration,
    /// Measured.
    pub time: Duration,
    /// Count kernel entries, which makes CPU time useless.
    pub entries: Option<Counter>,
    /// Count user-mode instructions: the target runs under callgrind.
    pub instructions: bool,
    /// Look at the target's memory all the time.
    pub memory: bool,
}

/// The results of one trial.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Round {
    /// What was done in the measured time.
    #[serde(flatten)]
    pub done: Done,
    /// The target's share of the measured time, in seconds.
    pub seconds: f64,
    /// CPU time of the target's process, in seconds; none where there is no process.
    pub cpu_seconds: Option<f64>,
    /// How much of the target's core others took, in per cent: above 3 the round counts for nothing.
    pub others_percent: Option<f64>,
    /// The same for the core of generator and broker.
    pub load_others_percent: Option<f64>,
    /// Latencies in microseconds, from the time a request was due.
    pub p50_us: Option<u64>,
    /// The same.
    pub p99_us: Option<u64>,
    /// The same.
    pub p999_us: Option<u64>,
    /// The same of each turn by itself, where targets take turns; nothing for one with too few requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Option<Window>>,
    /// User-mode instructions of the target in the measured time.
    pub instructions: Option<u64>,
    /// Kernel entries of the target in the measured time.
    pub entries: Option<u64>,
    /// The most memory of the target's own and bytes in its pipes, less what it had without connections, in KiB.
    pub memory_kib: Option<u64>,
    /// The most bytes in its pipes, and their room, in KiB.
    pub pipes_kib: Option<(u64, u64)>,
    /// Memory for each idle connection, in KiB.
    pub idle_kib: Option<f64>,
    /// Others disturbed it, and it was the last try.
    pub disturbed: bool,
}

impl Workload {
    /// What the synthetic broker must have and expect for it.
    pub fn script(&self, topics: Vec<String>) -> Result<Script> {
        let mut script = Script { topics, fetched: (1, self.fetched_bytes), ..Script::default() };
        match self.work {
            Work::Produce { records, value_bytes, acks, .. } => {
                let template = produce::Template::new(TOPIC, 0, acks, records, value_bytes).map_err(Error::new)?;
                script.produced = Some(Arc::clone(template.tail()));
            }
            Work::Fetch { partitions, .. } => script.partitions = partitions,
            Work::Metadata => {}
        }
        Ok(script)
    }

    /// Bytes that one answer to Fetch has at least room for.
    pub fn fetch_bytes_max(value_bytes: usize) -> i32 {
        i32::try_from(value_bytes + batch::HEADER_BYTES + 64).unwrap_or(i32::MAX)
    }
}

/// Called once in a while with what was done in the measured time so far.
pub type Watch<'a> = &'a mut dyn FnMut(Duration, Done);

/// Runs it: a round of each target, in their order. All are alive at once and take turns, so that whatever disturbs the
/// machine strikes them all; who has no turn has no requests, and sleeps. Each has the workload's connections and pace, and
/// the setting's time. Kernel entries, instructions and memory are only the first one's.
pub fn run(variants: &[Variant], workload: &Workload, setting: &Setting<'_>, watch: Watch<'_>) -> Result<Vec<Round>> {
    let mut topics: Vec<String> = variants.iter().flat_map(Variant::topics).collect();
    topics.sort_unstable();
    topics.dedup();
    let sink = Sink::start(setting.load_core, workload.script(topics)?)?;
    let mut targets = Vec::new();
    for variant in variants {
        let directory = directory_of(variant, setting)?;
        targets.push(Target::start(variant, &directory, sink.address(), setting.target_core)?);
    }
    let pids: Vec<Option<u32>> = targets.iter().map(Target::pid).collect();
    let load = Load {
        places: in_turn(&targets, workload.connections),
        parties: targets.len(),
        connections: workload.connections * targets.len(),
        work: workload.work.clone(),
        pace: workload.pace,
        core: setting.load_core,
    };
    let first = pids.first().copied().flatten().filter(|_| setting.memory);
    let before = first.map(memory::of_process).transpose()?;
    let generator = Generator::start(load)?;
    let measured = measure(generator, &pids, setting, before.map(|memory| memory.private_kib), watch);
    // What killed a target explains the generator's failure; what the broker saw, too.
    let alive: Result<()> = targets.iter_mut().try_for_each(Target::check);
    let stopped: Vec<Result<()>> = targets.into_iter().map(Target::stop).collect();
    let seen = sink.stop();
    alive.and(seen)?;
    let mut rounds = measured?;
    stopped.into_iter().collect::<Result<()>>()?;
    if let (true, [variant, ..], [round, ..]) = (setting.instructions, variants, rounds.as_mut_slice()) {
        // Callgrind writes its count at the end of the process.
        round.instructions = Some(instructions::collected(&directory_of(variant, setting)?)?);
    }
    Ok(rounds)
}

/// The targets' places: the first of each, then the second, and so on, each target's places over and over.
fn in_turn(targets: &[Target], connections: usize) -> Vec<Place> {
    let places: Vec<Vec<Place>> = targets.iter().map(Target::places).collect();
    let nth = |number: usize| places.iter().filter_map(move |own| own.iter().cycle().nth(number % own.len().max(1)));
    (0..connections).flat_map(nth).cloned().collect()
}

/// A directory of its own.
fn directory_of(variant: &Variant, setting: &Setting<'_>) -> Result<PathBuf> {
    let directory = setting.directory.join(&variant.name);
    std::fs::create_dir_all(&directory).doing(|| format!("cannot create {}", directory.display()))?;
    Ok(directory)
}

/// Whether the target offers what the workload needs.
pub fn is_offered(variant: &Variant, workload: &Workload, setting: &Setting<'_>) -> Result<bool> {
    let sink = Sink::start(setting.load_core, workload.script(variant.topics())?)?;
    let target = Target::start(variant, setting.directory, sink.address(), setting.target_core)?;
    let (key, version) = workload.work.api();
    let offered =
        handshake::connect(target.node_address()).and_then(|mut stream| handshake::offers(&mut stream, key, version));
    target.stop()?;
    sink.stop()?;
    offered
}

/// Memory of the target's idle connections.
pub fn idle(variant: &Variant, directory: &Path, connections: usize) -> Result<Idle> {
    descriptors::raise(connections)?;
    let sink = Sink::start(None, Script { topics: variant.topics(), ..Script::default() })?;
    let mut target = Target::start(variant, directory, sink.address(), None)?;
    let places = target.places();
    let pid = target.pid().ok_or_else(|| Error::new("there is no process to measure"))?;
    let outcome = idle::measure(pid, connections, idle::in_turn(&places));
    target.check()?;
    target.stop()?;
    sink.stop()?;
    outcome
}

impl Round {
    /// Keeps the most that the target had.
    fn look(&mut self, pid: u32, before_kib: u64) -> Result<()> {
        let own = memory::of_process(pid)?.private_kib.saturating_sub(before_kib);
        let pipes = memory::pipes_of_process(pid);
        self.memory_kib = self.memory_kib.max(Some(own + pipes.filled / 1024));
        let most = self.pipes_kib.unwrap_or_default();
        self.pipes_kib = Some((most.0.max(pipes.filled / 1024), most.1.max(pipes.room / 1024)));
        Ok(())
    }

    fn with_windows(self, windows: &Windows) -> Self {
        Self { turns: windows.closed().to_vec(), ..self.with_latencies(windows.whole()) }
    }

    /// With its percentiles.
    #[must_use]
    pub fn with_latencies(self, latencies: &Latencies) -> Self {
        let [p50_us, p99_us, p999_us] = [0.5, 0.99, 0.999].map(|q| latencies.quantile_us(q));
        Self { p50_us, p99_us, p999_us, ..self }
    }
}

/// Warms up, measures, and ends the generator. `pids` are those who take turns; `before_kib` is the first one's memory without
/// connections.
pub fn measure(
    generator: Generator,
    pids: &[Option<u32>],
    setting: &Setting<'_>,
    before_kib: Option<u64>,
    watch: Watch<'_>,
) -> Result<Vec<Round>> {
    let measured = measure_running(&generator, pids, setting, before_kib, watch);
    // A generator that failed explains what else did.
    let latencies = generator.finish()?;
    measured.map(|rounds| rounds.into_iter().zip(&latencies).map(|(round, own)| round.with_windows(own)).collect())
}

fn measure_running(
    generator: &Generator,
    pids: &[Option<u32>],
    setting: &Setting<'_>,
    before_kib: Option<u64>,
    watch: Watch<'_>,
) -> Result<Vec<Round>> {
    let parties = u32::try_from(pids.len()).unwrap_or(u32::MAX);
    let first = pids.first().copied().flatten();
    wait_ready(generator)?;
    wait(setting.warm_up * parties, generator, |_| Ok(()))?;
    let counting = match (setting.entries, first) {
        (Some(counter), Some(pid)) => Some(Counting::start(counter, pid, setting.directory)?),
        _ => None,
    };
    let counted = first.filter(|_| setting.instructions);
    counted.map_or(Ok(()), |pid| instructions::count(pid, true))?;
    let begin = Moment::now(generator, pids, setting)?;
    // Not before: what is read above takes some milliseconds of a core.
    generator.measure();
    let mut round = Round::default();
    wait(setting.time * parties, generator, |time| {
        let done: Done = generator.done().into_iter().sum();
        watch(time, done.since(begin.done.iter().copied().sum()));
        first.filter(|_| setting.memory).map_or(Ok(()), |pid| round.look(pid, before_kib.unwrap_or(0)))
    })?;
    counted.map_or(Ok(()), |pid| instructions::count(pid, false))?;
    let end = Moment::now(generator, pids, setting)?;
    round.entries = counting.map(Counting::stop).transpose()?;
    Ok(end.since(&begin, &round))
}

fn wait_ready(generator: &Generator) -> Result<()> {
    let begin = Instant::now();
    while !generator.is_ready() && !generator.is_finished() {
        if begin.elapsed() > CONNECT_PATIENCE {
            let seconds = CONNECT_PATIENCE.as_secs();
            return Err(Error::new(format!("the connections do not stand after {seconds} s")));
        }
        interrupt::pause(Duration::from_millis(5))?;
    }
    Ok(())
}

fn wait(time: Duration, generator: &Generator, mut look: impl FnMut(Duration) -> Result<()>) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < time && !generator.is_finished() {
        interrupt::pause(LOOK_EVERY.min(time.saturating_sub(begin.elapsed())))?;
        look(begin.elapsed())?;
    }
    Ok(())
}
