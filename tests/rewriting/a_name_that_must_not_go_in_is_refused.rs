//! What a client of a namespace may not name goes out as what every backend refuses, in its place among the others, or
//! goes nowhere: names that no topic can have, additional ones that are to be changed, groups without the prefix, other
//! resources, other tenants' fetch sessions, coordinators that are for brokers.

use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{feed, hiding};
use crate::support::{entry, framed, request_frame, rule};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable};
use klamm::cluster::{Additional, Exact, Mode, Namespace};
use klamm::metrics::Cause;
use klamm::rewrite::{NamespaceRule, rules};
use klamm::wire::{Asked, Exchange, InFlight, request_body};

/// Topics `orders` (the backend's `all-orders`) and `shared-*`, group `legacy`; `short` stands for `long`.
fn names(mode: Mode) -> Namespace {
    let exact =
        |physical: &str, virtual_name: &str| Exact { physical: physical.into(), virtual_name: virtual_name.into() };
    Namespace {
        mode,
        topics: Additional { exact: vec![exact("all-orders", "orders")], globs: vec!["shared-*".into()] },
        groups: Additional { exact: vec![exact("legacy", "legacy")], globs: vec![] },
        aliases: vec![("short".into(), "long".into())],
        ..hiding("a.")
    }
}

const HIDE: Mode = Mode::HidePrefix;
const ENFORCE: Mode = Mode::EnforcePrefix;

/// What goes out for `request`, and what its exchange is told.
fn sent<M: Encodable + Decodable>(mode: Mode, key: i16, version: i16, request: &M) -> (M, Exchange) {
    let frame = request_frame(key, version, &encode(request, version));
    let mut in_flight = InFlight::default();
    let outcome = feed(&names(mode), &mut in_flight, 1 << 20, &frame).unwrap();
    let body = request_body(&outcome.bytes, rule(key).flexible(version)).unwrap();
    (decode(body, version), in_flight.pop().unwrap())
}

/// The cause that closes, or the entry of an own answer; nothing goes out.
fn stopped(names: &Namespace, in_flight: &mut InFlight, frame: &[u8]) -> Result<Exchange, Cause> {
    let outcome = feed(names, in_flight, 1 << 20, frame)?;
    assert!(outcome.bytes.is_empty(), "it went out");
    assert!(in_flight.oldest_answer().is_some());
    Ok(in_flight.pop().unwrap())
}

fn topic(name: &str) -> TopicName {
    TopicName(string(name))
}

fn group(name: &str) -> GroupId {
    GroupId(string(name))
}

const SHOWN: [(&str, &str); 9] = [
    ("x", "a.x"),
    ("orders", "all-orders"),
    ("shared-1", "shared-1"),
    ("short", "a.long"),
    ("long", "a./along"),
    ("", "a./i"),
    ("a/b", "a./ia/b"),
    ("__consumer_offsets", "a./i__consumer_offsets"),
    ("all-orders", "a.all-orders"),
];

#[test]
fn a_topic_that_is_used_is_mapped_or_rejected() {
    let mut request = ListOffsetsRequest::default();
    request.topics =
        SHOWN.map(|(said, _)| list_offsets_request::ListOffsetsTopic::default().with_name(topic(said))).into();
    for version in 1..=10 {
        let (out, told) = sent(HIDE, 2, version, &request);
        let went: Vec<_> = out.topics.iter().map(|topic| topic.name.0.as_str()).collect();
        assert_eq!(went, SHOWN.map(|(_, physical)| physical));
        assert_eq!((out.replica_id, told), (BrokerId(-1), entry(2, version)));
    }
}

