//! A request is forwarded only when its api key and version have a row and, where its API is walked, its structure
//! holds; everything else has its cause, and not one byte of it leaves.

use crate::support::samples::{encode, string};
use crate::support::{
    CORRELATION_ID, Dice, LIES, Move, Outcome, addresses, entry, framed, generous_apis, request_frame, run, view,
};
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeClusterRequest, DescribeQuorumRequest, FindCoordinatorRequest, MetadataRequest,
    ProduceRequest, TopicName, TransactionalId, describe_quorum_request, metadata_request,
};
use klamm::metrics::Cause;
use klamm::rewrite::{Output, RequestRule, Requests, SessionView, rules};
use klamm::wire::INTERNAL;
use klamm::wire::{Exchange, InFlight};

fn with_view<T>(test: impl FnOnce(&SessionView<'_>) -> T) -> T {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    test(&view(&map, &apis))
}

/// What comes of `input` in such pieces, whoever moves the bytes that pass, and what is in flight.
fn run_requests(input: &[u8], piece: usize) -> (Result<Outcome, Cause>, Vec<Exchange>) {
    with_view(|view| {
        let [fed, spliced] = [Move::Feed, Move::Splice].map(|how| {
            let mut in_flight = InFlight::default();
            let outcome = run(&mut Requests::default(), &mut in_flight, view, input, piece, how);
            (outcome, std::iter::from_fn(|| in_flight.pop()).collect())
        });
        assert_eq!(fed, spliced);
        fed
    })
}

/// The cause that `input` gets, whether it comes at once or byte by byte; nothing may have left before it.
fn refused(input: &[u8]) -> Option<Cause> {
    let causes = [input.len().max(1), 1].map(|piece| {
        with_view(|view| {
            let (mut requests, mut in_flight) = (Requests::default(), InFlight::default());
            let mut carry = Vec::new();
            for part in input.chunks(piece) {
                carry.extend(part);
                let mut out = Output::default();
                match requests.feed(&carry, view, &mut in_flight, &mut out) {
                    Ok(fed) => drop(carry.drain(..fed.consumed)),
                    Err(cause) => return Some(cause),
                }
                assert!(out.is_empty(), "{input:?} left before it was accepted");
            }
            None
        })
    });
    assert_eq!(causes[0], causes[1]);
    causes[0]
}

#[test]
fn other_protocols_are_known_by_their_first_bytes() {
    for (first, cause) in [
        (&b"\x16\x03\x01\x02\x00\x01"[..], Cause::TlsOnPlainPort),
        (b"GET / HTTP/1.1\r\n", Cause::HttpOnKafkaPort),
        (b"POST /", Cause::HttpOnKafkaPort),
        (b"HEAD /", Cause::HttpOnKafkaPort),
        (b"PUT /", Cause::HttpOnKafkaPort),
        (b"DELETE /", Cause::HttpOnKafkaPort),
        (b"OPTIONS *", Cause::HttpOnKafkaPort),
        (b"PATCH /", Cause::HttpOnKafkaPort),
        (b"CONNECT a:1", Cause::HttpOnKafkaPort),
        (b"TRACE /", Cause::HttpOnKafkaPort),
        (b"PRI * HTTP/2.0\r\n", Cause::HttpOnKafkaPort),
        (b"HTTP/1.1 200", Cause::HttpOnKafkaPort),
        (b"SSH-2.0-x", Cause::SshOnKafkaPort),
        (b"PROXY TCP4", Cause::ProxyHeader),
        (b"\r\n\r\n\0\r\nQUIT\n", Cause::ProxyHeader),
    ] {
        assert_eq!(refused(first), Some(cause), "{first:?}");
        assert_eq!(refused(&first[..3]), None, "three bytes decide nothing");
    }
    // Only the first bytes of a connection are taken so: later they are a length, and too long a one.
    let valid = request_frame(12, 4, &[0; 9]);
    let (outcome, _) = run_requests(&[&valid[..], b"GET / HTTP"].concat(), 1 << 20);
    assert_eq!(outcome, Err(Cause::FrameLength));
}

#[test]
fn a_length_that_cannot_be_is_refused() {
    for length in [i32::MIN, -1, 0, 7, (1 << 20) + 1, i32::MAX] {
        assert_eq!(refused(&length.to_be_bytes()), Some(Cause::FrameLength), "{length}");
    }
    for length in [8, 1 << 20] {
        assert_eq!(refused(&i32::to_be_bytes(length)), None, "{length}");
    }
}

#[test]
fn no_key_and_no_version_without_a_row_is_forwarded() {
    for key in i16::MIN..=i16::MAX {
        let rule = rules().iter().find(|rule| rule.key == key);
        let max = rule.map_or(0, |rule| rule.max);
        for version in [i16::MIN, -1, 0, max, max.saturating_add(1), i16::MAX] {
            let mut frame = 100i32.to_be_bytes().to_vec();
            frame.extend(key.to_be_bytes());
            frame.extend(version.to_be_bytes());
            frame.extend(CORRELATION_ID.to_be_bytes());
            let (mut requests, mut in_flight, mut out) = (Requests::default(), InFlight::default(), Output::default());
            let fed = with_view(|view| requests.feed(&frame, view, &mut in_flight, &mut out));
            let expected = match rule {
                Some(rule) if (rule.min..=rule.max).contains(&version) => None,
                Some(rule) if rule.key == 18 && version > rule.max => None,
                Some(_) => Some(Cause::UnknownVersion),
                None if INTERNAL.iter().any(|(internal, _)| *internal == key) => Some(Cause::InternalApi),
                None => Some(Cause::UnknownApi),
            };
            assert_eq!(fed.err(), expected, "key {key} version {version}");
            let forwarded = expected.is_none() && key != 18;
            assert_eq!(out.is_empty(), !forwarded, "key {key} version {version}");
        }
    }
}

fn produce(version: i16, transactional_id: Option<&str>, acks: i16) -> Vec<u8> {
    let mut request = ProduceRequest::default();
    request.transactional_id = transactional_id.map(|id| TransactionalId(string(id)));
    request.acks = acks;
    request.timeout_ms = 1000;
    let mut partition = kafka_protocol::messages::produce_request::PartitionProduceData::default();
    partition.records = Some(Bytes::from(vec![7; 500]));
    let mut topic = kafka_protocol::messages::produce_request::TopicProduceData::default();
    topic.name = TopicName(string(if version < 13 { "orders" } else { "" }));
    topic.partition_data = vec![partition];
    request.topic_data = vec![topic];
    request_frame(0, version, &encode(&request, version))
}

#[test]
fn produce_without_acks_waits_for_no_response() {
    for version in 3..=13 {
        for id in [None, Some("a-transaction"), Some(&*"x".repeat(300))] {
            for acks in [-1, 0, 1] {
                let frame = produce(version, id, acks);
                for piece in [1, 2, 5, 16, 100, frame.len()] {
                    let (outcome, entries) = run_requests(&frame, piece);
                    let outcome = outcome.unwrap();
                    assert_eq!((&outcome.bytes, outcome.frames, outcome.at_boundary), (&frame, 1, true));
                    let expected = if acks == 0 { vec![] } else { vec![entry(0, version)] };
                    assert_eq!(entries, expected, "version {version} acks {acks} in {piece}");
                }
            }
        }
        // A null client id, and a frame that ends before its acks.
        let mut head = frame_head(0, version);
        head.extend([0xff, 0xff]);
        assert_eq!(run_requests(&framed(&head), 1 << 20).0, Err(Cause::RequestMalformed), "version {version}");
    }
}

fn frame_head(key: i16, version: i16) -> Vec<u8> {
    [&key.to_be_bytes()[..], &version.to_be_bytes(), &CORRELATION_ID.to_be_bytes()].concat()
}

/// A request whose structure is checked, in each version kafka-protocol knows.
fn checked() -> Vec<(i16, i16, Vec<u8>)> {
    let mut all = Vec::new();
    for version in 0..=13 {
        for topics in [None, Some(0), Some(1), Some(130)] {
            let mut request = MetadataRequest::default();
            request.topics = topics.or(if version == 0 { Some(0) } else { None }).map(|count| {
                let mut topic = metadata_request::MetadataRequestTopic::default();
                topic.name = Some(TopicName(string("orders")));
                vec![topic; count]
            });
            all.push((3, version, encode(&request, version)));
        }
    }
    for version in 0..=6 {
        let mut request = FindCoordinatorRequest::default();
        if version <= 3 {
            request.key = string("a-group");
        } else {
            request.coordinator_keys = vec![string("a-group"), string("another")];
        }
        all.push((10, version, encode(&request, version)));
    }
    for version in 0..=2 {
        all.push((60, version, encode(&DescribeClusterRequest::default(), version)));
        let mut topic = describe_quorum_request::TopicData::default();
        topic.topic_name = TopicName(string("__cluster_metadata"));
        topic.partitions = vec![describe_quorum_request::PartitionData::default()];
        let mut request = DescribeQuorumRequest::default();
        request.topics = vec![topic];
        all.push((55, version, encode(&request, version)));
    }
    for version in 0..=4 {
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request.client_software_name = string("a-client");
            request.client_software_version = string("1.2.3");
        }
        all.push((18, version, encode(&request, version)));
    }
    all
}

