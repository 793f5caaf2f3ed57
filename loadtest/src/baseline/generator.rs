//! The closed-loop generator: connections that each keep so many Produce requests in flight, as fast as answers come.
//!
//! Owns one thread and its sockets. Every answer is compared byte for byte with the one that is expected, its
//! correlation id with the oldest one in flight.

use crate::child::pin_to;
use crate::error::{Context, Error, Result};
use crate::measure::latency::Latencies;
use crate::wire;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Frames up to here are gathered and leave in one write, as clients do; larger ones leave one by one.
const GATHERED_BYTES_MAX: usize = 64 << 10;
/// Bytes read at once: answers are small.
const READ_BYTES: usize = 64 << 10;
/// How long nothing may move.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// The load.
#[derive(Clone)]
pub struct Load {
    /// Where to connect.
    pub address: SocketAddr,
    /// Connections.
    pub connections: usize,
    /// Requests in flight on each.
    pub pipeline: usize,
    /// The request, with any correlation id.
    pub request: Arc<[u8]>,
    /// The answer, with any correlation id.
    pub answer: Arc<[u8]>,
    /// The only core to use.
    pub core: Option<usize>,
}

/// The running load.
pub struct Generator {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<Latencies>>,
}

#[derive(Default)]
struct Shared {
    answered: AtomicU64,
    measuring: AtomicBool,
    stop: AtomicBool,
}

impl Generator {
    /// Connects and begins.
    ///
    /// # Errors
    ///
    /// No connection, no thread.
    pub fn start(load: Load) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("generator".to_owned()).spawn(move || {
            load.core.map_or(Ok(()), pin_to)?;
            Running::new(&load)?.run(&load, &theirs)
        });
        Ok(Self { shared, thread: thread.doing(|| "cannot start the generator".to_owned())? })
    }

    /// Answers so far.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::SeqCst)
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
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| Error::new("the generator's thread ended by a fault of ours"))?
    }
}

struct Running {
    poll: Poll,
    clients: Vec<Client>,
}

impl Running {
    fn new(load: &Load) -> Result<Self> {
        let doing = || "the generator cannot connect".to_owned();
        let poll = Poll::new().doing(doing)?;
        let mut clients = Vec::with_capacity(load.connections);
        for index in 0..load.connections {
            let stream = std::net::TcpStream::connect(load.address).doing(doing)?;
            stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).doing(doing)?;
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(index), both).doing(doing)?;
            clients.push(Client::new(stream, load));
        }
        Ok(Self { poll, clients })
    }

    fn run(mut self, load: &Load, shared: &Shared) -> Result<Latencies> {
        let mut latencies = Latencies::new();
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; READ_BYTES];
        // The first event of each connection says that it is writable: it starts the pipeline.
        while !shared.stop.load(Ordering::SeqCst) {
            match self.poll.poll(&mut events, Some(SILENCE_MAX)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other.doing(|| "the generator cannot wait".to_owned())?,
            }
            if events.is_empty() {
                return Err(Error::new(format!("no answer came for {} s", SILENCE_MAX.as_secs())));
            }
            let measuring = shared.measuring.load(Ordering::Relaxed);
            for event in &events {
                let Some(client) = self.clients.get_mut(event.token().0) else { continue };
                let answered = client.turn(&mut buffer, load, measuring.then_some(&mut latencies))?;
                shared.answered.fetch_add(answered, Ordering::Relaxed);
            }
        }
        Ok(latencies)
    }
}

/// One connection.
struct Client {
    stream: TcpStream,
    /// When each request in flight was due to leave, the oldest first; correlation ids count up with them.
    in_flight: VecDeque<Instant>,
    oldest_id: u32,
    /// Bytes of an answer that is not complete.
    partial: Vec<u8>,
    outbound: Outbound,
}

/// What has not left yet.
enum Outbound {
    /// Whole small frames, and how many bytes of them have left.
    Gathered(Vec<u8>, usize),
    /// Large frames: how many wait, the current one's head with its correlation id, and how many bytes of it have left.
    OneByOne { waiting: VecDeque<u32>, head: [u8; wire::HEAD_BYTES], sent: usize },
}

impl Client {
    fn new(stream: TcpStream, load: &Load) -> Self {
        let outbound = if load.request.len() <= GATHERED_BYTES_MAX {
            Outbound::Gathered(Vec::new(), 0)
        } else {
            let head = load.request.first_chunk().copied().unwrap_or_default();
            Outbound::OneByOne { waiting: VecDeque::new(), head, sent: 0 }
        };
        Self { stream, in_flight: VecDeque::new(), oldest_id: 0, partial: Vec::new(), outbound }
    }

