//! What this shard's handshakes with nodes use.

use std::sync::Arc;

use super::Upstream;
use crate::tls::BackendSide;

/// The settings that all shards share, and the shard's own, with sessions to resume.
pub struct OwnSide {
    shared: BackendSide,
    /// For handshakes.
    #[expect(dead_code, reason = "no socket speaks TLS with a node yet")]
    pub own: BackendSide,
}

impl OwnSide {
    /// The shard's own of `shared`; nothing to resume yet.
    pub fn of(shared: &BackendSide) -> OwnSide {
        OwnSide { shared: shared.clone(), own: shared.for_shard() }
    }
}

impl Upstream {
    /// Changes what handshakes use that begin from now on; by the index of the backend cluster. Where nothing has changed,
    /// sessions can be resumed as before.
    pub fn set_sides(&self, sides: &[Option<BackendSide>]) {
        for (backend, side) in self.backends.iter().zip(sides) {
            let mut known = backend.side.borrow_mut();
            let same = match (&*known, side) {
                (Some(known), Some(side)) => Arc::ptr_eq(&known.shared.config, &side.config),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !same {
                *known = side.as_ref().map(OwnSide::of);
            }
        }
    }
}
