//! What a namespace refuses never reaches the backend and is answered by an error code where each API has its own,
//! entry by entry where it answers so: every answer is one that kafka-protocol reads, and writes again to the byte.

use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{
    CORRELATION_ID, Move, Outcome, addresses, framed, generous_apis, request_frame, response_frame, rule, run,
};
use bytes::Bytes;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable};
use klamm::metrics::Cause;
use klamm::rewrite::{NamespaceRule, Requests, Responses, Rule, rules};
use klamm::wire::InFlight;

const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
const SECURITY_DISABLED: i16 = 54;
/// Names at which a compact length changes its bytes, one that is empty, one that is foreign.
const NAMES: [&str; 3] = ["a-topic", "", "b.secret"];

/// What comes of a request in pieces of such a length, and the answer once it is its turn.
fn ask(frame: &[u8], piece: usize) -> Result<(Outcome, Vec<u8>), Cause> {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding("a."));
    let view = named_view(&map, &apis, &names);
    let mut in_flight = InFlight::default();
    let taken = run(&mut Requests::default(), &mut in_flight, &view, frame, piece, Move::Feed)?;
    let answer = run(&mut Responses::default(), &mut in_flight, &view, &[], 1, Move::Feed)?;
    assert!(in_flight.is_empty() && answer.own_answers == taken.frames && in_flight.held_bytes() == 0);
    Ok((taken, answer.bytes))
}

/// The body of the answer to a request in `version`, which is the same however its bytes come.
fn answered(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let frame = request_frame(key, version, body);
    let mut answers = [1, 7, frame.len()].map(|piece| {
        let (taken, answer) = ask(&frame, piece).unwrap();
        assert_eq!((taken.bytes.len(), taken.frames, taken.at_boundary), (0, 1, true), "key {key} version {version}");
        answer
    });
    assert!(answers.iter().all(|one| *one == answers[0]), "key {key} version {version}");
    let answer = std::mem::take(&mut answers[0]);
    let empty = response_frame(key, version, &[]);
    assert_eq!(answer[4..empty.len()], empty[4..], "the header, key {key} version {version}");
    assert_eq!(i32::from_be_bytes(answer[..4].try_into().unwrap()) as usize, answer.len() - 4);
    answer[empty.len()..].to_vec()
}

/// The answer to `request`, as kafka-protocol reads it in `read_as` (it does not know each newest version).
fn refused<Q: Encodable, A: Decodable + Encodable>(key: i16, version: i16, read_as: i16, request: &Q) -> A {
    let bytes = answered(key, version, &encode(request, read_as));
    let answer: A = decode(&bytes, read_as);
    assert_eq!(bytes, encode(&answer, read_as), "key {key} version {version}");
    answer
}

/// Asks with `$request` and asserts that the answer, bound to `$answer`, holds each of the pairs.
macro_rules! check {
    ($rule:ident, $version:ident, $request:expr => $Answer:ty as $answer:ident, $($left:expr => $right:expr),+) => {{
        let $answer: $Answer = refused($rule.key, $version, $version, &$request);
        $(assert_eq!($left, $right, "{} version {}", $rule.name, $version);)+
    }};
}

/// The id of a topic; the type is inferred, as kafka-protocol does not name it.
macro_rules! id {
    () => {
        "07070707-0707-0707-0707-070707070707".parse().unwrap()
    };
}

/// A value with some of its fields set: structs of kafka-protocol can be made in no other way.
macro_rules! made {
    ($type:ty { $($field:ident: $value:expr),* $(,)? }) => {{
        #[allow(unused_mut)]
        let mut made = <$type>::default();
        $(made.$field = $value;)*
        made
    }};
}

/// Three topics with none, one and two partitions.
fn topics<T>(make: impl Fn(&str, Vec<i32>) -> T) -> Vec<T> {
    NAMES.iter().enumerate().map(|(at, name)| make(name, (0..i32::try_from(at).unwrap()).collect())).collect()
}

