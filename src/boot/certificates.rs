//! What handshakes use, made of a configuration; and what time does to the certificates among it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::admin::{CertificateReport, Side};
use crate::config::{self, Holder, Snapshot, ValidityNotice};
use crate::tls::{BackendSide, ServerSide, ServerSides};
use crate::x509::Facts;

/// Certificates of one holder that have a number of their own, those that end first; a listener may have thousands.
const SHOWN_MAX: usize = 32;
/// Characters of a subject that a number repeats.
const SUBJECT_CHARS_MAX: usize = 128;

/// What handshakes use on both sides; by the index of the listener, and of the backend cluster.
#[derive(Clone)]
pub(super) struct Sides {
    pub servers: ServerSides,
    pub backends: Arc<[Option<BackendSide>]>,
}

impl Sides {
    /// For `snapshot`. What is the same in the one `before`, of which it was made by a reload, is the same here.
    ///
    /// # Errors
    ///
    /// A sentence: rustls refuses something that the check did not find.
    pub fn of(snapshot: &Snapshot, before: Option<(&Snapshot, &Sides)>) -> Result<Sides, String> {
        let servers = snapshot.listeners.iter().enumerate().map(|(at, listener)| {
            let Some(tls) = &listener.tls else { return Ok(None) };
            let was = before.and_then(|(was, _)| was.listeners.get(at)?.tls.as_ref());
            let side = before.and_then(|(_, sides)| sides.servers.get(at)?.as_ref());
            match side {
                Some(side) if was == Some(tls) => Ok(Some(side.clone())),
                side => ServerSide::new(tls, side.map(Arc::as_ref))
                    .map(|side| Some(Arc::new(side)))
                    .map_err(|error| format!("listeners[{}]: {error}", listener.name)),
            }
        });
        let backends = snapshot.backend_clusters.iter().enumerate().map(|(at, backend)| {
            let Some(tls) = &backend.tls else { return Ok(None) };
            let was = before.and_then(|(was, _)| was.backend_clusters.get(at)?.tls.as_ref());
            let side = before.and_then(|(_, sides)| sides.backends.get(at)?.as_ref());
            match side {
                Some(side) if was == Some(tls) => Ok(Some(side.clone())),
                Some(_) | None => BackendSide::new(tls)
                    .map(Some)
                    .map_err(|error| format!("backend_clusters[{}].tls: {error}", backend.name)),
            }
        });
        Ok(Sides { servers: servers.collect::<Result<_, String>>()?, backends: backends.collect::<Result<_, _>>()? })
    }
}

/// Says which certificates others refuse, or will soon.
pub(super) fn tell_validity(snapshot: &Snapshot) {
    for notice in notices(snapshot) {
        if notice.refused {
            tracing::error!("{}", notice.text);
        } else {
            tracing::warn!("{}", notice.text);
        }
    }
}

/// What is to be said of them now.
pub(super) fn notices(snapshot: &Snapshot) -> Vec<ValidityNotice> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    config::validity(snapshot, i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// When each holder's certificates end.
pub(super) fn reports(snapshot: &Snapshot) -> Vec<CertificateReport> {
    let mut holders: BTreeMap<(Side, Arc<str>), BTreeMap<String, i64>> = BTreeMap::new();
    for (holder, identity) in config::identities(snapshot) {
        let holder = match holder {
            Holder::Listener(name) => (Side::Client, name),
            Holder::BackendCluster(name) => (Side::Backend, name),
        };
        let not_after = identity.facts.not_after;
        let ends = holders.entry(holder).or_default().entry(subject(&identity.facts)).or_insert(not_after);
        *ends = not_after.min(*ends);
    }
    let report = |((side, holder), ends): ((Side, Arc<str>), BTreeMap<String, i64>)| {
        let mut subjects: Vec<(String, i64)> = ends.into_iter().collect();
        subjects.sort_by_key(|(_, not_after)| *not_after);
        subjects.truncate(SHOWN_MAX);
        CertificateReport { side, holder: holder.to_string(), subjects }
    };
    holders.into_iter().map(report).collect()
}

/// A certificate without a subject is known by its first name.
fn subject(facts: &Facts) -> String {
    let name = if facts.subject.is_empty() { facts.dns_names.first() } else { Some(&facts.subject) };
    name.map(|name| name.chars().take(SUBJECT_CHARS_MAX).collect()).unwrap_or_default()
}
