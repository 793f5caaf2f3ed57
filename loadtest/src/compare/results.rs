//! The results of a workload's quiet rounds.
//!
//! Owns which rounds count: those that nobody disturbed, and of two proxies those that nobody disturbed for either.

use super::record::Series;
use super::statistics::{Range, median, median_between, ratios};
use crate::measure::latency::Window;
use crate::trial::Round;

/// Values or ratios, round by round.
#[derive(Debug, Default)]
pub struct Results {
    values: Vec<f64>,
    /// Of so many rounds.
    rounds: usize,
}

impl Results {
    /// Values of one proxy.
    pub fn of(series: &Series, of: impl Fn(&Series) -> Vec<Option<f64>>) -> Self {
        Self { values: quiet(series, of).into_iter().flatten().collect(), rounds: series.rounds.len() }
    }

    /// Values of one to those of the other.
    pub fn ratios(own: &Series, to: &Series, of: impl Fn(&Series) -> Vec<Option<f64>>) -> Self {
        Self { values: ratios(&quiet(own, &of), &quiet(to, &of)), rounds: own.rounds.len() }
    }

    /// Latencies of one to those of the other, turn by turn; of each round the median.
    #[expect(clippy::cast_precision_loss, reason = "microseconds far below 2^52")]
    pub fn ratios_in_turns(own: &Series, to: &Series, of: impl Fn(&Window) -> u64) -> Self {
        let all = |round: &Round| -> Vec<Option<f64>> {
            round.turns.iter().map(|turn| turn.as_ref().map(|turn| of(turn) as f64)).collect()
        };
        let both = own.rounds.iter().zip(&to.rounds).filter(|(own, to)| !own.disturbed && !to.disturbed);
        let values = both.filter_map(|(own, to)| median(ratios(&all(own), &all(to)))).collect();
        Self { values, rounds: own.rounds.len() }
    }

    /// Enough for a conclusion: half of the rounds.
    pub fn is_enough(&self) -> bool {
        2 * self.values.len() >= self.rounds
    }

    /// Their median, smallest and largest.
    pub fn range(&self) -> Option<Range> {
        Range::of(self.values.iter().copied())
    }

    /// Between what the median lies beyond doubt.
    pub fn median_between(&self) -> Option<(f64, f64)> {
        median_between(&self.values)
    }
}

fn quiet(series: &Series, of: impl Fn(&Series) -> Vec<Option<f64>>) -> Vec<Option<f64>> {
    series.rounds.iter().zip(of(series)).map(|(round, value)| value.filter(|_| !round.disturbed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::table::tests::series;
    use crate::target::Kind;

    #[test]
    fn turns_of_a_disturbed_round_count_for_nothing() {
        let window = |us| Some(Window { p50_us: us, p99_us: us });
        let [mut own, mut to] = [Kind::KlammHide, Kind::Haproxy].map(|kind| series(kind, None));
        own.rounds.iter_mut().zip([200, 300, 900]).for_each(|(round, us)| round.turns = vec![window(us)]);
        to.rounds.iter_mut().for_each(|round| round.turns = vec![window(100)]);
        to.rounds[2].disturbed = true;
        let results = Results::ratios_in_turns(&own, &to, |turn| turn.p99_us);
        assert_eq!((results.values.as_slice(), results.is_enough()), (&[2.0, 3.0][..], true));
        own.rounds[0].disturbed = true;
        assert!(!Results::ratios_in_turns(&own, &to, |turn| turn.p99_us).is_enough());
    }
}
