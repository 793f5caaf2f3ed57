//! The share of handshakes in a shard's turn: their cryptography takes a hundred times what a request takes, and a storm of
//! them must not stall the sessions that run.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// Steps of handshakes in one turn. Two of the dear ones, with an ECDSA key, take about what a turn of busy sessions takes.
const STEPS_MAX: u32 = 2;

/// Lets so many steps pass in each turn, in the order in which they were asked for.
#[derive(Default)]
pub(super) struct Turnstile {
    passed: Cell<u32>,
    waiting: RefCell<VecDeque<Waker>>,
    /// Places that were given out, and those among them that may pass.
    places: Cell<u64>,
    called: Cell<u64>,
}

/// A place among those who wait; `None` before one was taken, and after it was used.
pub(super) type Place = Option<u64>;

impl Turnstile {
    /// Ready when one step may be done; otherwise wakes the task of `cx` when it is its turn.
    pub fn poll_pass(&self, place: &mut Place, cx: &Context<'_>) -> Poll<()> {
        match *place {
            Some(number) if number >= self.called.get() => return Poll::Pending,
            Some(_) => *place = None,
            None if self.passed.get() < STEPS_MAX && self.waiting.borrow().is_empty() => {
                self.passed.set(self.passed.get() + 1);
            }
            None => {
                *place = Some(self.places.replace(self.places.get() + 1));
                self.waiting.borrow_mut().push_back(cx.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Begins a turn, and wakes those whose steps are its own. Whether more of them wait: then the next turn is due at once.
    pub fn begin_turn(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len().min(STEPS_MAX as usize);
        self.passed.set(count as u32);
        self.called.set(self.called.get() + count as u64);
        waiting.drain(..count).for_each(Waker::wake);
        !waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_passes_in_turn_and_so_many_in_one() {
        let turnstile = Turnstile::default();
        let cx = Context::from_waker(Waker::noop());
        let mut places = [Place::None; 7];
        let mut passed = Vec::new();
        let mut turns = 0;
        while passed.len() < places.len() {
            turns += 1;
            let more = turnstile.begin_turn();
            // The last come first, and the first to ask later are not the first who came.
            for at in 0..places.len() {
                let who = if turns == 1 { places.len() - 1 - at } else { at };
                let place = &mut places[who];
                if !passed.contains(&who) && turnstile.poll_pass(place, &cx).is_ready() {
                    passed.push(who);
                }
            }
            assert_eq!(passed.len(), places.len().min(turns * STEPS_MAX as usize));
            assert_eq!(more, turns > 1 && passed.len() < places.len());
        }
        assert_eq!(passed, [6, 5, 3, 4, 1, 2, 0], "in the order of the places that were taken, two in a turn");
        assert!(!turnstile.begin_turn());
    }

    #[test]
    fn one_who_left_costs_a_step_and_nobody_elses_place() {
        let turnstile = Turnstile::default();
        let cx = Context::from_waker(Waker::noop());
        let pass = |place: &mut Place| turnstile.poll_pass(place, &cx).is_ready();
        turnstile.begin_turn();
        assert!(pass(&mut None) && pass(&mut None));
        let (mut gone, mut first, mut second) = (None, None, None);
        assert!(!pass(&mut gone) && !pass(&mut first) && !pass(&mut second));
        turnstile.begin_turn();
        assert!(pass(&mut first) && !pass(&mut second));
        assert!(!pass(&mut None), "a newcomer stands behind");
        turnstile.begin_turn();
        assert!(pass(&mut second));
    }
}
