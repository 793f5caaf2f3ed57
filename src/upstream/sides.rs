//! What this shard's handshakes with nodes use.

use std::sync::Arc;

use super::Upstream;
use crate::tls::BackendSide;

/// The shard's own settings, with sessions to resume, made of those that all shards share.
pub(super) struct OwnSide {
    shared: BackendSide,
    own: BackendSide,
}

impl OwnSide {
    /// The shard's own of `shared`; nothing to resume yet.
    pub fn of(shared: &BackendSide) -> OwnSide {
        OwnSide { shared: shared.clone(), own: shared.for_shard() }
    }

    /// For a handshake.
    pub fn own(&self) -> BackendSide {
        self.own.clone()
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
                // What failed may work now: nobody should wait for the next interval.
                backend.hint.raise();
            }
        }
    }
}
