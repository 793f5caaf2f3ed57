//! The ports of a listener lead to one virtual cluster: every node in every answer is at a port of the attacker's own
//! listener, and a port of it that stands for no node leads nowhere.

use super::attacker::{Attacker, Filling, Reply};
use super::ground::Ground;
use crate::definitions::codec::{Struct, Value};
use crate::ensure;
use crate::harness::gateway::PORTS;
use crate::harness::lab::NODES;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

const METADATA: i16 = 3;
const FIND_COORDINATOR: i16 = 10;
const DESCRIBE_CLUSTER: i16 = 60;

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        for node in 0..=NODES {
            let mut attacker = Attacker::connect(ground, node)?;
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
                    for (id, port) in ports(&answer) {
                        let expected = i64::from(ground.attacker_port) + id;
                        ensure!(port == expected, "api {key} v{version}: node {id} is at port {port}");
                    }
                }
            }
        }
        let nowhere = usize::from(PORTS) - 1;
        if nowhere > NODES {
            let mut wire = Wire::connect_as(&ground.address(nowhere)?, "attacker")?;
            wire.send_body(METADATA, 1, 1, &[0xff; 4])?;
            ensure!(wire.frame().is_err(), "a port of no node answers");
        }
        Ok(())
    })
}

/// Node ids and ports that stand together, where there is a node.
fn ports(answer: &Struct) -> Vec<(i64, i64)> {
    let number = |name: &str| answer.fields.get(name).and_then(Value::as_number);
    let id = number("NodeId").or_else(|| number("BrokerId"));
    let own = id.zip(number("Port")).filter(|(id, _)| *id >= 0);
    let below = answer.fields.values().flat_map(|value| match value {
        Value::Array(values) => values.iter().collect(),
        other => vec![other],
    });
    let below = below.filter_map(|value| if let Value::Struct(inside) = value { Some(ports(inside)) } else { None });
    own.into_iter().chain(below.flatten()).collect()
}
