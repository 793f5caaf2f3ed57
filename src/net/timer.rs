//! A deadline of one task.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::Net;
use super::wheel::TimerId;

/// A place on the shard's wheel.
pub struct Timer {
    net: Net,
    id: TimerId,
}

impl Timer {
    /// Makes a timer that is not set.
    pub fn new(net: &Net) -> Timer {
        Timer { net: net.clone(), id: net.0.wheel.borrow_mut().add() }
    }

    /// Ready when `at` has passed; otherwise wakes the task of `cx` then. The last call's `at` counts.
    pub fn poll_at(&self, at: Instant, cx: &Context<'_>) -> Poll<()> {
        if self.net.now() >= at {
            return Poll::Ready(());
        }
        self.net.0.wheel.borrow_mut().set(self.id, at, cx.waker());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.net.0.wheel.borrow_mut().remove(self.id);
    }
}

impl Net {
    /// Waits for `duration`, up to two ticks of the wheel longer.
    pub async fn sleep(&self, duration: Duration) {
        let (timer, at) = (Timer::new(self), self.now() + duration);
        poll_fn(|cx| timer.poll_at(at, cx)).await;
    }

    /// Runs `work` until it is done or `at` has passed; `None` then.
    pub async fn until<T>(&self, at: Instant, work: impl Future<Output = T>) -> Option<T> {
        let timer = Timer::new(self);
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => timer.poll_at(at, cx).map(|()| None),
        })
        .await
    }
}
