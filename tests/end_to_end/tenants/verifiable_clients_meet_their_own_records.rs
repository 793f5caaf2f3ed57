//! Kafka's VerifiableProducer and VerifiableConsumer in both tenants at once, one topic, one group: every record of the
//! own tenant once, none of the other.

use serde_json::Value;

use super::setup::{self, Tenant};
use crate::ensure;
use crate::harness::tools::{VERIFIABLE_CONSUMER, VERIFIABLE_PRODUCER};
use crate::harness::{Fallible, World};

const TOPIC: &str = "verified";
const RECORDS: usize = 1000;

pub fn run(world: &World) -> Fallible<()> {
    setup::both(world, |tenant| {
        // The tools put a number before each value: it stands for the tenant.
        let number = tenant.tag.len().to_string();
        tenant.create_topic(TOPIC, 3)?;
        let count = RECORDS.to_string();
        let arguments = ["--topic", TOPIC, "--max-messages", &count, "--acks", "-1", "--value-prefix", &number];
        let produced = tool(tenant, VERIFIABLE_PRODUCER, &arguments)?;
        let mut sent: Vec<String> = texts(&produced, "producer_send_success", "value");
        ensure!(sent.len() == RECORDS, "{} records were sent", sent.len());

        let arguments = ["--topic", TOPIC, "--group-id", "verifiers", "--max-messages", &count, "--verbose"];
        let consumed = tool(tenant, VERIFIABLE_CONSUMER, &[&arguments[..], &["--reset-policy", "earliest"]].concat())?;
        let mut read: Vec<String> = texts(&consumed, "record_data", "value");
        sent.sort_unstable();
        read.sort_unstable();
        let own = sent.iter().filter(|value| value.starts_with(&format!("{number}."))).count();
        ensure!(own == RECORDS, "{own} values have the tenant's number");
        ensure!(read == sent, "{} records were read, not the {RECORDS} sent", read.len());
        Ok(())
    })
}

/// Runs a tool to its end; gives the JSON objects that it wrote, a line each.
fn tool(tenant: &Tenant<'_>, class: &str, arguments: &[&str]) -> Fallible<Vec<Value>> {
    let said = tenant.tools.kafka(class, arguments)?;
    Ok(said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// A field of all objects of that name, as text.
fn texts(objects: &[Value], name: &str, field: &str) -> Vec<String> {
    let named = objects.iter().filter(|object| object["name"] == name);
    named.filter_map(|object| object[field].as_str().map(str::to_owned)).collect()
}
