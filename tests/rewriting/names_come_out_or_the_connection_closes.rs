//! Names come out, or the connection closes: what a backend must never answer, what is answered in place of what it says,
//! and what of a response is not touched at all.

use crate::support::cast::{FOREIGN, PREFIX, namespace};
use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{Move, addresses, contains, entry, generous_apis, given_out, response_frame, rule, run};
use bytes::Bytes;
use kafka_protocol::messages::{
    BrokerId, FetchResponse, JoinGroupResponse, MetadataResponse, ProduceResponse, SyncGroupResponse, TopicName,
    fetch_response, join_group_response, metadata_response, produce_response,
};
use klamm::cluster::{Mode, Namespace};
use klamm::metrics::Cause;
use klamm::rewrite::{NamespaceRule, Output, RejectedName, Responses, Segment, SessionView, rules};
use klamm::wire::{Asked, Exchange, InFlight};

/// The body that leaves where the backend answers `asked` with `body`.
fn answered(names: &Namespace, asked: Exchange, body: &[u8], piece: Option<usize>) -> Result<Vec<u8>, Cause> {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let view = named_view(&map, &apis, names);
    let frame = response_frame(asked.api_key, asked.api_version, body);
    let mut in_flight = InFlight::default();
    in_flight.push(asked);
    let piece = piece.unwrap_or(frame.len());
    let outcome = run(&mut Responses::default(), &mut in_flight, &view, &frame, piece, Move::Feed)?;
    let header = if rule(asked.api_key).flexible(asked.api_version) { 9 } else { 8 };
    Ok(outcome.bytes[header..].to_vec())
}

fn own(said: &str) -> String {
    format!("{PREFIX}{said}")
}

fn fetched(topics: &[&str]) -> FetchResponse {
    let mut all = FetchResponse::default();
    let topic = |name: &&str| {
        let partition = fetch_response::PartitionData::default().with_records(Some(Bytes::from(vec![0xbb; 61])));
        fetch_response::FetchableTopicResponse::default()
            .with_topic(TopicName(string(name)))
            .with_partitions(vec![partition])
    };
    all.responses = topics.iter().map(topic).collect();
    all
}

fn produced(topics: &[&str]) -> ProduceResponse {
    let topic = |name: &&str| {
        let partition = produce_response::PartitionProduceResponse::default().with_error_code(3);
        produce_response::TopicProduceResponse::default()
            .with_name(TopicName(string(name)))
            .with_partition_responses(vec![partition])
    };
    ProduceResponse::default().with_responses(topics.iter().map(topic).collect())
}

fn assigned(topic: &str) -> Bytes {
    let mut bytes = vec![0, 3, 0, 0, 0, 1];
    bytes.extend(i16::try_from(topic.len()).unwrap().to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff]);
    bytes.into()
}

#[test]
fn a_foreign_name_in_an_answer_to_what_was_asked_closes() {
    for names in [namespace(Mode::HidePrefix), hiding(PREFIX)] {
        for foreign in [FOREIGN, "orders", "vc-PHYSICALorders", "__consumer_offsets"] {
            for version in 4..=12 {
                let body = encode(&fetched(&[&own("a"), foreign]), version);
                assert_eq!(answered(&names, entry(1, version), &body, None), Err(Cause::ResponseMalformed));
            }
            for version in 3..=12 {
                let body = encode(&produced(&[foreign]), version);
                assert_eq!(answered(&names, entry(0, version), &body, None), Err(Cause::ResponseMalformed));
            }
            for version in 0..=5 {
                let body = encode(&SyncGroupResponse::default().with_assignment(assigned(foreign)), version);
                assert_eq!(answered(&names, entry(14, version), &body, None), Err(Cause::ResponseMalformed));
            }
        }
    }
}

/// Where all topics take the prefix, frames that stream and frames that are whole read the same, whatever was asked for.
#[test]
fn where_names_take_one_prefix_what_was_said_comes_back_as_it_was() {
    let names = hiding(PREFIX);
    let odd = ["orders", "", ".", "a/b", "/ix", "__consumer_offsets", "caf\u{e9}"];
    let physical = odd.map(own);
    let physical: Vec<_> = physical.iter().map(String::as_str).collect();
    for version in 4..=12 {
        let body = encode(&fetched(&physical), version);
        for piece in [None, Some(50)] {
            let read: FetchResponse = decode(&answered(&names, entry(1, version), &body, piece).unwrap(), version);
            assert_eq!(read, fetched(&odd), "Fetch {version} in {piece:?}");
        }
    }
    for version in 3..=12 {
        let body = encode(&produced(&physical), version);
        assert_eq!(answered(&names, entry(0, version), &body, None), Ok(encode(&produced(&odd), version)));
    }
}

