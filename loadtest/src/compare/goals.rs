//! The figures to reach, and whether they are.
//!
//! Owns the goals, and what a conclusion needs: a proxy that does not differ from itself, and quiet rounds for half of those
//! that were wanted. What was measured without is printed, and concludes nothing. A percentile varies far more than CPU:
//! its median must lie on one side of the goal beyond doubt.

use super::experiments::{AGAIN, Experiment, Id, Quantity};
use super::record::Series;
use super::results::Results;
use super::table::{of_kind, values};
use crate::measure::latency::Window;
use crate::target::Kind;

/// How far the same proxy may differ from itself.
const SAME_DIFFERS_MAX: f64 = 0.03;

/// At most so much, against something or as it is.
struct Goal {
    id: Id,
    what: &'static str,
    /// Whose figure, and against whom.
    sides: String,
    unit: &'static str,
    at_most: f64,
    results: Results,
    /// What a proxy that takes part twice differs by from itself; `None` where that cannot be.
    same_twice: Option<Results>,
}

/// What follows for a goal.
pub struct Verdict {
    /// To be printed.
    pub line: String,
    /// Nothing, because of others on this machine.
    pub too_noisy: bool,
}

/// What follows for each goal of a workload.
pub fn verdicts(experiment: &Experiment, all: &[Series]) -> Vec<Verdict> {
    let own = Kind::KlammHide;
    if of_kind(all, own).is_some_and(|series| series.left_out.is_some()) {
        let figure = |id| format!("  {id:?} {}: NO FIGURE, because {} is left out", experiment.name, own.name());
        return experiment.ids.iter().map(|id| Verdict { line: figure(id), too_noisy: false }).collect();
    }
    experiment
        .ids
        .iter()
        .flat_map(|id| goals(*id, experiment, all))
        .filter_map(|goal| goal.verdict(experiment))
        .collect()
}

impl Goal {
    fn verdict(&self, experiment: &Experiment) -> Option<Verdict> {
        let range = self.results.range()?;
        let twice = self.same_twice.as_ref().and_then(|twice| Some((twice.range()?.median, twice.median_between())));
        let quiet = match (twice, experiment.quantity) {
            // What does not depend on who else runs.
            (None, _) => true,
            // A percentile varies far more than CPU: the two differ where that is more than chance.
            (Some((_, Some((low, high)))), Quantity::Latency) => {
                low <= 1.0 + SAME_DIFFERS_MAX && high >= 1.0 - SAME_DIFFERS_MAX
            }
            // Too few rounds: the verdict on the figure itself is undecided.
            (Some(_), Quantity::Latency) => true,
            (Some((median, _)), _) => (median - 1.0).abs() <= SAME_DIFFERS_MAX,
        };
        let too_noisy = !quiet || !self.results.is_enough();
        let (low, high) = match self.id {
            Id::P7 => self.results.median_between().unwrap_or((range.min, f64::INFINITY)),
            _ => (range.median, range.median),
        };
        let reached = match self.at_most {
            _ if too_noisy => "TOO NOISY",
            at_most if high <= at_most => "reached",
            at_most if low > at_most => "MISSED",
            _ => "UNDECIDED, take more --rounds",
        };
        let between = if low < high { format!("; median {low:.2} to {high:.2}") } else { String::new() };
        let twice = twice.map_or(String::new(), |(median, _)| format!(" (the same twice {median:.2}x)"));
        let line = format!(
            "  {:?} {} {}: {} {:.2}{} ({:.2}..{:.2}{between}){twice}, goal at most {:.2}: {reached}",
            self.id,
            experiment.name,
            self.what,
            self.sides,
            range.median,
            self.unit,
            range.min,
            range.max,
            self.at_most
        );
        Some(Verdict { line, too_noisy })
    }
}

fn goals(id: Id, experiment: &Experiment, all: &[Series]) -> Vec<Goal> {
    let what = what(experiment.quantity);
    let cpu = |own: &Series, to: &Series| Results::ratios(own, to, |series| values(experiment, series));
    let ratio = |to, at_most| against(id, what, all, (Kind::KlammHide.name(), Kind::name(to)), at_most, cpu);
    let latency = |what, pick: fn(&Window) -> u64| {
        let sides = (Kind::KlammHide.name(), Kind::Haproxy.name());
        against(id, what, all, sides, 1.1, |own, to| Results::ratios_in_turns(own, to, pick))
    };
    let absolute = |unit, at_most| {
        let own = of_kind(all, Kind::KlammHide);
        let results = own.map_or_else(Results::default, |own| Results::of(own, |series| values(experiment, series)));
        let sides = Kind::KlammHide.name().to_owned();
        Goal { id, what, sides, unit, at_most, results, same_twice: None }
    };
    match id {
        Id::P1 => {
            let copying = if experiment.name.ends_with("-64k") { 0.8 } else { 0.6 };
            vec![ratio(Kind::Haproxy, copying), ratio(Kind::HaproxySplice, 1.0)]
        }
        Id::P2 => vec![ratio(Kind::Haproxy, 1.15)],
        Id::P3 => vec![ratio(Kind::Haproxy, 1.0)],
        Id::P5 => vec![ratio(Kind::Klamm, 1.15)],
        Id::P6 => vec![ratio(Kind::Klamm, 1.5)],
        Id::P7 => vec![latency("p50", |turn| turn.p50_us), latency("p99", |turn| turn.p99_us)],
        Id::P8 => vec![absolute(" a request", 4.5)],
        Id::P9 => vec![absolute(" KiB", 6.0)],
        Id::P10 => vec![absolute(" KiB", 512.0)],
        Id::P13 => match all {
            [one, other, ..] => {
                let sides = (other.variant.name.as_str(), one.variant.name.as_str());
                vec![against(id, what, all, sides, 1.05, cpu)]
            }
            _ => Vec::new(),
        },
    }
}

