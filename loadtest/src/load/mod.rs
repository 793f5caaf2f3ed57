//! The generator: Kafka clients that keep so many requests in flight (closed loop) or send at a rate, whatever comes
//! back (open loop).
//!
//! Owns one thread and its sockets. Every answer is checked. Latency counts from the moment at which a request was due,
//! not from the moment at which it could leave.

mod client;
pub mod descriptors;
pub mod discover;
pub mod handshake;
pub mod handshake_storm;
pub mod idle;
mod inbound;
mod schedule;
mod sessions;
#[cfg(test)]
mod tests;
mod turns;

use crate::child::pin_to;
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::measure::latency::Windows;
use crate::poll::{Events, Poll};
use crate::wire::fetch;
use client::Client;
use schedule::Schedule;
pub use sessions::Work;
use std::iter::Sum;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use turns::Turns;

/// How long nothing may move while answers are outstanding.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// Connections that one core carries in this program.
pub const CONNECTIONS_MAX: u32 = 100_000;

/// Where a client connects and what it works on there.
#[derive(Clone, Debug)]
pub struct Place {
    /// The leader's address, as clients reach it.
    pub address: SocketAddr,
    /// The topic, as this client calls it.
    pub topic: fetch::Topic,
    /// The partition.
    pub partition: i32,
}

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// As fast as answers come, with so many requests in flight on each connection.
    Closed {
        /// Requests in flight on each connection.
        pipeline: usize,
    },
    /// So many requests a second over all connections, of which at most so many are in flight on each.
    Open {
        /// Requests a second.
        rate: u32,
        /// Requests in flight on each connection; more wait here, and their time runs.
        pipeline: usize,
    },
}

impl Pace {
    fn pipeline(self) -> usize {
        match self {
            Self::Closed { pipeline } | Self::Open { pipeline, .. } => pipeline,
        }
    }
}

/// The load.
#[derive(Clone)]
pub struct Load {
    /// The clients are spread over them in turn.
    pub places: Vec<Place>,
    /// Those who take turns of some hundred milliseconds: the first place and client are the first one's, the second the
    /// second's, and so on around. One: all clients work all the time.
    pub parties: usize,
    /// Connections of all parties together.
    pub connections: usize,
    /// What they do.
    pub work: Work,
    /// How fast, all connections of a party together.
    pub pace: Pace,
    /// The only core to use.
    pub core: Option<usize>,
}

/// The running load.
pub struct Generator {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<Vec<Windows>>>,
}

struct Shared {
    /// Of each party.
    done: Vec<Counts>,
    ready: AtomicBool,
    measuring: AtomicBool,
    stop: AtomicBool,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Done {
    /// Requests answered (with acks=0: sent and known to have been read).
    pub requests: u64,
    /// Bytes of record values sent, or bytes of record batches received.
    pub bytes: u64,
}

impl Done {
    /// What was done after `then`.
    #[must_use]
    pub fn since(self, then: Self) -> Self {
        Self { requests: self.requests - then.requests, bytes: self.bytes - then.bytes }
    }
}

impl Sum for Done {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, done| Self {
            requests: sum.requests + done.requests,
            bytes: sum.bytes + done.bytes,
        })
    }
}

impl Generator {
    /// Connects and begins. Connecting goes on after this returns: see [`Generator::is_ready`].
    pub fn start(load: Load) -> Result<Self> {
        let no = || AtomicBool::new(false);
        let done = (0..load.parties.max(1)).map(|_| Counts::default()).collect();
        let shared = Arc::new(Shared { done, ready: no(), measuring: no(), stop: no() });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("generator".to_owned()).spawn(move || {
            load.core.map_or(Ok(()), pin_to)?;
            // Without it the kernel may wake this thread 50 us late, which would be counted as latency.
            rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).doing("cannot ask for timers")?;
            Running::new(&load)?.run(&theirs)
        });
        Ok(Self { shared, thread: thread.doing("cannot start the generator")? })
    }

    /// So far, of each party.
    pub fn done(&self) -> Vec<Done> {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        let done = |counts: &Counts| Done { requests: read(&counts.requests), bytes: read(&counts.bytes) };
        self.shared.done.iter().map(done).collect()
    }

    /// All connections stand and the load has begun.
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::SeqCst)
    }

    /// From now on latencies are kept.
    pub fn measure(&self) {
        self.shared.measuring.store(true, Ordering::SeqCst);
    }

    /// Whether it has ended, which before [`Generator::finish`] only a failure does.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Stops it and returns the latencies of each party.
    pub fn finish(self) -> Result<Vec<Windows>> {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| Error::new("the generator's thread panicked"))?
    }
}

struct Running {
    poll: Poll,
    clients: Vec<Client>,
    parties: usize,
    turns: Turns,
    schedule: Option<Schedule>,
    pipeline: usize,
}

