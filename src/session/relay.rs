//! The steady state of a session: requests one way, responses the other, each read once, walked in the shard's buffer and
//! sent at once; what need not be read of a large frame passes through a pipe.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Instant;

use super::close_cause;
use super::context::{Context, HeldMemory, Phase, Scratch};
use super::deadlines::{Activity, Deadlines};
use super::pump::{Pump, Spliced};
use crate::auth::Identity;
use crate::cluster::{NodeApis, virtual_cluster_id};
use crate::frame::Ledger;
use crate::metrics::{Cause, Numbers};
use crate::net::{Socket, Timer};
use crate::rewrite::{FaultAt, Named, Need, Requests, Responses, View};
use crate::route::Route;
use crate::upstream::{self, Connected};

/// Steps in one turn before other sessions of the shard are served: with full pipes, a MiB each way.
const STEPS_MAX: usize = 4;

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
    route: &'a Route,
    identity: &'a Identity,
    apis: Arc<NodeApis>,
    /// The cluster id that the client sees, where it has a namespace.
    cluster_id: Box<str>,
    client: Socket,
    backend: Socket,
    ledger: Ledger,
    requests: Requests,
    responses: Responses,
    /// The bytes of requests.
    request_pump: Pump,
    /// The bytes of responses.
    response_pump: Pump,
    /// What requests waited for when they were last fed, and how often decisions had come by then.
    waits: Option<Need>,
    words: u64,
    /// Why there will be no more from the backend; it becomes the close cause when all that was received is delivered.
    backend_ended: Option<Cause>,
    /// The backend takes what is sent to it.
    backend_takes: bool,
    deadlines: Deadlines,
    timer: Timer,
    held: HeldMemory<'a>,
}

/// What a step did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Something moved: there may be more.
    Moved,
    /// Nothing can be done until a socket changes.
    Waits,
}

