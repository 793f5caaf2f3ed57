//! From what a port stands for to a connection with a node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Backend, Upstream};
use crate::cluster::{Catalogue, Node, NodeApis, NodeId};
use crate::metrics::Cause;
use crate::net::Socket;

/// What a connection is to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any live node.
    Bootstrap,
    /// This one.
    Node(NodeId),
}

/// A connection with a node.
pub struct Connected {
    /// The connection.
    pub socket: Socket,
    /// The node at its other end.
    pub node: NodeId,
    /// What that node offers.
    pub apis: Arc<NodeApis>,
}

/// Between two rounds over the nodes, and after a node refused, for as long a newer catalogue is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
const ROUND_PAUSE: Duration = Duration::from_millis(100);

impl Upstream {
    /// Reaches `target`: waits for a catalogue that knows it, and dials.
    ///
    /// # Errors
    ///
    /// `BackendUnavailable` or `NodeUnknown`, at `deadline` at the latest.
    pub async fn connect(&self, backend: usize, target: Target, deadline: Instant) -> Result<Connected, Cause> {
        let known = self.backends.get(backend).ok_or(Cause::BackendUnavailable)?;
        match target {
            Target::Bootstrap => self.connect_any(backend, known, deadline).await,
            Target::Node(node) => self.connect_node(backend, known, node, deadline).await,
        }
    }

    async fn connect_any(&self, backend: usize, known: &Backend, deadline: Instant) -> Result<Connected, Cause> {
        while self.net.now() < deadline {
            let count = known.refreshed.count();
            let catalogue = self.catalogue(backend);
            let nodes: Vec<Node> =
                catalogue.iter().flat_map(|c| &c.nodes).filter(|n| n.apis.is_some()).cloned().collect();
            let turn = known.turn.get();
            known.turn.set(turn.wrapping_add(1));
            for step in 0..nodes.len() {
                let Some(node) = nodes.get(turn.wrapping_add(step) % nodes.len()) else { break };
                // One that is silent must not use up the time of the others.
                let limit = deadline.min(self.net.now() + PATIENCE * 2);
                if let Some(connected) = self.try_node(node, limit).await {
                    return Ok(connected);
                }
            }
            self.hint(backend);
            let pause = if nodes.is_empty() { deadline } else { deadline.min(self.net.now() + ROUND_PAUSE) };
            self.net.until(pause, known.refreshed.after(count)).await;
        }
        Err(Cause::BackendUnavailable)
    }

    async fn connect_node(
        &self,
        backend: usize,
        known: &Backend,
        id: NodeId,
        deadline: Instant,
    ) -> Result<Connected, Cause> {
        let mut refused: Option<Node> = None;
        loop {
            let count = known.refreshed.count();
            let catalogue = self.catalogue(backend);
            let node = catalogue.as_ref().and_then(|catalogue| usable(catalogue, id));
            let (cause, limit) = match (&catalogue, node) {
                (_, Some(node)) if refused.as_ref().is_none_or(|old| old.address != node.address) => {
                    if let Some(connected) = self.try_node(&node, deadline).await {
                        return Ok(connected);
                    }
                    refused = Some(node);
                    // A moved node is found by asking at once; a client is better told soon that this one is down.
                    (Cause::BackendUnavailable, deadline.min(self.net.now() + PATIENCE))
                }
                (_, Some(_)) => return Err(Cause::BackendUnavailable),
                // Named by the backend, and never reached: it exists.
                (Some(catalogue), None) if catalogue.node(id).is_some() => (Cause::BackendUnavailable, deadline),
                (Some(_), None) => (Cause::NodeUnknown, deadline),
                (None, None) => (Cause::BackendUnavailable, deadline),
            };
            self.hint(backend);
            if self.net.until(limit, known.refreshed.after(count)).await.is_none() {
                return Err(cause);
            }
        }
    }

    async fn try_node(&self, node: &Node, deadline: Instant) -> Option<Connected> {
        let apis = node.apis.clone()?;
        match self.dial(&node.address, deadline).await {
            Ok(socket) => Some(Connected { socket, node: node.id, apis }),
            Err(error) => {
                tracing::debug!(node = node.id.0, %error, "a node cannot be reached");
                None
            }
        }
    }
}

fn usable(catalogue: &Catalogue, id: NodeId) -> Option<Node> {
    catalogue.node(id).filter(|node| node.apis.is_some()).cloned()
}
