//! The ground of a differential run: a gateway with three virtual clusters beside Kafka itself, the topics that stay, and the
//! waits that make what a request began the same on every side before the next one.

use std::collections::BTreeMap;

use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    ApiVersionsRequest, BrokerId, CreateTopicsRequest, DescribeConfigsRequest, DescribeTransactionsRequest,
    FindCoordinatorRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest, TopicName, TransactionalId,
};

use super::model::{GROUPS, Model, STABLE, TRANSACTIONAL_IDS};
use super::side::{FIRST_NODE, Side, WAYS, Way};
use crate::definitions::Definitions;
use crate::ensure;
use crate::harness::gateway::Gateway;
use crate::harness::lab::NODES;
use crate::harness::tools::patience;
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, until};
use crate::tenants;

/// A topic whose settings are changed to see how far the nodes' metadata are.
const BARRIER: &str = "differential-barrier";
/// The setting that is changed.
const SETTING: &str = "flush.ms";
const TOPIC: i8 = 2;
const GROUP_KEY: i8 = 0;
const TRANSACTION_KEY: i8 = 1;

/// All that a run needs.
pub struct Ground {
    pub definitions: Definitions,
    pub sides: Vec<Side>,
    pub model: Model,
    /// The versions of each API that every side serves.
    pub served: BTreeMap<i16, (i16, i16)>,
    /// A connection to each node, for the waits; entry 0 is not used.
    nodes: Vec<Option<Wire>>,
    barrier: u32,
    #[expect(dead_code, reason = "it runs for as long as this lives")]
    gateway: Gateway,
}

impl Ground {
    pub fn prepare(world: &World) -> Fallible<Ground> {
        let definitions = Definitions::read()?;
        let mut names = Vec::new();
        for (way, prefix) in &WAYS[1..] {
            names.push(match way {
                Way::Direct | Way::Passthrough => String::new(),
                Way::HidePrefix => format!("namespace: {{mode: hide_prefix, prefix: \"{prefix}\"}},"),
                Way::EnforcePrefix => format!("namespace: {{mode: enforce_prefix, prefix: \"{prefix}\"}},"),
            });
        }
        let clusters: Vec<(&str, &str)> =
            ["passthrough-too", "hidden", "enforced"].into_iter().zip(names.iter().map(String::as_str)).collect();
        let (gateway, bootstraps) = tenants::own_gateway(world, &clusters)?;
        let lab = world.lab()?;
        let mut sides = Vec::new();
        for (at, (way, prefix)) in WAYS.iter().enumerate() {
            let addresses: Vec<String> = match at.checked_sub(1) {
                None => (0..=NODES).map(|node| lab.address(node)).collect(),
                Some(at) => {
                    let (host, port) = bootstraps[at].rsplit_once(':').ok_or("no port")?;
                    let port: usize = port.parse()?;
                    (0..=NODES).map(|node| format!("{host}:{}", port + node)).collect()
                }
            };
            sides.push(Side::new(at, *way, prefix, addresses));
        }
        let mut nodes = vec![None];
        for node in FIRST_NODE..=NODES {
            nodes.push(Some(Wire::connect_as(&lab.address(node), "differential-ground")?));
        }
        let served = BTreeMap::new();
        let mut ground = Ground { definitions, sides, model: Model::new(), served, nodes, barrier: 0, gateway };
        ground.create_topics()?;
        ground.find_coordinators()?;
        ground.warm_producer_ids()?;
        ground.find_versions()?;
        Ok(ground)
    }

    fn node(&mut self, node: usize) -> Fallible<&mut Wire> {
        self.nodes.get_mut(node).and_then(Option::as_mut).ok_or_else(|| format!("no node {node}").into())
    }

    /// The topics that stay, on every side with the same nodes, and the barrier.
    fn create_topics(&mut self) -> Fallible<()> {
        let mut topics = vec![creatable(BARRIER, &[FIRST_NODE], false)];
        for (_, prefix) in &WAYS {
            topics
                .extend(STABLE.iter().map(|(name, leaders, all)| creatable(&format!("{prefix}{name}"), leaders, *all)));
        }
        let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(20_000);
        for topic in self.node(FIRST_NODE)?.ask(7, &request)?.body.topics {
            ensure!(topic.error_code == 0, "{:?} is not created: {}", topic.name, topic.error_code);
        }
        self.wait_for_metadata()
    }

    /// Groups and transactional ids have the same coordinator on all sides: see [`WAYS`].
    fn find_coordinators(&mut self) -> Fallible<()> {
        for group in GROUPS {
            let node = self.coordinator(GROUP_KEY, group)?;
            self.model.groups.entry(group).or_default().coordinator = node;
        }
        for id in TRANSACTIONAL_IDS {
            let node = self.coordinator(TRANSACTION_KEY, id)?;
            self.model.transactions.entry(id).or_default().coordinator = node;
        }
        Ok(())
    }

