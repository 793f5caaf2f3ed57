//! ApiVersions is answered by us, in every version: the versions that our table and the node share.

use crate::support::samples::{decode, encode, string};
use crate::support::{CORRELATION_ID, Move, addresses, generous_apis, request_frame, run, view};
use bytes::Bytes;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use klamm::cluster::{ApiRange, FeatureRange, NodeApis};
use klamm::rewrite::{Requests, Responses, rules};
use klamm::wire::InFlight;

fn apis() -> NodeApis {
    NodeApis {
        ranges: vec![
            ApiRange { key: 0, min: 0, max: 11 },
            ApiRange { key: 1, min: 4, max: 99 },
            ApiRange { key: 2, min: 50, max: 99 },
            ApiRange { key: 17, min: 0, max: 1 },
            ApiRange { key: 18, min: 0, max: 3 },
            ApiRange { key: 56, min: 0, max: 3 },
            ApiRange { key: 500, min: 0, max: 0 },
        ],
        supported_features: vec![
            FeatureRange { name: "group.version".into(), min: 0, max: 1 },
            FeatureRange { name: "metadata.version".into(), min: 7, max: 29 },
        ],
        finalized_features_epoch: 42,
        finalized_features: vec![FeatureRange { name: "metadata.version".into(), min: 7, max: 27 }],
        zk_migration_ready: true,
    }
}

/// The whole frame that answers `frame`.
fn answer(frame: &[u8], apis: &NodeApis) -> Vec<u8> {
    let map = addresses("gateway.example");
    let view = view(&map, apis);
    let mut answers = [1, 7, frame.len()].map(|piece| {
        let mut in_flight = InFlight::default();
        let taken = run(&mut Requests::default(), &mut in_flight, &view, frame, piece, Move::Feed).unwrap();
        assert_eq!((taken.bytes.len(), taken.frames, in_flight.len()), (0, 1, 1));
        let outcome = run(&mut Responses::default(), &mut in_flight, &view, &[], 1, Move::Feed).unwrap();
        assert_eq!((outcome.frames, outcome.own_answers, in_flight.len()), (1, 1, 0));
        outcome.bytes
    });
    assert!(answers.iter().all(|one| *one == answers[0]));
    std::mem::take(&mut answers[0])
}

fn body(answer: &[u8]) -> &[u8] {
    assert_eq!(i32::from_be_bytes(answer[..4].try_into().unwrap()), i32::try_from(answer.len()).unwrap() - 4);
    assert_eq!(answer[4..8], CORRELATION_ID.to_be_bytes());
    &answer[8..]
}

fn request(version: i16, name: &str, software_version: &str) -> Vec<u8> {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request.client_software_name = string(name);
        request.client_software_version = string(software_version);
    }
    request_frame(18, version, &encode(&request, version))
}

#[test]
fn each_version_has_its_own_layout() {
    for version in 0..=4 {
        let answer = answer(&request(version, "a", "1"), &apis());
        let told: ApiVersionsResponse = decode(body(&answer), version);
        assert_eq!((told.error_code, told.throttle_time_ms), (0, 0));
        let keys: Vec<_> = told.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
        assert_eq!(keys, [(0, 0, 11), (1, 4, 18), (17, 1, 1), (18, 0, 4)]);
        let supported: Vec<_> =
            told.supported_features.iter().map(|f| (f.name.as_str(), f.min_version, f.max_version)).collect();
        let finalized: Vec<_> = told
            .finalized_features
            .iter()
            .map(|f| (f.name.as_str(), f.min_version_level, f.max_version_level))
            .collect();
        let features = [("group.version", 0, 1), ("metadata.version", 7, 29)];
        assert_eq!(
            supported,
            features[match version {
                0..=2 => 2,
                3 => 1,
                _ => 0,
            }..]
        );
        assert_eq!(finalized, [("metadata.version", 7, 27)][if version < 3 { 1 } else { 0 }..]);
        assert_eq!(told.finalized_features_epoch, if version < 3 { -1 } else { 42 });
        assert_eq!(told.zk_migration_ready, version >= 3);
        // The encoder agrees to the byte.
        assert_eq!(body(&answer), encode(&told, version));
    }
}

#[test]
fn a_node_that_offers_everything_gets_our_whole_table_and_nothing_else() {
    let answer = answer(&request(4, "a", "1"), &generous_apis());
    let told: ApiVersionsResponse = decode(body(&answer), 4);
    let keys: Vec<_> = told.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
    let ours: Vec<_> = rules().iter().map(|r| (r.key, if r.key == 0 { 0 } else { r.min }, r.max)).collect();
    assert_eq!(keys, ours);
    assert!(told.supported_features.is_empty() && told.finalized_features_epoch == -1);
    // What there is not, is not written.
    assert_eq!(body(&answer), encode(&told, 4));
}

#[test]
fn a_version_above_ours_gets_version_0_with_our_range_and_is_not_parsed() {
    for version in [5, 99, i16::MAX] {
        for length in [0, 1, 300] {
            let frame = [&request_frame(18, version, &vec![0xff; length])[..]].concat();
            let told: ApiVersionsResponse = decode(body(&answer(&frame, &apis())), 0);
            assert_eq!(told.error_code, 35);
            let keys: Vec<_> = told.api_keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
            assert_eq!(keys, [(18, 0, 4)]);
        }
    }
}

#[test]
fn a_software_name_or_version_that_kafka_refuses_is_refused() {
    let long = "a".repeat(3000);
    for good in ["a", "Z9", "apache-kafka-java", "1.2.3", "a--.b", &long] {
        for version in [3, 4] {
            for frame in [request(version, good, "1"), request(version, "a", good)] {
                let told: ApiVersionsResponse = decode(body(&answer(&frame, &apis())), version);
                assert_eq!(told.error_code, 0, "{good}");
            }
        }
    }
    for bad in ["", "-a", "a-", ".", "a.", "a b", "a_b", "ä", "a\0"] {
        for version in [3, 4] {
            for frame in [request(version, bad, "1"), request(version, "a", bad)] {
                let told: ApiVersionsResponse = decode(body(&answer(&frame, &apis())), version);
                assert_eq!((told.error_code, told.api_keys.len()), (42, 0), "{bad:?}");
            }
        }
    }
}

#[test]
fn the_header_stays_version_0_where_the_body_is_flexible() {
    let answer = answer(&request(3, "a", "1"), &generous_apis());
    let mut bytes = Bytes::copy_from_slice(&answer[8..10]);
    assert_eq!(bytes::Buf::get_i16(&mut bytes), 0, "the error code follows the correlation id at once");
}
