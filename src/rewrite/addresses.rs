//! Node addresses in a response: nodes get the address that the client may use, are left out, or hidden.
//!
//! Owns what each role of a node means. May not know where in the frame it is: the walk says so.

use super::SessionView;
use super::endpoints::{Endpoints, Impossible};
use super::engine::edit::Stop;
use super::engine::patch::{Place, Rest};
use super::engine::token::Token;
use super::engine::walk::Frame;
use crate::cluster::NodeId;
use crate::metrics::Cause;
use crate::wire::{Plan, Role};

/// LEADER_NOT_AVAILABLE.
const LEADER_NOT_AVAILABLE: [u8; 2] = 5i16.to_be_bytes();
/// COORDINATOR_NOT_AVAILABLE.
const COORDINATOR_NOT_AVAILABLE: [u8; 2] = 15i16.to_be_bytes();
const NO_ERROR: [u8; 2] = [0, 0];
const NO_NODE: [u8; 4] = NodeId::NONE.0.to_be_bytes();
const NO_PORT: [u8; 4] = (-1i32).to_be_bytes();

/// The node that the next host and port belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Named {
    /// One that has an address for the client.
    Node(NodeId),
    /// None: an empty host and port -1.
    Nobody,
    /// One that is left out, or in a list that has its own way to write addresses.
    #[default]
    Elsewhere,
}

/// What follows where every broker has an address for the client: behind them nodes are named by id alone, and those that
/// there are stand among the brokers.
#[derive(Clone, Copy)]
pub enum BehindBrokers {
    /// Nothing that need be looked at.
    Passes,
    /// What this plan looks at.
    By(&'static Plan),
    /// The same as before.
    Same,
}

/// What is known of the nodes of one response.
#[derive(Debug, Default)]
pub struct Addresses {
    named: Named,
    /// Where the count of brokers stands, how many were kept, and how many left out.
    count: Place,
    kept: u32,
    hidden: u32,
    /// Where an error code stands that the coordinator behind it may need.
    error: Option<Place>,
    /// The coordinator has no address for the client.
    coordinator_missing: bool,
    /// The first broker that was kept: any of them forwards what is the controller's (KIP-590).
    first_kept: Option<NodeId>,
    /// Where the controller's id stands before the brokers, and has no address for the client.
    controller: Option<Place>,
    endpoints: Endpoints,
}

impl Addresses {
    /// Bytes held in memory.
    pub fn held_bytes(&self) -> usize {
        self.endpoints.held_bytes()
    }

    /// A value of fixed size that is about a node.
    pub fn leaf(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        view: &SessionView<'_>,
    ) -> Result<(), Stop> {
        match role {
            Role::BrokerId => self.broker_id(node_id(token.bytes), token, frame, view),
            Role::CoordinatorId => self.coordinator_id(node_id(token.bytes), token, frame, view),
            Role::EndpointId => self.endpoint_id(node_id(token.bytes), frame, view),
            Role::Port => self.port(token, frame, view),
            Role::ControllerId => self.controller_id(node_id(token.bytes), token, frame, view),
            Role::PreferredReplica => {
                if hidden(node_id(token.bytes), view) {
                    frame.patch().replace(token.at, &NO_NODE);
                }
            }
            Role::PartitionLeader => partition_leader(token, frame, view)?,
            _ => return Err(Cause::Internal.into()),
        }
        Ok(())
    }

    /// The error code that stands before a coordinator, as it leaves.
    pub fn error_before(&mut self, place: Place) {
        self.error = Some(place);
    }

    /// The error code that stands behind a coordinator, as it is without names.
    pub fn error_behind(&self, code: [u8; 2]) -> [u8; 2] {
        if self.coordinator_missing && code == NO_ERROR { COORDINATOR_NOT_AVAILABLE } else { code }
    }

