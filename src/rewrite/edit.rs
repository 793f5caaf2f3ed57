//! What is done at each mark of a walked response: nodes are replaced, left out or hidden.
//!
//! Owns what a mark means and what is held of a frame until its new length is known. Bytes without a mark go where
//! the sink says. May not know where in the frame it is: the walk tells.

use super::endpoints::Endpoints;
use super::rules::Hold;
use super::{Output, View};
use crate::cluster::NodeId;
use crate::frame::{LENGTH_BYTES, append, padded_varint, push_varint, varint_bytes};
use crate::metrics::Cause;
use crate::wire::Role;

/// LEADER_NOT_AVAILABLE.
const LEADER_NOT_AVAILABLE: [u8; 2] = 5i16.to_be_bytes();
/// COORDINATOR_NOT_AVAILABLE.
const COORDINATOR_NOT_AVAILABLE: [u8; 2] = 15i16.to_be_bytes();
const NO_ERROR: [u8; 2] = [0, 0];
const NO_NODE: [u8; 4] = NodeId::NONE.0.to_be_bytes();
const NO_PORT: [u8; 4] = (-1i32).to_be_bytes();

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Out.
    Pass,
    /// Into memory, until the frame's new length is known.
    Hold,
    /// Nowhere.
    Drop,
}

/// The node that the next host and port belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// One that has an address for the client.
    Node(NodeId),
    /// None: an empty host and port -1.
    Nobody,
    /// One that is left out, or in a list that has its own way to write addresses.
    Elsewhere,
}

/// One frame's state.
#[derive(Debug)]
pub struct Editor {
    /// Where bytes without a mark go.
    pub sink: Sink,
    /// Nothing behind this place is ever replaced.
    pub rest_passes: bool,
    hold: Hold,
    flexible: bool,
    held: Vec<u8>,
    named: Named,
    /// Where in `held` the count of brokers stands, the bytes it takes, and how many were kept.
    count_at: usize,
    count_bytes: usize,
    kept: u32,
    /// How many brokers were left out.
    brokers_hidden: u32,
    /// Where in `held` an error code stands that the coordinator behind it may need.
    error_at: Option<usize>,
    /// The coordinator has no address for the client.
    coordinator_missing: bool,
    endpoints: Endpoints,
}

impl Editor {
    /// For a frame that begins with `head` (length and correlation id).
    pub fn new(hold: Hold, flexible: bool, head: &[u8]) -> Editor {
        let holds = hold != Hold::Nothing;
        Editor {
            sink: if holds { Sink::Hold } else { Sink::Pass },
            rest_passes: false,
            hold,
            flexible,
            held: if holds { head.to_vec() } else { Vec::new() },
            named: Named::Elsewhere,
            count_at: 0,
            count_bytes: 0,
            kept: 0,
            brokers_hidden: 0,
            error_at: None,
            coordinator_missing: false,
            endpoints: Endpoints::default(),
        }
    }

    /// Bytes held in memory.
    pub fn held_bytes(&self) -> usize {
        self.held.len() + self.endpoints.held_bytes()
    }

    /// Adds bytes to what is held.
    pub fn hold(&mut self, bytes: &[u8], view: &View<'_>) -> Result<(), Cause> {
        if bytes.len() + self.held.len() > view.hold_bytes_max as usize {
            return Err(Cause::HeldFrameTooLarge);
        }
        append(&mut self.held, bytes)?;
        Ok(())
    }

    /// A marked value. True when it was replaced: then it is not to be given out.
    pub fn leaf(&mut self, role: Role, bytes: &[u8], view: &View<'_>, out: &mut Output) -> Result<bool, Cause> {
        match role {
            Role::BrokerId => self.broker_id(node_id(bytes), view, out),
            Role::CoordinatorId => return self.coordinator_id(node_id(bytes), view, out),
            Role::EndpointId => self.endpoint_id(node_id(bytes), view, out),
            Role::Port => return self.port(view, out),
            Role::ErrorBeforeCoordinator => self.error_at = Some(self.held.len()),
            Role::ErrorAfterCoordinator if self.coordinator_missing && bytes == NO_ERROR => {
                return self.replace(&COORDINATOR_NOT_AVAILABLE, view, out);
            }
            Role::ErrorAfterCoordinator => {}
            Role::ControllerId | Role::PreferredReplica => {
                if hidden(node_id(bytes), view) {
                    return self.replace(&NO_NODE, view, out);
                }
            }
            Role::PartitionLeader => return self.partition_leader(bytes, view, out),
            _ => return Err(Cause::Internal),
        }
        Ok(false)
    }

