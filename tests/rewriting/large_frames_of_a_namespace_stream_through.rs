//! A Produce request or a Fetch response that is not whole in the receive buffer streams through: its new length leaves
//! first, its names are replaced on the way, its record batches are promised as bytes that pass, and what leaves is
//! what kafka-protocol reads as the same message with mapped names.

use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{
    CORRELATION_ID, Move, Outcome, addresses, entry, framed, generous_apis, response_frame, rule, run, run_response,
};
use bytes::Bytes;
use kafka_protocol::messages::{FetchResponse, ProduceRequest, TopicName, TransactionalId};
use kafka_protocol::messages::{fetch_response, produce_request};
use klamm::cluster::Namespace;
use klamm::metrics::Cause;
use klamm::rewrite::{Output, Requests, Responses, SessionView};
use klamm::wire::{InFlight, padded_varint, varint_bytes};

/// Name lengths at which a compact length changes its bytes, before or behind a prefix.
const NAME_BYTES: [usize; 8] = [1, 5, 117, 118, 126, 127, 128, 240];
const PREFIXES: [&str; 3] = ["a.", "a-tenant.", "a-tenant-with-a-rather-long-prefix-before-all-of-its-names."];

fn with_view<T>(names: &Namespace, test: impl FnOnce(&SessionView<'_>) -> T) -> T {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    test(&named_view(&map, &apis, names))
}

/// Piece lengths with which no frame comes whole.
fn pieces(length: usize) -> Vec<usize> {
    let all = (1..length).filter(|piece| *piece <= 40 || length <= 400);
    all.chain([41, 64, 100, 127, 128, 255, 1000, length - 1].into_iter().filter(|piece| *piece < length)).collect()
}

/// Records of topic `at`: none, few, many.
fn records(at: usize) -> Option<Bytes> {
    [None, Some(0), Some(3), Some(2000)][at % 4].map(|bytes| Bytes::from(vec![0x5a; bytes]))
}

fn produce(id: Option<&str>, acks: i16, names: &[String]) -> ProduceRequest {
    let mut request = ProduceRequest::default();
    request.transactional_id = id.map(|id| TransactionalId(string(id)));
    (request.acks, request.timeout_ms) = (acks, 77);
    let topic = |(at, name): (usize, &String)| {
        let partition = |index: usize| {
            let mut partition = produce_request::PartitionProduceData::default();
            partition.index = i32::try_from(index).unwrap();
            partition.records = records(at + index);
            partition
        };
        let mut topic = produce_request::TopicProduceData::default();
        topic.name = TopicName(string(name));
        topic.partition_data = (0..at % 3 + 1).map(partition).collect();
        topic
    };
    request.topic_data = names.iter().enumerate().map(topic).collect();
    request
}

/// A request frame of a client that calls itself `client`.
fn request_frame(version: i16, client: &str, body: &[u8]) -> Vec<u8> {
    let mut payload = vec![0, 0];
    payload.extend(version.to_be_bytes());
    payload.extend(CORRELATION_ID.to_be_bytes());
    payload.extend(i16::try_from(client.len()).unwrap().to_be_bytes());
    payload.extend(client.as_bytes());
    if rule(0).flexible(version) {
        // A tag that nobody knows.
        payload.extend([1, 99, 2, 0xab, 0xcd]);
    }
    payload.extend(body);
    framed(&payload)
}

fn fetch(version: i16, names: &[String]) -> FetchResponse {
    let mut response = FetchResponse::default();
    response.throttle_time_ms = 7;
    response.session_id = if version >= 7 { 4711 } else { 0 };
    let topic = |(at, name): (usize, &String)| {
        let partition = |index: usize| {
            let mut partition = fetch_response::PartitionData::default();
            partition.partition_index = i32::try_from(index).unwrap();
            partition.high_watermark = 12;
            partition.aborted_transactions = (at % 2 == 0).then(|| vec![Default::default(); at % 3]);
            partition.records = records(at + index);
            partition
        };
        let mut topic = fetch_response::FetchableTopicResponse::default();
        topic.topic = TopicName(string(name));
        topic.partitions = (0..at % 3 + 1).map(partition).collect();
        topic
    };
    response.responses = names.iter().enumerate().map(topic).collect();
    response
}

fn names(count: usize) -> Vec<String> {
    NAME_BYTES.iter().cycle().take(count).map(|bytes| "x".repeat(*bytes)).collect()
}

fn prefixed(prefix: &str, names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("{prefix}{name}")).collect()
}

