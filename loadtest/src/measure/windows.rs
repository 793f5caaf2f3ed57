//! Latencies of a run, and of each stretch of it by itself.
//!
//! Owns the windows. Where several take turns, each turn of one is compared with the turns beside it: a machine that
//! stands still now and then decides alone what the p99 of a run is, but it strikes now one and now the other.

use super::latency::Latencies;
use serde::Serialize;

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
    pub fn record(&mut self, number: usize, time: std::time::Duration) {
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
    use std::time::Duration;

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