    /// The length of a marked string, with its `head` bytes. A host is replaced; a rack is kept by `rack`.
    pub fn text(&mut self, role: Role, head: &[u8], view: &View<'_>, out: &mut Output) -> Result<(), Cause> {
        let host = match (role, self.named) {
            (Role::EndpointRack, _) => {
                self.endpoints.rack(head);
                return Ok(());
            }
            (Role::Host, Named::Elsewhere) => return Ok(()),
            (Role::Host, Named::Nobody) => None,
            (Role::Host, Named::Node(node)) => view.addresses.advertised(node),
            _ => return Err(Cause::Internal),
        };
        let host_bytes = host.map_or(0, |host| host.host_bytes());
        let mut text = Vec::with_capacity(host_bytes + LENGTH_BYTES);
        if self.flexible {
            let length = u32::try_from(host_bytes + 1).unwrap_or(u32::MAX);
            push_varint(&mut text, length, varint_bytes(length));
        } else {
            text.extend(i16::try_from(host_bytes).unwrap_or(i16::MAX).to_be_bytes());
        }
        if let Some(host) = host {
            host.push_host(&mut text);
        }
        self.replace(&text, view, out).map(|_| ())
    }

    /// Bytes of the rack whose length was the last marked string.
    pub fn rack(&mut self, bytes: &[u8], view: &View<'_>) -> Result<(), Cause> {
        self.endpoints.rack(bytes);
        if self.held_bytes() > view.hold_bytes_max as usize { Err(Cause::HeldFrameTooLarge) } else { Ok(()) }
    }

    /// The count of a marked array, with its `head` bytes; `left` bytes of the frame follow. True when it is replaced.
    pub fn array(
        &mut self,
        role: Role,
        head: &[u8],
        left: u32,
        view: &View<'_>,
        out: &mut Output,
    ) -> Result<bool, Cause> {
        match role {
            Role::Brokers => {
                (self.count_at, self.count_bytes, self.kept) = (self.held.len(), head.len(), 0);
                Ok(false)
            }
            Role::ControllerNodes => {
                let empty: &[u8] = if self.flexible { &[1] } else { &[0; 4] };
                self.replace(empty, view, out)?;
                self.sink = Sink::Drop;
                Ok(true)
            }
            Role::NodeEndpoints => {
                self.endpoints.start(head.len(), left);
                self.sink = Sink::Drop;
                Ok(true)
            }
            _ => Err(Cause::Internal),
        }
    }

    /// An element of a marked array ended, `left` bytes before the end of the frame.
    pub fn element_end(&mut self, role: Role, left: u32, view: &View<'_>) -> Result<(), Cause> {
        match role {
            Role::Brokers => self.sink = Sink::Hold,
            Role::ControllerNodes => {}
            Role::NodeEndpoints => {
                self.endpoints.entry_end();
                if self.endpoints.read_bytes(left).max(self.held_bytes()) > view.hold_bytes_max as usize {
                    return Err(Cause::HeldFrameTooLarge);
                }
            }
            _ => return Err(Cause::Internal),
        }
        Ok(())
    }

    /// A marked array ended, `left` bytes before the end of the frame.
    pub fn array_end(&mut self, role: Role, left: u32, out: &mut Output) -> Result<(), Cause> {
        match role {
            Role::Brokers => {
                self.write_count();
                if self.hold == Hold::UntilBrokers {
                    self.release(left, out);
                    // What follows names nodes by id alone, and those that there are stand among the brokers.
                    self.rest_passes = self.brokers_hidden == 0;
                }
            }
            Role::ControllerNodes => self.sink = Sink::Hold,
            Role::NodeEndpoints => {
                self.sink = Sink::Pass;
                self.endpoints.end(left, out);
            }
            _ => return Err(Cause::Internal),
        }
        Ok(())
    }

    /// The count of the body's tags, in `head` bytes. True when it is replaced.
    pub fn tags(&mut self, count: u32, head: usize, out: &mut Output) -> Result<bool, Cause> {
        if self.sink != Sink::Pass || self.hold != Hold::Nothing {
            return Ok(false);
        }
        self.endpoints.tags(count, head, out).map_err(|_| Cause::ResponseMalformed)
    }

    /// A tag of the body; `heads` are the bytes of its number and its size. True when it is replaced.
    pub fn tag(&mut self, number: u32, heads: (usize, usize), size: u32, out: &mut Output) -> Result<bool, Cause> {
        if self.sink != Sink::Pass || self.hold != Hold::Nothing {
            return Ok(false);
        }
        self.endpoints.tag(number, heads, size, out).map_err(|_| Cause::ResponseMalformed)
    }

    /// The last field ended.
    pub fn end_body(&mut self, out: &mut Output) {
        self.endpoints.finish(out);
    }

