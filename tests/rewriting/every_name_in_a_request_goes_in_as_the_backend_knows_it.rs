//! What a client of a namespace says is, byte for byte, the same message with the backend's names: for every request that
//! a namespace serves, in every version; and no name goes out that is not of the namespace.

use std::collections::BTreeSet;

use crate::support::definitions::{Definitions, definitions, within};
use crate::support::messages::{Given, Pair, Read, message, read, request_body};
use crate::support::samples::{encode, string};
use crate::support::tenant::{hiding, named_view, served};
use crate::support::{Dice, LIES, Move, addresses, entry, framed, generous_apis, request_frame, run};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable};
use klamm::cluster::{Additional, Exact, Mode, Namespace};
use klamm::metrics::Cause;
use klamm::rewrite::{Output, Requests, rules};
use klamm::wire::{Asked, Exchange, InFlight};
use serde_json::Value;

const PREFIX: &str = "vc-alice.";

/// The mask of the tests' view.
const ID_MASK: u8 = 0x5a;

fn name(dice: &mut Dice) -> Vec<u8> {
    // Around the length where a compact length takes a second byte, with and without the prefix.
    let length = if dice.below(3) == 0 { 115 + dice.below(15) } else { 1 + dice.below(30) };
    (0..length).map(|_| b"abcXYZ019._-"[usize::try_from(dice.below(12)).unwrap()]).chain(*b"x").collect()
}

fn prefixed(said: &[u8]) -> Vec<u8> {
    [PREFIX.as_bytes(), said].concat()
}

/// What is said of a field of a request, and what the backend is to get.
struct Speaker<'d> {
    key: i16,
    version: i16,
    definitions: &'d Definitions,
    key_type: u8,
    resource_type: u8,
    consumer: bool,
    by_id: bool,
}

