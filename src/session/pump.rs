//! One direction of a session: each byte is read once, walked in the shard's buffer and sent at once; what need not be read
//! of a large frame passes through a pipe.
//!
//! Owns the order in which bytes are sent: the send buffer, then the pipe, then new ones. May not decide what the end of a
//! socket, or a fault, means for the session.

use std::io;
use std::time::{Duration, Instant};

use super::carry_over::CarryOver;
use super::context::{Context, Scratch};
use super::send_buffer::{SendBuffer, SendError};
use super::terms::Terms;
use crate::metrics::{Cause, Numbers};
use crate::net::{Drained, EmptyPipe, Filled, FullPipe, Socket, Then};
use crate::rewrite::{FaultAt, Need, Progress, Side, Transducer};
use crate::wire::InFlight;

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
pub(super) struct Pump<S: Side> {
    transducer: Transducer<S>,
    /// Read and not processed yet.
    carry_over: CarryOver,
    send_buffer: SendBuffer,
    piped: Option<Piped>,
    /// What the transducer said when it was last fed, and how many of the bytes that may pass have passed since.
    fed: Progress,
    passed: u64,
    /// How often decisions had come by then, and since when the frame that comes next has waited for one.
    decisions: u64,
    undecided_since: Option<Instant>,
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

/// What a step did.
#[derive(Default)]
pub(super) struct Step {
    /// Something moved: there may be more. Otherwise nothing can be done until a socket changes.
    pub moved: bool,
    /// Bytes that came from the source.
    pub came: usize,
    /// Bytes that left to the sink.
    pub left: usize,
    /// Frames whose end was seen.
    pub frames: u64,
    /// How many of these are our own answers.
    pub own_answers: u64,
    /// Why the direction cannot go on.
    pub end: Option<End>,
}

/// Why a direction cannot go on.
pub(super) enum End {
    /// The source has ended its direction.
    Source,
    /// Reading from the source failed.
    SourceFailed(io::Error),
    /// Writing to the sink failed.
    SinkFailed(io::Error),
    /// The session must be closed with this cause: the walk gave up, or a rule of our own is broken.
    Closes(Cause),
}

impl<S: Side> Pump<S> {
    /// Begins with what was read already. `copy_only`: no byte may pass unread.
    pub fn new(first: Vec<u8>, copy_only: bool) -> Pump<S> {
        // What was read before is to be fed.
        let fed = Progress { waits: (!first.is_empty()).then_some(Need::Slot), ..Progress::default() };
        Pump { carry_over: first.into(), fed, copy_only, ..Pump::default() }
    }

    /// Nothing waits to leave.
    pub fn is_empty(&self) -> bool {
        self.send_buffer.is_empty() && self.piped.is_none()
    }

    /// Between two frames: no byte of a further one was taken.
    pub fn at_boundary(&self) -> bool {
        self.transducer.at_boundary()
    }

    /// Between two frames, and no byte of a further one was read.
    pub fn between_frames(&self) -> bool {
        self.at_boundary() && self.carry_over.is_empty()
    }

    /// What the direction waits for.
    pub fn waits(&self) -> Option<Need> {
        self.fed.waits
    }

    /// How often decisions had come when the walk last looked for one.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// Since when the frame that comes next has waited for a decision, where it does.
    pub fn undecided_since(&self) -> Option<Instant> {
        self.undecided_since
    }

    /// Where the fault is for which the walk gave up, if it is in a frame.
    pub fn fault(&self) -> Option<FaultAt> {
        self.transducer.fault()
    }

    /// Bytes of memory in use, in pipes too.
    pub fn held_bytes(&self) -> usize {
        let piped = self.piped.as_ref().map_or(0, |piped| piped.pipe.bytes());
        self.transducer.held_bytes() + self.carry_over.held_bytes() + self.send_buffer.held_bytes() + piped
    }

    /// When [`Pump::step`] must be called even if the socket takes nothing.
    pub fn flush_at(&self) -> Option<Instant> {
        self.piped.as_ref().map(|piped| piped.until)
    }

    /// One more try to send what the sink did not take, or one move past us, or one read from the source, which is not
    /// touched unless it is `open`.
    pub fn step(
        &mut self,
        terms: &Terms<'_>,
        in_flight: &mut InFlight,
        (source, sink): (&Socket, &Socket),
        open: bool,
    ) -> Step {
        self.try_step(terms, in_flight, (source, sink), open).unwrap_or_else(|cause| Step::ended(End::Closes(cause)))
    }

