//! When requests are due in an open loop: evenly spaced, the connections in turn.
//!
//! Owns the clock of the loop, and whose turn it is where several take turns. It never slips: what could not be sent in
//! time is still due at its time.

use std::time::{Duration, Instant};

/// How long a turn is: 1,500 requests at 10,000 a second once it is warm, enough for a p99.
const TURN: Duration = Duration::from_millis(200);
/// How much of it is not measured: caches are cold, and the one before may have left something to do.
const TURN_WARMS_UP: Duration = Duration::from_millis(50);

/// How much of this time is measured, where several take turns.
pub fn measured_in_turns(time: Duration) -> Duration {
    time.mul_f64((TURN - TURN_WARMS_UP).div_duration_f64(TURN))
}

/// The times.
pub struct Schedule {
    rate: u32,
    /// Those who take turns; one: it is always its turn.
    parties: usize,
    /// Of each.
    connections: usize,
    begin: Instant,
    sent: u64,
}

impl Schedule {
    /// So many a second over so many connections, of which each party has the same number: the first has the first, the
    /// second the second, and so on around.
    pub fn new(rate: u32, connections: usize, parties: usize) -> Self {
        let parties = parties.max(1);
        Self { rate: rate.max(1), parties, connections: (connections / parties).max(1), begin: Instant::now(), sent: 0 }
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

    /// The next one that is due by now, and the connection's place.
    pub fn next(&mut self, now: Instant) -> Option<(Instant, usize)> {
        let due = self.due();
        if due > now {
            return None;
        }
        let connection = usize::try_from(self.sent).unwrap_or(0) % self.connections;
        self.sent += 1;
        let (round, place) = self.turn(due);
        // Each has a turn in every round, and goes first in one after the other, so that nothing that comes back once in a
        // while meets always the same.
        let party = (place + round) % self.parties;
        Some((due, connection * self.parties + party))
    }

    /// The round of turns in which something was due; nothing, while the turn was not warm.
    pub fn round(&self, due: Instant) -> Option<usize> {
        let within = due.saturating_duration_since(self.begin).as_nanos() % TURN.as_nanos();
        (self.parties == 1 || within >= TURN_WARMS_UP.as_nanos()).then(|| self.turn(due).0)
    }

    /// Round and place in it.
    fn turn(&self, due: Instant) -> (usize, usize) {
        let turns = due.saturating_duration_since(self.begin).as_nanos() / TURN.as_nanos();
        let turns = if self.parties == 1 { 0 } else { usize::try_from(turns).unwrap_or(usize::MAX) };
        (turns / self.parties, turns % self.parties)
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
        let mut schedule = Schedule::new(30_000, 7, 1);
        schedule.begin(begin);
        let mut due = Vec::new();
        for at in [0, 10, 400, 999] {
            due.extend(std::iter::from_fn(|| schedule.next(begin + Duration::from_millis(at))));
        }
        assert_eq!(due.len(), 29_971);
        assert!(due.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(due.iter().take(8).map(|(_, index)| *index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 0]);
        assert!(schedule.wait(begin + Duration::from_millis(999)) <= Duration::from_micros(34));
        assert!(due.iter().all(|(due, _)| schedule.round(*due) == Some(0)));
    }

    #[test]
    fn each_party_has_one_turn_in_every_round_and_none_is_always_first() {
        let begin = Instant::now();
        // Three parties of two connections.
        let mut schedule = Schedule::new(1_000, 6, 3);
        schedule.begin(begin);
        let due: Vec<_> = std::iter::from_fn(|| schedule.next(begin + Duration::from_millis(1_799))).collect();
        assert_eq!(due.len(), 1_800);
        let parties: Vec<_> = due.chunks(200).map(|turn| turn[0].1 % 3).collect();
        assert_eq!(parties, [0, 1, 2, 1, 2, 0, 2, 0, 1]);
        for turn in due.chunks(200) {
            let mut connections: Vec<_> = turn.iter().map(|(_, index)| *index).collect();
            connections.sort_unstable();
            connections.dedup();
            assert_eq!(connections, [turn[0].1 % 3, turn[0].1 % 3 + 3], "both of its connections, and no others");
        }
        let rounds: Vec<_> = due.iter().map(|(due, _)| schedule.round(*due)).collect();
        assert_eq!(rounds[..51], [&[None; 50][..], &[Some(0)]].concat());
        assert_eq!(rounds[600 + 199..600 + 251], [&[Some(1)][..], &[None; 50], &[Some(1)]].concat());
    }
}
