//! The TLS configuration of this shard's handshakes with nodes.

use std::sync::Arc;

use super::Backend;
use crate::tls::BackendTlsConfig;

/// The configuration of one shard, with its own store of TLS sessions, made of the one that all shards share.
pub(super) struct ShardTlsConfig {
    shared: BackendTlsConfig,
    own: BackendTlsConfig,
}

impl ShardTlsConfig {
    /// The shard's own copy of `shared`; there is nothing to resume yet.
    pub fn of(shared: &BackendTlsConfig) -> ShardTlsConfig {
        ShardTlsConfig { shared: shared.clone(), own: shared.for_shard() }
    }

    /// For a handshake.
    pub fn own(&self) -> BackendTlsConfig {
        self.own.clone()
    }
}

impl Backend {
    /// Changes the configuration of handshakes that begin from now on. Where nothing has changed, TLS sessions can be resumed as
    /// before.
    pub(super) fn set_tls_config(&self, tls_config: Option<&BackendTlsConfig>) {
        let mut known = self.tls_config.borrow_mut();
        let same = match (&*known, tls_config) {
            (Some(known), Some(tls_config)) => Arc::ptr_eq(&known.shared.config, &tls_config.config),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !same {
            *known = tls_config.map(ShardTlsConfig::of);
            // What failed may work now: sessions should not wait for the next interval.
            self.hint.notify();
        }
    }
}
