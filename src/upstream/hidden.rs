//! Topics that additional ones hide, looked for on a backend cluster by the shard that keeps its catalogue: each is told
//! once, and counted while it is there.
//!
//! Asks for the names that may be hidden, and for all topics only where a glob is to tell what it hides. Never has a topic
//! created. What fails here changes nothing for any client.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{ApiKey, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::asked::Asked;
use super::unreached::Unreached;
use super::{Backend, Upstream, answers};
use crate::cluster::{HostPort, Watch};

/// For asking one node.
const NODE_TIME: Duration = Duration::from_secs(10);
/// A longer list is not read: some 300,000 partitions.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// The versions of Metadata that can be told not to create what they are asked for, of nearly one layout.
const METADATA_VERSIONS: std::ops::RangeInclusive<i16> = 4..=8;

/// What was found last.
#[derive(Debug, Default)]
pub struct Hidden {
    /// Topics, each with the index of its watch.
    topics: BTreeSet<(usize, Box<str>)>,
    /// The last attempt failed.
    failing: bool,
}

/// Looks for hidden topics of a backend at its interval, for as long as the shard lives.
pub async fn look(upstream: Rc<Upstream>, at: usize) {
    let Some(backend) = upstream.backends.get(at).filter(|backend| !backend.shared.watches.is_empty()) else { return };
    loop {
        let seen = backend.refreshed.count();
        let nodes = backend.catalogue.borrow().as_ref().map(|catalogue| catalogue.nodes.clone());
        let Some(nodes) = nodes else {
            backend.refreshed.after(seen).await;
            continue;
        };
        let hosts: Vec<&HostPort> = nodes.iter().map(|node| &node.address).collect();
        let found = upstream.ask_any(backend, &hosts).await;
        upstream.note_hidden(backend, found);
        upstream.net.sleep(backend.shared.config.metadata_update_interval).await;
    }
}

impl Upstream {
    /// Asks one node after the other, until one answers.
    async fn ask_any(&self, backend: &Backend, hosts: &[&HostPort]) -> Result<BTreeSet<(usize, Box<str>)>, Unreached> {
        let mut errors = Vec::new();
        for host in hosts {
            match self.ask_topics(backend, host).await {
                Ok(found) => return Ok(found),
                Err(error) => errors.push(error),
            }
        }
        Err(Unreached::all(&errors))
    }

    async fn ask_topics(&self, backend: &Backend, host: &HostPort) -> Result<BTreeSet<(usize, Box<str>)>, Unreached> {
        let watches = &*backend.shared.watches;
        let Some(request) = request(watches) else { return Ok(BTreeSet::new()) };
        let mut asked = Asked::dial(self, backend, host, self.net.now() + NODE_TIME).await?;
        asked.answer_bytes_max = ANSWER_BYTES_MAX;
        let version = asked.version(ApiKey::Metadata, METADATA_VERSIONS).await?;
        let body = asked.ask(ApiKey::Metadata, version, &request).await?;
        found(&body, version, watches).map_err(|why| Unreached::plain(format!("{host}: Metadata: {why}")))
    }

    /// Tells what was not there before, and counts what is.
    fn note_hidden(&self, backend: &Backend, found: Result<BTreeSet<(usize, Box<str>)>, Unreached>) {
        let mut known = backend.hidden.borrow_mut();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                if !known.failing {
                    let backend_cluster = &*backend.shared.config.name;
                    tracing::warn!(backend_cluster, %error, "hidden topics cannot be looked for; trying on");
                }
                known.failing = true;
                return;
            }
        };
        for (watch, topic) in found.difference(&known.topics) {
            let Some(watch) = backend.shared.watches.get(*watch) else { continue };
            tracing::warn!(
                virtual_cluster = &*watch.virtual_cluster,
                topic = &**topic,
                "no client sees this topic: an additional one has its name"
            );
        }
        let others = self.numbers.names_hidden.get().saturating_sub(known.topics.len() as u64);
        self.numbers.names_hidden.set(others + found.len() as u64);
        (known.topics, known.failing) = (found, false);
    }
}

