//! One trial: a target before the synthetic broker, a warm-up, and what it took.
//!
//! Owns what is read when: answers and CPU time at the same two moments.

pub mod idle;
pub mod turns;

use crate::error::{Error, Result};
use crate::interrupt;
use crate::lab::sink::{Script, Sink};
use crate::load::{Done, Generator, Load, Pace, Work, handshake, measured_in_turns};
use crate::measure::cpu::{self, Core};
use crate::measure::entries::{Counter, Counting};
use crate::measure::latency::Latencies;
use crate::measure::windows::{Window, Windows};
use crate::measure::{instructions, memory, pipes};
use crate::target::{Target, Variant};
use crate::wire::{TOPIC, batch, produce};
use serde::Serialize;
use std::path::Path;
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

/// What one trial showed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Round {
    /// What was done in the measured time.
    #[serde(flatten)]
    pub done: Done,
    /// The measured time, in seconds.
    pub seconds: f64,
    /// CPU time of the target's process, in seconds; none where there is no process.
    pub cpu_seconds: Option<f64>,
    /// How much of the target's core others took, in per cent: above 3 the round says little.
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
    ///
    /// # Errors
    ///
    /// A request that cannot be made.
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

/// Who is told, once in a while, what was done in the measured time so far.
pub type Watch<'a> = &'a mut dyn FnMut(Duration, Done);

/// Runs it.
///
/// # Errors
///
/// A target that does not start or dies; a wrong request or answer; Ctrl-C.
pub fn run(variant: &Variant, workload: &Workload, setting: &Setting<'_>, watch: Watch<'_>) -> Result<Round> {
    let sink = Sink::start(setting.load_core, workload.script(variant.topics())?)?;
    let mut target = Target::start(variant, setting.directory, sink.address(), setting.target_core)?;
    let load = Load {
        places: target.places(),
        turns: false,
        connections: workload.connections,
        work: workload.work.clone(),
        pace: workload.pace,
        core: setting.load_core,
    };
    let before = if setting.memory { target.pid().map(memory::of_process).transpose()? } else { None };
    let generator = Generator::start(load)?;
    let before_kib = before.map(|memory| memory.private_kib);
    let measured = measure(generator, target.pid(), setting, before_kib, watch);
    // What killed the target explains the generator's failure; what the broker saw, too.
    let alive = target.check();
    let stopped = target.stop();
    let seen = sink.stop();
    alive.and(seen)?;
    let mut round = measured?;
    stopped?;
    // Callgrind tells what it counted at the end of the process.
    round.instructions = setting.instructions.then(|| instructions::collected(setting.directory)).transpose()?;
    Ok(round)
}

/// Whether the target offers what the workload needs.
///
/// # Errors
///
/// A target that does not start, or no answer.
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

impl Round {
    /// Keeps the most that the target had.
    fn look(&mut self, pid: u32, before_kib: u64) -> Result<()> {
        let own = memory::of_process(pid)?.private_kib.saturating_sub(before_kib);
        let pipes = pipes::of_process(pid);
        self.memory_kib = self.memory_kib.max(Some(own + pipes.filled / 1024));
        let most = self.pipes_kib.unwrap_or_default();
        self.pipes_kib = Some((most.0.max(pipes.filled / 1024), most.1.max(pipes.room / 1024)));
        Ok(())
    }

    /// Of a target that had its turns in so much time.
    fn of_windows(windows: &Windows, time: Duration) -> Self {
        let done = Done { requests: windows.whole().count(), bytes: 0 };
        let seconds = measured_in_turns(time).as_secs_f64();
        let round = Self { done, seconds, turns: windows.closed().to_vec(), ..Self::default() };
        round.with_latencies(windows.whole())
    }

    /// With its percentiles.
    #[must_use]
    pub fn with_latencies(self, latencies: &Latencies) -> Self {
        let [p50_us, p99_us, p999_us] = [0.5, 0.99, 0.999].map(|q| latencies.quantile_us(q));
        Self { p50_us, p99_us, p999_us, ..self }
    }
}

