//! The ApiVersions answer in a namespace: exactly the APIs and versions whose names are replaced there, and no feature
//! that would make a client use another.

use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{Move, addresses, generous_apis, request_frame, run};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use klamm::cluster::{ApiRange, FeatureRange, NodeApis};
use klamm::rewrite::{NamespaceRule, Requests, Responses, rules};
use klamm::wire::InFlight;

/// Key, lowest and highest version: the everyday APIs of clients with classic groups, transactions and topic names.
const OFFERED: [(i16, i16, i16); 39] = [
    (0, 0, 12),
    (1, 4, 12),
    (2, 1, 11),
    (3, 0, 13),
    (8, 2, 9),
    (9, 1, 9),
    (10, 0, 6),
    (11, 0, 9),
    (12, 0, 4),
    (13, 0, 5),
    (14, 0, 5),
    (15, 0, 6),
    (16, 0, 5),
    (17, 1, 1),
    (18, 0, 4),
    (19, 2, 7),
    (20, 1, 5),
    (21, 0, 2),
    (22, 0, 5),
    (23, 2, 4),
    (24, 0, 3),
    (25, 0, 4),
    (26, 0, 5),
    (28, 0, 5),
    (29, 1, 3),
    (30, 1, 3),
    (31, 1, 3),
    (32, 1, 4),
    (33, 0, 2),
    (36, 0, 2),
    (37, 0, 3),
    (42, 0, 2),
    (44, 0, 1),
    (47, 0, 0),
    (60, 0, 2),
    (61, 0, 0),
    (65, 0, 0),
    (66, 0, 2),
    (92, 0, 0),
];

fn told(apis: &NodeApis, version: i16) -> ApiVersionsResponse {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        (request.client_software_name, request.client_software_version) = (string("a"), string("1"));
    }
    let frame = request_frame(18, version, &encode(&request, version));
    let (map, names) = (addresses("gateway.example"), hiding("a."));
    let view = named_view(&map, apis, &names);
    let mut answers = [1, 7, frame.len()].map(|piece| {
        let mut in_flight = InFlight::default();
        let taken = run(&mut Requests::default(), &mut in_flight, &view, &frame, piece, Move::Feed).unwrap();
        assert_eq!((taken.bytes.len(), taken.frames, in_flight.len()), (0, 1, 1));
        run(&mut Responses::default(), &mut in_flight, &view, &[], 1, Move::Feed).unwrap().bytes
    });
    assert!(answers.iter().all(|one| *one == answers[0]));
    decode(&std::mem::take(&mut answers[0])[8..], version)
}

fn ranges(told: &ApiVersionsResponse) -> Vec<(i16, i16, i16)> {
    told.api_keys.iter().map(|key| (key.api_key, key.min_version, key.max_version)).collect()
}

#[test]
fn a_generous_node_shows_the_whole_list_in_every_version() {
    for version in 0..=4 {
        assert_eq!(ranges(&told(&generous_apis(), version)), OFFERED, "version {version}");
    }
}

#[test]
fn the_list_is_that_of_the_rules() {
    let offered: Vec<i16> = OFFERED.iter().map(|(key, ..)| *key).collect();
    for rule in rules() {
        let expected = !matches!(rule.named, NamespaceRule::Refused | NamespaceRule::Closed);
        assert_eq!(offered.contains(&rule.key), expected, "{}", rule.name);
    }
}

#[test]
fn a_node_that_serves_less_shows_less() {
    let apis = NodeApis {
        ranges: vec![
            ApiRange { key: 0, min: 0, max: 11 },
            ApiRange { key: 1, min: 13, max: 17 },
            ApiRange { key: 20, min: 6, max: 6 },
            ApiRange { key: 24, min: 0, max: 5 },
            ApiRange { key: 45, min: 0, max: 1 },
        ],
        ..generous_apis()
    };
    assert_eq!(ranges(&told(&apis, 4)), [(0, 0, 11), (18, 0, 4), (24, 0, 3)]);
}

fn feature(name: &str, max: i16) -> FeatureRange {
    FeatureRange { name: name.into(), min: if name == "metadata.version" { 7 } else { 0 }, max }
}

fn with_features(names: &[(&str, i16)]) -> NodeApis {
    let list: Vec<_> = names.iter().map(|(name, max)| feature(name, *max)).collect();
    NodeApis {
        supported_features: list.clone(),
        finalized_features: list,
        finalized_features_epoch: 42,
        ..generous_apis()
    }
}

fn shown(told: &ApiVersionsResponse) -> (Vec<&str>, Vec<&str>, i64) {
    let supported = told.supported_features.iter().map(|feature| feature.name.as_str()).collect();
    let finalized = told.finalized_features.iter().map(|feature| feature.name.as_str()).collect();
    (supported, finalized, told.finalized_features_epoch)
}

#[test]
fn features_of_hidden_apis_are_not_told_and_transactions_keep_theirs() {
    let apis = with_features(&[
        ("group.version", 1),
        ("transaction.version", 2),
        ("share.version", 1),
        ("streams.version", 1),
        ("kraft.version", 1),
        ("metadata.version", 29),
    ]);
    let kept = vec!["transaction.version", "kraft.version", "metadata.version"];
    let told_4 = told(&apis, 4);
    assert_eq!(shown(&told_4), (kept.clone(), kept.clone(), 42));
    // Version 3 cannot say a lowest level of 0.
    assert_eq!(shown(&told(&apis, 3)), (vec!["metadata.version"], kept, 42));
    let level = told_4.finalized_features.iter().find(|feature| feature.name.as_str() == "transaction.version");
    assert_eq!(level.map(|feature| feature.max_version_level), Some(2));
}

#[test]
fn transactions_of_the_second_kind_are_told_only_with_the_versions_they_need() {
    for (key, max) in [(0, 11), (26, 4), (28, 4)] {
        let mut apis = with_features(&[("transaction.version", 2)]);
        apis.ranges.iter_mut().filter(|range| range.key == key).for_each(|range| range.max = max);
        // With the last of its features goes the list's epoch.
        assert_eq!(shown(&told(&apis, 4)), (vec![], vec![], -1), "key {key}");
    }
}

#[test]
fn a_node_without_features_keeps_its_epoch() {
    let apis = with_features(&[]);
    assert_eq!(shown(&told(&apis, 4)), (vec![], vec![], 42));
}
