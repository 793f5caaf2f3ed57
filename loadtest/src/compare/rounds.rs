//! Rounds in which the proxies take turns.
//!
//! Owns what is thrown away: a round in which others took too much of a core is repeated, a bounded number of times.

use super::experiments::{Experiment, Quantity};
use super::found::Found;
use super::record::{Record, SameTwice, Series};
use super::table;
use crate::console;
use crate::error::{Error, Result};
use crate::measure::entries::Counter;
use crate::measure::instructions;
use crate::target::{Kind, Variant};
use crate::trial::{self, Round, Setting, idle};

/// Rounds in which others took more of a core than this, in per cent, say little.
const OTHERS_PERCENT_MAX: f64 = 3.0;
/// How far the same proxy may differ from itself.
pub const SAME_DIFFERS_MAX: f64 = 0.03;

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
    /// Runs the first proxy as if it were two, and says whether the machine is quiet enough.
    ///
    /// # Errors
    ///
    /// As [`Rounds::run`].
    pub fn same_twice(&mut self, all: &[Experiment], proxies: &[Variant], record: &mut Record) -> Result<bool> {
        let proxy = proxies.iter().find(|variant| variant.kind != Kind::Direct);
        let cpu = all.iter().find(|experiment| experiment.quantity == Quantity::Cpu);
        let (Some(proxy), Some(experiment)) = (proxy, cpu) else { return Ok(true) };
        let again = Variant { name: format!("{} again", proxy.name), ..proxy.clone() };
        let series = self.series(experiment, &[proxy.clone(), again], &mut |_| Ok(()))?;
        let found = match series.as_slice() {
            [one, other] => Found::ratios(other, one, |series| table::values(experiment, series)),
            _ => Found::default(),
        };
        let ratio = found.range();
        let quiet = ratio.is_some_and(|ratio| (ratio.median - 1.0).abs() <= SAME_DIFFERS_MAX) && found.is_enough();
        let found = ratio.map_or("nothing".to_owned(), |ratio| {
            format!("{:.3} (rounds {:.3} to {:.3})", ratio.median, ratio.min, ratio.max)
        });
        let says = if quiet { "quiet enough" } else { "TOO NOISY: figures below are marked and conclude nothing" };
        println!("{} twice ({}): CPU of one to the other {found}: {says}", proxy.name, experiment.name);
        record.same_twice(SameTwice { series, ratio, quiet })?;
        Ok(quiet)
    }

    /// Runs all rounds of a workload.
    ///
    /// # Errors
    ///
    /// A target that does not start or dies, a wrong answer, Ctrl-C.
    pub fn run(&mut self, experiment: &Experiment, proxies: &[Variant], record: &mut Record) -> Result<Vec<Series>> {
        self.series(experiment, proxies, &mut |series| record.workload(experiment, series))
    }

    fn series(
        &mut self,
        experiment: &Experiment,
        proxies: &[Variant],
        save: &mut dyn FnMut(&[Series]) -> Result<()>,
    ) -> Result<Vec<Series>> {
        let mut all = Vec::new();
        for variant in proxies {
            let left_out = self.left_out(experiment, variant)?;
            all.push(Series { variant: variant.clone(), rounds: Vec::new(), thrown_away: 0, left_out });
        }
        // Instructions are exact: once is enough.
        let rounds = if experiment.quantity == Quantity::Instructions { 1 } else { self.rounds };
        for number in 1..=rounds {
            if experiment.quantity == Quantity::Latency {
                let what = format!("{} round {number} of {rounds}", experiment.name);
                self.in_turns(experiment, &mut all, &what).map_err(|error| error.during(&what))?;
                save(&all)?;
                continue;
            }
            for at in 0..all.len() {
                let Some(series) = all.get_mut(at).filter(|series| series.left_out.is_none()) else { continue };
                let what = format!("{} round {number} of {}: {}", experiment.name, rounds, series.variant.name);
                self.one(experiment, series, &what).map_err(|error| error.during(&what))?;
                save(&all)?;
            }
        }
        console::progress("");
        Ok(all)
    }

    /// A round of all of them, which take turns.
    fn in_turns(&self, experiment: &Experiment, all: &mut [Series], what: &str) -> Result<()> {
        console::progress(what);
        let mut present: Vec<&mut Series> = all.iter_mut().filter(|series| series.left_out.is_none()).collect();
        let variants: Vec<Variant> = present.iter().map(|series| series.variant.clone()).collect();
        let rounds = trial::turns::run(&variants, &experiment.workload, &self.setting)?;
        present.iter_mut().zip(rounds).for_each(|(series, round)| series.rounds.push(round));
        Ok(())
    }

    /// One round, repeated while others disturb it.
    fn one(&self, experiment: &Experiment, series: &mut Series, what: &str) -> Result<()> {
        for number in 1..=self.tries {
            let again =
                if number > 1 { format!(" (disturbed; try {number} of {})", self.tries) } else { String::new() };
            console::progress(&format!("{what}{again}"));
            let mut round = self.measure(experiment, &series.variant)?;
            round.disturbed = is_disturbed(&round);
            if !round.disturbed || number == self.tries {
                series.rounds.push(round);
                return Ok(());
            }
            series.thrown_away += 1;
        }
        Err(Error::new("no round was tried"))
    }

    fn measure(&self, experiment: &Experiment, variant: &Variant) -> Result<Round> {
        let mut setting = self.setting;
        match experiment.quantity {
            Quantity::Cpu | Quantity::Latency => {}
            Quantity::Entries => setting.entries = self.counter,
            Quantity::Instructions => setting.instructions = true,
            Quantity::Streaming => setting.memory = true,
            Quantity::Idle => {
                let idle = idle::measure(variant, setting.directory, experiment.workload.connections)?;
                return Ok(Round { idle_kib: Some(idle.slope_kib()), ..Round::default() });
            }
        }
        trial::run(variant, &experiment.workload, &setting, &mut |_, _| ())
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
