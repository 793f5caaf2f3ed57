//! Kafka's TransactionalMessageCopier, with aborts at random: what is committed is each record once, and its group's
//! offsets move within the transaction.

use super::console;
use crate::ensure;
use crate::harness::tools::TRANSACTIONAL_COPIER;
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    let tools = world.tools()?;
    tools.create_topic("copy-from", 1, 3)?;
    tools.create_topic("copy-to", 1, 3)?;
    let produced = console::produce(&tools, "copy-from", 500)?;

    let arguments = [
        &["--broker-list", &tools.bootstrap, "--transactional-id", "copier", "--consumer-group", "copiers"][..],
        &["--input-topic", "copy-from", "--input-partition", "0", "--output-topic", "copy-to"],
        &["--max-messages", "-1", "--transaction-size", "50", "--enable-random-aborts", "--use-group-metadata"],
    ];
    let said = tools.java(TRANSACTIONAL_COPIER, &arguments.concat(), b"")?.success()?;
    ensure!(said.contains("\"consumed\":"), "the copier says nothing of what it consumed:\n{said}");

    let arguments = ["-C", "-t", "copy-to", "-o", "beginning", "-e", "-q", "-X", "isolation.level=read_committed"];
    let committed = tools.kcat(&[&arguments[..], &["-f", "%k\t%s\n"]].concat(), b"")?;
    let expected: Vec<&str> = produced.iter().filter_map(|line| line.split_once('\t')).map(|(_, rest)| rest).collect();
    let committed: Vec<&str> = committed.lines().collect();
    ensure!(committed == expected, "{} records are committed, not the {} copied", committed.len(), expected.len());
    Ok(())
}
