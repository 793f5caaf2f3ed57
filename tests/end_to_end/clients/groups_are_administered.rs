//! Kafka's consumer group tool: list, describe, reset offsets, delete; and the offsets of a topic.

use super::console;
use crate::ensure;
use crate::harness::tools::{GROUPS, OFFSETS};
use crate::harness::{Fallible, World};

const TOPIC: &str = "grouped";
const GROUP: &str = "administered-group";

pub fn run(world: &World) -> Fallible<()> {
    let tools = world.tools()?;
    tools.create_topic(TOPIC, 1, 3)?;
    console::produce(&tools, TOPIC, 40)?;
    let read = ["-G", GROUP, "-e", "-q", "-X", "auto.offset.reset=earliest", "-f", "%o\n", TOPIC];
    tools.kcat(&read, b"")?;

    let listed = tools.kafka(GROUPS, &["--list"])?;
    ensure!(listed.lines().any(|group| group == GROUP), "not listed:\n{listed}");
    let described = tools.kafka(GROUPS, &["--describe", "--group", GROUP])?;
    ensure!(fields_of_topic(&described)[2..6] == ["0", "40", "40", "0"], "not at the end of its topic:\n{described}");

    let reset = ["--reset-offsets", "--group", GROUP, "--topic", TOPIC, "--to-offset", "30", "--execute"];
    tools.kafka(GROUPS, &reset)?;
    let read_again = tools.kcat(&read, b"")?;
    ensure!(read_again.lines().eq((30..40).map(|n| n.to_string())), "after the reset it read:\n{read_again}");

    tools.kafka(GROUPS, &["--delete", "--group", GROUP])?;
    let listed = tools.kafka(GROUPS, &["--list"])?;
    ensure!(!listed.lines().any(|group| group == GROUP), "still listed:\n{listed}");
    let offsets = tools.kafka(OFFSETS, &["--topic", TOPIC])?;
    ensure!(offsets.trim() == format!("{TOPIC}:0:40"), "offsets: {offsets}");
    Ok(())
}

/// The columns of the line about the topic: group, topic, partition, offset, end, lag ...
fn fields_of_topic(described: &str) -> Vec<&str> {
    let line = described.lines().find(|line| line.split_whitespace().nth(1) == Some(TOPIC));
    let mut fields: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    fields.resize(6, "");
    fields
}
