//! One direction of a session: bytes that wait to be walked, bytes that wait to be sent, and bytes that pass unread.
//!
//! Owns the order in which bytes are sent: the send buffer, then the pipe, then new ones. Knows nothing of frames.

use std::io;
use std::time::{Duration, Instant};

use super::carry_over::CarryOver;
use super::context::Context;
use super::send_buffer::SendBuffer;
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
pub(super) struct Pump {
    /// Read and not processed yet.
    pub carry_over: CarryOver,
    send_buffer: SendBuffer,
    piped: Option<Piped>,
    /// Bytes that come next and may pass unread.
    pass_bytes: u64,
    /// Behind these the frame has more, for which they wait: there is not much of either.
    waits_for_end: bool,
    /// What follows the bytes that were fed last.
    then: Then,
    /// The last of these was moved: the walk must still be fed, so that it sees whether the frame ends here.
    end_due: bool,
    /// The last frame had bytes that passed, or would have had them if less had been read with its head.
    large: bool,
    /// No byte may pass unread: TLS is on one of the sides.
    copy_only: bool,
}

/// A pipe that a socket did not take empty.
struct Piped {
    pipe: FullPipe,
    until: Instant,
}

/// The outcome of [`Pump::splice`].
pub(super) enum Spliced {
    /// Nothing came.
    Nothing,
    /// So many bytes came, of which so many left.
    Moved { came: usize, left: usize },
    /// The source has ended its direction.
    End,
    /// Reading from the source failed.
    SourceFailed,
    /// So many bytes came, and writing to the sink failed.
    SinkFailed { came: usize },
    /// No pipe is to be had: the bytes must be copied.
    NoPipe,
}

impl Pump {
    /// Begins with what was read already. `copy_only`: no byte may pass unread.
    pub fn new(first: Vec<u8>, copy_only: bool) -> Pump {
        Pump { carry_over: first.into(), copy_only, ..Pump::default() }
    }

    /// Nothing waits to leave.
    pub fn is_empty(&self) -> bool {
        self.send_buffer.is_empty() && self.piped.is_none()
    }

    /// Bytes of memory in use, in pipes too.
    pub fn held_bytes(&self) -> usize {
        let piped = self.piped.as_ref().map_or(0, |piped| piped.pipe.bytes());
        self.carry_over.held_bytes() + self.send_buffer.held_bytes() + piped
    }

    /// When [`Pump::flush`] must be called even if the socket takes nothing.
    pub fn flush_at(&self) -> Option<Instant> {
        self.piped.as_ref().map(|piped| piped.until)
    }

    /// The walk must be fed, if only with nothing.
    pub fn end_is_due(&self) -> bool {
        self.end_due
    }

    /// Bytes that come next and may pass unread.
    pub fn pass_bytes(&self) -> u64 {
        self.pass_bytes
    }

    /// How much to read at once.
    pub fn read_bytes(&self, context: &Context) -> usize {
        let most = context.limits.read_bytes_max as usize;
        if self.large { most.min(HEAD_READ_BYTES) } else { most }
    }

    /// To be called after the walk was fed `n` bytes, in which so many `frames` ended and of which it left `rest`.
    pub fn after_walk(&mut self, context: &Context, n: usize, frames: u64, rest: &[u8], fed: Fed) {
        self.carry_over.keep(rest);
        if self.copy_only {
            return;
        }
        let least = u64::from(context.limits.splice_bytes_min);
        if fed.pass >= least || n as u64 >= (least + HEAD_READ_BYTES as u64) * frames.max(1) {
            self.large = true;
        } else if n >= self.read_bytes(context) {
            self.large = false;
        }
        self.pass_bytes = fed.pass;
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
        self.send_buffer.send(sink, segments, bytes, gather, self.then)
    }

    /// Sends what waits; returns how many bytes were sent.
    ///
    /// # Errors
    ///
    /// As send(2).
    pub fn flush(&mut self, context: &Context, sink: &Socket) -> io::Result<usize> {
        let left = self.send_buffer.flush(sink)?;
        match self.piped.take() {
            Some(piped) if self.send_buffer.is_empty() => Ok(left + self.drain(context, sink, piped)?),
            piped => {
                self.piped = piped;
                Ok(left)
            }
        }
    }

    fn drain(&mut self, context: &Context, sink: &Socket, Piped { pipe, until }: Piped) -> io::Result<usize> {
        let (left, drained) = pipe.drain(sink, Then::more_if(self.waits_for_end));
        Numbers::count(&context.numbers.spliced_bytes, left as u64);
        match drained {
            Drained::Failed(error) => return Err(error),
            Drained::Empty(pipe) => context.pipes.give(pipe),
            Drained::Holds(pipe) if context.net.now() >= until => {
                Numbers::count(&context.numbers.pipes_read_back, 1);
                context.pipes.give(self.send_buffer.keep_pipe(pipe)?);
            }
            Drained::Holds(pipe) => self.piped = Some(Piped { pipe, until }),
        }
        Ok(left)
    }

    /// Moves bytes that may pass from one socket to the other. Nothing may wait already.
    pub fn splice(&mut self, context: &Context, source: &Socket, sink: &Socket) -> Spliced {
        if !source.is_readable() {
            return Spliced::Nothing;
        }
        let Some(pipe) = context.pipes.take(context.net.now()) else { return Spliced::NoPipe };
        let mut bytes = usize::try_from(self.pass_bytes).unwrap_or(usize::MAX);
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
            Filled::Failed(pipe, _) => back(pipe, Spliced::SourceFailed),
            Filled::Full(pipe) => {
                let came = pipe.bytes();
                self.pass_bytes = self.pass_bytes.saturating_sub(came as u64);
                self.end_due = self.pass_bytes == 0;
                let until = context.net.now() + PIPE_WAIT;
                match self.drain(context, sink, Piped { pipe, until }) {
                    Ok(left) => Spliced::Moved { came, left },
                    Err(_) => Spliced::SinkFailed { came },
                }
            }
        }
    }
}

/// Errors of splice(2) itself, not of the connection: nothing was moved.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES | libc::ENOMEM))
}
