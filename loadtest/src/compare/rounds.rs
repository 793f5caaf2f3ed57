//! Rounds in which the proxies take turns.
//!
//! Owns what is thrown away: a round in which others took too much of a core is repeated, a bounded number of times.

use super::experiments::{Experiment, Quantity};
use super::record::{Record, Series};
use crate::console;
use crate::error::{Error, Result};
use crate::measure::entries::Counter;
use crate::measure::instructions;
use crate::target::Variant;
use crate::trial::{self, Round, Setting};

/// Rounds in which others took more of a core than this, in per cent, count for nothing.
const OTHERS_PERCENT_MAX: f64 = 3.0;

/// How rounds are run.
pub struct Rounds<'a> {
    /// Where and how long.
    pub setting: Setting<'a>,
    /// How many of each proxy.
    pub rounds: u32,
    /// How often a disturbed one is tried.
    pub tries: u32,
    /// What counts kernel entries.
    pub counter: Option<Counter>,
}

impl Rounds<'_> {
    /// Runs all rounds of a workload.
    pub fn run(&mut self, experiment: &Experiment, proxies: &[Variant], record: &mut Record) -> Result<Vec<Series>> {
        let mut all = Vec::new();
        for variant in proxies {
            let left_out = self.left_out(experiment, variant)?;
            all.push(Series { variant: variant.clone(), rounds: Vec::new(), thrown_away: 0, left_out });
        }
        // Instructions are exact: once is enough.
        let rounds = if experiment.quantity == Quantity::Instructions { 1 } else { self.rounds };
        let together = if experiment.quantity.is_in_turns() { all.len().max(1) } else { 1 };
        for number in 1..=rounds {
            let what = format!("{} round {number} of {rounds}", experiment.name);
            for first in (0..all.len()).step_by(together) {
                self.one(experiment, all.get_mut(first..first + together).unwrap_or_default(), &what)?;
                record.workload(experiment, &all)?;
            }
        }
        console::progress("");
        Ok(all)
    }

    /// One round of all these together, repeated while others disturb it.
    fn one(&self, experiment: &Experiment, all: &mut [Series], what: &str) -> Result<()> {
        let mut present: Vec<&mut Series> = all.iter_mut().filter(|series| series.left_out.is_none()).collect();
        let variants: Vec<Variant> = present.iter().map(|series| series.variant.clone()).collect();
        if variants.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
        let what = format!("{what}: {}", names.join(", "));
        for number in 1..=self.tries {
            let again =
                if number > 1 { format!(" (disturbed; try {number} of {})", self.tries) } else { String::new() };
            console::progress(&format!("{what}{again}"));
            let rounds = self.measure(experiment, &variants).map_err(|error| error.during(&what))?;
            let disturbed = rounds.iter().any(is_disturbed);
            if !disturbed || number == self.tries {
                for (series, mut round) in present.into_iter().zip(rounds) {
                    round.disturbed = disturbed;
                    if experiment.quantity != Quantity::Latency {
                        // Turn by turn only latencies are compared; others would make the file ten times as long.
                        round.turns.clear();
                    }
                    series.rounds.push(round);
                }
                return Ok(());
            }
            present.iter_mut().for_each(|series| series.thrown_away += 1);
        }
        Err(Error::new("no round was tried"))
    }

    fn measure(&self, experiment: &Experiment, variants: &[Variant]) -> Result<Vec<Round>> {
        let mut setting = self.setting;
        match experiment.quantity {
            Quantity::Cpu | Quantity::Latency => {}
            Quantity::Entries => setting.entries = self.counter,
            Quantity::Instructions => setting.instructions = true,
            Quantity::Streaming => setting.memory = true,
            Quantity::Idle => {
                let idle = |variant| {
                    let idle = trial::idle(variant, setting.directory, experiment.workload.connections)?;
                    Ok(Round { idle_kib: Some(idle.slope_kib()), ..Round::default() })
                };
                return variants.iter().map(idle).collect();
            }
        }
        trial::run(variants, &experiment.workload, &setting, &mut |_, _| ())
    }

    /// Why a proxy cannot take part.
    fn left_out(&self, experiment: &Experiment, variant: &Variant) -> Result<Option<String>> {
        if experiment.quantity == Quantity::Entries && self.counter.is_none() {
            return Ok(Some("neither perf nor strace works here".to_owned()));
        }
        if experiment.quantity == Quantity::Instructions {
            // What it offers is known from the same workload's CPU, and a start under callgrind takes long.
            return Ok((!instructions::is_there()).then(|| instructions::INSTALL.to_owned()));
        }
        if !variant.kind.is_klamm() || trial::is_offered(variant, &experiment.workload, &self.setting)? {
            return Ok(None);
        }
        let (key, version) = experiment.workload.work.api();
        Ok(Some(format!("it does not offer version {version} of api key {key}")))
    }
}

/// Memory, entries and instructions do not depend on who else runs.
fn is_disturbed(round: &Round) -> bool {
    [round.others_percent, round.load_others_percent].iter().flatten().any(|percent| *percent > OTHERS_PERCENT_MAX)
        && round.memory_kib.is_none()
        && round.entries.is_none()
        && round.instructions.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_on_either_core_disturb_a_round() {
        let round =
            |target, load| Round { others_percent: Some(target), load_others_percent: Some(load), ..Round::default() };
        assert!(!is_disturbed(&round(2.9, 0.0)));
        assert!(is_disturbed(&round(3.1, 0.0)));
        assert!(is_disturbed(&round(0.0, 3.1)));
        assert!(!is_disturbed(&Round { entries: Some(1), ..round(9.0, 9.0) }));
    }
}
