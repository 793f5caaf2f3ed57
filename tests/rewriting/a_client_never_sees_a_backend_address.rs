//! Whatever node a response names, the client is told our address of it, or none; all else arrives as it was sent.
//!
//! kafka-protocol encodes what the backend sends and decodes what the client gets; the model between them is written
//! on its types, not on bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::{
    BrokerId, DescribeClusterResponse, DescribeQuorumResponse, FetchResponse, FindCoordinatorResponse,
    MetadataResponse, ProduceResponse, ShareAcknowledgeResponse, ShareFetchResponse,
};
use kafka_protocol::protocol::StrBytes;
use klamm::cluster::{AddressMap, HostFormat, HostNames, NodeId};

use crate::support::samples::{HOST_BYTE, body, decode, encode, string};
use crate::support::{Dice, Move, addresses, generous_apis, response_frame, rule, run_response, view};

const ROUNDS: u64 = 60;
const HOSTS: [&str; 3] =
    ["g", "gateway.example", "a-very-long-advertised-host-name.of-a-gateway.with-many-labels.example.org"];
/// The number of the tag that fills what a shorter address saved.
const FILLER: i32 = 0x3fff;

fn advertised(map: &AddressMap, node: i32) -> Option<(StrBytes, i32)> {
    map.advertised(NodeId(node)).map(|to| (string(&to.host()), i32::from(to.port)))
}

/// Ports behind a short, a usual and a long host, and host names of both formats.
fn map(round: u64) -> AddressMap {
    let names = |format, suffix| AddressMap::Names(HostNames::new(format, "alice", suffix, 9094));
    match round % 5 {
        3 => names(HostFormat::SharedSuffix, ".k"),
        4 => names(HostFormat::PerClusterSuffix, ".kafka.of-the-gateway.example.org"),
        port => addresses(HOSTS[usize::try_from(port).unwrap()]),
    }
}

/// The real nodes among `nodes` that have no address for the client.
fn left_out(map: &AddressMap, nodes: impl IntoIterator<Item = i32>) -> Vec<i32> {
    nodes.into_iter().filter(|node| *node >= 0 && advertised(map, *node).is_none()).collect()
}

/// The controller, as a client is told of it: one that it cannot reach is stood in for by the first broker that it can.
fn controller(map: &AddressMap, controller: BrokerId, mut brokers: impl Iterator<Item = BrokerId>) -> BrokerId {
    if hidden(map, controller) { brokers.next().unwrap_or(BrokerId(-1)) } else { controller }
}

fn hidden(map: &AddressMap, node: BrokerId) -> bool {
    node.0 >= 0 && advertised(map, node.0).is_none()
}

/// Sends each sample through and gives the check what was sent and what arrived; it returns the nodes left out.
fn each<M>(
    key: i16,
    versions: std::ops::RangeInclusive<i16>,
    decode: impl Fn(&[u8], i16) -> M,
    check: impl Fn(M, M, &AddressMap, i16, usize, usize) -> Vec<i32>,
) {
    let apis = generous_apis();
    for version in versions {
        for round in 0..ROUNDS {
            let map = map(round);
            let body = body(&mut Dice::new(round * 100 + 1), key, version);
            let frame = response_frame(key, version, &body);
            let outcome = run_response(key, version, &view(&map, &apis), &frame, usize::MAX >> 1, Move::Feed)
                .unwrap_or_else(|cause| panic!("key {key} version {version} round {round}: {cause:?}"));
            assert_eq!((outcome.frames, outcome.rest, outcome.at_boundary), (1, 0, true));
            assert!(
                !outcome.bytes.windows(3).any(|window| window == [HOST_BYTE; 3]),
                "key {key} version {version} round {round}: a backend host left"
            );
            let length = i32::from_be_bytes(*outcome.bytes.first_chunk().unwrap());
            assert_eq!(usize::try_from(length).unwrap() + 4, outcome.bytes.len());
            let header = if rule(key).flexible(version) { 9 } else { 8 };
            assert_eq!(outcome.bytes[4..header], frame[4..header]);
            let arrived: M = decode(&outcome.bytes[header..], version);
            let left_out = check(decode(&body, version), arrived, &map, version, frame.len(), outcome.bytes.len());
            assert_eq!(outcome.left_out, left_out, "what is counted as left out");
        }
    }
}

