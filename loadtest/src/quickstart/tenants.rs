//! The two tenants: their ports, the virtual names they use, and the physical ones on the backend.
//!
//! Owns the names. Both tenants use the same ones: that is the point.

use super::backend::Backend;
use crate::gateway::{Layout, VirtualCluster};
use std::time::{SystemTime, UNIX_EPOCH};

/// The topic of both.
pub const TOPIC: &str = "orders";
/// The group of both.
pub const GROUP: &str = "app";
/// The topic of the load, which is alice's.
pub const LOAD_TOPIC: &str = "load";

/// One of them.
pub struct Tenant {
    /// Its name in the texts.
    pub name: &'static str,
    /// Its virtual cluster, whose name and a dot is its prefix.
    pub cluster: String,
    /// Its ports.
    pub layout: Layout,
}

impl Tenant {
    /// Where its clients begin.
    pub fn bootstrap(&self) -> String {
        self.layout.bootstrap()
    }

    /// The physical name of what the tenant calls `name`.
    pub fn physical(&self, name: &str) -> String {
        format!("{}.{name}", self.cluster)
    }

    /// Its virtual cluster as Klamm is configured with it.
    pub fn virtual_cluster(&self) -> VirtualCluster<'_> {
        VirtualCluster { name: Some(&self.cluster), layout: Some(&self.layout) }
    }
}

/// Alice and bob.
pub struct Tenants {
    /// The first, whose namespace carries the load too.
    pub alice: Tenant,
    /// The second.
    pub bob: Tenant,
}

impl Tenants {
    /// Gives each its block of ports, from `first` on.
    pub fn new(first: u16, backend: &Backend) -> Self {
        // A backend started here is empty; on the user's own Kafka the prefixes must be new ones.
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let end = if backend.is_own() { format!("-{seconds:x}") } else { String::new() };
        let tenant = |name: &'static str, first: u16| Tenant {
            name,
            cluster: format!("vc-{name}{end}"),
            layout: Layout::new(first, &backend.nodes),
        };
        let second = first.saturating_add(Layout::ports_needed(&backend.nodes));
        Self { alice: tenant("alice", first), bob: tenant("bob", second) }
    }

    /// How many ports they need.
    pub fn ports_needed(backend: &Backend) -> u16 {
        Layout::ports_needed(&backend.nodes).saturating_mul(2)
    }

    /// Both.
    pub fn both(&self) -> [&Tenant; 2] {
        [&self.alice, &self.bob]
    }
}
