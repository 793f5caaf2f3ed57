//! Ordinary clients of two tenants on one TLS port, and a relay between them and the gateway that reads along: in nothing
//! that any of them is sent is an address or a name of a node, a prefix, or a host name of the other tenant.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use klamm::cluster::HostFormat;

use super::tenants::{self, LABELS};
use crate::ensure;
use crate::harness::certificates::Kind;
use crate::harness::hosts::SUFFIX;
use crate::harness::lab::CANARIES;
use crate::harness::relay::BEHIND;
use crate::harness::tools::{CONSOLE_CONSUMER, CONSOLE_PRODUCER};
use crate::harness::{Fallible, World, locked, named, ports, relay_tls};
use crate::tenants::{Program, Tenant};

const FORMAT: HostFormat = HostFormat::PerClusterSuffix;
const NAME: &str = "read-along";
const RECORDS: usize = 200;

pub fn run(world: &World) -> Fallible<()> {
    let (material, port) = (world.material()?, ports::ten());
    let covers = LABELS.map(|label| format!("*.{label}{SUFFIX}"));
    let shown = material.issuing.server(Kind::Ecdsa, &covers.each_ref().map(String::as_str))?;
    let certificates = [shown.write(&material.folder, NAME)?];
    let listener = named::Listener { port, format: FORMAT, certificates: &certificates, tls: &[], policies: &[] };
    let _gateway = tenants::start(world, NAME, port, &listener.yaml_at(BEHIND, "door"))?;
    let domain = |label: &str| format!(".{label}{SUFFIX}");
    let forbidden = |label: &str| {
        let own = LABELS.iter().filter(|other| **other != label).map(|other| domain(other));
        let prefixes = LABELS.map(|label| format!("{NAME}-{label}."));
        own.chain(prefixes).chain(CANARIES.iter().chain([&BEHIND]).map(|canary| (*canary).to_owned())).collect()
    };
    let canaries: BTreeMap<String, Vec<String>> =
        LABELS.iter().map(|label| (domain(label), forbidden(label))).collect();
    let read = relay_tls::start(port, &shown, material.config(), canaries)?;

    for label in LABELS {
        let tenant = Tenant {
            tag: label,
            prefix: format!("{NAME}-{label}."),
            tools: world.tools_for(named::bootstrap(FORMAT, label, port))?,
            direct: world.direct_tools()?,
        };
        work(&tenant).map_err(|error| format!("{label}: {error}"))?;
    }
    let leaks = locked(&read.leaks);
    ensure!(leaks.is_empty(), "{} times, first: {}", leaks.len(), leaks.first().map_or("", |leak| leak));
    for (own, (bytes, told)) in &read.sent {
        let (bytes, told) = (bytes.load(Ordering::Relaxed), told.load(Ordering::Relaxed));
        ensure!(bytes > 100_000 && told > 10, "only {bytes} bytes to {own} were read along, with {told} names");
    }
    Ok(())
}

/// librdkafka, Java and franz-go, with groups and transactions.
fn work(tenant: &Tenant<'_>) -> Fallible<()> {
    tenant.create_topic("orders", 3)?;
    let records: String = (0..RECORDS).map(|n| format!("{}-{n}\n", tenant.tag)).collect();
    tenant.tools.kcat(&["-P", "-t", "orders"], records.as_bytes())?;
    let joined = tenant.tools.kcat(&["-G", "app", "-e", "-q", "-X", "auto.offset.reset=earliest", "orders"], b"")?;
    ensure!(joined.lines().count() == RECORDS, "{} records came", joined.lines().count());
    tenant.tools.kafka_with_input(CONSOLE_PRODUCER, &["--topic", "orders"], records.as_bytes())?;
    let count = (2 * RECORDS).to_string();
    let arguments = ["--topic", "orders", "--group", "java", "--from-beginning", "--max-messages", &count];
    let read = tenant.tools.kafka(CONSOLE_CONSUMER, &[&arguments[..], &["--timeout-ms", "60000"]].concat())?;
    ensure!(read.lines().count() == 2 * RECORDS, "{} records came to Java", read.lines().count());
    tenant.create_topic("from", 3)?;
    tenant.create_topic("to", 3)?;
    tenant.client(Program::FranzGo, &["from", "to", "group", "transaction"]).map(drop)
}