#[test]
fn metadata_shows_only_nodes_with_a_port() {
    each(3, 0..=13, decode::<MetadataResponse>, |mut sent, arrived, map, _, _, _| {
        let left_out = left_out(map, sent.brokers.iter().map(|broker| broker.node_id.0));
        let brokers = sent.brokers.len();
        sent.brokers.retain(|broker| advertised(map, broker.node_id.0).is_some());
        for broker in &mut sent.brokers {
            (broker.host, broker.port) = advertised(map, broker.node_id.0).unwrap();
        }
        // What follows names nodes by id alone, none that is not among the brokers: it is looked at where one of them
        // was left out.
        if sent.brokers.len() == brokers {
            assert_eq!(arrived, sent);
            return left_out;
        }
        sent.controller_id = controller(map, sent.controller_id, sent.brokers.iter().map(|broker| broker.node_id));
        for partition in sent.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if hidden(map, partition.leader_id) {
                partition.leader_id = BrokerId(-1);
                partition.error_code = if partition.error_code == 0 { 5 } else { partition.error_code };
            }
        }
        assert_eq!(arrived, sent);
        left_out
    });
}

#[test]
fn find_coordinator_shows_only_nodes_with_a_port() {
    each(10, 0..=6, decode::<FindCoordinatorResponse>, |mut sent, arrived, map, version, _, _| {
        let named = sent.coordinators.iter().map(|one| one.node_id.0);
        let left_out = left_out(map, named.chain((version <= 3).then_some(sent.node_id.0)));
        let address = |node: &mut BrokerId, host: &mut StrBytes, port: &mut i32, error: &mut i16| {
            if hidden(map, *node) {
                *error = if *error == 0 { 15 } else { *error };
                *node = BrokerId(-1);
            }
            (*host, *port) = advertised(map, node.0).unwrap_or((string(""), -1));
        };
        if version <= 3 {
            address(&mut sent.node_id, &mut sent.host, &mut sent.port, &mut sent.error_code);
        }
        for one in &mut sent.coordinators {
            address(&mut one.node_id, &mut one.host, &mut one.port, &mut one.error_code);
        }
        assert_eq!(arrived, sent);
        left_out
    });
}

#[test]
fn describe_cluster_shows_only_nodes_with_a_port() {
    each(60, 0..=2, decode::<DescribeClusterResponse>, |mut sent, arrived, map, _, _, _| {
        let left_out = left_out(map, sent.brokers.iter().map(|broker| broker.broker_id.0));
        sent.brokers.retain(|broker| advertised(map, broker.broker_id.0).is_some());
        for broker in &mut sent.brokers {
            (broker.host, broker.port) = advertised(map, broker.broker_id.0).unwrap();
        }
        sent.controller_id = controller(map, sent.controller_id, sent.brokers.iter().map(|broker| broker.broker_id));
        assert_eq!(arrived, sent);
        left_out
    });
}

#[test]
fn describe_quorum_shows_no_listeners() {
    each(55, 0..=2, decode::<DescribeQuorumResponse>, |mut sent, arrived, _, _, _, _| {
        sent.nodes.clear();
        assert_eq!(arrived, sent);
        Vec::new()
    });
}

/// An endpoint of any API.
#[derive(Clone, Debug, PartialEq)]
struct Endpoint {
    node: i32,
    host: StrBytes,
    port: i32,
    rack: Option<StrBytes>,
}

