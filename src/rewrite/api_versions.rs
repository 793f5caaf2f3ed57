//! The responses we write ourselves to everybody: ApiVersions, in every version. (What a namespace refuses is written by
//! `names::refusals`.)
//!
//! The response header is always version 0 (the correlation id alone), also where the body is flexible: a client that
//! does not know yet what we speak must be able to read it.

use super::rules::{NamespaceRule, Rule, rule, rules};
use crate::cluster::{ApiRange, FeatureRange, NodeApis};
use crate::wire::key::{self, API_VERSIONS, PRODUCE};
use crate::wire::{Exchange, LENGTH_BYTES, push_varint, varint_bytes};

/// UNSUPPORTED_VERSION.
pub const UNSUPPORTED_VERSION: i16 = 35;
/// INVALID_REQUEST.
pub const INVALID_REQUEST: i16 = 42;

/// The first version that has throttle_time_ms.
const THROTTLE_FROM: i16 = 1;
/// The first flexible version, and the first with features.
const FEATURES_FROM: i16 = 3;
/// The first version that may hold a supported feature whose lowest level is 0 (KAFKA-17011).
const FEATURE_LEVEL_0_FROM: i16 = 4;

/// A feature of the cluster that makes clients use an API, with the version that they need of it: told only where they
/// are offered that. Features that are not here ask nothing of clients, or nothing that we hide.
const FEATURE_NEEDS: [(&str, &[(i16, i16)]); 4] = [
    // Transactions of the second kind.
    ("transaction.version", &[(PRODUCE, 12), (key::END_TXN, 5), (key::TXN_OFFSET_COMMIT, 5)]),
    ("group.version", &[(key::CONSUMER_GROUP_HEARTBEAT, 0)]),
    ("share.version", &[(key::SHARE_GROUP_HEARTBEAT, 1)]),
    ("streams.version", &[(key::STREAMS_GROUP_HEARTBEAT, 0)]),
];

/// Whom an answer is for.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// What the node at the other end offers.
    pub apis: &'a NodeApis,
    /// It has names of its own.
    pub named: bool,
}

