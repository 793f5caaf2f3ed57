//! The catalogue of a backend cluster, kept by its owning shard: refreshed at intervals and on hints, sent to all shards as
//! frozen snapshots.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use kafka_protocol::messages::{ApiKey, MetadataRequest};

use super::answers::{self, LeftOut, Membership};
use super::broker_client::BrokerClient;
use super::dial_error::{DialError, Failures};
use super::hosts::candidates;
use super::staggered::first_ok;
use super::{Backend, Keeper, METADATA_VERSIONS, Message};
use crate::cluster::{Catalogue, HostPort, Node, NodeId};
use crate::metrics::Cause;

/// For all requests to one host.
const HOST_TIME: Duration = Duration::from_secs(3);
/// Hosts that are asked at once.
const HOSTS_AT_ONCE: usize = 8;
/// So many different answers, none of whose nodes answers, end an attempt.
const MEMBERSHIPS_MAX: usize = 3;
/// Hints are not followed faster than this.
const HINT_PAUSE: Duration = Duration::from_millis(200);
/// After a failure the next attempt follows after a pause that doubles between these.
const RETRY_PAUSE: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(5);

impl Keeper {
    /// Keeps the catalogue, without end.
    pub(super) async fn keep_catalogue(&self) {
        let (backend, net) = (&*self.backend, &self.dialer.net);
        let mut pause = RETRY_PAUSE.start;
        let mut last = None;
        loop {
            let hints = backend.hint.count();
            let found = self.refresh(&mut last).await;
            let wait = match &found {
                Ok(()) => {
                    pause = RETRY_PAUSE.start;
                    backend.shared.config.metadata_update_interval
                }
                Err(_) => {
                    pause = (pause * 2).min(RETRY_PAUSE.end);
                    pause / 2
                }
            };
            record_attempt(backend, found);
            self.publish().await;
            let until = net.now() + wait;
            net.sleep(HINT_PAUSE.min(wait)).await;
            net.until(until, backend.hint.after(hints)).await;
        }
    }
}

/// Records how an attempt went, and logs it when the one before went otherwise.
#[expect(clippy::disallowed_methods, reason = "the time of a success is a metric")]
fn record_attempt(backend: &Backend, found: Result<(), DialError>) {
    let name = &*backend.shared.config.name;
    let mut status = backend.status.borrow_mut();
    match found {
        Ok(()) => {
            if status.last_error.take().is_some() || status.refreshed_at.is_none() {
                let nodes = backend.catalogue.borrow().as_ref().map_or(0, |catalogue| catalogue.nodes.len());
                tracing::info!(backend_cluster = name, nodes, "the backend cluster is reachable");
            }
            status.refreshed_at = Some(SystemTime::now());
        }
        Err(error) => {
            if status.last_error.is_none() {
                tracing::warn!(backend_cluster = name, %error, "the backend cluster cannot be reached; will retry");
            }
            status.last_error = Some(error.message);
        }
    }
}

