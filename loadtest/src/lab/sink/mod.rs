//! A synthetic broker that answers at once, so that the proxy before it is what limits.
//!
//! Owns one thread, its sockets, and what the broker has: topics and records. What is wrong with a request closes its
//! connection and is the error at the end.

mod answers;
mod session;

use crate::child::pin_to;
use crate::error::{Context, Error, Result};
use crate::poll::{Events, Poll};
use crate::wire::{self, fetch};
use answers::Answers;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use session::Session;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Bytes read at once.
const READ_BYTES: usize = 256 << 10;
const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;

/// What the broker has and expects.
#[derive(Clone)]
pub struct Script {
    /// Its topics.
    pub topics: Vec<String>,
    /// Partitions of each.
    pub partitions: i32,
    /// The end of every Produce request, from its first record on; `None`: it is not compared.
    pub produced: Option<Arc<[u8]>>,
    /// Records of an answer to Fetch, and bytes of the value of each.
    pub fetched: (usize, usize),
}

impl Default for Script {
    fn default() -> Self {
        Self { topics: vec![wire::TOPIC.to_owned()], partitions: 1, produced: None, fetched: (1, 1024) }
    }
}

/// The running broker.
pub struct Sink {
    port: u16,
    stop: Arc<AtomicBool>,
    waker: Arc<OwnedFd>,
    thread: JoinHandle<Result<()>>,
}

impl Sink {
    /// Starts it on a port of its own choice, on this core if one is given.
    pub fn start(core: Option<usize>, script: Script) -> Result<Self> {
        let doing = "cannot start the synthetic broker";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(doing)?;
        listener.set_nonblocking(true).doing(doing)?;
        let port = listener.local_addr().doing(doing)?.port();
        let poll = Poll::new().doing(doing)?;
        poll.add(&listener, LISTENER).doing(doing)?;
        let waker = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).doing(doing)?);
        poll.add(&waker, STOP).doing(doing)?;
        let records = fetch::Records::new(script.fetched.0, script.fetched.1).map_err(Error::new)?;
        let broker = Broker {
            poll,
            listener,
            sessions: BTreeMap::new(),
            accepted: 0,
            common: Common {
                answers: Answers::new(port, script.topics, script.partitions),
                produced: script.produced,
                records,
            },
        };
        let (stop, theirs) = (Arc::new(AtomicBool::new(false)), Arc::clone(&waker));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("sink".to_owned()).spawn(move || {
            // The descriptor must live as long as it is polled.
            let _theirs = theirs;
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
    pub fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        rustix::io::write(&*self.waker, &1_u64.to_ne_bytes()).doing("cannot stop the synthetic broker")?;
        self.thread.join().map_err(|_| Error::new("the synthetic broker's thread panicked"))?
    }
}

/// What all connections share.
struct Common {
    answers: Answers,
    produced: Option<Arc<[u8]>>,
    records: fetch::Records,
}

struct Broker {
    poll: Poll,
    listener: TcpListener,
    sessions: BTreeMap<u64, Session>,
    accepted: u64,
    common: Common,
}

impl Broker {
    fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let mut events = Events::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut fault = None;
        while !stop.load(Ordering::SeqCst) {
            self.poll.wait(&mut events, None).doing("the synthetic broker cannot wait")?;
            for token in events.tokens() {
                match token {
                    LISTENER => self.accept()?,
                    STOP => {}
                    token => {
                        let Some(session) = self.sessions.get_mut(&token) else { continue };
                        if let Err(why) = session.turn(&mut buffer, &mut self.common) {
                            fault = fault.or(why);
                            self.sessions.remove(&token);
                        }
                    }
                }
            }
        }
        fault.map_or(Ok(()), |why| Err(Error::new(format!("the synthetic broker {why}"))))
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // A client that is gone before it was accepted is no fault of this broker.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(Error::new(format!("the synthetic broker cannot accept: {error}"))),
            };
            let doing = "the synthetic broker cannot take a connection";
            stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).doing(doing)?;
            let token = self.accepted;
            self.accepted += 1;
            self.poll.add(&stream, token).doing(doing)?;
            self.sessions.insert(token, Session::new(stream, token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cluster;
    use crate::wire::outbound::Outbound;
    use crate::wire::produce::Template;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    fn closes_on(script: Script, bytes: &[u8], why: &str) {
        let sink = Sink::start(None, script).unwrap();
        let mut stream = TcpStream::connect(sink.address()).unwrap();
        stream.write_all(bytes).unwrap();
        assert_eq!(stream.read(&mut [0; 100]).unwrap_or(0), 0, "{why}");
        let error = sink.stop().unwrap_err();
        assert!(error.what().contains(why), "{error}");
    }

    fn produce(template: &Template) -> Vec<u8> {
        let (mut out, mut bytes) = (Outbound::default(), Vec::new());
        template.write(1, None, &mut out);
        out.flush(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn another_request_than_expected_is_an_error() {
        for value_bytes in [100, 1024, 100_000] {
            let template = Template::new(wire::TOPIC, 0, 1, 1, value_bytes).unwrap();
            let script = || Script { produced: Some(Arc::clone(template.tail())), ..Script::default() };
            let mut changed = produce(&template);
            let at = changed.len() - 10;
            changed[at] ^= 1;
            closes_on(script(), &changed, "differs");
            let longer = Template::new(wire::TOPIC, 0, 1, 1, value_bytes + 1).unwrap();
            closes_on(script(), &produce(&longer), "differs");
            let other = Template::new("other", 0, 1, 1, value_bytes).unwrap();
            closes_on(script(), &produce(&other), "topic other");
        }
        closes_on(Script::default(), &[0, 0, 0, 1, 0], "frame of 1 bytes");
        let mut unknown = cluster::api_versions_request().unwrap();
        wire::put(&mut unknown, 4, 99_i16.to_be_bytes());
        closes_on(Script::default(), &unknown, "api key 99");
    }

    #[test]
    fn a_request_that_comes_byte_by_byte_is_answered() {
        let template = Template::new(wire::TOPIC, 0, 1, 1, 1000).unwrap();
        let script = Script { produced: Some(Arc::clone(template.tail())), ..Script::default() };
        let sink = Sink::start(None, script).unwrap();
        let mut stream = TcpStream::connect(sink.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in produce(&template) {
            stream.write_all(&[byte]).unwrap();
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(wire::u32_at(&answer, wire::ANSWER_ID_AT), Some(1));
        drop(stream);
        sink.stop().unwrap();
    }
}