fn metadata(name: Option<&str>, id: &str, error: i16) -> MetadataResponse {
    let mut topic = metadata_response::MetadataResponseTopic::default().with_error_code(error);
    topic.name = name.map(|name| TopicName(string(name)));
    topic.topic_id = id.parse().unwrap();
    if error == 0 {
        topic.partitions = vec![metadata_response::MetadataResponsePartition::default()];
        topic.topic_authorized_operations = 7;
        topic.is_internal = true;
    }
    let mut all = MetadataResponse::default().with_cluster_id(Some(string("AAAAAAAAAAAAAAAAAAAAAA")));
    all.topics = vec![topic];
    all
}

/// The id that clients ask for and, with the mask of the tests' view (0x5a), what the backend is asked for.
const SAID: &str = "01010101-0101-0101-0101-010101010101";
const MASKED: &str = "5b5b5b5b-5b5b-5b5b-5b5b-5b5b5b5b5b5b";

#[test]
fn a_topic_that_was_asked_for_by_id_is_unknown_whatever_the_backend_has() {
    let names = namespace(Mode::HidePrefix);
    for version in [12, 13] {
        let by_id = Exchange { asked: Asked::TopicIds, ..entry(3, version) };
        let unknown = encode(&metadata(None, SAID, 100), version);
        let told = encode(&metadata(None, MASKED, 100), version);
        assert_eq!(answered(&names, by_id, &told, None).as_ref(), Ok(&unknown));
        let foreign = encode(&metadata(Some(FOREIGN), MASKED, 0), version);
        assert_eq!(answered(&names, by_id, &foreign, None).as_ref(), Ok(&unknown));
        // In a list of all topics it is left out.
        let mut none = metadata(None, SAID, 100);
        none.topics.clear();
        assert_eq!(answered(&names, entry(3, version), &foreign, None), Ok(encode(&none, version)));
    }
}

/// Nodes that have no address for the client are left out in a namespace as anywhere, with what is said of them behind the brokers.
#[test]
fn a_node_without_an_address_leads_nothing_in_a_namespace() {
    let names = hiding(PREFIX);
    for (version, other) in (0..=13).flat_map(|version| [2, 9].map(|other| (version, other))) {
        let sent = |brokers: &[i32], controller: i32, leader: i32, error: i16, name: &str, ours: bool| {
            let broker = |node: &i32| {
                let (host, port) = if ours { ("gateway.example", 19092 + node) } else { ("~~~", 9092) };
                metadata_response::MetadataResponseBroker::default()
                    .with_node_id(BrokerId(*node))
                    .with_host(string(host))
                    .with_port(port)
            };
            let partition = metadata_response::MetadataResponsePartition::default()
                .with_leader_id(BrokerId(leader))
                .with_error_code(error);
            let topic = metadata_response::MetadataResponseTopic::default()
                .with_name(Some(TopicName(string(name))))
                .with_partitions(vec![partition]);
            let mut all =
                MetadataResponse::default().with_brokers(brokers.iter().map(broker).collect()).with_topics(vec![topic]);
            if version >= 1 {
                all.controller_id = BrokerId(controller);
            }
            if version >= 2 {
                all.cluster_id = Some(string("AAAAAAAAAAAAAAAAAAAAAA"));
            }
            encode(&all, version)
        };
        let given = sent(&[1, other], other, other, 0, &own("orders"), false);
        let expected = match other {
            2 => sent(&[1, 2], 2, 2, 0, "orders", true),
            _ => sent(&[1], 1, -1, 5, "orders", true),
        };
        for piece in [None, Some(7)] {
            assert_eq!(answered(&names, entry(3, version), &given, piece).as_ref(), Ok(&expected), "{version} {other}");
        }
    }
}

