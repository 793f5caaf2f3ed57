//! The timer wheel of a shard: many deadlines, most of which move before they come.
//!
//! A deadline that moves later costs a store: its entry stays where it is, and is put to its new place when the wheel
//! comes by. One that moves earlier is listed again.

use std::task::Waker;
use std::time::{Duration, Instant};

use slab::Slab;

/// The wheel's step: no deadline is more exact.
const TICK: Duration = Duration::from_millis(16);
/// Places of the wheel; deadlines further away than one turn (about 33 s) are listed again on the way.
const PLACES: usize = 2048;

/// Names a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(usize);

struct Timer {
    /// When it is due.
    due: u64,
    /// The tick at which the wheel will look at it.
    listed: Option<u64>,
    waker: Option<Waker>,
    generation: u32,
}

/// Deadlines by tick.
pub struct Wheel {
    start: Instant,
    /// All places up to this tick have been looked at.
    done: u64,
    places: Vec<Vec<(u32, u32)>>,
    /// A bit for each place that is not empty.
    taken: [u64; PLACES / 64],
    timers: Slab<Timer>,
    generation: u32,
}

impl Wheel {
    /// An empty wheel that begins at `now`.
    pub fn new(now: Instant) -> Wheel {
        Wheel {
            start: now,
            done: 0,
            places: vec![Vec::new(); PLACES],
            taken: [0; PLACES / 64],
            timers: Slab::new(),
            generation: 0,
        }
    }

    /// Makes a timer that is not set.
    pub fn add(&mut self) -> TimerId {
        self.generation = self.generation.wrapping_add(1);
        TimerId(self.timers.insert(Timer { due: u64::MAX, listed: None, waker: None, generation: self.generation }))
    }

    /// Forgets a timer.
    pub fn remove(&mut self, id: TimerId) {
        self.timers.try_remove(id.0);
    }

    /// Sets a timer: `waker` is woken at `at` or up to two ticks later.
    pub fn set(&mut self, id: TimerId, at: Instant, waker: &Waker) {
        let due = self.tick_of(at) + 1;
        let (done, horizon) = (self.done, self.done + PLACES as u64 - 1);
        let Some(timer) = self.timers.get_mut(id.0) else { return };
        timer.due = due;
        if !timer.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            timer.waker = Some(waker.clone());
        }
        let position = due.clamp(done + 1, horizon);
        if timer.listed.is_none_or(|listed| listed > position) {
            timer.listed = Some(position);
            let entry = (id.0 as u32, timer.generation);
            self.list(position, entry);
        }
    }

    fn list(&mut self, tick: u64, entry: (u32, u32)) {
        let at = (tick % PLACES as u64) as usize;
        if let (Some(position), Some(bits)) = (self.places.get_mut(at), self.taken.get_mut(at / 64)) {
            position.push(entry);
            *bits |= 1 << (at % 64);
        }
    }

    fn tick_of(&self, at: Instant) -> u64 {
        (at.saturating_duration_since(self.start).as_millis() / TICK.as_millis()) as u64
    }

    /// Wakes whatever is due at `now`.
    pub fn advance(&mut self, now: Instant) {
        let until = self.tick_of(now);
        // After a sleep longer than a turn, each place is looked at once.
        let mut tick = (self.done + 1).max(until.saturating_sub(PLACES as u64 - 1));
        self.done = self.done.max(until);
        while tick <= until {
            let at = (tick % PLACES as u64) as usize;
            let entries = self.places.get_mut(at).map(std::mem::take).unwrap_or_default();
            if let Some(bits) = self.taken.get_mut(at / 64) {
                *bits &= !(1 << (at % 64));
            }
            for entry in entries {
                self.look_at(entry, until);
            }
            tick += 1;
        }
    }

    fn look_at(&mut self, (id, generation): (u32, u32), now: u64) {
        let horizon = self.done + PLACES as u64 - 1;
        let Some(timer) = self.timers.get_mut(id as usize) else { return };
        // An entry that was left behind by an earlier setting, or belongs to a timer that is gone.
        if timer.generation != generation || timer.listed.is_none_or(|listed| listed > now) {
            return;
        }
        timer.listed = None;
        if timer.due <= now {
            if let Some(waker) = timer.waker.take() {
                waker.wake();
            }
        } else if timer.due != u64::MAX {
            let position = timer.due.min(horizon);
            timer.listed = Some(position);
            self.list(position, (id, generation));
        }
    }

    /// How long until the wheel must be advanced again; at most one turn.
    pub fn next(&self, now: Instant) -> Duration {
        let first = self.done + self.empty_places();
        // In milliseconds of 64 bits: ticks of a long uptime do not fit in the 32 by which a duration can be multiplied.
        let at = self.start.checked_add(Duration::from_millis(first.saturating_mul(TICK.as_millis() as u64)));
        at.map_or(TICK, |at| at.saturating_duration_since(now))
    }
}

