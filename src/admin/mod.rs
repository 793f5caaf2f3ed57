//! Health and numbers over HTTP: `/live`, `/ready`, `/metrics`. Runs on the control thread.
//!
//! Owns the HTTP server and the exposition. May not touch a shard other than through [`Source`].

mod answer;
mod exposition;
mod process;
mod server;

pub use server::{AdminListener, serve};

use crate::metrics::Sample;

/// What the admin address reports, gathered at each request.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One per shard, in order; a shard that did not answer in time is `None`.
    pub shards: Vec<Option<Sample>>,
    /// One per backend cluster.
    pub backends: Vec<BackendReport>,
    /// All listeners accept.
    pub accepting: bool,
    /// A drain has begun.
    pub draining: bool,
    /// Log lines that were lost because the log writer's mailbox was full.
    pub log_lines_lost: u64,
    /// Seconds since the Unix epoch at which this process started.
    pub started_at_seconds: f64,
    /// How reloads went.
    pub reloads: ReloadReport,
    /// One per listener and backend cluster that shows certificates.
    pub certificates: Vec<CertificateReport>,
}

/// How reloads went.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReloadReport {
    /// Times that what was read was taken.
    pub succeeded: u64,
    /// Times that what runs stayed as it was.
    pub failed: u64,
    /// Seconds since the Unix epoch of the last success, or of the start.
    pub succeeded_at_seconds: f64,
    /// Places where what was read last says otherwise than what runs.
    pub differing: u64,
}

/// To whom a certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Clients; a listener holds it.
    Client,
    /// The nodes of a backend cluster.
    Backend,
}

/// When the certificates of a listener, or those shown to a backend cluster, end.
#[derive(Clone, Debug)]
pub struct CertificateReport {
    /// To whom they are shown.
    pub side: Side,
    /// The name of the listener or backend cluster.
    pub holder: String,
    /// The subjects, each with the last second of its validity in Unix time; those that end first, first. A bounded number,
    /// each subject once.
    pub subjects: Vec<(String, i64)>,
}

/// A backend cluster as the control thread knows it.
#[derive(Clone, Debug, Default)]
pub struct BackendReport {
    /// Its name in the file.
    pub name: String,
    /// Version of its catalogue; 0 while it is unknown.
    pub catalogue_version: u64,
    /// Its nodes.
    pub nodes: usize,
    /// When it was last refreshed with success, in seconds since the Unix epoch.
    pub refreshed_at_seconds: Option<f64>,
    /// What the last attempt to refresh it ended in, when it failed.
    pub last_error: Option<String>,
}

/// The source of reports: the control thread.
pub trait Source {
    /// Gathers a report; shards are asked through their mailboxes.
    fn report(&self) -> impl Future<Output = Report>;
}
