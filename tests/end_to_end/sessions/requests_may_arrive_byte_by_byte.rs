//! Requests whose bytes arrive one by one, each in a segment of its own, are the same requests.

use std::io::Write as _;

use kafka_protocol::messages::{ApiVersionsRequest, DescribeClusterRequest, MetadataRequest};
use kafka_protocol::protocol::Request;

use crate::ensure;
use crate::harness::wire::{Wire, request_frame};
use crate::harness::{Fallible, World};

const ID: i32 = 7;

pub fn run(world: &World) -> Fallible<()> {
    let address = world.gateway()?.node_address(1)?;
    let all = MetadataRequest::default().with_topics(Some(Vec::new()));
    for version in [0, 1, 4, 9, 12] {
        same(&address, version, &all, |answer| {
            let mut nodes: Vec<_> = answer.brokers.iter().map(|b| (b.node_id.0, b.host.to_string(), b.port)).collect();
            nodes.sort();
            nodes
        })?;
    }
    same(&address, 2, &ApiVersionsRequest::default(), |answer| answer.api_keys.clone())?;
    same(&address, 0, &DescribeClusterRequest::default(), |answer| {
        let mut nodes: Vec<_> = answer.brokers.iter().map(|b| (b.broker_id.0, b.host.to_string(), b.port)).collect();
        nodes.sort();
        nodes
    })
}

/// Sends the request at once and byte by byte; what `part` takes of the two answers must be the same.
fn same<R: Request, T: PartialEq + std::fmt::Debug>(
    address: &str,
    version: i16,
    request: &R,
    part: impl Fn(&R::Response) -> T,
) -> Fallible<()> {
    let mut body = bytes::BytesMut::new();
    request.encode(&mut body, version).map_err(|error| error.to_string())?;
    let frame = request_frame(R::KEY, version, R::header_version(version), ID, "slowly", &body)?;
    let mut whole = Wire::connect(address)?;
    whole.send_bytes(&frame);
    let expected = part(&whole.answer::<R>(version, ID)?.body);
    let mut dripping = Wire::connect(address)?;
    for byte in &frame {
        dripping.stream().write_all(&[*byte])?;
    }
    let came = part(&dripping.answer::<R>(version, ID)?.body);
    ensure!(came == expected, "api {} v{version}: {came:?}, not {expected:?}", R::KEY);
    Ok(())
}
