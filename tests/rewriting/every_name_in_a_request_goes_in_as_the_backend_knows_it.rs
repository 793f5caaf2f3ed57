//! What a client of a namespace says is, byte for byte, the same message with the backend's names, as the scenarios say: for
//! every request that a namespace serves, in every version; and no name goes out that is not of the namespace.

use crate::definitions::codec::{Struct, Value};
use crate::definitions::make::Choose;
use crate::definitions::{Definitions, Entity, Field, Kind};
use crate::support::cast::namespaces;
use crate::support::samples::{Anything, encode, string};
use crate::support::scenarios::{CLIENT_HOST, Case, Scenarios, view};
use crate::support::tenant::{hiding, served};
use crate::support::{Dice, LIES, Move, addresses, framed, generous_apis, request_frame, rule, run};
use bytes::Bytes;
use kafka_protocol::messages::{ProduceRequest, TopicName, produce_request};
use klamm::cluster::{Additional, Exact, Mode, Namespace};
use klamm::metrics::Cause;
use klamm::rewrite::{Output, Requests};
use klamm::wire::{Direction, Exchange, InFlight, request_body};

const PREFIX: &str = "vc-alice.";
const PRODUCE: i16 = 0;

/// What comes out of a session of this namespace for one request, and what its exchange is told.
fn go_in(names: &Namespace, frame: &[u8], piece: usize, how: Move) -> (Result<Vec<u8>, Cause>, Vec<Exchange>) {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let mut in_flight = InFlight::default();
    let outcome = run(&mut Requests::default(), &mut in_flight, &view(&map, &apis, names), frame, piece, how);
    let entries = std::iter::from_fn(|| in_flight.pop()).collect();
    let bytes = outcome.map(|outcome| {
        assert_eq!((outcome.frames, outcome.at_boundary, outcome.rest), (1, true, 0));
        outcome.bytes
    });
    (bytes, entries)
}

#[test]
fn a_request_with_the_clients_names_becomes_the_same_request_with_the_backends() {
    let scenarios = Scenarios::read();
    let mut played = 0;
    scenarios.each(Direction::Request, &namespaces(), 0..14, 0, |names, case| {
        let Case { name, given: frame, .. } = case;
        let (bytes, entries) = go_in(names, frame, frame.len(), Move::Feed);
        let bytes = bytes.unwrap_or_else(|cause| panic!("{name}: {cause:?}"));
        case.check(&scenarios.definitions, Direction::Request, &bytes);
        let no_acks = case.key == PRODUCE && entries.is_empty();
        assert!(no_acks || entries == [case.entry], "{name}: {entries:?}");
        // A Produce in pieces streams; everything else is held.
        for piece in [if frame.len() < 4000 { 1 } else { 61 }, 7, frame.len() - 1] {
            let in_pieces = go_in(names, frame, piece, Move::Splice);
            assert_eq!(in_pieces, (Ok(bytes.clone()), entries.clone()), "{name} in {piece}");
        }
        // Bytes behind the last field are left alone, as Kafka does.
        let longer = framed(&[&frame[4..], b"behind"].concat());
        let expected = framed(&[&bytes[4..], b"behind"].concat());
        assert_eq!(go_in(names, &longer, longer.len(), Move::Feed).0, Ok(expected), "{name}");
        played += 1;
    });
    assert!(played > 5_000, "{played}");
}

/// Some requests of each version, in a namespace that hides a prefix and has nothing else.
fn some(seeds: std::ops::Range<u64>, play: impl FnMut(&Namespace, &Case)) {
    let [_, _, _, alone] = namespaces();
    Scenarios::read().each(Direction::Request, &[alone], seeds, 0, play);
}

#[test]
fn every_cut_of_a_request_is_refused() {
    some(0..2, |names, case| {
        let step = (case.given.len() / 300).max(1);
        for cut in (12..case.given.len()).step_by(step) {
            let (bytes, _) = go_in(names, &framed(&case.given[4..cut]), 1 << 20, Move::Feed);
            assert_eq!(bytes, Err(Cause::RequestMalformed), "{} cut at {cut}", case.name);
        }
    });
}

