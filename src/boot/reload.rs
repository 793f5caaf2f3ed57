//! SIGHUP: the configuration and the files that it names are read again; what needs no restart is taken, all else is logged.
//!
//! Owns what runs. Reads on a thread of its own, since a file may be far away. Does not send to the shards: the caller does.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::certificates;
use super::control::seconds;
use crate::admin::{CertificateReport, ReloadReport};
use crate::config::{self, Faults, Reloaded};
use crate::sys;
use crate::table::Table;

/// Faults that are logged one by one; `klamm check` prints all.
const FAULTS_LOGGED_MAX: usize = 20;
/// Paths of a difference that a line names.
const PATHS_LOGGED_MAX: usize = 20;

/// Reloads, one at a time.
pub(super) struct Reloader {
    path: PathBuf,
    shards: usize,
    /// What runs: as it was read, and changed by reloads.
    table: RefCell<Arc<Table>>,
    report: RefCell<(ReloadReport, Vec<CertificateReport>)>,
}

/// What was read for a reload.
struct Read {
    table: Table,
    differing: Vec<String>,
    uncovered: Vec<(Arc<str>, String)>,
}

/// Why nothing was taken.
#[derive(Debug)]
enum Refused {
    Faults(Faults),
    Sentence(String),
}

impl Reloader {
    /// For what was read from `path` and runs since now, on so many shards.
    pub fn new(path: PathBuf, table: Arc<Table>, shards: usize) -> Reloader {
        let report = ReloadReport { succeeded_at_seconds: seconds(SystemTime::now()), ..ReloadReport::default() };
        let report = RefCell::new((report, certificates::reports(&table.snapshot)));
        Reloader { path, shards, table: RefCell::new(table), report }
    }

    /// What runs.
    pub fn table(&self) -> Arc<Table> {
        self.table.borrow().clone()
    }

    /// For the admin address.
    pub fn report(&self) -> (ReloadReport, Vec<CertificateReport>) {
        self.report.borrow().clone()
    }

    /// Reads again, and logs the outcome. Returns the table for the shards; `None`: nothing has changed.
    pub async fn reload(&self) -> Option<Arc<Table>> {
        let read = match read_on_a_thread(self.path.clone(), self.table(), self.shards).await {
            Ok(read) => read,
            Err(refused) => {
                log_refused(&refused);
                self.report.borrow_mut().0.failed += 1;
                return None;
            }
        };
        log_differences(&read);
        let certificates = certificates::reports(&read.table.snapshot);
        let (report, reported) = &mut *self.report.borrow_mut();
        *reported = certificates;
        report.succeeded += 1;
        report.succeeded_at_seconds = seconds(SystemTime::now());
        report.differing = read.differing.len() as u64;
        *self.table.borrow_mut() = Arc::new(read.table);
        Some(self.table())
    }
}

async fn read_on_a_thread(path: PathBuf, running: Arc<Table>, shards: usize) -> Result<Read, Refused> {
    let (answer, answered) = oneshot::channel();
    let thread = std::thread::Builder::new().name("klamm-reload".into()).spawn(move || {
        // Only the control thread takes signals.
        sys::block_signals();
        // Nobody waits any more where the process ends meanwhile.
        let _ = answer.send(read(&path, &running, shards));
    });
    thread.map_err(|error| Refused::Sentence(format!("no thread can be started: {error}")))?;
    answered.await.unwrap_or_else(|_| Err(Refused::Sentence("a bug in reading it; the line before says more".into())))
}

fn read(path: &Path, running: &Table, shards: usize) -> Result<Read, Refused> {
    let read = config::load(path).map_err(Refused::Faults)?;
    let Reloaded { snapshot, differing, uncovered } = config::reload(&running.snapshot, &read);
    let table = Table::of(snapshot, shards, Some(running)).map_err(Refused::Sentence)?;
    Ok(Read { table, differing, uncovered })
}

fn log_differences(read: &Read) {
    let snapshot = &read.table.snapshot;
    tracing::info!(certificates = config::identities(snapshot).count(), "reloaded: new connections use what was read");
    if !read.differing.is_empty() {
        tracing::warn!(
            "the configuration differs from what runs, and a restart is needed for it to take effect: {}",
            listed(&read.differing)
        );
    }
    for (listener, host) in &read.uncovered {
        tracing::warn!(
            listener = &**listener,
            host,
            "no certificate covers a host name that is advertised to clients until the restart"
        );
    }
    certificates::log_validity(snapshot);
}

fn log_refused(refused: &Refused) {
    match refused {
        Refused::Faults(faults) => {
            for fault in faults.iter().take(FAULTS_LOGGED_MAX) {
                // Printed it is wrapped; here it is one line.
                let line = fault.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
                tracing::error!("{line}");
            }
            tracing::error!(
                faults = faults.count(),
                "not reloaded: what runs stays as it is; `klamm check` prints all faults"
            );
        }
        Refused::Sentence(sentence) => tracing::error!("not reloaded: what runs stays as it is; {sentence}"),
    }
}

fn listed(paths: &[String]) -> String {
    let listed = paths.iter().take(PATHS_LOGGED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(PATHS_LOGGED_MAX) {
        0 => listed,
        more => format!("{listed}, and {more} more"),
    }
}
