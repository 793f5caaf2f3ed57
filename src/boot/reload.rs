//! SIGHUP: the configuration and the files that it names are read again; what needs no restart is taken, all else is said.
//!
//! Owns what runs. Reads on a thread of its own, since a file may be far away. May not tell the shards: whoever asked does.

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

/// Faults that are logged one by one; `klamm check` tells all.
const FAULTS_TOLD_MAX: usize = 20;
/// Paths of a difference that a line names.
const PATHS_TOLD_MAX: usize = 20;

/// What runs.
pub(super) struct Served {
    /// As it was read, and changed by reloads.
    pub snapshot: Snapshot,
    /// Made of it.
    pub sides: TlsConfigs,
}

/// Reloads, one at a time.
pub(super) struct Reloader {
    path: PathBuf,
    served: RefCell<Arc<Served>>,
    told: RefCell<(ReloadReport, Vec<CertificateReport>)>,
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
        let told = RefCell::new((report, certificates::reports(&served.snapshot)));
        Reloader { path, served: RefCell::new(Arc::new(served)), told }
    }

    /// What runs.
    pub fn served(&self) -> Arc<Served> {
        self.served.borrow().clone()
    }

    /// For the admin address.
    pub fn report(&self) -> (ReloadReport, Vec<CertificateReport>) {
        self.told.borrow().clone()
    }

    /// Reads again, and says what became of it. Returns what the shards are to use from now on; `None`: as before.
    pub async fn reload(&self) -> Option<TlsConfigs> {
        let read = match read_on_a_thread(self.path.clone(), self.served()).await {
            Ok(read) => read,
            Err(refused) => {
                tell_refused(&refused);
                self.told.borrow_mut().0.failed += 1;
                return None;
            }
        };
        tell(&read);
        let sides = read.served.sides.clone();
        let certificates = certificates::reports(&read.served.snapshot);
        let (report, reported) = &mut *self.told.borrow_mut();
        *reported = certificates;
        report.succeeded += 1;
        report.succeeded_at_seconds = seconds(SystemTime::now());
        report.differing = read.differing.len() as u64;
        *self.served.borrow_mut() = Arc::new(read.served);
        Some(sides)
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
    let sides = TlsConfigs::of(&snapshot, Some((&running.snapshot, &running.sides))).map_err(Refused::Sentence)?;
    Ok(Read { served: Served { snapshot, sides }, differing, uncovered })
}

fn tell(read: &Read) {
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
            "no certificate covers a name that clients are told until the restart"
        );
    }
    certificates::tell_validity(snapshot);
}

fn tell_refused(refused: &Refused) {
    match refused {
        Refused::Faults(faults) => {
            for fault in faults.iter().take(FAULTS_TOLD_MAX) {
                // Printed it is wrapped; here it is one line.
                let line = fault.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
                tracing::error!("{line}");
            }
            tracing::error!(
                faults = faults.count(),
                "not reloaded: what runs stays as it is; `klamm check` tells all faults"
            );
        }
        Refused::Sentence(sentence) => tracing::error!("not reloaded: what runs stays as it is; {sentence}"),
    }
}

fn listed(paths: &[String]) -> String {
    let told = paths.iter().take(PATHS_TOLD_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(PATHS_TOLD_MAX) {
        0 => told,
        more => format!("{told}, and {more} more"),
    }
}
