//! Latencies: a histogram with three digits, up to a minute.
//!
//! Owns the histogram. A percentile is given only from enough samples: 10 / (1 - q) of them.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Longest time that is kept exactly, in microseconds.
const MICROSECONDS_MAX: u64 = 60_000_000;

/// A set of latencies.
#[derive(Clone)]
pub struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    /// An empty set.
    pub fn new() -> Self {
        // The bounds are constants that hdrhistogram takes; were they not, there would be no percentile rather than a panic.
        Self(Histogram::new_with_bounds(1, MICROSECONDS_MAX, 3).ok())
    }

    /// Adds one.
    pub fn record(&mut self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(MICROSECONDS_MAX);
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(microseconds);
        }
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(Histogram::reset);
    }

    /// Adds all of another set.
    pub fn add(&mut self, other: &Self) {
        if let (Some(histogram), Some(other)) = (&mut self.0, &other.0) {
            // The bounds of both are the same, so that nothing can be out of range.
            let _ = histogram.add(other);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// The latency, in microseconds, within which the share `q` (0 to 1) of all fell; nothing when the samples are few.
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        let histogram = self.0.as_ref()?;
        #[expect(clippy::cast_precision_loss, reason = "a number of samples, far below 2^52")]
        let samples = self.count() as f64;
        (samples * (1.0 - q) >= 10.0).then(|| histogram.value_at_quantile(q))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_its_samples() {
        let mut latencies = Latencies::new();
        for microseconds in 1..=900 {
            latencies.record(Duration::from_micros(microseconds));
        }
        assert_eq!(latencies.quantile_us(0.5), Some(450));
        assert_eq!(latencies.quantile_us(0.99), None);
        for _ in 0..100 {
            latencies.record(Duration::from_micros(5000));
        }
        assert_eq!(latencies.quantile_us(0.99).map(|us| us / 100), Some(50));
    }
}