    /// Takes answers, sends as many new requests; returns how many answers came.
    fn turn(&mut self, buffer: &mut [u8], load: &Load, mut latencies: Option<&mut Latencies>) -> Result<u64> {
        let mut answered = 0;
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(Error::new("a connection was closed under load")),
                Ok(count) => {
                    answered += self.take(buffer.get(..count).unwrap_or_default(), load, &mut latencies)?;
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(Error::new(format!("a connection failed under load: {error}"))),
            }
        }
        while self.in_flight.len() < load.pipeline {
            let id = self.oldest_id.wrapping_add(u32::try_from(self.in_flight.len()).unwrap_or(0));
            self.in_flight.push_back(Instant::now());
            self.outbound.add(id, &load.request);
        }
        self.outbound
            .flush(&mut self.stream, &load.request)
            .map_err(|error| Error::new(format!("cannot send: {error}")))?;
        Ok(answered)
    }

    fn take(&mut self, bytes: &[u8], load: &Load, latencies: &mut Option<&mut Latencies>) -> Result<u64> {
        self.partial.extend_from_slice(bytes);
        let (mut answered, mut at) = (0, 0);
        while let Some(answer) = self.partial.get(at..at + load.answer.len()) {
            check(answer, &load.answer, self.oldest_id)?;
            let begin = self.in_flight.pop_front().ok_or_else(|| Error::new("an answer came to no request"))?;
            if let Some(latencies) = latencies {
                latencies.record(begin.elapsed());
            }
            self.oldest_id = self.oldest_id.wrapping_add(1);
            at += load.answer.len();
            answered += 1;
        }
        self.partial.drain(..at);
        Ok(answered)
    }
}

/// The answer is the expected one, with this correlation id.
fn check(answer: &[u8], expected: &[u8], id: u32) -> Result<()> {
    let behind_id = wire::ANSWER_ID_AT + 4;
    let same = answer.get(..wire::ANSWER_ID_AT) == expected.get(..wire::ANSWER_ID_AT)
        && answer.get(behind_id..) == expected.get(behind_id..);
    match wire::u32_at(answer, wire::ANSWER_ID_AT) {
        Some(found) if found == id && same => Ok(()),
        found => Err(Error::new(format!("a wrong answer: correlation id {found:?} instead of {id}, or other bytes"))),
    }
}

impl Outbound {
    fn add(&mut self, id: u32, request: &[u8]) {
        match self {
            Self::Gathered(bytes, _) => {
                let begin = bytes.len();
                bytes.extend_from_slice(request);
                wire::set_id(bytes, begin + wire::REQUEST_ID_AT, id);
            }
            Self::OneByOne { waiting, .. } => waiting.push_back(id),
        }
    }

    /// Writes what the socket takes.
    fn flush(&mut self, stream: &mut TcpStream, request: &[u8]) -> std::io::Result<()> {
        loop {
            let outcome = match self {
                Self::Gathered(bytes, sent) if *sent == bytes.len() => {
                    bytes.clear();
                    *sent = 0;
                    return Ok(());
                }
                Self::Gathered(bytes, sent) => stream.write(bytes.get(*sent..).unwrap_or_default()),
                Self::OneByOne { waiting, head, sent } => {
                    let Some(id) = waiting.front() else { return Ok(()) };
                    wire::set_id(head, wire::REQUEST_ID_AT, *id);
                    let tail = request.get((*sent).max(wire::HEAD_BYTES)..).unwrap_or_default();
                    let head = head.get(*sent..).unwrap_or_default();
                    stream.write_vectored(&[IoSlice::new(head), IoSlice::new(tail)])
                }
            };
            match outcome {
                Ok(count) => self.advance(count, request.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn advance(&mut self, count: usize, frame_bytes: usize) {
        match self {
            Self::Gathered(_, sent) => *sent += count,
            Self::OneByOne { waiting, sent, .. } => {
                *sent += count;
                if *sent == frame_bytes {
                    waiting.pop_front();
                    *sent = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::sink::Sink;

    fn run(
        value_bytes: usize,
        connections: usize,
        pipeline: usize,
        answer: Vec<u8>,
    ) -> (Result<Latencies>, Result<()>, u64) {
        let request: Arc<[u8]> = wire::produce_request(value_bytes).unwrap().into();
        let sink = Sink::start(None, Arc::clone(&request)).unwrap();
        let load = Load { address: sink.address(), connections, pipeline, request, answer: answer.into(), core: None };
        let generator = Generator::start(load).unwrap();
        generator.measure();
        std::thread::sleep(Duration::from_millis(300));
        let answered = generator.answered();
        (generator.finish(), sink.stop(), answered)
    }

    #[test]
    fn small_and_large_frames_go_round() {
        for (value_bytes, connections, pipeline) in [(1024, 8, 5), (1 << 20, 3, 2), (GATHERED_BYTES_MAX, 2, 1)] {
            let (latencies, sink, answered) = run(value_bytes, connections, pipeline, wire::produce_answer().unwrap());
            latencies.unwrap();
            sink.unwrap();
            assert!(answered > 20, "{answered}");
        }
    }

    #[test]
    fn another_answer_than_expected_is_a_failure() {
        let mut answer = wire::produce_answer().unwrap();
        *answer.last_mut().unwrap() ^= 1;
        assert!(run(1024, 1, 1, answer).0.is_err());
    }

    #[test]
    fn the_broker_tells_of_another_request_than_expected() {
        let expected: Arc<[u8]> = wire::produce_request(1024).unwrap().into();
        let mut request = expected.to_vec();
        *request.last_mut().unwrap() ^= 1;
        let sink = Sink::start(None, expected).unwrap();
        let mut stream = std::net::TcpStream::connect(sink.address()).unwrap();
        stream.write_all(&request).unwrap();
        assert_eq!(stream.read(&mut [0; 100]).unwrap(), 0);
        assert!(sink.stop().is_err());
    }
}
