//! The figures to reach, and whether they are.
//!
//! Owns the goals, and what a conclusion needs: a machine that the A/A run found quiet, and quiet rounds for half of those
//! that were asked for. What was measured without is told, and concludes nothing. The A/A run is about CPU; for a
//! percentile, which varies far more, the median must lie on one side of the goal beyond doubt.

use super::experiments::{Experiment, Id, Quantity};
use super::found::Found;
use super::record::Series;
use super::table::{of_kind, values};
use crate::target::Kind;
use crate::trial::Round;

/// At most so much, against something or as it is.
struct Goal {
    id: Id,
    what: &'static str,
    own: String,
    to: Option<String>,
    at_most: f64,
    found: Found,
}

/// What follows for a goal.
pub struct Verdict {
    /// To be printed.
    pub line: String,
    /// Nothing, because of others on this machine.
    pub too_noisy: bool,
}

/// What follows for each goal of a workload.
pub fn verdicts(experiment: &Experiment, all: &[Series], quiet: bool) -> Vec<Verdict> {
    let own = of_kind(all, Kind::KlammHide);
    if own.is_some_and(|series| series.left_out.is_some()) {
        let figure =
            |id| format!("  {id:?} {}: NO FIGURE, because {} is left out", experiment.name, Kind::KlammHide.name());
        let verdict = |id| Verdict { line: figure(id), too_noisy: false };
        return experiment.ids.iter().map(verdict).collect();
    }
    goals(experiment, all).iter().filter_map(|goal| verdict(goal, experiment, quiet)).collect()
}

fn verdict(goal: &Goal, experiment: &Experiment, quiet: bool) -> Option<Verdict> {
    let found = goal.found.range()?;
    let unit = match (&goal.to, experiment.quantity) {
        (Some(_), _) => "x",
        (None, Quantity::Entries) => " a request",
        (None, _) => " KiB",
    };
    // Instructions do not depend on who else runs.
    let quiet = quiet || experiment.quantity == Quantity::Instructions;
    let too_noisy = !quiet || !goal.found.is_enough();
    let (low, high) = match goal.id {
        Id::P7 => goal.found.median_between().unwrap_or((found.min, f64::INFINITY)),
        _ => (found.median, found.median),
    };
    let reached = match goal.at_most {
        _ if too_noisy => "TOO NOISY",
        at_most if high <= at_most => "reached",
        at_most if low > at_most => "MISSED",
        _ => "UNDECIDED, ask for more --rounds",
    };
    let against = goal.to.as_ref().map_or(String::new(), |to| format!(" / {to}"));
    let between = if low < high { format!("; median {low:.2} to {high:.2}") } else { String::new() };
    let line = format!(
        "  {:?} {} {}: {}{against} {:.2}{unit} ({:.2}..{:.2}{between}), goal at most {:.2}: {reached}",
        goal.id, experiment.name, goal.what, goal.own, found.median, found.min, found.max, goal.at_most
    );
    Some(Verdict { line, too_noisy })
}

fn goals(experiment: &Experiment, all: &[Series]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for id in &experiment.ids {
        match id {
            Id::P1 => {
                let copying = if experiment.name.ends_with("-64k") { 0.8 } else { 0.6 };
                goals.push(ratio(experiment, all, *id, Kind::Haproxy, copying));
                goals.push(ratio(experiment, all, *id, Kind::HaproxySplice, 1.0));
            }
            Id::P2 => goals.push(ratio(experiment, all, *id, Kind::Haproxy, 1.15)),
            Id::P3 => goals.push(ratio(experiment, all, *id, Kind::Haproxy, 1.0)),
            Id::P5 => goals.push(ratio(experiment, all, *id, Kind::Klamm, 1.15)),
            Id::P6 => goals.push(ratio(experiment, all, *id, Kind::Klamm, 1.5)),
            Id::P7 => {
                goals.push(latency(all, "p50", |round| round.p50_us));
                goals.push(latency(all, "p99", |round| round.p99_us));
            }
            Id::P8 => goals.push(absolute(experiment, all, *id, 4.5)),
            Id::P9 => goals.push(absolute(experiment, all, *id, 6.0)),
            Id::P10 => goals.push(absolute(experiment, all, *id, 512.0)),
            Id::P13 => {
                if let [one, other] = all {
                    let found = Found::ratios(other, one, |series| values(experiment, series));
                    let (own, to) = (other.variant.name.clone(), Some(one.variant.name.clone()));
                    goals.push(Goal { id: *id, what: what(experiment), own, to, at_most: 1.05, found });
                }
            }
        }
    }
    goals
}

