//! Shadowed topics: a topic `<prefix>orders` that no client can see, because `orders` means an additional topic. The shard
//! that keeps a backend cluster's catalogue looks for them; each is logged once, and counted while it exists.
//!
//! Requests the names that may be shadowed, and all topics only where a glob is to be checked. Never lets a topic be
//! created. What fails here changes nothing for any client.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{ApiKey, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::broker_client::BrokerClient;
use super::dial_error::DialError;
use super::{Keeper, METADATA_VERSIONS, answers};
use crate::cluster::{HostPort, ShadowCheck, VirtualClusterId};

/// For the requests to one node.
const NODE_TIME: Duration = Duration::from_secs(10);
/// A longer response is refused: some 300,000 partitions.
const RESPONSE_BYTES_MAX: usize = 16 << 20;

type Shadowed = (VirtualClusterId, Box<str>);

/// The shadowed topics that were found last.
#[derive(Debug, Default)]
pub struct ShadowedTopics {
    /// Topics, each with the virtual cluster that does not see it.
    topics: BTreeSet<Shadowed>,
    /// The last attempt failed.
    failing: bool,
}

impl Keeper {
    /// Looks for shadowed topics at the backend's interval, without end; where there is nothing to look for, not once.
    pub(super) async fn watch_shadowed_topics(&self) {
        let backend = &*self.backend;
        if backend.shared.shadow_checks.is_empty() {
            return;
        }
        loop {
            let seen = backend.refreshed.count();
            let nodes = backend.catalogue.borrow().as_ref().map(|catalogue| catalogue.nodes.clone());
            let Some(nodes) = nodes else {
                backend.refreshed.after(seen).await;
                continue;
            };
            let hosts: Vec<&HostPort> = nodes.iter().map(|node| &node.address).collect();
            let found = self.find_shadowed(&hosts).await;
            self.report_shadowed(found);
            self.dialer.net.sleep(backend.shared.config.metadata_update_interval).await;
        }
    }

    /// What was found counts no longer.
    pub(super) fn forget_shadowed(&self) {
        let known = std::mem::take(&mut *self.backend.shadowed.borrow_mut());
        let hidden = &self.dialer.numbers.names_hidden;
        hidden.set(hidden.get().saturating_sub(known.topics.len() as u64));
    }

    /// Tries one node after the other, until one answers.
    async fn find_shadowed(&self, hosts: &[&HostPort]) -> Result<BTreeSet<Shadowed>, DialError> {
        let mut errors = Vec::new();
        for host in hosts {
            match self.request_topics(host).await {
                Ok(found) => return Ok(found),
                Err(error) => errors.push(error),
            }
        }
        Err(DialError::all(&errors))
    }

    async fn request_topics(&self, host: &HostPort) -> Result<BTreeSet<Shadowed>, DialError> {
        let checks = &*self.backend.shared.shadow_checks;
        let Some(request) = request(checks) else { return Ok(BTreeSet::new()) };
        let mut client =
            BrokerClient::dial(&self.dialer, &self.backend, host, self.dialer.net.now() + NODE_TIME).await?;
        client.response_bytes_max = RESPONSE_BYTES_MAX;
        let version = client.version(ApiKey::Metadata, METADATA_VERSIONS).await?;
        let body = client.call(ApiKey::Metadata, version, &request).await?;
        shadowed_in(&body, version, checks).map_err(|why| DialError::unavailable(format!("{host}: Metadata: {why}")))
    }

    /// Logs shadowed topics that were not there before, and counts all.
    fn report_shadowed(&self, found: Result<BTreeSet<Shadowed>, DialError>) {
        let (shared, hidden) = (&self.backend.shared, &self.dialer.numbers.names_hidden);
        let mut known = self.backend.shadowed.borrow_mut();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                if !known.failing {
                    let backend_cluster = &*shared.config.name;
                    tracing::warn!(backend_cluster, %error, "shadowed topics cannot be looked for; will retry");
                }
                known.failing = true;
                return;
            }
        };
        for (cluster, topic) in found.difference(&known.topics) {
            let Some(check) = shared.shadow_checks.iter().find(|check| check.id == *cluster) else { continue };
            tracing::warn!(
                virtual_cluster = &*check.virtual_cluster,
                topic = &**topic,
                "this topic is shadowed: no client can see it, because an additional topic has its name"
            );
        }
        let others = hidden.get().saturating_sub(known.topics.len() as u64);
        hidden.set(others + found.len() as u64);
        (known.topics, known.failing) = (found, false);
    }
}