/// Sends a request to `rule` in `version` and looks at the answer.
fn check(rule: &Rule, version: i16) {
    let refused_all = CLUSTER_AUTHORIZATION_FAILED;
    match rule.key {
        29 => check!(rule, version, DescribeAclsRequest::default() => DescribeAclsResponse as answer,
            (answer.error_code, answer.resources.len()) => (SECURITY_DISABLED, 0)),
        30 => {
            let one = |name: &str| {
                made!(create_acls_request::AclCreation {
                    resource_name: string(name),
                    principal: string("User:a"),
                    host: string("*"),
                    resource_pattern_type: 3,
                })
            };
            check!(rule, version, made!(CreateAclsRequest { creations: NAMES.map(one).to_vec() })
                => CreateAclsResponse as answer,
                answer.results.iter().map(|one| one.error_code).collect::<Vec<_>>() => [SECURITY_DISABLED; 3]);
        }
        31 => {
            let one = |name: &str| {
                made!(delete_acls_request::DeleteAclsFilter {
                    resource_name_filter: (!name.is_empty()).then(|| string(name)),
                    pattern_type_filter: 1,
                })
            };
            check!(rule, version, made!(DeleteAclsRequest { filters: NAMES.map(one).to_vec() })
                => DeleteAclsResponse as answer,
                answer.filter_results.iter().map(|one| (one.error_code, one.matching_acls.len())).collect::<Vec<_>>()
                    => [(SECURITY_DISABLED, 0); 3]);
        }
        27 => write_txn_markers(rule, version),
        34 => alter_replica_log_dirs(rule, version),
        35 => describe_log_dirs(rule, version),
        38 => check!(rule, version, CreateDelegationTokenRequest::default() => CreateDelegationTokenResponse as answer,
            (answer.error_code, answer.hmac.len(), answer.expiry_timestamp_ms) => (refused_all, 0, -1)),
        39 => check!(rule, version, RenewDelegationTokenRequest::default() => RenewDelegationTokenResponse as answer,
            answer.error_code => refused_all),
        40 => check!(rule, version, ExpireDelegationTokenRequest::default() => ExpireDelegationTokenResponse as answer,
            answer.error_code => refused_all),
        41 => check!(rule, version, DescribeDelegationTokenRequest::default()
            => DescribeDelegationTokenResponse as answer,
            (answer.error_code, answer.tokens.len()) => (refused_all, 0)),
        43 => elect_leaders(rule, version),
        45 => check!(rule, version, AlterPartitionReassignmentsRequest::default()
            => AlterPartitionReassignmentsResponse as answer,
            (answer.error_code, answer.responses.len()) => (refused_all, 0)),
        46 => check!(rule, version, ListPartitionReassignmentsRequest::default()
            => ListPartitionReassignmentsResponse as answer,
            (answer.error_code, answer.topics.len()) => (refused_all, 0)),
        48 => check!(rule, version, DescribeClientQuotasRequest::default() => DescribeClientQuotasResponse as answer,
            (answer.error_code, answer.entries) => (refused_all, None)),
        49 => alter_client_quotas(rule, version),
        50 => check!(rule, version, DescribeUserScramCredentialsRequest::default()
            => DescribeUserScramCredentialsResponse as answer,
            (answer.error_code, answer.results.len()) => (refused_all, 0)),
        51 => alter_user_scram_credentials(rule, version),
        55 => check!(rule, version, DescribeQuorumRequest::default() => DescribeQuorumResponse as answer,
            (answer.error_code, answer.topics.len(), answer.nodes.len()) => (refused_all, 0, 0)),
        57 => check!(rule, version, UpdateFeaturesRequest::default() => UpdateFeaturesResponse as answer,
            (answer.error_code, answer.results.len()) => (refused_all, 0)),
        64 => check!(rule, version, UnregisterBrokerRequest::default() => UnregisterBrokerResponse as answer,
            answer.error_code => refused_all),
        80 => {
            // kafka-protocol knows version 0; of version 1 only the request has more.
            let answer: AddRaftVoterResponse = refused(80, version, 0, &AddRaftVoterRequest::default());
            assert_eq!(answer.error_code, refused_all, "version {version}");
        }
        81 => check!(rule, version, RemoveRaftVoterRequest::default() => RemoveRaftVoterResponse as answer,
            answer.error_code => refused_all),
        83..=87 => share_group_state(rule, version),
        key => panic!("no test for {key} {}", rule.name),
    }
}

