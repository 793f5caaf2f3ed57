//! Waits for other descriptors to become readable.

use std::future::poll_fn;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::Poll;

use super::Net;
use super::driver::Slot;

/// A descriptor that is no socket of the ring, and that becomes readable: the mailbox's.
pub struct AsyncFd<T: AsFd> {
    inner: T,
    slot: Rc<Slot>,
    net: Net,
}

impl<T: AsFd> AsyncFd<T> {
    /// Puts a descriptor into the ring.
    pub fn new(net: &Net, inner: T) -> AsyncFd<T> {
        let slot = net.add_poll(inner.as_fd());
        AsyncFd { inner, slot, net: net.clone() }
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

    /// The owner of the descriptor.
    pub fn get(&self) -> &T {
        &self.inner
    }
}

impl<T: AsFd> Drop for AsyncFd<T> {
    fn drop(&mut self) {
        self.net.cancel(&self.slot);
        self.net.remove(&self.slot);
    }
}