impl Wheel {
    /// Ticks from `done` to the first place that is taken, counted by words of the bit map.
    fn empty_places(&self) -> u64 {
        let mut distance = 1;
        while distance < PLACES as u64 {
            let at = ((self.done + distance) % PLACES as u64) as usize;
            let bits = self.taken.get(at / 64).map_or(0, |bits| bits >> (at % 64));
            if bits != 0 {
                return distance + u64::from(bits.trailing_zeros());
            }
            distance += 64 - (at % 64) as u64;
        }
        PLACES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Fixture {
        start: Instant,
        wheel: Wheel,
        woken: Arc<Woken>,
        waker: Waker,
    }

    fn fixture() -> Fixture {
        let start = Instant::now();
        let woken = Arc::new(Woken::default());
        Fixture { start, wheel: Wheel::new(start), waker: woken.clone().into(), woken }
    }

    impl Fixture {
        /// Sleeps as a shard does, and says when the timer woke.
        fn sleep_until_woken(&mut self, limit: Duration) -> Option<Duration> {
            let mut now = self.start;
            while now < self.start + limit {
                now += self.wheel.next(now).max(Duration::from_millis(1));
                self.wheel.advance(now);
                if self.woken.0.load(Ordering::Relaxed) > 0 {
                    return Some(now - self.start);
                }
            }
            None
        }
    }

    #[test]
    fn a_timer_wakes_at_its_time_and_never_before() {
        for ms in [0, 1, 15, 16, 17, 1_000, 32_767, 32_768, 33_000, 360_000, 660_000] {
            let mut f = fixture();
            let id = f.wheel.add();
            let at = Duration::from_millis(ms);
            f.wheel.set(id, f.start + at, &f.waker);
            let woke = f.sleep_until_woken(Duration::from_secs(1_000)).unwrap();
            assert!(woke >= at && woke <= at + TICK * 2 + Duration::from_millis(1), "{ms} ms woke at {woke:?}");
        }
    }

    /// A shard that has run for years sleeps as one that has just begun.
    #[test]
    fn years_of_uptime_change_nothing() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        for days in [0, 49, 795, 796, 2_000, 40_000] {
            let mut f = fixture();
            let now = f.start + DAY * days;
            f.wheel.advance(now);
            assert!(f.wheel.next(now) > Duration::from_secs(30), "after {days} days: {:?}", f.wheel.next(now));
            let id = f.wheel.add();
            f.wheel.set(id, now + Duration::from_secs(5), &f.waker);
            let next = f.wheel.next(now);
            assert!((4_900..5_100).contains(&next.as_millis()), "after {days} days: {next:?}");
            f.wheel.advance(now + next + TICK);
            assert_eq!(f.woken.0.load(Ordering::Relaxed), 1, "after {days} days");
        }
    }

    #[test]
    fn the_last_setting_counts() {
        for (first, second) in [(100, 5_000), (5_000, 100), (60_000, 100), (100, 60_000)] {
            let mut f = fixture();
            let id = f.wheel.add();
            f.wheel.set(id, f.start + Duration::from_millis(first), &f.waker);
            f.wheel.set(id, f.start + Duration::from_millis(second), &f.waker);
            let woke = f.sleep_until_woken(Duration::from_secs(100)).unwrap();
            assert!(woke.as_millis() as u64 / 50 == second / 50, "{first} then {second}: {woke:?}");
        }
    }

    #[test]
    fn a_removed_timer_and_its_successor_do_not_mix() {
        let mut f = fixture();
        let id = f.wheel.add();
        f.wheel.set(id, f.start + Duration::from_millis(100), &f.waker);
        f.wheel.remove(id);
        let next = f.wheel.add();
        assert_eq!(next, id);
        f.wheel.set(next, f.start + Duration::from_millis(1_000), &f.waker);
        let woke = f.sleep_until_woken(Duration::from_secs(10)).unwrap();
        assert!(woke >= Duration::from_secs(1), "{woke:?}");
        f.wheel.remove(next);
        assert!(f.sleep_until_woken(Duration::from_secs(40)).is_none() || f.woken.0.load(Ordering::Relaxed) == 1);
    }
}
