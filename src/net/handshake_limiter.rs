//! Limits the TLS handshakes in a turn of the shard: their cryptography takes a hundred times what a request takes, and a
//! storm of them must not stall the running sessions.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// Handshake steps in one turn. Two of the expensive ones, with an ECDSA key, take about as long as a turn of busy sessions.
const STEPS_MAX: u32 = 2;

/// Permits so many steps in each turn, in the order of the requests.
#[derive(Default)]
pub(super) struct HandshakeLimiter {
    taken: Cell<u32>,
    waiting: RefCell<VecDeque<Waker>>,
    /// Positions in the queue that were given out, and those among them that may do their step.
    positions: Cell<u64>,
    permitted: Cell<u64>,
}

/// A position in the queue; `None` before one was taken, and after it was used.
pub(super) type QueuePosition = Option<u64>;

impl HandshakeLimiter {
    /// Ready when one step may be done; otherwise wakes the task of `cx` when it is its turn.
    pub fn poll_permit(&self, position: &mut QueuePosition, cx: &Context<'_>) -> Poll<()> {
        match *position {
            Some(number) if number >= self.permitted.get() => return Poll::Pending,
            Some(_) => *position = None,
            None if self.taken.get() < STEPS_MAX && self.waiting.borrow().is_empty() => {
                self.taken.set(self.taken.get() + 1);
            }
            None => {
                *position = Some(self.positions.replace(self.positions.get() + 1));
                self.waiting.borrow_mut().push_back(cx.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Begins a turn, and wakes those who may do a step in it. Returns whether more wait: then the next turn is due at once.
    pub fn begin_turn(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len().min(STEPS_MAX as usize);
        self.taken.set(count as u32);
        self.permitted.set(self.permitted.get() + count as u64);
        waiting.drain(..count).for_each(Waker::wake);
        !waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_passes_in_turn_and_so_many_in_one() {
        let handshake_limiter = HandshakeLimiter::default();
        let cx = Context::from_waker(Waker::noop());
        let mut positions = [QueuePosition::None; 7];
        let mut taken = Vec::new();
        let mut turns = 0;
        while taken.len() < positions.len() {
            turns += 1;
            let more = handshake_limiter.begin_turn();
            // The last come first, and the first to ask later are not the first who came.
            for at in 0..positions.len() {
                let who = if turns == 1 { positions.len() - 1 - at } else { at };
                let position = &mut positions[who];
                if !taken.contains(&who) && handshake_limiter.poll_permit(position, &cx).is_ready() {
                    taken.push(who);
                }
            }
            assert_eq!(taken.len(), positions.len().min(turns * STEPS_MAX as usize));
            assert_eq!(more, turns > 1 && taken.len() < positions.len());
        }
        assert_eq!(taken, [6, 5, 3, 4, 1, 2, 0], "in the order of the places that were taken, two in a turn");
        assert!(!handshake_limiter.begin_turn());
    }

    #[test]
    fn one_who_left_costs_a_step_and_nobody_elses_place() {
        let handshake_limiter = HandshakeLimiter::default();
        let cx = Context::from_waker(Waker::noop());
        let pass = |position: &mut QueuePosition| handshake_limiter.poll_permit(position, &cx).is_ready();
        handshake_limiter.begin_turn();
        assert!(pass(&mut None) && pass(&mut None));
        let (mut gone, mut first, mut second) = (None, None, None);
        assert!(!pass(&mut gone) && !pass(&mut first) && !pass(&mut second));
        handshake_limiter.begin_turn();
        assert!(pass(&mut first) && !pass(&mut second));
        assert!(!pass(&mut None), "a newcomer stands behind");
        handshake_limiter.begin_turn();
        assert!(pass(&mut second));
    }
}