    fn coordinator(&mut self, key_type: i8, name: &str) -> Fallible<usize> {
        let mut found = Vec::new();
        for (_, prefix) in &WAYS {
            let request =
                FindCoordinatorRequest::default().with_key_type(key_type).with_key(text(&format!("{prefix}{name}")));
            found.push(until("a coordinator", patience(20), || {
                let answer = self.node(FIRST_NODE)?.ask(2, &request)?.body;
                ensure!(answer.error_code == 0, "error {}", answer.error_code);
                Ok(answer.node_id.0)
            })?);
        }
        ensure!(found.iter().all(|node| *node == found[0]), "{name} has other coordinators on other sides: {found:?}");
        Ok(usize::try_from(found[0])?)
    }

    /// A node that has no block of producer ids yet says so, which depends on when it was asked first.
    fn warm_producer_ids(&mut self) -> Fallible<()> {
        for node in FIRST_NODE..=NODES {
            let request =
                InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1000);
            until("a producer id", patience(20), || {
                let answer = self.node(node)?.ask(3, &request)?.body;
                ensure!(answer.error_code == 0, "error {}", answer.error_code);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn find_versions(&mut self) -> Fallible<()> {
        let definitions = &self.definitions;
        for (at, side) in self.sides.iter_mut().enumerate() {
            let answer = side.connection(FIRST_NODE)?.ask(0, &ApiVersionsRequest::default())?.body;
            let offered: BTreeMap<i16, (i16, i16)> =
                answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
            if at == 0 {
                self.served = offered;
                // Kafka offers versions of Produce that it does not serve, for the sake of old clients.
                self.served.retain(|key, (min, _)| match definitions.requests.get(key) {
                    Some(message) => {
                        *min = (*min).max(message.valid.first);
                        true
                    }
                    None => false,
                });
                continue;
            }
            self.served.retain(|key, (min, max)| {
                let Some((from, to)) = offered.get(key) else { return false };
                (*min, *max) = ((*min).max(*from), (*max).min(*to));
                min <= max
            });
        }
        Ok(())
    }

    /// Waits until every node has dealt with all metadata so far. Two rounds: when a node shows a change that was made after
    /// another one was shown, it has finished with that.
    pub fn wait_for_metadata(&mut self) -> Fallible<()> {
        for _ in 0..2 {
            self.barrier += 1;
            let value = (1_000_000 + self.barrier).to_string();
            let config = AlterableConfig::default().with_name(text(SETTING)).with_value(Some(text(&value)));
            let resource = AlterConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(text(BARRIER))
                .with_configs(vec![config]);
            let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
            let answer = self.node(FIRST_NODE)?.ask(1, &request)?.body;
            ensure!(answer.responses.iter().all(|one| one.error_code == 0), "the barrier: {answer:?}");
            for node in FIRST_NODE..=NODES {
                until("a node knows the metadata", patience(20), || self.shows(node, &value))?;
            }
        }
        Ok(())
    }

    fn shows(&mut self, node: usize, value: &str) -> Fallible<()> {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(BARRIER))
            .with_configuration_keys(Some(vec![text(SETTING)]));
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let answer = self.node(node)?.ask(4, &request)?.body;
        let shown = answer.results.iter().flat_map(|one| &one.configs).find_map(|config| config.value.clone());
        ensure!(shown.as_deref() == Some(value), "it shows {shown:?}, not {value}");
        Ok(())
    }

    /// Waits until no side's transaction of this id is being ended.
    pub fn wait_for_transaction(&mut self, id: &'static str) -> Fallible<()> {
        let coordinator = self.model.transactions[id].coordinator;
        for (_, prefix) in &WAYS {
            let request = DescribeTransactionsRequest::default()
                .with_transactional_ids(vec![TransactionalId(text(&format!("{prefix}{id}")))]);
            until("a transaction has ended", patience(20), || {
                let answer = self.node(coordinator)?.ask(0, &request)?.body;
                let ending = answer.transaction_states.iter().any(|one| one.transaction_state.starts_with("Prepare"));
                ensure!(!ending, "{:?}", answer.transaction_states);
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// A topic with a partition for each leader; with followers on all other nodes, or without any.
fn creatable(name: &str, leaders: &[usize], followers: bool) -> CreatableTopic {
    let assignments = leaders.iter().enumerate().map(|(partition, leader)| {
        let others = (FIRST_NODE..=NODES).filter(|node| followers && node != leader);
        let nodes =
            std::iter::once(*leader).chain(others).map(|node| BrokerId(i32::try_from(node).expect("few nodes")));
        CreatableReplicaAssignment::default()
            .with_partition_index(i32::try_from(partition).expect("few partitions"))
            .with_broker_ids(nodes.collect())
    });
    let in_sync = if followers { "2" } else { "1" };
    let config = CreatableTopicConfig::default().with_name(text("min.insync.replicas")).with_value(Some(text(in_sync)));
    CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_assignments(assignments.collect())
        .with_configs(vec![config])
}
