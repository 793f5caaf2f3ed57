//! An event descriptor: how another thread wakes a shard that sleeps in its ring.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// An eventfd(2), non-blocking and closed on exec.
#[derive(Debug)]
pub struct Event(OwnedFd);

impl Event {
    /// Makes one.
    ///
    /// # Errors
    ///
    /// No descriptor is left.
    pub fn new() -> io::Result<Event> {
        // SAFETY: eventfd takes no pointers.
        let raw = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave this descriptor to us and to nobody else.
        Ok(Event(unsafe { OwnedFd::from_raw_fd(raw) }))
    }

    /// Makes the descriptor readable. Cannot fail but for a counter that is full, which is readable already.
    pub fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the pointer and the length describe `one`, which lives through the call.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes the descriptor unreadable until the next `signal`.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the pointer and the length describe `count`, which lives through the call.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(event: &Event) -> bool {
        let mut poll = libc::pollfd { fd: event.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, which lives through the call.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    #[test]
    fn the_kernel_says_readable_between_signal_and_clear() {
        let event = Event::new().unwrap();
        assert!(!readable(&event));
        event.signal();
        event.signal();
        assert!(readable(&event));
        event.clear();
        assert!(!readable(&event));
    }
}