/// Appends the whole frame that answers `entry`, an ApiVersions request.
pub fn write_api_versions(out: &mut Vec<u8>, entry: &Exchange, asker: Asker<'_>) {
    let start = out.len();
    out.extend([0; LENGTH_BYTES]);
    out.extend(entry.correlation_id.to_be_bytes());
    // A client that asks in a version we do not know gets version 0, with the range it should ask in (KIP-511).
    let version = if entry.own_error == UNSUPPORTED_VERSION { 0 } else { entry.api_version };
    write_body(out, version, entry.own_error, asker);
    // A few kilobytes: the keys are ours, the features a node's.
    let length = i32::try_from(out.len() - start - LENGTH_BYTES).unwrap_or(i32::MAX);
    if let Some(place) = out.get_mut(start..start + LENGTH_BYTES) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn write_body(out: &mut Vec<u8>, version: i16, error: i16, asker: Asker<'_>) {
    let flexible = version >= FEATURES_FROM;
    out.extend(error.to_be_bytes());
    let offered = rules().iter().filter_map(|rule| match error {
        0 => offered(rule, asker),
        UNSUPPORTED_VERSION if rule.key == API_VERSIONS => Some(range(rule)),
        _ => None,
    });
    write_count(out, offered.clone().count(), flexible);
    for range in offered {
        out.extend(range.key.to_be_bytes());
        out.extend(range.min.to_be_bytes());
        out.extend(range.max.to_be_bytes());
        if flexible {
            out.push(0);
        }
    }
    if version >= THROTTLE_FROM {
        out.extend(0i32.to_be_bytes());
    }
    if flexible {
        write_features(out, version, if error == 0 { Some(asker) } else { None });
    }
}

fn range(rule: &Rule) -> ApiRange {
    ApiRange { key: rule.key, min: rule.min, max: rule.max }
}

/// The versions that we serve to this client.
fn ours(rule: &Rule, named: bool) -> Option<ApiRange> {
    match rule.named {
        _ if !named => Some(range(rule)),
        NamespaceRule::Served(max) => Some(ApiRange { max, ..range(rule) }),
        NamespaceRule::Untouched | NamespaceRule::Disabled => Some(range(rule)),
        NamespaceRule::Refused | NamespaceRule::Closed => None,
    }
}

/// What a client is told of an API: the versions that both we and the node serve.
fn offered(rule: &Rule, asker: Asker<'_>) -> Option<ApiRange> {
    let ours = ours(rule, asker.named)?;
    // We answer this one, whatever the node would.
    if rule.key == API_VERSIONS {
        return Some(ours);
    }
    let theirs = asker.apis.range(rule.key)?;
    let (min, max) = (ours.min.max(theirs.min), ours.max.min(theirs.max));
    if min > max {
        return None;
    }
    // librdkafka takes a range without 0 for a broker of another age (KAFKA-18659): brokers that dropped 0-2 still
    // show 0, and so do we.
    let min = if rule.key == PRODUCE { theirs.min.min(min) } else { min };
    Some(ApiRange { key: rule.key, min, max })
}

/// Whether a feature may be told. Without a namespace that is the node's own affair.
fn told(feature: &FeatureRange, asker: Asker<'_>) -> bool {
    let needs = FEATURE_NEEDS.iter().find(|(name, _)| *name == &*feature.name).map_or(&[][..], |(_, needs)| needs);
    !asker.named
        || needs.iter().all(|(key, version)| {
            rule(*key).and_then(|rule| offered(rule, asker)).is_some_and(|range| range.max >= *version)
        })
}

fn write_features(out: &mut Vec<u8>, version: i16, asker: Option<Asker<'_>>) {
    let Some(asker) = asker else {
        out.push(0);
        return;
    };
    let apis = asker.apis;
    let lowest = if version >= FEATURE_LEVEL_0_FROM { 0 } else { 1 };
    let supported = || apis.supported_features.iter().filter(|feature| feature.min >= lowest && told(feature, asker));
    let finalized = || apis.finalized_features.iter().filter(|feature| told(feature, asker));
    // An epoch is that of a list: none is told of a list that nothing is left of.
    let emptied = finalized().next().is_none() && !apis.finalized_features.is_empty();
    let mut tags = Vec::new();
    if supported().next().is_some() {
        tags.push((0, features(supported().map(|f| (f, f.min, f.max)))));
    }
    if apis.finalized_features_epoch != -1 && !emptied {
        tags.push((1, apis.finalized_features_epoch.to_be_bytes().to_vec()));
    }
    if finalized().next().is_some() {
        // Here the highest level stands first.
        tags.push((2, features(finalized().map(|f| (f, f.max, f.min)))));
    }
    if apis.zk_migration_ready {
        tags.push((3, vec![1]));
    }
    write_varint(out, tags.len());
    for (number, content) in tags {
        write_varint(out, number);
        write_varint(out, content.len());
        out.extend(content);
    }
}

fn features<'a>(list: impl Iterator<Item = (&'a FeatureRange, i16, i16)> + Clone) -> Vec<u8> {
    let mut out = Vec::new();
    write_count(&mut out, list.clone().count(), true);
    for (feature, first, second) in list {
        write_count(&mut out, feature.name.len(), true);
        out.extend(feature.name.as_bytes());
        out.extend(first.to_be_bytes());
        out.extend(second.to_be_bytes());
        out.push(0);
    }
    out
}

/// A count or a string's length.
fn write_count(out: &mut Vec<u8>, count: usize, flexible: bool) {
    if flexible {
        write_varint(out, count + 1);
    } else {
        out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    }
}

fn write_varint(out: &mut Vec<u8>, value: usize) {
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    push_varint(out, value, varint_bytes(value));
}