impl Keeper {
    /// Sends the catalogue to all shards, this one included.
    async fn publish(&self) {
        let (backend, dialer) = (&*self.backend, &self.dialer);
        let catalogue = backend.catalogue.borrow().clone();
        let failures = backend.failures.borrow().clone();
        for shard in 0..dialer.shards {
            let (catalogue, failures) = (catalogue.clone(), failures.clone());
            let mut message = Message::Refreshed { backend: backend.shared.clone(), catalogue, failures };
            while let Err(back) = (dialer.post)(shard, message) {
                message = back;
                dialer.net.sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// One attempt: the first host that answers is believed, when a node that it names answers too. Where none does, the other
    /// hosts are asked, which may know better: this one may be cut off, or not be of this backend cluster at all.
    async fn refresh(&self, last: &mut Option<HostPort>) -> Result<(), DialError> {
        let backend = &*self.backend;
        let known = backend.catalogue.borrow().clone();
        let known_nodes: Vec<&HostPort> = known.iter().flat_map(|c| &c.nodes).map(|node| &node.address).collect();
        let mut hosts = candidates(last.take().as_ref(), &known_nodes, &backend.shared.config.bootstrap_servers);
        let mut errors = Vec::new();
        let mut dead: Vec<Found> = Vec::new();
        while dead.len() < MEMBERSHIPS_MAX {
            let spare = Cell::new(HOSTS_AT_ONCE - 1);
            let asked = hosts.iter().map(async |host| Ok((host.clone(), self.request_membership(host).await?)));
            let (host, membership) = match first_ok(&self.dialer.net, &spare, asked).await {
                Ok(answered) => answered,
                Err(failed) => {
                    errors.extend(failed);
                    break;
                }
            };
            hosts.retain(|other| *other != host);
            // Asking the same nodes again would find the same.
            if dead.iter().any(|found| found.is_of(&membership)) {
                continue;
            }
            let found = self.complete(membership, known.as_deref()).await;
            if found.answered {
                *last = Some(host);
                self.accept(found, known.as_deref());
                return Ok(());
            }
            dead.push(found);
        }
        // No node answers: what is known of them, from before, stays in use.
        let none_answered = dead.iter().map(Found::error);
        let error = DialError::all(&none_answered.chain(errors).collect::<Vec<_>>());
        if let Some(at) = dead.iter().position(|found| found.nodes.iter().any(|node| node.apis.is_some())) {
            self.accept(dead.swap_remove(at), known.as_deref());
            return Ok(());
        }
        let nodes = dead.into_iter().next().map(|found| found.failures()).unwrap_or_default();
        let all = nodes.is_empty().then_some(error.cause);
        *backend.failures.borrow_mut() = Failures { all, nodes };
        Err(error)
    }

    async fn request_membership(&self, host: &HostPort) -> Result<Membership, DialError> {
        let limit = self.dialer.net.now() + HOST_TIME;
        let mut client = BrokerClient::dial(&self.dialer, &self.backend, host, limit).await?;
        let version = client.version(ApiKey::Metadata, METADATA_VERSIONS).await?;
        let request = MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(false);
        let body = client.call(ApiKey::Metadata, version, &request).await?;
        answers::membership(&body).map_err(|why| DialError::unavailable(format!("{host}: Metadata: {why}")))
    }

    /// Asks each node which versions it offers, all at once.
    async fn complete(&self, membership: Membership, old: Option<&Catalogue>) -> Found {
        log_left_out(&self.backend, &membership.left_out);
        let limit = self.dialer.net.now() + HOST_TIME;
        let requests = membership.nodes.into_iter().map(|(id, address)| self.request_apis(id, address, old, limit));
        let (nodes, errors): (Vec<Node>, Vec<Option<DialError>>) = all(requests).await.into_iter().unzip();
        let answered = errors.iter().any(Option::is_none);
        Found { nodes, cluster_id: membership.cluster_id, errors, answered }
    }

    /// Makes it the catalogue.
    fn accept(&self, found: Found, old: Option<&Catalogue>) {
        *self.backend.failures.borrow_mut() = Failures { all: None, nodes: found.failures() };
        let version = old.map_or(0, |old| old.version);
        let fresh = Catalogue { version, cluster_id: found.cluster_id, nodes: found.nodes };
        if old != Some(&fresh) {
            *self.backend.catalogue.borrow_mut() = Some(Arc::new(Catalogue { version: version + 1, ..fresh }));
        }
    }

    /// A node that does not answer now keeps the versions it offered before, at the same address or another.
    async fn request_apis(
        &self,
        id: NodeId,
        address: HostPort,
        old: Option<&Catalogue>,
        limit: Instant,
    ) -> (Node, Option<DialError>) {
        let apis = async { BrokerClient::dial(&self.dialer, &self.backend, &address, limit).await?.apis().await };
        let (apis, error) = match apis.await {
            Ok(apis) => (Some(Arc::new(apis)), None),
            Err(error) => {
                tracing::debug!(node = id.0, %error, "a node did not answer ApiVersions");
                (old.and_then(|old| old.node(id)).and_then(|node| node.apis.clone()), Some(error))
            }
        };
        (Node { id, address, apis }, error)
    }
}

/// A backend cluster as one host describes it, with what its nodes said.
struct Found {
    nodes: Vec<Node>,
    cluster_id: Option<Box<str>>,
    /// Of each node.
    errors: Vec<Option<DialError>>,
    /// A node answered now. A backend cluster of which no node was ever reached is not known yet, whatever its Metadata lists.
    answered: bool,
}

impl Found {
    fn is_of(&self, membership: &Membership) -> bool {
        self.nodes.iter().map(|node| (node.id, &node.address)).eq(membership.nodes.iter().map(|(id, at)| (*id, at)))
    }

    fn failures(&self) -> Vec<(NodeId, Cause)> {
        let failed = self.nodes.iter().zip(&self.errors);
        failed.filter_map(|(node, error)| Some((node.id, error.as_ref()?.cause))).collect()
    }

    fn error(&self) -> DialError {
        let errors: Vec<DialError> = self.errors.iter().flatten().cloned().collect();
        let DialError { cause, message } = DialError::all(&errors);
        DialError { cause, message: format!("none of its nodes answered ApiVersions: {message}") }
    }
}

/// Logs which entries of a Metadata answer were left out, when these are others than the last time.
fn log_left_out(backend: &Backend, left_out: &[LeftOut]) {
    /// More of them say nothing new.
    const SHOWN_MAX: usize = 8;
    let mut logged = backend.logged_left_out.borrow_mut();
    let shown = left_out.get(..SHOWN_MAX).unwrap_or(left_out);
    if *logged != shown {
        let entries: Vec<String> = shown.iter().map(LeftOut::to_string).collect();
        let (backend_cluster, count, entries) = (&*backend.shared.config.name, left_out.len(), entries.join("; "));
        if count > 0 {
            tracing::warn!(backend_cluster, count, entries, "nodes in the backend's Metadata are left out");
        }
        *logged = shown.to_vec();
    }
}

/// Waits for all of them at once; the results stand in the order of the futures.
async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    type Slot<'a, T> = Result<T, Pin<Box<dyn Future<Output = T> + 'a>>>;
    let mut slots: Vec<Slot<'_, T>> = futures.map(|future| Err(Box::pin(future) as _)).collect();
    poll_fn(|cx| {
        for slot in &mut slots {
            if let Err(future) = slot
                && let Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *slot = Ok(value);
            }
        }
        if slots.iter().all(Result::is_ok) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    slots.into_iter().filter_map(Result::ok).collect()
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