/// One series against another, by their names.
fn against(
    id: Id,
    what: &'static str,
    all: &[Series],
    (own, to): (&str, &str),
    at_most: f64,
    between: impl Fn(&Series, &Series) -> Results,
) -> Goal {
    let named = |name: &str| all.iter().find(|series| series.variant.name == name);
    let results = named(own).zip(named(to)).map_or_else(Results::default, |(own, to)| between(own, to));
    // What the proxy that takes part twice differs by from itself.
    let again = all.iter().find_map(|series| Some((series, named(series.variant.name.strip_suffix(AGAIN)?)?)));
    let same_twice = again.map(|(again, one)| between(again, one));
    Goal { id, what, sides: format!("{own} / {to}"), unit: "x", at_most, results, same_twice }
}

fn what(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Cpu => "CPU",
        Quantity::Latency => "p99",
        Quantity::Entries => "kernel entries",
        Quantity::Instructions => "instructions",
        Quantity::Idle => "a connection",
        Quantity::Streaming => "memory and pipes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::experiments::{Wanted, chosen};
    use crate::compare::table::tests::series;
    use crate::trial::Round;

    #[test]
    fn a_goal_is_reached_missed_or_undecided() {
        let experiment = &chosen(&[Wanted::Figure(Id::P2)])[0];
        let all = |cpu| [series(Kind::Haproxy, Some(2.0)), series(Kind::KlammHide, Some(cpu))];
        let verdict = |cpu, twice: f64| {
            let mut again = series(Kind::Haproxy, Some(2.0 * twice));
            again.variant.name += AGAIN;
            verdicts(experiment, &[&all(cpu)[..], &[again]].concat()).remove(0).line
        };
        assert!(
            verdict(2.2, 0.98).ends_with("1.10x (1.10..1.10) (the same twice 0.98x), goal at most 1.15: reached"),
            "{}",
            verdict(2.2, 0.98)
        );
        assert!(verdict(2.4, 1.0).ends_with("MISSED"));
        assert!(verdict(2.2, 1.04).ends_with("TOO NOISY"));
        let mut disturbed = all(2.2);
        disturbed[0].rounds[0].disturbed = true;
        disturbed[0].rounds[0].cpu_seconds = Some(9.0);
        assert!(verdicts(experiment, &disturbed)[0].line.ends_with("1.10x (1.10..1.10), goal at most 1.15: reached"));
        disturbed[1].rounds[1].disturbed = true;
        let one_of_three = verdicts(experiment, &disturbed).remove(0);
        assert!(one_of_three.line.ends_with("TOO NOISY") && one_of_three.too_noisy);
    }

    #[test]
    fn a_percentile_is_judged_only_beyond_doubt() {
        let experiment = &chosen(&[Wanted::Figure(Id::P7)])[0];
        // Three turns in each round, of which one is empty and one is far off.
        let turn = |us: u64| Some(Window { p50_us: us, p99_us: us });
        let turns = |us: u64| vec![turn(us), None, turn(us), turn(us * 30)];
        let verdict = |own: &[u64], again: u64| {
            let mut all = [Kind::Haproxy, Kind::KlammHide, Kind::Haproxy].map(|kind| series(kind, None));
            all[2].variant.name += AGAIN;
            let [one, again] = [100, again].map(|us| vec![us; own.len()]);
            for (series, p99) in all.iter_mut().zip([&one[..], own, &again[..]]) {
                series.rounds = p99.iter().map(|us| Round { turns: turns(*us), ..Round::default() }).collect();
            }
            verdicts(experiment, &all).pop().unwrap().line
        };
        let (off, verdict) = (verdict(&[100; 5], 120), |own: &[u64]| verdict(own, 101));
        assert!(off.contains("the same twice 1.20x") && off.ends_with("TOO NOISY"), "{off}");
        assert!(
            verdict(&[90, 95, 100, 105, 110]).ends_with(
                "1.00x (0.90..1.10; median 0.90 to 1.10) (the same twice 1.01x), goal at most 1.10: reached"
            )
        );
        assert!(verdict(&[90, 95, 100, 105, 130]).contains("UNDECIDED"));
        assert!(verdict(&[90, 90, 90, 90]).contains("UNDECIDED"), "four rounds are too few");
        assert!(verdict(&[130, 120, 150, 140, 130]).ends_with("MISSED"));
        // One that is far off does not matter where there are enough others.
        assert!(verdict(&[90, 95, 100, 105, 100, 95, 90, 500]).ends_with("reached"));
    }

    #[test]
    fn without_the_other_proxy_there_is_no_verdict() {
        let mut all = [series(Kind::KlammHide, Some(1.0))];
        assert!(verdicts(&chosen(&[Wanted::Figure(Id::P2)])[0], &all).is_empty());
        all[0].left_out = Some("it is old".to_owned());
        assert!(verdicts(&chosen(&[Wanted::Figure(Id::P2)])[0], &all)[0].line.contains("P2 produce-1k-5: NO FIGURE"));
    }
}