#[test]
fn additional_topics_and_aliases_are_neither_created_nor_changed() {
    let said = ["x", "orders", "short", "long"];
    let mut create = CreateTopicsRequest::default();
    create.topics = said.map(|name| create_topics_request::CreatableTopic::default().with_name(topic(name))).into();
    let (out, _) = sent(HIDE, 19, 7, &create);
    let went: Vec<_> = out.topics.iter().map(|topic| topic.name.0.as_str()).collect();
    assert_eq!(went, ["a.x", "a./eorders", "a./eshort", "a./along"]);

    let changed = ["a.x", "a./forders", "a./fshort", "a./along"];
    let mut delete = DeleteTopicsRequest::default();
    delete.topic_names = said.map(topic).into();
    let (out, _) = sent(HIDE, 20, 5, &delete);
    assert_eq!(out.topic_names, changed.map(topic));
    let mut partitions = CreatePartitionsRequest::default();
    partitions.topics =
        said.map(|name| create_partitions_request::CreatePartitionsTopic::default().with_name(topic(name))).into();
    let (out, _) = sent(HIDE, 37, 3, &partitions);
    assert_eq!(out.topics.iter().map(|topic| topic.name.0.as_str()).collect::<Vec<_>>(), changed);
    let mut records = DeleteRecordsRequest::default();
    records.topics =
        said.map(|name| delete_records_request::DeleteRecordsTopic::default().with_name(topic(name))).into();
    let (out, _) = sent(HIDE, 21, 2, &records);
    assert_eq!(out.topics.iter().map(|topic| topic.name.0.as_str()).collect::<Vec<_>>(), changed);
}

#[test]
fn resources_that_are_no_topic_and_no_group_become_topics_that_cannot_be() {
    // Type and name as said, as described, as changed.
    let cases = [
        ((2, "x"), (2, "a.x"), (2, "a.x")),
        ((2, "orders"), (2, "all-orders"), (2, "a./forders")),
        ((2, ""), (2, "a./i"), (2, "a./i")),
        ((32, "g"), (32, "a.g"), (32, "a.g")),
        ((32, "legacy"), (32, "legacy"), (2, "a./c32:legacy")),
        ((4, "1"), (2, "a./c4:1"), (2, "a./c4:1")),
        ((4, ""), (2, "a./c4:"), (2, "a./c4:")),
        ((8, "1"), (2, "a./c8:1"), (2, "a./c8:1")),
        ((16, "m"), (2, "a./c16:m"), (2, "a./c16:m")),
        ((0, "?"), (2, "a./c0:?"), (2, "a./c0:?")),
        ((-128, "?"), (2, "a./c-128:?"), (2, "a./c-128:?")),
    ];
    macro_rules! resources {
        ($module:ident, $Resource:ident, $Request:ident, $key:expr, $versions:expr, $expected:expr) => {
            for version in $versions {
                let mut request = $Request::default();
                request.resources = cases
                    .iter()
                    .map(|((kind, name), ..)| {
                        $module::$Resource::default().with_resource_type(*kind).with_resource_name(string(name))
                    })
                    .collect();
                let (out, told) = sent(HIDE, $key, version, &request);
                let went: Vec<_> =
                    out.resources.iter().map(|one| (one.resource_type, one.resource_name.as_str())).collect();
                assert_eq!(went, cases.map($expected));
                assert_eq!(told, entry($key, version));
            }
        };
    }
    resources!(describe_configs_request, DescribeConfigsResource, DescribeConfigsRequest, 32, 1..=4, |case| case.1);
    resources!(alter_configs_request, AlterConfigsResource, AlterConfigsRequest, 33, 0..=2, |case| case.2);
    resources!(
        incremental_alter_configs_request,
        AlterConfigsResource,
        IncrementalAlterConfigsRequest,
        44,
        0..=1,
        |case| case.2
    );
}

#[test]
fn groups_are_mapped_and_additional_ones_are_not_deleted() {
    let mut delete = DeleteGroupsRequest::default();
    delete.groups_names = ["g", "", "legacy"].map(group).into();
    let (out, _) = sent(HIDE, 42, 2, &delete);
    assert_eq!(out.groups_names, ["a.g", "a.", "a./dlegacy"].map(group));
    let mut describe = DescribeGroupsRequest::default();
    describe.groups = ["g", "", "legacy", "a.g"].map(group).into();
    let (out, told) = sent(HIDE, 15, 6, &describe);
    assert_eq!((out.groups, told.shown_error), (["a.g", "a.", "legacy", "a.a.g"].map(group).into(), 0));
    let (out, told) = sent(ENFORCE, 15, 6, &describe);
    assert_eq!((out.groups, told.shown_error), (["a./gg", "a./g", "legacy", "a.g"].map(group).into(), 0));
}

