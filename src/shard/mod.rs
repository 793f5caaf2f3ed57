//! A shard: one pinned thread that owns its listening sockets, sessions, backend connections and numbers.
//!
//! Owns all mutable state of its core, drain and scrape. May not lock, or share by reference with another core.

mod certificate_coverage;
mod executor;

pub use executor::spawn_thread;

use std::cell::Cell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender as StdSender;
use std::time::Instant;

use crate::config::Limits;
use crate::listener::{self, Accepted, Caps};
use crate::metrics::{Loads, Numbers, Sample};
use crate::net::{AsyncFd, Mailbox, Net, Notify, Sender};
use crate::rewrite;
use crate::route::Ingress;
use crate::session::{self, Context, Phase};
use crate::tls::{BackendTlsConfig, ServerTlsConfigs};
use crate::upstream::{self, Post, Resolver, SharedBackend, Status, Upstream};

use certificate_coverage::CertificateCoverage;

/// To be called before the process has threads: what all shards share, and none may wait for, is made here.
pub fn prepare() {
    executor::prepare();
    rewrite::prepare();
}

/// A message to a shard.
pub enum Message {
    /// About backends.
    Upstream(upstream::Message),
    /// A connection that another shard accepted and this one serves.
    Accepted(Accepted),
    /// The TLS configuration of handshakes from now on; running sessions keep theirs.
    TlsConfigs {
        /// By the index of the listener.
        servers: ServerTlsConfigs,
        /// By the index of the backend cluster.
        backends: Arc<[Option<BackendTlsConfig>]>,
    },
    /// Stop accepting; end sessions as soon as nothing is in flight on them.
    Drain,
    /// End what is left, now.
    DrainOver,
    /// Send a copy of the numbers.
    Scrape(Reply),
}

/// Where a scrape's answer goes.
pub type Reply = Box<dyn FnOnce(Scraped) + Send>;

/// A shard's answer to a scrape.
pub struct Scraped {
    /// Its numbers.
    pub sample: Sample,
    /// The backends whose catalogue it keeps.
    pub backends: Vec<ScrapedBackend>,
}

/// A catalogue as its owner knows it.
pub struct ScrapedBackend {
    /// Index of the backend cluster.
    pub backend: usize,
    /// Version of its catalogue; 0 while unknown.
    pub version: u64,
    /// Its nodes.
    pub nodes: usize,
    /// How the last attempts went.
    pub status: Status,
}

/// Everything a shard begins with. Moved to its thread.
pub struct Setup {
    /// Its number.
    pub shard: usize,
    /// The number of all shards.
    pub shards: usize,
    /// The receiving end of its messages.
    pub mailbox: Mailbox<Message>,
    /// How it sends messages about backends to other shards.
    pub post: Post,
    /// How connections get to other shards, by the shard's number.
    pub senders: Vec<Sender<Message>>,
    /// The connections of all shards.
    pub loads: Loads,
    /// The resolver thread.
    pub resolver: Resolver,
    /// The backend clusters.
    pub backends: Vec<SharedBackend>,
    /// The TLS configuration of handshakes with nodes, by the index of the backend cluster.
    pub backend_tls: Arc<[Option<BackendTlsConfig>]>,
    /// Its listening sockets.
    pub listening: Vec<(TcpListener, Arc<Ingress>)>,
    /// The TLS configuration of each listener.
    pub server_tls: ServerTlsConfigs,
    /// The limits; those of connections are the whole node's.
    pub limits: Limits,
    /// Client connections of the whole node.
    pub connections_max: u64,
    /// Memory for buffers of the whole node.
    pub memory_bytes_max: u64,
    /// What topic ids are hidden with: random, the same in all shards.
    pub id_mask: [u8; 16],
    /// Receives one message: the shard accepts, or why it cannot.
    pub ready: StdSender<Result<usize, String>>,
}

/// Each shard's exact part of a cap.
fn part(cap: u64, shards: usize) -> u64 {
    cap.div_ceil(shards.max(1) as u64)
}