/// The mask is taken off what the client asked for by its id alone: an id that stands beside a name is the backend's, and no id
/// is none.
#[test]
fn an_id_beside_a_name_and_no_id_at_all_come_out_as_they_are() {
    let names = namespace(Mode::HidePrefix);
    const NONE: &str = "00000000-0000-0000-0000-000000000000";
    // What a broker says again beside the error, where an id and a name were asked for at once: the mask must not show.
    for version in 10..=13 {
        let asked = Exchange { asked: Asked::TopicIds, ..entry(3, version) };
        let given = encode(&metadata(Some(&own("orders")), MASKED, 42), version);
        assert_eq!(answered(&names, asked, &given, None), Ok(encode(&metadata(Some("orders"), SAID, 42), version)));
    }
    for version in [12, 13] {
        let own_name = own("orders");
        let said = |name: Option<&str>, id, error| {
            let mut all = metadata(name, id, error);
            // What of the rest is the backend's alone is hidden.
            all.topics[0].topic_authorized_operations = i32::MIN;
            encode(&all, version)
        };
        let given = encode(&metadata(Some(&own_name), SAID, 0), version);
        assert_eq!(answered(&names, entry(3, version), &given, None), Ok(said(Some("orders"), SAID, 0)));
        let given = said(None, NONE, 100);
        assert_eq!(answered(&names, entry(3, version), &given, None), Ok(given.clone()));
        let given = said(Some(&own("gone")), NONE, 3);
        assert_eq!(answered(&names, entry(3, version), &given, None), Ok(said(Some("gone"), NONE, 3)));
    }
}

#[test]
fn a_count_is_as_short_as_kafka_writes_it_after_entries_were_left_out() {
    let names = namespace(Mode::HidePrefix);
    for (kept, left_out) in [(0, 1), (1, 0), (1, 126), (126, 1), (127, 0), (127, 1), (126, 20_000), (1, 16_400)] {
        let topic = |name: String| {
            let mut topic = metadata_response::MetadataResponseTopic::default();
            topic.name = Some(TopicName(string(&name)));
            topic
        };
        let mut told = MetadataResponse::default().with_cluster_id(Some(string("AAAAAAAAAAAAAAAAAAAAAA")));
        let mut shown = told.clone();
        told.topics = (0..left_out).map(|at| topic(format!("{FOREIGN}-{at}"))).collect();
        told.topics.extend((0..kept).map(|at| topic(own(&format!("t{at}")))));
        shown.topics = (0..kept).map(|at| topic(format!("t{at}"))).collect();
        for version in [1, 8, 9, 13] {
            let body = answered(&names, entry(3, version), &encode(&told, version), None).unwrap();
            assert!(body == encode(&shown, version), "{kept} kept, {left_out} left out, version {version}");
        }
    }
}

#[test]
fn a_group_of_members_from_elsewhere_is_told_of_own_topics_alone() {
    let names = namespace(Mode::HidePrefix);
    let joined = |metadata: Bytes| {
        let member = join_group_response::JoinGroupResponseMember::default().with_metadata(metadata);
        JoinGroupResponse::default().with_members(vec![member])
    };
    // Version 0: two topics, no user data.
    let subscribed = |topics: &[&str]| {
        let mut bytes = vec![0, 0];
        bytes.extend(i32::try_from(topics.len()).unwrap().to_be_bytes());
        for topic in topics {
            bytes.extend(i16::try_from(topic.len()).unwrap().to_be_bytes());
            bytes.extend(topic.as_bytes());
        }
        bytes.extend([0xff; 4]);
        Bytes::from(bytes)
    };
    let told = encode(&joined(subscribed(&[&own("orders"), FOREIGN])), 6);
    let shown = encode(&joined(subscribed(&["orders"])), 6);
    assert_eq!(answered(&names, entry(11, 6), &told, None), Ok(shown));
    // Blobs of other protocols, and those that nobody can read, stay as they are.
    let other = Exchange { asked: Asked::OtherProtocol, ..entry(11, 6) };
    assert_eq!(answered(&names, other, &told, None), Ok(told));
    let unreadable = encode(&joined(Bytes::from_static(b"\0\x01\x7f\xff\xff\xffx")), 6);
    assert_eq!(answered(&names, entry(11, 6), &unreadable, None), Ok(unreadable));
}

