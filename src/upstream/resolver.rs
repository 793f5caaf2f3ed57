//! The resolver: getaddrinfo(3) blocks, so no shard may call it. Some threads do, so that a DNS server that is silent about one
//! name holds up no other; one more thread decides what they do next, so that none of them locks.
//!
//! Owns these threads. May not know how long an answer is good.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::Builder;
use std::time::Duration;

use super::dns_queue::{DnsQueue, Query, RUNNING_MAX};
use super::{Message, Post};
use crate::cluster::BackendId;

/// Queries that may be on their way: the thread that takes them does nothing that lasts.
const EVENTS_MAX: usize = 4096;
/// A mailbox that was full is tried again after this.
const POST_PAUSE: Duration = Duration::from_millis(10);

type Answer = Result<Vec<IpAddr>, String>;
type Resolve = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

enum Event {
    Query(Query),
    Done(Arc<str>, Answer),
    /// The last `Resolver` is gone.
    Ended,
}

/// Sends queries to the resolver's threads.
#[derive(Clone)]
pub struct Resolver(Arc<Handle>);

struct Handle(SyncSender<Event>);

impl Drop for Handle {
    fn drop(&mut self) {
        // Where it is full the thread is about to take an event, and looks then.
        let _ = self.0.try_send(Event::Ended);
    }
}

impl Resolver {
    /// Starts the threads; they end after the last `Resolver`.
    ///
    /// # Errors
    ///
    /// No thread could be started.
    pub fn start(post: Post) -> io::Result<Resolver> {
        Resolver::start_with(post, resolve)
    }

    /// As [`Resolver::start`], with what resolves a name; it may block.
    ///
    /// # Errors
    ///
    /// No thread could be started.
    pub fn start_with(post: Post, resolve: impl Fn(&str) -> Answer + Send + Sync + 'static) -> io::Result<Resolver> {
        let (sender, events) = sync_channel::<Event>(EVENTS_MAX);
        let resolve: Resolve = Arc::new(resolve);
        let mut workers = Vec::new();
        for number in 0..RUNNING_MAX {
            workers.push(start_worker(number, sender.clone(), resolve.clone())?);
        }
        let handle = Arc::new(Handle(sender));
        let alive = Arc::downgrade(&handle);
        let dispatcher = Dispatcher {
            post,
            queue: DnsQueue::default(),
            idle: (0..workers.len()).collect(),
            busy: vec![None; workers.len()],
            workers,
            undelivered: VecDeque::new(),
        };
        Builder::new().name("klamm-resolver".into()).spawn(move || dispatcher.run(&events, &alive))?;
        Ok(Resolver(handle))
    }

    /// Queries a name; the answer comes to the shard as [`Message::Resolved`]. False: too many queries wait.
    pub fn query(&self, host: Arc<str>, backend: BackendId, shard: usize) -> bool {
        match self.0.0.try_send(Event::Query(Query { host, backend, shard })) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

/// Starts a thread that resolves one name after the other, for as long as the dispatcher has names for it.
fn start_worker(number: usize, done: SyncSender<Event>, resolve: Resolve) -> io::Result<SyncSender<Arc<str>>> {
    let (sender, hosts) = sync_channel::<Arc<str>>(1);
    Builder::new().name(format!("klamm-dns-{number}")).spawn(move || {
        for host in hosts {
            let answer = resolve(&host);
            if done.send(Event::Done(host, answer)).is_err() {
                return;
            }
        }
    })?;
    Ok(sender)
}

/// The thread that hands names to those that resolve, and answers to the shards.
struct Dispatcher {
    post: Post,
    queue: DnsQueue,
    workers: Vec<SyncSender<Arc<str>>>,
    /// Indices of the workers that have nothing to do.
    idle: Vec<usize>,
    /// What each worker is at.
    busy: Vec<Option<Arc<str>>>,
    /// For shards whose mailbox was full: such a shard is busy, and holds up no other.
    undelivered: VecDeque<(usize, Message)>,
}

impl Dispatcher {
    fn run(mut self, events: &Receiver<Event>, alive: &Weak<Handle>) {
        while alive.strong_count() > 0 {
            let event = match self.undelivered.is_empty() {
                true => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => events.recv_timeout(POST_PAUSE),
            };
            match event {
                Ok(Event::Query(query)) => self.take(query),
                Ok(Event::Done(host, answer)) => self.done(&host, &answer),
                Err(RecvTimeoutError::Timeout) => self.deliver(),
                Ok(Event::Ended) | Err(RecvTimeoutError::Disconnected) => return,
            }
            self.begin();
        }
    }

    fn take(&mut self, query: Query) {
        let (host, shard) = (query.host.clone(), query.shard);
        if !self.queue.push(query) {
            let why = "too many names of its backend cluster wait to be resolved".to_owned();
            self.undelivered.push_back((shard, Message::Resolved { host, addresses: Err(why) }));
            self.deliver();
        }
    }

    fn done(&mut self, host: &Arc<str>, answer: &Answer) {
        if let Some(worker) = self.busy.iter().position(|at| at.as_ref() == Some(host)) {
            self.free(worker);
        }
        for shard in self.queue.done(host, answer.is_ok()) {
            let message = Message::Resolved { host: host.clone(), addresses: answer.clone() };
            self.undelivered.push_back((shard, message));
        }
        self.deliver();
    }

    /// At most one answer for each name that a shard waits for is undelivered, since a shard asks for a name once at a time.
    fn deliver(&mut self) {
        for _ in 0..self.undelivered.len() {
            let Some((shard, message)) = self.undelivered.pop_front() else { return };
            if let Err(back) = (self.post)(shard, message) {
                self.undelivered.push_back((shard, back));
            }
        }
    }

    fn free(&mut self, worker: usize) {
        if let Some(host) = self.busy.get_mut(worker) {
            *host = None;
            self.idle.push(worker);
        }
    }

    fn begin(&mut self) {
        while let Some(worker) = self.idle.pop() {
            let Some(host) = self.queue.next() else {
                self.idle.push(worker);
                return;
            };
            let sent = self.workers.get(worker).is_some_and(|hosts| hosts.try_send(host.clone()).is_ok());
            if sent {
                if let Some(busy) = self.busy.get_mut(worker) {
                    *busy = Some(host);
                }
            } else {
                // The thread is gone, which nothing does: the others go on.
                self.done(&host, &Err("the resolver's thread is gone".to_owned()));
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "on a thread of the resolver")]
fn resolve(host: &str) -> Answer {
    let found = (host, 0).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    if addresses.is_empty() { Err("the name has no address".into()) } else { Ok(addresses) }
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