#[test]
fn a_group_without_the_enforced_prefix_is_refused_by_what_the_response_shows() {
    // Where the backend refuses the empty group that is what goes out.
    let (out, told) = sent(ENFORCE, 12, 4, &HeartbeatRequest::default().with_group_id(group("g")));
    assert_eq!((out.group_id, told.shown_error), (group(""), 24));
    let (out, told) = sent(ENFORCE, 12, 4, &HeartbeatRequest::default().with_group_id(group("a.g")));
    assert_eq!((out.group_id, told.shown_error), (group("a.g"), 0));
    // Where it is a group, the topics behind it cannot be either: nothing is committed.
    let commit = |name: &str| {
        let mut request = OffsetCommitRequest::default().with_group_id(group(name));
        request.topics = vec![offset_commit_request::OffsetCommitRequestTopic::default().with_name(topic("a.x"))];
        sent(ENFORCE, 8, 8, &request)
    };
    let (out, told) = commit("g");
    assert_eq!((out.group_id, out.topics[0].name.0.as_str(), told.shown_error), (group("a./gg"), "a./ia.x", 24));
    let (out, told) = commit("a.g");
    assert_eq!((out.group_id, out.topics[0].name.0.as_str(), told.shown_error), (group("a.g"), "a.x", 0));
    // A response of several groups names each.
    for (version, shown_error) in [(7, 24), (8, 0)] {
        let mut request = OffsetFetchRequest::default();
        if version == 7 {
            (request.group_id, request.topics) = (group("g"), None);
        } else {
            request.groups = ["g", "a.h"]
                .map(|name| {
                    offset_fetch_request::OffsetFetchRequestGroup::default()
                        .with_group_id(group(name))
                        .with_topics(None)
                })
                .into();
        }
        let (out, told) = sent(ENFORCE, 9, version, &request);
        let went =
            if version == 7 { vec![out.group_id] } else { out.groups.into_iter().map(|one| one.group_id).collect() };
        assert_eq!(went[0], group("a./gg"));
        assert!(version == 7 || went[1] == group("a.h"));
        assert_eq!(told.shown_error, shown_error);
    }
}

#[test]
fn a_transactional_id_without_the_enforced_prefix_is_refused_by_what_the_response_shows() {
    let id = |name: &str| TransactionalId(string(name));
    for said in [Some("a.t"), Some(""), None] {
        let request = InitProducerIdRequest::default().with_transactional_id(said.map(id));
        let (out, told) = sent(ENFORCE, 22, 5, &request);
        assert_eq!((out.transactional_id, told.shown_error), (said.map(id), 0));
    }
    let mut add = AddPartitionsToTxnRequest::default().with_v3_and_below_transactional_id(id("t"));
    add.v3_and_below_topics =
        vec![add_partitions_to_txn_request::AddPartitionsToTxnTopic::default().with_name(topic("a.x"))];
    let (out, told) = sent(ENFORCE, 24, 3, &add);
    assert_eq!((out.v3_and_below_transactional_id, told.shown_error), (id(""), 53));
    assert_eq!(out.v3_and_below_topics[0].name, topic("a./ia.x"));
    // The first of two reasons is told.
    let both = TxnOffsetCommitRequest::default().with_transactional_id(id("t")).with_group_id(group("g"));
    let (out, told) = sent(ENFORCE, 28, 5, &both);
    assert_eq!((out.transactional_id, out.group_id, told.shown_error), (id(""), group(""), 53));
    let mut describe = DescribeTransactionsRequest::default();
    describe.transactional_ids = vec![id("t"), id("a.t")];
    let (out, told) = sent(ENFORCE, 65, 0, &describe);
    assert_eq!((out.transactional_ids, told.shown_error), (vec![id("a./tt"), id("a.t")], 0));
}

