//! Waiting for sockets: epoll, edge-triggered, with timeouts in nanoseconds.
//!
//! Owns the descriptor. Everything is watched for reading and writing from the start, so that a wait costs one system
//! call and nothing else ever does.

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::time::Duration;

/// Events taken at once.
const EVENTS: usize = 1024;

/// The descriptor.
pub struct Poll(OwnedFd);

/// What happened, of the last wait. It stays in the thread that waits.
pub struct Events(Vec<epoll::Event>);

impl Events {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(Vec::with_capacity(EVENTS))
    }

    /// The tokens of what something happened to.
    pub fn tokens(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|event| event.data.u64())
    }
}

impl Poll {
    /// Nothing is watched yet.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Watches a descriptor, until it is closed.
    pub fn add(&self, source: impl AsFd, token: u64) -> std::io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.0, source, EventData::new_u64(token), flags)?)
    }

    /// Waits for events, at most so long.
    pub fn wait(&self, events: &mut Events, time: Option<Duration>) -> std::io::Result<()> {
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        events.0.clear();
        match epoll::wait(&self.0, spare_capacity(&mut events.0), time.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
