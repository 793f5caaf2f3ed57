//! The comparison as a table: medians, their spread, and the ratio to HAProxy.
//!
//! Owns the arithmetic and the layout, at most 100 columns.

use super::round::Round;
use super::workload::Workload;
use crate::target::Kind;

/// All rounds of one target under one workload.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Series {
    /// The workload's name.
    pub workload: &'static str,
    /// The target.
    pub target: Kind,
    /// In the order they were run.
    pub rounds: Vec<Round>,
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied()?;
    let lower = values.get(values.len().saturating_sub(1) / 2).copied()?;
    Some(f64::midpoint(lower, upper))
}

/// How far the values lie apart, in per cent of their median.
pub fn spread_percent(values: &[f64]) -> Option<f64> {
    let max = values.iter().copied().max_by(f64::total_cmp)?;
    let min = values.iter().copied().min_by(f64::total_cmp)?;
    median(values.iter().copied()).map(|median| 100.0 * (max - min) / median)
}

/// CPU time for a request, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn cpu_us(round: &Round) -> Option<f64> {
    round.cpu_seconds.map(|seconds| 1e6 * seconds / round.requests as f64)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn rate(round: &Round) -> f64 {
    round.requests as f64 / round.seconds
}

impl Series {
    fn cpu_us(&self) -> Vec<f64> {
        self.rounds.iter().filter_map(cpu_us).collect()
    }
}

/// The table of one workload.
pub fn lines(workload: &Workload, all: &[Series]) -> Vec<String> {
    let here: Vec<&Series> = all.iter().filter(|series| series.workload == workload.name).collect();
    let peer = here.iter().find(|series| series.target == Kind::Haproxy).and_then(|series| median(series.cpu_us()));
    let mut lines = vec![
        String::new(),
        format!("{}: {}", workload.name, workload.about),
        format!(
            "  {:<9}{:>11}{:>9}{:>13}{:>11}{:>9}{:>9}{:>9}{:>13}",
            "", "requests/s", "MiB/s", "CPU us/req", "CPU-s/GiB", "spread", "p50 us", "p99 us", "CPU/HAProxy"
        ),
    ];
    lines.extend(here.iter().map(|series| line(workload, series, peer)));
    lines
}

fn line(workload: &Workload, series: &Series, peer: Option<f64>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a size far below 2^52")]
    let mib = workload.value_bytes as f64 / f64::from(1 << 20);
    let cpu = series.cpu_us();
    let middle = median(cpu.iter().copied());
    let rate = median(series.rounds.iter().map(rate));
    let of = |pick: fn(&Round) -> Option<u64>| {
        #[expect(clippy::cast_precision_loss, reason = "microseconds far below 2^52")]
        median(series.rounds.iter().filter_map(pick).map(|us| us as f64))
    };
    format!(
        "  {:<9}{:>11}{:>9}{:>13}{:>11}{:>9}{:>9}{:>9}{:>13}",
        series.target.name(),
        cell(rate, 0),
        cell(rate.map(|rate| rate * mib), 0),
        cell(middle, 2),
        cell(middle.map(|us| us / mib * 1024.0 / 1e6), 3),
        spread_percent(&cpu).map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %")),
        cell(of(|round| round.p50_us), 0),
        cell(of(|round| round.p99_us), 0),
        cell(middle.zip(peer).map(|(own, peer)| own / peer), 2),
    )
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::workload::ALL;

    #[test]
    fn medians_and_spreads() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
        assert_eq!(median([]), None);
        assert_eq!(spread_percent(&[9.0, 10.0, 11.0]), Some(20.0));
    }

    #[test]
    fn a_line_holds_the_figures_and_stays_within_the_width() {
        let round = Round {
            requests: 1_000_000,
            seconds: 2.0,
            cpu_seconds: Some(1.5),
            others_percent: 0.0,
            p50_us: Some(123),
            p99_us: None,
        };
        let series = |target, cpu_seconds| Series {
            workload: ALL[0].name,
            target,
            rounds: vec![Round { cpu_seconds, ..round }; 3],
        };
        let all = [series(Kind::Direct, None), series(Kind::Haproxy, Some(3.0)), series(Kind::Klamm, Some(1.5))];
        let lines = lines(&ALL[0], &all);
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:?}");
        let klamm: Vec<&str> = lines[5].split_ascii_whitespace().collect();
        assert_eq!(klamm, ["Klamm", "500000", "488", "1.50", "1.573", "0.0", "%", "123", "-", "0.50"]);
    }
}
