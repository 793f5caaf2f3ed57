//! From the node that a port or a host name stands for to a connection with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dial_error::DialError;
use super::staggered::first_ok;
use super::{Backend, Dialer, Upstream};
use crate::cluster::{BackendId, Catalogue, Node, NodeApis, NodeId};
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

/// After a node refused, a newer catalogue is waited for so long.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two rounds over the nodes: the pause doubles, so that many clients of a backend that is down dial it seldom.
const ROUND_PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_millis(800);

impl Upstream {
    /// Reaches `target`: waits for a catalogue that knows it, and dials.
    ///
    /// # Errors
    ///
    /// `BackendUnavailable`, `NodeUnknown` or what kept TLS from being spoken, at `deadline` at the latest.
    pub async fn connect(&self, backend: BackendId, target: Target, deadline: Instant) -> Result<Connected, Cause> {
        let known = self.backends.get(&backend).ok_or(Cause::BackendUnavailable)?;
        match target {
            Target::Bootstrap => Box::pin(self.dialer.connect_any(known, deadline)).await,
            Target::Node(node) => self.dialer.connect_node(known, node, deadline).await,
        }
    }
}

impl Dialer {
    /// Begins with another node each time; one that is silent costs little, since the next one is tried beside it.
    async fn connect_any(&self, known: &Backend, deadline: Instant) -> Result<Connected, Cause> {
        let (mut cause, mut round_pause) = (None, *ROUND_PAUSE.start());
        while self.net.now() < deadline {
            let count = known.refreshed.count();
            let catalogue = known.catalogue.borrow().clone();
            let nodes: Vec<Node> =
                catalogue.iter().flat_map(|c| &c.nodes).filter(|n| n.apis.is_some()).cloned().collect();
            let turn = known.turn.get();
            known.turn.set(turn.wrapping_add(1));
            // One that is silent must not use up the time of the others.
            let try_node = async |node: &Node| {
                let limit = deadline.min(self.net.now() + PATIENCE * 2);
                self.try_node(known, node, limit).await
            };
            let (before, after) = nodes.split_at(turn.checked_rem(nodes.len()).unwrap_or(0));
            let attempts = after.iter().chain(before).map(try_node);
            match first_ok(&self.net, &known.spare_dials, attempts).await {
                Ok(connected) => return Ok(connected),
                Err(errors) if errors.is_empty() => {}
                Err(errors) => cause = Some(DialError::all(&errors).cause),
            }
            self.hint(known);
            let pause = if nodes.is_empty() { deadline } else { deadline.min(self.net.now() + round_pause) };
            round_pause = (round_pause * 2).min(*ROUND_PAUSE.end());
            self.net.until(pause, known.refreshed.after(count)).await;
        }
        Err(cause.unwrap_or_else(|| known.failures.borrow().cause()))
    }

    async fn connect_node(&self, known: &Backend, id: NodeId, deadline: Instant) -> Result<Connected, Cause> {
        let mut refused: Option<(Node, Cause)> = None;
        loop {
            let count = known.refreshed.count();
            let catalogue = known.catalogue.borrow().clone();
            let node = catalogue.as_ref().and_then(|catalogue| usable(catalogue, id));
            let failed = |known: &Backend| known.failures.borrow().of(id);
            let (cause, limit) = match (&catalogue, node, &refused) {
                // Not again at the address that just refused.
                (_, Some(node), Some((old, cause))) if old.address == node.address => return Err(*cause),
                (_, Some(node), _) => {
                    let cause = match self.try_node(known, &node, deadline).await {
                        Ok(connected) => return Ok(connected),
                        Err(error) => error.cause,
                    };
                    refused = Some((node, cause));
                    // A moved node is found by a refresh at once; else the client should soon learn that this one is down.
                    (cause, deadline.min(self.net.now() + PATIENCE))
                }
                // Listed by the backend, and never reached: it exists.
                (Some(catalogue), None, _) if catalogue.node(id).is_some() => (failed(known), deadline),
                (Some(_), None, _) => (Cause::NodeUnknown, deadline),
                (None, None, _) => (failed(known), deadline),
            };
            self.hint(known);
            if self.net.until(limit, known.refreshed.after(count)).await.is_none() {
                return Err(cause);
            }
        }
    }

    async fn try_node(&self, known: &Backend, node: &Node, deadline: Instant) -> Result<Connected, DialError> {
        let Some(apis) = node.apis.clone() else {
            return Err(DialError::unavailable("it has never answered ApiVersions"));
        };
        match self.dial(known, &node.address, deadline).await {
            Ok(socket) => Ok(Connected { socket, node: node.id, apis }),
            Err(error) => {
                tracing::debug!(node = node.id.0, %error, "a node cannot be reached");
                Err(error)
            }
        }
    }
}

fn usable(catalogue: &Catalogue, id: NodeId) -> Option<Node> {
    catalogue.node(id).filter(|node| node.apis.is_some()).cloned()
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
