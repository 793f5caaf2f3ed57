//! Scenario 2: alice creates `stock`: alice lists it, bob lists nothing, the backend lists `vc-alice.stock`. The rest of
//! Kafka's admin tools, too, work on the names of one tenant: groups, offsets, configurations, partitions, transactions.

use super::{produce, topics};
use crate::ensure;
use crate::harness::tools::{CONFIGS, GROUPS, OFFSETS, TOPICS, TRANSACTIONS, Tools, patience};
use crate::harness::{Fallible, World, until};
use crate::tenants::tenants;

const TOPIC: &str = "stock";
const GROUP: &str = "stock-keepers";

pub fn run(world: &World) -> Fallible<()> {
    let tenants = tenants(world)?;
    let [alice, bob] = tenants.as_slice() else { return Err("two tenants are needed".into()) };
    let (alice, bob, direct) = (&alice.tools, &bob.tools, &alice.direct);
    topic(alice, bob, direct)?;
    group(alice, bob, direct)?;
    configs(alice)?;
    transactions(alice, bob)?;
    alice.kafka(TOPICS, &["--delete", "--topic", TOPIC])?;
    until("the topic is gone", patience(10), || {
        let left = topics(direct, |name| name.ends_with(TOPIC))?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}

fn topic(alice: &Tools<'_>, bob: &Tools<'_>, direct: &Tools<'_>) -> Fallible<()> {
    let create = ["--create", "--topic", TOPIC, "--partitions", "1", "--replication-factor", "3"];
    alice.kafka(TOPICS, &[&create[..], &["--config", "retention.ms=3600000"]].concat())?;
    until("alice sees her topic", patience(10), || {
        ensure!(topics(alice, |name| name.contains(TOPIC))? == [TOPIC], "it is not there");
        Ok(())
    })?;
    ensure!(topics(bob, |name| name.contains(TOPIC))?.is_empty(), "bob sees alice's topic");
    let stored = topics(direct, |name| name.ends_with(TOPIC))?;
    ensure!(stored == ["vc-alice.stock"], "the backend has {stored:?}");
    alice.kafka(TOPICS, &["--alter", "--topic", TOPIC, "--partitions", "2"])?;
    let described = alice.kafka(TOPICS, &["--describe", "--topic", TOPIC])?;
    for part in ["Topic: stock\t", "PartitionCount: 2", "retention.ms=3600000"] {
        ensure!(described.contains(part), "{part:?} is not in\n{described}");
    }
    Ok(())
}

fn group(alice: &Tools<'_>, bob: &Tools<'_>, direct: &Tools<'_>) -> Fallible<()> {
    produce(alice, TOPIC, &["one", "two", "three"])?;
    alice.kcat(&["-G", GROUP, "-e", "-q", "-X", "auto.offset.reset=earliest", TOPIC], b"")?;
    let listed = alice.kafka(GROUPS, &["--list"])?;
    ensure!(listed.lines().any(|group| group == GROUP), "alice's groups: {listed}");
    let listed = bob.kafka(GROUPS, &["--list"])?;
    ensure!(!listed.contains(GROUP), "bob's groups: {listed}");
    let listed = direct.kafka(GROUPS, &["--list"])?;
    ensure!(listed.lines().any(|group| group == format!("vc-alice.{GROUP}")), "the backend's groups: {listed}");
    let described = alice.kafka(GROUPS, &["--describe", "--group", GROUP])?;
    let committed: i64 = described.lines().filter_map(|line| line.split_whitespace().nth(3)?.parse::<i64>().ok()).sum();
    ensure!(committed == 3, "committed are {committed} of 3:\n{described}");
    let reset = ["--reset-offsets", "--group", GROUP, "--topic", TOPIC, "--to-earliest", "--execute"];
    alice.kafka(GROUPS, &reset)?;
    let again = alice.kcat(&["-G", GROUP, "-e", "-q", "-f", "%s\n", TOPIC], b"")?;
    ensure!(again.lines().count() == 3, "after the reset:\n{again}");
    alice.kafka(GROUPS, &["--delete", "--group", GROUP])?;
    let offsets = alice.kafka(OFFSETS, &["--topic", TOPIC])?;
    let ends: i64 = offsets.lines().filter_map(|line| line.rsplit(':').next()?.parse::<i64>().ok()).sum();
    ensure!(offsets.lines().all(|line| line.starts_with("stock:")) && ends == 3, "offsets: {offsets}");
    Ok(())
}

fn configs(alice: &Tools<'_>) -> Fallible<()> {
    let entity = ["--entity-type", "topics", "--entity-name", TOPIC];
    alice.kafka(CONFIGS, &[&["--alter"], &entity[..], &["--add-config", "max.message.bytes=2000000"]].concat())?;
    until("the new configuration is seen", patience(10), || {
        let described = alice.kafka(CONFIGS, &[&["--describe"], &entity[..]].concat())?;
        ensure!(described.contains("max.message.bytes=2000000"), "not configured:\n{described}");
        Ok(())
    })?;
    let refused = alice.kafka(CONFIGS, &["--describe", "--entity-type", "brokers", "--entity-name", "1"]);
    ensure!(refused.is_err(), "a tenant sees a node's configuration");
    Ok(())
}

/// A transaction of alice's is listed for her, under the name that she gave it, and for nobody else.
fn transactions(alice: &Tools<'_>, bob: &Tools<'_>) -> Fallible<()> {
    let produce = ["-P", "-t", TOPIC, "-X", "transactional.id=stock-taking"];
    alice.kcat(&produce, b"counted")?;
    let listed = alice.kafka(TRANSACTIONS, &["list"])?;
    ensure!(listed.lines().any(|line| line.starts_with("stock-taking")), "alice's transactions: {listed}");
    let listed = bob.kafka(TRANSACTIONS, &["list"])?;
    ensure!(!listed.contains("stock-taking"), "bob's transactions: {listed}");
    let described = alice.kafka(TRANSACTIONS, &["describe", "--transactional-id", "stock-taking"])?;
    ensure!(described.contains("CompleteCommit"), "the transaction: {described}");
    Ok(())
}
