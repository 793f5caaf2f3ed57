//! What the quick start leaves on the screen: the picture, the load's figures, and the commands to paste.
//!
//! Owns the texts. Every command printed here was run as it is printed, on the backends that it is printed for.

use super::backend::Backend;
use super::load::Outcome;
use super::names::Names;
use super::tenants::{GROUP, TOPIC, Tenants};
use crate::console;
use crate::gateway::Gateway;
use crate::measure::machine::Machine;

/// Draws who connects where, and the physical names on the backend.
pub fn picture(gateway: &Gateway, tenants: &Tenants, backend: &Backend) {
    let klamm = format!("Klamm (pid {})", gateway.child.pid());
    println!("\n    {:<15}{:<34}{}, {} nodes", "tenants", klamm, backend.name, backend.nodes.len());
    let line = |who: &str, address: &str, what: &str, node: &str, stored: &str| {
        let arrow = |to: &str| if to.is_empty() { "   " } else { "-->" };
        let line =
            format!("    {who:<11}{} {address:<17}{what:<12} {} {node:<17} {stored}", arrow(address), arrow(node));
        println!("{}", line.trim_end());
    };
    for tenant in tenants.both() {
        println!();
        line(tenant.name, &tenant.bootstrap(), "bootstrap", "any of them", "");
        let names = [TOPIC, GROUP];
        for row in 0..backend.nodes.len().max(names.len()) {
            let name = names.get(row).copied();
            let stored = name.map(|name| tenant.physical(name)).unwrap_or_default();
            let who = name.map(|name| format!("  {name}")).unwrap_or_default();
            match backend.nodes.iter().nth(row) {
                Some((id, node)) => {
                    let address = tenant.layout.advertised().remove(id).unwrap_or_default();
                    line(&who, &address, &format!("node {id}"), node, &stored);
                }
                None => line(&who, "", "", "", &stored),
            }
        }
    }
}