impl Endpoint {
    /// Bytes it takes, its tags apart.
    fn bytes(&self, with_rack: bool) -> usize {
        let text = |text: &StrBytes| if text.len() < 127 { 1 + text.len() } else { 2 + text.len() };
        let rack = self.rack.as_ref().filter(|_| with_rack).map_or(1, text);
        4 + text(&self.host) + 4 + rack + 1
    }
}

/// Each endpoint that arrived is ours, in order, and none is missing that has a port and had room in `room` bytes.
fn check_endpoints(sent: &[Endpoint], arrived: &[Endpoint], map: &AddressMap, room: usize) {
    let mut rest = sent.iter();
    for here in arrived {
        let (host, port) = advertised(map, here.node).expect("an endpoint without a port");
        assert_eq!((&here.host, here.port), (&host, port));
        let origin = rest.find(|sent| sent.node == here.node).expect("an endpoint that was not sent");
        assert!(here.rack.is_none() || here.rack == origin.rack);
    }
    let used: usize = arrived.iter().map(|here| here.bytes(true)).sum();
    assert!(used <= room);
    let with_port = sent.iter().filter(|sent| advertised(map, sent.node).is_some()).count();
    if arrived.len() < with_port {
        let spare = sent
            .iter()
            .filter_map(|sent| advertised(map, sent.node).map(|(host, port)| Endpoint { host, port, ..sent.clone() }))
            .map(|ours| ours.bytes(false))
            .max()
            .unwrap();
        assert!(used + spare > room, "room for one more: {used} + {spare} of {room}");
    }
}

/// Takes the filling tag out: it holds zeros alone.
fn take_filler(tags: &mut BTreeMap<i32, Bytes>) {
    if let Some(filler) = tags.remove(&FILLER) {
        assert!(filler.iter().all(|byte| *byte == 0));
    }
}

fn endpoint_tag_bytes(tags: &BTreeMap<i32, Bytes>) -> usize {
    if tags.is_empty() {
        return 1;
    }
    let varint = |value: usize| if value < 128 { 1 } else { 2 };
    1 + tags
        .iter()
        .map(|(number, content)| varint(usize::try_from(*number).unwrap()) + varint(content.len()) + content.len())
        .sum::<usize>()
}

/// Takes the endpoints out of a message, with the bytes they took on the wire beside their count.
macro_rules! take_endpoints {
    ($message:expr) => {{
        let list = std::mem::take(&mut $message.node_endpoints);
        let mut room = 0;
        let endpoints: Vec<Endpoint> = list
            .into_iter()
            .map(|one| {
                let endpoint = Endpoint { node: one.node_id.0, host: one.host, port: one.port, rack: one.rack };
                room += endpoint.bytes(true) - 1 + endpoint_tag_bytes(&one.unknown_tagged_fields);
                endpoint
            })
            .collect();
        (endpoints, room)
    }};
}

macro_rules! same_length {
    ($sent:ident, $arrived:ident, $map:expr, $before:expr, $after:expr) => {
        assert_eq!($before, $after, "the frame's length changed");
        let (sent, room) = take_endpoints!($sent);
        let (arrived, _) = take_endpoints!($arrived);
        check_endpoints(&sent, &arrived, $map, room);
        take_filler(&mut $arrived.unknown_tagged_fields);
    };
}

#[test]
fn produce_endpoints_are_ours_in_the_same_length() {
    each(0, 10..=13, decode::<ProduceResponse>, |mut sent, mut arrived, map, _, before, after| {
        let left_out = left_out(map, sent.node_endpoints.iter().map(|one| one.node_id.0));
        same_length!(sent, arrived, map, before, after);
        assert_eq!(arrived, sent);
        left_out
    });
}