    fn try_step(
        &mut self,
        terms: &Terms<'_>,
        in_flight: &mut InFlight,
        (source, sink): (&Socket, &Socket),
        open: bool,
    ) -> Result<Step, Cause> {
        let context = terms.context;
        if !self.is_empty() {
            return Ok(self.flush(context, sink));
        }
        if open
            && self.splices(context)
            && let Some(step) = self.splice(context, source, sink)
        {
            return Ok(step);
        }
        if self.still_waits(terms, in_flight) {
            return Ok(Step::default());
        }
        // Most steps find nothing to do: that is known before anything is touched.
        let due = self.is_due(in_flight);
        let readable = !due && open && source.is_readable();
        if !due && !readable {
            return Ok(Step::default());
        }
        let mut scratch = context.scratch();
        let scratch = &mut *scratch;
        let carry_over_bytes = prepend(scratch, self.carry_over.bytes()?)?;
        let came = if due {
            0
        } else {
            match source.read(scratch.room(carry_over_bytes, self.read_bytes(context))?) {
                None => return Ok(Step::default()),
                Some(Ok(0)) => return Ok(Step::ended(End::Source)),
                Some(Err(error)) => return Ok(Step::ended(End::SourceFailed(error))),
                Some(Ok(n)) => n,
            }
        };
        self.feed(terms, in_flight, sink, scratch, (carry_over_bytes, came))
    }

    /// What is carried over can be dealt with, or the walk must see whether a frame ends where its bytes have passed, or
    /// something is to be written for which nothing need come.
    fn is_due(&self, in_flight: &InFlight) -> bool {
        self.fed.waits.is_some() || (self.passed > 0 && self.may_pass() == 0) || self.transducer.owes(in_flight)
    }

    /// What the direction waits for is not there yet.
    fn still_waits(&self, terms: &Terms<'_>, in_flight: &InFlight) -> bool {
        match self.fed.waits {
            None => false,
            Some(Need::Slot) => in_flight.is_full(terms.in_flight_max()),
            Some(Need::Decision) => self.decisions == terms.context.decided.count(),
        }
    }

    /// Bytes that come next and may pass unread.
    fn may_pass(&self) -> u64 {
        self.fed.pass.saturating_sub(self.passed)
    }

    /// So much is to come that need not be read that moving it past us is worth a pipe.
    fn splices(&self, context: &Context) -> bool {
        !self.copy_only && self.may_pass() >= u64::from(context.limits.splice_bytes_min)
    }

    /// How much to read at once.
    fn read_bytes(&self, context: &Context) -> usize {
        let most = context.limits.read_bytes_max as usize;
        if self.large { most.min(HEAD_READ_BYTES) } else { most }
    }

    /// Walks through what was carried over and came, and sends what leaves.
    fn feed(
        &mut self,
        terms: &Terms<'_>,
        in_flight: &mut InFlight,
        sink: &Socket,
        scratch: &mut Scratch,
        (carry_over_bytes, came): (usize, usize),
    ) -> Result<Step, Cause> {
        let mut step = Step { moved: true, came, ..Step::default() };
        let input = scratch.buffer.get(..carry_over_bytes + came).ok_or(Cause::Internal)?;
        let out = &mut scratch.output;
        out.clear();
        self.decisions = terms.context.decided.count();
        let mut then = Then::Nothing;
        match self.transducer.feed(input, &terms.view(), in_flight, out) {
            Ok(fed) => {
                (self.fed, self.passed) = (fed, 0);
                self.undecided_since = match fed.waits {
                    // The same frame as before, where nothing was taken.
                    Some(Need::Decision) if fed.consumed == 0 && self.undecided_since.is_some() => self.undecided_since,
                    Some(Need::Decision) => Some(terms.context.net.now()),
                    Some(Need::Slot) | None => None,
                };
                self.carry_over.keep(input.get(fed.consumed..).ok_or(Cause::Internal)?);
                let splices = self.splices(terms.context);
                self.large = self.is_large(terms.context, came, out.frames);
                then = Then::more_if(fed.alone && splices);
            }
            // The frames before it came in the same read by chance: they leave all the same.
            Err(cause) => step.end = Some(End::Closes(cause)),
        }
        (step.frames, step.own_answers) = (out.frames, out.own_answers);
        terms.context.note_left_out(terms.route.backend, &terms.route.listener, &out.left_out);
        match self.send_buffer.send(sink, &out.segments, (input, &out.new_bytes), &mut scratch.gather, then) {
            Ok(left) => step.left = left,
            // A fault ends the session, whatever the sink takes.
            Err(_) if step.end.is_some() => {}
            Err(SendError::Socket(error)) => step.end = Some(End::SinkFailed(error)),
            Err(SendError::Session(cause)) => step.end = Some(End::Closes(cause)),
        }
        out.shrink();
        Ok(step)
    }

