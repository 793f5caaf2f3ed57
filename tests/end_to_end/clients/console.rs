//! Kafka's console producer and consumer: lines in, lines out.

use crate::ensure;
use crate::harness::tools::{CONSOLE_CONSUMER, CONSOLE_PRODUCER, Tools};
use crate::harness::{Fallible, World};

/// Produces with the console producer, then reads with a console consumer whose group has that protocol.
pub fn exchange(world: &World, topic: &str, protocol: &str) -> Fallible<()> {
    let tools = world.tools()?;
    tools.create_topic(topic, 3, 3)?;
    let lines = produce(&tools, topic, 600)?;
    let group = format!("{topic}-group");
    let protocol = format!("group.protocol={protocol}");
    let count = lines.len().to_string();
    let arguments = [
        &["--topic", topic, "--group", &group, "--from-beginning", "--max-messages", &count, "--timeout-ms", "60000"][..],
        &["--command-property", &protocol],
        &["--formatter-property", "print.key=true", "--formatter-property", "print.headers=true"],
    ];
    let output = tools.kafka(CONSOLE_CONSUMER, &arguments.concat())?;
    let mut consumed: Vec<&str> = output.lines().collect();
    let mut produced: Vec<&str> = lines.iter().map(String::as_str).collect();
    consumed.sort_unstable();
    produced.sort_unstable();
    ensure!(consumed == produced, "{} lines came, not the {} produced", consumed.len(), produced.len());
    Ok(())
}

/// Produces that many lines with a key and two headers; gives them as a console consumer prints them.
pub fn produce(tools: &Tools<'_>, topic: &str, count: usize) -> Fallible<Vec<String>> {
    let lines: Vec<String> =
        (0..count).map(|n| format!("n:{n},from:console\tkey-{n}\tvalue {n} \u{e9}\u{4e16}")).collect();
    let arguments = [
        &["--topic", topic][..],
        &["--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"],
        &["--command-property", "acks=all", "--command-property", "enable.idempotence=true"],
    ];
    tools.kafka_with_input(CONSOLE_PRODUCER, &arguments.concat(), lines.join("\n").as_bytes())?;
    Ok(lines)
}
