//! Scenario 1: a backend of three nodes and no virtual cluster: clients see every topic and group as at Kafka itself, and
//! every node at the gateway.

use super::{produce, topics, values};
use crate::ensure;
use crate::harness::tools::{GROUPS, TOPICS};
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    let (through, direct) = (world.tools()?, world.direct_tools()?);
    through.create_topic("plain-one", 1, 3)?;
    direct.create_topic("plain-two", 1, 3)?;
    let ours = |name: &str| name.starts_with("plain-");
    for _ in 0..2 {
        ensure!(topics(&through, ours)? == ["plain-one", "plain-two"], "{:?}", topics(&through, ours)?);
        ensure!(topics(&direct, ours)? == ["plain-one", "plain-two"], "{:?}", topics(&direct, ours)?);
    }
    produce(&through, "plain-one", &["a", "b"])?;
    ensure!(values(&direct, "plain-one")? == ["a", "b"], "the backend has something else");
    direct.kcat(&["-G", "plain-group", "-e", "-q", "-X", "auto.offset.reset=earliest", "plain-one"], b"")?;
    let listed = through.kafka(TOPICS, &["--list"])?;
    ensure!(listed.lines().filter(|name| ours(name)).eq(["plain-one", "plain-two"]), "TopicCommand lists {listed}");
    let groups = through.kafka(GROUPS, &["--list"])?;
    ensure!(groups.lines().any(|group| group == "plain-group"), "ConsumerGroupCommand lists {groups}");
    Ok(())
}