    /// Whether the last frame was large, after `came` bytes were fed in which so many `frames` ended.
    fn is_large(&self, context: &Context, came: usize, frames: u64) -> bool {
        let least = u64::from(context.limits.splice_bytes_min);
        if self.copy_only {
            false
        } else if self.splices(context) || came as u64 >= (least + HEAD_READ_BYTES as u64) * frames.max(1) {
            true
        } else {
            self.large && came < self.read_bytes(context)
        }
    }

    /// Sends what waits.
    fn flush(&mut self, context: &Context, sink: &Socket) -> Step {
        match self.try_flush(context, sink) {
            Ok(left) => Step { moved: left > 0, left, ..Step::default() },
            Err(error) => Step { end: Some(End::SinkFailed(error)), ..Step::default() },
        }
    }

    fn try_flush(&mut self, context: &Context, sink: &Socket) -> io::Result<usize> {
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
        // What has passed waits for what is behind it, where there is not much of either: more than that is faster in
        // several packets than with the page cut that fills the first of them.
        let waits_for_end = self.fed.goes_on && self.fed.pass <= FILL_BYTES_MIN as u64;
        let (left, drained) = pipe.drain(sink, Then::more_if(waits_for_end));
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

    /// Moves bytes that may pass from one socket to the other. Nothing may wait already. `None`: they must be copied.
    fn splice(&mut self, context: &Context, source: &Socket, sink: &Socket) -> Option<Step> {
        if !source.is_readable() {
            return Some(Step::default());
        }
        let pipe = context.pipes.take(context.net.now())?;
        let mut bytes = usize::try_from(self.may_pass()).unwrap_or(usize::MAX);
        if bytes > FILL_BYTES_MIN {
            bytes = bytes.min(sink.room().max(FILL_BYTES_MIN));
        }
        let back = |pipe: EmptyPipe, step| {
            context.pipes.give(pipe);
            Some(step)
        };
        match pipe.fill(source, bytes) {
            Filled::Nothing(pipe) => back(pipe, Step::default()),
            Filled::End(pipe) => back(pipe, Step::ended(End::Source)),
            Filled::Failed(pipe, error) if error.raw_os_error() == Some(libc::ENOMEM) => {
                drop(pipe);
                context.pipes.rest(context.net.now());
                None
            }
            Filled::Failed(pipe, error) if is_refused(&error) => {
                drop(pipe);
                context.pipes.close();
                tracing::warn!(%error, "the kernel refuses splice: bytes are copied from now on");
                None
            }
            Filled::Failed(pipe, error) => back(pipe, Step::ended(End::SourceFailed(error))),
            Filled::Full(pipe) => {
                let came = pipe.bytes();
                self.passed += came as u64;
                self.transducer.passed(came as u64);
                let until = context.net.now() + PIPE_WAIT;
                let step = Step { moved: true, came, ..Step::default() };
                Some(match self.drain(context, sink, Piped { pipe, until }) {
                    Ok(left) => Step { left, ..step },
                    Err(error) => Step { end: Some(End::SinkFailed(error)), ..step },
                })
            }
        }
    }
}

impl Step {
    /// One that found the end of its source: what that means is to be looked at before anything is waited for.
    fn ended(end: End) -> Step {
        Step { moved: true, end: Some(end), ..Step::default() }
    }
}

/// Copies what was carried over to the front of the shard's buffer; returns its length.
fn prepend(scratch: &mut Scratch, carry_over: &[u8]) -> Result<usize, Cause> {
    if !carry_over.is_empty() {
        scratch.buffer.get_mut(..carry_over.len()).ok_or(Cause::Internal)?.copy_from_slice(carry_over);
    }
    Ok(carry_over.len())
}

/// Errors of splice(2) itself, not of the connection: nothing was moved.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES))
}
