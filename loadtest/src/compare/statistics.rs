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

    /// Of the ratios of values that were measured one after the other: the first to the first, and so on.
    pub fn of_ratios(values: &[Option<f64>], to: &[Option<f64>]) -> Option<Self> {
        let ratios = values.iter().zip(to).filter_map(|(value, to)| Some((*value)? / (*to).filter(|to| *to > 0.0)?));
        Self::of(ratios)
    }
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
}