/// The request; `None` where no topic can be shadowed.
fn request(checks: &[ShadowCheck]) -> Option<MetadataRequest> {
    let request = MetadataRequest::default().with_allow_auto_topic_creation(false);
    if checks.iter().any(ShadowCheck::needs_all_topics) {
        return Some(request.with_topics(None));
    }
    let names: BTreeSet<String> = checks.iter().flat_map(ShadowCheck::candidates).collect();
    let topic = |name: String| MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_string(name))));
    (!names.is_empty()).then(|| request.with_topics(Some(names.into_iter().map(topic).collect())))
}

/// The shadowed ones among the topics of a response.
fn shadowed_in(body: &[u8], version: i16, checks: &[ShadowCheck]) -> Result<BTreeSet<Shadowed>, answers::Unusable> {
    let mut found = BTreeSet::new();
    answers::topics(body, version, |topic| {
        let shadowing = checks.iter().filter(|check| check.shadows(topic));
        found.extend(shadowing.map(|check| (check.id, topic.into())));
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Additional, Exact, Mode, Namespace, ShadowWarnings};
    use bytes::BytesMut;
    use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
    use kafka_protocol::messages::{BrokerId, MetadataResponse, metadata_response};
    use kafka_protocol::protocol::Encodable;

    fn check(name: &str, exact: &[&str], globs: &[&str]) -> ShadowCheck {
        let both = |name: &&str| Exact { physical: (*name).into(), virtual_name: (*name).into() };
        let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Vec<_>>();
        let names = Namespace {
            mode: Mode::HidePrefix,
            prefix: format!("{name}.").into(),
            topics: Additional { exact: exact.iter().map(both).collect(), globs: boxed(globs) },
            groups: Additional::default(),
            aliases: Vec::new(),
            all_prefixes: ["a.".into(), "b.".into()].into(),
        };
        let warnings = ShadowWarnings { exact: boxed(exact), globs: boxed(globs) };
        ShadowCheck { id: VirtualClusterId::of(name), virtual_cluster: name.into(), names: names.into(), warnings }
    }

    #[test]
    fn only_the_names_in_question_are_requested_and_nothing_is_created() {
        let names = |checks: &[ShadowCheck]| {
            let request = request(checks).unwrap();
            assert!(!request.allow_auto_topic_creation);
            request
                .topics
                .map(|topics| topics.into_iter().map(|topic| topic.name.unwrap().to_string()).collect::<Vec<_>>())
        };
        let (a, b) = (check("a", &["x", "y"], &[]), check("b", &["x"], &[]));
        assert_eq!(names(&[a.clone(), b]), Some(vec!["a.x".into(), "a.y".into(), "b.x".into()]));
        assert_eq!(names(&[a, check("b", &[], &["s-*"])]), None, "all topics");
        assert_eq!(request(&[check("a", &[], &[])]), None);
    }

    #[test]
    fn shadowed_topics_are_found_in_each_version() {
        let checks = [check("a", &["x", "gone"], &[]), check("b", &["y"], &["s-*"])];
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
            let found = |body: &[u8]| shadowed_in(body, version, &checks);
            let (a, b) = (VirtualClusterId::of("a"), VirtualClusterId::of("b"));
            let expected = [(a, "a.x".into()), (b, "b.s-1".into()), (b, "b.y".into())];
            assert_eq!(found(&body), Ok(expected.into()), "version {version}");
            for cut in 0..body.len() {
                assert_eq!(found(&body[..cut]), Err(answers::Unusable::Malformed), "version {version} cut at {cut}");
            }
        }
    }
}
