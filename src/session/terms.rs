//! What the frames of a session are walked with, from its beginning to its end.

use std::sync::Arc;

use super::context::{Context, Phase};
use crate::auth::Identity;
use crate::cluster::{NodeApis, virtual_cluster_id};
use crate::rewrite::{NamespaceView, SessionView};
use crate::route::Route;

/// What is known of a session before its first frame.
pub(super) struct Terms<'a> {
    pub context: &'a Context,
    pub route: &'a Route,
    identity: &'a Identity,
    apis: Arc<NodeApis>,
    /// The cluster id that the client sees, where it has a namespace.
    cluster_id: Box<str>,
}

impl<'a> Terms<'a> {
    /// Of a client with that identity, on that route, to a node that offers these.
    pub fn new(context: &'a Context, (route, identity): (&'a Route, &'a Identity), apis: Arc<NodeApis>) -> Terms<'a> {
        Terms { context, route, identity, apis, cluster_id: cluster_id(context, route) }
    }

    /// What a walk is told.
    pub fn view(&self) -> SessionView<'_> {
        let Terms { context, route, identity, apis, cluster_id } = self;
        let named = |names| NamespaceView { names, cluster_id, id_mask: context.id_mask };
        SessionView {
            addresses: &route.addresses,
            apis,
            namespace: route.namespace.as_deref().map(named),
            frame_bytes_max: context.limits.frame_bytes_max,
            hold_bytes_max: context.limits.hold_bytes_max,
            in_flight_max: self.in_flight_max(),
            identity,
            access: context.access.as_deref(),
        }
    }

    /// No further request is taken while the shard drains.
    pub fn in_flight_max(&self) -> usize {
        match self.context.phase() {
            Phase::Serving => usize::from(self.context.limits.in_flight_max),
            Phase::Draining | Phase::Over => 0,
        }
    }
}

/// Empty without a namespace: then the client sees the backend's.
fn cluster_id(context: &Context, route: &Route) -> Box<str> {
    if route.namespace.is_none() {
        return Box::default();
    }
    let catalogue = context.upstream.catalogue(route.backend);
    let backend = catalogue.as_ref().and_then(|catalogue| catalogue.cluster_id.as_deref());
    virtual_cluster_id(backend.unwrap_or_default(), &route.virtual_cluster)
}
