//! The figures to reach, and whether they are.
//!
//! Owns the goals. A figure that was measured on a noisy machine is told, and concludes nothing.

use super::experiments::{Experiment, Id, Quantity};
use super::record::Series;
use super::statistics::Range;
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
    found: Option<Range>,
}

/// One line for each goal of a workload.
pub fn verdicts(experiment: &Experiment, all: &[Series], quiet: bool) -> Vec<String> {
    let own = of_kind(all, Kind::KlammHide);
    if own.is_some_and(|series| series.left_out.is_some()) {
        let figure =
            |id| format!("  {id:?} {}: NO FIGURE, because {} is left out", experiment.name, Kind::KlammHide.name());
        return experiment.ids.iter().map(figure).collect();
    }
    let disturbed = all.iter().flat_map(|series| &series.rounds).any(|round| round.disturbed);
    goals(experiment, all).iter().filter_map(|goal| line(goal, experiment, quiet && !disturbed)).collect()
}

fn line(goal: &Goal, experiment: &Experiment, quiet: bool) -> Option<String> {
    let found = goal.found?;
    let unit = match (&goal.to, experiment.quantity) {
        (Some(_), _) => "x",
        (None, Quantity::Entries) => " a request",
        (None, _) => " KiB",
    };
    // Instructions do not depend on who else runs.
    let quiet = quiet || experiment.quantity == Quantity::Instructions;
    let reached = match (quiet, found.median <= goal.at_most) {
        (false, _) => "TOO NOISY",
        (true, true) => "reached",
        (true, false) => "MISSED",
    };
    let against = goal.to.as_ref().map_or(String::new(), |to| format!(" / {to}"));
    Some(format!(
        "  {:?} {} {}: {}{against} {:.2}{unit} ({:.2}..{:.2}), goal at most {:.2}: {reached}",
        goal.id, experiment.name, goal.what, goal.own, found.median, found.min, found.max, goal.at_most
    ))
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
                    let found = Range::of_ratios(&values(experiment, other), &values(experiment, one));
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
    let of = |kind| of_kind(all, kind).map(|series| values(experiment, series));
    let found = of(Kind::KlammHide).zip(of(to)).and_then(|(own, to)| Range::of_ratios(&own, &to));
    let own = Kind::KlammHide.name().to_owned();
    Goal { id, what: what(experiment), own, to: Some(to.name().to_owned()), at_most, found }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds far below 2^52")]
fn latency(all: &[Series], what: &'static str, pick: fn(&Round) -> Option<u64>) -> Goal {
    let of = |kind| -> Option<Vec<Option<f64>>> {
        Some(of_kind(all, kind)?.rounds.iter().map(|round| pick(round).map(|us| us as f64)).collect())
    };
    let found = of(Kind::KlammHide).zip(of(Kind::Haproxy)).and_then(|(own, to)| Range::of_ratios(&own, &to));
    let (own, to) = (Kind::KlammHide.name().to_owned(), Some(Kind::Haproxy.name().to_owned()));
    Goal { id: Id::P7, what, own, to, at_most: 1.1, found }
}

fn absolute(experiment: &Experiment, all: &[Series], id: Id, at_most: f64) -> Goal {
    let series = of_kind(all, Kind::KlammHide);
    let found = series.and_then(|series| Range::of(values(experiment, series).into_iter().flatten()));
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
        let verdict = |cpu, quiet| verdicts(experiment, &all(cpu), quiet).remove(0);
        assert!(
            verdict(2.2, true).ends_with("1.10x (1.10..1.10), goal at most 1.15: reached"),
            "{}",
            verdict(2.2, true)
        );
        assert!(verdict(2.4, true).ends_with("MISSED"));
        assert!(verdict(2.2, false).ends_with("TOO NOISY"));
        let mut disturbed = all(2.2);
        disturbed[0].rounds[0].disturbed = true;
        assert!(verdicts(experiment, &disturbed, true)[0].ends_with("TOO NOISY"));
    }

    #[test]
    fn without_the_other_proxy_there_is_no_verdict() {
        let mut all = [series(Kind::KlammHide, Some(1.0))];
        assert!(verdicts(&chosen(&[Wanted::Figure(Id::P2)])[0], &all, true).is_empty());
        all[0].left_out = Some("it is old".to_owned());
        assert!(verdicts(&chosen(&[Wanted::Figure(Id::P2)])[0], &all, true)[0].contains("P2 produce-1k-5: NO FIGURE"));
    }
}
