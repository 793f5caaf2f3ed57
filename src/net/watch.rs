//! Descriptors of others that become readable.

use std::future::poll_fn;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::Poll;

use super::Net;
use super::driver::Slot;

/// A descriptor of somebody else that becomes readable: the mailbox's.
pub struct Watch<T: AsFd> {
    inner: T,
    slot: Rc<Slot>,
    net: Net,
}

impl<T: AsFd> Watch<T> {
    /// Puts a descriptor into the ring.
    pub fn new(net: &Net, inner: T) -> Watch<T> {
        let slot = net.add_poll(inner.as_fd());
        Watch { inner, slot, net: net.clone() }
    }

    /// Waits until it was made readable since the last call.
    pub async fn readable(&self) {
        poll_fn(|cx| {
            self.slot.register(cx.waker());
            if self.slot.ended.get() {
                self.net.arm_again(&self.slot, self.inner.as_fd());
            }
            let mut ready = self.slot.ready.get();
            if !ready.readable {
                return Poll::Pending;
            }
            ready.readable = false;
            self.slot.ready.set(ready);
            Poll::Ready(())
        })
        .await;
    }

    /// What is watched.
    pub fn get(&self) -> &T {
        &self.inner
    }
}

impl<T: AsFd> Drop for Watch<T> {
    fn drop(&mut self) {
        self.net.cancel(&self.slot);
        self.net.remove(&self.slot);
    }
}