/// Klamm with a namespace against another proxy.
fn ratio(experiment: &Experiment, all: &[Series], id: Id, to: Kind, at_most: f64) -> Goal {
    let both = of_kind(all, Kind::KlammHide).zip(of_kind(all, to));
    let found =
        both.map_or_else(Found::default, |(own, to)| Found::ratios(own, to, |series| values(experiment, series)));
    let own = Kind::KlammHide.name().to_owned();
    Goal { id, what: what(experiment), own, to: Some(to.name().to_owned()), at_most, found }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds far below 2^52")]
fn latency(all: &[Series], what: &'static str, pick: fn(&Round) -> Option<u64>) -> Goal {
    let of = |series: &Series| series.rounds.iter().map(|round| pick(round).map(|us| us as f64)).collect();
    let both = of_kind(all, Kind::KlammHide).zip(of_kind(all, Kind::Haproxy));
    let found = both.map_or_else(Found::default, |(own, to)| Found::ratios(own, to, of));
    let (own, to) = (Kind::KlammHide.name().to_owned(), Some(Kind::Haproxy.name().to_owned()));
    Goal { id: Id::P7, what, own, to, at_most: 1.1, found }
}

fn absolute(experiment: &Experiment, all: &[Series], id: Id, at_most: f64) -> Goal {
    let own = of_kind(all, Kind::KlammHide);
    let found = own.map_or_else(Found::default, |own| Found::of(own, |series| values(experiment, series)));
    Goal { id, what: what(experiment), own: Kind::KlammHide.name().to_owned(), to: None, at_most, found }
}

fn what(experiment: &Experiment) -> &'static str {
    match experiment.quantity {
        Quantity::Cpu => "CPU",
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

    #[test]
    fn a_goal_is_reached_missed_or_undecided() {
        let experiment = &chosen(&[Wanted::Figure(Id::P2)])[0];
        let all = |cpu| [series(Kind::Haproxy, Some(2.0)), series(Kind::KlammHide, Some(cpu))];
        let verdict = |cpu, quiet| verdicts(experiment, &all(cpu), quiet).remove(0).line;
        assert!(
            verdict(2.2, true).ends_with("1.10x (1.10..1.10), goal at most 1.15: reached"),
            "{}",
            verdict(2.2, true)
        );
        assert!(verdict(2.4, true).ends_with("MISSED"));
        assert!(verdict(2.2, false).ends_with("TOO NOISY"));
        let mut disturbed = all(2.2);
        disturbed[0].rounds[0].disturbed = true;
        disturbed[0].rounds[0].cpu_seconds = Some(9.0);
        assert!(
            verdicts(experiment, &disturbed, true)[0].line.ends_with("1.10x (1.10..1.10), goal at most 1.15: reached")
        );
        disturbed[1].rounds[1].disturbed = true;
        let one_of_three = verdicts(experiment, &disturbed, true).remove(0);
        assert!(one_of_three.line.ends_with("TOO NOISY") && one_of_three.too_noisy);
    }

    #[test]
    fn a_percentile_is_judged_only_beyond_doubt() {
        let experiment = &chosen(&[Wanted::Figure(Id::P7)])[0];
        let verdict = |own: &[u64]| {
            let mut all = [series(Kind::Haproxy, Some(1.0)), series(Kind::KlammHide, Some(1.0))];
            for (series, p99) in all.iter_mut().zip([&vec![100; own.len()][..], own]) {
                let round = series.rounds[0].clone();
                series.rounds = p99.iter().map(|us| Round { p99_us: Some(*us), ..round.clone() }).collect();
            }
            verdicts(experiment, &all, true).pop().unwrap().line
        };
        assert!(
            verdict(&[90, 95, 100, 105, 110])
                .ends_with("1.00x (0.90..1.10; median 0.90 to 1.10), goal at most 1.10: reached")
        );
        assert!(verdict(&[90, 95, 100, 105, 130]).contains("UNDECIDED"));
        assert!(verdict(&[90, 90, 90, 90]).contains("UNDECIDED"), "four rounds say nothing");
        assert!(verdict(&[130, 120, 150, 140, 130]).ends_with("MISSED"));
        // One that is far off says nothing where there are enough others.
        assert!(verdict(&[90, 95, 100, 105, 100, 95, 90, 500]).ends_with("reached"));
    }

    #[test]
    fn without_the_other_proxy_there_is_no_verdict() {
        let mut all = [series(Kind::KlammHide, Some(1.0))];
        assert!(verdicts(&chosen(&[Wanted::Figure(Id::P2)])[0], &all, true).is_empty());
        all[0].left_out = Some("it is old".to_owned());
        assert!(
            verdicts(&chosen(&[Wanted::Figure(Id::P2)])[0], &all, true)[0].line.contains("P2 produce-1k-5: NO FIGURE")
        );
    }
}
