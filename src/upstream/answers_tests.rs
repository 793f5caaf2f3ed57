//! Answers as Kafka writes them, and with something odd in them.

use super::*;
use bytes::BytesMut;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::{ApiVersionsResponse, BrokerId, MetadataResponse};
use kafka_protocol::protocol::{Encodable, StrBytes};

fn encode(message: &impl Encodable, version: i16) -> BytesMut {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).unwrap();
    bytes
}

fn empty_apis(ranges: Vec<ApiRange>) -> NodeApis {
    NodeApis {
        ranges,
        supported_features: Vec::new(),
        finalized_features_epoch: -1,
        finalized_features: Vec::new(),
        zk_migration_ready: false,
    }
}

#[test]
fn reads_api_versions_as_kafka_protocol_writes_them() {
    let version = |key, min, max| ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max);
    let name = StrBytes::from_static_str("transaction.version");
    let response = ApiVersionsResponse::default().with_api_keys(vec![version(18, 0, 4), version(0, 3, 13)]);
    let ranges = api_ranges(&encode(&response, 0)).unwrap();
    assert_eq!(ranges, [ApiRange { key: 0, min: 3, max: 13 }, ApiRange { key: 18, min: 0, max: 4 }]);

    let supported = SupportedFeatureKey::default().with_name(name.clone()).with_min_version(0).with_max_version(2);
    let finalized = FinalizedFeatureKey::default().with_name(name).with_max_version_level(2).with_min_version_level(1);
    let response = response
        .with_supported_features(vec![supported])
        .with_finalized_features_epoch(77)
        .with_finalized_features(vec![finalized]);
    let bytes = encode(&response, 4);
    let mut apis = empty_apis(ranges);
    features(&bytes, &mut apis).unwrap();
    let range = |min, max| FeatureRange { name: "transaction.version".into(), min, max };
    assert_eq!(apis.supported_features, [range(0, 2)]);
    assert_eq!(apis.finalized_features, [range(1, 2)]);
    assert_eq!(apis.finalized_features_epoch, 77);
    for cut in 0..bytes.len() {
        assert!(features(&bytes[..cut], &mut apis).is_err(), "cut at {cut}");
    }
}

#[test]
fn reads_the_head_of_metadata_in_each_version() {
    let broker = |id, host: &'static str, port| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(StrBytes::from_static_str(host))
            .with_port(port)
    };
    let response = MetadataResponse::default()
        .with_brokers(vec![broker(2, "b", 9093), broker(1, "::1", 9092)])
        .with_cluster_id(Some(StrBytes::from_static_str("id")))
        .with_controller_id(BrokerId(1));
    for version in 3..=8 {
        let bytes = encode(&response, version);
        let read = membership(&bytes).unwrap();
        assert_eq!(read.cluster_id.as_deref(), Some("id"));
        let hosts: Vec<_> = read.nodes.iter().map(|(id, at)| (id.0, at.to_string())).collect();
        assert_eq!(hosts, [(1, "[::1]:9092".into()), (2, "b:9093".into())]);
    }
    assert_eq!(membership(&encode(&MetadataResponse::default(), 5)), Err(Unusable::NoNodes));
}

/// A broker: id, host, port, rack.
type Entry<'a> = (i32, &'a [u8], i32, Option<&'a [u8]>);