fn produce(acks: i16, transactional_id: Option<&str>, name: &str) -> ProduceRequest {
    let mut request = ProduceRequest::default().with_acks(acks);
    request.transactional_id = transactional_id.map(|id| TransactionalId(string(id)));
    request.topic_data = vec![produce_request::TopicProduceData::default().with_name(topic(name))];
    request
}

#[test]
fn a_produce_that_cannot_be_answered_closes_when_it_must_be_refused() {
    for version in 3..=12 {
        for (mode, id, name, refused) in [
            (HIDE, None, "x", false),
            (HIDE, None, "a/b", true),
            (HIDE, None, "long", true),
            (ENFORCE, None, "x", true),
            (ENFORCE, Some("t"), "a.x", true),
            (ENFORCE, Some("a.t"), "a.x", false),
        ] {
            let frame = request_frame(0, version, &encode(&produce(0, id, name), version));
            let mut in_flight = InFlight::default();
            let outcome = feed(&names(mode), &mut in_flight, 1 << 20, &frame);
            assert_eq!(
                outcome.err(),
                refused.then_some(Cause::RefusedWithoutResponse),
                "{version} {mode:?} {id:?} {name}"
            );
            assert!(in_flight.is_empty(), "no response will come");
        }
        let (out, told) = sent(ENFORCE, 0, version, &produce(1, Some("t"), "a.x"));
        assert_eq!((out.transactional_id, told.shown_error), (Some(TransactionalId(string(""))), 53));
        assert_eq!(out.topic_data[0].name, topic("a./ia.x"));
    }
    // Where all topics take one prefix, any name takes it, as where it streams: what it cannot name the backend has not.
    let mut in_flight = InFlight::default();
    let frame = request_frame(0, 12, &encode(&produce(-1, None, "a/b"), 12));
    let outcome = feed(&hiding("a."), &mut in_flight, 1 << 20, &frame).unwrap();
    let out: ProduceRequest = decode(request_body(&outcome.bytes, true).unwrap(), 12);
    assert_eq!(out.topic_data[0].name, topic("a.a/b"));
}

