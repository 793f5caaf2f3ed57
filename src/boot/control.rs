//! The control thread: signals, the admin address, reload, drain, and the end.

use std::cell::Cell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at, sleep, timeout, timeout_at};

use super::args::{EXIT_FAULT, EXIT_OK};
use super::certificates;
use super::log;
use super::reload::Reloader;
use crate::admin::{self, AdminListener, BackendReport, Report, Source};
use crate::cluster::BackendId;
use crate::metrics::Sample;
use crate::net::Sender;
use crate::shard::{Message, Scraped, ScrapedBackend};
use crate::sys;
use crate::upstream::TableBackend;

/// How long a shard may take to answer a scrape.
const SCRAPE_TIME: Duration = Duration::from_secs(1);
/// How long a shard may still take to end all sessions: they linger for 2 s.
const END_TIME: Duration = Duration::from_secs(5);
/// Certificates that end soon are logged so often.
const VALIDITY_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// As a shell returns it for a process that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;

/// A running shard.
pub(super) struct ShardHandle {
    pub sender: Sender<Message>,
    pub thread: JoinHandle<Result<(), String>>,
}

/// The control thread's state.
pub(super) struct Control {
    shards: Shards,
    admin: AdminListener,
    threads: Vec<JoinHandle<Result<(), String>>>,
    endings: UnboundedReceiver<(usize, Sample)>,
    drain_duration: Duration,
}

/// What of it the admin address may ask.
struct Shards {
    senders: Vec<Sender<Message>>,
    draining: Cell<bool>,
    started_at_seconds: f64,
    reloader: Reloader,
}

impl Control {
    /// Takes over shards that accept.
    pub fn new(
        reloader: Reloader,
        admin: AdminListener,
        handles: Vec<ShardHandle>,
        endings: UnboundedReceiver<(usize, Sample)>,
    ) -> Control {
        let (senders, threads) = handles.into_iter().map(|handle| (handle.sender, handle.thread)).unzip();
        let drain_duration = reloader.table().snapshot.node.drain_duration;
        let shards =
            Shards { senders, draining: Cell::new(false), started_at_seconds: seconds(SystemTime::now()), reloader };
        Control { shards, admin, threads, endings, drain_duration }
    }

    /// Serves until a signal ends it.
    pub fn run(self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => ExitCode::from(runtime.block_on(self.serve()).unwrap_or_else(|error| {
                tracing::error!(%error, "the control thread cannot run");
                EXIT_FAULT
            })),
            Err(error) => {
                tracing::error!(%error, "the control thread cannot run");
                ExitCode::from(EXIT_FAULT)
            }
        }
    }

    async fn serve(mut self) -> io::Result<u8> {
        let mut signals = Signals::new()?;
        sys::unblock_signals();
        notify(&[NotifyState::Ready, NotifyState::Status("serving")]);
        tracing::info!(shards = self.threads.len(), "serving");
        let shards = Rc::new(self.shards);
        let admin = admin::serve(self.admin, shards.clone());
        let control = async {
            let by = tokio::select! {
                by = drain_signal(&mut signals.term, &mut signals.int) => by,
                never = reloads(&mut signals.hup, &shards) => match never {},
                never = ignore(&mut signals.others) => match never {},
            };
            shards.draining.set(true);
            notify(&[NotifyState::Stopping, NotifyState::Status("draining")]);
            tracing::info!(by, seconds = self.drain_duration.as_secs_f64(), "draining");
            let drained = drain(&shards, &mut self.endings, self.threads.len(), self.drain_duration);
            tokio::select! {
                code = drained => code,
                // A further SIGTERM changes nothing.
                _ = signals.int.recv() => {
                    tracing::warn!("ended by a second SIGINT");
                    EXIT_INTERRUPTED
                }
            }
        };
        tokio::select! {
            code = control => Ok(code),
            Err(error) = admin => Err(error),
        }
    }
}

/// The signals this thread takes.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    /// What would end the process without a word, and has no meaning here.
    others: [(&'static str, Signal); 2],
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            others: [
                ("SIGUSR1", signal(SignalKind::user_defined1())?),
                ("SIGUSR2", signal(SignalKind::user_defined2())?),
            ],
        })
    }
}

/// Waits for the signal to drain; returns its name.
async fn drain_signal(term: &mut Signal, int: &mut Signal) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

