//! The generator: Kafka clients that keep so many requests in flight (closed loop) or send at a rate, whatever comes
//! back (open loop).
//!
//! Owns one thread and its sockets. Every answer is checked. Latency counts from the moment at which a request was due,
//! not from the moment at which it could leave.

mod client;
pub mod descriptors;
mod dialogue;
pub mod discover;
pub mod handshake;
mod inbound;
mod schedule;
pub mod storm;
mod talks;
#[cfg(test)]
mod tests;

use crate::child::pin_to;
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::measure::latency::Latencies;
use crate::measure::windows::Windows;
use crate::poll::{Events, Poll};
use crate::wire::fetch;
use client::Client;
use schedule::Schedule;
pub use schedule::measured_in_turns;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
pub use talks::Work;

/// How long nothing may move while answers are awaited.
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
    /// In an open loop the places take turns: one alone has all requests, for some hundred milliseconds.
    pub turns: bool,
    /// Connections.
    pub connections: usize,
    /// What they do.
    pub work: Work,
    /// How fast.
    pub pace: Pace,
    /// The only core to use.
    pub core: Option<usize>,
}

/// The running load.
pub struct Generator {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<Vec<Windows>>>,
}

#[derive(Default)]
struct Shared {
    requests: AtomicU64,
    bytes: AtomicU64,
    ready: AtomicBool,
    measuring: AtomicBool,
    stop: AtomicBool,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Done {
    /// Requests answered (with acks=0: sent and known to have been read).
    pub requests: u64,
    /// Bytes of record values sent, or bytes of record batches received.
    pub bytes: u64,
}

impl Generator {
    /// Connects and begins. Connecting goes on after this returns: see [`Generator::is_ready`].
    ///
    /// # Errors
    ///
    /// No thread.
    pub fn start(load: Load) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("generator".to_owned()).spawn(move || {
            load.core.map_or(Ok(()), pin_to)?;
            // Without it the kernel may wake this thread 50 us late, which would be counted as latency.
            rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).doing(|| "cannot ask for timers".to_owned())?;
            Running::new(&load)?.run(&theirs)
        });
        Ok(Self { shared, thread: thread.doing(|| "cannot start the generator".to_owned())? })
    }

    /// So far.
    pub fn done(&self) -> Done {
        Done { requests: self.shared.requests.load(Ordering::SeqCst), bytes: self.shared.bytes.load(Ordering::SeqCst) }
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

    /// Stops it and returns the latencies.
    ///
    /// # Errors
    ///
    /// A wrong answer, a closed connection, or silence.
    pub fn finish(self) -> Result<Latencies> {
        let mut all = Latencies::new();
        self.finish_turns()?.iter().for_each(|windows| all.add(windows.whole()));
        Ok(all)
    }

    /// The same for each place by itself, if they took turns.
    ///
    /// # Errors
    ///
    /// As [`Generator::finish`].
    pub fn finish_turns(self) -> Result<Vec<Windows>> {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| Error::new("the generator's thread ended by a fault of ours"))?
    }
}

struct Running {
    poll: Poll,
    clients: Vec<Client>,
    /// Those who take turns: the first client is the first one's, the second the second's, and so on around.
    parties: usize,
    schedule: Option<Schedule>,
    pipeline: usize,
}

impl Running {
    fn new(load: &Load) -> Result<Self> {
        let poll = Poll::new().doing(|| "the generator cannot wait for sockets".to_owned())?;
        let mut clients = Vec::with_capacity(load.connections);
        for (place, token) in load.places.iter().cycle().take(load.connections).zip(0..) {
            interrupt::check()?;
            let (stream, talk) = handshake::open(place, &load.work)?;
            poll.add(&stream, token).doing(|| "the generator cannot watch a connection".to_owned())?;
            clients.push(Client::new(stream, talk));
        }
        let parties = if load.turns { load.places.len().max(1) } else { 1 };
        let schedule = match load.pace {
            Pace::Closed { .. } => None,
            Pace::Open { rate, .. } => Some(Schedule::new(rate, load.connections, parties)),
        };
        Ok(Self { poll, clients, parties, schedule, pipeline: load.pace.pipeline() })
    }

    fn run(mut self, shared: &Shared) -> Result<Vec<Windows>> {
        let mut latencies: Vec<Windows> = (0..self.parties).map(|_| Windows::new()).collect();
        let mut events = Events::new();
        let mut buffer = inbound::buffer();
        let mut moved = Instant::now();
        self.schedule.iter_mut().for_each(|schedule| schedule.begin(moved));
        shared.ready.store(true, Ordering::SeqCst);
        // The first event of each connection says that it is writable: it starts the pipeline of a closed loop.
        while !shared.stop.load(Ordering::SeqCst) {
            let wait = self.schedule.as_ref().map_or(SILENCE_MAX, |schedule| schedule.wait(Instant::now()));
            let wait = wait.min(SILENCE_MAX);
            self.poll.wait(&mut events, Some(wait)).doing(|| "the generator cannot wait".to_owned())?;
            let measuring = shared.measuring.load(Ordering::Relaxed);
            let mut done = Done::default();
            for token in events.tokens() {
                let at = usize::try_from(token).unwrap_or(usize::MAX);
                let Some(client) = self.clients.get_mut(at) else { continue };
                let mut windows = latencies.get_mut(at % self.parties).filter(|_| measuring);
                let part = client.answers(&mut buffer, |due| record(windows.as_deref_mut(), &self.schedule, due))?;
                match self.schedule {
                    Some(_) => client.send_due(self.pipeline)?,
                    None => client.fill(self.pipeline)?,
                }
                done.requests += part.requests;
                done.bytes += part.bytes;
            }
            let now = Instant::now();
            self.send_scheduled(now)?;
            if done.requests > 0 {
                shared.requests.fetch_add(done.requests, Ordering::Relaxed);
                shared.bytes.fetch_add(done.bytes, Ordering::Relaxed);
                moved = now;
            } else if now.duration_since(moved) > SILENCE_MAX && self.clients.iter().any(Client::waits) {
                return Err(Error::new(format!("no answer came for {} s", SILENCE_MAX.as_secs())));
            }
        }
        if self.schedule.is_some() {
            // What is still on its way has taken this long already: leaving it out would flatter a target that hangs.
            for (at, client) in self.clients.iter().enumerate() {
                let mut windows = latencies.get_mut(at % self.parties);
                client.outstanding().for_each(|due| record(windows.as_deref_mut(), &self.schedule, due));
            }
        }
        Ok(latencies)
    }

    /// Gives what has become due to its connections.
    fn send_scheduled(&mut self, now: Instant) -> Result<()> {
        let Some(schedule) = &mut self.schedule else { return Ok(()) };
        while let Some((due, index)) = schedule.next(now) {
            let Some(client) = self.clients.get_mut(index) else { continue };
            client.due(due)?;
            client.send_due(self.pipeline)?;
        }
        Ok(())
    }
}

/// What was due then has its answer now, or none.
fn record(windows: Option<&mut Windows>, schedule: &Option<Schedule>, due: Instant) {
    let time = due.elapsed();
    let round = schedule.as_ref().map_or(Some(0), |schedule| schedule.round(due));
    if let (Some(windows), Some(round)) = (windows, round) {
        windows.record(round, time);
    }
}
