//! The ApiVersions answer in a namespace: exactly the APIs and versions whose names are replaced there, and no feature
//! that would make a client use another.

use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{Move, addresses, generous_apis, request_frame, run};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use klamm::cluster::{ApiRange, FeatureRange, NodeApis};
use klamm::rewrite::{NamespaceRule, Requests, Responses, rules};
use klamm::wire::InFlight;

/// What users are promised; that its table is that of the rules is a test of its own.
const README: &str = include_str!("../../README.md");

/// Key, lowest and highest version of what the README says to be offered in a namespace.
fn promised() -> Vec<(i16, i16, i16)> {
    let (_, table) = README.split_once("<!-- supported apis: begin -->").unwrap();
    let rows = table.split("<!--").next().unwrap().lines().filter(|line| line.split('|').count() == 8);
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let key = cells[1].parse().ok()?;
        let (first, last) = cells[3].split_once('-').unwrap_or((cells[3], cells[3]));
        let last = match cells[6] {
            "served" | "the same" | "SECURITY_DISABLED" => last,
            up_to => up_to.strip_prefix("served up to ")?,
        };
        // Of Produce clients of librdkafka want to see versions that nobody sends.
        let first = if key == 0 { "0" } else { first };
        Some((key, first.parse().unwrap(), last.parse().unwrap()))
    };
    rows.filter_map(row).collect()
}

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
        assert_eq!(ranges(&told(&generous_apis(), version)), promised(), "version {version}");
    }
    assert!(promised().len() > 30 && promised().contains(&(1, 4, 12)));
}

#[test]
fn the_list_is_that_of_the_rules() {
    let offered: Vec<i16> = promised().iter().map(|(key, ..)| *key).collect();
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