impl Running {
    fn new(load: &Load) -> Result<Self> {
        let poll = Poll::new().doing("the generator cannot wait for sockets")?;
        let mut clients = Vec::with_capacity(load.connections);
        for (place, token) in load.places.iter().cycle().take(load.connections).zip(0..) {
            interrupt::check()?;
            let (stream, session) = handshake::open(place, &load.work)?;
            poll.add(&stream, token).doing("the generator cannot watch a connection")?;
            clients.push(Client::new(stream, session));
        }
        let parties = load.parties.max(1);
        let schedule = match load.pace {
            Pace::Closed { .. } => None,
            Pace::Open { rate, .. } => Some(Schedule::new(rate, load.connections / parties)),
        };
        Ok(Self { poll, clients, parties, turns: Turns::new(parties), schedule, pipeline: load.pace.pipeline() })
    }

    fn run(mut self, shared: &Shared) -> Result<Vec<Windows>> {
        let mut latencies: Vec<Windows> = (0..self.parties).map(|_| Windows::new()).collect();
        let mut events = Events::new();
        let mut buffer = inbound::buffer();
        let begin = Instant::now();
        // When each party had its last answer, or was given work again.
        let mut moved = vec![begin; self.parties];
        let mut whose_turn = None;
        self.schedule.iter_mut().for_each(|schedule| schedule.begin(begin));
        self.turns.begin(begin);
        shared.ready.store(true, Ordering::SeqCst);
        while !shared.stop.load(Ordering::SeqCst) {
            self.poll.wait(&mut events, Some(self.patience())).doing("the generator cannot wait")?;
            let measuring = shared.measuring.load(Ordering::Relaxed);
            let woken = Instant::now();
            let turn = self.turns.party(woken);
            for token in events.tokens() {
                let at = usize::try_from(token).unwrap_or(usize::MAX);
                let Some(client) = self.clients.get_mut(at) else { continue };
                let party = at % self.parties;
                let mut windows = latencies.get_mut(party).filter(|_| measuring);
                let part = client.answers(&mut buffer, |due| record(windows.as_deref_mut(), &self.turns, due))?;
                match self.schedule {
                    Some(_) => client.send_due(self.pipeline)?,
                    None => client.fill(if party == turn { self.pipeline } else { 0 })?,
                }
                if let (1.., Some(counts), Some(moved)) = (part.requests, shared.done.get(party), moved.get_mut(party))
                {
                    counts.requests.fetch_add(part.requests, Ordering::Relaxed);
                    counts.bytes.fetch_add(part.bytes, Ordering::Relaxed);
                    *moved = woken;
                }
            }
            if whose_turn.replace(turn) != Some(turn) {
                if let Some(moved) = moved.get_mut(turn).filter(|_| !self.waits(turn)) {
                    *moved = woken;
                }
                if self.schedule.is_none() {
                    self.begin_turn(turn)?;
                }
            }
            let now = Instant::now();
            self.send_scheduled(now)?;
            let is_late = |moved: &Instant| now.saturating_duration_since(*moved) > SILENCE_MAX;
            let is_silent = |(party, moved)| is_late(moved) && self.waits(party);
            if moved.iter().enumerate().any(is_silent) {
                return Err(Error::new(format!("no answer came for {} s", SILENCE_MAX.as_secs())));
            }
        }
        if self.schedule.is_some() {
            // What is still on its way has taken this long already: leaving it out would flatter a target that hangs.
            for (at, client) in self.clients.iter().enumerate() {
                let mut windows = latencies.get_mut(at % self.parties);
                client.outstanding().for_each(|due| record(windows.as_deref_mut(), &self.turns, due));
            }
        }
        Ok(latencies)
    }

    /// How long nothing needs to be done unless something comes.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let next = match &self.schedule {
            Some(schedule) => Some(schedule.wait(now)),
            None => self.turns.left(now),
        };
        next.map_or(SILENCE_MAX, |next| next.min(SILENCE_MAX))
    }

    /// Answers to one of the party's clients are outstanding.
    fn waits(&self, party: usize) -> bool {
        self.clients.iter().skip(party).step_by(self.parties).any(Client::waits)
    }

    /// Closed loop: starts the pipelines of those whose turn it is.
    fn begin_turn(&mut self, party: usize) -> Result<()> {
        let mut clients = self.clients.iter_mut().skip(party).step_by(self.parties);
        clients.try_for_each(|client| client.fill(self.pipeline))
    }

    /// Gives what has become due to the connections whose turn it was then.
    fn send_scheduled(&mut self, now: Instant) -> Result<()> {
        let Some(schedule) = &mut self.schedule else { return Ok(()) };
        while let Some((due, index)) = schedule.next(now) {
            let Some(client) = self.clients.get_mut(index * self.parties + self.turns.party(due)) else { continue };
            client.due(due)?;
            client.send_due(self.pipeline)?;
        }
        Ok(())
    }
}

/// What was due then has its answer now, or none.
fn record(windows: Option<&mut Windows>, turns: &Turns, due: Instant) {
    let time = due.elapsed();
    if let (Some(windows), Some(round)) = (windows, turns.round(due)) {
        windows.record(round, time);
    }
}