#[test]
fn a_checked_request_passes_whole_and_its_every_cut_is_refused() {
    for (key, version, body) in checked() {
        let frame = request_frame(key, version, &body);
        let own = key == 18;
        for piece in [1, 3, 11, 64, frame.len()] {
            let (outcome, entries) = run_requests(&frame, piece);
            let outcome = outcome.unwrap();
            assert_eq!(outcome.bytes, if own { vec![] } else { frame.clone() });
            assert_eq!((outcome.frames, outcome.at_boundary), (1, true));
            assert_eq!(entries, [Exchange { own, ..entry(key, version) }]);
        }
        for cut in 12..frame.len() {
            let (lying, _) = run_requests(&framed(&frame[4..cut]), 1 << 20);
            assert_eq!(lying, Err(Cause::RequestMalformed), "key {key} version {version} cut at {cut}");
            let (waiting, entries) = run_requests(&frame[..cut], 1 << 20);
            let waiting = waiting.unwrap();
            assert!(!waiting.at_boundary || waiting.rest > 0, "key {key} version {version} cut at {cut}");
            assert!(!own || entries.is_empty(), "answered before it came");
        }
        // Bytes behind the last field are left alone, as Kafka does: librdkafka 2.12.1 writes three in Metadata v12.
        let longer = framed(&[&frame[4..], &[0, 1, 0]].concat());
        let outcome = run_requests(&longer, 1 << 20).0.unwrap();
        assert_eq!(outcome.bytes, if own { vec![] } else { longer }, "key {key} version {version}");
    }
}

