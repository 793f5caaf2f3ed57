//! How clients get into a gateway: by port, or by host name through TLS.

use klamm::cluster::HostFormat;

use super::Fallible;

/// How clients get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Plain connections; the port says which virtual cluster and node is meant.
    Ports,
    /// TLS on one port; the host name says it, in this format.
    Names(HostFormat),
}

/// Sends all tests of clients through one door, and leaves the others out: `per_cluster_suffix` or `shared_suffix`.
const DOOR: &str = "KLAMM_E2E_DOOR";

impl Door {
    /// Through host names of which each virtual cluster has a domain of its own.
    pub const OWN_DOMAINS: Door = Door::Names(HostFormat::PerClusterSuffix);
    /// Through host names that share a domain.
    pub const SHARED_DOMAIN: Door = Door::Names(HostFormat::SharedSuffix);

    /// Whether all clients are sent through one door.
    pub fn forced() -> Fallible<Option<Door>> {
        match std::env::var(DOOR).as_deref() {
            Ok("per_cluster_suffix") => Ok(Some(Door::OWN_DOMAINS)),
            Ok("shared_suffix") => Ok(Some(Door::SHARED_DOMAIN)),
            Ok("") | Err(std::env::VarError::NotPresent) => Ok(None),
            _ => Err(format!("{DOOR} is per_cluster_suffix, shared_suffix, or not set").into()),
        }
    }

    /// Its name in the configuration, and behind a dash what the names of its virtual clusters have of their own: those
    /// of all doors share one backend.
    pub fn name(self) -> &'static str {
        match self {
            Door::Ports => "ports",
            Door::Names(HostFormat::PerClusterSuffix) => "per_cluster_suffix",
            Door::Names(HostFormat::SharedSuffix) => "shared_suffix",
        }
    }
}
