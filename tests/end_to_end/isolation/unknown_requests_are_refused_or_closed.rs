//! Keys and versions that are not offered: those of Kafka that a namespace hides are refused in their own shape, all else
//! closes the connection; header versions that do not fit and unknown tags bring nothing of others.

use super::attacker::{Attacker, Filling, Reply};
use super::ground::Ground;
use super::made_up_names_stay_inside_the_prefix::errors;
use crate::definitions::codec::Value;
use crate::ensure;
use crate::harness::{Fallible, World};

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;
const CLUSTER_AUTHORIZATION_FAILED: i64 = 31;
const UNSUPPORTED_VERSION: [u8; 2] = [0, 35];
const KEYS: i16 = 110;

/// The highest versions that a namespace serves as long as topic ids are not looked into.
const CAPS: [(i16, i16); 7] = [(0, 12), (1, 12), (8, 9), (9, 9), (20, 5), (22, 5), (24, 3)];
/// Keys that are answered and not offered: everything that is the whole cluster's.
const HIDDEN: [i16; 24] =
    [27, 34, 35, 38, 39, 40, 41, 43, 45, 46, 48, 49, 50, 51, 55, 57, 64, 80, 81, 83, 84, 85, 86, 87];
/// AddPartitionsToTxn: its later versions are for brokers among themselves, and refused.
const ADD_PARTITIONS: i16 = 24;

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        let mut attacker = Attacker::connect(ground, 1)?;
        let offered = attacker.offered()?;
        for (key, cap) in CAPS {
            let offer = offered.iter().find(|(offered, _, _)| *offered == key);
            ensure!(offer.is_some_and(|(_, _, max)| *max == cap), "{offer:?} is offered of {key}");
        }
        for key in (-2..KEYS).chain([i16::MAX, i16::MIN]) {
            let range = offered.iter().find(|(offered, _, _)| *offered == key).map(|(_, min, max)| (*min, *max));
            not_offered(ground, &mut attacker, key, range)?;
        }
        too_new_api_versions(ground, &mut attacker)?;
        wrong_headers(ground, &mut attacker, &offered)?;
        unknown_tags(ground, &mut attacker)
    })
}

/// Every version around what is offered of a key.
fn not_offered(ground: &Ground, attacker: &mut Attacker<'_>, key: i16, range: Option<(i16, i16)>) -> Fallible<()> {
    let stable = ground.definitions.requests.get(&key).map(|message| message.valid);
    let versions = (-1..=20).chain([i16::MAX, i16::MIN]);
    for version in versions.filter(|version| !range.is_some_and(|(min, max)| (min..=max).contains(version))) {
        if key == API_VERSIONS {
            continue;
        }
        let known = stable.is_some_and(|valid| valid.has(version));
        let filling = Filling::of(&ground.names.topic, &ground.names.group, &ground.names.transactional_id);
        let body = if known { ground.filled(key, version, &filling)? } else { vec![0; 24] };
        let reply = attacker.ask_unseen(key, version, &body)?;
        let Reply::Body(body) = reply else { continue };
        let refusable = known && (HIDDEN.contains(&key) || key == ADD_PARTITIONS);
        ensure!(refusable, "api {key} v{version} is answered: {body:02x?}");
        let answer = ground.response(key)?.decode(version, &body)?;
        let refused = errors(&answer).contains(&CLUSTER_AUTHORIZATION_FAILED);
        // The first answers of some APIs have no place for an error: they are empty.
        let empty = answer.fields.values().all(|value| !matches!(value, Value::Array(all) if !all.is_empty()));
        ensure!(refused || empty, "api {key} v{version} is not refused: {answer:?}");
    }
    Ok(())
}

fn too_new_api_versions(ground: &Ground, attacker: &mut Attacker<'_>) -> Fallible<()> {
    for version in [5, 6, 99, i16::MAX] {
        let reply = attacker.ask(API_VERSIONS, version, &[2, b'x', 2, b'x', 0])?;
        let Reply::Body(body) = reply else { return Err(format!("ApiVersions {version} closes").into()) };
        ensure!(body.starts_with(&UNSUPPORTED_VERSION), "ApiVersions {version}: {body:02x?}");
        ground.response(API_VERSIONS)?.decode(0, &body)?;
    }
    Ok(())
}

/// A flexible request behind the old header, and the other way round: whatever comes, it is of nobody else.
fn wrong_headers(ground: &Ground, attacker: &mut Attacker<'_>, offered: &[(i16, i16, i16)]) -> Fallible<()> {
    for (key, _, max) in offered {
        let filling = Filling::of("own-topic", "own-group", "own-transaction").with("MemberId", Value::text("nobody"));
        let mut body = ground.filled(*key, *max, &filling)?;
        // The old header has no tags: what should be a tag is taken for the body, or the body for tags.
        body.insert(0, 0x7f);
        attacker.ask(*key, *max, &body)?;
    }
    Ok(())
}

/// Unknown tags are kept on their way and change nothing.
fn unknown_tags(ground: &Ground, attacker: &mut Attacker<'_>) -> Fallible<()> {
    let message = ground.request(METADATA)?;
    let mut value = message.make(12, &mut |_: &crate::definitions::Field| None);
    value.fields.insert("Topics".to_owned(), Value::Array(Vec::new()));
    value.unknown.insert(40, ground.victim_prefix.clone().into_bytes());
    value.unknown.insert(1_000_000, vec![0xff; 300]);
    let reply = attacker.ask(METADATA, 12, &message.encode(12, &value).bytes)?;
    let Reply::Body(body) = reply else { return Err("unknown tags close".into()) };
    ground.response(METADATA)?.decode(12, &body)?;
    Ok(())
}