    /// The frame ended.
    pub fn finish(&mut self, out: &mut Output) {
        match self.hold {
            Hold::Nothing | Hold::UntilBrokers => {}
            Hold::Whole => self.release(0, out),
        }
    }

    fn broker_id(&mut self, node: NodeId, view: &View<'_>, out: &mut Output) {
        if view.addresses.advertised(node).is_some() {
            self.named = Named::Node(node);
            self.kept += 1;
        } else {
            left_out(node, out);
            self.brokers_hidden += 1;
            self.named = Named::Elsewhere;
            self.sink = Sink::Drop;
        }
    }

    fn coordinator_id(&mut self, node: NodeId, view: &View<'_>, out: &mut Output) -> Result<bool, Cause> {
        self.coordinator_missing = hidden(node, view);
        self.named = if node.0 < 0 || self.coordinator_missing { Named::Nobody } else { Named::Node(node) };
        if !self.coordinator_missing {
            return Ok(false);
        }
        left_out(node, out);
        if let Some(error) = self.error_at.and_then(|at| self.held.get_mut(at..at + NO_ERROR.len()))
            && error == NO_ERROR
        {
            error.copy_from_slice(&COORDINATOR_NOT_AVAILABLE);
        }
        self.replace(&NO_NODE, view, out)
    }

    fn endpoint_id(&mut self, node: NodeId, view: &View<'_>, out: &mut Output) {
        self.named = Named::Elsewhere;
        match view.addresses.advertised(node) {
            Some(advertised) => self.endpoints.entry(node, &advertised),
            None => {
                left_out(node, out);
                self.endpoints.entry_left_out();
            }
        }
    }

    fn port(&mut self, view: &View<'_>, out: &mut Output) -> Result<bool, Cause> {
        match self.named {
            Named::Elsewhere => Ok(true),
            Named::Nobody => self.replace(&NO_PORT, view, out),
            Named::Node(node) => {
                let port = view.addresses.advertised(node).map_or(NO_PORT, |to| i32::from(to.port).to_be_bytes());
                self.replace(&port, view, out)
            }
        }
    }

    fn partition_leader(&mut self, bytes: &[u8], view: &View<'_>, out: &mut Output) -> Result<bool, Cause> {
        let [e0, e1, p0, p1, p2, p3, l0, l1, l2, l3] = *bytes else { return Err(Cause::ResponseMalformed) };
        if !hidden(NodeId(i32::from_be_bytes([l0, l1, l2, l3])), view) {
            return Ok(false);
        }
        let [e0, e1] = if [e0, e1] == NO_ERROR { LEADER_NOT_AVAILABLE } else { [e0, e1] };
        let [l0, l1, l2, l3] = NO_NODE;
        self.replace(&[e0, e1, p0, p1, p2, p3, l0, l1, l2, l3], view, out)
    }

    /// Gives out other bytes than those that came.
    fn replace(&mut self, bytes: &[u8], view: &View<'_>, out: &mut Output) -> Result<bool, Cause> {
        match self.sink {
            Sink::Pass => out.push_new(bytes),
            Sink::Hold => self.hold(bytes, view)?,
            Sink::Drop => {}
        }
        Ok(true)
    }

    /// Puts the number of brokers kept where their count stands, in as many bytes as that took.
    fn write_count(&mut self) {
        let Some(place) = self.held.get_mut(self.count_at..self.count_at + self.count_bytes) else { return };
        if self.flexible {
            let count = padded_varint(self.kept + 1, self.count_bytes);
            place.copy_from_slice(count.get(..place.len()).unwrap_or_default());
        } else if let Ok(place) = <&mut [u8; 4]>::try_from(place) {
            *place = self.kept.to_be_bytes();
        }
    }

    /// Gives out what was held: `left` more bytes follow in the frame, none of which will change its length.
    fn release(&mut self, left: u32, out: &mut Output) {
        let length = (self.held.len() - LENGTH_BYTES) as u64 + u64::from(left);
        let length = i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes();
        if let Some(place) = self.held.first_chunk_mut() {
            *place = length;
        }
        out.push_new(&self.held);
        self.held = Vec::new();
        self.sink = Sink::Pass;
    }
}

/// A real node that has no address for the client.
fn hidden(node: NodeId, view: &View<'_>) -> bool {
    node.0 >= 0 && view.addresses.advertised(node).is_none()
}

/// Tells of a node that has no address for the client; a negative id is no node.
fn left_out(node: NodeId, out: &mut Output) {
    if node.0 >= 0 {
        out.left_out.push(node);
    }
}

fn node_id(bytes: &[u8]) -> NodeId {
    bytes.first_chunk().map_or(NodeId::NONE, |id| NodeId(i32::from_be_bytes(*id)))
}