#[test]
fn fetch_endpoints_are_ours_in_the_same_length() {
    each(1, 16..=18, decode::<FetchResponse>, |mut sent, mut arrived, map, _, before, after| {
        let left_out = left_out(map, sent.node_endpoints.iter().map(|one| one.node_id.0));
        same_length!(sent, arrived, map, before, after);
        for partition in sent.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if hidden(map, partition.preferred_read_replica) {
                partition.preferred_read_replica = BrokerId(-1);
            }
        }
        assert_eq!(arrived, sent);
        left_out
    });
}

/// What both share APIs are held to; gives the nodes that are left out.
macro_rules! share_endpoints {
    ($sent:ident, $arrived:ident, $map:ident, $before:ident, $after:ident) => {{
        let left_out = left_out($map, $sent.node_endpoints.iter().map(|one| one.node_id.0));
        // With tags behind it, the array may give up all its entries where they do not fit.
        if !$sent.unknown_tagged_fields.is_empty() && $arrived.node_endpoints.is_empty() {
            $sent.node_endpoints.clear();
        }
        same_length!($sent, $arrived, $map, $before, $after);
        assert_eq!($arrived, $sent);
        left_out
    }};
}

#[test]
fn share_fetch_endpoints_are_ours_in_the_same_length() {
    each(
        78,
        1..=2,
        // kafka-protocol 0.18 ends at version 1; the response of version 2 has the same layout.
        |bytes, _| decode::<ShareFetchResponse>(bytes, 1),
        |mut sent, mut arrived, map, _, before, after| share_endpoints!(sent, arrived, map, before, after),
    );
}

/// kafka-protocol 0.18 ends at version 1; version 2 adds AcquisitionLockTimeoutMs behind ErrorMessage.
fn share_acknowledge(bytes: &[u8], version: i16) -> ShareAcknowledgeResponse {
    let mut bytes = bytes.to_vec();
    if version >= 2 {
        // Behind the throttle time, the error code and the error message, whose length is its first byte.
        let at = 4 + 2 + usize::from(bytes[6]).max(1);
        let timeout: Vec<u8> = bytes.drain(at..at + 4).collect();
        assert_eq!(timeout, [0, 0, 0, 30]);
    }
    decode(&bytes, 1)
}

#[test]
fn share_acknowledge_endpoints_are_ours_in_the_same_length() {
    each(79, 1..=2, share_acknowledge, |mut sent, mut arrived, map, _, before, after| {
        share_endpoints!(sent, arrived, map, before, after)
    });
}

/// Each length of a backend's host against one of ours: what is saved or lacks goes through 0, 1, 2, through where the
/// filling tag's size takes one more byte, and through where only the empty list is left.
#[test]
fn every_difference_in_length_is_made_up_for() {
    let apis = generous_apis();
    let map = addresses("gateway.example");
    let view = view(&map, &apis);
    for length in (1..300).chain([16_200, 16_500, 32_000]) {
        for count in 1..4 {
            for rack in [None, Some("r"), Some("use1-az4")] {
                for (tags, version) in [(0, 16), (1, 17), (2, 18)] {
                    let mut sent = FetchResponse::default();
                    sent.node_endpoints =
                        vec![kafka_protocol::messages::fetch_response::NodeEndpoint::default(); count];
                    for (endpoint, node) in sent.node_endpoints.iter_mut().zip(1..) {
                        endpoint.node_id = BrokerId(node);
                        endpoint.host = string(&"~".repeat(length));
                        endpoint.port = 9092;
                        endpoint.rack = rack.map(string);
                    }
                    for tag in 0..tags {
                        sent.unknown_tagged_fields.insert(tag + 5, Bytes::from_static(b"kept"));
                    }
                    // Bytes behind the last field stay behind it.
                    let trailing = [0xee; 3];
                    let body = [&encode(&sent, version)[..], &trailing].concat();
                    let frame = response_frame(1, version, &body);
                    let outcome = run_response(1, version, &view, &frame, 1 << 20, Move::Feed).unwrap();
                    let mut arrived: FetchResponse =
                        decode(outcome.bytes[9..].strip_suffix(&trailing).unwrap(), version);
                    same_length!(sent, arrived, &map, frame.len(), outcome.bytes.len());
                    assert_eq!(arrived, sent);
                    assert!(!outcome.bytes.windows(2).any(|pair| pair == [HOST_BYTE; 2]));
                }
            }
        }
    }
}

