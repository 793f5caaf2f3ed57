//! The catalogue of a backend cluster, kept by its owning shard: refreshed at intervals and on hints, sent to all shards as
//! frozen snapshots.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use kafka_protocol::messages::{ApiKey, MetadataRequest};

use super::answers::{self, LeftOut, Membership};
use super::broker_client::BrokerClient;
use super::dial_error::{DialError, Failures};
use super::{Backend, Keeper, METADATA_VERSIONS, Message};
use crate::cluster::{Catalogue, HostPort, Node, NodeId};

/// For all requests to one host.
const HOST_TIME: Duration = Duration::from_secs(3);
/// Hints are not followed faster than this.
const HINT_PAUSE: Duration = Duration::from_millis(200);
/// After a failure the next attempt follows after a pause that doubles between these.
const RETRY_PAUSE: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(5);

impl Keeper {
    /// Keeps the catalogue, without end.
    pub(super) async fn keep_catalogue(&self) {
        let (backend, net) = (&*self.backend, &self.dialer.net);
        let mut pause = RETRY_PAUSE.start;
        let mut host = 0usize;
        loop {
            let hints = backend.hint.count();
            let found = self.refresh(&mut host).await;
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

    /// One attempt: each known host in turn, until one answers.
    async fn refresh(&self, turn: &mut usize) -> Result<(), DialError> {
        let backend = &*self.backend;
        let known = backend.catalogue.borrow().clone();
        let known_nodes = known.iter().flat_map(|catalogue| &catalogue.nodes).map(|node| &node.address);
        let mut hosts: Vec<HostPort> = Vec::new();
        for host in known_nodes.chain(&backend.shared.config.bootstrap_servers) {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
        let mut errors = Vec::new();
        for step in 0..hosts.len() {
            let Some(host) = hosts.get((*turn + step) % hosts.len()) else { break };
            match self.request_membership(host).await {
                Ok(membership) => {
                    *turn = (*turn + step) % hosts.len();
                    return self.complete(membership, known.as_deref()).await;
                }
                Err(error) => errors.push(error),
            }
        }
        let error = DialError::all(&errors);
        *backend.failures.borrow_mut() = Failures { all: Some(error.cause), nodes: Vec::new() };
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

    /// Asks each node which versions it offers, all at once. A backend cluster of which no node was ever reached is not known
    /// yet, whatever its Metadata lists.
    async fn complete(&self, membership: Membership, old: Option<&Catalogue>) -> Result<(), DialError> {
        log_left_out(&self.backend, &membership.left_out);
        let limit = self.dialer.net.now() + HOST_TIME;
        let requests = membership.nodes.into_iter().map(|(id, address)| self.request_apis(id, address, old, limit));
        let (nodes, errors): (Vec<Node>, Vec<Option<DialError>>) = all(requests).await.into_iter().unzip();
        let failed = nodes.iter().zip(&errors).filter_map(|(node, error)| Some((node.id, error.as_ref()?.cause)));
        let failures = Failures { all: None, nodes: failed.collect() };
        *self.backend.failures.borrow_mut() = failures;
        if nodes.iter().all(|node| node.apis.is_none()) {
            let errors: Vec<DialError> = errors.into_iter().flatten().collect();
            let DialError { cause, message } = DialError::all(&errors);
            return Err(DialError { cause, message: format!("none of its nodes answered ApiVersions: {message}") });
        }
        let version = old.map_or(0, |old| old.version);
        let fresh = Catalogue { version, cluster_id: membership.cluster_id, nodes };
        if old != Some(&fresh) {
            *self.backend.catalogue.borrow_mut() = Some(Arc::new(Catalogue { version: version + 1, ..fresh }));
        }
        Ok(())
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