impl<'a> Relay<'a> {
    /// Joins a client, from which `first` was read, and a node.
    pub fn new(
        context: &'a Context,
        (route, identity): (&'a Route, &'a Identity),
        client: Socket,
        connected: Connected,
        first: Vec<u8>,
    ) -> Self {
        let copy_only = client.is_secure() || connected.socket.is_secure();
        Relay {
            context,
            route,
            identity,
            apis: connected.apis,
            cluster_id: cluster_id(context, route),
            client,
            backend: connected.socket,
            ledger: Ledger::default(),
            requests: Requests::default(),
            responses: Responses::default(),
            request_pump: Pump::new(first, copy_only),
            response_pump: Pump::new(Vec::new(), copy_only),
            // What was read before is to be fed.
            waits: Some(Need::Slot),
            words: 0,
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
            Ok(Step::Moved) => {
                // A fair share is used up: the others first.
                self.context.net.mark_runnable();
                cx.waker().wake_by_ref();
            }
            Ok(Step::Waits) => {}
        }
        if let Some(cause) = self.phase_ends() {
            return Poll::Ready(cause);
        }
        if let Err(cause) = self.account() {
            return Poll::Ready(cause);
        }
        self.client.register(cx);
        self.backend.register(cx);
        if self.waits == Some(Need::Decision) && self.context.decided.poll_after(self.words, cx).is_ready() {
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

    fn steps(&mut self, counts: &mut Counts) -> Result<Step, Cause> {
        for _ in 0..STEPS_MAX {
            let requests = self.request_step(counts)?;
            let responses = self.response_step(counts)?;
            if (requests, responses) == (Step::Waits, Step::Waits) {
                return Ok(Step::Waits);
            }
        }
        Ok(Step::Moved)
    }

    /// One read from the client, or one move past us, or one more try to send what the backend did not take.
    fn request_step(&mut self, counts: &mut Counts) -> Result<Step, Cause> {
        if !self.request_pump.is_empty() {
            let sent = self.request_pump.flush(self.context, &self.backend);
            let sent = self.taken_by_backend(sent)?;
            Numbers::count(&self.context.numbers.backend_bytes_out, sent as u64);
            return Ok(if sent > 0 { Step::Moved } else { Step::Waits });
        }
        if !self.backend_takes || self.phase_stops_requests() {
            return Ok(Step::Waits);
        }
        if self.splices(&self.request_pump)
            && let Some(step) = self.splice_requests(counts)?
        {
            return Ok(step);
        }
        if self.still_waits() {
            return Ok(Step::Waits);
        }
        // Most steps find nothing to do: that is known before anything is touched.
        let due = self.waits.is_some() || self.request_pump.end_is_due();
        if !due && !self.client.is_readable() {
            return Ok(Step::Waits);
        }
        let mut scratch = self.context.scratch();
        let scratch = &mut *scratch;
        let carry_over_bytes = prepend(scratch, self.request_pump.carry_over.bytes());
        if due {
            self.feed_requests(scratch, carry_over_bytes, 0, counts)?;
            return Ok(Step::Moved);
        }
        let room = scratch.room(carry_over_bytes, self.request_pump.read_bytes(self.context));
        match self.client.read(room) {
            None => Ok(Step::Waits),
            Some(Ok(0)) => Err(self.client_ended()),
            Some(Err(error)) => Err(close_cause::of_client_error(&error)),
            Some(Ok(n)) => {
                self.count_received(n, counts);
                self.feed_requests(scratch, carry_over_bytes, n, counts)?;
                Ok(Step::Moved)
            }
        }
    }

    /// Moves bytes of a large request past us; `None` when they must be copied.
    fn splice_requests(&mut self, counts: &mut Counts) -> Result<Option<Step>, Cause> {
        let (came, sent) = match self.request_pump.splice(self.context, &self.client, &self.backend) {
            Spliced::NoPipe => return Ok(None),
            Spliced::Nothing => return Ok(Some(Step::Waits)),
            Spliced::End => return Err(self.client_ended()),
            Spliced::SourceFailed => return Err(Cause::ClientReset),
            Spliced::SinkFailed { came } => (came, None),
            Spliced::Moved { came, left } => (came, Some(left)),
        };
        self.count_received(came, counts);
        self.requests.passed(came as u64);
        let sent = sent.unwrap_or_else(|| self.lose_backend());
        Numbers::count(&self.context.numbers.backend_bytes_out, sent as u64);
        Ok(Some(Step::Moved))
    }

    fn feed_requests(
        &mut self,
        scratch: &mut Scratch,
        carry_over_bytes: usize,
        n: usize,
        counts: &mut Counts,
    ) -> Result<(), Cause> {
        let (input, out) = (scratch.buffer.get(..carry_over_bytes + n).unwrap_or_default(), &mut scratch.output);
        out.clear();
        self.words = self.context.decided.count();
        let view = view(self.context, (self.route, self.identity), &self.apis, &self.cluster_id, self.in_flight_max());
        let fed = self.requests.feed(input, &view, &mut self.ledger, out);
        counts.requests += out.frames;
        Numbers::count(&self.context.numbers.requests, out.frames);
        if let Ok(fed) = fed {
            self.waits = fed.waits;
            let rest = input.get(fed.consumed..).unwrap_or_default();
            self.request_pump.after_walk(self.context, n, out.frames, rest, fed);
        }
        // What closes the session does not undo the requests before it, which came in the same read by chance.
        let sent = self.request_pump.send(&self.backend, &out.segments, (input, &out.new_bytes), &mut scratch.gather);
        let sent = self.taken_by_backend(sent)?;
        Numbers::count(&self.context.numbers.backend_bytes_out, sent as u64);
        fed.map(drop)
    }

    /// One read from the backend, or one move past us, own answers whose turn has come, or one more try to send what the
    /// client did not take.
    fn response_step(&mut self, counts: &mut Counts) -> Result<Step, Cause> {
        if !self.response_pump.is_empty() {
            let sent = self
                .response_pump
                .flush(self.context, &self.client)
                .map_err(|error| close_cause::of_client_error(&error))?;
            self.count_sent(sent, counts);
            return Ok(if sent > 0 { Step::Moved } else { Step::Waits });
        }
        if self.splices(&self.response_pump)
            && self.backend_ended.is_none()
            && let Some(step) = self.splice_responses(counts)?
        {
            return Ok(step);
        }
        let due = self.response_pump.end_is_due() || self.own_answer_is_due();
        match self.backend_ended {
            _ if due => {}
            Some(cause) => return Err(cause),
            None if !self.backend.is_readable() => return Ok(Step::Waits),
            None => {}
        }
        let mut scratch = self.context.scratch();
        let scratch = &mut *scratch;
        let carry_over_bytes = prepend(scratch, self.response_pump.carry_over.bytes());
        if due {
            self.feed_responses(scratch, carry_over_bytes, 0, counts)?;
            return Ok(Step::Moved);
        }
        let room = scratch.room(carry_over_bytes, self.response_pump.read_bytes(self.context));
        match self.backend.read(room) {
            None => Ok(Step::Waits),
            Some(Ok(0)) => {
                self.backend_ends();
                Ok(Step::Moved)
            }
            Some(Err(error)) => {
                self.end_backend(upstream::cause_of_error(&error));
                Ok(Step::Moved)
            }
            Some(Ok(n)) => {
                self.count_answered(n);
                self.feed_responses(scratch, carry_over_bytes, n, counts)?;
                Ok(Step::Moved)
            }
        }
    }

    /// Moves bytes of a large response past us; `None` when they must be copied.
    fn splice_responses(&mut self, counts: &mut Counts) -> Result<Option<Step>, Cause> {
        match self.response_pump.splice(self.context, &self.backend, &self.client) {
            Spliced::NoPipe => return Ok(None),
            Spliced::Nothing => return Ok(Some(Step::Waits)),
            Spliced::End => self.backend_ends(),
            Spliced::SourceFailed => self.end_backend(Cause::BackendReset),
            Spliced::SinkFailed { .. } => return Err(Cause::ClientReset),
            Spliced::Moved { came, left } => {
                self.count_answered(came);
                self.responses.passed(came as u64);
                self.count_sent(left, counts);
            }
        }
        Ok(Some(Step::Moved))
    }

    fn feed_responses(
        &mut self,
        scratch: &mut Scratch,
        carry_over_bytes: usize,
        n: usize,
        counts: &mut Counts,
    ) -> Result<(), Cause> {
        let (input, out) = (scratch.buffer.get(..carry_over_bytes + n).unwrap_or_default(), &mut scratch.output);
        out.clear();
        let view = view(self.context, (self.route, self.identity), &self.apis, &self.cluster_id, self.in_flight_max());
        let fed = self.responses.feed(input, &view, &mut self.ledger, out)?;
        let rest = input.get(fed.consumed..).unwrap_or_default();
        self.response_pump.after_walk(self.context, n, out.frames, rest, fed);
        counts.responses += out.frames;
        Numbers::count(&self.context.numbers.responses, out.frames);
        Numbers::count(&self.context.numbers.own_answers, out.own_answers);
        self.context.note_left_out(self.route.backend, &self.route.listener, &out.left_out);
        let sent = self.response_pump.send(&self.client, &out.segments, (input, &out.new_bytes), &mut scratch.gather);
        let sent = sent.map_err(|error| close_cause::of_client_error(&error))?;
        self.count_sent(sent, counts);
        Ok(())
    }

    /// So much of a frame is to come that need not be read that moving it past us is worth a pipe.
    fn splices(&self, pump: &Pump) -> bool {
        pump.pass_bytes() >= u64::from(self.context.limits.splice_bytes_min)
    }

    fn count_received(&mut self, n: usize, counts: &mut Counts) {
        counts.client_bytes_in += n as u64;
        Numbers::count(&self.context.numbers.client_bytes_in, n as u64);
        self.deadlines.received(self.context.net.now(), n as u64);
    }

    fn count_answered(&mut self, n: usize) {
        Numbers::count(&self.context.numbers.backend_bytes_in, n as u64);
        self.deadlines.moved(self.context.net.now());
    }

    fn count_sent(&mut self, sent: usize, counts: &mut Counts) {
        if sent > 0 {
            counts.client_bytes_out += sent as u64;
            Numbers::count(&self.context.numbers.client_bytes_out, sent as u64);
            self.deadlines.sent(self.context.net.now());
        }
    }

    /// What the backend took. Only where there is no memory for the rest does the session end at once.
    fn taken_by_backend(&mut self, sent: io::Result<usize>) -> Result<usize, Cause> {
        match sent {
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(Cause::MemoryBudget),
            sent => Ok(sent.unwrap_or_else(|_| self.lose_backend())),
        }
    }

    /// The backend takes nothing more: what it has sent before is still read and delivered.
    fn lose_backend(&mut self) -> usize {
        self.request_pump = Pump::default();
        self.requests = Requests::default();
        self.backend_takes = false;
        0
    }

    fn end_backend(&mut self, cause: Cause) {
        self.lose_backend();
        self.backend_ended = Some(cause);
        // What did not fit is worth finding out at once, not at the next interval.
        self.context.upstream.hint(self.route.backend);
    }

    fn backend_ends(&mut self) {
        let whole = self.responses.at_boundary() && self.response_pump.carry_over.is_empty();
        self.end_backend(if whole { Cause::BackendClosed } else { Cause::ResponseCut });
    }

    fn client_ended(&self) -> Cause {
        if self.between_requests() { Cause::ClientClosed } else { Cause::RequestCut }
    }

    /// What requests wait for is not there yet.
    fn still_waits(&self) -> bool {
        match self.waits {
            None => false,
            Some(Need::Slot) => self.ledger.len() >= self.in_flight_max(),
            Some(Need::Decision) => self.words == self.context.decided.count(),
        }
    }

    fn own_answer_is_due(&self) -> bool {
        self.responses.at_boundary() && self.ledger.oldest().is_some_and(|oldest| oldest.own)
    }

    /// An answer is awaited or being received. The ledger alone does not show it: an entry leaves it when the rest of its
    /// response needs no look any more.
    fn in_flight(&self) -> bool {
        !self.ledger.is_empty() || !self.responses.at_boundary()
    }

    fn between_requests(&self) -> bool {
        self.requests.at_boundary() && self.request_pump.carry_over.is_empty()
    }

    /// No further request is taken while the shard drains.
    fn in_flight_max(&self) -> usize {
        match self.context.phase() {
            Phase::Serving => usize::from(self.context.limits.in_flight_max),
            Phase::Draining | Phase::Over => 0,
        }
    }

    fn phase_stops_requests(&self) -> bool {
        self.context.phase() != Phase::Serving && self.requests.at_boundary()
    }

    fn phase_ends(&self) -> Option<Cause> {
        let done = || !self.in_flight() && self.request_pump.is_empty() && self.response_pump.is_empty();
        match self.context.phase() {
            Phase::Serving => None,
            Phase::Draining => (done() && self.requests.at_boundary()).then_some(Cause::Drained),
            Phase::Over => Some(Cause::DrainDeadline),
        }
    }

    /// Reports to the shard how much memory this session holds.
    fn account(&mut self) -> Result<(), Cause> {
        let whole = self.requests.held_bytes() + self.responses.held_bytes() + self.ledger.held_bytes();
        let sockets = self.client.held_bytes() + self.backend.held_bytes();
        self.held.set((whole + self.request_pump.held_bytes() + self.response_pump.held_bytes() + sockets) as u64)
    }

    fn next_deadline(&mut self) -> Result<Instant, Cause> {
        let activity = Activity {
            receiving: !self.between_requests(),
            room: self.request_pump.is_empty() && self.waits.is_none(),
            in_flight: self.in_flight(),
            unsent: !self.response_pump.is_empty(),
        };
        let next = self.deadlines.next(self.context.net.now(), activity, &self.context.limits)?;
        let waits = [self.request_pump.flush_at(), self.response_pump.flush_at()];
        Ok(waits.into_iter().flatten().fold(next, Instant::min))
    }
}

/// Copies what was carried over to the front of the shard's buffer; returns its length.
fn prepend(scratch: &mut Scratch, carry_over: &[u8]) -> usize {
    if !carry_over.is_empty()
        && let Some(front) = scratch.buffer.get_mut(..carry_over.len())
    {
        front.copy_from_slice(carry_over);
    }
    carry_over.len()
}

/// Empty without a namespace: then the client sees the backend's.
fn cluster_id(context: &Context, route: &Route) -> Box<str> {
    if route.namespace.is_none() {
        return Box::default();
    }
    let catalogue = context.upstream.catalogue(route.backend);
    let backend = catalogue.as_ref().and_then(|catalogue| catalogue.cluster_id.as_deref());
    virtual_cluster_id(backend.unwrap_or_default(), &route.virtual_cluster)
}

fn view<'v>(
    context: &'v Context,
    (route, identity): (&'v Route, &'v Identity),
    apis: &'v NodeApis,
    cluster_id: &'v str,
    in_flight_max: usize,
) -> View<'v> {
    let named = |names| Named { names, cluster_id, id_mask: context.id_mask };
    View {
        addresses: &route.addresses,
        apis,
        namespace: route.namespace.as_deref().map(named),
        frame_bytes_max: context.limits.frame_bytes_max,
        hold_bytes_max: context.limits.hold_bytes_max,
        in_flight_max,
        identity,
        access: context.access.as_deref(),
    }
}