/// kafka-protocol knows version 1; version 2 has one more byte behind each marker, TransactionVersion.
fn write_txn_markers(rule: &Rule, version: i16) {
    let topic = |name: &str, partitions| {
        made!(write_txn_markers_request::WritableTxnMarkerTopic {
            name: TopicName(string(name)),
            partition_indexes: partitions,
        })
    };
    let marker = |id| {
        made!(write_txn_markers_request::WritableTxnMarker {
            producer_id: ProducerId(id),
            producer_epoch: 3,
            transaction_result: true,
            topics: topics(topic),
        })
    };
    let mut request = vec![3];
    for id in [5, 6] {
        request.extend(encode(&marker(id), 1));
        if version >= 2 {
            // Before the tags.
            request.insert(request.len() - 1, 2);
        }
    }
    request.push(0);
    let bytes = answered(rule.key, version, &request);
    let answer: WriteTxnMarkersResponse = decode(&bytes, 1);
    assert_eq!(bytes, encode(&answer, 1));
    let ids: Vec<_> = answer.markers.iter().map(|marker| marker.producer_id.0).collect();
    assert_eq!(ids, [5, 6]);
    for marker in answer.markers {
        let told = marker.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|one| (one.partition_index, one.error_code));
            (topic.name.as_str(), partitions.collect())
        });
        assert_eq!(told.collect::<Vec<_>>(), all_refused(), "version {version}");
    }
}

/// Each name with its partitions, all of them refused.
fn all_refused() -> Vec<(&'static str, Vec<(i32, i16)>)> {
    let partitions = |count| (0..count).map(|index| (index, CLUSTER_AUTHORIZATION_FAILED)).collect();
    NAMES.into_iter().zip(0..).map(|(name, count)| (name, partitions(count))).collect()
}

/// The topics of all directories stand in one list.
fn alter_replica_log_dirs(rule: &Rule, version: i16) {
    let topic = |name: &str, partitions| {
        made!(alter_replica_log_dirs_request::AlterReplicaLogDirTopic {
            name: TopicName(string(name)),
            partitions: partitions,
        })
    };
    let dir = |path: &str| {
        made!(alter_replica_log_dirs_request::AlterReplicaLogDir {
            path: string(path),
            topics: if path == "/none" { Vec::new() } else { topics(topic) },
        })
    };
    let request = made!(AlterReplicaLogDirsRequest { dirs: ["/a", "/none", "/b"].map(dir).to_vec() });
    check!(rule, version, request => AlterReplicaLogDirsResponse as answer, {
        let told = answer.results.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|one| (one.partition_index, one.error_code));
            (topic.topic_name.as_str(), partitions.collect())
        });
        told.collect::<Vec<_>>()
    } => [all_refused(), all_refused()].concat());
}

/// kafka-protocol knows up to version 4; version 5 differs within a directory alone, and none is told.
fn describe_log_dirs(rule: &Rule, version: i16) {
    let request = DescribeLogDirsRequest::default();
    let answer: DescribeLogDirsResponse = refused(rule.key, version, version.min(4), &request);
    let error = if version >= 3 { CLUSTER_AUTHORIZATION_FAILED } else { 0 };
    assert_eq!((answer.error_code, answer.results.len()), (error, 0), "version {version}");
}