/// What names something though its definition does not say what.
const NAMES_OF_ANY_KIND: [&str; 3] = ["Key", "CoordinatorKeys", "ResourceName"];

/// Whether a backend that gets `name` stays within the namespace.
fn is_ours(names: &Namespace, entity: Entity, name: &[u8]) -> bool {
    let additional = if entity == Entity::Topic { &names.topics } else { &names.groups };
    let seen = additional.exact.iter().any(|exact| exact.physical.as_bytes() == name);
    // Without a name the backend refuses; a topic always has one.
    let none = name.is_empty() && entity != Entity::Topic;
    name.starts_with(names.prefix.as_bytes()) || none || (seen && entity != Entity::TransactionalId)
}

/// All texts and bytes of a request, in order, each with its field.
fn texts(definitions: &Definitions, frame: &[u8]) -> Vec<(Field, Value)> {
    let (key, version) = (i16::from_be_bytes([frame[4], frame[5]]), i16::from_be_bytes([frame[6], frame[7]]));
    assert_eq!(frame.len(), i32::from_be_bytes(*frame.first_chunk().unwrap()) as usize + 4);
    let message = &definitions.requests[&key];
    let body = request_body(frame, rule(key).flexible(version)).unwrap();
    let (mut value, _) = message.decode_front(version, body).unwrap_or_else(|what| panic!("{what}: {frame:?}"));
    let mut found = Vec::new();
    message.change(version, &mut value, &mut |field, value| {
        if matches!(field.kind, Kind::Text | Kind::Bytes | Kind::Records) {
            found.push((field.clone(), value.clone()));
        }
    });
    found
}

/// The names in what went out; all of them must be ours, and nothing else may have changed.
fn scan(definitions: &Definitions, names: &Namespace, frame: &[u8], said: &[u8]) {
    let (before, out) = (texts(definitions, said), texts(definitions, frame));
    let strings = |texts: &[(Field, Value)]| texts.iter().map(|(field, _)| field.name.clone()).collect::<Vec<_>>();
    assert_eq!(strings(&before), strings(&out), "as many strings, in the same places");
    for ((field, before), (_, after)) in before.iter().zip(&out) {
        let any_kind = NAMES_OF_ANY_KIND.contains(&&*field.name);
        let named = matches!(field.entity, Entity::Topic | Entity::Group | Entity::TransactionalId);
        if let (true, Value::Text(name)) = (named || any_kind, after) {
            let entity = if field.name == "ResourceName" { Entity::Topic } else { field.entity };
            let group = any_kind && is_ours(names, Entity::Group, name);
            let ours = is_ours(names, entity, name) || group;
            assert!(ours, "{} {:?} in {said:?}", field.name, String::from_utf8_lossy(name));
        }
        let mapped = any_kind || ["TransactionalIdPattern", "Metadata", "Assignment"].contains(&&*field.name);
        assert!(named || mapped || before == after, "{} in {said:?}", field.name);
    }
}

/// Namespaces of each kind.
fn namespaces_of_alice() -> Vec<Namespace> {
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
        1 => vec![b'x'; 1 + usize::try_from(dice.below(130)).unwrap()],
        _ => NASTY[usize::try_from(dice.below(NASTY.len() as u64)).unwrap()].into(),
    }
}

/// Names that mean harm wherever a name stands, types of every kind, and anything else.
struct Nasty<'d> {
    dice: &'d mut Dice,
}

