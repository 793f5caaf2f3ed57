//! What decides what a client may do is asked by identity: a request waits until it is decided, in its order; a topic that is
//! denied goes out in equal length, so that frames that stream refuse it too, and comes back with its own error alone.

use std::cell::Cell;

use bytes::Bytes;
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, ListGroupsRequest, ProduceRequest, ProduceResponse, TopicName, fetch_request,
    fetch_response, produce_request, produce_response,
};
use klamm::auth::Identity;
use klamm::cluster::Namespace;
use klamm::metrics::Cause;
use klamm::rewrite::{Access, Decision, Need, Output, Requests, Responses, SessionView};
use klamm::wire::{Exchange, InFlight};

use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{Move, addresses, entry, generous_apis, request_frame, response_frame, rule, run, run_response};

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const LIST_GROUPS: i16 = 16;
const DESCRIBE_QUORUM: i16 = 55;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// Denies one topic, to one principal; knows nothing of a request of one API until it is told.
struct Rules {
    denied: &'static str,
    to: &'static str,
    waits: i16,
    decision: Cell<Decision>,
}

impl Rules {
    fn deny(denied: &'static str) -> Rules {
        Rules { denied, to: "User-alice", waits: -1, decision: Cell::new(Decision::Allowed) }
    }
}

impl Access for Rules {
    fn request(&self, _: &Identity, key: i16, _: i16) -> Decision {
        if key == self.waits { self.decision.get() } else { Decision::Allowed }
    }

    fn topic(&self, identity: &Identity, _: i16, name: &[u8]) -> bool {
        identity.proven_principal() != Some(self.to) || name != self.denied.as_bytes()
    }
}

