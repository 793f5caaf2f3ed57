//! What the quiet rounds of a workload say.
//!
//! Owns which rounds count: those that nobody disturbed, and of two proxies those that nobody disturbed for either.

use super::record::Series;
use super::statistics::{Range, median, median_between, ratios};
use crate::measure::windows::Window;
use crate::trial::Round;

/// What was found, round by round.
#[derive(Debug, Default)]
pub struct Found {
    values: Vec<f64>,
    /// Of so many rounds.
    rounds: usize,
}

impl Found {
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
        let round = |(own, to): (&Round, &Round)| median(ratios(&all(own), &all(to)));
        let values = own.rounds.iter().zip(&to.rounds).filter_map(round).collect();
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
