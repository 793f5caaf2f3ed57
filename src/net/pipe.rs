//! Pipes of a shard, through which bytes pass from socket to socket unread.
//!
//! A pipe that holds bytes belongs to one connection: were it used by another, that one would be given them. Hence the
//! types: a [`FullPipe`] has no way back to the pool but through being emptied, and only an [`EmptyPipe`] can be filled.
//! Dropping either closes the pipe, with whatever is in it. May not know what the bytes mean.

use std::cell::{Cell, RefCell};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Socket, Then};
use crate::sys;

/// What is asked for. More moves no faster; the kernel's limit for one user (pipe-user-pages-soft) allows 256 of these.
const PIPE_BYTES: usize = 256 << 10;
/// A pipe that the kernel makes smaller than this, because the user has too many, moves less in a call than it costs.
const PIPE_BYTES_MIN: usize = 64 << 10;
/// After a pipe could not be made or filled for want of memory, none is tried for so long.
const REST: Duration = Duration::from_secs(1);

/// The pipes of one shard: at most so many, made when they are first needed, kept while they are empty.
pub struct Pipes {
    empty: RefCell<Vec<EmptyPipe>>,
    open: Rc<Cell<usize>>,
    max: Cell<usize>,
    /// The kernel refuses what they are for.
    closed: Cell<bool>,
    rests_until: Cell<Option<Instant>>,
    failures: Cell<u64>,
}

impl Pipes {
    /// A pool of at most `max` pipes; 0: every byte is copied.
    pub fn new(max: usize) -> Pipes {
        Pipes {
            empty: RefCell::default(),
            open: Rc::default(),
            max: Cell::new(max),
            closed: Cell::default(),
            rests_until: Cell::default(),
            failures: Cell::default(),
        }
    }

    /// An empty pipe; `None` when all are in use or none can be made: then bytes must be copied.
    pub fn take(&self, now: Instant) -> Option<EmptyPipe> {
        if let Some(pipe) = self.empty.borrow_mut().pop() {
            return Some(pipe);
        }
        if self.open.get() >= self.max.get() || self.rests_until.get().is_some_and(|until| now < until) {
            return None;
        }
        let made = Ends::new(&self.open);
        if made.is_none() {
            self.rest(now);
        }
        made.map(EmptyPipe)
    }

    /// The kernel had no memory for a pipe, or for what was to be put into one: that passes. No pipe is made for a while.
    pub fn rest(&self, now: Instant) {
        self.failures.set(self.failures.get() + 1);
        self.rests_until.set(Some(now + REST));
    }

    /// Takes a pipe back, for whichever connection is next. The kernel is asked as well: a pipe with bytes is closed.
    pub fn give(&self, pipe: EmptyPipe) {
        let holds = sys::bytes_to_read(&pipe.0.reader);
        debug_assert_eq!(holds.as_ref().ok(), Some(&0), "the counts of a pipe are wrong");
        if holds.is_ok_and(|bytes| bytes == 0) && self.open.get() <= self.max.get() {
            self.empty.borrow_mut().push(pipe);
        }
    }

    /// At most so many from now on; those that are in use beyond that are closed when they come back.
    pub fn set_max(&self, max: usize) {
        if !self.closed.get() {
            self.max.set(max);
            self.empty.borrow_mut().truncate(max);
        }
    }

    /// Makes and keeps no more pipes.
    pub fn close(&self) {
        self.set_max(0);
        self.closed.set(true);
    }

    /// Pipes that are open.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Times that a pipe could not be made.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }
}

/// Both ends of a pipe, counted while they are open.
struct Ends {
    reader: PipeReader,
    writer: PipeWriter,
    bytes_max: usize,
    open: Rc<Cell<usize>>,
}

impl Ends {
    fn new(open: &Rc<Cell<usize>>) -> Option<Ends> {
        let (reader, writer) = sys::pipe().ok()?;
        let bytes_max = sys::resize_pipe(&writer, PIPE_BYTES);
        open.set(open.get() + 1);
        let ends = Ends { reader, writer, bytes_max, open: open.clone() };
        (bytes_max >= PIPE_BYTES_MIN).then_some(ends)
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

/// A pipe without bytes.
pub struct EmptyPipe(Ends);

/// What filling a pipe came to.
pub enum Filled {
    /// It holds bytes now.
    Full(FullPipe),
    /// The socket had none, or urgent data comes next.
    Nothing(EmptyPipe),
    /// The other side has ended its direction.
    End(EmptyPipe),
    /// The connection is broken.
    Failed(EmptyPipe, io::Error),
}

impl EmptyPipe {
    /// Takes at most `bytes` that came on a socket.
    pub fn fill(self, from: &Socket, bytes: usize) -> Filled {
        match from.splice_into(self.0.writer.as_fd(), bytes.min(self.0.bytes_max)) {
            None => Filled::Nothing(self),
            Some(Ok(0)) => Filled::End(self),
            Some(Ok(bytes)) => Filled::Full(FullPipe { ends: self.0, bytes }),
            Some(Err(error)) => Filled::Failed(self, error),
        }
    }
}

/// A pipe that holds bytes of one connection.
pub struct FullPipe {
    ends: Ends,
    bytes: usize,
}

/// What emptying a pipe came to.
pub enum Drained {
    /// All has left.
    Empty(EmptyPipe),
    /// The socket takes no more for now.
    Holds(FullPipe),
    /// The connection is broken; the pipe is closed with what it held.
    Failed(io::Error),
}

impl FullPipe {
    /// Bytes in it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sends what is in it; returns how many bytes were sent.
    pub fn drain(mut self, to: &Socket, then: Then) -> (usize, Drained) {
        let mut left = 0;
        while self.bytes > 0 {
            match to.splice_from(self.ends.reader.as_fd(), self.bytes, then) {
                Ok(0) => return (left, Drained::Holds(self)),
                Ok(n) => {
                    self.bytes = self.bytes.saturating_sub(n);
                    left += n;
                }
                Err(error) => return (left, Drained::Failed(error)),
            }
        }
        (left, Drained::Empty(EmptyPipe(self.ends)))
    }

    /// Reads what is in it to the end of `into`, so that others can have the pipe.
    ///
    /// # Errors
    ///
    /// As read(2): the bytes are lost, and so is the connection.
    pub fn read_back(mut self, into: &mut Vec<u8>) -> io::Result<EmptyPipe> {
        let start = into.len();
        into.resize(start + self.bytes, 0);
        let room = into.get_mut(start..).ok_or(io::ErrorKind::InvalidInput)?;
        self.ends.reader.read_exact(room)?;
        Ok(EmptyPipe(self.ends))
    }
}

#[cfg(test)]
#[path = "pipe_tests.rs"]
mod tests;
