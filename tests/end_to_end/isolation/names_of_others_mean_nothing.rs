//! Names of others, typed by a client, mean names of its own: every API in every version that is offered, with the
//! victim's topic, group and transactional id as its clients say them and as the backend has them. Each answer equals the
//! one to a name that nobody has.

use super::attacker::{Attacker, Filling, GROUP, Reply, TOPIC};
use super::ground::{Ground, canary};
use crate::definitions::Entity;
use crate::definitions::codec::Value;
use crate::ensure;
use crate::harness::lab::NODES;
use crate::harness::{Fallible, World};

const METADATA: i16 = 3;
const FIND_COORDINATOR: i16 = 10;
const CONFIGS: [i16; 3] = [32, 33, 44];

/// The victim's name, and one as long that nobody has. Their coordinator is the same node.
struct Pair {
    entity: Entity,
    victims: String,
    nobodys: String,
}

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        let pairs = pairs(ground)?;
        let mut probes = 0;
        for node in 1..=NODES {
            let mut attacker = Attacker::connect(ground, node)?;
            for (key, min, max) in attacker.offered()? {
                for version in min..=max {
                    for pair in pairs.iter().filter(|pair| names(ground, key, version, pair.entity)) {
                        probe(ground, &mut attacker, (key, version), pair)?;
                        probes += 1;
                    }
                }
            }
        }
        ensure!(probes > 500, "{probes} probes only");
        Ok(())
    })
}

/// Whether a request names such a thing. (Metadata up to version 3 would create the topic that it asks for, which takes
/// time: another test has it.)
fn names(ground: &Ground, key: i16, version: i16, entity: Entity) -> bool {
    let marked = || {
        let message = ground.request(key);
        message.is_ok_and(|message| message.any_field(version, &|field| field.entity == entity))
    };
    match key {
        METADATA => version > 3 && entity == Entity::Topic,
        // The first version has no transactional ids.
        FIND_COORDINATOR => entity == Entity::Group || entity == Entity::TransactionalId && version > 0,
        _ => CONFIGS.contains(&key) && entity != Entity::TransactionalId || marked(),
    }
}

/// The victim's names as its clients say them and as the backend has them.
fn pairs(ground: &Ground) -> Fallible<Vec<Pair>> {
    let names = &ground.names;
    let said = [
        (Entity::Topic, &names.topic),
        (Entity::Group, &names.group),
        (Entity::TransactionalId, &names.transactional_id),
    ];
    let mut pairs = Vec::new();
    for (entity, said) in said {
        for victims in [said.clone(), format!("{}{said}", ground.victim_prefix)] {
            let nobodys = nobodys(ground, entity, &victims)?;
            pairs.push(Pair { entity, victims, nobodys });
        }
    }
    Ok(pairs)
}

/// A name as long as `victims`, with the same coordinator where there is one.
fn nobodys(ground: &Ground, entity: Entity, victims: &str) -> Fallible<String> {
    let random =
        || victims.split('.').map(|part| canary(part.chars().next().unwrap_or('n'))).collect::<Vec<_>>().join(".");
    if entity == Entity::Topic {
        return Ok(random());
    }
    let mut attacker = Attacker::connect(ground, 0)?;
    let mut coordinator = |name: &str| -> Fallible<Option<Value>> {
        let filling = filling(ground, entity, name);
        let body = ground.filled(FIND_COORDINATOR, 2, &filling)?;
        for _ in 0..100 {
            if let Reply::Body(body) = attacker.ask_unseen(FIND_COORDINATOR, 2, &body)? {
                let answer = ground.response(FIND_COORDINATOR)?.decode(2, &body)?;
                if answer.fields.get("ErrorCode").and_then(Value::as_number) == Some(0) {
                    return Ok(answer.fields.get("NodeId").cloned());
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        Err("no coordinator is found".into())
    };
    let theirs = coordinator(victims)?;
    for _ in 0..100 {
        let name = random();
        if coordinator(&name)? == theirs {
            return Ok(name);
        }
    }
    Err("no name has the victim's coordinator".into())
}

/// A request that names `name`, and for the rest what is the attacker's own or what it may have found out.
fn filling<'a>(ground: &Ground, entity: Entity, name: &'a str) -> Filling<'a> {
    let own = ["own-topic", "own-group", "own-transaction"];
    let mut filling = match entity {
        Entity::Topic => Filling::of(name, own[1], own[2]),
        Entity::Group => Filling::of(own[0], name, own[2]),
        _ => Filling::of(own[0], own[1], name),
    };
    filling.resource_type = if entity == Entity::Group { GROUP } else { TOPIC };
    filling.key_type = i8::from(entity == Entity::TransactionalId);
    let victim = &ground.victim;
    filling
        .with("ProducerId", Value::number(victim.producer_id, 8))
        .with("ProducerEpoch", Value::number(i64::from(victim.producer_epoch), 2))
        .with("GenerationId", Value::number(i64::from(victim.generation), 4))
        .with("MemberId", Value::text("nobody"))
}

/// Asks with a name that nobody has, then with the victim's, and holds one answer against the other.
fn probe(ground: &Ground, attacker: &mut Attacker<'_>, (key, version): (i16, i16), pair: &Pair) -> Fallible<()> {
    let Pair { entity, victims, nobodys } = pair;
    let what = format!("api {key} v{version}, {entity:?} {victims}");
    let body = |name| ground.filled(key, version, &filling(ground, *entity, name));
    let mine = attacker.ask(key, version, &body(nobodys)?).map_err(|error| format!("{what}: {error}"))?;
    let theirs = attacker.ask_unseen(key, version, &body(victims)?).map_err(|error| format!("{what}: {error}"))?;
    match (&mine, &theirs) {
        (Reply::Closed, Reply::Closed) => Ok(()),
        (Reply::Body(mine), Reply::Body(theirs)) => {
            // What the attacker typed itself it may be told again.
            let theirs = replace(theirs, victims.as_bytes(), nobodys.as_bytes());
            ground.inspect(&what, &theirs)?;
            let [one, other] = [mine, &theirs.into()].map(|body| ground.lasting(key, version, body));
            let (one, other) = (one?, other?);
            ensure!(one == other, "{what} is told apart from a name of nobody:\n{one:?}\n{other:?}");
            Ok(())
        }
        _ => Err(format!("{what} is told apart from a name of nobody: {mine:?}, {theirs:?}").into()),
    }
}

/// All occurrences of `from`, which is as long as `to`, replaced.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at + from.len() <= out.len() {
        if out[at..].starts_with(from) {
            out[at..at + from.len()].copy_from_slice(to);
            at += from.len();
        } else {
            at += 1;
        }
    }
    out
}