/// Warms up, measures, and ends the generator. `before_kib` is the target's memory without connections.
///
/// # Errors
///
/// The generator's, or a target that is gone.
pub fn measure(
    generator: Generator,
    pid: Option<u32>,
    setting: &Setting<'_>,
    before_kib: Option<u64>,
    watch: Watch<'_>,
) -> Result<Round> {
    let measured = measure_running(&generator, pid, setting, before_kib, watch);
    // A generator that failed explains what else did.
    let latencies = generator.finish()?;
    measured.map(|round| round.with_latencies(&latencies))
}

fn measure_running(
    generator: &Generator,
    pid: Option<u32>,
    setting: &Setting<'_>,
    before_kib: Option<u64>,
    watch: Watch<'_>,
) -> Result<Round> {
    wait_ready(generator)?;
    wait(setting.warm_up, generator, |_| Ok(()))?;
    let counting = match (setting.entries, pid) {
        (Some(counter), Some(pid)) => Some(Counting::start(counter, pid, setting.directory)?),
        _ => None,
    };
    let counted = pid.filter(|_| setting.instructions);
    counted.map_or(Ok(()), |pid| instructions::count(pid, true))?;
    let begin = Moment::now(generator, pid, setting)?;
    // Not before: what is read above takes some milliseconds of a core.
    generator.measure();
    let mut round = Round::default();
    wait(setting.time, generator, |time| {
        let done = generator.done();
        watch(time, Done { requests: done.requests - begin.done.requests, bytes: done.bytes - begin.done.bytes });
        pid.filter(|_| setting.memory).map_or(Ok(()), |pid| round.look(pid, before_kib.unwrap_or(0)))
    })?;
    counted.map_or(Ok(()), |pid| instructions::count(pid, false))?;
    let end = Moment::now(generator, pid, setting)?;
    round.entries = counting.map(Counting::stop).transpose()?;
    end.since(&begin, &mut round);
    Ok(round)
}

/// What is read at one moment.
struct Moment {
    done: Done,
    own: Option<Duration>,
    ours: Duration,
    others: Duration,
    target_core: Option<Core>,
    load_core: Option<Core>,
    at: Instant,
}

impl Moment {
    fn now(generator: &Generator, pid: Option<u32>, setting: &Setting<'_>) -> Result<Self> {
        let ours = std::process::id();
        Ok(Self {
            // First: it takes some milliseconds.
            others: cpu::of_all_but(&[pid.unwrap_or(ours), ours])?,
            own: pid.map(cpu::of_process).transpose()?,
            done: generator.done(),
            ours: cpu::of_process(ours)?,
            target_core: setting.target_core.map(Core::read).transpose()?,
            load_core: setting.load_core.map(Core::read).transpose()?,
            at: Instant::now(),
        })
    }

    fn since(&self, begin: &Self, round: &mut Round) {
        let time = self.at.duration_since(begin.at);
        // No more than all other processes had, wherever they were, and no more than the core had to give: of that, interrupts
        // and the ways into and out of idleness take several percent, where it is woken thousands of times a second.
        let part = |now: Option<Core>, then: Option<Core>, own: Duration| {
            let (now, then) = (now?, then?);
            let busy = time.saturating_sub(now.idle.saturating_sub(then.idle)).saturating_sub(own);
            let stolen = now.stolen.saturating_sub(then.stolen);
            let others = busy.min(self.others.saturating_sub(begin.others) + stolen);
            Some(100.0 * others.as_secs_f64() / time.as_secs_f64())
        };
        let own = self.own.zip(begin.own).map(|(now, then)| now.saturating_sub(then));
        round.done.requests = self.done.requests - begin.done.requests;
        round.done.bytes = self.done.bytes - begin.done.bytes;
        round.seconds = time.as_secs_f64();
        round.cpu_seconds = own.map(|own| own.as_secs_f64());
        round.others_percent = part(self.target_core, begin.target_core, own.unwrap_or_default());
        round.load_others_percent = part(self.load_core, begin.load_core, self.ours.saturating_sub(begin.ours));
    }
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