/// Prints the figures of the load.
pub fn load(outcome: &Outcome, value_bytes: usize) {
    let seconds = outcome.time.as_secs_f64();
    let records = as_f64(outcome.records);
    let gib = records * as_f64(value_bytes as u64) / f64::from(1 << 30);
    let (rate, mib) = (records / seconds, gib * 1024.0 / seconds);
    console::note("produced and consumed", &format!("{rate:.0} records/s, {mib:.1} MiB/s each way"));
    let percentile = |q: f64| {
        let latency = outcome.latencies.quantile_us(q);
        latency.map_or_else(|| "too few samples".to_owned(), |us| format!("{:.1} ms", as_f64(us) / 1000.0))
    };
    console::note(
        "acknowledged after",
        &format!("p50 {}, p99 {} (librdkafka waits 5 ms to batch)", percentile(0.5), percentile(0.99)),
    );
    let cpu = outcome.cpu.as_secs_f64();
    let share = 100.0 * cpu / seconds;
    console::note(
        "Klamm's CPU",
        &format!("{:.2} us per record, {:.2} CPU-s per GiB ({share:.0} % of a core)", 1e6 * cpu / records, cpu / gib),
    );
    let memory = outcome.memory;
    console::note(
        "Klamm's memory",
        &format!("{} MiB resident, {} MiB its own", memory.resident_kib / 1024, memory.private_kib / 1024),
    );
    let cores = Machine::here().cores;
    let build = if cfg!(debug_assertions) { "; not a release build: no figures to keep" } else { "" };
    console::note("", &format!("clients, Klamm and what is started here share {cores} cores{build}"));
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52, for display")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Prints the addresses and the commands.
pub fn commands(gateway: &Gateway, tenants: &Tenants, backend: &Backend) {
    let (alice, bob) = (tenants.alice.bootstrap(), tenants.bob.bootstrap());
    console::headline("Try it yourself, in another terminal: first as alice, then as bob, then without Klamm:");
    command(&format!("echo 'hello from alice' | kcat -b {alice} -t {TOPIC} -P"));
    command(&format!("kcat -b {alice} -t {TOPIC} -C -o -3 -e"));
    command(&format!("kcat -b {bob} -t {TOPIC} -C -o -3 -e"));
    command(&format!("kcat -b {bob} -X auto.offset.reset=earliest -G my-group {TOPIC}"));
    command(&format!("kcat -b {bob} -L"));
    command(&format!("kcat -b {} -L", backend.bootstrap.join(",")));
    console::headline(match backend.jars() {
        Some(_) => "As alice with Kafka's own tools:",
        None => "As alice with Kafka's own tools, in the bin directory of a Kafka 4:",
    });
    java(backend, &alice, TOPIC).iter().for_each(|line| command(line));
    if backend.is_embedded() {
        println!("    # groups and admin tools of Java need a real Kafka: quickstart --kafka");
    }
    console::headline("Look into Klamm: its configuration, its log, whether it is ready, its numbers:");
    command(&format!("cat {}", gateway.config.display()));
    command(&format!("tail -f {}", gateway.child.log().display()));
    command(&format!("curl http://{}/ready", gateway.admin));
    command(&format!("curl http://{}/metrics", gateway.admin));
}

/// Prints what to try by host name.
pub fn by_name(names: &Names, tenants: &Tenants, backend: &Backend) {
    let (alice, authority) = (names.bootstrap(&tenants.alice), names.authority.display());
    let (host, port) = alice.rsplit_once(':').unwrap_or((&alice, ""));
    console::headline(
        "By host name, with TLS (with a real Kafka, Java's tools: add --command-config to the commands above):",
    );
    command(&format!("openssl s_client -connect 127.0.0.1:{port} -servername {host} -CAfile {authority}"));
    for tenant in tenants.both() {
        let at = names.bootstrap(tenant);
        command(&format!("kcat -b {at} -X security.protocol=ssl -X ssl.ca.location={authority} -L"));
    }
    let bootstrap = format!("{alice} --command-config {}", names.properties.display());
    java(backend, &bootstrap, TOPIC).iter().for_each(|line| command(line));
    console::headline(
        "A public DNS (sslip.io) resolves these names to 127.0.0.1. Where it is not reached, add to /etc/hosts:",
    );
    names.hosts(tenants, &backend.nodes).iter().for_each(|line| println!("    {line}"));
}

/// Prints a command that can be pasted: a long one goes on behind a backslash.
fn command(text: &str) {
    command_lines(text).iter().for_each(|line| println!("    {line}"));
}

fn command_lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (index, part) in text.split(" -").enumerate() {
        let part = if index == 0 { part.to_owned() } else { format!(" -{part}") };
        match lines.last_mut() {
            // Room for the margin and the backslash.
            Some(line) if line.is_empty() || line.len() + part.len() <= console::WIDTH - 6 => line.push_str(&part),
            Some(line) => {
                line.push_str(" \\");
                lines.push(format!(" {part}"));
            }
            None => {}
        }
    }
    lines
}

/// The Java tools' commands: scripts of a Kafka that the user has, or the classes in the jars that were brought here.
fn java(backend: &Backend, bootstrap: &str, topic: &str) -> Vec<String> {
    let mut commands = Vec::new();
    if let Some(jars) = backend.jars() {
        commands.push(format!("export CLASSPATH='{}/*'", jars.display()));
    }
    let tool = |script: &str, class: &str| match backend.jars() {
        Some(_) => format!("java org.apache.kafka.tools.{class} --bootstrap-server {bootstrap}"),
        None => format!("{script} --bootstrap-server {bootstrap}"),
    };
    let producer = tool("kafka-console-producer.sh", "ConsoleProducer");
    let consumer = tool("kafka-console-consumer.sh", "consumer.ConsoleConsumer");
    commands.push(format!("echo 'hello from Java' | {producer} --topic {topic}"));
    if backend.is_embedded() {
        // A group of Java consumers does not form on the mock cluster: one partition is read without a group.
        commands.push(format!("{consumer} --topic {topic} --partition 0 --offset earliest --max-messages 2"));
        return commands;
    }
    let topics = tool("kafka-topics.sh", "TopicCommand");
    let groups = tool("kafka-consumer-groups.sh", "consumer.group.ConsumerGroupCommand");
    commands.push(format!("{consumer} --topic {topic} --group java --from-beginning --max-messages 5"));
    commands.push(format!("{topics} --describe --topic {topic}"));
    commands.push(format!("{groups} --describe --group java"));
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_goes_on_behind_a_backslash_and_stays_the_same_command() {
        let text = format!("tool --one {} --two {} --three", "1".repeat(60), "2".repeat(60));
        let lines = command_lines(&text);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.len() + 4 <= console::WIDTH));
        let joined: String = lines.iter().map(|line| line.trim_end_matches('\\')).collect();
        assert_eq!(joined.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
    }
}
