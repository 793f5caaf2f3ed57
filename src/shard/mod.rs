//! A shard: one pinned thread that owns its listening sockets, sessions, backend connections and numbers.
//!
//! Owns all mutable state of its core, drain and scrape. May not lock, or share by reference with another core.

mod certificate_coverage;
mod executor;
mod server;
#[cfg(test)]
mod table_swap_tests;
#[cfg(test)]
mod test_ground;
#[cfg(test)]
mod waiting_tests;

pub use executor::spawn_thread;

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender as StdSender;

use crate::cluster::BackendId;
use crate::listener::{self, Accepted};
use crate::metrics::{Loads, Numbers, Sample};
use crate::net::{AsyncFd, Mailbox, Net, Sender};
use crate::rewrite;
use crate::session::{Context, Phase, ShardState};
use crate::table::Table;
use crate::upstream::{self, Post, Resolver, Status, Upstream};

use certificate_coverage::CertificateCoverage;
use server::{Server, Serving};

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
    /// Serve by this table from now on; running sessions go on with what they began with.
    Table(Arc<Table>),
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
    /// The backend cluster.
    pub backend: BackendId,
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
    /// The resolver's threads.
    pub resolver: Resolver,
    /// What it serves by at first.
    pub table: Arc<Table>,
    /// Its listening sockets, each with the address that the table knows it by.
    pub listening: Vec<(SocketAddr, TcpListener)>,
    /// What topic ids are hidden with: random, the same in all shards.
    pub id_mask: [u8; 16],
    /// Receives one message: the shard accepts, or why it cannot.
    pub ready: StdSender<Result<usize, String>>,
}

/// Runs a shard until it has drained, and returns its last numbers. Called on its thread, inside its executor.
pub async fn run(setup: Setup) -> Sample {
    let number = setup.shard;
    let net = match Net::new() {
        Ok(net) => net,
        Err(error) => {
            let _ = setup.ready.send(Err(format!("shard {number}: io_uring: {error}")));
            return Sample::default();
        }
    };
    let numbers = Rc::new(Numbers::default());
    let place = (number, setup.shards);
    let upstream = Upstream::new(&net, place, setup.post, setup.resolver, numbers.clone());
    let shard = Rc::new(ShardState::new(net.clone(), numbers, place, setup.id_mask));
    let server = Rc::new(Server::new(shard.clone(), &upstream, setup.table));
    let senders: Rc<[Sender<Message>]> = setup.senders.into();
    for listening in setup.listening {
        let (by, senders) = (server.clone(), senders.clone());
        let serve = move |accepted| by.serve(accepted);
        let hand_over = move |accepted| hand_over(&senders, accepted);
        let (caps, loads) = (server.caps.clone(), setup.loads.clone());
        server.tasks.spawn(listener::accept(shard.clone(), caps, loads, listening, serve, hand_over));
    }
    executor::spawn(&net, handle_messages(server.clone(), setup.mailbox));
    executor::spawn(&net, end_when_drained(server));
    let ready = setup.ready;
    executor::spawn(&net, async move {
        // Queued behind the accept loops: by now each has armed its socket.
        let _ = ready.send(Ok(number));
    });
    net.drive().await;
    shard.numbers.sample()
}

/// Gives a connection to the shard that it is assigned to; back when its mailbox is full.
fn hand_over(senders: &[Sender<Message>], accepted: Accepted) -> Result<(), Accepted> {
    let Some(sender) = senders.get(accepted.slot.shard()) else { return Err(accepted) };
    match sender.send(Message::Accepted(accepted)) {
        Err(Message::Accepted(back)) => Err(back),
        // Nothing else can come back than what was sent.
        Ok(())
        | Err(Message::Upstream(_) | Message::Table(_) | Message::Drain | Message::DrainOver | Message::Scrape(_)) => {
            Ok(())
        }
    }
}

async fn handle_messages(server: Rc<Server>, mailbox: Mailbox<Message>) {
    let shard = &server.shard;
    let coverage = Rc::new(CertificateCoverage::default());
    let mailbox = AsyncFd::new(&shard.net, mailbox);
    loop {
        mailbox.readable().await;
        mailbox.get().clear();
        while let Some(message) = mailbox.get().take() {
            match message {
                Message::Upstream(message) => {
                    let serving = server.serving();
                    check_coverage(&coverage, &serving, &message);
                    serving.context.upstream.receive(message);
                }
                Message::Accepted(accepted) => {
                    Numbers::count(&shard.numbers.handed_over, 1);
                    server.serve(accepted);
                }
                Message::Table(table) => server.replace_table(table),
                Message::Drain => server.set_phase(Phase::Draining),
                Message::DrainOver => server.set_phase(Phase::Over),
                Message::Scrape(reply) => reply(scrape(&server.serving().context)),
            }
        }
    }
}

/// The shard that keeps a catalogue checks the names of its nodes.
fn check_coverage(coverage: &Rc<CertificateCoverage>, serving: &Rc<Serving>, message: &upstream::Message) {
    let upstream::Message::Refreshed { backend, catalogue: Some(catalogue), failures: _ } = message else { return };
    let context = &serving.context;
    if context.upstream.owns(backend) {
        let check = coverage.clone().check(serving.clone(), backend.id, catalogue.clone());
        executor::spawn(&context.net, check);
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

async fn end_when_drained(server: Rc<Server>) {
    let shard = &server.shard;
    server.tasks.all_ended(|| shard.phase() != Phase::Serving).await;
    shard.net.stop();
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
                Message::Accepted(_) | Message::Table(_) | Message::Drain | Message::DrainOver | Message::Scrape(_),
            ) => Ok(()),
        },
    })
}
