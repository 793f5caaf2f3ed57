//! Reading what our own connections receive: ApiVersions, the head of Metadata, and its topics.
//!
//! Not by kafka-protocol, which allocates what a count on the wire says: and a catalogue needs few fields.

use std::collections::BTreeMap;
use std::str::Utf8Error;

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
    /// It names nodes, and none of the entries can be used.
    NoUsableNode,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unusable::Malformed => f.write_str("its answer cannot be read"),
            Unusable::Error(code) => write!(f, "it answered with error code {code}"),
            Unusable::NoNodes => f.write_str("it names no node"),
            Unusable::NoUsableNode => f.write_str("none of the nodes it names has a usable id, host and port"),
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
    // A range without a version says that the API is not offered.
    ranges.retain(|range| range.min <= range.max);
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
    /// Entries that name no node that could be dialled, in the order of the answer.
    pub left_out: Vec<LeftOut>,
    /// The backend's cluster id.
    pub cluster_id: Option<Box<str>>,
}

/// An entry of a Metadata answer that cannot be used. It is left out: it says nothing against the other entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The id in it.
    pub id: NodeId,
    /// What is wrong with it.
    pub why: &'static str,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "node {}: {}", self.id.0, self.why)
    }
}

/// Reads the head of a Metadata answer of versions 3 to 8 (all of one layout up to the topics).
///
/// # Errors
///
/// See [`Unusable`].
pub fn membership(body: &[u8]) -> Result<Membership, Unusable> {
    let membership = read_membership(&mut Reader::new(body, false))?;
    if membership.nodes.is_empty() {
        return Err(if membership.left_out.is_empty() { Unusable::NoNodes } else { Unusable::NoUsableNode });
    }
    Ok(membership)
}

fn read_membership(reader: &mut Reader<'_>) -> Result<Membership, Unusable> {
    reader.i32()?; // throttle time
    let mut known: BTreeMap<NodeId, HostPort> = BTreeMap::new();
    let mut left_out = Vec::new();
    for _ in 0..reader.count(12)? {
        let (id, host, port) = (NodeId(reader.i32()?), reader.string()?, reader.i32()?);
        reader.nullable_string()?; // rack
        let usable = if known.contains_key(&id) { Err("its id stands twice") } else { address(id, host, port) };
        match usable {
            Ok(address) => {
                known.insert(id, address);
            }
            Err(why) => left_out.push(LeftOut { id, why }),
        }
    }
    // One that cannot be shown to clients is as good as none.
    let cluster_id = reader.nullable_string()?.and_then(|id| str::from_utf8(id).ok()).map(Box::from);
    Ok(Membership { nodes: known.into_iter().collect(), left_out, cluster_id })
}

/// The address in an entry, or why there is none.
fn address(id: NodeId, host: &[u8], port: i32) -> Result<HostPort, &'static str> {
    if id.0 < 0 {
        return Err("its id is negative");
    }
    let host = str::from_utf8(host).map_err(|_| "its host is not UTF-8")?;
    // What no resolver takes, and what would break a line of the log.
    if host.is_empty() || host.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err("its host is empty, or no host name");
    }
    let port = u16::try_from(port).ok().filter(|port| *port != 0).ok_or("its port is not between 1 and 65535")?;
    Ok(HostPort { host: host.into(), port })
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
        let name = str::from_utf8(reader.string()?);
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
        // A name that is not UTF-8 is no topic of Kafka's, and no reason not to look at the others.
        if matches!(error, 0 | NOT_LED)
            && let Ok(name) = name
        {
            each(name);
        }
    }
    if version >= 8 {
        reader.i32()?; // authorized operations of the cluster
    }
    Ok(reader.end()?)
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
