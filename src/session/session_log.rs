//! The log lines of a session's open and its close.

use std::time::Instant;

use super::connection::Connection;
use super::context::Context;
use super::relay::Counts;
use crate::cluster::NodeId;
use crate::metrics::{Cause, Fault};
use crate::rewrite::FaultAt;

/// One session, for the log.
pub(super) struct SessionLog {
    id: u64,
    began: Instant,
    pub node: Option<NodeId>,
    pub counts: Counts,
    /// Where in a frame the fault is for which the session ends; `None`: it ends for no frame's fault.
    pub fault: Option<FaultAt>,
}

impl SessionLog {
    /// A session that begins now.
    pub fn new(context: &Context) -> SessionLog {
        let (id, began) = (context.next_session(), context.net.now());
        SessionLog { id, began, node: None, counts: Counts::default(), fault: None }
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
        let (node, counts, fault) = (self.node.map(|node| node.0), self.counts, self.fault);
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
                    api_key = fault.map(|fault| fault.api_key),
                    api_version = fault.map(|fault| fault.api_version),
                    offset = fault.map(|fault| fault.offset),
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
