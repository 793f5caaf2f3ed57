//! The catalogue of a backend cluster, kept by its owning shard: asked for at intervals and on hints, sent to all
//! shards as frozen snapshots.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, MetadataRequest, RequestHeader};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::answers::{self, Membership};
use super::{Backend, Message, Upstream};
use crate::cluster::{ApiRange, Catalogue, HostPort, Node, NodeApis, NodeId};
use crate::net::Socket;

/// For asking one host everything.
const HOST_TIME: Duration = Duration::from_secs(3);
/// Hints are not followed faster than this.
const HINT_PAUSE: Duration = Duration::from_millis(200);
/// After a failure the next attempt follows after a pause that doubles between these.
const RETRY_PAUSE: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(5);
/// A longer answer to one of our own small questions is not believed.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// The versions of Metadata that share one layout up to their topics; every broker since 1.0 has one of them.
const METADATA_VERSIONS: std::ops::RangeInclusive<i16> = 3..=8;

/// Keeps a backend's catalogue for as long as the shard lives.
pub async fn keep(upstream: Rc<Upstream>, at: usize) {
    let Some(backend) = upstream.backends.get(at) else { return };
    let mut pause = RETRY_PAUSE.start;
    let mut host = 0usize;
    loop {
        let hints = backend.hint.count();
        let found = upstream.refresh(backend, &mut host).await;
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
        note(backend, found);
        upstream.announce(at, backend).await;
        let until = upstream.net.now() + wait;
        upstream.net.sleep(HINT_PAUSE.min(wait)).await;
        upstream.net.until(until, backend.hint.after(hints)).await;
    }
}

/// Remembers how an attempt went; says so when it went otherwise than the one before.
fn note(backend: &Backend, found: Result<(), String>) {
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
                tracing::warn!(backend_cluster = name, error, "the backend cluster cannot be reached; trying on");
            }
            status.last_error = Some(error);
        }
    }
}

