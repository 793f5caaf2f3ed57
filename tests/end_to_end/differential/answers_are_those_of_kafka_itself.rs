//! The same sequence of requests, sent straight to Kafka and through a passthrough and both kinds of namespaces, is answered
//! the same, field by field: but for names, addresses, what Kafka makes up, and what `compare.rs` lists.
//!
//! `KLAMM_DIFFERENTIAL_REQUESTS` is the length of the sequence; `KLAMM_DIFFERENTIAL_SEED` repeats one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::compare::{compare, order, struct_text};
use super::ground::Ground;
use super::identities::Identities;
use super::side::{Outcome, Way};
use super::step::{Step, draw, draw_key};
use crate::definitions::codec::{Struct, Value};
use crate::ensure;
use crate::harness::{Fallible, World};

/// Enough to ask each API a few times.
const REQUESTS: u64 = 2_000;
/// What differs once may let more differ afterwards, and may not: a few are worth seeing.
const DIFFERENCES_MAX: usize = 10;
const PROGRESS: Duration = Duration::from_secs(5);
/// In so many requests each API succeeds, but for those that a Kafka without authentication and authorizer refuses.
const EACH_SUCCEEDS_IN: u64 = 10_000;
const ALWAYS_REFUSED: [i16; 5] = [17, 29, 30, 31, 36];
/// Its answers have no tags in their header, in no version.
const API_VERSIONS: i16 = 18;

pub fn run(world: &World) -> Fallible<()> {
    let requests = setting("KLAMM_DIFFERENTIAL_REQUESTS")?.unwrap_or(REQUESTS);
    let seed = setting("KLAMM_DIFFERENTIAL_SEED")?.unwrap_or_else(|| rand::random_range(0..1 << 32));
    println!("differential: {requests} requests, seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let mut ground = Ground::prepare(world)?;
    let mut identities = Identities::default();
    let (mut tally, mut differences) = (Tally::default(), Vec::new());
    let (began, mut told) = (Instant::now(), Instant::now());
    let keys: Vec<i16> = ground.served.keys().copied().collect();
    for number in 1..=requests {
        let key = draw_key(&mut random, &keys);
        let (min, max) = ground.served[&key];
        let version = random.random_range(min..=max);
        let step = draw(&mut random, &ground.model, &ground.definitions.requests[&key], version);
        match take(&mut ground, &step, &mut identities) {
            Ok(without_error) => tally.count(key, version, without_error),
            Err(difference) => {
                let difference = format!("request {number} of seed {seed}: {difference}");
                println!("differential: {difference}");
                differences.push(difference);
                ensure!(differences.len() < DIFFERENCES_MAX, "{}", differences.join("\n\n"));
            }
        }
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            let rate = number as f64 / began.elapsed().as_secs_f64();
            println!("differential: {number} of {requests} requests, {rate:.0} a second");
        }
    }
    tally.print(&ground);
    ensure!(differences.is_empty(), "{}", differences.join("\n\n"));
    if requests >= EACH_SUCCEEDS_IN {
        tally.each_succeeded()?;
    }
    let apis: usize = ground.served.len();
    println!("differential: {requests} requests in {} s, {apis} APIs, no difference", began.elapsed().as_secs());
    Ok(())
}

fn setting(name: &str) -> Fallible<Option<u64>> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text.parse().map_err(|error| format!("{name}={text}: {error}"))?)),
        Err(_) => Ok(None),
    }
}

