//! Family 13: the ports of a listener lead to one virtual cluster, and so do its host names. Every node in every answer is at
//! a port, or has a name, of the attacker's own; one that stands for no node leads nowhere.

use super::attacker::{Attacker, Filling, Reply};
use super::ground::Ground;
use crate::definitions::codec::{Struct, Value};
use crate::ensure;
use crate::harness::gateway::{ADVERTISED_HOST, PORTS};
use crate::harness::hosts::SUFFIX;
use crate::harness::lab::NODES;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

const METADATA: i16 = 3;
const FIND_COORDINATOR: i16 = 10;
const DESCRIBE_CLUSTER: i16 = 60;

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        let by_port = |id: i64| (ADVERTISED_HOST.to_owned(), i64::from(ground.attacker_port) + id);
        let by_name = |id: i64| (format!("broker-{id}.attacker{SUFFIX}"), i64::from(ground.names_port));
        for node in 0..=NODES {
            told(&mut Attacker::connect(ground, node)?, ground, &by_port)?;
            told(&mut Attacker::connect_at(ground, ground.named(node))?, ground, &by_name)?;
        }
        let nowhere = usize::from(PORTS) - 1;
        if nowhere > NODES {
            // Both wait for a node to appear, at the same time.
            let mut waiting = Vec::new();
            for address in [ground.address(nowhere)?, ground.named(nowhere)] {
                let mut wire = Wire::connect_as(&address, "attacker")?;
                wire.send_body(METADATA, 1, 1, &[0xff; 4])?;
                waiting.push((wire, address));
            }
            for (mut wire, address) in waiting {
                ensure!(wire.frame().is_err(), "{address}, which stands for no node, answers");
            }
        }
        Ok(())
    })
}

/// Asks whatever names nodes, in each version: all are where `own` says.
fn told(attacker: &mut Attacker<'_>, ground: &Ground, own: &dyn Fn(i64) -> (String, i64)) -> Fallible<()> {
    for (key, min, max) in attacker.offered()? {
        if ![METADATA, FIND_COORDINATOR, DESCRIBE_CLUSTER].contains(&key) {
            continue;
        }
        for version in min..=max {
            let filling = Filling::of("own-topic", "own-group", "own-transaction");
            let Reply::Body(body) = attacker.ask_filled(key, version, &filling)? else {
                return Err(format!("api {key} v{version} closes").into());
            };
            let answer = ground.response(key)?.decode(version, &body)?;
            let nodes = addresses(&answer);
            ensure!(!nodes.is_empty() || key == FIND_COORDINATOR, "api {key} v{version} names nobody");
            for (id, at) in nodes {
                ensure!(at == own(id), "api {key} v{version}: node {id} is at {at:?}");
            }
        }
    }
    Ok(())
}

/// Node ids and addresses that stand together, where there is a node.
fn addresses(answer: &Struct) -> Vec<(i64, (String, i64))> {
    let field = |name: &str| answer.fields.get(name);
    let number = |name: &str| field(name).and_then(Value::as_number);
    let host = match field("Host") {
        Some(Value::Text(host)) => Some(String::from_utf8_lossy(host).into_owned()),
        Some(_) | None => None,
    };
    let id = number("NodeId").or_else(|| number("BrokerId"));
    let own = id.filter(|id| *id >= 0).zip(host.zip(number("Port")));
    let below = answer.fields.values().flat_map(|value| match value {
        Value::Array(values) => values.iter().collect(),
        other => vec![other],
    });
    let below =
        below.filter_map(|value| if let Value::Struct(inside) = value { Some(addresses(inside)) } else { None });
    own.into_iter().chain(below.flatten()).collect()
}
