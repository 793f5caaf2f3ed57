//! Kafka's topic and config tools: create, list, describe, grow, configure, delete.

use crate::ensure;
use crate::harness::tools::{CONFIGS, TOPICS, patience};
use crate::harness::{Fallible, World, until};

const TOPIC: &str = "administered";

pub fn run(world: &World) -> Fallible<()> {
    let tools = world.tools()?;
    let create = ["--create", "--topic", TOPIC, "--partitions", "2", "--replication-factor", "2"];
    tools.kafka(TOPICS, &[&create[..], &["--config", "retention.ms=3600000"]].concat())?;
    let listed = tools.kafka(TOPICS, &["--list"])?;
    ensure!(listed.lines().any(|topic| topic == TOPIC), "not listed:\n{listed}");

    tools.kafka(TOPICS, &["--alter", "--topic", TOPIC, "--partitions", "5"])?;
    let arguments = ["--alter", "--entity-type", "topics", "--entity-name", TOPIC];
    tools.kafka(CONFIGS, &[&arguments[..], &["--add-config", "max.message.bytes=2000000"]].concat())?;
    until("the new configuration is seen", patience(10), || {
        let described = tools.kafka(TOPICS, &["--describe", "--topic", TOPIC])?;
        for part in ["PartitionCount: 5", "ReplicationFactor: 2", "retention.ms=3600000", "max.message.bytes=2000000"] {
            ensure!(described.contains(part), "{part} is not in:\n{described}");
        }
        Ok(())
    })?;
    let configs = tools.kafka(CONFIGS, &["--describe", "--entity-type", "topics", "--entity-name", TOPIC])?;
    ensure!(configs.contains("max.message.bytes=2000000"), "not configured:\n{configs}");

    tools.kafka(TOPICS, &["--delete", "--topic", TOPIC])?;
    let listed = tools.kafka(TOPICS, &["--list"])?;
    ensure!(!listed.lines().any(|topic| topic == TOPIC), "still listed:\n{listed}");
    Ok(())
}
