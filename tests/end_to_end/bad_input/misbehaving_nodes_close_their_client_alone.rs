//! A node that answers out of order, with nonsense, twice, too short, half or not at all: the client that asked is closed
//! with the node's fault as the cause; a neighbour on the same node notices nothing.

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::closes::{Closes, SOON};
use crate::harness::neighbour::Neighbour;
use crate::harness::scripted::{NODE_DOWN, Scripted};
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

/// Client id, by which the scripted node knows what to do, and the cause.
const MISBEHAVIOURS: [(&str, &str); 9] = [
    ("swapped", "response_unexpected"),
    ("strange-id", "response_unexpected"),
    ("twice", "response_unexpected"),
    ("negative-length", "response_length"),
    ("tiny-length", "response_length"),
    ("cut", "response_cut"),
    ("nonsense", "response_malformed"),
    ("ended", "backend_closed"),
    ("reset", "backend_reset"),
];

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[("connect", "3s")])?;
    gateway.wait_ready()?;
    let neighbour = Neighbour::start(&gateway.bootstrap())?;
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    for (client_id, cause) in MISBEHAVIOURS {
        let closes = Closes::before(&gateway, cause)?;
        let mut wire = Wire::connect_as(&gateway.node_address(1)?, client_id)?;
        for _ in 0..if client_id == "swapped" { 2 } else { 1 } {
            wire.send(12, &request)?;
        }
        wire.closed(SOON).map_err(|error| format!("{client_id}: {error}"))?;
        closes.one_more(client_id)?;
        let logged = closes.last_fault()?;
        let as_expected = match (client_id, logged) {
            // Behind the head, in the count of tags.
            ("nonsense", Some((3, 12, 8))) => true,
            ("swapped" | "strange-id" | "negative-length" | "tiny-length", Some((3, 12, 0))) => true,
            // Nothing that was asked for: it answers no request, or the frame is good as far as it came.
            ("twice" | "cut" | "ended" | "reset", None) => true,
            _ => false,
        };
        ensure!(as_expected, "{client_id}: {logged:?} is logged");
    }

    let closes = Closes::before(&gateway, "backend_unavailable")?;
    let mut wire = Wire::connect(&gateway.node_address(NODE_DOWN)?)?;
    wire.send(12, &request)?;
    wire.closed(SOON)?;
    closes.one_more("a node that refuses")?;

    let closes = Closes::before(&gateway, "node_unknown")?;
    let mut wire = Wire::connect(&gateway.node_address(4)?)?;
    wire.send(12, &request)?;
    wire.closed(SOON)?;
    closes.one_more("a node that nobody named")?;
    neighbour.stop()
}
