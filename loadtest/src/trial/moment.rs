//! What is read at one moment of a trial, and what lies between two.
//!
//! Owns the arithmetic: how much of each core others took, and what each of those who take turns did and cost.

use super::{Round, Setting};
use crate::error::Result;
use crate::load::{Done, Generator};
use crate::measure::cpu::{self, Core};
use std::time::{Duration, Instant};

/// One moment.
pub struct Moment {
    /// Of each party.
    pub done: Vec<Done>,
    own: Vec<Option<Duration>>,
    ours: Duration,
    others: Duration,
    target_core: Option<Core>,
    load_core: Option<Core>,
    at: Instant,
}

impl Moment {
    /// Now.
    pub fn now(generator: &Generator, pids: &[Option<u32>], setting: &Setting<'_>) -> Result<Self> {
        let ours = std::process::id();
        let measured: Vec<u32> = pids.iter().copied().flatten().chain([ours]).collect();
        Ok(Self {
            // First: it takes some milliseconds.
            others: cpu::of_all_but(&measured)?,
            own: pids.iter().map(|pid| pid.map(cpu::of_process).transpose()).collect::<Result<_>>()?,
            done: generator.done(),
            ours: cpu::of_process(ours)?,
            target_core: setting.target_core.map(Core::read).transpose()?,
            load_core: setting.load_core.map(Core::read).transpose()?,
            at: Instant::now(),
        })
    }

    /// A round of each party, beside what is in `round` already.
    pub fn since(&self, begin: &Self, round: &Round) -> Vec<Round> {
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
        let own: Vec<Option<Duration>> =
            self.own.iter().zip(&begin.own).map(|(now, then)| Some((*now)?.saturating_sub((*then)?))).collect();
        let others_percent = part(self.target_core, begin.target_core, own.iter().flatten().sum());
        let load_others_percent = part(self.load_core, begin.load_core, self.ours.saturating_sub(begin.ours));
        let done = self.done.iter().zip(&begin.done).map(|(now, then)| now.since(*then));
        let parties = u32::try_from(self.done.len()).unwrap_or(u32::MAX).max(1);
        let round = |(done, own): (Done, &Option<Duration>)| Round {
            done,
            seconds: (time / parties).as_secs_f64(),
            cpu_seconds: own.map(|own| own.as_secs_f64()),
            others_percent,
            load_others_percent,
            ..round.clone()
        };
        done.zip(&own).map(round).collect()
    }
}
