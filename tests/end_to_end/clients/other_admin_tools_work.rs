//! The rest of Kafka's admin tools, each once: what they say through the gateway is what they say of the backend.

use super::console;
use crate::ensure;
use crate::harness::lab::CLUSTER_ID;
use crate::harness::{Fallible, World};

const TOPIC: &str = "tools";

pub fn run(world: &World) -> Fallible<()> {
    let (through, direct) = (world.tools()?, world.direct_tools()?);
    through.create_topic(TOPIC, 1, 3)?;
    console::produce(&through, TOPIC, 20)?;
    let same: [(&str, &[&str]); 3] = [
        ("org.apache.kafka.tools.FeatureCommand", &["describe"]),
        ("org.apache.kafka.tools.LogDirsCommand", &["--describe", "--topic-list", TOPIC]),
        ("org.apache.kafka.tools.TransactionsCommand", &["describe-producers", "--topic", TOPIC, "--partition", "0"]),
    ];
    for (class, arguments) in same {
        let (ours, theirs) = (through.kafka(class, arguments)?, direct.kafka(class, arguments)?);
        let (ours, theirs) = (without_epoch(&ours), without_epoch(&theirs));
        ensure!(!ours.trim().is_empty(), "{class} says nothing");
        ensure!(ours == theirs, "{class} says through the gateway:\n{ours}\nand directly:\n{theirs}");
    }
    // This one has a name of its own for the option.
    let properties = through.properties()?;
    let mut arguments = vec!["cluster-id", "--bootstrap-server", &through.bootstrap];
    arguments.extend(properties.iter().flat_map(|file| ["--config", file]));
    let id = through.java("org.apache.kafka.tools.ClusterTool", &arguments, b"")?.success()?;
    ensure!(id.contains(CLUSTER_ID), "the cluster's id: {id}");
    let status = through.kafka("org.apache.kafka.tools.MetadataQuorumCommand", &["describe", "--status"])?;
    ensure!(status.contains("LeaderId:"), "the quorum's status:\n{status}");
    Ok(())
}

/// Without the features' epoch: it is the metadata log's own offset, which moves on between two questions.
fn without_epoch(said: &str) -> String {
    let line = |line: &str| line.split("Epoch:").next().unwrap_or_default().trim_end().to_owned();
    said.lines().map(line).collect::<Vec<_>>().join("\n")
}
