//! Tells tasks of the same shard that something they wait for may have happened.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::Net;

/// A change that tasks wait for. Wakes all of them; each looks for itself.
pub struct Signal {
    net: Net,
    raised: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Signal {
    /// One that was never raised.
    pub fn new(net: &Net) -> Signal {
        Signal { net: net.clone(), raised: Cell::new(0), waiting: RefCell::default() }
    }

    /// Wakes all that wait.
    pub fn raise(&self) {
        self.raised.set(self.raised.get() + 1);
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        if !waiting.is_empty() {
            self.net.mark_runnable();
        }
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How often it was raised: to be read before one looks at what it announces, and given to `after`.
    pub fn count(&self) -> u64 {
        self.raised.get()
    }

    /// Waits until it was raised more than `count` times.
    pub async fn after(&self, count: u64) {
        poll_fn(|cx| self.poll_after(count, cx)).await;
    }

    /// As [`Signal::after`], inside a poll.
    pub fn poll_after(&self, count: u64, cx: &Context<'_>) -> Poll<()> {
        if self.raised.get() > count {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
