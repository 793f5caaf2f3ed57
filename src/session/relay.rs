//! The steady state of a session: requests one way, responses the other.
//!
//! Owns the order of steps, and what the end of a side means for the session.

use std::future::poll_fn;
use std::io;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use super::close_cause;
use super::context::{Context, HeldMemory, Phase};
use super::deadlines::{Activity, Deadlines};
use super::pump::{End, Pump};
use super::terms::Terms;
use crate::auth::Identity;
use crate::metrics::{Cause, Numbers};
use crate::net::{Socket, Timer};
use crate::rewrite::{FaultAt, Incoming, Need, Outgoing};
use crate::route::Route;
use crate::upstream::{self, Connected};
use crate::wire::InFlight;

/// Steps in one turn before other sessions of the shard are served: with full pipes, a MiB each way.
const STEPS_MAX: usize = 4;
/// What a client that has ended its direction is still owed is waited for so long: it may have left altogether.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(30);
/// A connection on which nothing has moved for so long is idle. A broker that closes one sooner answers what came, as it does with a
/// Produce of acks=0 that it refuses.
const IDLE_MIN: Duration = Duration::from_secs(10);

/// What a session has done, for its last log line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub requests: u64,
    pub responses: u64,
    pub client_bytes_in: u64,
    pub client_bytes_out: u64,
}

/// Both directions of a session.
pub(super) struct Relay<'a> {
    context: &'a Context,
    terms: Terms<'a>,
    client: Socket,
    backend: Socket,
    in_flight: InFlight,
    requests: Pump<Incoming>,
    responses: Pump<Outgoing>,
    /// The client has ended its direction: until then what it has asked for is still answered.
    client_ended: Option<Instant>,
    /// Why there will be no more from the backend; it becomes the close cause when all that was received is delivered.
    backend_ended: Option<Cause>,
    /// The backend takes what is sent to it.
    backend_takes: bool,
    deadlines: Deadlines,
    timer: Timer,
    held: HeldMemory<'a>,
}

impl<'a> Relay<'a> {
    /// Joins a client, from which `first` was read, and a node.
    pub fn new(
        context: &'a Context,
        party: (&'a Route, &'a Identity),
        client: Socket,
        connected: Connected,
        first: Vec<u8>,
    ) -> Self {
        let copy_only = client.is_secure() || connected.socket.is_secure();
        Relay {
            context,
            terms: Terms::new(context, party, connected.apis),
            client,
            backend: connected.socket,
            in_flight: InFlight::default(),
            requests: Pump::new(first, copy_only),
            responses: Pump::new(Vec::new(), copy_only),
            client_ended: None,
            backend_ended: None,
            backend_takes: true,
            deadlines: Deadlines::new(context.net.now()),
            timer: Timer::new(&context.net),
            held: HeldMemory::new(context),
        }
    }

    /// Moves bytes until the session must end.
    pub async fn run(&mut self, counts: &mut Counts) -> Cause {
        poll_fn(|cx| self.turn(cx, counts)).await
    }

    /// Where in a frame the fault is for which the session ends, if it is in one.
    pub fn fault(&self) -> Option<FaultAt> {
        self.requests.fault().or_else(|| self.responses.fault())
    }

    /// Gives the sockets back, to be closed.
    pub fn into_sockets(self) -> (Socket, Socket) {
        (self.client, self.backend)
    }

    fn turn(&mut self, cx: &task::Context<'_>, counts: &mut Counts) -> Poll<Cause> {
        match self.steps(counts) {
            Err(cause) => return Poll::Ready(cause),
            Ok(true) => {
                // A fair share is used up: the others first.
                self.context.net.mark_runnable();
                cx.waker().wake_by_ref();
            }
            Ok(false) => {}
        }
        if let Some(cause) = self.phase_ends() {
            return Poll::Ready(cause);
        }
        if let Err(cause) = self.account() {
            return Poll::Ready(cause);
        }
        self.client.register(cx);
        self.backend.register(cx);
        if self.requests.waits() == Some(Need::Decision)
            && self.context.decided.poll_after(self.requests.decisions(), cx).is_ready()
        {
            // It came while this turn ran: look again.
            self.context.net.mark_runnable();
            cx.waker().wake_by_ref();
        }
        match self.next_deadline() {
            Err(cause) => Poll::Ready(cause),
            Ok(at) => match self.timer.poll_at(at, cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    // It passed while this turn ran: look again.
                    self.context.net.mark_runnable();
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            },
        }
    }