/// A count in as many bytes as it may take leaves no room to be padded further: a gap too small for a tag empties the list. What
/// fits exactly keeps its rack.
#[test]
fn a_small_gap_behind_a_padded_count_is_made_up_for() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let view = view(&map, &apis);
    let ours = "gateway.example".len();
    for (width, gap) in (1..=5usize).flat_map(|width| (0..=6usize).map(move |gap| (width, gap))) {
        let host = vec![HOST_BYTE; ours + gap];
        let count = klamm::wire::padded_varint(2, width);
        let entry = [&[0, 0, 0, 1, host.len() as u8 + 1][..], &host, &[0, 0, 0x23, 0x84, 2, b'r', 0]].concat();
        let content = [&count[..width], &entry].concat();
        // Throttle time, error code, session id, no topics; then one tag.
        let front = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, content.len() as u8];
        let frame = response_frame(1, 17, &[&front[..], &content].concat());
        let outcome = run_response(1, 17, &view, &frame, 1 << 20, Move::Feed).unwrap();
        assert_eq!(outcome.bytes.len(), frame.len(), "{width} {gap}");
        let mut arrived: FetchResponse = decode(&outcome.bytes[9..], 17);
        let (endpoints, _) = take_endpoints!(arrived);
        let padded_too_far = (1..3).contains(&gap) && width + gap > 5;
        let expected = if padded_too_far { vec![] } else { vec![Some(string("r"))] };
        assert_eq!(endpoints.into_iter().map(|one| one.rack).collect::<Vec<_>>(), expected, "{width} {gap}");
        take_filler(&mut arrived.unknown_tagged_fields);
        assert_eq!(arrived, FetchResponse::default(), "{width} {gap}");
    }
}

/// A filling tag is one more: a body with so many that their count could take another byte is refused where one may be needed.
#[test]
fn a_body_with_many_tags_is_refused_where_one_more_may_be_needed() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let view = view(&map, &apis);
    let refused = Err(klamm::metrics::Cause::ResponseMalformed);
    for (tags, host, fills) in [(100, 40, true), (101, 40, true), (101, 15, false)] {
        let unknown: BTreeMap<i32, Bytes> = (5..5 + tags).map(|number| (number, Bytes::from_static(b"kept"))).collect();
        let mut fetch = FetchResponse::default();
        fetch.unknown_tagged_fields = unknown.clone();
        let sent = |key, version, body: Vec<u8>| {
            run_response(key, version, &view, &response_frame(key, version, &body), 1 << 20, Move::Feed)
                .map(|out| out.frames)
        };
        // In Fetch a tag may hold the addresses.
        assert_eq!(sent(1, 17, encode(&fetch, 17)), if tags > 100 { refused } else { Ok(1) }, "{tags} tags");
        // In ShareFetch they stand before the tags: it is known by then whether a gap is to be filled.
        let mut share = ShareFetchResponse::default();
        share.unknown_tagged_fields = unknown;
        let mut endpoint = kafka_protocol::messages::share_fetch_response::NodeEndpoint::default();
        (endpoint.node_id, endpoint.host, endpoint.port) = (BrokerId(1), string(&"~".repeat(host)), 9092);
        share.node_endpoints = vec![endpoint];
        let expected = if tags > 100 && fills { refused } else { Ok(1) };
        assert_eq!(sent(78, 1, encode(&share, 1)), expected, "{tags} tags, a host of {host}");
    }
}