fn elect_leaders(rule: &Rule, version: i16) {
    let topic = |name: &str, partitions| {
        made!(elect_leaders_request::TopicPartitions { topic: TopicName(string(name)), partitions: partitions })
    };
    let error = if version >= 1 { CLUSTER_AUTHORIZATION_FAILED } else { 0 };
    let request = made!(ElectLeadersRequest { topic_partitions: Some(topics(topic)) });
    check!(rule, version, request => ElectLeadersResponse as answer, answer.error_code => error, {
        let told = answer.replica_election_results.iter().map(|topic| {
            let partitions = topic.partition_result.iter().map(|one| (one.partition_id, one.error_code));
            (topic.topic.as_str(), partitions.collect())
        });
        told.collect::<Vec<_>>()
    } => all_refused());
    check!(rule, version, made!(ElectLeadersRequest { topic_partitions: None }) => ElectLeadersResponse as answer,
        (answer.error_code, answer.replica_election_results.len()) => (error, 0));
}

fn alter_client_quotas(rule: &Rule, version: i16) {
    let op = made!(alter_client_quotas_request::OpData { key: string("rate"), value: 1.5, remove: true });
    let entity = |name: &str| {
        made!(alter_client_quotas_request::EntityData {
            entity_type: string("user"),
            entity_name: (!name.is_empty()).then(|| string(name)),
        })
    };
    let entry = |count| {
        made!(alter_client_quotas_request::EntryData {
            entity: NAMES.into_iter().take(count).map(entity).collect(),
            ops: vec![op.clone(); count],
        })
    };
    let request = made!(AlterClientQuotasRequest { entries: (0..4).map(entry).collect() });
    check!(rule, version, request => AlterClientQuotasResponse as answer, {
        let told = answer.entries.iter().map(|entry| {
            let names = entry.entity.iter().map(|one| one.entity_name.as_deref().unwrap_or("").to_owned());
            (entry.error_code, names.collect())
        });
        told.collect::<Vec<_>>()
    } => {
        let names = |count| NAMES.into_iter().take(count).map(String::from).collect::<Vec<_>>();
        (0..4).map(|count| (CLUSTER_AUTHORIZATION_FAILED, names(count))).collect::<Vec<_>>()
    });
}

/// The users of deletions and upsertions stand in one list.
fn alter_user_scram_credentials(rule: &Rule, version: i16) {
    let deletion = |name: &str| {
        made!(alter_user_scram_credentials_request::ScramCredentialDeletion { name: string(name), mechanism: 1 })
    };
    let upsertion = |name: &str| {
        made!(alter_user_scram_credentials_request::ScramCredentialUpsertion {
            name: string(name),
            iterations: 4096,
            salt: Bytes::from(vec![1; 200]),
            salted_password: Bytes::from(vec![2; 9]),
        })
    };
    let request = made!(AlterUserScramCredentialsRequest {
        deletions: NAMES.map(deletion).to_vec(),
        upsertions: NAMES.map(upsertion).to_vec(),
    });
    check!(rule, version, request => AlterUserScramCredentialsResponse as answer,
        answer.results.iter().map(|one| (one.user.as_str(), one.error_code)).collect::<Vec<_>>()
            => [NAMES, NAMES].concat().iter().map(|name| (*name, CLUSTER_AUTHORIZATION_FAILED)).collect::<Vec<_>>());
}