    /// A string that is about a node.
    pub fn text(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        view: &SessionView<'_>,
    ) -> Result<(), Stop> {
        let host = match (role, self.named) {
            (Role::EndpointRack, _) => {
                self.endpoints.rack(token.bytes);
                return self.bounded(0, view);
            }
            (Role::Host, Named::Elsewhere) => return Ok(()),
            (Role::Host, Named::Nobody) => None,
            (Role::Host, Named::Node(node)) => view.addresses.advertised(node),
            _ => return Err(Cause::Internal.into()),
        };
        let bytes = host.map_or(0, |host| host.host_bytes());
        frame.patch().string_with(token.at, bytes, |into| {
            if let Some(host) = host {
                host.push_host(into);
            }
        });
        Ok(())
    }

    /// The count of an array of nodes.
    pub fn array(&mut self, role: Role, token: &Token<'_>, frame: &mut Frame<'_>) -> Result<(), Stop> {
        match role {
            Role::Brokers => self.count = frame.patch().replaceable(token.at, token.bytes),
            Role::ControllerNodes => {
                let empty: &[u8] = if frame.flexible() { &[1] } else { &[0; 4] };
                frame.patch().replace(token.at, empty);
                frame.rest(token.at.1, Rest::LeftOut);
            }
            Role::NodeEndpoints => {
                self.endpoints.start(token.bytes.len(), frame.left());
                frame.rest(token.at.0, Rest::LeftOut);
            }
            _ => return Err(Cause::Internal.into()),
        }
        Ok(())
    }

    /// A node of an array ended.
    pub fn element_end(&mut self, role: Role, frame: &mut Frame<'_>, view: &SessionView<'_>) -> Result<(), Stop> {
        match role {
            Role::Brokers => frame.rest(frame.at(), Rest::Stays),
            Role::ControllerNodes => {}
            Role::NodeEndpoints => {
                self.endpoints.entry_end();
                self.bounded(self.endpoints.read_bytes(frame.left()), view)?;
            }
            _ => return Err(Cause::Internal.into()),
        }
        Ok(())
    }

    /// An array of nodes ended.
    pub fn array_end(
        &mut self,
        role: Role,
        frame: &mut Frame<'_>,
        view: &SessionView<'_>,
        behind: BehindBrokers,
    ) -> Result<(), Stop> {
        match role {
            Role::Brokers => {
                frame.patch().put_count(self.count, self.kept);
                if let (Some(place), Some(stands_in)) = (self.controller.take(), self.first_kept)
                    && let Some(controller) = frame.patch().at(place)
                {
                    controller.copy_from_slice(&stands_in.0.to_be_bytes());
                }
                match behind {
                    BehindBrokers::Passes => {
                        let held = frame.patch().written();
                        if held > u64::from(view.hold_bytes_max) {
                            return Err(Cause::HeldFrameTooLarge.into());
                        }
                        frame.promise(0)?;
                        if self.hidden == 0 {
                            frame.pass_rest();
                        }
                    }
                    BehindBrokers::By(plan) if self.hidden == 0 => frame.switch(plan),
                    BehindBrokers::By(_) | BehindBrokers::Same => {}
                }
            }
            Role::ControllerNodes => frame.rest(frame.at(), Rest::Stays),
            Role::NodeEndpoints => {
                frame.rest(frame.at(), Rest::Stays);
                self.endpoints.end(frame.left(), frame.patch());
            }
            _ => return Err(Cause::Internal.into()),
        }
        Ok(())
    }

    /// The count of the body's tags.
    pub fn tags(&mut self, count: u32, token: &Token<'_>, frame: &mut Frame<'_>) -> Result<(), Stop> {
        self.endpoints.tags(count, token, frame.patch()).map_err(|Impossible| Cause::ResponseMalformed.into())
    }

    /// A tag of the body: its number, with the bytes that it takes, and its size.
    pub fn tag(
        &mut self,
        number: (u32, usize),
        size: u32,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
    ) -> Result<(), Stop> {
        self.endpoints.tag(number, size, token, frame.patch()).map_err(|Impossible| Cause::ResponseMalformed.into())
    }

    /// The last field ended.
    pub fn body_end(&mut self, frame: &mut Frame<'_>) {
        self.endpoints.finish(frame);
    }