/// Sends a request on every side, compares the answers, and waits until what it began has ended. Tells whether there was no
/// error in them.
fn take(ground: &mut Ground, step: &Step, identities: &mut Identities) -> Fallible<bool> {
    let asked = &ground.definitions.requests[&step.key];
    let answered = &ground.definitions.responses[&step.key];
    let told = |what: String| {
        format!(
            "{} v{} to node {}: {what}\nrequest: {}",
            asked.name,
            step.version,
            step.node,
            struct_text(&step.request)
        )
    };
    for side in &mut ground.sides {
        side.send(step.node, asked, step.version, &step.request, identities)
            .map_err(|error| told(error.to_string()))?;
    }
    if step.silent {
        return Ok(true);
    }
    let tags = asked.flexible.has(step.version) && step.key != API_VERSIONS;
    let mut answers: Vec<(usize, Way, Struct)> = Vec::new();
    let mut closed = Vec::new();
    for (at, side) in ground.sides.iter_mut().enumerate() {
        match side.receive(step.node, answered, step.version, tags).map_err(|error| told(error.to_string()))? {
            Outcome::Answer(mut answer) => {
                if step.list {
                    keep_own(&mut answer, |name| side.owns(name));
                }
                side.hear(answered, step.version, &mut answer);
                order(answered, step.version, (at, side.way), &mut answer, identities);
                answers.push((at, side.way, answer));
            }
            Outcome::Closed => closed.push(side.way),
        }
    }
    ensure!(
        closed.is_empty() || answers.is_empty(),
        "{}",
        told(format!("{closed:?} closed, {:?} answered: {}", answers[0].1, struct_text(&answers[0].2)))
    );
    let Some((_, _, direct)) = answers.first() else {
        // All closed. A fetch session is not for the next connection.
        ground.model.sessions[step.node] = None;
        return Ok(false);
    };
    compare(answered, step.version, &answers, identities).map_err(|difference| {
        let all: Vec<String> =
            answers.iter().map(|(_, way, answer)| format!("{way:?}: {}", struct_text(answer))).collect();
        told(format!("{difference}\n{}", all.join("\n")))
    })?;
    ground.model.learn(step, direct, identities);
    let without_error = is_without_error(direct);
    if step.metadata {
        ground.wait_for_metadata()?;
    }
    if let Some(id) = step.transaction {
        ground.wait_for_transaction(id)?;
    }
    Ok(without_error)
}

/// Takes what is not this side's out of the lists of everything.
fn keep_own(answer: &mut Struct, owns: impl Fn(&[u8]) -> bool) {
    for value in answer.fields.values_mut() {
        let Value::Array(elements) = value else { continue };
        elements.retain(|element| {
            let Value::Struct(element) = element else { return true };
            let name = ["Name", "GroupId", "TransactionalId"].iter().find_map(|name| element.fields.get(*name));
            match name {
                Some(Value::Text(name)) => owns(name),
                _ => true,
            }
        });
    }
}

/// Whether no field of an answer is an error.
fn is_without_error(answer: &Struct) -> bool {
    answer.fields.iter().all(|(name, value)| match value {
        Value::Fixed(_) if name.ends_with("ErrorCode") => value.as_number() == Some(0),
        Value::Struct(below) => is_without_error(below),
        Value::Array(elements) => elements.iter().all(|element| match element {
            Value::Struct(below) => is_without_error(below),
            _ => true,
        }),
        _ => true,
    })
}

/// The requests so far.
#[derive(Default)]
struct Tally {
    by_version: BTreeMap<i16, BTreeMap<i16, u64>>,
    without_error: BTreeMap<i16, u64>,
}

impl Tally {
    fn count(&mut self, key: i16, version: i16, without_error: bool) {
        *self.by_version.entry(key).or_default().entry(version).or_default() += 1;
        *self.without_error.entry(key).or_default() += u64::from(without_error);
    }

    fn print(&self, ground: &Ground) {
        for (key, versions) in &self.by_version {
            let name = ground.definitions.requests[key].name.trim_end_matches("Request");
            let versions: Vec<String> = versions.iter().map(|(version, count)| format!("v{version} {count}")).collect();
            println!("differential: {name}: {}; {} without an error", versions.join(", "), self.without_error[key]);
        }
    }

    /// Equal errors prove little: most APIs must have done their work too.
    fn each_succeeded(&self) -> Fallible<()> {
        let mut never = self.without_error.iter().filter(|(key, count)| **count == 0 && !ALWAYS_REFUSED.contains(key));
        match never.next() {
            None => Ok(()),
            Some((key, _)) => Err(format!("of api key {key} no request was answered without an error").into()),
        }
    }
}
