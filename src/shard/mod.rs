//! A shard: one pinned thread that owns its listening sockets, sessions, backend connections and numbers.
//!
//! Owns all mutable state of its core, drain and scrape. May not lock, or share by reference with another core.

mod executor;

pub use executor::{prepare, spawn_thread};

use std::cell::Cell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender as StdSender;
use std::time::Instant;

use crate::config::Limits;
use crate::listener::{self, Caps};
use crate::metrics::{Numbers, Sample};
use crate::net::{Mailbox, Net, Sender, Signal, Watch};
use crate::route::Route;
use crate::session::{self, Context, Phase};
use crate::upstream::{self, Post, Resolver, SharedBackend, Status, Upstream};

/// What a shard is told.
pub enum Message {
    /// About backends.
    Upstream(upstream::Message),
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
    /// Where it is told things.
    pub mailbox: Mailbox<Message>,
    /// How it tells other shards about backends.
    pub post: Post,
    /// The resolver thread.
    pub resolver: Resolver,
    /// The backend clusters.
    pub backends: Vec<SharedBackend>,
    /// Its listening sockets.
    pub listening: Vec<(TcpListener, Arc<Route>)>,
    /// The limits; those of connections are the whole node's.
    pub limits: Limits,
    /// Client connections of the whole node.
    pub connections_max: u64,
    /// Memory for buffers of the whole node.
    pub memory_bytes_max: u64,
    /// What topic ids are hidden with: random, the same in all shards.
    pub id_mask: [u8; 16],
    /// Told once: the shard accepts, or why it cannot.
    pub ready: StdSender<Result<usize, String>>,
}

/// Each shard's exact part of a cap.
fn part(cap: u64, shards: usize) -> u64 {
    cap.div_ceil(shards.max(1) as u64)
}

/// Runs a shard until it has drained, and returns its last numbers. Called on its thread, inside its executor.
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
    ));
    for (at, backend) in setup.backends.iter().enumerate() {
        if backend.owner == shard {
            executor::spawn(&net, upstream::keep(upstream.clone(), at));
        }
    }
    let tasks = Rc::new(Tasks::new(&net));
    let caps = Rc::new(Caps::new(
        part(setup.connections_max, setup.shards),
        part(setup.limits.connections_per_source_max, setup.shards),
        part(setup.limits.accepts_per_second_max, setup.shards),
        Instant::now(),
    ));
    for (listening, route) in setup.listening {
        tasks.spawn(listener::accept(context.clone(), caps.clone(), listening, route, serve(&context, &tasks)));
    }
    executor::spawn(&net, told(context.clone(), setup.mailbox));
    executor::spawn(&net, end_when_drained(context.clone(), tasks));
    let ready = setup.ready;
    executor::spawn(&net, async move {
        // Queued behind the accept loops: by now each has armed its socket.
        let _ = ready.send(Ok(shard));
    });
    net.drive().await;
    context.numbers.sample()
}

fn serve(
    context: &Rc<Context>,
    tasks: &Rc<Tasks>,
) -> impl Fn(std::net::TcpStream, listener::Admitted, Arc<Route>) + 'static {
    let (context, tasks) = (context.clone(), tasks.clone());
    move |stream, admitted, route| {
        let session = session::run(context.clone(), route, stream);
        tasks.spawn(async move {
            session.await;
            drop(admitted);
        });
    }
}

/// Listeners and sessions: what a drain waits for.
struct Tasks {
    net: Net,
    running: Cell<usize>,
    ended: Signal,
}

impl Tasks {
    fn new(net: &Net) -> Tasks {
        Tasks { net: net.clone(), running: Cell::new(0), ended: Signal::new(net) }
    }

    fn spawn(self: &Rc<Tasks>, task: impl Future<Output = ()> + 'static) {
        self.running.set(self.running.get() + 1);
        let tasks = self.clone();
        executor::spawn(&self.net, async move {
            task.await;
            tasks.running.set(tasks.running.get() - 1);
            if tasks.running.get() == 0 {
                tasks.ended.raise();
            }
        });
    }
}

async fn told(context: Rc<Context>, mailbox: Mailbox<Message>) {
    let watch = Watch::new(&context.net, mailbox);
    loop {
        watch.readable().await;
        watch.get().clear();
        while let Some(message) = watch.get().take() {
            match message {
                Message::Upstream(message) => context.upstream.receive(message),
                Message::Drain => context.set_phase(Phase::Draining),
                Message::DrainOver => context.set_phase(Phase::Over),
                Message::Scrape(reply) => reply(scrape(&context)),
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
            Ok(()) | Err(Message::Drain | Message::DrainOver | Message::Scrape(_)) => Ok(()),
        },
    })
}