/// kafka-protocol knows version 0; version 1 of writing and of the summary has four bytes more (DeliveryCompleteCount).
fn share_group_state(rule: &Rule, version: i16) {
    macro_rules! state {
        ($request:ident, $topic:ty, $partition:ty, $answer:ident, { $($field:ident: $value:expr),* }) => {{
            let topic = |count: i32| {
                let partitions = (0..count).map(|at| made!($partition { partition: at, $($field: $value),* }));
                made!($topic { topic_id: id!(), partitions: partitions.collect() })
            };
            let topics = (0..3).map(topic).collect();
            let request = made!($request { group_id: string("g"), topics: topics });
            if version == 0 {
                let answer: $answer = refused(rule.key, 0, 0, &request);
                assert_eq!(answer.results.len(), 3, "{}", rule.name);
                for (topic, count) in answer.results.iter().zip(0..) {
                    assert_eq!(topic.topic_id.as_bytes(), &[7; 16]);
                    let told: Vec<_> = topic.partitions.iter().map(|one| (one.partition, one.error_code)).collect();
                    let expected: Vec<_> = (0..count).map(|at| (at, CLUSTER_AUTHORIZATION_FAILED)).collect();
                    assert_eq!(told, expected, "{}", rule.name);
                }
            }
        }};
    }
    match rule.key {
        83 => state!(InitializeShareGroupStateRequest, initialize_share_group_state_request::InitializeStateData,
            initialize_share_group_state_request::PartitionData, InitializeShareGroupStateResponse, {state_epoch: 3}),
        84 => state!(ReadShareGroupStateRequest, read_share_group_state_request::ReadStateData,
            read_share_group_state_request::PartitionData, ReadShareGroupStateResponse, {leader_epoch: 4}),
        85 => state!(WriteShareGroupStateRequest, write_share_group_state_request::WriteStateData,
            write_share_group_state_request::PartitionData, WriteShareGroupStateResponse,
            {start_offset: 9, state_batches: vec![write_share_group_state_request::StateBatch::default(); 2]}),
        86 => state!(
            DeleteShareGroupStateRequest,
            delete_share_group_state_request::DeleteStateData,
            delete_share_group_state_request::PartitionData,
            DeleteShareGroupStateResponse,
            {}
        ),
        _ => state!(ReadShareGroupStateSummaryRequest, read_share_group_state_summary_request::ReadStateSummaryData,
            read_share_group_state_summary_request::PartitionData, ReadShareGroupStateSummaryResponse,
            {leader_epoch: 4}),
    }
    if version == 0 {
        return;
    }
    // Group "g", one topic with one partition, laid out by hand.
    let (front, end) = ([&[2, b'g', 2][..], &[7; 16], &[2, 0, 0, 0, 5]].concat(), [0, 0, 0]);
    let refusal = [0, 31, 0];
    let (partition, told) = match rule.key {
        // State epoch, leader epoch, start offset, delivery complete count, a batch with its tags.
        85 => ([&[9; 20][..], &[2], &[8; 19], &[0]].concat(), Vec::new()),
        // Leader epoch; state epoch, leader epoch, start offset, delivery complete count.
        _ => (vec![9; 4], [&[0; 16][..], &[0xff; 4]].concat()),
    };
    let request = [&front[..], &partition, &end].concat();
    let expected = [&front[2..], &refusal, &told, &end].concat();
    assert_eq!(answered(rule.key, version, &request), expected, "{} version {version}", rule.name);
}

#[test]
fn every_refused_version_is_answered_in_its_own_shape() {
    let refused = rules().iter().filter(|rule| matches!(rule.named, NamespaceRule::Refused | NamespaceRule::Disabled));
    let mut versions = 0;
    for rule in refused {
        for version in rule.min..=rule.max {
            check(rule, version);
            versions += 1;
        }
    }
    assert!(versions > 40, "{versions} versions are refused");
}

#[test]
fn what_brokers_ask_each_other_under_a_clients_key_is_refused_too() {
    let rule = rule(24);
    for version in 4..=5 {
        check!(rule, version, AddPartitionsToTxnRequest::default() => AddPartitionsToTxnResponse as answer,
            (answer.error_code, answer.results_by_transaction.len()) => (CLUSTER_AUTHORIZATION_FAILED, 0));
    }
    let rule = self::rule(10);
    for version in 1..=6 {
        for (key_type, error) in [(2, if version >= 6 { 31 } else { 42 }), (3, 42), (-1, 42)] {
            if version >= 4 {
                let request =
                    made!(FindCoordinatorRequest { key_type: key_type, coordinator_keys: NAMES.map(string).to_vec() });
                check!(rule, version, request => FindCoordinatorResponse as answer, {
                    let told = answer.coordinators.iter().map(|one| (one.key.as_str(), one.error_code, one.node_id.0));
                    told.collect::<Vec<_>>()
                } => NAMES.map(|name| (name, error, -1)));
            } else {
                let request = made!(FindCoordinatorRequest { key_type: key_type, key: string("g:t:0") });
                check!(rule, version, request => FindCoordinatorResponse as answer,
                    (answer.error_code, answer.node_id.0, answer.host.as_str(), answer.port) => (error, -1, "", -1));
            }
        }
    }
}