/// `whole`, an encoded message in a flexible version, with the compact length of each of `names`, in their order, in as
/// many bytes as `width` says of its name.
fn padded(mut whole: &[u8], names: &[String], width: impl Fn(&str) -> usize) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names {
        let length = u32::try_from(name.len() + 1).unwrap();
        let minimal = [&padded_varint(length, varint_bytes(length))[..varint_bytes(length)], name.as_bytes()].concat();
        let at = whole.windows(minimal.len()).position(|window| window == minimal).unwrap();
        out.extend(&whole[..at]);
        out.extend(&padded_varint(length, width(name))[..width(name)]);
        out.extend(name.as_bytes());
        whole = &whole[at + minimal.len()..];
    }
    out.extend(whole);
    out
}

fn run_produce(names: &Namespace, frame: &[u8], piece: usize, how: Move) -> (Result<Outcome, Cause>, InFlight) {
    let mut in_flight = InFlight::default();
    let outcome = with_view(names, |view| run(&mut Requests::default(), &mut in_flight, view, frame, piece, how));
    (outcome, in_flight)
}

fn compact_bytes(text: &str) -> usize {
    varint_bytes(u32::try_from(text.len() + 1).unwrap())
}

#[test]
fn produce_requests_in_any_pieces_name_physical_topics() {
    for (version, count, prefix) in
        (3..=12).flat_map(|version| [0, 1, 2, 9].map(|count| (version, count, PREFIXES[count % 3])))
    {
        let namespace = hiding(prefix);
        let shown = names(count);
        let physical = prefixed(prefix, &shown);
        for id in [None, Some(""), Some("tx"), Some(&*"t".repeat(126))] {
            let frame = request_frame(version, "a-client", &encode(&produce(id, -1, &shown), version));
            let physical_id = id.map(|id| if id.is_empty() { String::new() } else { format!("{prefix}{id}") });
            let mapped = produce(physical_id.as_deref(), -1, &physical);
            let mut body = encode(&mapped, version);
            if rule(0).flexible(version) {
                body = padded(&body, &physical, |name| compact_bytes(&name[prefix.len()..]) + 1);
            }
            let expected = request_frame(version, "a-client", &body);
            assert_eq!(decode::<ProduceRequest>(&body, version), mapped, "the padded form is the same message");
            for piece in pieces(frame.len()) {
                for how in [Move::Feed, Move::Splice] {
                    let (outcome, in_flight) = run_produce(&namespace, &frame, piece, how);
                    let outcome = outcome.unwrap();
                    let case = format!("version {version}, {count} topics, id {id:?}, in {piece}, {how:?}");
                    assert_eq!(outcome.bytes, expected, "{case}");
                    assert_eq!((outcome.frames, outcome.at_boundary, outcome.rest), (1, true, 0), "{case}");
                    assert_eq!((in_flight.oldest(), in_flight.len()), (Some(entry(0, version)), 1), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_produce_request_without_acks_waits_for_no_response() {
    for version in 3..=12 {
        for (acks, waits) in [(-1, 1), (0, 0), (1, 1)] {
            let frame = request_frame(version, "c", &encode(&produce(Some("tx"), acks, &names(2)), version));
            for piece in [1, 30, frame.len() - 1] {
                let (outcome, in_flight) = run_produce(&hiding("a."), &frame, piece, Move::Feed);
                assert_eq!((outcome.unwrap().frames, in_flight.len()), (1, waits), "version {version}, acks {acks}");
            }
        }
    }
}

#[test]
fn the_client_id_that_may_write_to_kafkas_own_topics_goes_out_empty() {
    for version in [3, 8, 9, 12] {
        for (client, out) in [
            ("__admin_client", ""),
            ("__admin_clienT", "__admin_clienT"),
            ("__admin_client2", "__admin_client2"),
            ("", ""),
        ] {
            let body = |names: &[String]| encode(&produce(None, 1, names), version);
            let frame = request_frame(version, client, &body(&["x".into()]));
            let mut physical = body(&["a.x".into()]);
            if rule(0).flexible(version) {
                physical = padded(&physical, &["a.x".into()], |_| 2);
            }
            let (outcome, _) = run_produce(&hiding("a."), &frame, 5, Move::Feed);
            assert_eq!(outcome.unwrap().bytes, request_frame(version, out, &physical), "{client} version {version}");
        }
    }
}

#[test]
fn fetch_responses_in_any_pieces_name_the_clients_topics() {
    for (version, count, prefix) in
        (4..=12).flat_map(|version| [0, 1, 2, 9].map(|count| (version, count, PREFIXES[count % 3])))
    {
        let namespace = hiding(prefix);
        let shown = names(count);
        let physical = prefixed(prefix, &shown);
        let frame = response_frame(1, version, &encode(&fetch(version, &physical), version));
        let mapped = fetch(version, &shown);
        let mut body = encode(&mapped, version);
        if rule(1).flexible(version) {
            body = padded(&body, &shown, |name| compact_bytes(&format!("{prefix}{name}")));
        }
        let expected = response_frame(1, version, &body);
        assert_eq!(decode::<FetchResponse>(&body, version), mapped, "the padded form is the same message");
        for piece in pieces(frame.len()) {
            for how in [Move::Feed, Move::Splice] {
                let outcome = with_view(&namespace, |view| run_response(1, version, view, &frame, piece, how)).unwrap();
                let case = format!("version {version}, {count} topics, in {piece}, {how:?}");
                assert_eq!(outcome.bytes, expected, "{case}");
                assert_eq!((outcome.frames, outcome.at_boundary, outcome.rest), (1, true, 0), "{case}");
            }
        }
    }
}

#[test]
fn record_batches_are_promised_and_not_held() {
    let many = 3 << 20;
    let mut request = produce(None, 1, &["x".into()]);
    request.topic_data[0].partition_data[0].records = Some(Bytes::from(vec![1; many]));
    let mut response = fetch(12, &["a.x".into()]);
    response.responses[0].partitions[0].records = Some(Bytes::from(vec![1; many]));
    let namespace = hiding("a.");
    with_view(&namespace, |view| {
        // Nothing of the frame may be held but its front.
        let view = &SessionView { hold_bytes_max: 200, frame_bytes_max: 8 << 20, namespace: view.namespace, ..*view };
        let (mut in_flight, mut out) = (InFlight::default(), Output::default());
        let frame = request_frame(11, "c", &encode(&request, 11));
        let fed = Requests::default().feed(&frame[..1000], view, &mut in_flight, &mut out).unwrap();
        assert!(fed.consumed == 1000 && fed.pass > many as u64 - 1000 && fed.pass < many as u64);
        let (mut in_flight, mut out) = (InFlight::default(), Output::default());
        in_flight.push(entry(1, 12));
        let frame = response_frame(1, 12, &encode(&response, 12));
        let mut responses = Responses::default();
        let fed = responses.feed(&frame[..1000], view, &mut in_flight, &mut out).unwrap();
        assert!(fed.consumed == 1000 && fed.pass > many as u64 - 1000 && fed.pass < many as u64);
        assert_eq!((responses.held_bytes(), responses.at_boundary()), (0, false));
    });
}

/// A head may wait for the bytes that pass behind it, a whole request before it may not; and the last bytes that pass
/// leave at once where they end the frame.
#[test]
fn what_passes_is_told_as_it_is_behind_other_requests_too() {
    let small = produce(None, 1, &["small".into()]);
    let mut large = produce(None, 1, &["large".into()]);
    large.topic_data[0].partition_data[0].records = Some(Bytes::from(vec![1; 1 << 16]));
    for (version, goes_on) in [(3, false), (8, false), (9, true), (12, true)] {
        let frame = |request| request_frame(version, "c", &encode(request, version));
        let (small, large) = (frame(&small), frame(&large));
        for (input, alone) in [(&large[..200], true), (&[&small[..], &large[..200]].concat(), false)] {
            with_view(&hiding("a."), |view| {
                let (mut in_flight, mut out) = (InFlight::default(), Output::default());
                let fed = Requests::default().feed(input, view, &mut in_flight, &mut out).unwrap();
                assert!(fed.pass > 60_000);
                assert_eq!((fed.goes_on, fed.alone), (goes_on, alone), "version {version}");
            });
        }
    }
}

#[test]
fn a_request_that_the_prefix_makes_longer_than_a_frame_may_be_is_refused() {
    for version in [3, 8, 9, 12] {
        let frame = request_frame(version, "c", &encode(&produce(None, 1, &names(3)), version));
        let grown = 3 * ("a.".len() + usize::from(rule(0).flexible(version)));
        let length = u32::try_from(frame.len() - 4 + grown).unwrap();
        for (frame_bytes_max, taken) in [(length, Ok(1)), (length - 1, Err(Cause::FrameLength))] {
            for piece in [1, 40, frame.len() - 1, frame.len()] {
                let sent = with_view(&hiding("a."), |view| {
                    let view = SessionView { frame_bytes_max, namespace: view.namespace, ..*view };
                    let mut in_flight = InFlight::default();
                    run(&mut Requests::default(), &mut in_flight, &view, &frame, piece, Move::Feed)
                });
                assert_eq!(sent.map(|outcome| outcome.frames), taken, "version {version}, in {piece}");
            }
        }
    }
}

/// A compact length takes one byte more than it came in: one that came in as many as there may be cannot.
#[test]
fn a_length_that_was_padded_as_far_as_may_be_is_refused() {
    let body = encode(&produce(None, 1, &["orders".into()]), 9);
    let at = body.windows(7).position(|bytes| bytes == b"\x07orders").unwrap();
    for width in 1..=5 {
        let mut body = body.clone();
        body.splice(at..=at, padded_varint(7, width).into_iter().take(width));
        let frame = request_frame(9, "c", &body);
        for piece in [1, frame.len()] {
            let sent = with_view(&hiding("a."), |view| {
                run(&mut Requests::default(), &mut InFlight::default(), view, &frame, piece, Move::Feed)
            });
            let expected = if width < 5 { Ok(1) } else { Err(Cause::RequestMalformed) };
            assert_eq!(sent.map(|outcome| outcome.frames), expected, "{width} bytes, in {piece}");
        }
    }
}

#[test]
fn a_topic_that_is_not_the_clients_closes_before_its_name_leaves() {
    for version in 4..=12 {
        for foreign in ["b.secret", "a", "a-secret", "__consumer_offsets", ""] {
            let frame = response_frame(1, version, &encode(&fetch(version, &["a.x".into(), foreign.into()]), version));
            for piece in pieces(frame.len()) {
                let (mut in_flight, mut responses) = (InFlight::default(), Responses::default());
                in_flight.push(entry(1, version));
                let (mut carry, mut left, mut ended) = (Vec::new(), Vec::new(), None);
                with_view(&hiding("a."), |view| {
                    for part in frame.chunks(piece) {
                        carry.extend(part);
                        let mut out = Output::default();
                        match responses.feed(&carry, view, &mut in_flight, &mut out) {
                            Ok(fed) => {
                                for segment in &out.segments {
                                    match segment {
                                        klamm::rewrite::Segment::Input(r) => left.extend(&carry[r.clone()]),
                                        klamm::rewrite::Segment::New(r) => left.extend(&out.new_bytes[r.clone()]),
                                    }
                                }
                                carry.drain(..fed.consumed);
                            }
                            Err(cause) => {
                                ended = Some(cause);
                                break;
                            }
                        }
                    }
                });
                assert_eq!(ended, Some(Cause::ResponseMalformed), "{foreign} version {version} in {piece}");
                assert!(!crate::support::contains(&left, b"secret"), "{foreign} version {version} in {piece}");
            }
        }
    }
}

#[test]
fn what_is_cut_or_cannot_be_is_refused() {
    let namespace = hiding("a.");
    for version in [3, 8, 9, 12] {
        let frame = request_frame(version, "c", &encode(&produce(Some("tx"), 1, &names(3)), version));
        for cut in 12..frame.len() {
            let lying = framed(&frame[4..cut]);
            let (outcome, _) = run_produce(&namespace, &lying, 7, Move::Feed);
            assert_eq!(outcome.map(|_| ()), Err(Cause::RequestMalformed), "version {version} cut at {cut}");
        }
    }
    for version in [4, 7, 11, 12] {
        let frame = response_frame(1, version, &encode(&fetch(version, &prefixed("a.", &names(3))), version));
        for cut in 8..frame.len() {
            let lying = framed(&frame[4..cut]);
            let outcome = with_view(&namespace, |view| run_response(1, version, view, &lying, 3, Move::Feed));
            let refused = matches!(outcome, Err(Cause::ResponseMalformed | Cause::ResponseLength));
            assert!(refused, "version {version} cut at {cut}: {outcome:?}");
        }
    }
    // A front that is longer than may be held; a name that no length could say with its prefix.
    let long = request_frame(9, &"c".repeat(30_000), &encode(&produce(None, 1, &names(1)), 9));
    let held = with_view(&namespace, |view| {
        let view = SessionView { hold_bytes_max: 1000, namespace: view.namespace, ..*view };
        run(&mut Requests::default(), &mut InFlight::default(), &view, &long, 500, Move::Feed)
    });
    assert_eq!(held, Err(Cause::HeldFrameTooLarge));
    for (bytes, taken) in [(32_765, true), (32_766, false)] {
        let frame = request_frame(9, "c", &encode(&produce(None, 1, &["x".repeat(bytes)]), 9));
        assert_eq!(run_produce(&namespace, &frame, 500, Move::Feed).0.is_ok(), taken);
    }
}
