//! Names that nobody should have: empty, with dots and slashes, Kafka's own, too long, letters that look like others. Asked
//! for, created, produced to and deleted in every version: they are refused as Kafka would, and whatever comes to be is
//! behind the attacker's own prefix.

use super::attacker::{Attacker, Filling, Reply};
use super::ground::Ground;
use crate::definitions::codec::{Struct, Value};
use crate::ensure;
use crate::harness::{Fallible, World};

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;
const CREATE_TOPICS: i16 = 19;
const DELETE_TOPICS: i16 = 20;
/// What each API says of a name that no topic can have.
const UNKNOWN_TOPIC: i64 = 3;
const INVALID_TOPIC: i64 = 17;
const TOPIC_BYTES_MAX: usize = 249;

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    let too_long = "n".repeat(TOPIC_BYTES_MAX - ground.attacker_prefix.len() + 1);
    let refused = [
        "",
        ".",
        "..",
        "../victim",
        "a/b",
        "a b",
        "a\0b",
        "\u{43e}rders",
        "__consumer_offsets",
        "__transaction_state",
        "__share_group_state",
        "__cluster_metadata",
        &too_long,
        &"n".repeat(300),
    ];
    ground.attack(world, || {
        let mut attacker = Attacker::connect(ground, 1)?;
        for name in refused {
            refuse(ground, &mut attacker, name)?;
        }
        longest_name_works(ground, &mut attacker, &too_long[1..])
    })
}

/// Asks everything of one name that must be refused.
fn refuse(ground: &Ground, attacker: &mut Attacker<'_>, name: &str) -> Fallible<()> {
    for (key, min, max) in attacker.offered()? {
        let expected: &[i64] = match key {
            METADATA | CREATE_TOPICS => &[INVALID_TOPIC],
            PRODUCE | DELETE_TOPICS => &[INVALID_TOPIC, UNKNOWN_TOPIC],
            _ => continue,
        };
        for version in min..=max {
            let what = format!("api {key} v{version}, topic {:?}", &name[..name.len().min(40)]);
            let filling = Filling::of(name, "own-group", "")
                .with("AllowAutoTopicCreation", Value::number(1, 1))
                .with("validateOnly", Value::number(0, 1))
                .with("TransactionalId", Value::Null);
            let Reply::Body(body) = attacker.ask_filled(key, version, &filling)? else {
                return Err(format!("{what}: the connection is closed").into());
            };
            let answer = ground.response(key)?.decode(version, &body)?;
            let errors = errors(&answer);
            let errors: Vec<i64> = errors.into_iter().filter(|error| *error != 0).collect();
            ensure!(!errors.is_empty(), "{what} is not refused: {answer:?}");
            ensure!(errors.iter().all(|error| expected.contains(error)), "{what}: {errors:?}");
        }
    }
    Ok(())
}

/// The longest name that fits behind the prefix is one.
fn longest_name_works(ground: &Ground, attacker: &mut Attacker<'_>, name: &str) -> Fallible<()> {
    for (key, version) in [(CREATE_TOPICS, 7), (DELETE_TOPICS, 5)] {
        let filling = Filling::of(name, "", "").with("validateOnly", Value::number(0, 1));
        let Reply::Body(body) = attacker.ask_filled(key, version, &filling)? else { return Err("closed".into()) };
        let errors = errors(&ground.response(key)?.decode(version, &body)?);
        ensure!(errors.iter().all(|error| *error == 0), "api {key}, the longest name: {errors:?}");
    }
    Ok(())
}

/// All error codes of an answer.
pub fn errors(answer: &Struct) -> Vec<i64> {
    let mut found = Vec::new();
    for (name, value) in &answer.fields {
        match value {
            Value::Struct(inside) => found.extend(errors(inside)),
            Value::Array(values) => {
                for value in values {
                    if let Value::Struct(inside) = value {
                        found.extend(errors(inside));
                    }
                }
            }
            value if name.ends_with("ErrorCode") => found.extend(value.as_number()),
            _ => {}
        }
    }
    found
}