/// A Metadata answer of version 5 with these brokers.
fn metadata(brokers: &[Entry<'_>], cluster_id: &[u8]) -> Vec<u8> {
    let text = |bytes: &[u8]| [&(bytes.len() as i16).to_be_bytes(), bytes].concat();
    let mut body = vec![0; 4];
    body.extend((brokers.len() as i32).to_be_bytes());
    for (id, host, port, rack) in brokers {
        body.extend(id.to_be_bytes());
        body.extend(text(host));
        body.extend(port.to_be_bytes());
        body.extend(rack.map_or(vec![0xff, 0xff], text));
    }
    body.extend(text(cluster_id));
    body.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    body
}

#[test]
fn one_odd_entry_is_left_out_and_the_others_are_taken() {
    let long = "a".repeat(300);
    // The entry, and why it is left out; without a reason it is taken.
    let port = Some("its port is not between 1 and 65535");
    let table: [(Entry<'_>, Option<&str>); 17] = [
        ((7, b"", 9092, None), Some("its host is empty, or no host name")),
        ((7, b"a b", 9092, None), Some("its host is empty, or no host name")),
        ((7, b"a\nb", 9092, None), Some("its host is empty, or no host name")),
        ((7, b"a\0", 9092, None), Some("its host is empty, or no host name")),
        ((7, b"\xff\xfe", 9092, None), Some("its host is not UTF-8")),
        ((7, b"c", 0, None), port),
        ((7, b"c", -1, None), port),
        ((7, b"c", 65_536, None), port),
        ((7, b"c", i32::MIN, None), port),
        ((7, b"c", i32::MAX, None), port),
        ((-1, b"c", 9092, None), Some("its id is negative")),
        ((1, b"c", 9092, None), Some("its id stands twice")),
        ((2, b"c", 9092, None), None),
        ((7, b"c", 1, None), None),
        ((7, b"c", 65_535, Some(b"\xff")), None),
        ((i32::MAX, b"::1", 9092, Some(b"")), None),
        ((0, long.as_bytes(), 9092, None), None),
    ];
    for (entry, why) in table {
        // Wherever it stands among two good ones; of two with one id the first counts.
        for place in 0..3 {
            let mut brokers: Vec<Entry<'_>> = vec![(1, b"a", 9092, None), (3, b"b", 9092, Some(b"r"))];
            brokers.insert(place, entry);
            let read = membership(&metadata(&brokers, b"id")).unwrap();
            let ids: Vec<i32> = read.nodes.iter().map(|(id, _)| id.0).collect();
            let reasons: Vec<&str> = read.left_out.iter().map(|left_out| left_out.why).collect();
            assert_eq!(reasons, Vec::from_iter(why), "{entry:?} at {place}");
            assert_eq!(ids.len() + reasons.len(), 3, "{entry:?} at {place}");
            assert!(ids.contains(&1) && ids.contains(&3) && ids.is_sorted(), "{entry:?} at {place}");
        }
        let alone = membership(&metadata(&[entry], b"id")).map(|read| read.nodes.len());
        let expected =
            if matches!(why, None | Some("its id stands twice")) { Ok(1) } else { Err(Unusable::NoUsableNode) };
        assert_eq!(alone, expected, "{entry:?} alone");
    }
}

#[test]
fn an_odd_cluster_id_or_topic_spoils_nothing_else() {
    let read = membership(&metadata(&[(1, b"a", 9092, None)], b"\xff")).unwrap();
    assert_eq!((read.nodes.len(), read.cluster_id), (1, None));
    let mut body = metadata(&[(1, b"", 9092, None)], b"id");
    body.truncate(body.len() - 4);
    body.extend([0, 0, 0, 2]);
    for name in [b"\xff", b"t"] {
        body.extend([&[0, 0, 0, 1][..], name, &[0, 0, 0, 0, 0]].concat());
    }
    let mut found = Vec::new();
    topics(&body, 5, |name| found.push(name.to_owned())).unwrap();
    assert_eq!(found, ["t"], "of nodes nothing is needed here");
}

#[test]
fn an_odd_api_range_is_left_out() {
    let ranges = [(0, 3, 13), (1, 5, 4), (2, -1, -1), (0, 0, 0), (3, 0, 12)];
    let words = ranges.iter().flat_map(|(key, min, max): &(i16, i16, i16)| [*key, *min, *max]);
    let body = [0, 0, 0, 0, 0, 5].into_iter().chain(words.flat_map(i16::to_be_bytes)).collect::<Vec<u8>>();
    let read: Vec<_> = api_ranges(&body).unwrap().iter().map(|range| (range.key, range.min, range.max)).collect();
    assert_eq!(read, [(0, 3, 13), (2, -1, -1), (3, 0, 12)]);
}

#[test]
fn a_count_bomb_is_malformed() {
    assert_eq!(api_ranges(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), Err(Unusable::Malformed));
    assert_eq!(api_ranges(&[0, 35, 0, 0, 0, 0]), Err(Unusable::Error(35)));
    assert_eq!(membership(&[0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]), Err(Unusable::Malformed));
}
