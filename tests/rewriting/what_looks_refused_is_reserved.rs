//! A refused name goes out in a form of its own, and groups and transactional ids may be any text: one that has this form
//! already must not be taken for a refused one. Whatever a client says comes back to it as it said it, and whatever the
//! backend lists is what a client may say.

use std::collections::BTreeSet;

use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{Move, addresses, entry, generous_apis, request_frame, response_frame, rule, run};
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::describe_transactions_response::TransactionState;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::*;
use klamm::cluster::{Additional, Exact, Mode, Namespace};
use klamm::rewrite::{Requests, Responses};
use klamm::wire::{InFlight, request_body};

const MODES: [Mode; 3] = [Mode::HidePrefix, Mode::EnforcePrefix, Mode::Open];
const INVALID_TOPIC: i16 = 17;
const INVALID_GROUP_ID: i16 = 24;
const GROUP_AUTHORIZATION_FAILED: i16 = 30;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
/// A namespace with the group `legacy` of the backend.
fn names(mode: Mode) -> Namespace {
    let open = mode == Mode::Open;
    let legacy = Exact { physical: "legacy".into(), virtual_name: "legacy".into() };
    let groups = Additional { exact: if open { vec![] } else { vec![legacy] }, globs: vec![] };
    Namespace { mode, groups, ..hiding(if open { "" } else { "a." }) }
}

/// Every text of up to five of the pieces that forms of refused names are made of.
fn said() -> Vec<String> {
    let pieces = ["a.", "/", "/g", "/d", "/t", "legacy", "x"];
    let mut all: BTreeSet<String> = [String::new(), "a./g".repeat(5_000) + "x"].into();
    let mut last = vec![String::new()];
    for _ in 0..5 {
        last = last.iter().flat_map(|text| pieces.map(|piece| format!("{text}{piece}"))).collect();
        all.extend(last.iter().cloned());
    }
    all.into_iter().collect()
}

/// What goes out for a request, and what the client gets for the response that `answer` makes of it.
fn exchange<Q, A>(names: &Namespace, key: i16, version: i16, request: &Q, answer: impl FnOnce(Q) -> A) -> A
where
    Q: kafka_protocol::protocol::Encodable + kafka_protocol::protocol::Decodable,
    A: kafka_protocol::protocol::Encodable + kafka_protocol::protocol::Decodable,
{
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let view = named_view(&map, &apis, names);
    let mut in_flight = InFlight::default();
    let frame = request_frame(key, version, &encode(request, version));
    let out = run(&mut Requests::default(), &mut in_flight, &view, &frame, frame.len(), Move::Feed).unwrap();
    let flexible = rule(key).flexible(version);
    let asked: Q = decode(request_body(&out.bytes, flexible).unwrap(), version);
    let frame = response_frame(key, version, &encode(&answer(asked), version));
    let out = run(&mut Responses::default(), &mut in_flight, &view, &frame, frame.len(), Move::Feed).unwrap();
    decode(&out.bytes[if flexible { 9 } else { 8 }..], version)
}

/// Error codes as the client sees them for these groups; on the backend each is as it should be.
fn described(names: &Namespace, groups: &[String]) -> (Vec<String>, Vec<(String, i16)>) {
    let request =
        DescribeGroupsRequest::default().with_groups(groups.iter().map(|name| GroupId(string(name))).collect());
    let mut physical = Vec::new();
    let told = exchange(names, 15, 5, &request, |asked| {
        physical = asked.groups.iter().map(|group| group.0.to_string()).collect();
        let one = |id: GroupId| DescribedGroup::default().with_group_id(id);
        DescribeGroupsResponse::default().with_groups(asked.groups.into_iter().map(one).collect())
    });
    (physical, told.groups.into_iter().map(|group| (group.group_id.0.to_string(), group.error_code)).collect())
}

#[test]
fn a_group_comes_back_as_it_was_said_and_no_two_meet() {
    for mode in MODES {
        let names = names(mode);
        let mut seen = BTreeSet::new();
        let mut refused = 0;
        for said in said().chunks(500) {
            let (physical, shown) = described(&names, said);
            for ((said, physical), (shown, error)) in said.iter().zip(&physical).zip(&shown) {
                assert_eq!(shown, said, "{mode:?}, as {physical}");
                assert!(seen.insert(physical.clone()), "{mode:?}: {physical} stands for {said} and another");
                assert!(matches!(*error, 0 | INVALID_GROUP_ID), "{mode:?} {said}");
                refused += usize::from(*error != 0);
            }
        }
        match mode {
            Mode::HidePrefix => assert!((1..200).contains(&refused), "{refused} are reserved"),
            Mode::EnforcePrefix => assert!(refused > 1000, "{refused}"),
            Mode::Open => assert_eq!(refused, 0),
        }
    }
}

#[test]
fn a_group_that_is_listed_may_be_named() {
    for mode in MODES {
        let names = names(mode);
        let (map, apis) = (addresses("gateway.example"), generous_apis());
        let view = named_view(&map, &apis, &names);
        let there: Vec<String> = said().into_iter().chain(said().into_iter().map(|name| format!("a.{name}"))).collect();
        let there: Vec<String> = there.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        for there in there.chunks(500) {
            let one = |(at, name): (usize, &String)| {
                ListedGroup::default().with_group_id(GroupId(string(name))).with_protocol_type(string(&at.to_string()))
            };
            let response = ListGroupsResponse::default().with_groups(there.iter().enumerate().map(one).collect());
            let frame = response_frame(16, 4, &encode(&response, 4));
            let mut in_flight = InFlight::default();
            in_flight.push(entry(16, 4));
            let out = run(&mut Responses::default(), &mut in_flight, &view, &frame, frame.len(), Move::Feed).unwrap();
            let listed: ListGroupsResponse = decode(&out.bytes[9..], 4);
            let (at, shown): (Vec<usize>, Vec<String>) = listed
                .groups
                .into_iter()
                .map(|group| (group.protocol_type.parse::<usize>().unwrap(), group.group_id.0.to_string()))
                .unzip();
            let (physical, described) = described(&names, &shown);
            for (((at, shown), physical), (_, error)) in at.into_iter().zip(&shown).zip(&physical).zip(&described) {
                assert_eq!((physical, *error), (&there[at], 0), "{mode:?}: listed as {shown}");
            }
        }
    }
}