    /// Moves what can be moved; whether there may be more.
    fn steps(&mut self, counts: &mut Counts) -> Result<bool, Cause> {
        for _ in 0..STEPS_MAX {
            let requests = self.request_step(counts)?;
            let responses = self.response_step(counts)?;
            if !requests && !responses {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn request_step(&mut self, counts: &mut Counts) -> Result<bool, Cause> {
        let wanted = self.context.phase() == Phase::Serving || !self.requests.at_boundary();
        let open = self.backend_takes && self.client_ended.is_none() && wanted;
        let step = self.requests.step(&self.terms, &mut self.in_flight, (&self.client, &self.backend), open);
        let numbers = &self.context.numbers;
        if step.came > 0 {
            counts.client_bytes_in += step.came as u64;
            Numbers::count(&numbers.client_bytes_in, step.came as u64);
            self.deadlines.received(self.context.net.now(), step.came as u64);
        }
        counts.requests += step.frames;
        Numbers::count(&numbers.requests, step.frames);
        Numbers::count(&numbers.backend_bytes_out, step.left as u64);
        match step.end {
            None => {}
            // It may have ended only its own direction: what it has asked for is answered, as by a broker.
            Some(End::Source) if self.requests.between_frames() => {
                self.client_ended = Some(self.context.net.now() + HALF_CLOSED_MAX);
            }
            Some(End::Source) => return Err(Cause::RequestCut),
            Some(End::SourceFailed(error)) => return Err(close_cause::of_client_error(&error)),
            // Only where there is no memory for what it did not take does the session end at once.
            Some(End::SinkFailed(error)) if error.kind() == io::ErrorKind::OutOfMemory => {
                return Err(Cause::MemoryBudget);
            }
            Some(End::SinkFailed(_)) => self.lose_backend(),
            Some(End::Closes(cause)) => return Err(cause),
        }
        match self.client_ended {
            Some(until) if self.is_done() || self.context.net.now() >= until => Err(Cause::ClientClosed),
            _ => Ok(step.moved),
        }
    }

    fn response_step(&mut self, counts: &mut Counts) -> Result<bool, Cause> {
        let open = self.backend_ended.is_none();
        let step = self.responses.step(&self.terms, &mut self.in_flight, (&self.backend, &self.client), open);
        let numbers = &self.context.numbers;
        if step.came > 0 {
            Numbers::count(&numbers.backend_bytes_in, step.came as u64);
            self.deadlines.moved(self.context.net.now());
        }
        if step.frames > 0 {
            counts.responses += step.frames;
            Numbers::count(&numbers.responses, step.frames);
            Numbers::count(&numbers.own_answers, step.own_answers);
        }
        if step.left > 0 {
            counts.client_bytes_out += step.left as u64;
            Numbers::count(&numbers.client_bytes_out, step.left as u64);
            self.deadlines.sent(self.context.net.now());
        }
        match step.end {
            None => {}
            Some(End::Source) if self.is_idle() => self.end_backend(Cause::BackendIdle),
            Some(End::Source) if self.responses.between_frames() => self.end_backend(Cause::BackendClosed),
            Some(End::Source) => self.end_backend(Cause::ResponseCut),
            Some(End::SourceFailed(error)) => self.end_backend(upstream::cause_of_error(&error)),
            // It had ended its connection, not only its own direction.
            Some(End::SinkFailed(_)) if self.client_ended.is_some() => return Err(Cause::ClientClosed),
            Some(End::SinkFailed(error)) => return Err(close_cause::of_client_error(&error)),
            // Answers that the client has not taken yet were complete before the one that is at fault.
            Some(End::Closes(cause)) if !self.responses.is_empty() => self.end_backend(cause),
            Some(End::Closes(cause)) => return Err(cause),
        }
        match self.backend_ended {
            Some(cause) if !step.moved && self.responses.is_empty() => Err(cause),
            _ => Ok(step.moved),
        }
    }

    /// The backend takes nothing more: what it has sent before is still read and delivered.
    fn lose_backend(&mut self) {
        self.requests = Pump::default();
        self.backend_takes = false;
    }

    fn end_backend(&mut self, cause: Cause) {
        self.lose_backend();
        self.backend_ended = Some(cause);
        // What did not fit is worth finding out at once, not at the next interval.
        self.context.upstream.hint(self.terms.route.backend);
    }

    /// An answer is awaited or being received. What is in flight alone does not show it: an exchange ends when the rest of its
    /// response needs no look any more.
    fn in_flight(&self) -> bool {
        !self.in_flight.is_empty() || !self.responses.at_boundary()
    }

    /// Nothing is awaited, and nothing is on its way in either direction.
    fn is_done(&self) -> bool {
        !self.in_flight() && self.requests.is_empty() && self.responses.is_empty() && self.requests.at_boundary()
    }

    /// Nothing is on its way, nor has been for a while: a broker ends such a connection for no fault.
    fn is_idle(&self) -> bool {
        self.is_done() && self.deadlines.still_for(self.context.net.now()) >= IDLE_MIN
    }

    fn phase_ends(&self) -> Option<Cause> {
        match self.context.phase() {
            Phase::Serving => None,
            Phase::Draining => self.is_done().then_some(Cause::Drained),
            Phase::Over => Some(Cause::DrainDeadline),
        }
    }

    /// Reports to the shard how much memory this session holds.
    fn account(&mut self) -> Result<(), Cause> {
        let pumps = self.requests.held_bytes() + self.responses.held_bytes();
        let sockets = self.client.held_bytes() + self.backend.held_bytes();
        self.held.set((pumps + self.in_flight.held_bytes() + sockets) as u64)
    }

    fn next_deadline(&mut self) -> Result<Instant, Cause> {
        let activity = Activity {
            receiving: !self.requests.between_frames(),
            room: self.requests.is_empty() && self.requests.waits().is_none(),
            in_flight: self.in_flight(),
            unsent: !self.responses.is_empty(),
            // A drain takes no further request, whatever would be decided.
            undecided_since: self.requests.undecided_since().filter(|_| self.context.phase() == Phase::Serving),
        };
        let next = self.deadlines.next(self.context.net.now(), activity, &self.context.limits)?;
        let waits = [self.requests.flush_at(), self.responses.flush_at(), self.client_ended];
        Ok(waits.into_iter().flatten().fold(next, Instant::min))
    }
}
