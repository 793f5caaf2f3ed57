//! How another thread speaks to a shard: a bounded queue of owned messages and an event descriptor in its ring.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::sys::Event;

/// The receiving end; one, on the shard.
pub struct Mailbox<T>(Arc<Shared<T>>);

/// A sending end; as many as there are senders.
pub struct Sender<T>(Arc<Shared<T>>);

struct Shared<T> {
    queue: ArrayQueue<T>,
    event: Event,
}

/// Makes a mailbox for at most `capacity` messages.
///
/// # Errors
///
/// No descriptor is left.
pub fn mailbox<T>(capacity: usize) -> io::Result<(Sender<T>, Mailbox<T>)> {
    let shared = Arc::new(Shared { queue: ArrayQueue::new(capacity), event: Event::new()? });
    Ok((Sender(shared.clone()), Mailbox(shared)))
}

impl<T> Sender<T> {
    /// Sends a message.
    ///
    /// # Errors
    ///
    /// The mailbox is full: the message comes back.
    pub fn send(&self, message: T) -> Result<(), T> {
        self.0.queue.push(message)?;
        self.0.event.signal();
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender(self.0.clone())
    }
}

impl<T> Mailbox<T> {
    /// To be called when the event descriptor was readable, before messages are taken.
    pub fn clear(&self) {
        self.0.event.clear();
    }

    /// The oldest message.
    pub fn take(&self) -> Option<T> {
        self.0.queue.pop()
    }
}

impl<T> AsFd for Mailbox<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_in_order_and_a_full_mailbox_gives_them_back() {
        let (sender, mailbox) = mailbox(2).unwrap();
        let second = sender.clone();
        assert_eq!(sender.send(1), Ok(()));
        assert_eq!(std::thread::spawn(move || second.send(2)).join().unwrap(), Ok(()));
        assert_eq!(sender.send(3), Err(3));
        mailbox.clear();
        assert_eq!((mailbox.take(), mailbox.take(), mailbox.take()), (Some(1), Some(2), None));
    }
}
