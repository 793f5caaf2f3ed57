//! Whose turn it is, where several parties share a load.
//!
//! Owns the order of turns. A party has all the load while it is its turn and none else, for so short a time that
//! whatever disturbs the machine, or makes it slower, strikes them all.

use std::time::{Duration, Instant};

/// How long a turn is: 1,500 requests at 10,000 a second once it is warm, enough for a p99.
const TURN: Duration = Duration::from_millis(200);
/// For how much of it no latencies are kept: caches are cold, and the one before may have left something to do.
const WARMS_UP: Duration = Duration::from_millis(50);

/// The turns.
pub struct Turns {
    /// One: it is always its turn.
    parties: u64,
    begin: Instant,
    /// The order of this round.
    drawn: (u64, Vec<usize>),
}

impl Turns {
    /// So many parties, from now on.
    pub fn new(parties: usize) -> Self {
        let parties = u64::try_from(parties).unwrap_or(u64::MAX).max(1);
        Self { parties, begin: Instant::now(), drawn: (0, order(parties, 0)) }
    }

    /// Begins again.
    pub fn begin(&mut self, now: Instant) {
        self.begin = now;
    }

    /// Whose turn it is.
    pub fn party(&mut self, at: Instant) -> usize {
        if self.parties == 1 {
            return 0;
        }
        let turn = self.since(at) / nanoseconds(TURN);
        let (round, place) = (turn / self.parties, turn % self.parties);
        if self.drawn.0 != round {
            self.drawn = (round, order(self.parties, round));
        }
        self.drawn.1.get(small(place)).copied().unwrap_or_default()
    }

    /// The round of turns; nothing, while the turn is not warm.
    pub fn round(&self, at: Instant) -> Option<usize> {
        if self.parties == 1 {
            return Some(0);
        }
        let (turn, within) = (self.since(at) / nanoseconds(TURN), self.since(at) % nanoseconds(TURN));
        (within >= nanoseconds(WARMS_UP)).then(|| small(turn / self.parties))
    }

    /// How long until the next turn, if there is ever one.
    pub fn left(&self, at: Instant) -> Option<Duration> {
        (self.parties > 1).then(|| TURN - Duration::from_nanos(self.since(at) % nanoseconds(TURN)))
    }

    fn since(&self, at: Instant) -> u64 {
        nanoseconds(at.saturating_duration_since(self.begin))
    }
}

/// Who has which turn in a round. Each has one in every round, in an order drawn by chance: nothing that comes back once in
/// a while meets always the same, and none comes always behind the same other, whose code and data are in the caches.
fn order(parties: u64, round: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..small(parties)).collect();
    for last in (1..order.len()).rev() {
        let drawn = scattered(round.wrapping_mul(parties).wrapping_add(last as u64)) % (last as u64 + 1);
        order.swap(last, small(drawn));
    }
    order
}

/// Splitmix64's finisher (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"): numbers that follow each
/// other become such that do not.
fn scattered(number: u64) -> u64 {
    let number = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_party_has_one_turn_in_every_round_and_comes_behind_every_other() {
        let mut turns = Turns::new(3);
        let begin = Instant::now();
        turns.begin(begin);
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        let order: Vec<usize> = (0..900).map(|turn| turns.party(at(200 * turn + 199))).collect();
        for round in order.chunks(3) {
            assert_eq!(round.iter().collect::<BTreeSet<_>>().len(), 3, "{round:?}");
        }
        for party in 0..3 {
            let first = order.chunks(3).filter(|round| round[0] == party).count();
            assert!((75..=125).contains(&first), "{party} goes first in {first} rounds of 300");
            for other in (0..3).filter(|other| *other != party) {
                let behind = order.windows(2).filter(|pair| pair == &[other, party]).count();
                assert!((100..=160).contains(&behind), "{party} comes {behind} times of 300 behind {other}");
            }
        }
        assert_eq!(
            [0, 49, 50, 199, 200, 250, 650].map(|time| turns.round(at(time))),
            [None, None, Some(0), Some(0), None, Some(0), Some(1)]
        );
        assert_eq!(turns.left(at(330)), Some(Duration::from_millis(70)));
    }

    #[test]
    fn who_is_alone_has_always_its_turn() {
        let mut turns = Turns::new(1);
        let later = Instant::now() + Duration::from_millis(12_345);
        assert_eq!((turns.party(later), turns.round(later), turns.left(later)), (0, Some(0), None));
    }
}
