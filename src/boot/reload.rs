//! SIGHUP: the configuration and the files that it names are read again; what needs no restart is taken, all else is logged.
//!
//! Owns what runs. Reads on a thread of its own, since a file may be far away. Does not send to the shards: the caller does.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::certificates::{self, TlsConfigs};
use super::control::seconds;
use crate::admin::{CertificateReport, ReloadReport};
use crate::config::{self, Faults, Reloaded, Snapshot};
use crate::sys;

/// Faults that are logged one by one; `klamm check` prints all.
const FAULTS_LOGGED_MAX: usize = 20;
/// Paths of a difference that a line names.
const PATHS_LOGGED_MAX: usize = 20;

/// What runs.
pub(super) struct Served {
    /// As it was read, and changed by reloads.
    pub snapshot: Snapshot,
    /// Made of it.
    pub tls_configs: TlsConfigs,
}

/// Reloads, one at a time.
pub(super) struct Reloader {
    path: PathBuf,
    served: RefCell<Arc<Served>>,
    report: RefCell<(ReloadReport, Vec<CertificateReport>)>,
}

/// What was read for a reload.
struct Read {
    served: Served,
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
    /// For what was read from `path` and runs since now.
    pub fn new(path: PathBuf, served: Served) -> Reloader {
        let report = ReloadReport { succeeded_at_seconds: seconds(SystemTime::now()), ..ReloadReport::default() };
        let report = RefCell::new((report, certificates::reports(&served.snapshot)));
        Reloader { path, served: RefCell::new(Arc::new(served)), report }
    }

    /// What runs.
    pub fn served(&self) -> Arc<Served> {
        self.served.borrow().clone()
    }

    /// For the admin address.
    pub fn report(&self) -> (ReloadReport, Vec<CertificateReport>) {
        self.report.borrow().clone()
    }

    /// Reads again, and logs the outcome. Returns the TLS configurations for the shards; `None`: nothing has changed.
    pub async fn reload(&self) -> Option<TlsConfigs> {
        let read = match read_on_a_thread(self.path.clone(), self.served()).await {
            Ok(read) => read,
            Err(refused) => {
                log_refused(&refused);
                self.report.borrow_mut().0.failed += 1;
                return None;
            }
        };
        log_differences(&read);
        let tls_configs = read.served.tls_configs.clone();
        let certificates = certificates::reports(&read.served.snapshot);
        let (report, reported) = &mut *self.report.borrow_mut();
        *reported = certificates;
        report.succeeded += 1;
        report.succeeded_at_seconds = seconds(SystemTime::now());
        report.differing = read.differing.len() as u64;
        *self.served.borrow_mut() = Arc::new(read.served);
        Some(tls_configs)
    }
}

async fn read_on_a_thread(path: PathBuf, running: Arc<Served>) -> Result<Read, Refused> {
    let (answer, answered) = oneshot::channel();
    let thread = std::thread::Builder::new().name("klamm-reload".into()).spawn(move || {
        // Only the control thread takes signals.
        sys::block_signals();
        // Nobody waits any more where the process ends meanwhile.
        let _ = answer.send(read(&path, &running));
    });
    thread.map_err(|error| Refused::Sentence(format!("no thread can be started: {error}")))?;
    answered.await.unwrap_or_else(|_| Err(Refused::Sentence("a bug in reading it; the line before says more".into())))
}

fn read(path: &Path, running: &Served) -> Result<Read, Refused> {
    let read = config::load(path).map_err(Refused::Faults)?;
    let Reloaded { snapshot, differing, uncovered } = config::reload(&running.snapshot, &read);
    let tls_configs =
        TlsConfigs::of(&snapshot, Some((&running.snapshot, &running.tls_configs))).map_err(Refused::Sentence)?;
    Ok(Read { served: Served { snapshot, tls_configs }, differing, uncovered })
}

fn log_differences(read: &Read) {
    let snapshot = &read.served.snapshot;
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