impl<'d> Speaker<'d> {
    fn new(key: i16, version: i16, definitions: &'d Definitions, dice: &mut Dice) -> Speaker<'d> {
        Speaker {
            key,
            version,
            definitions,
            key_type: if version == 0 { 0 } else { dice.below(2) as u8 },
            resource_type: 2,
            consumer: dice.below(3) > 0,
            by_id: false,
        }
    }

    fn choose(&mut self, path: &str, field: &Value, dice: &mut Dice) -> Option<Given> {
        let last = path.rsplit('/').next().unwrap();
        let null = within(&field["nullableVersions"], self.version) && dice.below(4) == 0;
        let some = |said: Vec<u8>| Some(Given::Text(Some(said.clone()), Some(prefixed(&said))));
        let fixed = |said: Vec<u8>, physical: Vec<u8>| Some(Given::Fixed(said, physical));
        let entity = field["entityType"].as_str().unwrap_or_default();
        match (entity, last) {
            (_, "ReplicaId") => fixed((dice.below(3) as i32 - 2).to_be_bytes().to_vec(), vec![0xff; 4]),
            (_, "TopicId") => {
                let id = if dice.below(2) == 0 { [0; 16] } else { [9; 16] };
                self.by_id |= id != [0; 16];
                fixed(id.to_vec(), id.map(|byte| if byte == 0 { 0 } else { byte ^ ID_MASK }).to_vec())
            }
            // A session that is nobody's, and none.
            (_, "SessionId") => fixed(dice.below(2).to_be_bytes()[4..].to_vec(), vec![0; 4]),
            (_, "SessionEpoch") => {
                let epoch = [[0; 4], [0xff; 4]][usize::try_from(dice.below(2)).unwrap()].to_vec();
                fixed(epoch.clone(), epoch)
            }
            (_, "KeyType") => fixed(vec![self.key_type], vec![self.key_type]),
            (_, "Key" | "CoordinatorKeys") => some(name(dice)),
            (_, "ResourceType") => {
                self.resource_type = if dice.below(2) == 0 { 2 } else { 32 };
                fixed(vec![self.resource_type], vec![self.resource_type])
            }
            (_, "ResourceName") => some(name(dice)),
            (_, "TransactionalIdPattern") => Some(Given::Text(Some(b".*".to_vec()), None)),
            (_, "ProtocolType") => {
                let kind = if null { None } else { Some(if self.consumer { &b"consumer"[..] } else { b"connect" }) };
                self.consumer |= kind.is_none();
                Some(Given::Text(kind.map(<[u8]>::to_vec), kind.map(<[u8]>::to_vec)))
            }
            (_, "Metadata" | "Assignment") if [11, 14].contains(&self.key) => {
                let named = self.consumer || (self.key == 14 && self.version < 5);
                let blob = self.embedded(last, dice);
                Some(if named {
                    Given::Bytes(blob.said, blob.physical)
                } else {
                    Given::Bytes(blob.said.clone(), blob.said)
                })
            }
            ("topicName", _) if null => Some(Given::Text(None, None)),
            ("transactionalId", _) if null => Some(Given::Text(None, None)),
            // Empty means none: the backend refuses it.
            ("transactionalId", _) if dice.below(8) == 0 => Some(Given::Text(Some(vec![]), Some(vec![]))),
            ("groupId", _) if dice.below(8) == 0 => {
                let physical = if [8, 9, 15, 42].contains(&self.key) { prefixed(b"") } else { vec![] };
                Some(Given::Text(Some(vec![]), Some(physical)))
            }
            ("groupId" | "transactionalId", _) if dice.below(4) == 0 => some("caf\u{e9} / *".into()),
            // It may stream.
            ("topicName", _) if self.key == 0 => {
                let said = name(dice);
                Some(Given::Padded(said.clone(), prefixed(&said)))
            }
            ("topicName" | "groupId" | "transactionalId", _) => some(name(dice)),
            _ => None,
        }
    }

    fn embedded(&self, what: &str, dice: &mut Dice) -> Pair {
        let kind = if what == "Metadata" { "ConsumerProtocolSubscription" } else { "ConsumerProtocolAssignment" };
        let definition = &self.definitions.others[kind];
        let version = dice.below(4) as i16;
        // The definition does not say that the topics of a subscription are topics.
        let mut names = |path: &str, field: &Value, dice: &mut Dice| {
            (field["entityType"] == "topicName" || path == "/Topics").then(|| {
                let said = name(dice);
                Given::Text(Some(said.clone()), Some(prefixed(&said)))
            })
        };
        let mut blob = message(definition, version, dice, &mut names);
        // Newer versions have more behind what is known.
        let newer = version == 3 && dice.below(2) == 0;
        let (version, behind) = if newer { (9i16, &b"newer"[..]) } else { (version, &b""[..]) };
        for form in [&mut blob.said, &mut blob.physical] {
            form.splice(0..0, version.to_be_bytes());
            form.extend(behind);
        }
        blob
    }
}

struct Sample {
    key: i16,
    version: i16,
    pair: Pair,
    asked: Asked,
}

fn samples(definitions: &Definitions, seeds: u64) -> Vec<Sample> {
    let mut all = Vec::new();
    for (rule, version) in served() {
        for seed in 0..seeds {
            let mut dice =
                Dice::new(1 + seed * 1000 + u64::from(rule.key.unsigned_abs()) * 20 + version.unsigned_abs() as u64);
            let mut speaker = Speaker::new(rule.key, version, definitions, &mut dice);
            let definition = &definitions.requests[&i64::from(rule.key)];
            let pair =
                message(definition, version, &mut dice, &mut |path, field, dice| speaker.choose(path, field, dice));
            let asked = match rule.key {
                3 if speaker.by_id => Asked::TopicIds,
                10 if speaker.key_type == 0 => Asked::Groups,
                10 => Asked::TransactionalIds,
                11 | 14 if !speaker.consumer && (rule.key == 11 || version >= 5) => Asked::OtherProtocol,
                _ => Asked::Nothing,
            };
            all.push(Sample { key: rule.key, version, pair, asked });
        }
    }
    all
}

/// What comes out of a session of this namespace for one request, and what its exchange was told.
fn go_in(names: &Namespace, frame: &[u8], piece: usize, how: Move) -> (Result<Vec<u8>, Cause>, Vec<Exchange>) {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let view = named_view(&map, &apis, names);
    let mut in_flight = InFlight::default();
    let outcome = run(&mut Requests::default(), &mut in_flight, &view, frame, piece, how);
    let entries = std::iter::from_fn(|| in_flight.pop()).collect();
    let bytes = outcome.map(|outcome| {
        assert_eq!((outcome.frames, outcome.at_boundary, outcome.rest), (1, true, 0));
        outcome.bytes
    });
    (bytes, entries)
}

#[test]
fn a_request_with_the_clients_names_becomes_the_same_request_with_the_backends() {
    let definitions = definitions();
    let names = hiding(PREFIX);
    for sample in samples(&definitions, 40) {
        let Sample { key, version, pair, asked } = sample;
        let frame = request_frame(key, version, &pair.said);
        let expected = request_frame(key, version, &pair.physical);
        let (bytes, entries) = go_in(&names, &frame, frame.len(), Move::Feed);
        assert_eq!(bytes.as_deref(), Ok(&expected[..]), "key {key} version {version}");
        let no_acks = key == 0 && entries.is_empty();
        assert!(
            no_acks || entries == [Exchange { asked, ..entry(key, version) }],
            "key {key} version {version} {entries:?}"
        );
        // A Produce in pieces streams; everything else is held.
        for piece in [1, 7, frame.len() - 1] {
            let in_pieces = go_in(&names, &frame, piece, Move::Splice);
            assert_eq!(in_pieces, (Ok(expected.clone()), entries.clone()), "key {key} version {version}");
        }
        // Bytes behind the last field are left alone, as Kafka does.
        let longer = framed(&[&frame[4..], b"behind"].concat());
        let expected = framed(&[&expected[4..], b"behind"].concat());
        assert_eq!(go_in(&names, &longer, longer.len(), Move::Feed).0, Ok(expected), "key {key} version {version}");
    }
}

/// The messages above are what an encoder that this repository did not write makes of them, too.
#[test]
fn the_messages_that_the_law_is_shown_with_are_kafkas() {
    fn again<M: Encodable + Decodable>(bytes: &[u8], version: i16) -> Vec<u8> {
        let mut input = Bytes::copy_from_slice(bytes);
        let message = M::decode(&mut input, version).unwrap();
        assert!(input.is_empty());
        let mut out = BytesMut::new();
        message.encode(&mut out, version).unwrap();
        out.to_vec()
    }
    macro_rules! again {
        ($key:expr, $bytes:expr, $version:expr, $($number:literal $message:ident)*) => {
            match $key { $($number => Some(again::<$message>($bytes, $version)),)* _ => None }
        };
    }
    let (mut compared, mut keys) = (0, BTreeSet::new());
    for Sample { key, version, pair, .. } in samples(&definitions(), 6) {
        // What is padded no encoder writes so.
        let forms = if key == 0 { vec![&pair.said] } else { vec![&pair.said, &pair.physical] };
        for bytes in forms {
            // The crate knows ListOffsets up to version 10.
            let again = if (key, version) == (2, 11) {
                None
            } else {
                again!(key, bytes, version,
                0 ProduceRequest 1 FetchRequest 2 ListOffsetsRequest 3 MetadataRequest 8 OffsetCommitRequest
                9 OffsetFetchRequest 10 FindCoordinatorRequest 11 JoinGroupRequest 12 HeartbeatRequest
                13 LeaveGroupRequest 14 SyncGroupRequest 15 DescribeGroupsRequest 16 ListGroupsRequest
                19 CreateTopicsRequest 20 DeleteTopicsRequest 21 DeleteRecordsRequest 22 InitProducerIdRequest
                23 OffsetForLeaderEpochRequest 24 AddPartitionsToTxnRequest 25 AddOffsetsToTxnRequest
                26 EndTxnRequest 28 TxnOffsetCommitRequest 32 DescribeConfigsRequest 33 AlterConfigsRequest
                37 CreatePartitionsRequest 42 DeleteGroupsRequest 44 IncrementalAlterConfigsRequest
                47 OffsetDeleteRequest 60 DescribeClusterRequest 61 DescribeProducersRequest
                65 DescribeTransactionsRequest 66 ListTransactionsRequest)
            };
            if let Some(again) = again {
                assert_eq!(&again, bytes, "key {key} version {version}");
                compared += 1;
                keys.insert(key);
            }
        }
    }
    assert!(compared > 1000 && keys.len() == 32, "{compared} messages of {} APIs", keys.len());
}

#[test]
fn every_cut_of_a_request_is_refused() {
    let names = hiding(PREFIX);
    for Sample { key, version, pair, .. } in samples(&definitions(), 2) {
        let frame = request_frame(key, version, &pair.said);
        let step = (frame.len() / 300).max(1);
        for cut in (12..frame.len()).step_by(step) {
            let (bytes, _) = go_in(&names, &framed(&frame[4..cut]), 1 << 20, Move::Feed);
            assert_eq!(bytes, Err(Cause::RequestMalformed), "key {key} version {version} cut at {cut}");
        }
    }
}

/// Whether a backend that gets `name` stays within the namespace.
fn is_ours(names: &Namespace, entity: &str, name: &[u8]) -> bool {
    let additional = if entity == "topicName" { &names.topics } else { &names.groups };
    let seen = additional.exact.iter().any(|exact| exact.physical.as_bytes() == name);
    // Without a name the backend refuses; a topic always has one.
    let none = name.is_empty() && entity != "topicName";
    name.starts_with(names.prefix.as_bytes()) || none || (seen && entity != "transactionalId")
}

/// The names in what went out; all of them must be ours.
fn scan(definitions: &Definitions, names: &Namespace, frame: &[u8], said: &[u8]) {
    let (key, version) = (i16::from_be_bytes([frame[4], frame[5]]), i16::from_be_bytes([frame[6], frame[7]]));
    let rule = rules().iter().find(|rule| rule.key == key).unwrap();
    assert_eq!(frame.len(), i32::from_be_bytes(*frame.first_chunk().unwrap()) as usize + 4);
    let found = |frame: &[u8], version: i16| -> Vec<Read> {
        let body = request_body(frame, rule.flexible(version)).unwrap();
        read(&definitions.requests[&i64::from(key)], version, body)
            .unwrap_or_else(|| panic!("{key} {version} {frame:?}"))
    };
    let out = found(frame, version);
    for one in &out {
        let named =
            !one.entity.is_empty() || ["/Key", "/CoordinatorKeys", "/Resources/ResourceName"].contains(&&*one.path);
        if let (true, Some(name)) = (named && one.entity != "brokerId", &one.bytes) {
            let entity = if one.path == "/Resources/ResourceName" { "topicName" } else { &one.entity };
            let group = is_ours(names, "groupId", name) && entity != "transactionalId" && one.entity.is_empty();
            assert!(
                is_ours(names, entity, name) || group,
                "{key} {version} {} {:?}",
                one.path,
                String::from_utf8_lossy(name)
            );
        }
    }
    // Nothing else changed: as many strings, in the same places, and those that name nothing as they were.
    let before = found(said, i16::from_be_bytes([said[6], said[7]]));
    assert_eq!(before.len(), out.len());
    for (before, out) in before.iter().zip(&out) {
        assert_eq!((&before.path, &before.entity), (&out.path, &out.entity));
        let mapped = ["/Key", "/CoordinatorKeys", "/Resources/ResourceName", "/TransactionalIdPattern"];
        let blob = before.path.ends_with("/Metadata") || before.path.ends_with("/Assignment");
        if before.entity.is_empty() && !mapped.contains(&&*before.path) && !blob {
            assert_eq!(before, out, "{key} {version}");
        }
    }
}

/// Namespaces of each kind.
fn namespaces() -> Vec<Namespace> {
    let exact =
        |physical: &str, virtual_name: &str| Exact { physical: physical.into(), virtual_name: virtual_name.into() };
    let full = Namespace {
        topics: Additional { exact: vec![exact("shared-orders", "orders"), exact("logs", "logs")], globs: vec![] },
        groups: Additional { exact: vec![exact("legacy", "legacy")], globs: vec![] },
        aliases: vec![("short".into(), "very-long".into())],
        ..hiding(PREFIX)
    };
    let enforced = Namespace { mode: Mode::EnforcePrefix, ..full.clone() };
    vec![hiding(PREFIX), full, enforced]
}

const NASTY: [&str; 20] = [
    "",
    ".",
    "..",
    "a/b",
    "/ix",
    "__consumer_offsets",
    "orders",
    "logs",
    "legacy",
    "short",
    "very-long",
    "vc-bob.x",
    "vc-alice.",
    "vc-alice.x",
    "vc-alice.vc-bob.x",
    "shared-orders",
    "vc-alice",
    "\u{0}",
    "x y",
    "vc-alice.__transaction_state",
];

fn nasty(dice: &mut Dice) -> Vec<u8> {
    match dice.below(10) {
        0 => vec![b'n'; 200 + usize::try_from(dice.below(100)).unwrap()],
        1 => name(dice),
        _ => NASTY[usize::try_from(dice.below(NASTY.len() as u64)).unwrap()].into(),
    }
}

#[test]
fn no_name_reaches_the_backend_that_is_not_of_the_namespace() {
    let definitions = definitions();
    let (mut went, mut answered, mut closed) = (0, 0, 0);
    for names in namespaces() {
        for (rule, version) in served() {
            for seed in 0..30 {
                let mut dice =
                    Dice::new(7 + seed * 100_000 + u64::from(rule.key.unsigned_abs()) * 300 + version as u64);
                let mut speaker = Speaker::new(rule.key, version, &definitions, &mut dice);
                let mut choose = |path: &str, field: &Value, dice: &mut Dice| {
                    let last = path.rsplit('/').next().unwrap();
                    let named =
                        ["topicName", "groupId", "transactionalId"].iter().any(|one| field["entityType"] == **one);
                    let given = |said: Vec<u8>| Some(Given::Text(Some(said), None));
                    match last {
                        _ if named && !within(&field["nullableVersions"], version) => given(nasty(dice)),
                        "Key" | "CoordinatorKeys" | "ResourceName" => given(nasty(dice)),
                        "KeyType" | "ResourceType" => {
                            let kind = [0, 1, 2, 4, 8, 16, 32, 255][usize::try_from(dice.below(8)).unwrap()];
                            Some(Given::Fixed(vec![kind], vec![]))
                        }
                        _ => speaker.choose(path, field, dice),
                    }
                };
                let definition = &definitions.requests[&i64::from(rule.key)];
                let body = message(definition, version, &mut dice, &mut choose).said;
                let frame = request_frame(rule.key, version, &body);
                let (bytes, entries) = go_in(&names, &frame, frame.len(), Move::Feed);
                match bytes {
                    Ok(bytes) if bytes.is_empty() => {
                        assert!(matches!(entries[..], [Exchange { own: true, .. }]), "{} {version}", rule.name);
                        answered += 1;
                    }
                    Ok(bytes) => {
                        scan(&definitions, &names, &bytes, &frame);
                        went += 1;
                    }
                    Err(cause) => {
                        assert_eq!((cause, rule.key), (Cause::RefusedWithoutResponse, 0), "{} {version}", rule.name);
                        closed += 1;
                    }
                }
            }
        }
    }
    assert!(went > 8000 && answered > 100, "{went} {answered} {closed}");
}

#[test]
fn counts_and_lengths_that_lie_are_refused_or_are_read_as_kafka_reads_them() {
    let definitions = definitions();
    let names = hiding(PREFIX);
    let (mut refused, mut read) = (0, 0);
    for Sample { key, version, pair, .. } in samples(&definitions, 1) {
        let frame = request_frame(key, version, &pair.said);
        let step = (frame.len() / 120).max(1);
        for at in (12..frame.len()).step_by(step) {
            for bomb in LIES.into_iter().chain([&[0][..], &[1], &[2]]) {
                let mut mutated = frame.clone();
                let end = (at + bomb.len()).min(frame.len());
                mutated[at..end].copy_from_slice(&bomb[..end - at]);
                match go_in(&names, &mutated, mutated.len(), Move::Feed) {
                    (Err(cause), _) => {
                        assert_eq!(cause, Cause::RequestMalformed, "key {key} version {version} at {at}");
                        refused += 1;
                    }
                    (Ok(bytes), entries) if bytes.is_empty() => assert!(entries[0].own),
                    (Ok(bytes), _) => {
                        scan(&definitions, &names, &bytes, &mutated);
                        read += 1;
                    }
                }
            }
        }
    }
    assert!(refused > 10_000 && read > 10_000, "{refused} {read}");
}

#[test]
fn whole_requests_need_no_more_memory_than_the_first_of_them() {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding(PREFIX));
    let view = named_view(&map, &apis, &names);
    for Sample { key, version, pair, .. } in samples(&definitions(), 3) {
        let frame = request_frame(key, version, &pair.said);
        let (mut requests, mut in_flight, mut out) = (Requests::default(), InFlight::default(), Output::default());
        let mut memory = None;
        for _ in 0..10 {
            out.clear();
            requests.feed(&frame, &view, &mut in_flight, &mut out).unwrap();
            let now =
                (out.segments.capacity(), out.segments.as_ptr(), out.new_bytes.capacity(), out.new_bytes.as_ptr());
            assert_eq!(*memory.get_or_insert(now), now, "key {key} version {version}");
            assert_eq!((requests.held_bytes(), requests.at_boundary()), (0, true));
        }
    }
}

#[test]
fn records_are_not_copied() {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding(PREFIX));
    let view = named_view(&map, &apis, &names);
    let mut request = ProduceRequest::default().with_acks(-1);
    let partition = produce_request::PartitionProduceData::default().with_records(Some(Bytes::from(vec![7; 50_000])));
    let topic = produce_request::TopicProduceData::default().with_partition_data(vec![partition; 3]);
    request.topic_data = vec![topic.with_name(TopicName(string("orders"))); 2];
    for version in 3..=12 {
        let frame = request_frame(0, version, &encode(&request, version));
        let (mut requests, mut in_flight, mut out) = (Requests::default(), InFlight::default(), Output::default());
        requests.feed(&frame, &view, &mut in_flight, &mut out).unwrap();
        // A compact length takes one byte more than it came in.
        let added = PREFIX.len() + usize::from(version >= 9);
        assert!(out.len() == frame.len() + 2 * added && out.new_bytes.len() < 200, "{}", out.new_bytes.len());
        assert!(out.segments.len() <= 13, "{} segments", out.segments.len());
    }
}
