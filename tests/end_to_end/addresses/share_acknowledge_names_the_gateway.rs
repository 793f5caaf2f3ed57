//! ShareAcknowledge answers name nodes behind everything else; only a node that led the partition gives such an answer,
//! so the scripted node gives it.

use kafka_protocol::messages::ShareAcknowledgeRequest;
use kafka_protocol::protocol::{Decodable as _, Encodable as _};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ShareAcknowledgeResponse;

use super::recorder::leak;
use crate::ensure;
use crate::harness::gateway::ADVERTISED_HOST;
use crate::harness::scripted::{NODE, SHARE_ACKNOWLEDGE_HEAD_BYTES, Scripted};
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

/// Correlation id, and the header's count of tags.
const HEADER_BYTES: usize = 4 + 1;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[])?;
    gateway.wait_ready()?;
    let mut request = BytesMut::new();
    ShareAcknowledgeRequest::default().encode(&mut request, 1).map_err(|error| error.to_string())?;
    for version in 1..=2 {
        let ask = |address: &str| {
            let mut wire = Wire::connect(address)?;
            wire.send_body(79, version, 2, &request)?;
            wire.frame()
        };
        let direct = ask(&node.address())?;
        ensure!(leak(&direct).is_some(), "v{version}: the node itself gives no address: this proves nothing");
        let through = ask(&gateway.node_address(NODE)?)?;
        ensure!(leak(&through).is_none(), "v{version}: an address of the node is in {through:02x?}");
        let answer = read(version, &through)?;
        let endpoint = answer.node_endpoints.first().ok_or("no endpoint is left")?;
        let port = i32::from(gateway.node_port(NODE)?);
        let ours = &*endpoint.host == ADVERTISED_HOST && endpoint.port == port && endpoint.node_id.0 == NODE;
        ensure!(ours, "v{version}: {endpoint:?}");
    }
    Ok(())
}

/// v2 has four bytes more than the v1 that kafka-protocol knows, behind the head.
fn read(version: i16, frame: &Bytes) -> Fallible<ShareAcknowledgeResponse> {
    let body = frame.slice(HEADER_BYTES..);
    let behind = SHARE_ACKNOWLEDGE_HEAD_BYTES + if version >= 2 { 4 } else { 0 };
    let known = [&body[..SHARE_ACKNOWLEDGE_HEAD_BYTES], &body[behind..]].concat();
    ShareAcknowledgeResponse::decode(&mut Bytes::from(known), 1).map_err(|error| format!("v{version}: {error}").into())
}