/// The question; `None` where there is nothing to be asked.
fn request(watches: &[Watch]) -> Option<MetadataRequest> {
    let request = MetadataRequest::default().with_allow_auto_topic_creation(false);
    if watches.iter().any(Watch::needs_all_topics) {
        return Some(request.with_topics(None));
    }
    let names: BTreeSet<String> = watches.iter().flat_map(Watch::candidates).collect();
    let topic = |name: String| MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name))));
    (!names.is_empty()).then(|| request.with_topics(Some(names.into_iter().map(topic).collect())))
}

/// The hidden ones among the topics of an answer.
fn found(body: &[u8], version: i16, watches: &[Watch]) -> Result<BTreeSet<(usize, Box<str>)>, answers::Unusable> {
    let mut found = BTreeSet::new();
    answers::topics(body, version, |topic| {
        let hiding = watches.iter().enumerate().filter(|(_, watch)| watch.hides(topic));
        found.extend(hiding.map(|(at, _)| (at, topic.into())));
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Additional, Exact, Mode, Namespace, Warned};
    use bytes::BytesMut;
    use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
    use kafka_protocol::messages::{BrokerId, MetadataResponse, metadata_response};
    use kafka_protocol::protocol::Encodable;

    fn watch(name: &str, exact: &[&str], globs: &[&str]) -> Watch {
        let both = |name: &&str| Exact { physical: (*name).into(), shown: (*name).into() };
        let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Vec<_>>();
        let names = Namespace {
            mode: Mode::HidePrefix,
            prefix: format!("{name}.").into(),
            topics: Additional { exact: exact.iter().map(both).collect(), globs: boxed(globs) },
            groups: Additional::default(),
            aliases: Vec::new(),
            all_prefixes: ["a.".into(), "b.".into()].into(),
        };
        let warned = Warned { exact: boxed(exact), globs: boxed(globs) };
        Watch { virtual_cluster: name.into(), names: names.into(), warned }
    }

    #[test]
    fn names_are_asked_for_alone_and_nothing_is_created() {
        let names = |watches: &[Watch]| {
            let request = request(watches).unwrap();
            assert!(!request.allow_auto_topic_creation);
            request
                .topics
                .map(|topics| topics.into_iter().map(|topic| topic.name.unwrap().to_string()).collect::<Vec<_>>())
        };
        let (a, b) = (watch("a", &["x", "y"], &[]), watch("b", &["x"], &[]));
        assert_eq!(names(&[a.clone(), b]), Some(vec!["a.x".into(), "a.y".into(), "b.x".into()]));
        assert_eq!(names(&[a, watch("b", &[], &["s-*"])]), None, "all topics");
        assert_eq!(request(&[watch("a", &[], &[])]), None);
    }

    #[test]
    fn what_is_hidden_is_found_in_each_version() {
        let watches = [watch("a", &["x", "gone"], &[]), watch("b", &["y"], &["s-*"])];
        let topic = |name: &'static str, error| {
            let ids = vec![BrokerId(1), BrokerId(2)];
            let partition = metadata_response::MetadataResponsePartition::default()
                .with_replica_nodes(ids.clone())
                .with_isr_nodes(ids);
            MetadataResponseTopic::default()
                .with_name(Some(TopicName(StrBytes::from_static_str(name))))
                .with_error_code(error)
                .with_partitions(vec![partition; 3])
        };
        // The last but one is not there, the last is not led yet.
        let topics = [("x", 0), ("a.x", 0), ("a.y", 0), ("b.y", 0), ("b.x", 0), ("a.gone", 3), ("b.s-1", 5)];
        let response = MetadataResponse::default().with_topics(topics.map(|(name, error)| topic(name, error)).into());
        for version in METADATA_VERSIONS {
            let mut body = BytesMut::new();
            response.encode(&mut body, version).unwrap();
            let told = |body: &[u8]| found(body, version, &watches);
            let expected = [(0, "a.x".into()), (1, "b.s-1".into()), (1, "b.y".into())];
            assert_eq!(told(&body), Ok(expected.into()), "version {version}");
            for cut in 0..body.len() {
                assert_eq!(told(&body[..cut]), Err(answers::Unusable::Malformed), "version {version} cut at {cut}");
            }
        }
    }
}
