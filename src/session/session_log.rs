//! The log lines of a session's open and its close.

use std::time::Instant;

use super::connection::Connection;
use super::context::Context;
use super::relay::Counts;
use crate::cluster::NodeId;
use crate::metrics::{Cause, Fault};

/// One session, for the log.
pub(super) struct SessionLog {
    id: u64,
    began: Instant,
    pub node: Option<NodeId>,
    pub counts: Counts,
}

impl SessionLog {
    /// A session that begins now.
    pub fn new(context: &Context) -> SessionLog {
        SessionLog { id: context.next_session(), began: context.net.now(), node: None, counts: Counts::default() }
    }

    /// Logs that the session is open, once its route is known.
    pub fn open(&self, context: &Context, connection: &Connection) {
        let tls = connection.tls.as_deref();
        tracing::info!(
            session = self.id,
            shard = context.number,
            listener = &*connection.listener,
            virtual_cluster = connection.route.as_ref().map(|route| &*route.virtual_cluster),
            client = &*peer(connection),
            server_name = tls.and_then(|tls| tls.server_name.as_deref()),
            tls = tls.and_then(|tls| tls.version),
            resumed = tls.and_then(|tls| tls.resumed),
            principal = connection.identity.proven_principal(),
            "session open"
        );
    }

    /// Logs that the session is closed.
    pub fn close(&self, context: &Context, connection: &Connection, cause: Cause) {
        let (node, counts) = (self.node.map(|node| node.0), self.counts);
        let milliseconds = context.net.now().saturating_duration_since(self.began).as_millis() as u64;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    session = self.id,
                    shard = context.number,
                    listener = &*connection.listener,
                    virtual_cluster = connection.route.as_ref().map(|route| &*route.virtual_cluster),
                    client = &*peer(connection),
                    server_name = connection.tls.as_deref().and_then(|tls| tls.server_name.as_deref()),
                    node,
                    cause = cause.label(),
                    milliseconds,
                    requests = counts.requests,
                    responses = counts.responses,
                    bytes_in = counts.client_bytes_in,
                    bytes_out = counts.client_bytes_out,
                    "session closed"
                )
            };
        }
        match cause.fault() {
            Fault::Gateway if cause == Cause::Panic => line!(error),
            Fault::Backend | Fault::Gateway => line!(warn),
            Fault::None | Fault::Client => line!(info),
        }
    }
}

fn peer(connection: &Connection) -> String {
    connection.peer.map_or_else(|| "gone".to_owned(), |peer| peer.to_string())
}