#[test]
fn metadata_never_creates_an_additional_topic() {
    let asked = |version: i16, names: &[&str]| {
        let mut request = MetadataRequest::default();
        let one = |name: &&str| metadata_request::MetadataRequestTopic::default().with_name(Some(topic(name)));
        request.topics = Some(names.iter().map(one).collect());
        request.allow_auto_topic_creation = true;
        request_frame(3, version, &encode(&request, version))
    };
    for version in 0..=13 {
        for (said, creates) in [(&["x"][..], true), (&["x", "orders", "shared-7"], false), (&[], true)] {
            let mut in_flight = InFlight::default();
            let out = feed(&names(HIDE), &mut in_flight, 1 << 20, &asked(version, said)).unwrap().bytes;
            let went = i16::from_be_bytes([out[6], out[7]]);
            // Version 4 is 3 with a flag; its response is the same.
            assert_eq!(went, if version == 3 && !creates { 4 } else { version });
            assert_eq!(in_flight.pop(), Some(entry(3, version)));
            let request: MetadataRequest = decode(request_body(&out, rule(3).flexible(went)).unwrap(), went);
            assert_eq!(request.allow_auto_topic_creation, creates || went < 4, "version {version} {said:?}");
            let names: Vec<_> = request.topics.unwrap().into_iter().map(|one| one.name.unwrap()).collect();
            // Below 3 creation cannot be forbidden: an additional topic is not there.
            let shown = |name: &&str| match *name {
                "x" => topic("a.x"),
                "orders" => topic(if version < 3 { "a./aorders" } else { "all-orders" }),
                _ => topic(if version < 3 { "a./ashared-7" } else { "shared-7" }),
            };
            assert_eq!(names, said.iter().map(shown).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_fetch_session_of_another_connection_is_not_touched() {
    let fetch = |version: i16, id: i32, epoch: i32| {
        let request = FetchRequest::default().with_session_id(id).with_session_epoch(epoch);
        request_frame(1, version, &encode(&request, version))
    };
    let session = |bytes: &[u8], version: i16| {
        let out: FetchRequest = decode(request_body(bytes, version >= 12).unwrap(), version);
        (out.session_id, out.session_epoch)
    };
    for version in 7..=12 {
        let names = hiding("a.");
        let mut in_flight = InFlight::default();
        for (id, epoch) in [(77, 0), (77, -1)] {
            let out = feed(&names, &mut in_flight, 1 << 20, &fetch(version, id, epoch)).unwrap().bytes;
            assert_eq!(session(&out, version), (0, epoch));
            in_flight.pop();
        }
        let answered = stopped(&names, &mut in_flight, &fetch(version, 77, 3)).unwrap();
        assert_eq!(answered, Exchange { own: true, ..entry(1, version) });
        in_flight.session_ids.insert(77);
        for epoch in [1, 2, -1] {
            let out = feed(&names, &mut in_flight, 1 << 20, &fetch(version, 77, epoch)).unwrap().bytes;
            assert_eq!(session(&out, version), (77, epoch));
            in_flight.pop();
        }
        assert!(stopped(&names, &mut in_flight, &fetch(version, 77, 3)).is_ok(), "it was ended");
    }
}

#[test]
fn what_stands_before_an_own_answer_in_the_same_input_goes_out() {
    let (names, mut in_flight) = (hiding("a."), InFlight::default());
    let heartbeat = request_frame(12, 4, &encode(&HeartbeatRequest::default().with_group_id(group("g")), 4));
    let fetch = FetchRequest::default().with_session_id(5).with_session_epoch(5);
    let fetch = request_frame(1, 12, &encode(&fetch, 12));
    let alone = feed(&names, &mut in_flight, 1 << 20, &heartbeat).unwrap().bytes;
    let input = [&heartbeat[..], &fetch, &heartbeat].concat();
    let outcome = feed(&names, &mut in_flight, 1 << 20, &input).unwrap();
    assert_eq!((outcome.bytes, outcome.frames), (alone.repeat(2), 3));
    let own: Vec<bool> = std::iter::from_fn(|| in_flight.pop()).map(|entry| entry.own).collect();
    assert_eq!(own, [false, false, true, false]);
}

/// An answer that repeats its keys shows each its error; one that does not shows it as a whole.
#[test]
fn a_coordinator_of_what_lacks_the_enforced_prefix_is_refused_by_what_the_response_shows() {
    for (kind, letter, error) in [(0, 'g', 24), (1, 't', 53)] {
        for version in 1..=6 {
            let mut request = FindCoordinatorRequest::default().with_key_type(kind);
            let (rejected, shown_error) = (format!("a./{letter}x"), if version < 4 { error } else { 0 });
            if version < 4 {
                request.key = string("x");
            } else {
                request.coordinator_keys = vec![string("a.x"), string("x"), string("a.y")];
            }
            let (out, told) = sent(ENFORCE, 10, version, &request);
            assert_eq!(told.shown_error, shown_error, "version {version}");
            if version < 4 {
                assert_eq!(out.key.as_str(), rejected, "version {version}");
            } else {
                assert_eq!(out.coordinator_keys, ["a.x", &rejected, "a.y"].map(string), "version {version}");
            }
        }
    }
}

#[test]
fn coordinators_of_share_partitions_are_not_asked_for() {
    let names = hiding("a.");
    for (version, kind) in [(1, 2), (3, 2), (4, 2), (6, 2), (6, 3), (6, -1), (2, 127)] {
        let mut request = FindCoordinatorRequest::default().with_key_type(kind);
        if version < 4 {
            request.key = string("g:AAAAAAAAAAAAAAAAAAAAAA:0");
        } else {
            request.coordinator_keys = vec![string("g:AAAAAAAAAAAAAAAAAAAAAA:0"), string("other")];
        }
        let mut in_flight = InFlight::default();
        let answered = stopped(&names, &mut in_flight, &request_frame(10, version, &encode(&request, version)));
        assert_eq!(answered, Ok(Exchange { own: true, ..entry(10, version) }));
    }
}

#[test]
fn what_means_more_than_a_name_does_not_go_out() {
    let (names, mut in_flight) = (hiding("a."), InFlight::default());
    // The client id with which a broker opens its internal topics; others pass.
    for (said, went) in
        [("__admin_client", ""), ("__admin_client2", "__admin_client2"), ("__admin_clienT", "__admin_clienT")]
    {
        for (key, version) in [(0, 3), (0, 12), (12, 4)] {
            let mut frame = request_frame(key, version, &[]);
            frame.splice(12..18, [&(said.len() as i16).to_be_bytes()[..], said.as_bytes()].concat());
            let body = match key {
                0 => encode(&produce(1, None, "x"), version),
                _ => encode(&HeartbeatRequest::default(), version),
            };
            let out = feed(&names, &mut in_flight, 1 << 20, &framed(&[&frame[4..], &body].concat())).unwrap().bytes;
            let length = usize::from(u16::from_be_bytes([out[12], out[13]]));
            assert_eq!(&out[14..14 + length], went.as_bytes());
            in_flight.pop();
        }
    }
    // A pattern over transactional ids.
    let request = ListTransactionsRequest::default().with_transactional_id_pattern(Some(string("x)|(?:.*")));
    assert_eq!(sent(HIDE, 66, 2, &request).0.transactional_id_pattern, None);
    // The cluster id that a replica expects; null says nothing.
    for (id, refused) in [(Some("physical"), true), (Some(""), true), (None, false)] {
        let mut request = FetchRequest::default();
        request.cluster_id = id.map(string);
        let mut body = encode(&request, 12);
        if id.is_none() {
            // Its encoder leaves the default out: a tag that says it all the same.
            assert_eq!(body.pop(), Some(0));
            body.extend([1, 0, 1, 0]);
        }
        let outcome = feed(&names, &mut in_flight, 1 << 20, &request_frame(1, 12, &body));
        assert_eq!(outcome.err(), refused.then_some(Cause::RequestMalformed), "{id:?}");
    }
}

#[test]
fn a_topic_id_names_nothing_that_exists() {
    let mut request = MetadataRequest::default();
    let id = [0x11; 16];
    let mut by_id = metadata_request::MetadataRequestTopic::default();
    by_id.name = None;
    by_id.topic_id = "11111111-1111-1111-1111-111111111111".parse().unwrap();
    request.topics = Some(vec![by_id, metadata_request::MetadataRequestTopic::default().with_name(Some(topic("x")))]);
    let (out, told) = sent(HIDE, 3, 13, &request);
    let topics = out.topics.unwrap();
    assert_eq!(topics[0].topic_id.into_bytes(), id.map(|byte| byte ^ 0x5a));
    assert_eq!((&topics[0].name, &topics[1].name), (&None, &Some(topic("a.x"))));
    assert!(topics[1].topic_id.is_nil());
    assert_eq!(told, Exchange { asked: Asked::TopicIds, ..entry(3, 13) });
}

#[test]
fn what_a_namespace_does_not_serve_is_refused_or_closes() {
    let names = hiding("a.");
    for rule in rules() {
        for version in rule.min..=rule.max {
            let mut in_flight = InFlight::default();
            let frame = request_frame(rule.key, version, &[0; 64]);
            let outcome = feed(&names, &mut in_flight, 1 << 20, &frame);
            let went = outcome.as_ref().is_ok_and(|outcome| !outcome.bytes.is_empty());
            match rule.named {
                NamespaceRule::Served(max) if version <= max => {}
                NamespaceRule::Served(_) if rule.key == 24 => assert!(!went, "{} {version}", rule.name),
                NamespaceRule::Served(_) => {
                    assert_eq!(outcome.err(), Some(Cause::UnknownVersion), "{} {version}", rule.name)
                }
                NamespaceRule::Closed => assert_eq!(outcome.err(), Some(Cause::UnknownApi), "{} {version}", rule.name),
                NamespaceRule::Disabled | NamespaceRule::Refused => assert!(!went, "{} {version}", rule.name),
                NamespaceRule::Untouched => assert_eq!(went, rule.key != 18, "{} {version}", rule.name),
            }
        }
    }
}
