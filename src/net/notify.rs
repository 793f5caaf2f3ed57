//! Wakes tasks of the same shard when something they wait for may have happened.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::Net;

/// A change that tasks wait for. Wakes all of them; each looks for itself.
pub struct Notify {
    net: Net,
    notified: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Notify {
    /// One that has not notified yet.
    pub fn new(net: &Net) -> Notify {
        Notify { net: net.clone(), notified: Cell::new(0), waiting: RefCell::default() }
    }

    /// Wakes all that wait.
    pub fn notify(&self) {
        self.notified.set(self.notified.get() + 1);
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        if !waiting.is_empty() {
            self.net.mark_runnable();
        }
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How often it has notified: to be read before the state is looked at, and given to `after`.
    pub fn count(&self) -> u64 {
        self.notified.get()
    }

    /// Waits until it has notified more than `count` times.
    pub async fn after(&self, count: u64) {
        poll_fn(|cx| self.poll_after(count, cx)).await;
    }

    /// As [`Notify::after`], inside a poll.
    pub fn poll_after(&self, count: u64, cx: &Context<'_>) -> Poll<()> {
        if self.notified.get() > count {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
