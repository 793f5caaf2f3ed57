//! One round: a target before the synthetic broker, a warm-up, and what it took.
//!
//! Owns what is read when: answers and CPU time at the same two moments.

use super::generator::{Generator, Load};
use super::workload::Workload;
use crate::error::{Error, Result};
use crate::lab::sink::Sink;
use crate::measure::cpu;
use crate::target::{Kind, Target};
use crate::{interrupt, wire};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one round showed.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Round {
    /// Requests answered in the measured time.
    pub requests: u64,
    /// The measured time, in seconds.
    pub seconds: f64,
    /// CPU time of the target's process, in seconds; none where there is no process.
    pub cpu_seconds: Option<f64>,
    /// How much of the target's core others took, in per cent: above 3 the round says little.
    pub others_percent: f64,
    /// Latency in microseconds, as the closed loop sees it.
    pub p50_us: Option<u64>,
    /// The same.
    pub p99_us: Option<u64>,
}

/// Where and how long.
pub struct Setting<'a> {
    /// For configuration files and logs.
    pub directory: &'a Path,
    /// The target's core.
    pub target_core: usize,
    /// The core of generator and broker.
    pub load_core: usize,
    /// Not measured.
    pub warm_up: Duration,
    /// Measured.
    pub time: Duration,
}

/// Runs it.
///
/// # Errors
///
/// A target that does not start or dies; a wrong request or answer; Ctrl-C.
pub fn run(kind: Kind, workload: &Workload, setting: &Setting<'_>) -> Result<Round> {
    let request: Arc<[u8]> = wire::produce_request(workload.value_bytes).map_err(Error::new)?.into();
    let sink = Sink::start(Some(setting.load_core), Arc::clone(&request))?;
    let mut target = Target::start(kind, setting.directory, sink.address(), Some(setting.target_core))?;
    let generator = Generator::start(Load {
        address: target.node_address(),
        connections: workload.connections,
        pipeline: workload.pipeline,
        request,
        answer: wire::produce_answer().map_err(Error::new)?.into(),
        core: Some(setting.load_core),
    })?;
    let measured = measure(&generator, &target, setting);
    let latencies = generator.finish();
    // What killed the target explains the generator's failure; what the broker saw, too.
    let alive = target.check();
    let stopped = target.stop();
    sink.stop()?;
    alive?;
    let latencies = latencies?;
    stopped?;
    let mut round = measured?;
    round.p50_us = latencies.quantile_us(0.5);
    round.p99_us = latencies.quantile_us(0.99);
    Ok(round)
}

fn measure(generator: &Generator, target: &Target, setting: &Setting<'_>) -> Result<Round> {
    wait(setting.warm_up, generator)?;
    let read = || -> Result<(u64, Option<Duration>, Duration, Instant)> {
        let own = target.pid().map(cpu::of_process).transpose()?;
        Ok((generator.answered(), own, cpu::busy_of_core(setting.target_core)?, Instant::now()))
    };
    generator.measure();
    let (answered, own, busy, begin) = read()?;
    wait(setting.time, generator)?;
    let (answered_after, own_after, busy_after, end) = read()?;
    let time = end.duration_since(begin);
    let own = own.zip(own_after).map(|(before, after)| after.saturating_sub(before));
    let others = busy_after.saturating_sub(busy).saturating_sub(own.unwrap_or_default());
    Ok(Round {
        requests: answered_after - answered,
        seconds: time.as_secs_f64(),
        cpu_seconds: own.map(|own| own.as_secs_f64()),
        others_percent: 100.0 * others.as_secs_f64() / time.as_secs_f64(),
        p50_us: None,
        p99_us: None,
    })
}

fn wait(time: Duration, generator: &Generator) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < time && !generator.is_finished() {
        interrupt::pause(Duration::from_millis(20).min(time.saturating_sub(begin.elapsed())))?;
    }
    Ok(())
}
