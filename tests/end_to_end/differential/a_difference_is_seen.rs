//! The comparison can fail: a change of any field of any answer, on one side only, is told, but for what is exempt on purpose.

use std::collections::BTreeSet;

use super::compare::compare;
use super::identities::{Identities, Kind};
use super::side::Way;
use crate::definitions::codec::{Struct, Value};
use crate::definitions::{self, Definitions, Field, Message};
use crate::ensure;
use crate::harness::{Fallible, World};

/// What may differ where nothing is hidden, of the changes made here: fewer versions may be offered.
const EXEMPT: [(i16, &str); 1] = [(18, "MinVersion")];

pub fn run(_: &World) -> Fallible<()> {
    let definitions = Definitions::read()?;
    let (mut seen, mut unseen) = (0, BTreeSet::new());
    for message in definitions.responses.values() {
        for version in message.valid.first..=message.valid.last {
            let answer = message.make(version, &mut |_: &Field| None);
            compare(message, version, &sides(&answer, &answer), &mut Identities::default())?;
            for at in 0.. {
                let mut changed = answer.clone();
                let Some(field) = change(message, version, &mut changed, at) else { break };
                match compare(message, version, &sides(&answer, &changed), &mut Identities::default()) {
                    Err(_) => seen += 1,
                    Ok(()) => drop(unseen.insert((message.key, field.name))),
                }
            }
        }
    }
    let unseen: Vec<(i16, &str)> = unseen.iter().map(|(key, name)| (*key, name.as_str())).collect();
    ensure!(unseen == EXEMPT, "these may differ: {unseen:?}");
    ensure!(seen > 1000, "only {seen} changes were made");
    an_identity_stays_what_it_is()
}

/// What Kafka makes up differs at first, and must mean the same from then on.
fn an_identity_stays_what_it_is() -> Fallible<()> {
    let mut identities = Identities::default();
    let steps: [(Kind, &str, &str, bool); 9] = [
        (Kind::Member, "", "b", false),
        (Kind::Member, "made up", "made up", true),
        (Kind::Member, "a", "b", true),
        (Kind::Member, "a", "c", false),
        (Kind::Member, "c", "b", false),
        (Kind::Member, "a", "b", true),
        (Kind::Member, "b", "a", true),
        (Kind::Member, "a", "a", false),
        (Kind::Topic, "a", "c", true),
    ];
    for (kind, direct, other, expected) in steps {
        let same = identities.same(kind, &[(0, direct.as_bytes()), (1, other.as_bytes())]);
        ensure!(same == expected, "{kind:?} {direct} and {other}: {same}");
    }
    Ok(())
}

fn sides(direct: &Struct, passthrough: &Struct) -> Vec<(usize, Way, Struct)> {
    vec![(0, Way::Direct, direct.clone()), (1, Way::Passthrough, passthrough.clone())]
}

/// Changes one value; `None` where there are not so many.
fn change(message: &Message, version: i16, answer: &mut Struct, at: usize) -> Option<Field> {
    let (mut next, mut changed) = (0, None);
    message.change(version, answer, &mut |field, value| {
        let bytes = match value {
            Value::Fixed(bytes) | Value::Text(bytes) | Value::Bytes(bytes) => bytes,
            Value::Null | Value::Array(_) | Value::Struct(_) => return,
        };
        if next == at {
            // A number keeps its length.
            match field.kind {
                definitions::Kind::Fixed(_) => *bytes.last_mut().expect("a number has bytes") ^= 1,
                _ => bytes.push(b'x'),
            }
            changed = Some(field.clone());
        }
        next += 1;
    });
    changed
}
