//! Kafka's console clients in both tenants at once, one topic, one group: each reads the lines of its own tenant.

use super::setup;
use crate::ensure;
use crate::harness::tools::{CONSOLE_CONSUMER, CONSOLE_PRODUCER};
use crate::harness::{Fallible, World};

const TOPIC: &str = "orders";
const LINES: usize = 400;

pub fn run(world: &World) -> Fallible<()> {
    setup::both(world, |tenant| {
        tenant.create_topic(TOPIC, 3)?;
        let mut produced: Vec<String> =
            (0..LINES).map(|n| format!("n:{n}\tkey-{n}\t{} {n} \u{e9}\u{4e16}", tenant.tag)).collect();
        let arguments = [
            &["--topic", TOPIC, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"][..],
            &["--command-property", "acks=all"],
        ];
        tenant.tools.kafka_with_input(CONSOLE_PRODUCER, &arguments.concat(), produced.join("\n").as_bytes())?;

        let count = LINES.to_string();
        let arguments = [
            &["--topic", TOPIC, "--group", "app", "--from-beginning", "--max-messages", &count][..],
            &["--timeout-ms", "60000", "--formatter-property", "print.key=true"],
            &["--formatter-property", "print.headers=true"],
        ];
        let output = tenant.tools.kafka(CONSOLE_CONSUMER, &arguments.concat())?;
        let mut consumed: Vec<&str> = output.lines().collect();
        consumed.sort_unstable();
        produced.sort_unstable();
        ensure!(consumed == produced, "{} lines came, not the {LINES} produced", consumed.len());
        tenant.backend_holds(TOPIC, LINES)
    })
}
