//! Java's console share consumer (KIP-932) takes every record of a topic, and the share group can be described.

use super::console;
use crate::ensure;
use crate::harness::tools::{CONFIGS, CONSOLE_SHARE_CONSUMER, SHARE_GROUPS};
use crate::harness::{Fallible, World};

const TOPIC: &str = "shared";
const GROUP: &str = "share-group";

pub fn run(world: &World) -> Fallible<()> {
    let tools = world.tools()?;
    tools.create_topic(TOPIC, 2, 3)?;
    let arguments = ["--alter", "--entity-type", "groups", "--entity-name", GROUP];
    tools.kafka(CONFIGS, &[&arguments[..], &["--add-config", "share.auto.offset.reset=earliest"]].concat())?;
    let mut produced: Vec<String> = console::produce(&tools, TOPIC, 300)?;

    let arguments = [
        &["--topic", TOPIC, "--group", GROUP, "--max-messages", "300", "--timeout-ms", "60000"][..],
        &["--formatter-property", "print.key=true", "--formatter-property", "print.headers=true"],
    ];
    let output = tools.kafka(CONSOLE_SHARE_CONSUMER, &arguments.concat())?;
    let mut consumed: Vec<&str> = output.lines().collect();
    consumed.sort_unstable();
    produced.sort_unstable();
    ensure!(consumed == produced, "{} lines came, not the {} produced", consumed.len(), produced.len());

    let described = tools.kafka(SHARE_GROUPS, &["--describe", "--offsets", "--group", GROUP])?;
    ensure!(described.contains(TOPIC), "the share group is described without its topic:\n{described}");
    Ok(())
}