#[test]
fn refusals_wait_for_what_is_older() {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding("a."));
    let view = named_view(&map, &apis, &names);
    let (mut requests, mut responses, mut in_flight) = (Requests::default(), Responses::default(), InFlight::default());
    let heartbeat = encode(&made!(HeartbeatRequest { group_id: GroupId(string("g")) }), 4);
    let acls = encode(&DescribeAclsRequest::default(), 3);
    let sent = [request_frame(12, 4, &heartbeat), request_frame(29, 3, &acls), request_frame(12, 4, &heartbeat)];
    let taken = run(&mut requests, &mut in_flight, &view, &sent.concat(), 9, Move::Feed).unwrap();
    assert_eq!((taken.frames, in_flight.len()), (3, 3));
    assert!(in_flight.held_bytes() > 0);
    let beat = response_frame(12, 4, &encode(&HeartbeatResponse::default(), 4));
    assert!(run(&mut responses, &mut in_flight, &view, &[], 1, Move::Feed).unwrap().bytes.is_empty());
    let came = run(&mut responses, &mut in_flight, &view, &[&beat[..], &beat].concat(), 7, Move::Feed).unwrap();
    assert_eq!((came.frames, came.own_answers, in_flight.held_bytes()), (3, 1, 0));
    assert!(came.bytes.starts_with(&beat) && came.bytes.ends_with(&beat) && came.bytes.len() > 2 * beat.len());
    assert_eq!(came.bytes[beat.len() + 4..beat.len() + 8], CORRELATION_ID.to_be_bytes());
}

#[test]
fn a_refused_request_whose_entries_cannot_be_read_is_malformed() {
    let creation = made!(create_acls_request::AclCreation {
        resource_name: string("x"),
        principal: string("User:a"),
        host: string("*"),
        resource_pattern_type: 3,
    });
    for version in 1..=3 {
        let body = encode(&made!(CreateAclsRequest { creations: vec![creation.clone(); 2] }), version);
        let frame = request_frame(30, version, &body);
        let header = frame.len() - body.len();
        // A flexible body ends with the count of its tags, which nobody needs.
        let needed = frame.len() - usize::from(version >= 2);
        for cut in header..needed {
            let cut = framed(&frame[4..cut]);
            assert_eq!(ask(&cut, cut.len()).map(|_| ()), Err(Cause::RequestMalformed), "version {version}");
        }
        for count in [[0x7f, 0xff, 0xff, 0xff, 0x0f], [0xff, 0xff, 0xff, 0xfe, 0x0f], [0xff; 5]] {
            let mut mutated = frame.clone();
            mutated.splice(header..header + if version >= 2 { 1 } else { 4 }, count);
            let mutated = framed(&mutated[4..]);
            assert_eq!(ask(&mutated, mutated.len()).map(|_| ()), Err(Cause::RequestMalformed), "version {version}");
        }
    }
}

#[test]
fn an_answer_that_would_be_far_longer_than_its_request_closes() {
    for (keys, taken) in [(10_000, true), (400_000, false)] {
        let request = made!(FindCoordinatorRequest { key_type: 2, coordinator_keys: vec![string(""); keys] });
        let frame = request_frame(10, 6, &encode(&request, 6));
        let expected = if taken { Ok(()) } else { Err(Cause::HeldFrameTooLarge) };
        assert_eq!(ask(&frame, frame.len()).map(|_| ()), expected, "{keys} keys in {} bytes", frame.len());
    }
}
