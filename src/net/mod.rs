//! The shard's ring: executes actions on bytes. Knows no Kafka.
//!
//! Owns accepting, connecting, readiness, reads, vectored writes and pipes, TLS of a connection, deadlines, the mailbox.
//! Everything that can wake a shard is in its ring: sockets, the mailbox, and the timer wheel's next deadline as the wait's
//! timeout. May not know what the bytes mean.

mod accept;
mod async_fd;
mod driver;
mod handshake_limiter;
mod mailbox;
mod notify;
mod pipe;
mod raw;
mod secure;
mod socket;
mod timer;
mod wheel;

pub use accept::{Accept, Acceptor};
pub use async_fd::AsyncFd;
pub use driver::Net;
pub use mailbox::{Mailbox, Sender, mailbox};
pub use notify::Notify;
pub use pipe::{Drained, EmptyPipe, Filled, FullPipe, Pipes};
pub use socket::Socket;
pub use timer::Timer;

pub use crate::sys::Then;