impl Upstream {
    /// Sends the catalogue to all shards, this one included.
    async fn announce(&self, at: usize, backend: &Backend) {
        let catalogue = backend.catalogue.borrow().clone();
        for shard in 0..self.shards {
            let mut message = Message::Refreshed { backend: at, catalogue: catalogue.clone() };
            while let Err(back) = (self.post)(shard, message) {
                message = back;
                self.net.sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// One attempt: each known host in turn, until one answers.
    async fn refresh(&self, backend: &Backend, turn: &mut usize) -> Result<(), String> {
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
            match self.ask_membership(host).await {
                Ok(membership) => {
                    *turn = (*turn + step) % hosts.len();
                    let fresh = self.complete(membership, known.as_deref()).await;
                    if let Some(fresh) = fresh {
                        *backend.catalogue.borrow_mut() = Some(Arc::new(fresh));
                    }
                    return Ok(());
                }
                Err(error) => errors.push(error),
            }
        }
        Err(errors.join("; "))
    }

    async fn ask_membership(&self, host: &HostPort) -> Result<Membership, String> {
        let limit = self.net.now() + HOST_TIME;
        let mut asked = Asked::dial(self, host, limit).await?;
        let ranges = asked.api_ranges().await?;
        let offered = ranges.iter().find(|range| range.key == ApiKey::Metadata as i16);
        let version = offered.map(|range| range.max.min(*METADATA_VERSIONS.end()));
        let version = version.filter(|version| offered.is_some_and(|range| *version >= range.min));
        let Some(version) = version.filter(|version| METADATA_VERSIONS.contains(version)) else {
            return Err(format!("{host}: it offers no Metadata version from 3 to 8"));
        };
        let request = MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(false);
        let body = asked.ask(ApiKey::Metadata, version, &request).await?;
        answers::membership(&body).map_err(|why| format!("{host}: Metadata: {why}"))
    }

    /// Asks each node what it offers, all at once. `None`: nothing has changed.
    async fn complete(&self, membership: Membership, old: Option<&Catalogue>) -> Option<Catalogue> {
        let limit = self.net.now() + HOST_TIME;
        let asking = membership.nodes.into_iter().map(|(id, address)| self.ask_node(id, address, old, limit));
        let nodes = all(asking).await;
        let version = old.map_or(0, |old| old.version);
        let fresh = Catalogue { version, cluster_id: membership.cluster_id, nodes };
        (old != Some(&fresh)).then_some(Catalogue { version: version + 1, ..fresh })
    }

    /// A node that cannot be asked now keeps what it offered before, at the same address or another.
    async fn ask_node(&self, id: NodeId, address: HostPort, old: Option<&Catalogue>, limit: Instant) -> Node {
        let asked = async { Asked::dial(self, &address, limit).await?.apis().await };
        let apis = match asked.await {
            Ok(apis) => Some(Arc::new(apis)),
            Err(error) => {
                tracing::debug!(node = id.0, error, "a node could not be asked what it offers");
                old.and_then(|old| old.node(id)).and_then(|node| node.apis.clone())
            }
        };
        Node { id, address, apis }
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

/// A connection of our own that asks one question at a time.
struct Asked<'a> {
    upstream: &'a Upstream,
    host: &'a HostPort,
    socket: Socket,
    limit: Instant,
    correlation_id: i32,
}

impl<'a> Asked<'a> {
    async fn dial(upstream: &'a Upstream, host: &'a HostPort, limit: Instant) -> Result<Asked<'a>, String> {
        let socket = upstream.dial(host, limit).await.map_err(|error| format!("{host}: {error}"))?;
        Ok(Asked { upstream, host, socket, limit, correlation_id: 0 })
    }

    /// Version 0 first: it is the one that every broker answers well.
    async fn api_ranges(&mut self) -> Result<Vec<ApiRange>, String> {
        let body = self.ask(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default()).await?;
        answers::api_ranges(&body).map_err(|why| format!("{}: ApiVersions: {why}", self.host))
    }

    async fn apis(&mut self) -> Result<NodeApis, String> {
        let ranges = self.api_ranges().await?;
        let mut apis = NodeApis {
            ranges,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
        };
        let version = apis.range(ApiKey::ApiVersions as i16).map_or(0, |range| range.max.min(4));
        if version >= 3 {
            let request = ApiVersionsRequest::default()
                .with_client_software_name(StrBytes::from_static_str("klamm"))
                .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
            // The answer's header is always version 0 (KIP-511).
            let body = self.ask(ApiKey::ApiVersions, version, &request).await?;
            if let Err(why) = answers::features(&body, &mut apis) {
                // Seen from librdkafka's mock cluster. Without features clients use what every version has.
                tracing::debug!(host = %self.host, %why, "its features cannot be read; none are offered");
                apis.supported_features.clear();
                apis.finalized_features.clear();
                apis.finalized_features_epoch = -1;
            }
        }
        Ok(apis)
    }

    /// Asks and returns the answer's body. All that is asked has response header 0: just the correlation id.
    async fn ask(&mut self, key: ApiKey, version: i16, body: &impl Encodable) -> Result<Bytes, String> {
        self.correlation_id += 1;
        let request = encode(key, version, self.correlation_id, body).map_err(|error| format!("{key:?}: {error}"))?;
        let answered = self.upstream.net.until(self.limit, self.exchange(&request)).await;
        let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
        answered.unwrap_or_else(late).map_err(|error| format!("{}: {key:?}: {error}", self.host))
    }

    async fn exchange(&self, request: &[u8]) -> io::Result<Bytes> {
        let mut rest = request;
        while !rest.is_empty() {
            match self.socket.write(&[IoSlice::new(rest)])? {
                0 => self.socket.writable().await,
                n => rest = rest.get(n..).unwrap_or_default(),
            }
        }
        let mut answer = BytesMut::new();
        loop {
            let length = answer.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes));
            if let Some(length) = length {
                let length = usize::try_from(length).ok().filter(|n| (4..=ANSWER_BYTES_MAX).contains(n));
                let length = length.ok_or_else(|| io::Error::other("the answer's length cannot be"))?;
                if answer.len() >= 4 + length {
                    answer.truncate(4 + length);
                    answer.advance(4);
                    if answer.get_i32() != self.correlation_id {
                        return Err(io::Error::other("the answer belongs to another request"));
                    }
                    return Ok(answer.freeze());
                }
            }
            let mut piece = [0u8; 4096];
            match self.socket.read(&mut piece) {
                Some(Ok(0)) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                Some(n) => answer.extend_from_slice(piece.get(..n?).unwrap_or_default()),
                None => self.socket.readable().await,
            }
        }
    }
}

fn encode(key: ApiKey, version: i16, correlation_id: i32, body: &impl Encodable) -> Result<BytesMut, String> {
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("klamm")));
    let mut payload = BytesMut::new();
    header.encode(&mut payload, key.request_header_version(version)).map_err(|error| error.to_string())?;
    body.encode(&mut payload, version).map_err(|error| error.to_string())?;
    let mut frame = BytesMut::with_capacity(4 + payload.len());
    frame.put_i32(i32::try_from(payload.len()).map_err(|error| error.to_string())?);
    frame.extend_from_slice(&payload);
    Ok(frame)
}