/// Runs a shard until it has drained, and returns its last numbers. Called on its thread, inside its executor.
#[expect(clippy::disallowed_methods, reason = "the first turn has not begun")]
pub async fn run(setup: Setup) -> Sample {
    let shard = setup.shard;
    let net = match Net::new() {
        Ok(net) => net,
        Err(error) => {
            let _ = setup.ready.send(Err(format!("shard {shard}: io_uring: {error}")));
            return Sample::default();
        }
    };
    let numbers = Rc::new(Numbers::default());
    let upstream = Rc::new(Upstream::new(
        &net,
        (shard, setup.shards),
        setup.post,
        setup.resolver,
        setup.backends.clone(),
        &setup.backend_tls,
        numbers.clone(),
    ));
    let memory_bytes_max = setup.memory_bytes_max / setup.shards.max(1) as u64;
    let context = Rc::new(Context::new(
        shard,
        net.clone(),
        upstream.clone(),
        numbers,
        setup.limits.clone(),
        memory_bytes_max,
        setup.id_mask,
        setup.server_tls,
    ));
    for (at, backend) in setup.backends.iter().enumerate() {
        if backend.owner == shard {
            executor::spawn(&net, upstream::keep_catalogue(upstream.clone(), at));
            executor::spawn(&net, upstream::watch_shadowed_topics(upstream.clone(), at));
        }
    }
    let tasks = Rc::new(Tasks::new(&net));
    let caps = Rc::new(Caps::new(
        part(setup.connections_max, setup.shards),
        part(setup.limits.connections_per_source_max, setup.shards),
        part(setup.limits.accepts_per_second_max, setup.shards),
        Instant::now(),
    ));
    let owned = setup.backends.iter().map(|backend| backend.owner == shard).collect();
    let coverage = Rc::new(CertificateCoverage::new(setup.listening.iter().map(|(_, ingress)| &**ingress)));
    let server = Rc::new(Server { context: context.clone(), caps: caps.clone(), tasks: tasks.clone() });
    let senders: Rc<[Sender<Message>]> = setup.senders.into();
    for listening in setup.listening {
        let (server, senders) = (server.clone(), senders.clone());
        let serve = move |accepted| server.serve(accepted);
        let hand_over = move |accepted| hand_over(&senders, accepted);
        let accept = listener::accept(context.clone(), caps.clone(), setup.loads.clone(), listening, serve, hand_over);
        tasks.spawn(accept);
    }
    executor::spawn(&net, handle_messages(server, Catalogues { owned, coverage }, setup.mailbox));
    executor::spawn(&net, end_when_drained(context.clone(), tasks));
    let ready = setup.ready;
    executor::spawn(&net, async move {
        // Queued behind the accept loops: by now each has armed its socket.
        let _ = ready.send(Ok(shard));
    });
    net.drive().await;
    context.numbers.sample()
}

/// What a connection is served with.
struct Server {
    context: Rc<Context>,
    caps: Rc<Caps>,
    tasks: Rc<Tasks>,
}

impl Server {
    fn serve(&self, accepted: Accepted) {
        let Some((stream, admitted, ingress)) = listener::admit(&self.context, &self.caps, accepted) else { return };
        let session = session::run(self.context.clone(), ingress, stream);
        self.tasks.spawn(async move {
            session.await;
            drop(admitted);
        });
    }
}

/// Gives a connection to the shard that it is assigned to; back when its mailbox is full.
fn hand_over(senders: &[Sender<Message>], accepted: Accepted) -> Result<(), Accepted> {
    let Some(sender) = senders.get(accepted.slot.shard()) else { return Err(accepted) };
    match sender.send(Message::Accepted(accepted)) {
        Err(Message::Accepted(back)) => Err(back),
        // Nothing else can come back than what was sent.
        Ok(())
        | Err(
            Message::Upstream(_)
            | Message::TlsConfigs { .. }
            | Message::Drain
            | Message::DrainOver
            | Message::Scrape(_),
        ) => Ok(()),
    }
}

