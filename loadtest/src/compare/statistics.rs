//! Medians, spreads and ratios.

use serde::Serialize;

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
    let range = Range::of(values.iter().copied())?;
    Some(100.0 * (range.max - range.min) / range.median)
}

/// A median with the smallest and the largest value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Range {
    /// Of these values, if there are any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let min = values.iter().copied().min_by(f64::total_cmp)?;
        let max = values.iter().copied().max_by(f64::total_cmp)?;
        median(values).map(|median| Self { median, min, max })
    }

    /// As `1.23x (1.20..1.25)`.
    pub fn ratio(&self) -> String {
        format!("{:.2}x ({:.2}..{:.2})", self.median, self.min, self.max)
    }

    /// Of the ratios of values that were measured one after the other.
    pub fn of_ratios(values: &[Option<f64>], to: &[Option<f64>]) -> Option<Self> {
        Self::of(ratios(values, to))
    }
}

/// The first to the first, and so on, where there are both.
pub fn ratios(values: &[Option<f64>], to: &[Option<f64>]) -> Vec<f64> {
    let both = values.iter().zip(to);
    both.filter_map(|(value, to)| Some((*value)? / (*to).filter(|to| *to > 0.0)?)).collect()
}

/// Between what the median lies with a confidence of 90 % at least, whatever the values' distribution: of n values in
/// order, the k-th and the k-th from the end, where fewer than k of n tosses of a coin are heads once in 20 times at
/// most. `None`: they are too few, fewer than five.
pub fn median_between(values: &[f64]) -> Option<(f64, f64)> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let n = u32::try_from(values.len()).ok()?;
    // How likely it is that exactly `heads` are heads, and that so many or fewer are.
    let (mut exactly, mut at_most, mut heads) = (0.5f64.powi(n.try_into().ok()?), 0.0, 0);
    while at_most + exactly <= 0.05 {
        at_most += exactly;
        exactly *= f64::from(n - heads) / f64::from(heads + 1);
        heads += 1;
    }
    let first = usize::try_from(heads.checked_sub(1)?).ok()?;
    Some((*values.get(first)?, *values.get(values.len() - 1 - first)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_spreads_and_ratios() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
        assert_eq!(median([]), None);
        assert_eq!(spread_percent(&[9.0, 10.0, 11.0]), Some(20.0));
        let ratios = Range::of_ratios(&[Some(1.0), None, Some(3.0)], &[Some(2.0), Some(1.0), Some(2.0)]);
        assert_eq!(ratios, Some(Range { median: 1.0, min: 0.5, max: 1.5 }));
        assert_eq!(Range::of_ratios(&[Some(1.0)], &[Some(0.0)]), None);
    }

    #[test]
    fn the_median_lies_where_tables_of_the_sign_test_say() {
        let between = |n: u32| median_between(&(1..=n).rev().map(f64::from).collect::<Vec<_>>());
        assert_eq!(between(0), None);
        assert_eq!(between(4), None, "one in eight times all four are on one side of it");
        // Ranks from the tables for a two-sided level of 10 %.
        assert_eq!(between(5), Some((1.0, 5.0)));
        assert_eq!(between(8), Some((2.0, 7.0)));
        assert_eq!(between(15), Some((4.0, 12.0)));
        assert_eq!(between(30), Some((11.0, 20.0)));
        assert_eq!(between(100), Some((42.0, 59.0)));
    }
}
