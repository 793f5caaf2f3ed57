//! The facts of a session that are logged, and the log lines of its open and its close.

use std::sync::Arc;
use std::time::Instant;

use super::context::Context;
use super::relay::Counts;
use crate::cluster::NodeId;
use crate::metrics::{Cause, Fault};
use crate::net::Socket;
use crate::route::{Ingress, Route};

/// One session, for the log.
pub(super) struct SessionLog {
    id: u64,
    listener: Arc<str>,
    peer: Box<str>,
    began: Instant,
    /// `None` before it is known where the connection goes.
    pub virtual_cluster: Option<Arc<str>>,
    pub node: Option<NodeId>,
    pub counts: Counts,
    /// `None` on a plain connection.
    pub tls: Option<Box<TlsFacts>>,
}

/// The facts of the TLS handshake.
#[derive(Default)]
pub(super) struct TlsFacts {
    /// The host name that the client asked for (SNI).
    pub server_name: Option<Box<str>>,
    /// `None` until the handshake is done.
    pub version: Option<&'static str>,
    pub resumed: Option<bool>,
    /// Who the client is, by its certificate.
    pub principal: Option<Box<str>>,
}

impl SessionLog {
    /// A connection that was just accepted.
    pub fn new(context: &Context, ingress: &Ingress, client: &Socket) -> SessionLog {
        SessionLog {
            id: context.next_session(),
            listener: ingress.listener.clone(),
            peer: client.peer().map_or_else(|| "gone".into(), |peer| peer.to_string().into()),
            began: context.net.now(),
            virtual_cluster: None,
            node: None,
            counts: Counts::default(),
            tls: None,
        }
    }

    /// Logs that the session is open, once its route is known.
    pub fn open(&mut self, context: &Context, route: &Route) {
        self.virtual_cluster = Some(route.virtual_cluster.clone());
        let tls = self.tls.as_deref();
        tracing::info!(
            session = self.id,
            shard = context.number,
            listener = &*self.listener,
            virtual_cluster = &*route.virtual_cluster,
            client = &*self.peer,
            server_name = tls.and_then(|tls| tls.server_name.as_deref()),
            tls = tls.and_then(|tls| tls.version),
            resumed = tls.and_then(|tls| tls.resumed),
            principal = tls.and_then(|tls| tls.principal.as_deref()),
            "session open"
        );
    }

    /// Logs that the session is closed.
    pub fn close(&self, context: &Context, cause: Cause) {
        let (node, counts) = (self.node.map(|node| node.0), self.counts);
        let milliseconds = context.net.now().saturating_duration_since(self.began).as_millis() as u64;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    session = self.id,
                    shard = context.number,
                    listener = &*self.listener,
                    virtual_cluster = self.virtual_cluster.as_deref(),
                    client = &*self.peer,
                    server_name = self.tls.as_deref().and_then(|tls| tls.server_name.as_deref()),
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