impl Choose for Nasty<'_> {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value> {
        let named = matches!(field.entity, Entity::Topic | Entity::Group | Entity::TransactionalId);
        let fixed = |number: i64, bytes: usize| Some(Value::number(number, bytes));
        match (&field.kind, field.name.as_str()) {
            (Kind::Text, _) if named && !field.nullable.has(version) => Some(Value::Text(nasty(self.dice))),
            (Kind::Text, name) if NAMES_OF_ANY_KIND.contains(&name) => Some(Value::Text(nasty(self.dice))),
            (Kind::Fixed(1), "KeyType" | "ResourceType") => {
                fixed([0, 1, 2, 4, 8, 16, 32, -1][usize::try_from(self.dice.below(8)).unwrap()], 1)
            }
            (Kind::Fixed(4), "SessionId") => fixed(self.dice.below(2) as i64, 4),
            (Kind::Fixed(4), "SessionEpoch") => fixed(-(self.dice.below(2) as i64), 4),
            (Kind::Fixed(2), "Acks") => fixed(1 - self.dice.below(3) as i64, 2),
            // Replicas alone say it.
            (_, "ClusterId") => None,
            _ => Anything::new(self.dice).value(field, version),
        }
    }

    fn count(&mut self, field: &Field) -> usize {
        Anything::new(self.dice).count(field)
    }

    fn unknown(&mut self) -> std::collections::BTreeMap<u32, Vec<u8>> {
        Anything::new(self.dice).unknown()
    }
}

#[test]
fn no_name_reaches_the_backend_that_is_not_of_the_namespace() {
    let definitions = Definitions::read().unwrap();
    let (mut went, mut answered, mut closed) = (0, 0, 0);
    for names in namespaces_of_alice() {
        for (rule, version) in served() {
            for seed in 0..30 {
                let mut dice =
                    Dice::new(7 + seed * 100_000 + u64::from(rule.key.unsigned_abs()) * 300 + version as u64);
                let message = &definitions.requests[&rule.key];
                let body: Struct = message.make(version, &mut Nasty { dice: &mut dice });
                let frame = request_frame(rule.key, version, &message.encode(version, &body).bytes);
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
                        assert_eq!(
                            (cause, rule.key),
                            (Cause::RefusedWithoutResponse, PRODUCE),
                            "{} {version}",
                            rule.name
                        );
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
    let definitions = Definitions::read().unwrap();
    let (mut refused, mut read) = (0, 0);
    some(0..1, |names, case| {
        let frame = &case.given;
        let step = (frame.len() / 120).max(1);
        for at in (12..frame.len()).step_by(step) {
            for bomb in LIES.into_iter().chain([&[0][..], &[1], &[2]]) {
                let mut mutated = frame.clone();
                let end = (at + bomb.len()).min(frame.len());
                mutated[at..end].copy_from_slice(&bomb[..end - at]);
                match go_in(names, &mutated, mutated.len(), Move::Feed) {
                    (Err(cause), _) => {
                        assert_eq!(cause, Cause::RequestMalformed, "{} at {at}", case.name);
                        refused += 1;
                    }
                    (Ok(bytes), entries) if bytes.is_empty() => assert!(entries[0].own),
                    (Ok(bytes), _) => {
                        scan(&definitions, names, &bytes, &mutated);
                        read += 1;
                    }
                }
            }
        }
    });
    assert!(refused > 10_000 && read > 10_000, "{refused} {read}");
}

#[test]
fn whole_requests_need_no_more_memory_than_the_first_of_them() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    some(0..3, |names, case| {
        let view = view(&map, &apis, names);
        let (mut requests, mut in_flight, mut out) = (Requests::default(), InFlight::default(), Output::default());
        let mut memory = None;
        for _ in 0..10 {
            out.clear();
            requests.feed(&case.given, &view, &mut in_flight, &mut out).unwrap();
            let now =
                (out.segments.capacity(), out.segments.as_ptr(), out.new_bytes.capacity(), out.new_bytes.as_ptr());
            assert_eq!(*memory.get_or_insert(now), now, "{}", case.name);
            assert_eq!((requests.held_bytes(), requests.at_boundary()), (0, true));
        }
    });
}

#[test]
fn records_are_not_copied() {
    let (map, apis, names) = (addresses(CLIENT_HOST), generous_apis(), hiding(PREFIX));
    let view = view(&map, &apis, &names);
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
