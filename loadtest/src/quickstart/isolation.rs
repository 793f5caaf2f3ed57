//! The steps that prove that two tenants never meet: what each sees, and what the backend has.
//!
//! Owns these checks. The backend is asked directly, not through Klamm.

use super::backend::Backend;
use super::clients::{self, PATIENCE};
use super::steps::{self, Produced};
use super::tenants::{GROUP, TOPIC, Tenant, Tenants};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A tenant that has not created anything sees no topic, though the backend has one.
pub fn sees_nothing(tenant: &Tenant, other: &Tenant, backend: &Backend) -> Result<((), String)> {
    let there = other.physical(TOPIC);
    if !clients::topics(&backend.bootstrap.join(","))?.contains(&there) {
        return Err(Error::new(format!("the backend has no topic {there}")));
    }
    sees(tenant, &[])?;
    Ok(((), format!("his list of topics is empty; the backend has {there}")))
}

/// Both consume at the same time, as one group by name: each gets exactly its own records.
pub fn both_consume(tenants: &Tenants, produced: [&Produced; 2]) -> Result<((), String)> {
    let [alice, bob] = tenants.both();
    let [of_alice, of_bob] = produced;
    let run = |tenant: &Tenant, produced| steps::consume(&tenant.bootstrap(), TOPIC, GROUP, produced);
    let outcomes = std::thread::scope(|scope| {
        let second = scope.spawn(|| run(bob, of_bob));
        let first = run(alice, of_alice);
        let broken = |_| Err(Error::new("the consumer's thread panicked"));
        [(alice, first), (bob, second.join().unwrap_or_else(broken))]
    });
    for (tenant, outcome) in outcomes {
        outcome.map_err(|error| Error::new(format!("{}: {}", tenant.name, error.what())))?;
    }
    let (ours, theirs) = (of_alice.len(), of_bob.len());
    Ok(((), format!("alice got her {ours} records, bob his {theirs}: keys, headers, times and offsets are right")))
}

/// Each sees its own topic and group, and nothing else.
pub fn each_sees_its_own(tenants: &Tenants, backend: &Backend) -> Result<((), String)> {
    for tenant in tenants.both() {
        sees(tenant, &[TOPIC])?;
        // librdkafka's mock cluster cannot list groups.
        if !backend.is_embedded() {
            is(tenant, "groups", &clients::groups(&tenant.bootstrap())?, &[GROUP])?;
        }
    }
    let groups = if backend.is_embedded() { String::new() } else { format!("; one group, {GROUP}") };
    Ok(((), format!("alice and bob each see one topic, {TOPIC}{groups}")))
}

fn sees(tenant: &Tenant, expected: &[&str]) -> Result<()> {
    is(tenant, "topics", &clients::topics(&tenant.bootstrap())?, expected)
}

fn is(tenant: &Tenant, what: &str, found: &BTreeSet<String>, expected: &[&str]) -> Result<()> {
    if found.iter().eq(expected) {
        return Ok(());
    }
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let (found, expected) = (found.join(", "), expected.join(", "));
    Err(Error::new(format!("{} sees the {what} [{found}]; right would be [{expected}]", tenant.name)))
}

/// The backend, asked directly, has the topic and the group of each tenant behind its prefix, and none of their virtual
/// names.
pub fn backend_has(tenants: &Tenants, produced: [&Produced; 2], backend: &Backend) -> Result<((), String)> {
    let bootstrap = backend.bootstrap.join(",");
    let topics = clients::topics(&bootstrap)?;
    let mut physical = Vec::new();
    for (tenant, produced) in tenants.both().into_iter().zip(produced) {
        let topic = tenant.physical(TOPIC);
        if !topics.contains(&topic) {
            return Err(Error::new(format!("the backend has no topic {topic}")));
        }
        let records = clients::records(&bootstrap, &topic)?;
        if records != produced.len() as u64 {
            return Err(Error::new(format!("{topic} has {records} records; {} were produced", produced.len())));
        }
        physical.push(format!("{topic} with {records} records"));
    }
    // The user's own Kafka may well have such names.
    if !backend.is_own() && topics.contains(TOPIC) {
        return Err(Error::new(format!("the backend has a topic {TOPIC}, without any prefix")));
    }
    if !backend.is_embedded() {
        let groups = clients::groups(&bootstrap)?;
        for group in tenants.both().map(|tenant| tenant.physical(GROUP)) {
            if !groups.contains(&group) {
                return Err(Error::new(format!("the backend has no group {group}")));
            }
            physical.push(format!("the group {group}"));
        }
    }
    Ok(((), format!("without Klamm: {}", physical.join(", "))))
}

/// After the end: nothing of the tenants is left on the backend.
pub fn nothing_is_left(tenants: &Tenants, backend: &Backend) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let prefixes = tenants.both().map(|tenant| tenant.physical(""));
    loop {
        let mut left = clients::topics(&backend.bootstrap.join(","))?;
        left.retain(|topic| prefixes.iter().any(|prefix| topic.starts_with(prefix)));
        let Some(example) = left.first() else { return Ok(()) };
        if Instant::now() > deadline {
            return Err(Error::new(format!("the topic {example} is still on the backend")));
        }
        // A broker may list a topic for a moment after its deletion.
        std::thread::sleep(Duration::from_millis(100));
    }
}
