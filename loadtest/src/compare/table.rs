//! A workload's rounds as a table: medians, and the ratio to HAProxy with its spread.
//!
//! Owns the arithmetic and the layout, at most 100 columns.

use super::experiments::{Experiment, Quantity};
use super::record::Series;
use super::statistics::{Range, median};
use crate::target::Kind;
use crate::trial::Round;

/// What the workload is about, round by round: CPU in microseconds for each request or in seconds for each GiB, kernel
/// entries or instructions for each request, or KiB.
pub fn values(experiment: &Experiment, series: &Series) -> Vec<Option<f64>> {
    series.rounds.iter().map(|round| value(experiment, round)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn value(experiment: &Experiment, round: &Round) -> Option<f64> {
    let requests = (round.done.requests > 0).then_some(round.done.requests as f64);
    match experiment.quantity {
        Quantity::Cpu if experiment.is_bulk() => {
            let gib = round.done.bytes as f64 / f64::from(1 << 30);
            round.cpu_seconds.filter(|_| gib > 0.0).map(|seconds| seconds / gib)
        }
        Quantity::Cpu => Some(1e6 * round.cpu_seconds? / requests?),
        Quantity::Entries => Some(round.entries? as f64 / requests?),
        Quantity::Instructions => Some(round.instructions? as f64 / requests?),
        Quantity::Latency => round.p99_us.map(|us| us as f64),
        Quantity::Idle => round.idle_kib,
        Quantity::Streaming => round.memory_kib.map(|kib| kib as f64),
    }
}

/// The series of a proxy that is not one of the user's variants.
pub fn of_kind(all: &[Series], kind: Kind) -> Option<&Series> {
    all.iter().find(|series| series.variant.name == kind.name())
}

/// The table.
pub fn lines(experiment: &Experiment, all: &[Series]) -> Vec<String> {
    let peer = of_kind(all, Kind::Haproxy).or_else(|| all.iter().find(|series| series.variant.kind != Kind::Direct));
    let name = peer.map_or("-", |series| series.variant.name.as_str());
    let unit = match experiment.quantity {
        Quantity::Cpu if experiment.is_bulk() => "CPU-s/GiB",
        Quantity::Cpu => "CPU us/req",
        Quantity::Entries => "entries/req",
        Quantity::Latency => "p99.9 us",
        Quantity::Instructions => "instr/req",
        Quantity::Idle | Quantity::Streaming => "KiB",
    };
    let of = if experiment.quantity == Quantity::Latency { "p99 " } else { "" };
    let mut lines = vec![
        String::new(),
        format!("{}: {}", experiment.name, experiment.about),
        format!(
            "  {:<16}{:>10}{:>8}{:>12}{:>8}{:>8}  {}",
            "",
            "requests/s",
            "MiB/s",
            unit,
            "p50 us",
            "p99 us",
            format_args!("{of}to {name} (rounds)")
        ),
    ];
    lines.extend(all.iter().map(|series| line(experiment, series, peer)));
    lines
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn line(experiment: &Experiment, series: &Series, peer: Option<&Series>) -> String {
    if let Some(why) = &series.left_out {
        return format!("  {:<16}left out: {why}", series.variant.name);
    }
    let of = |pick: &dyn Fn(&Round) -> Option<f64>| median(series.rounds.iter().filter_map(pick));
    let ran = |round: &Round| (round.seconds > 0.0).then_some(round.seconds);
    let rate = of(&|round| Some(round.done.requests as f64 / ran(round)?));
    let moved = |round: &Round| (round.done.bytes > 0).then_some(round.done.bytes as f64 / f64::from(1 << 20));
    let mib = of(&|round| Some(moved(round)? / ran(round)?));
    let digits = match experiment.quantity {
        Quantity::Instructions | Quantity::Latency => 0,
        _ if experiment.is_bulk() => 3,
        _ => 2,
    };
    let own = values(experiment, series);
    let middle = match experiment.quantity {
        // Its p99 stands in the last column.
        Quantity::Latency => of(&|round| round.p999_us.map(|us| us as f64)),
        _ => median(own.iter().copied().flatten()),
    };
    let ratio = peer.and_then(|peer| Range::of_ratios(&own, &values(experiment, peer)));
    let ratio = ratio.map_or(String::new(), |ratio| format!("  {}", ratio.ratio()));
    let disturbed = series.rounds.iter().filter(|round| round.disturbed).count();
    let disturbed = if disturbed > 0 { format!(" {disturbed} noisy") } else { String::new() };
    format!(
        "  {:<16}{:>10}{:>8}{:>12}{:>8}{:>8}{ratio}{disturbed}",
        series.variant.name,
        cell(rate, 0),
        cell(mib, 0),
        cell(middle, digits),
        cell(of(&|round| round.p50_us.map(|us| us as f64)), 0),
        cell(of(&|round| round.p99_us.map(|us| us as f64)), 0),
    )
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::compare::experiments::chosen;
    use crate::load::Done;

    /// Three rounds of a proxy that took so much CPU.
    pub fn series(kind: Kind, cpu_seconds: Option<f64>) -> Series {
        let done = Done { requests: 1_000_000, bytes: 1 << 30 };
        let round = Round { done, seconds: 2.0, cpu_seconds, p50_us: Some(123), p99_us: Some(150), ..Round::default() };
        Series { variant: kind.into(), rounds: vec![round; 3], thrown_away: 0, left_out: None }
    }

    #[test]
    fn a_line_holds_the_figures_and_stays_within_the_width() {
        let mut all =
            vec![series(Kind::Direct, None), series(Kind::Haproxy, Some(3.0)), series(Kind::KlammHide, Some(1.5))];
        all[2].rounds[1].disturbed = true;
        for experiment in chosen(&[]) {
            let lines = lines(&experiment, &all);
            assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:?}");
        }
        let lines = lines(&chosen(&[])[0], &all);
        let klamm: Vec<&str> = lines[5].split_ascii_whitespace().collect();
        assert_eq!(klamm, ["klamm-hide", "500000", "512", "1.50", "123", "150", "0.50x", "(0.50..0.50)", "1", "noisy"]);
    }
}
