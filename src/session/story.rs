//! What a session has come to, and the lines of the log that tell it.

use std::sync::Arc;
use std::time::Instant;

use super::context::Context;
use super::relay::Counts;
use crate::cluster::NodeId;
use crate::metrics::{Cause, Fault};
use crate::net::Socket;
use crate::route::{Entrance, Route};

/// One session, for the log.
pub(super) struct Story {
    id: u64,
    listener: Arc<str>,
    peer: Box<str>,
    began: Instant,
    /// `None` before it is known where the connection goes.
    pub virtual_cluster: Option<Arc<str>>,
    pub node: Option<NodeId>,
    pub counts: Counts,
    /// `None` on a plain connection.
    pub tls: Option<Box<Tls>>,
}

/// What TLS came to.
#[derive(Default)]
pub(super) struct Tls {
    /// What the client asked for.
    pub server_name: Option<Box<str>>,
    /// `None` while hands are not shaken.
    pub version: Option<&'static str>,
    pub resumed: Option<bool>,
    /// Who the client is, by its certificate.
    pub principal: Option<Box<str>>,
}

impl Story {
    /// A connection that was just accepted.
    pub fn new(context: &Context, entrance: &Entrance, client: &Socket) -> Story {
        Story {
            id: context.next_session(),
            listener: entrance.listener.clone(),
            peer: client.peer().map_or_else(|| "gone".into(), |peer| peer.to_string().into()),
            began: context.net.now(),
            virtual_cluster: None,
            node: None,
            counts: Counts::default(),
            tls: None,
        }
    }

    /// It is known where the connection goes.
    pub fn open(&mut self, context: &Context, route: &Route) {
        self.virtual_cluster = Some(route.virtual_cluster.clone());
        let tls = self.tls.as_deref();
        tracing::info!(
            session = self.id,
            shard = context.shard,
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

    /// It is over.
    pub fn close(&self, context: &Context, cause: Cause) {
        let (node, counts) = (self.node.map(|node| node.0), self.counts);
        let milliseconds = context.net.now().saturating_duration_since(self.began).as_millis() as u64;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    session = self.id,
                    shard = context.shard,
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