#[test]
fn a_transactional_id_comes_back_as_it_was_said() {
    for mode in MODES {
        let names = names(mode);
        for said in said().chunks(500) {
            let id = |name: &String| TransactionalId(string(name));
            let request = DescribeTransactionsRequest::default().with_transactional_ids(said.iter().map(id).collect());
            let told = exchange(&names, 65, 0, &request, |asked| {
                let one = |id| TransactionState::default().with_transactional_id(id);
                let states = asked.transactional_ids.into_iter().map(one).collect();
                DescribeTransactionsResponse::default().with_transaction_states(states)
            });
            for (said, state) in said.iter().zip(&told.transaction_states) {
                assert_eq!(state.transactional_id.0.as_str(), said, "{mode:?}");
                let refused = mode == Mode::EnforcePrefix && !said.is_empty() && reserved_or_outside(said);
                let expected = if refused { TRANSACTIONAL_ID_AUTHORIZATION_FAILED } else { 0 };
                assert_eq!(state.error_code, expected, "{mode:?} {said}");
            }
        }
    }
}

/// Without the prefix, or in the form that such a one takes.
fn reserved_or_outside(said: &str) -> bool {
    said.strip_prefix("a.").is_none_or(|own| own.strip_prefix("/t").is_some_and(reserved_or_outside))
}

/// Names that people use stay theirs: only the form of what is refused is reserved.
#[test]
fn names_with_slashes_are_names() {
    let hidden = names(Mode::HidePrefix);
    let usual = ["/dev/app", "/group/x", "/team/orders", "/t", "/d", "/", "a./gx", "/glegacy", "d/legacy"];
    let (physical, told) = described(&hidden, &usual.map(str::to_owned));
    assert_eq!(physical, usual.map(|name| format!("a.{name}")));
    assert!(told.iter().all(|(_, error)| *error == 0), "{told:?}");
    let (physical, told) = described(&hidden, &["/dlegacy".to_owned(), "/g/dlegacy".to_owned()]);
    assert_eq!(physical, ["a./g/dlegacy", "a./g/g/dlegacy"]);
    assert!(told.iter().all(|(_, error)| *error == INVALID_GROUP_ID), "{told:?}");

    let enforced = names(Mode::EnforcePrefix);
    let usual = ["a./dev/app", "a./ga.x", "a./t", "a./d", "a.", "a./"];
    let (physical, told) = described(&enforced, &usual.map(str::to_owned));
    assert_eq!(physical, usual);
    assert!(told.iter().all(|(_, error)| *error == 0), "{told:?}");
    for reserved in ["a./gx", "a./g", "a./dlegacy", "a./ga./gx", "a./glegacy"] {
        assert_eq!(described(&enforced, &[reserved.to_owned()]).1, [(reserved.to_owned(), INVALID_GROUP_ID)]);
    }
}

/// An additional group that was to be deleted, beside one that has the form which that takes.
#[test]
fn what_is_not_deleted_is_told_from_what_has_its_form() {
    let names = names(Mode::HidePrefix);
    let said = ["legacy", "/dlegacy", "/dother"];
    let request = DeleteGroupsRequest::default().with_groups_names(said.map(|name| GroupId(string(name))).into());
    let told = exchange(&names, 42, 2, &request, |asked| {
        assert_eq!(asked.groups_names, ["a./dlegacy", "a./g/dlegacy", "a./dother"].map(|name| GroupId(string(name))));
        let one = |id: GroupId| delete_groups_response::DeletableGroupResult::default().with_group_id(id);
        DeleteGroupsResponse::default().with_results(asked.groups_names.into_iter().map(one).collect())
    });
    let errors: Vec<_> = told.results.iter().map(|one| (one.group_id.0.as_str(), one.error_code)).collect();
    assert_eq!(errors, [(said[0], GROUP_AUTHORIZATION_FAILED), (said[1], INVALID_GROUP_ID), (said[2], 0)]);
}

/// Without a prefix no topic begins with a slash: it is refused as what it is.
#[test]
fn a_topic_that_looks_refused_is_no_topic() {
    for mode in MODES {
        let said = ["/ix", "/ax", "/", "/c4:1"];
        let one = |name: &str| create_topics_request::CreatableTopic::default().with_name(TopicName(string(name)));
        let request = CreateTopicsRequest::default().with_topics(said.map(one).into());
        let told = exchange(&names(mode), 19, 5, &request, |asked| {
            let one = |topic: create_topics_request::CreatableTopic| {
                create_topics_response::CreatableTopicResult::default()
                    .with_name(topic.name)
                    .with_error_code(INVALID_TOPIC)
            };
            CreateTopicsResponse::default().with_topics(asked.topics.into_iter().map(one).collect())
        });
        let shown: Vec<_> = told.topics.iter().map(|topic| (topic.name.0.as_str(), topic.error_code)).collect();
        assert_eq!(shown, said.map(|name| (name, INVALID_TOPIC)), "{mode:?}");
    }
}
