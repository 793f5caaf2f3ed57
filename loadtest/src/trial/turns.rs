//! A trial of latency: several targets before one synthetic broker, which take turns of some hundred milliseconds.
//!
//! Owns who is alive when: all of them all the time, for where one alone is measured after the other, a machine that
//! others disturb for a second decides between them. Who has no turn has no requests and sleeps.

use super::{Round, Setting, Workload, wait, wait_ready};
use crate::error::{Context, Result};
use crate::lab::sink::Sink;
use crate::load::{Generator, Load};
use crate::measure::windows::Windows;
use crate::target::{Target, Variant};
use std::path::Path;

/// Runs it: a round of each target, in their order. Each has the workload's rate and connections, and the setting's time.
///
/// # Errors
///
/// A target that does not start or dies; a wrong request or answer; Ctrl-C.
pub fn run(variants: &[Variant], workload: &Workload, setting: &Setting<'_>) -> Result<Vec<Round>> {
    let mut topics: Vec<String> = variants.iter().flat_map(Variant::topics).collect();
    topics.sort_unstable();
    topics.dedup();
    let sink = Sink::start(setting.load_core, workload.script(topics)?)?;
    let mut targets = Vec::new();
    for variant in variants {
        let directory = setting.directory.join(&variant.name);
        targets.push(start(variant, &directory, &sink, setting)?);
    }
    let load = Load {
        // Of many virtual clusters only the first: each target has the same number of connections.
        places: targets.iter().filter_map(|target| target.places().into_iter().next()).collect(),
        turns: true,
        connections: workload.connections * targets.len(),
        work: workload.work.clone(),
        pace: workload.pace,
        core: setting.load_core,
    };
    let measured = Generator::start(load).and_then(|generator| measure(generator, setting, targets.len()));
    // What killed a target explains the generator's failure; what the broker saw, too.
    let alive: Result<()> = targets.iter_mut().try_for_each(Target::check);
    let stopped: Result<Vec<()>> = targets.into_iter().map(Target::stop).collect();
    let seen = sink.stop();
    alive.and(seen)?;
    let windows = measured?;
    stopped?;
    Ok(windows.iter().map(|windows| Round::of_windows(windows, setting.time)).collect())
}

fn start(variant: &Variant, directory: &Path, sink: &Sink, setting: &Setting<'_>) -> Result<Target> {
    std::fs::create_dir_all(directory).doing(|| format!("cannot create {}", directory.display()))?;
    Target::start(variant, directory, sink.address(), setting.target_core)
}

fn measure(generator: Generator, setting: &Setting<'_>, targets: usize) -> Result<Vec<Windows>> {
    let targets = u32::try_from(targets).unwrap_or(u32::MAX);
    let waited = wait_ready(&generator).and_then(|()| {
        wait(setting.warm_up * targets, &generator, |_| Ok(()))?;
        generator.measure();
        wait(setting.time * targets, &generator, |_| Ok(()))
    });
    // A generator that failed explains what else did.
    let windows = generator.finish_turns()?;
    waited.map(|()| windows)
}
