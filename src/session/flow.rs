//! One direction of a session: what waits to be walked, what waits to leave, and bytes that pass without being read.
//!
//! Owns the order in which bytes leave: unsent ones, then those in a pipe, then new ones. Knows nothing of frames.

use std::io;
use std::time::{Duration, Instant};

use super::carried::Carried;
use super::context::Context;
use super::unsent::Unsent;
use crate::metrics::Numbers;
use crate::net::{Drained, EmptyPipe, Filled, FullPipe, Socket, Then};
use crate::rewrite::{Fed, Segment};

/// How long a pipe may wait for a slow reader, before others get it.
const PIPE_WAIT: Duration = Duration::from_secs(1);
/// What is put into a pipe at least, whatever room the socket seems to have: it says that it has room again only after
/// something did not fit.
const FILL_BYTES_MIN: usize = 64 << 10;
/// What is read at once where the last frame was large: the head of the next one, and little of what can pass unread. Less
/// costs more (loadtest/results): splice(2) hands 16 pages at a time to a socket, and of 64 KiB this leaves no more.
const HEAD_READ_BYTES: usize = 8 << 10;

/// One direction.
#[derive(Default)]
pub(super) struct Flow {
    /// Read and not yet dealt with.
    pub carried: Carried,
    unsent: Unsent,
    waiting: Option<Waiting>,
    /// Bytes that come next and may pass unread.
    pass: u64,
    /// Behind these the frame has more, for which they wait: there is not much of either.
    waits_for_end: bool,
    /// What follows the bytes that were fed last.
    then: Then,
    /// The last of these was moved: the walk has not been told to look whether the frame ends here.
    end_due: bool,
    /// The last frame had bytes that passed, or would have had them if less had been read with its head.
    large: bool,
    /// No byte may pass unread: TLS is on one of the sides.
    copies: bool,
}

/// A pipe that a socket did not take empty.
struct Waiting {
    pipe: FullPipe,
    until: Instant,
}

/// What [`Flow::splice`] did.
pub(super) enum Spliced {
    /// Nothing came.
    Nothing,
    /// So many bytes came, of which so many left.
    Moved { came: usize, left: usize },
    /// The source has ended its direction.
    End,
    /// The source is broken.
    SourceBroken,
    /// So many bytes came, and the sink is broken.
    SinkBroken { came: usize },
    /// No pipe is to be had: the bytes must be copied.
    NoPipe,
}

impl Flow {
    /// Begins with what was read already. `copies`: no byte may pass unread.
    pub fn new(first: Vec<u8>, copies: bool) -> Flow {
        Flow { carried: first.into(), copies, ..Flow::default() }
    }

    /// Nothing waits to leave.
    pub fn is_empty(&self) -> bool {
        self.unsent.is_empty() && self.waiting.is_none()
    }

