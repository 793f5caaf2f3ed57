//! What is known of a backend cluster: its nodes, their addresses, what they offer.

use std::sync::Arc;

use super::{HostPort, NodeId};

/// The versions of one API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiRange {
    /// The api key.
    pub key: i16,
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
}

/// A feature with its levels, as ApiVersions v3+ has it (KIP-584).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRange {
    /// For example `transaction.version`.
    pub name: Box<str>,
    /// Lowest level.
    pub min: i16,
    /// Highest level.
    pub max: i16,
}

/// What one node answered to ApiVersions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeApis {
    /// Sorted by key.
    pub ranges: Vec<ApiRange>,
    /// As the node sent them in ApiVersions v3 or later; empty where it speaks only older ones.
    pub supported_features: Vec<FeatureRange>,
    /// `-1` where the node sent none.
    pub finalized_features_epoch: i64,
    /// As sent, unsorted.
    pub finalized_features: Vec<FeatureRange>,
    /// KRaft migration state (KIP-866).
    pub zk_migration_ready: bool,
}

impl NodeApis {
    /// The versions the node offers of `key`.
    pub fn range(&self, key: i16) -> Option<ApiRange> {
        let at = self.ranges.binary_search_by_key(&key, |range| range.key).ok()?;
        self.ranges.get(at).copied()
    }
}

/// One node of a backend cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// The address the backend advertises for it: secret from clients.
    pub address: HostPort,
    /// What it offers; `None` until it was asked with success.
    pub apis: Option<Arc<NodeApis>>,
}

/// A frozen, versioned picture of a backend cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// Grows by one with each change; the first is 1.
    pub version: u64,
    /// The backend's own cluster id.
    pub cluster_id: Option<Box<str>>,
    /// Sorted by id.
    pub nodes: Vec<Node>,
}

impl Catalogue {
    /// The node with this id.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        let at = self.nodes.binary_search_by_key(&id, |node| node.id).ok()?;
        self.nodes.get(at)
    }
}
