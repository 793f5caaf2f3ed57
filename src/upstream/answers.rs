//! Reading what our own connections receive: ApiVersions, the head of Metadata, and its topics.
//!
//! Not by kafka-protocol, which allocates what a count on the wire says: and a catalogue needs few fields.

use std::str::Utf8Error;
use std::sync::Arc;

use crate::cluster::{ApiRange, FeatureRange, HostPort, NodeApis, NodeId};
use crate::wire::{ReadError, Reader};

/// Why an answer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Its structure is broken.
    Malformed,
    /// The backend answered with this error code.
    Error(i16),
    /// It names no node.
    NoNodes,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unusable::Malformed => f.write_str("its answer cannot be read"),
            Unusable::Error(code) => write!(f, "it answered with error code {code}"),
            Unusable::NoNodes => f.write_str("it names no node"),
        }
    }
}

impl From<ReadError> for Unusable {
    fn from(_: ReadError) -> Unusable {
        Unusable::Malformed
    }
}

impl From<Utf8Error> for Unusable {
    fn from(_: Utf8Error) -> Unusable {
        Unusable::Malformed
    }
}

/// Reads ApiVersions v0: what every broker since 0.10 answers.
///
/// # Errors
///
/// See [`Unusable`].
pub fn api_ranges(body: &[u8]) -> Result<Vec<ApiRange>, Unusable> {
    let mut reader = Reader::new(body, false);
    no_error(&mut reader)?;
    let mut ranges = reader.array(6, |reader| -> Result<_, Unusable> {
        Ok(ApiRange { key: reader.i16()?, min: reader.i16()?, max: reader.i16()? })
    })?;
    ranges.sort_by_key(|range| range.key);
    ranges.dedup_by_key(|range| range.key);
    Ok(ranges)
}

/// Reads ApiVersions v3 or v4 and adds its features to `apis`.
///
/// # Errors
///
/// See [`Unusable`].
pub fn features(body: &[u8], apis: &mut NodeApis) -> Result<(), Unusable> {
    let mut reader = Reader::new(body, true);
    no_error(&mut reader)?;
    for _ in 0..reader.count(7)? {
        reader.take(6)?;
        reader.skip_tags()?;
    }
    reader.i32()?; // throttle time
    reader.tags(|tag, mut field| -> Result<(), Unusable> {
        match tag {
            0 => apis.supported_features = feature_list(&mut field, false)?,
            1 => apis.finalized_features_epoch = field.i64()?,
            2 => apis.finalized_features = feature_list(&mut field, true)?,
            3 => apis.zk_migration_ready = field.i8()? != 0,
            // A tag of a newer Kafka, whose meaning is unknown: it is left out.
            _ => {}
        }
        Ok(())
    })?;
    Ok(reader.end()?)
}

fn no_error(reader: &mut Reader<'_>) -> Result<(), Unusable> {
    match reader.i16()? {
        0 => Ok(()),
        code => Err(Unusable::Error(code)),
    }
}

/// Finalized features have the highest level first, supported ones the lowest (ApiVersionsResponse.json).
fn feature_list(reader: &mut Reader<'_>, highest_first: bool) -> Result<Vec<FeatureRange>, Unusable> {
    reader.array(6, |reader| {
        let name = str::from_utf8(reader.string()?)?.into();
        let (first, second) = (reader.i16()?, reader.i16()?);
        let (min, max) = if highest_first { (second, first) } else { (first, second) };
        reader.skip_tags()?;
        Ok(FeatureRange { name, min, max })
    })
}

/// What a catalogue needs of a Metadata answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Membership {
    /// Sorted by id.
    pub nodes: Vec<(NodeId, HostPort)>,
    /// The backend's cluster id.
    pub cluster_id: Option<Box<str>>,
}

/// Reads the head of a Metadata answer of versions 3 to 8 (all of one layout up to the topics).
///
/// # Errors
///
/// See [`Unusable`].
pub fn membership(body: &[u8]) -> Result<Membership, Unusable> {
    let mut membership = read_membership(&mut Reader::new(body, false))?;
    if membership.nodes.is_empty() {
        return Err(Unusable::NoNodes);
    }
    membership.nodes.sort_by_key(|(id, _)| *id);
    membership.nodes.dedup_by_key(|(id, _)| *id);
    Ok(membership)
}

fn read_membership(reader: &mut Reader<'_>) -> Result<Membership, Unusable> {
    reader.i32()?; // throttle time
    let nodes = reader.array(12, |reader| {
        let id = NodeId(reader.i32()?);
        let host: Arc<str> = str::from_utf8(reader.string()?)?.into();
        let port = u16::try_from(reader.i32()?).ok().filter(|port| *port != 0).ok_or(Unusable::Malformed)?;
        nullable_text(reader)?; // rack
        Ok::<_, Unusable>((id, HostPort { host, port }))
    })?;
    let cluster_id = nullable_text(reader)?.map(Box::from);
    Ok(Membership { nodes, cluster_id })
}

fn nullable_text<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, Unusable> {
    Ok(reader.nullable_string()?.map(str::from_utf8).transpose()?)
}

/// Gives the name of each topic that exists to `each`; reads a Metadata answer of versions 4 to 8. Where the answer cannot
/// be used, some may have been given before.
///
/// # Errors
///
/// See [`Unusable`].
pub fn topics(body: &[u8], version: i16, mut each: impl FnMut(&str)) -> Result<(), Unusable> {
    /// LEADER_NOT_AVAILABLE: it was created just now.
    const NOT_LED: i16 = 5;
    let mut reader = Reader::new(body, false);
    read_membership(&mut reader)?;
    reader.i32()?; // controller
    for _ in 0..reader.count(9)? {
        let error = reader.i16()?;
        let name = str::from_utf8(reader.string()?)?;
        reader.i8()?; // internal
        for _ in 0..reader.count(18)? {
            reader.take(10)?; // error, index, leader
            if version >= 7 {
                reader.i32()?; // the leader's epoch
            }
            // Replicas, those in sync, and those offline.
            for _ in 0..if version >= 5 { 3 } else { 2 } {
                reader.fixed_array(4)?;
            }
        }
        if version >= 8 {
            reader.i32()?; // authorized operations
        }
        if matches!(error, 0 | NOT_LED) {
            each(name);
        }
    }
    if version >= 8 {
        reader.i32()?; // authorized operations of the cluster
    }
    Ok(reader.end()?)
}

#[cfg(test)]
mod tests {
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
        let version =
            |key, min, max| ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max);
        let name = StrBytes::from_static_str("transaction.version");
        let response = ApiVersionsResponse::default().with_api_keys(vec![version(18, 0, 4), version(0, 3, 13)]);
        let ranges = api_ranges(&encode(&response, 0)).unwrap();
        assert_eq!(ranges, [ApiRange { key: 0, min: 3, max: 13 }, ApiRange { key: 18, min: 0, max: 4 }]);

        let supported = SupportedFeatureKey::default().with_name(name.clone()).with_min_version(0).with_max_version(2);
        let finalized =
            FinalizedFeatureKey::default().with_name(name).with_max_version_level(2).with_min_version_level(1);
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

    #[test]
    fn a_count_bomb_is_malformed() {
        assert_eq!(api_ranges(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), Err(Unusable::Malformed));
        assert_eq!(api_ranges(&[0, 35, 0, 0, 0, 0]), Err(Unusable::Error(35)));
        assert_eq!(membership(&[0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]), Err(Unusable::Malformed));
    }
}