    /// Bytes of memory in use, in pipes too.
    pub fn held(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |waiting| waiting.pipe.bytes());
        self.carried.held() + self.unsent.held() + waiting
    }

    /// When [`Flow::flush`] must be called even if the socket takes nothing.
    pub fn waits_until(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|waiting| waiting.until)
    }

    /// The walk must be fed, if only with nothing.
    pub fn end_is_due(&self) -> bool {
        self.end_due
    }

    /// So many bytes that come next may pass unread.
    pub fn passes(&self) -> u64 {
        self.pass
    }

    /// How much to read at once.
    pub fn read_bytes(&self, context: &Context) -> usize {
        let most = context.limits.read_bytes_max as usize;
        if self.large { most.min(HEAD_READ_BYTES) } else { most }
    }

    /// The walk was fed `n` bytes that were read, in which so many `frames` ended: it left `rest` over.
    pub fn fed(&mut self, context: &Context, n: usize, frames: u64, rest: &[u8], fed: Fed) {
        self.carried.keep(rest);
        if self.copies {
            return;
        }
        let least = u64::from(context.limits.splice_bytes_min);
        if fed.pass >= least || n as u64 >= (least + HEAD_READ_BYTES as u64) * frames.max(1) {
            self.large = true;
        } else if n >= self.read_bytes(context) {
            self.large = false;
        }
        self.pass = fed.pass;
        // More than that is faster in several packets than with the page cut that fills the first of them.
        self.waits_for_end = fed.goes_on && fed.pass <= FILL_BYTES_MIN as u64;
        self.then = Then::more_if(fed.alone && fed.pass >= least);
        self.end_due = false;
    }

    /// Sends segments of the input and of new bytes. Nothing may wait already.
    ///
    /// # Errors
    ///
    /// As send(2).
    pub fn send(
        &mut self,
        sink: &Socket,
        segments: &[Segment],
        bytes: (&[u8], &[u8]),
        gather: &mut Vec<u8>,
    ) -> io::Result<usize> {
        self.unsent.send(sink, segments, bytes, gather, self.then)
    }

    /// Sends what waits; tells how much left.
    ///
    /// # Errors
    ///
    /// As send(2).
    pub fn flush(&mut self, context: &Context, sink: &Socket) -> io::Result<usize> {
        let left = self.unsent.flush(sink)?;
        match self.waiting.take() {
            Some(waiting) if self.unsent.is_empty() => Ok(left + self.drain(context, sink, waiting)?),
            waiting => {
                self.waiting = waiting;
                Ok(left)
            }
        }
    }

    fn drain(&mut self, context: &Context, sink: &Socket, Waiting { pipe, until }: Waiting) -> io::Result<usize> {
        let (left, drained) = pipe.drain(sink, Then::more_if(self.waits_for_end));
        Numbers::count(&context.numbers.spliced_bytes, left as u64);
        match drained {
            Drained::Failed(error) => return Err(error),
            Drained::Empty(pipe) => context.pipes.give(pipe),
            Drained::Holds(pipe) if context.net.now() >= until => {
                Numbers::count(&context.numbers.pipes_read_back, 1);
                context.pipes.give(self.unsent.keep_pipe(pipe)?);
            }
            Drained::Holds(pipe) => self.waiting = Some(Waiting { pipe, until }),
        }
        Ok(left)
    }

    /// Moves bytes that may pass from one socket to the other. Nothing may wait already.
    pub fn splice(&mut self, context: &Context, source: &Socket, sink: &Socket) -> Spliced {
        if !source.is_readable() {
            return Spliced::Nothing;
        }
        let Some(pipe) = context.pipes.take(context.net.now()) else { return Spliced::NoPipe };
        let mut bytes = usize::try_from(self.pass).unwrap_or(usize::MAX);
        if bytes > FILL_BYTES_MIN {
            bytes = bytes.min(sink.room().max(FILL_BYTES_MIN));
        }
        let back = |pipe: EmptyPipe, spliced| {
            context.pipes.give(pipe);
            spliced
        };
        match pipe.fill(source, bytes) {
            Filled::Nothing(pipe) => back(pipe, Spliced::Nothing),
            Filled::End(pipe) => back(pipe, Spliced::End),
            Filled::Failed(pipe, error) if is_refused(&error) => {
                drop(pipe);
                context.pipes.close();
                tracing::warn!(%error, "the kernel refuses splice: bytes are copied from now on");
                Spliced::NoPipe
            }
            Filled::Failed(pipe, _) => back(pipe, Spliced::SourceBroken),
            Filled::Full(pipe) => {
                let came = pipe.bytes();
                self.pass = self.pass.saturating_sub(came as u64);
                self.end_due = self.pass == 0;
                let until = context.net.now() + PIPE_WAIT;
                match self.drain(context, sink, Waiting { pipe, until }) {
                    Ok(left) => Spliced::Moved { came, left },
                    Err(_) => Spliced::SinkBroken { came },
                }
            }
        }
    }
}

/// Errors of splice(2) itself, not of the connection: nothing was moved.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES | libc::ENOMEM))
}
