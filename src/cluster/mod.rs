//! Plain types that every layer may name: nodes and their addresses, API ranges, the catalogue, the address map.
//!
//! Owns values, no behaviour beyond look-ups. May not do I/O, read the clock, or name another module of Klamm.

mod address_map;
mod catalogue;
mod cluster_id;
mod host_names;
mod ids;
mod namespace;
mod shadowed_topics;

pub use address_map::{AddressMap, NodePorts, PortMapping};
pub use catalogue::{ApiRange, Catalogue, FeatureRange, Node, NodeApis};
pub use cluster_id::virtual_cluster_id;
pub use host_names::{Advertised, HostFormat, HostNames};
pub use ids::{BackendId, ListenerId, VirtualClusterId};
pub use namespace::{
    Additional, Exact, INTERNAL_TOPICS, Mode, Namespace, Physical, Refusal, TOPIC_BYTES_MAX, is_topic_byte,
    is_topic_name, matches_glob,
};
pub use shadowed_topics::{ShadowCheck, ShadowWarnings};

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::Arc;

/// A Kafka node id (`broker.id`), as it stands in Metadata. Never negative for a real node; `-1` means "none" on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i32);

impl NodeId {
    /// What Kafka writes where no node is meant.
    pub const NONE: NodeId = NodeId(-1);
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A host (name or address, an IPv6 address without brackets) and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// Name or address; never empty.
    pub host: Arc<str>,
    /// Never 0.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is not a `host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHostPort;

impl fmt::Display for NotHostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected host:port or [v6]:port with a port from 1 to 65535")
    }
}

impl std::error::Error for NotHostPort {}

impl FromStr for HostPort {
    type Err = NotHostPort;

    fn from_str(text: &str) -> Result<HostPort, NotHostPort> {
        let (host, port) = text.rsplit_once(':').ok_or(NotHostPort)?;
        let port: u16 = port.parse().map_err(|_| NotHostPort)?;
        let host = match host.strip_prefix('[') {
            Some(inner) => {
                let inner = inner.strip_suffix(']').ok_or(NotHostPort)?;
                inner.parse::<Ipv6Addr>().map_err(|_| NotHostPort)?;
                inner
            }
            None => host,
        };
        let plain = !text.starts_with('[') && (host.contains(':') || host.contains(char::is_whitespace));
        if host.is_empty() || port == 0 || plain {
            return Err(NotHostPort);
        }
        Ok(HostPort { host: host.into(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_port_reads_names_and_both_families() {
        for (text, host, port) in [("a.b:9092", "a.b", 9092), ("10.0.0.1:1", "10.0.0.1", 1), ("[::1]:9", "::1", 9)] {
            let read: HostPort = text.parse().unwrap();
            assert_eq!((&*read.host, read.port), (host, port));
            assert_eq!(read.to_string(), text);
        }
        for text in ["", "a", ":9", "a:", "a:0", "a:65536", "::1:9", "[::1]", "[a]:9", "a b:9"] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