/// Every run of four bytes as a count bomb, every byte as a compact one: refused, or nothing changed that matters.
#[test]
fn count_bombs_are_refused_or_are_no_counts() {
    let checked: Vec<i16> = rules().iter().filter(|r| matches!(r.request, RequestRule::Check)).map(|r| r.key).collect();
    assert_eq!(checked, [3, 10, 55, 60]);
    let mut refused = 0;
    for (key, version, body) in self::checked() {
        let frame = request_frame(key, version, &body);
        for at in 12..frame.len() {
            for bomb in LIES {
                let mut mutated = frame.clone();
                let end = (at + bomb.len()).min(frame.len());
                mutated[at..end].copy_from_slice(&bomb[..end - at]);
                match run_requests(&mutated, 1 << 20).0 {
                    Err(cause) => {
                        assert_eq!(cause, Cause::RequestMalformed);
                        refused += 1;
                    }
                    Ok(outcome) => assert!(key == 18 || outcome.bytes == mutated),
                }
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn random_bytes_never_panic_and_never_grow() {
    let mut dice = Dice::new(99);
    for _ in 0..20_000 {
        let rule = &rules()[usize::try_from(dice.below(rules().len() as u64)).unwrap()];
        let version = rule.min + i16::try_from(dice.below((rule.max - rule.min) as u64 + 1)).unwrap();
        let length = usize::try_from(dice.below(80)).unwrap();
        let mut payload = frame_head(rule.key, version);
        payload.extend((0..length).map(|_| (dice.next() >> 32) as u8 & if dice.below(2) == 0 { 0x03 } else { 0xff }));
        let frame = framed(&payload);
        let (whole, entries) = run_requests(&frame, 1 << 20);
        let (parts, entries_of_parts) = run_requests(&frame, 1);
        match (whole, parts) {
            (Ok(whole), Ok(parts)) => {
                assert_eq!((&whole, entries), (&parts, entries_of_parts));
                assert!(whole.bytes.is_empty() || whole.bytes == frame);
            }
            (whole, parts) => assert_eq!(whole.err(), parts.err()),
        }
    }
}

#[test]
fn at_the_limit_in_flight_no_request_is_taken() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let view = SessionView { in_flight_max: 2, ..view(&map, &apis) };
    let frame = request_frame(12, 4, &[0; 9]);
    let input = frame.repeat(4);
    let (mut requests, mut in_flight, mut out) = (Requests::default(), InFlight::default(), Output::default());
    let fed = requests.feed(&input, &view, &mut in_flight, &mut out).unwrap();
    assert_eq!((fed.consumed, fed.pass, fed.waits.is_some(), in_flight.len()), (2 * frame.len(), 0, true, 2));
    assert_eq!(out.len(), 2 * frame.len());
    in_flight.pop();
    out.clear();
    let fed = requests.feed(&input[2 * frame.len()..], &view, &mut in_flight, &mut out).unwrap();
    assert_eq!((fed.consumed, fed.waits.is_some(), in_flight.len()), (frame.len(), true, 2));
    // Full is told where nothing waits, too: the caller need not read.
    assert!(requests.feed(&[], &view, &mut in_flight, &mut out).unwrap().waits.is_some());
}
