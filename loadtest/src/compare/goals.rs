//! The figures to reach, and whether they are.
//!
//! Owns the goals, and what a conclusion needs: a proxy that does not differ from itself, and quiet rounds for half of those
//! that were asked for. What was measured without is told, and concludes nothing. A percentile varies far more than CPU:
//! its median must lie on one side of the goal beyond doubt.

use super::experiments::{AGAIN, Experiment, Id, Quantity};
use super::found::Found;
use super::record::Series;
use super::table::{of_kind, values};
use crate::measure::windows::Window;
use crate::target::Kind;

/// How far the same proxy may differ from itself.
const SAME_DIFFERS_MAX: f64 = 0.03;

/// At most so much, against something or as it is.
struct Goal {
    id: Id,
    what: &'static str,
    own: String,
    to: Option<String>,
    at_most: f64,
    found: Found,
    /// What a proxy that takes part twice differs by from itself; nothing where that cannot be.
    same_twice: Option<Found>,
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
    let own = of_kind(all, Kind::KlammHide);
    if own.is_some_and(|series| series.left_out.is_some()) {
        let figure =
            |id| format!("  {id:?} {}: NO FIGURE, because {} is left out", experiment.name, Kind::KlammHide.name());
        let verdict = |id| Verdict { line: figure(id), too_noisy: false };
        return experiment.ids.iter().map(verdict).collect();
    }
    goals(experiment, all).iter().filter_map(|goal| verdict(goal, experiment)).collect()
}

fn verdict(goal: &Goal, experiment: &Experiment) -> Option<Verdict> {
    let found = goal.found.range()?;
    let unit = match (&goal.to, experiment.quantity) {
        (Some(_), _) => "x",
        (None, Quantity::Entries) => " a request",
        (None, _) => " KiB",
    };
    let twice = goal.same_twice.as_ref().and_then(|found| Some((found.range()?.median, found.median_between())));
    let quiet = match (twice, experiment.quantity) {
        // What does not depend on who else runs.
        (None, _) => true,
        // A percentile varies far more than CPU: the two differ where that is more than chance.
        (Some((_, Some((low, high)))), Quantity::Latency) => {
            low <= 1.0 + SAME_DIFFERS_MAX && high >= 1.0 - SAME_DIFFERS_MAX
        }
        // Too few rounds: that is said of the figure itself.
        (Some(_), Quantity::Latency) => true,
        (Some((median, _)), _) => (median - 1.0).abs() <= SAME_DIFFERS_MAX,
    };
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
    let twice = twice.map_or(String::new(), |(median, _)| format!(" (the same twice {median:.2}x)"));
    let line = format!(
        "  {:?} {} {}: {}{against} {:.2}{unit} ({:.2}..{:.2}{between}){twice}, goal at most {:.2}: {reached}",
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
                goals.push(latency(all, "p50", |turn| turn.p50_us));
                goals.push(latency(all, "p99", |turn| turn.p99_us));
            }
            Id::P8 => goals.push(absolute(experiment, all, *id, 4.5)),
            Id::P9 => goals.push(absolute(experiment, all, *id, 6.0)),
            Id::P10 => goals.push(absolute(experiment, all, *id, 512.0)),
            Id::P13 => {
                if let [one, other, ..] = all {
                    let (own, to) = (other.variant.name.clone(), Some(one.variant.name.clone()));
                    let between = |own: &Series, to: &Series| Found::ratios(own, to, |one| values(experiment, one));
                    let (found, same_twice) = (between(other, one), same_twice(all, between));
                    goals.push(Goal { id: *id, what: what(experiment), own, to, at_most: 1.05, found, same_twice });
                }
            }
        }
    }
    goals
}

/// Klamm with a namespace against another proxy.
fn ratio(experiment: &Experiment, all: &[Series], id: Id, to: Kind, at_most: f64) -> Goal {
    let between = |own: &Series, to: &Series| Found::ratios(own, to, |one| values(experiment, one));
    against(all, id, what(experiment), to, at_most, between)
}

fn latency(all: &[Series], what: &'static str, pick: fn(&Window) -> u64) -> Goal {
    against(all, Id::P7, what, Kind::Haproxy, 1.1, |own, to| Found::ratios_in_turns(own, to, pick))
}

fn against(
    all: &[Series],
    id: Id,
    what: &'static str,
    to: Kind,
    at_most: f64,
    between: impl Fn(&Series, &Series) -> Found,
) -> Goal {
    let both = of_kind(all, Kind::KlammHide).zip(of_kind(all, to));
    let found = both.map_or_else(Found::default, |(own, to)| between(own, to));
    let (own, to) = (Kind::KlammHide.name().to_owned(), Some(to.name().to_owned()));
    Goal { id, what, own, to, at_most, found, same_twice: same_twice(all, between) }
}

/// What the proxy that takes part twice differs by from itself.
fn same_twice(all: &[Series], between: impl Fn(&Series, &Series) -> Found) -> Option<Found> {
    let again = all.iter().find(|series| series.variant.name.ends_with(AGAIN))?;
    let name = again.variant.name.strip_suffix(AGAIN)?;
    let one = all.iter().find(|series| series.variant.name == name)?;
    Some(between(again, one))
}

fn absolute(experiment: &Experiment, all: &[Series], id: Id, at_most: f64) -> Goal {
    let own = of_kind(all, Kind::KlammHide);
    let found = own.map_or_else(Found::default, |own| Found::of(own, |series| values(experiment, series)));
    Goal {
        id,
        what: what(experiment),
        own: Kind::KlammHide.name().to_owned(),
        to: None,
        at_most,
        found,
        same_twice: None,
    }
}

fn what(experiment: &Experiment) -> &'static str {
    match experiment.quantity {
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
        // Three turns in each round, of which one says nothing and one is far off.
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
        assert!(verdict(&[90, 90, 90, 90]).contains("UNDECIDED"), "four rounds say nothing");
        assert!(verdict(&[130, 120, 150, 140, 130]).ends_with("MISSED"));
        // One that is far off says nothing where there are enough others.
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