/// What is held of endpoints, and what may have to be filled in their place at once, is counted and has a bound.
#[test]
fn what_is_held_of_endpoints_is_counted_and_has_a_bound() {
    let apis = generous_apis();
    // Those that are given out, which are held; and those of nodes that have no port, of which nothing is.
    for (host, first, held) in [("gateway.example", 1, true), ("gateway.example", 10, false)] {
        let map = addresses(host);
        let endpoint = |node| {
            let mut endpoint = kafka_protocol::messages::fetch_response::NodeEndpoint::default();
            (endpoint.node_id, endpoint.host, endpoint.port) = (BrokerId(node), string(&"~".repeat(100)), 9092);
            endpoint.rack = Some(string("a-rack"));
            endpoint
        };
        let mut sent = FetchResponse::default();
        sent.node_endpoints = (0..300).map(|at| endpoint(first + at % 3)).collect();
        let frame = response_frame(1, 17, &encode(&sent, 17));
        let one = 4 + (1 + 100) + 4 + (1 + 6) + 1;
        let feed = |hold_bytes_max, bytes: usize| {
            let view = klamm::rewrite::SessionView { hold_bytes_max, ..view(&map, &apis) };
            let mut in_flight = klamm::wire::InFlight::default();
            in_flight.push(crate::support::entry(1, 17));
            let (mut responses, mut out) = (klamm::rewrite::Responses::default(), klamm::rewrite::Output::default());
            let fed = responses.feed(&frame[..bytes], &view, &mut in_flight, &mut out);
            fed.map(|_| responses.held_bytes())
        };
        // Of a hundred.
        let ours = 100 * (one - 100 + host.len());
        let bytes = feed(1 << 20, 30 + 100 * one).unwrap();
        let expected = if held { ours - one..ours + one } else { 0..one };
        assert!(expected.contains(&bytes), "{bytes} held of {expected:?}");
        // All that was read may have to be filled, whoever it is of.
        let limit = u32::try_from(100 * one).unwrap();
        assert!(feed(limit, 30 + 99 * one).is_ok());
        assert_eq!(feed(limit, 30 + 102 * one), Err(klamm::metrics::Cause::HeldFrameTooLarge));
    }
}

/// Tags that Kafka never writes, with an address where a reader could find it: refused before a byte of it leaves.
#[test]
fn an_address_in_an_odd_tag_is_refused() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let view = view(&map, &apis);
    let endpoints = [&[2, 0, 0, 0, 1, 5][..], b"~~~~", &[0, 0, 0x23, 0x84, 0, 0]].concat();
    let size = u8::try_from(endpoints.len()).unwrap();
    let tag = |number: u8, content: &[u8]| [&[number, u8::try_from(content.len()).unwrap()][..], content].concat();
    // Throttle time, error code, session id, no topics; then tags.
    let front = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let sound = [&front[..], &[1], &tag(0, &endpoints)].concat();
    let outcome = run_response(1, 17, &view, &response_frame(1, 17, &sound), 1 << 20, Move::Feed).unwrap();
    assert!(!crate::support::contains(&outcome.bytes, b"~~"));
    for (what, tags) in [
        ("twice", [&[2][..], &tag(0, &endpoints), &tag(0, &endpoints)].concat()),
        ("behind another", [&[2][..], &tag(5, b"x"), &tag(0, &endpoints)].concat()),
        ("behind the array", [&[1][..], &tag(0, &[&[1][..], b"~~~~"].concat())].concat()),
        ("behind the entries", [&[1][..], &tag(0, &[&endpoints[..], b"~~~~"].concat())].concat()),
        ("beyond its size", [&[1, 0, size - 2][..], &endpoints, b"~~~~"].concat()),
    ] {
        let frame = response_frame(1, 17, &[&front[..], &tags].concat());
        for piece in [1, frame.len()] {
            let refused = run_response(1, 17, &view, &frame, piece, Move::Feed);
            assert_eq!(refused, Err(klamm::metrics::Cause::ResponseMalformed), "{what}");
        }
    }
}
