//! The rules table and what is done in a walk: what is served, what is replaced in a frame, what we answer ourselves.
//!
//! Owns the rules, the engine that walks frames by them, and its edits: names in and out, advertised addresses (from a plain
//! map handed to it), our own answers. Knows who a client is, not how that was proven. May not open a socket, copy record
//! batches, or name route. Pure: bytes in, segments and actions out.

mod addresses;
mod api_versions;
mod endpoints;
mod engine;
mod names;
mod request_head;
mod requests;
mod responses;
mod rules;
mod treatments;

pub use engine::output::{Output, Segment};
pub use engine::side::Side;
pub use engine::transducer::{FaultAt, Transducer};
pub use names::rejected_name::RejectedName;
pub use request_head::{Opening, opening};
pub use requests::{Incoming, Requests};
pub use responses::{Outgoing, Responses};
pub use rules::{Foreign, Hold, NamespaceRule, RequestRule, ResponseRule, Rule, rule, rules, support_table};
pub use treatments::prepare;

use crate::auth::Identity;
use crate::cluster::{AddressMap, Namespace, NodeApis};
use crate::wire::REQUEST_HEAD_BYTES;

/// Most bytes that `feed` leaves over for want of more: a request's head, or one token of a walk, less one byte. (More
/// are left over only where [`Progress::waits`] says so, and behind promised bytes there are none.)
pub const REST_BYTES_MAX: usize = 11;

/// A response may be held that is so many times longer than a held request: a backend's Metadata of all topics holds those
/// of all its virtual clusters, some 100 bytes a partition, of which a client gets few.
pub const HELD_RESPONSE_FACTOR: usize = 16;

const _: () = assert!(REST_BYTES_MAX + 1 >= REQUEST_HEAD_BYTES && REST_BYTES_MAX + 1 >= crate::wire::TOKEN_BYTES_MAX);

/// What a session knows that its frames are walked with.
pub struct SessionView<'a> {
    /// What the client is told of each node.
    pub addresses: &'a AddressMap,
    /// What the node at the other end offers.
    pub apis: &'a NodeApis,
    /// The names of the virtual cluster; `None`: everything is seen under its own name.
    pub namespace: Option<NamespaceView<'a>>,
    /// Longest request, in bytes.
    pub frame_bytes_max: u32,
    /// Longest frame that may be held whole, in bytes.
    pub hold_bytes_max: u32,
    /// Requests in flight before reading stops.
    pub in_flight_max: usize,
    /// Who the client is.
    pub identity: &'a Identity,
    /// What decides what it may do; `None`: it may do everything.
    pub access: Option<&'a dyn Access>,
}

/// What a namespaced virtual cluster's frames are walked with.
#[derive(Clone, Copy)]
pub struct NamespaceView<'a> {
    /// Its names.
    pub names: &'a Namespace,
    /// The cluster id that its clients are told.
    pub cluster_id: &'a str,
    /// Topic ids that clients ask for are combined with this (exclusive or), so that no id that they could name exists;
    /// random, the same for the life of the process.
    pub id_mask: [u8; 16],
}

/// What one call of `feed` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that are dealt with; the caller gives the rest again, with more behind it.
    pub consumed: usize,
    /// The next bytes of this direction, behind the consumed ones, that pass untouched and unread: the caller may
    /// move them by any means and says so with `passed`.
    pub pass: u64,
    /// Behind these the frame has more bytes, which are looked at.
    pub goes_on: bool,
    /// Nothing was given out but bytes of the frame that goes on with those that pass: without these nobody can use them.
    pub alone: bool,
    /// The direction stands still until this is there: feed again then. What was not consumed stays with the caller.
    pub waits: Option<Need>,
}

/// What a direction that stands still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A slot: `in_flight_max` requests are in flight, or the own answers that wait are long.
    Slot,
    /// A decision: [`Access`] does not know it yet.
    Decision,
}

/// Decides what a client may do, on top of what its virtual cluster can name.
pub trait Access {
    /// Whether a request may begin. Asked in the order of requests, before a byte of one leaves; while the answer is not
    /// known, the direction waits, and asks again when it is fed.
    fn request(&self, identity: &Identity, key: i16, version: i16) -> Decision;

    /// Whether a topic, by its virtual name, may be used in a request of this API. It is known when the request begins.
    fn topic(&self, identity: &Identity, key: i16, name: &[u8]) -> bool;
}

/// Whether a request may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// It may not: it is answered with this error code, or closes the connection where its API has no such answer.
    Denied(i16),
    /// It is not known yet.
    NotYet,
}