    fn broker_id(&mut self, node: NodeId, token: &Token<'_>, frame: &mut Frame<'_>, view: &SessionView<'_>) {
        if view.addresses.advertised(node).is_some() {
            self.named = Named::Node(node);
            self.kept += 1;
            self.first_kept.get_or_insert(node);
        } else {
            // It is the first of the broker's fields.
            left_out(node, frame);
            self.hidden += 1;
            self.named = Named::Elsewhere;
            frame.rest(token.at.0, Rest::LeftOut);
        }
    }

    /// The controller. Where it has no address for the client, another broker stands in: several clients cannot do without one.
    fn controller_id(&mut self, node: NodeId, token: &Token<'_>, frame: &mut Frame<'_>, view: &SessionView<'_>) {
        if !hidden(node, view) {
            return;
        }
        match self.first_kept {
            Some(stands_in) => frame.patch().replace(token.at, &stands_in.0.to_be_bytes()),
            // The brokers come behind it.
            None => self.controller = Some(frame.patch().replaceable(token.at, &NO_NODE)),
        }
    }

    fn coordinator_id(&mut self, node: NodeId, token: &Token<'_>, frame: &mut Frame<'_>, view: &SessionView<'_>) {
        self.coordinator_missing = hidden(node, view);
        self.named = if node.0 < 0 || self.coordinator_missing { Named::Nobody } else { Named::Node(node) };
        if !self.coordinator_missing {
            return;
        }
        left_out(node, frame);
        if let Some(error) = self.error.and_then(|place| frame.patch().at(place))
            && error == NO_ERROR
        {
            error.copy_from_slice(&COORDINATOR_NOT_AVAILABLE);
        }
        frame.patch().replace(token.at, &NO_NODE);
    }

    fn endpoint_id(&mut self, node: NodeId, frame: &mut Frame<'_>, view: &SessionView<'_>) {
        self.named = Named::Elsewhere;
        match view.addresses.advertised(node) {
            Some(advertised) => self.endpoints.entry(node, &advertised),
            None => left_out(node, frame),
        }
    }

    fn port(&mut self, token: &Token<'_>, frame: &mut Frame<'_>, view: &SessionView<'_>) {
        let port = match self.named {
            Named::Elsewhere => return,
            Named::Nobody => NO_PORT,
            Named::Node(node) => view.addresses.advertised(node).map_or(NO_PORT, |to| i32::from(to.port).to_be_bytes()),
        };
        frame.patch().replace(token.at, &port);
    }

    /// What is held of addresses, and what may have to be filled at once, is bounded.
    fn bounded(&self, bytes: usize, view: &SessionView<'_>) -> Result<(), Stop> {
        let within = bytes.max(self.held_bytes()) <= view.hold_bytes_max as usize;
        if within { Ok(()) } else { Err(Cause::HeldFrameTooLarge.into()) }
    }
}

fn partition_leader(token: &Token<'_>, frame: &mut Frame<'_>, view: &SessionView<'_>) -> Result<(), Stop> {
    let [e0, e1, p0, p1, p2, p3, l0, l1, l2, l3] = *token.bytes else { return Err(Cause::Internal.into()) };
    if !hidden(NodeId(i32::from_be_bytes([l0, l1, l2, l3])), view) {
        return Ok(());
    }
    let [e0, e1] = if [e0, e1] == NO_ERROR { LEADER_NOT_AVAILABLE } else { [e0, e1] };
    let [l0, l1, l2, l3] = NO_NODE;
    frame.patch().replace(token.at, &[e0, e1, p0, p1, p2, p3, l0, l1, l2, l3]);
    Ok(())
}

/// A real node that has no address for the client.
fn hidden(node: NodeId, view: &SessionView<'_>) -> bool {
    node.0 >= 0 && view.addresses.advertised(node).is_none()
}

/// Notes a node that has no address for the client; a negative id is no node.
fn left_out(node: NodeId, frame: &mut Frame<'_>) {
    if node.0 >= 0 {
        frame.patch().out().left_out.push(node);
    }
}

fn node_id(bytes: &[u8]) -> NodeId {
    bytes.first_chunk().map_or(NodeId::NONE, |id| NodeId(i32::from_be_bytes(*id)))
}
