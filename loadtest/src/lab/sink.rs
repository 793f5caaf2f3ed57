//! A synthetic broker that answers at once, so that the proxy before it is what limits.
//!
//! Owns one thread, its sockets and the answers. Produce requests are compared byte for byte with the one that is
//! expected; a difference closes the connection and is told at the end.

use crate::child::pin_to;
use crate::error::{Context, Error, Result};
use crate::wire;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Bytes read at once.
const READ_BYTES: usize = 256 << 10;
const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// The running broker.
pub struct Sink {
    port: u16,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<Result<()>>,
}

impl Sink {
    /// Starts it on a port of its own choice, on this core if one is given.
    ///
    /// # Errors
    ///
    /// No socket, no thread.
    pub fn start(core: Option<usize>, expected: Arc<[u8]>) -> Result<Self> {
        let doing = || "cannot start the synthetic broker".to_owned();
        let poll = Poll::new().doing(doing)?;
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).doing(doing)?;
        let port = listener.local_addr().doing(doing)?.port();
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).doing(doing)?;
        let waker = Waker::new(poll.registry(), STOP).doing(doing)?;
        let stop = Arc::new(AtomicBool::new(false));
        let answers = Answers::new(port).map_err(Error::new)?;
        let broker = Broker { poll, listener, sessions: Vec::new(), free: Vec::new(), expected, answers };
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("sink".to_owned()).spawn(move || {
            core.map_or(Ok(()), pin_to)?;
            broker.run(&stopped)
        });
        Ok(Self { port, stop, waker, thread: thread.doing(doing)? })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// What it got that it should not have got.
    pub fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake().doing(|| "cannot stop the synthetic broker".to_owned())?;
        self.thread.join().map_err(|_| Error::new("the synthetic broker's thread ended by a fault of ours"))?
    }
}

/// The answers, ready but for the correlation id.
struct Answers {
    produce: Vec<u8>,
    metadata: Vec<Vec<u8>>,
    api_versions: Vec<Vec<u8>>,
}

impl Answers {
    fn new(port: u16) -> wire::Result<Self> {
        Ok(Self {
            produce: wire::produce_answer()?,
            metadata: (0..=wire::METADATA_VERSION)
                .map(|version| wire::metadata_answer(version, port))
                .collect::<wire::Result<_>>()?,
            api_versions: (0..=3).map(wire::api_versions_answer).collect::<wire::Result<_>>()?,
        })
    }

    fn to(&self, key: i16, version: i16) -> Option<&[u8]> {
        let version = usize::try_from(version).ok()?;
        match key {
            0 => (version == usize::try_from(wire::PRODUCE_VERSION).ok()?).then_some(self.produce.as_slice()),
            3 => self.metadata.get(version).map(Vec::as_slice),
            18 => self.api_versions.get(version).map(Vec::as_slice),
            _ => None,
        }
    }
}

struct Broker {
    poll: Poll,
    listener: TcpListener,
    sessions: Vec<Option<Session>>,
    free: Vec<usize>,
    expected: Arc<[u8]>,
    answers: Answers,
}

/// A connection: what of the current request has come, and what of the answers has not left.
struct Session {
    stream: TcpStream,
    head: [u8; wire::HEAD_BYTES],
    /// Bytes of the current frame seen so far, its length field included.
    seen: usize,
    out: Vec<u8>,
}

impl Broker {
    fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; READ_BYTES];
        let mut fault = None;
        while !stop.load(Ordering::SeqCst) {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other.doing(|| "the synthetic broker cannot wait".to_owned())?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    STOP => {}
                    Token(index) => {
                        let Some(Some(session)) = self.sessions.get_mut(index) else { continue };
                        let outcome = session.turn(&mut buffer, &self.expected, &self.answers);
                        if let Err(why) = outcome {
                            fault = fault.or(why);
                            self.close(index);
                        }
                    }
                }
            }
        }
        fault.map_or(Ok(()), |why| Err(Error::new(format!("the synthetic broker {why}"))))
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Error::new(format!("the synthetic broker cannot accept: {error}"))),
            };
            let doing = || "the synthetic broker cannot take a connection".to_owned();
            stream.set_nodelay(true).doing(doing)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.sessions.push(None);
                self.sessions.len() - 1
            });
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(index), both).doing(doing)?;
            if let Some(place) = self.sessions.get_mut(index) {
                *place = Some(Session { stream, head: [0; wire::HEAD_BYTES], seen: 0, out: Vec::new() });
            }
        }
    }

    fn close(&mut self, index: usize) {
        if self.sessions.get_mut(index).and_then(Option::take).is_some() {
            self.free.push(index);
        }
    }
}

/// The connection is over: by itself, or because of what it brought.
type Over = Option<String>;

impl Session {
    /// Reads until nothing is left, then writes what the socket takes.
    fn turn(&mut self, buffer: &mut [u8], expected: &[u8], answers: &Answers) -> std::result::Result<(), Over> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(None),
                Ok(count) => {
                    self.take(buffer.get(..count).unwrap_or_default(), expected, answers)?;
                    // A short read says that the socket is empty; edge-triggered, the next bytes bring an event.
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(None),
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> std::result::Result<(), Over> {
        let mut sent = 0;
        while let Some(rest) = self.out.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(None),
            }
        }
        self.out.drain(..sent);
        Ok(())
    }

    fn take(&mut self, mut bytes: &[u8], expected: &[u8], answers: &Answers) -> std::result::Result<(), Over> {
        while !bytes.is_empty() {
            if self.seen < wire::HEAD_BYTES {
                let (part, rest) = bytes.split_at(bytes.len().min(wire::HEAD_BYTES - self.seen));
                if let Some(place) = self.head.get_mut(self.seen..self.seen + part.len()) {
                    place.copy_from_slice(part);
                }
                self.seen += part.len();
                bytes = rest;
                continue;
            }
            let length = self.frame_bytes()?;
            let (part, rest) = bytes.split_at(bytes.len().min(length - self.seen));
            if self.key() == 0 && expected.get(self.seen..self.seen + part.len()) != Some(part) {
                return Err(Some(format!("got a Produce request that differs after byte {}", self.seen)));
            }
            self.seen += part.len();
            bytes = rest;
            if self.seen == length {
                self.answer(answers)?;
            }
        }
        Ok(())
    }

    /// Length of the current frame, its length field included.
    fn frame_bytes(&self) -> std::result::Result<usize, Over> {
        let length = wire::u32_at(&self.head, 0).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        // Every request here has a client id, so it is longer than its head.
        if (wire::HEAD_BYTES - 4 + 1..=64 << 20).contains(&length) {
            Ok(length + 4)
        } else {
            Err(Some(format!("got a frame of {length} bytes")))
        }
    }

    fn key(&self) -> i16 {
        i16::from_be_bytes([self.head[4], self.head[5]])
    }

    fn answer(&mut self, answers: &Answers) -> std::result::Result<(), Over> {
        let (key, version) = (self.key(), i16::from_be_bytes([self.head[6], self.head[7]]));
        let Some(answer) = answers.to(key, version) else {
            return Err(Some(format!("was asked for api key {key} version {version}")));
        };
        let begin = self.out.len();
        self.out.extend_from_slice(answer);
        let id = wire::u32_at(&self.head, wire::REQUEST_ID_AT).unwrap_or(0);
        wire::set_id(&mut self.out, begin + wire::ANSWER_ID_AT, id);
        self.seen = 0;
        Ok(())
    }
}