/// Records leave as the part of the input that they are; all else of a response is copied, in one piece.
/// Answers that were complete leave before the connection closes for one behind them in the same bytes, and nothing of that one.
#[test]
fn a_fault_takes_no_complete_answer_with_it() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let (hiding, plain) = (hiding(PREFIX), crate::support::view(&map, &apis));
    let named = named_view(&map, &apis, &hiding);
    for version in [4, 11, 12] {
        let good = response_frame(1, version, &encode(&fetched(&[&own("a"), &own("b")]), version));
        let foreign = response_frame(1, version, &encode(&fetched(&[&own("a"), FOREIGN]), version));
        let broken = response_frame(3, 9, &[0xff; 40]);
        for (view, bad, asked) in [(&named, &foreign, entry(1, version)), (&plain, &broken, entry(3, 9))] {
            let alone = {
                let mut in_flight = InFlight::default();
                in_flight.push(entry(1, version));
                run(&mut Responses::default(), &mut in_flight, view, &good, good.len(), Move::Feed).unwrap().bytes
            };
            // All of it, and all but what follows the fault.
            for cut in [0, 20] {
                let input = [&good[..], &bad[..bad.len() - cut]].concat();
                let (mut in_flight, mut out) = (InFlight::default(), Output::default());
                [entry(1, version), asked].into_iter().for_each(|entry| in_flight.push(entry));
                let fed = Responses::default().feed(&input, view, &mut in_flight, &mut out);
                assert_eq!(fed, Err(Cause::ResponseMalformed), "version {version}, cut by {cut}");
                assert!(given_out(&out, &input) == alone && out.frames == 1, "version {version}, cut by {cut}");
            }
        }
    }
}

#[test]
fn records_are_not_copied_and_small_parts_are_not_scattered() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let view = named_view(&map, &apis, &names);
    let rewritten = |key, version, body: &[u8]| {
        let frame = response_frame(key, version, body);
        let mut in_flight = InFlight::default();
        in_flight.push(entry(key, version));
        let mut out = Output::default();
        Responses::default().feed(&frame, &view, &mut in_flight, &mut out).unwrap();
        (frame, out)
    };
    for version in 4..=12 {
        let (frame, out) = rewritten(1, version, &encode(&fetched(&[&own("a"), &own("b"), &own("c")]), version));
        let inputs: Vec<_> = out.segments.iter().filter(|segment| matches!(segment, Segment::Input(_))).collect();
        assert_eq!(inputs.len(), 3, "one for each batch");
        assert!(!contains(&out.new_bytes, &[0xbb; 2]) && contains(&frame, &[0xbb; 61]));
    }
    let topics: Vec<_> = (0..100).map(|at| own(&format!("topic-{at}"))).collect();
    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
    let (_, out) = rewritten(0, 9, &encode(&produced(&topics), 9));
    assert_eq!(out.segments.len(), 1);
}

#[test]
fn what_holds_no_names_passes_without_being_held() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let view = named_view(&map, &apis, &names);
    for (key, version) in [(12, 4), (13, 5), (22, 5), (25, 4), (26, 5), (17, 1), (36, 2)] {
        let frame = response_frame(key, version, &[0xab; 300]);
        let mut in_flight = InFlight::default();
        in_flight.push(entry(key, version));
        let mut out = Output::default();
        let fed = Responses::default().feed(&frame[..8], &view, &mut in_flight, &mut out).unwrap();
        assert_eq!((fed.consumed, fed.pass), (8, frame.len() as u64 - 8), "key {key}");
    }
}

#[test]
fn a_response_to_what_a_namespace_never_asks_closes() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let view: SessionView<'_> = named_view(&map, &apis, &names);
    let mut tried = 0;
    for rule in rules() {
        for version in rule.min..=rule.max {
            let asked = match rule.named {
                NamespaceRule::Served(max) => version <= max,
                NamespaceRule::Untouched => true,
                NamespaceRule::Disabled | NamespaceRule::Refused | NamespaceRule::Closed => false,
            };
            if !asked {
                let frame = response_frame(rule.key, version, &[0; 30]);
                let mut in_flight = InFlight::default();
                in_flight.push(entry(rule.key, version));
                let outcome = Responses::default().feed(&frame, &view, &mut in_flight, &mut Output::default());
                assert_eq!(outcome, Err(Cause::ResponseUnexpected), "{} {version}", rule.name);
                tried += 1;
            }
        }
    }
    assert!(tried > 50);
}

/// A name that was refused comes back with its error in every partition, and nothing that the backend said of it.
#[test]
fn a_refused_name_comes_back_as_it_was_said() {
    let names = namespace(Mode::HidePrefix);
    let mut rejected = Vec::new();
    RejectedName::Forbidden.write(&names, b"logs", &mut rejected);
    let told = produced(&[std::str::from_utf8(&rejected).unwrap(), &own("orders")]);
    let mut shown = produced(&["logs", "orders"]);
    shown.responses[0].partition_responses[0].error_code = 29;
    for version in 3..=12 {
        let body = answered(&names, entry(0, version), &encode(&told, version), None);
        assert_eq!(body, Ok(encode(&shown, version)));
    }
}
