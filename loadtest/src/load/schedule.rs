//! When requests are due in an open loop: evenly spaced, the connections in turn.
//!
//! Owns the clock of the loop. It never slips: what could not be sent in time is still due at its time.

use std::time::{Duration, Instant};

/// The times.
pub struct Schedule {
    rate: u32,
    connections: usize,
    begin: Instant,
    sent: u64,
}

impl Schedule {
    /// So many a second over so many connections.
    pub fn new(rate: u32, connections: usize) -> Self {
        Self { rate: rate.max(1), connections: connections.max(1), begin: Instant::now(), sent: 0 }
    }

    /// Begins now.
    pub fn begin(&mut self, now: Instant) {
        self.begin = now;
        self.sent = 0;
    }

    /// How long until the next one is due.
    pub fn wait(&self, now: Instant) -> Duration {
        self.due().saturating_duration_since(now)
    }

    /// The next one that is due by now, and the connection's place among those that share the load then.
    pub fn next(&mut self, now: Instant) -> Option<(Instant, usize)> {
        let due = self.due();
        if due > now {
            return None;
        }
        let index = usize::try_from(self.sent).unwrap_or(0) % self.connections;
        self.sent += 1;
        Some((due, index))
    }

    fn due(&self) -> Instant {
        // In whole seconds and a rest, so that nothing is rounded away over a long run.
        let rate = u64::from(self.rate);
        let nanoseconds = (self.sent % rate) * 1_000_000_000 / rate;
        self.begin + Duration::from_secs(self.sent / rate) + Duration::from_nanos(nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_as_many_as_the_rate_says_and_a_pause_loses_none() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(30_000, 7);
        schedule.begin(begin);
        let mut due = Vec::new();
        for at in [0, 10, 400, 999] {
            due.extend(std::iter::from_fn(|| schedule.next(begin + Duration::from_millis(at))));
        }
        assert_eq!(due.len(), 29_971);
        assert!(due.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(due.iter().take(8).map(|(_, index)| *index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 0]);
        assert!(schedule.wait(begin + Duration::from_millis(999)) <= Duration::from_micros(34));
    }
}