/// Logs what other proxies have a meaning for, and goes on.
async fn ignore([first, second]: &mut [(&'static str, Signal); 2]) -> Infallible {
    loop {
        let signal = tokio::select! {
            _ = first.1.recv() => first.0,
            _ = second.1.recv() => second.0,
        };
        tracing::warn!(signal, "ignored: SIGTERM drains, SIGHUP reads the configuration's files again");
    }
}

/// Reloads at each SIGHUP, and looks at the certificates every day.
async fn reloads(hup: &mut Signal, shards: &Shards) -> Infallible {
    let mut days = interval_at(Instant::now() + VALIDITY_INTERVAL, VALIDITY_INTERVAL);
    loop {
        tokio::select! {
            _ = hup.recv() => reload(shards).await,
            _ = days.tick() => certificates::log_validity(&shards.reloader.table().snapshot),
        }
    }
}

async fn reload(shards: &Shards) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]),
        Err(error) => tracing::warn!(%error, "systemd is not notified of the reload: it waits for its end"),
    }
    let status = match shards.reloader.reload().await {
        Some(table) => {
            shards.send_all(|| Message::Table(table.clone())).await;
            "serving"
        }
        None => "serving; the last reload failed",
    };
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Sends the shards a drain and waits for them, `limit` long at most and a little longer for what is then closed.
async fn drain(shards: &Shards, endings: &mut UnboundedReceiver<(usize, Sample)>, count: usize, limit: Duration) -> u8 {
    let begun = std::time::Instant::now();
    let mut sum = Sample::default();
    let mut left = count;
    shards.send_all(|| Message::Drain).await;
    let all = async |left: &mut usize, sum: &mut Sample, endings: &mut UnboundedReceiver<(usize, Sample)>| {
        while *left > 0 {
            let Some((_, last)) = endings.recv().await else { break };
            sum.add(&last);
            *left -= 1;
        }
    };
    if timeout(limit, all(&mut left, &mut sum, endings)).await.is_err() {
        tracing::warn!("the drain's time is over: closing what is left");
        shards.send_all(|| Message::DrainOver).await;
        let _ = timeout(END_TIME, all(&mut left, &mut sum, endings)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    if left > 0 {
        tracing::error!(shards = left, seconds, "some shards did not end");
        return EXIT_FAULT;
    }
    tracing::info!(accepted = sum.accepted, active = sum.active, requests = sum.requests, seconds, "drained");
    EXIT_OK
}

impl Shards {
    /// Sends each shard a message; waits where a mailbox is full.
    async fn send_all(&self, message: impl Fn() -> Message) {
        for sender in &self.senders {
            while sender.send(message()).is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Scrapes all shards at once; one that does not answer in time is `None`.
    async fn scrape(&self) -> Vec<Option<Scraped>> {
        let requested: Vec<_> = self.senders.iter().map(request_scrape).collect();
        let limit = Instant::now() + SCRAPE_TIME;
        let mut scraped = Vec::new();
        for answered in requested {
            scraped.push(match answered {
                Some(answered) => timeout_at(limit, answered).await.ok().and_then(Result::ok),
                None => None,
            });
        }
        scraped
    }
}

/// Requests a scrape; `None` when the shard's mailbox is full.
fn request_scrape(sender: &Sender<Message>) -> Option<oneshot::Receiver<Scraped>> {
    let (answer, answered) = oneshot::channel();
    let reply = Box::new(|scraped| {
        // The scrape was given up meanwhile.
        let _ = answer.send(scraped);
    });
    sender.send(Message::Scrape(reply)).ok()?;
    Some(answered)
}

impl Source for Shards {
    async fn report(&self) -> Report {
        let scraped = self.scrape().await;
        let known: HashMap<BackendId, &ScrapedBackend> = scraped
            .iter()
            .flatten()
            .flat_map(|scraped| &scraped.backends)
            .map(|known| (known.backend, known))
            .collect();
        let table = self.reloader.table();
        let report = |backend: &TableBackend| backend_report(backend, known.get(&backend.shared.id).copied());
        let backends = table.backends.iter().map(report).collect();
        let (reloads, certificates) = self.reloader.report();
        Report {
            reloads,
            certificates,
            shards: scraped.into_iter().map(|scraped| scraped.map(|scraped| scraped.sample)).collect(),
            backends,
            accepting: !self.draining.get(),
            draining: self.draining.get(),
            log_lines_lost: log::lost(),
            started_at_seconds: self.started_at_seconds,
        }
    }
}

/// What is known of a backend cluster, where the shard that keeps its catalogue has answered.
fn backend_report(backend: &TableBackend, known: Option<&ScrapedBackend>) -> BackendReport {
    let report = BackendReport { name: backend.shared.config.name.to_string(), ..BackendReport::default() };
    let Some(known) = known else { return report };
    BackendReport {
        catalogue_version: known.version,
        nodes: known.nodes,
        refreshed_at_seconds: known.status.refreshed_at.map(seconds),
        last_error: known.status.last_error.clone(),
        ..report
    }
}

/// Unix time.
pub(super) fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Notifies systemd; without it nobody listens, which is no fault.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be notified: it may take the service for one that hangs");
    }
}