fn with_view<T>(rules: &Rules, identity: &Identity, test: impl FnOnce(&SessionView<'_>) -> T) -> T {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding("vc-a."));
    test(&SessionView { access: Some(rules), identity, ..named_view(&map, &apis, &names) })
}

fn alice() -> Identity {
    Identity::of_certificate("User-alice".into(), i64::MAX)
}

const TOPICS: [&str; 3] = ["orders", "secrets", "events"];

/// The names on the backend, where `denied` is denied: the last byte of the prefix is one that no topic may have.
fn physical(denied: Option<&str>) -> Vec<String> {
    let one = |topic: &&str| if denied == Some(*topic) { format!("vc-a/{topic}") } else { format!("vc-a.{topic}") };
    TOPICS.iter().map(one).collect()
}

fn produce<S: AsRef<str>>(topics: &[S], acks: i16) -> ProduceRequest {
    let topic = |name: &S| {
        let mut partition = produce_request::PartitionProduceData::default();
        partition.records = Some(Bytes::from(vec![0x5a; 700]));
        let mut topic = produce_request::TopicProduceData::default();
        topic.name = TopicName(string(name.as_ref()));
        topic.partition_data = vec![partition];
        topic
    };
    let mut request = ProduceRequest::default();
    (request.acks, request.topic_data) = (acks, topics.iter().map(topic).collect());
    request
}

fn produced<S: AsRef<str>>(topics: &[S], errors: [i16; 3]) -> ProduceResponse {
    let topic = |(name, error): (&S, i16)| {
        let mut partition = produce_response::PartitionProduceResponse::default();
        (partition.error_code, partition.base_offset) = (error, 5);
        let mut topic = produce_response::TopicProduceResponse::default();
        topic.name = TopicName(string(name.as_ref()));
        topic.partition_responses = vec![partition];
        topic
    };
    let mut response = ProduceResponse::default();
    response.responses = topics.iter().zip(errors).map(topic).collect();
    response
}

fn fetched<S: AsRef<str>>(topics: &[S], errors: [i16; 3]) -> FetchResponse {
    let topic = |(name, error): (&S, i16)| {
        let mut partition = fetch_response::PartitionData::default();
        (partition.error_code, partition.records) = (error, Some(Bytes::from(vec![0x5a; 700])));
        let mut topic = fetch_response::FetchableTopicResponse::default();
        topic.topic = TopicName(string(name.as_ref()));
        topic.partitions = vec![partition];
        topic
    };
    let mut response = FetchResponse::default();
    response.responses = topics.iter().zip(errors).map(topic).collect();
    response
}

#[test]
fn a_topic_is_denied_by_identity_in_a_produce_request_that_streams_as_in_one_that_is_whole() {
    let rules = Rules::deny("secrets");
    for version in 3..=12 {
        let frame = request_frame(PRODUCE, version, &encode(&produce(&TOPICS, -1), version));
        for (identity, denied) in [(alice(), Some("secrets")), (Identity::ANONYMOUS, None)] {
            let mut lengths = Vec::new();
            for piece in [1, 7, 100, 1000, frame.len() - 1, frame.len()] {
                let mut in_flight = InFlight::default();
                let out = with_view(&rules, &identity, |view| {
                    run(&mut Requests::default(), &mut in_flight, view, &frame, piece, Move::Splice).unwrap()
                });
                let body = out.bytes.len() - encode(&produce(&physical(denied), -1), version).len();
                let header = frame.len() - encode(&produce(&TOPICS, -1), version).len();
                // A compact length may be padded by a byte; the message is the same.
                assert!((header..=header + TOPICS.len()).contains(&body), "version {version} in {piece}");
                let sent: ProduceRequest = decode(&out.bytes[header..], version);
                assert_eq!(sent, produce(&physical(denied), -1), "version {version} in {piece}");
                assert_eq!(in_flight.len(), 1);
                lengths.push(out.bytes.len());
            }
            assert!(lengths.windows(2).all(|two| two[0] == two[1]), "version {version}: {lengths:?}");
        }
    }
}

/// Where names do not all take one prefix, a topic that is denied is rejected as others are, and comes back with its error.
#[test]
fn a_topic_is_denied_where_a_namespace_has_more_than_a_prefix() {
    let rules = Rules::deny("secrets");
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let names = Namespace { aliases: vec![("short".into(), "long".into())], ..hiding("vc-a.") };
    for version in 3..=12 {
        let frame = request_frame(PRODUCE, version, &encode(&produce(&TOPICS, -1), version));
        for (identity, denied) in [(alice(), true), (Identity::ANONYMOUS, false)] {
            let view = SessionView { access: Some(&rules), identity: &identity, ..named_view(&map, &apis, &names) };
            let mut in_flight = InFlight::default();
            let out = run(&mut Requests::default(), &mut in_flight, &view, &frame, 1 << 20, Move::Feed).unwrap();
            let physical = TOPICS.map(|topic| match topic {
                "secrets" if denied => "vc-a./fsecrets".to_owned(),
                topic => format!("vc-a.{topic}"),
            });
            let expected = request_frame(PRODUCE, version, &encode(&produce(&physical, -1), version));
            assert_eq!(out.bytes, expected, "version {version}");
            let body = encode(&produced(&physical, [0, 17, 0]), version);
            let frame = response_frame(PRODUCE, version, &body);
            let out = run(&mut Responses::default(), &mut in_flight, &view, &frame, 1 << 20, Move::Feed).unwrap();
            let shown = if denied { [0, TOPIC_AUTHORIZATION_FAILED, 0] } else { [0, 17, 0] };
            let expected = response_frame(PRODUCE, version, &encode(&produced(&TOPICS, shown), version));
            assert_eq!(out.bytes, expected, "version {version}");
        }
    }
}

#[test]
fn without_acks_a_denied_topic_closes_the_connection() {
    let rules = Rules::deny("secrets");
    for (version, piece) in (3..=12).flat_map(|version| [30, 1 << 20].map(|piece| (version, piece))) {
        let frame = request_frame(PRODUCE, version, &encode(&produce(&TOPICS, 0), version));
        let out = with_view(&rules, &alice(), |view| {
            run(&mut Requests::default(), &mut InFlight::default(), view, &frame, piece, Move::Feed)
        });
        assert_eq!(out.err(), Some(Cause::RefusedWithoutResponse), "version {version} in {piece}");
    }
}

#[test]
fn a_denied_topic_comes_back_with_its_error_and_others_with_theirs() {
    let rules = Rules::deny("secrets");
    // The backend knows no such topic.
    let (said, shown) = ([0, 3, 7], [0, TOPIC_AUTHORIZATION_FAILED, 7]);
    let response = |key, version, body: &[u8], piece| {
        with_view(&rules, &alice(), |view| {
            let frame = response_frame(key, version, body);
            let header = frame.len() - body.len();
            (run_response(key, version, view, &frame, piece, Move::Splice).unwrap().bytes, header)
        })
    };
    for piece in [1, 9, 100, 1 << 20] {
        for version in 3..=12 {
            let body = encode(&produced(&physical(Some("secrets")), said), version);
            let (bytes, header) = response(PRODUCE, version, &body, piece);
            let read: ProduceResponse = decode(&bytes[header..], version);
            assert_eq!(read, decode(&encode(&produced(&TOPICS, shown), version), version), "version {version}");
        }
        for version in 4..=12 {
            let body = encode(&fetched(&physical(Some("secrets")), said), version);
            let (bytes, header) = response(FETCH, version, &body, piece);
            let read: FetchResponse = decode(&bytes[header..], version);
            assert_eq!(
                read,
                decode(&encode(&fetched(&TOPICS, shown), version), version),
                "version {version} in {piece}"
            );
        }
    }
}

#[test]
fn a_denied_topic_is_not_fetched() {
    let rules = Rules::deny("secrets");
    for version in 4..=12 {
        let topic = |name: &String| {
            let mut topic = fetch_request::FetchTopic::default();
            topic.topic = TopicName(string(name));
            topic.partitions = vec![Default::default()];
            topic
        };
        let request = |topics: Vec<String>| {
            let mut request = FetchRequest::default();
            request.topics = topics.iter().map(topic).collect();
            request
        };
        let frame = request_frame(FETCH, version, &encode(&request(TOPICS.map(String::from).to_vec()), version));
        let expected = request_frame(FETCH, version, &encode(&request(physical(Some("secrets"))), version));
        for piece in [3, frame.len()] {
            let out = with_view(&rules, &alice(), |view| {
                run(&mut Requests::default(), &mut InFlight::default(), view, &frame, piece, Move::Feed).unwrap()
            });
            assert_eq!(out.bytes, expected, "version {version} in {piece}");
        }
    }
}

/// The frames that left, by their correlation id's last byte.
fn numbered(key: i16, version: i16, number: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = request_frame(key, version, body);
    frame[11] = number;
    frame
}

#[test]
fn a_request_waits_for_its_decision_and_those_behind_it_wait_in_their_order() {
    let rules = Rules { waits: LIST_GROUPS, decision: Cell::new(Decision::NotYet), ..Rules::deny("") };
    let groups = encode(&ListGroupsRequest::default(), 3);
    let (first, waits, behind) = (
        numbered(PRODUCE, 9, 1, &encode(&produce(&TOPICS, -1), 9)),
        numbered(LIST_GROUPS, 3, 2, &groups),
        numbered(PRODUCE, 9, 3, &encode(&produce(&TOPICS, -1), 9)),
    );
    let input = [first.clone(), waits.clone(), behind.clone()].concat();
    with_view(&rules, &alice(), |view| {
        let (mut requests, mut in_flight, mut out) = (Requests::default(), InFlight::default(), Output::default());
        let fed = requests.feed(&input, view, &mut in_flight, &mut out).unwrap();
        // Nothing of it was taken, nothing is held for it, and nothing is asked of the backend.
        assert_eq!((fed.consumed, fed.waits, out.frames), (first.len(), Some(Need::Decision), 1));
        assert!(requests.at_boundary() && requests.held_bytes() == 0 && in_flight.len() == 1);
        for _ in 0..3 {
            out.clear();
            let fed = requests.feed(&input[first.len()..], view, &mut in_flight, &mut out).unwrap();
            assert_eq!((fed.consumed, fed.waits, out.len()), (0, Some(Need::Decision), 0));
        }
        rules.decision.set(Decision::Allowed);
        out.clear();
        let fed = requests.feed(&input[first.len()..], view, &mut in_flight, &mut out).unwrap();
        assert_eq!((fed.consumed, fed.waits, out.frames), (waits.len() + behind.len(), None, 2));
        let mut order = Vec::new();
        while let Some(Exchange { correlation_id, .. }) = in_flight.pop() {
            order.push(correlation_id as u8);
        }
        assert_eq!(order, [1, 2, 3]);
    });
}

#[test]
fn a_denied_request_is_answered_in_its_turn_or_closes_the_connection() {
    for (key, version, refusable) in [(DESCRIBE_QUORUM, 0, true), (LIST_GROUPS, 3, false)] {
        let rules = Rules { waits: key, decision: Cell::new(Decision::Denied(31)), ..Rules::deny("") };
        let frame = request_frame(key, version, if refusable { &[1, 0] } else { &[0] });
        with_view(&rules, &alice(), |view| {
            let (mut in_flight, mut out) = (InFlight::default(), Output::default());
            in_flight.push(entry(PRODUCE, 9));
            let fed = Requests::default().feed(&frame, view, &mut in_flight, &mut out);
            if !refusable {
                return assert_eq!(fed.err(), Some(Cause::RefusedWithoutResponse));
            }
            assert_eq!((fed.unwrap().consumed, out.len(), in_flight.len()), (frame.len(), 0, 2));
            // Not before what is older.
            let mut responses = Responses::default();
            responses.feed(&[], view, &mut in_flight, &mut out).unwrap();
            assert!(out.is_empty());
            in_flight.pop();
            responses.feed(&[], view, &mut in_flight, &mut out).unwrap();
            assert_eq!((out.own_answers, in_flight.len()), (1, 0));
            let error_at = 8 + usize::from(rule(key).flexible(version));
            assert_eq!(out.new_bytes[error_at..error_at + 2], 31i16.to_be_bytes());
        });
    }
}
