//! librdkafka clients as the quick start uses them, and the nodes of a cluster.
//!
//! Owns the settings that all clients here share: librdkafka's defaults, and no log of its own (each step prints
//! its own failure).

use crate::error::{Context, Error, Result};
use crate::gateway::Nodes;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::Metadata;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a client waits for one answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The settings of every client here.
pub fn settings(bootstrap: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", bootstrap).set("client.id", "klamm-quickstart");
    settings
}

/// A consumer without a group, for metadata of the cluster. It creates a topic by asking for it.
pub fn asker(bootstrap: &str) -> Result<BaseConsumer> {
    let mut settings = settings(bootstrap);
    settings.set("allow.auto.create.topics", "true").set("group.id", "klamm-quickstart-unused");
    settings.create().doing("cannot create a librdkafka client")
}

/// Asks a cluster for its nodes, and waits this long for the answer.
pub fn nodes(bootstrap: &str, time: Duration) -> Result<(Nodes, Metadata)> {
    let metadata = asker(bootstrap)?
        .fetch_metadata(None, time)
        .map_err(|error| Error::new(format!("no Kafka answers at {bootstrap}: {error}")))?;
    let nodes: Nodes =
        metadata.brokers().iter().map(|node| (node.id(), format!("{}:{}", node.host(), node.port()))).collect();
    if nodes.is_empty() {
        return Err(Error::new(format!("the Kafka at {bootstrap} has no node")));
    }
    Ok((nodes, metadata))
}

/// Asks for a topic, which creates it, until each partition has a leader; returns how many partitions it has.
pub fn partitions(bootstrap: &str, topic: &str) -> Result<usize> {
    let asker = asker(bootstrap)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let metadata = asker.fetch_metadata(Some(topic), PATIENCE).doing("no Metadata answer")?;
        let why = match metadata.topics().iter().find(|found| found.name() == topic) {
            None => "the answer leaves it out".to_owned(),
            Some(found) => match found.error() {
                Some(error) => format!("{error:?}"),
                None if found.partitions().is_empty() => "it has no partitions".to_owned(),
                None if found.partitions().iter().any(|partition| partition.leader() < 0) => "no leader yet".to_owned(),
                None => return Ok(found.partitions().len()),
            },
        };
        if Instant::now() > deadline {
            return Err(Error::new(format!("topic {topic} was not created: {why}")));
        }
        crate::interrupt::pause(Duration::from_millis(50))?;
    }
}

/// The topics of a cluster, Kafka's own left out.
pub fn topics(bootstrap: &str) -> Result<BTreeSet<String>> {
    let (_, metadata) = nodes(bootstrap, PATIENCE)?;
    let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
    Ok(names.filter(|name| !name.starts_with("__")).collect())
}

/// The groups of a cluster.
pub fn groups(bootstrap: &str) -> Result<BTreeSet<String>> {
    let doing = || format!("the groups cannot be listed at {bootstrap}");
    let list = asker(bootstrap)?.fetch_group_list(None, PATIENCE).doing(doing)?;
    Ok(list.groups().iter().map(|group| group.name().to_owned()).collect())
}

/// How many records a topic has.
pub fn records(bootstrap: &str, topic: &str) -> Result<u64> {
    let partitions = partitions(bootstrap, topic)?;
    let asker = asker(bootstrap)?;
    let mut records = 0;
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        let doing = || format!("the offsets of {topic} cannot be read");
        let (first, end) = asker.fetch_watermarks(topic, partition, PATIENCE).doing(doing)?;
        records += u64::try_from(end - first).unwrap_or(0);
    }
    Ok(records)
}
