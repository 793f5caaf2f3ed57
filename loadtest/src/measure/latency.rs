//! Latencies: a histogram with three digits, up to a minute.
//!
//! Owns the histogram, and those of each stretch of a run: where several take turns, each turn of one is compared with the
//! turns beside it. A machine that stands still now and then decides alone what the p99 of a run is, but it strikes now one
//! and now the other. A percentile is given only from enough samples: 10 / (1 - q) of them.

use hdrhistogram::Histogram;
use serde::Serialize;
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

/// The latencies of one window, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Half of them are no longer.
    pub p50_us: u64,
    /// 99 % are no longer.
    pub p99_us: u64,
}

/// Latencies, window by window.
pub struct Windows {
    whole: Latencies,
    current: Latencies,
    /// In their order; those before the current one.
    closed: Vec<Option<Window>>,
}

impl Windows {
    /// None yet.
    pub fn new() -> Self {
        Self { whole: Latencies::new(), current: Latencies::new(), closed: Vec::new() }
    }

    /// Adds what took so long to the window of this number, counted from 0. One that comes when a later window has begun
    /// is added to that one.
    pub fn record(&mut self, number: usize, time: Duration) {
        if number > self.closed.len() {
            self.closed.push(Window::of(&self.current));
            // Those in between had nothing.
            self.closed.resize(number, None);
            self.current.clear();
        }
        self.current.record(time);
        self.whole.record(time);
    }

    /// Of the whole run.
    pub fn whole(&self) -> &Latencies {
        &self.whole
    }

    /// Of each window that ended; nothing for one that had too few for a p99.
    pub fn closed(&self) -> &[Option<Window>] {
        &self.closed
    }
}

impl Window {
    fn of(latencies: &Latencies) -> Option<Self> {
        Some(Self { p50_us: latencies.quantile_us(0.5)?, p99_us: latencies.quantile_us(0.99)? })
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

    #[test]
    fn a_window_has_its_own_and_the_whole_has_all() {
        let mut windows = Windows::new();
        let mut record = |number, count, us| (0..count).for_each(|_| windows.record(number, Duration::from_micros(us)));
        record(1, 1_000, 100);
        record(2, 999, 200);
        record(4, 1_000, 400);
        // Late, and with too few behind it to be seen in its p99.
        record(3, 5, 50_000);
        record(5, 1, 100);
        let flat = |us| Some(Window { p50_us: us, p99_us: us });
        assert_eq!(windows.closed(), [None, flat(100), None, None, flat(400)]);
        assert_eq!(windows.whole().quantile_us(0.5), Some(200));
    }
}