/// Listeners and sessions: what a drain waits for.
struct Tasks {
    net: Net,
    running: Cell<usize>,
    ended: Notify,
}

impl Tasks {
    fn new(net: &Net) -> Tasks {
        Tasks { net: net.clone(), running: Cell::new(0), ended: Notify::new(net) }
    }

    fn spawn(self: &Rc<Tasks>, task: impl Future<Output = ()> + 'static) {
        self.running.set(self.running.get() + 1);
        let tasks = self.clone();
        executor::spawn(&self.net, async move {
            task.await;
            tasks.running.set(tasks.running.get() - 1);
            if tasks.running.get() == 0 {
                tasks.ended.notify();
            }
        });
    }
}

/// What is done when a catalogue arrives.
struct Catalogues {
    /// Whether this shard keeps it, by the index of its backend cluster.
    owned: Vec<bool>,
    coverage: Rc<CertificateCoverage>,
}

impl Catalogues {
    fn received(&self, context: &Rc<Context>, message: &upstream::Message) {
        let upstream::Message::Refreshed { backend, catalogue: Some(catalogue), failures: _ } = message else { return };
        if self.owned.get(*backend) == Some(&true) {
            let look = self.coverage.clone().check(context.clone(), *backend, catalogue.clone());
            executor::spawn(&context.net, look);
        }
    }
}

async fn handle_messages(server: Rc<Server>, catalogues: Catalogues, mailbox: Mailbox<Message>) {
    let context = &server.context;
    let mailbox = AsyncFd::new(&context.net, mailbox);
    loop {
        mailbox.readable().await;
        mailbox.get().clear();
        while let Some(message) = mailbox.get().take() {
            match message {
                Message::Upstream(message) => {
                    catalogues.received(context, &message);
                    context.upstream.receive(message);
                }
                Message::Accepted(accepted) => {
                    Numbers::count(&context.numbers.handed_over, 1);
                    server.serve(accepted);
                }
                Message::TlsConfigs { servers, backends } => {
                    context.set_server_tls(servers);
                    context.upstream.set_tls_configs(&backends);
                }
                Message::Drain => context.set_phase(Phase::Draining),
                Message::DrainOver => context.set_phase(Phase::Over),
                Message::Scrape(reply) => reply(scrape(context)),
            }
        }
    }
}

fn scrape(context: &Context) -> Scraped {
    context.numbers.rearmed.set(context.net.rearmed());
    context.numbers.pipes_open.set(context.pipes.open() as u64);
    context.numbers.pipe_failures.set(context.pipes.failures());
    let backends = context.upstream.owned().map(|(backend, catalogue, status)| ScrapedBackend {
        backend,
        version: catalogue.as_ref().map_or(0, |catalogue| catalogue.version),
        nodes: catalogue.as_ref().map_or(0, |catalogue| catalogue.nodes.len()),
        status,
    });
    Scraped { sample: context.numbers.sample(), backends: backends.collect() }
}

async fn end_when_drained(context: Rc<Context>, tasks: Rc<Tasks>) {
    loop {
        let count = tasks.ended.count();
        if context.phase() != Phase::Serving && tasks.running.get() == 0 {
            context.net.stop();
            return;
        }
        tasks.ended.after(count).await;
    }
}

/// The sending ends of all shards' mailboxes, as `upstream` knows them.
pub fn post(senders: Vec<Sender<Message>>) -> Post {
    Arc::new(move |shard, message| match senders.get(shard) {
        None => Ok(()),
        Some(sender) => match sender.send(Message::Upstream(message)) {
            Err(Message::Upstream(back)) => Err(back),
            // Nothing else can come back than what was sent.
            Ok(())
            | Err(
                Message::Accepted(_)
                | Message::TlsConfigs { .. }
                | Message::Drain
                | Message::DrainOver
                | Message::Scrape(_),
            ) => Ok(()),
        },
    })
}
