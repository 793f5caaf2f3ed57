//! A response of a namespaced virtual cluster, whole: its nodes are seen to first, as without a namespace, then its names.
//!
//! Owns the bytes of a response that came in pieces, until it is whole.

use super::super::output::{Output, Segment};
use super::super::plans::{METADATA_FRONTS, NAMED_RESPONSES};
use super::super::responses::Responses;
use super::super::rules::{Hold, NamedRule, ResponseRule, Rule};
use super::super::{Named, View};
use super::responses::{Frame, Seen, rewrite};
use crate::cluster::NodeId;
use crate::frame::{Entry, LENGTH_BYTES, Ledger, RESPONSE_HEAD_BYTES, append, make_room};
use crate::metrics::Cause;
use crate::wire::{Event, Role, Roles, Walker};

/// A response may be held that is so many times longer than a held request: a backend's Metadata of all topics holds those
/// of all its virtual clusters, some 100 bytes a partition, of which a client gets few.
pub const HELD_RESPONSE_FACTOR: usize = 16;

/// What is done to a response in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The same as without one.
    Untouched,
    /// Its names are replaced, once it is whole.
    Whole,
}

/// What is done to the response to `entry`.
///
/// # Errors
///
/// No request of that kind is ever sent to the backend.
pub fn way(rule: &Rule, entry: Entry) -> Result<Way, Cause> {
    match rule.named {
        NamedRule::Served(max) if entry.api_version <= max => {
            let plan = NAMED_RESPONSES.get(rule.key, entry.api_version).ok_or(Cause::ResponseUnexpected)?;
            // What holds no names, only error codes, is walked only where another code is to be shown.
            let untouched = entry.shown_error == 0 && plan.roles().are_among(Roles::of(&[Role::Error]));
            Ok(if untouched { Way::Untouched } else { Way::Whole })
        }
        NamedRule::Untouched => Ok(Way::Untouched),
        NamedRule::Served(_) | NamedRule::Disabled | NamedRule::Refused | NamedRule::Closed => {
            Err(Cause::ResponseUnexpected)
        }
    }
}

/// A response that is not whole yet.
#[derive(Debug)]
pub struct Held {
    bytes: Vec<u8>,
    /// Bytes of the whole frame.
    total: usize,
}

impl Held {
    /// For a frame whose length says so.
    ///
    /// # Errors
    ///
    /// It is longer than may be held.
    pub fn new(length: i32, view: &View<'_>) -> Result<Held, Cause> {
        let total = usize::try_from(length).map_err(|_| Cause::ResponseLength)? + LENGTH_BYTES;
        if total > (view.hold_bytes_max as usize).saturating_mul(HELD_RESPONSE_FACTOR) {
            return Err(Cause::HeldFrameTooLarge);
        }
        Ok(Held { bytes: Vec::new(), total })
    }

    /// Takes what belongs to the frame from the front of `rest`; tells how many bytes.
    ///
    /// # Errors
    ///
    /// There is no memory for them.
    pub fn take(&mut self, rest: &[u8]) -> Result<usize, Cause> {
        let bytes = rest.len().min(self.total - self.bytes.len());
        append(&mut self.bytes, rest.get(..bytes).unwrap_or_default())?;
        Ok(bytes)
    }

    /// The frame, once it is whole.
    pub fn whole(&self) -> Option<&[u8]> {
        (self.bytes.len() == self.total).then_some(&self.bytes)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// Replaces nodes and names in the whole response `frame`, which begins at `at` of the input (`None`: it lies elsewhere).
///
/// # Errors
///
/// The cause with which the session must be closed.
pub fn whole(
    frame: &[u8],
    at: Option<usize>,
    rule: &Rule,
    entry: Entry,
    (view, named): (&View<'_>, &Named<'_>),
    out: &mut Output,
) -> Result<Seen, Cause> {
    let frame = Frame { bytes: frame, at, front: None };
    let hold = match rule.response {
        ResponseRule::Walk(from, hold) if entry.api_version >= from => hold,
        ResponseRule::Walk(..) | ResponseRule::Forward | ResponseRule::Own => {
            return rewrite(frame, rule, entry, named, out);
        }
    };
    if hold == Hold::Nothing {
        // Nodes are named in tags alone, which there seldom are: it shows in passing.
        let before = out.mark();
        let seen = rewrite(frame, rule, entry, named, out)?;
        if !seen.tagged {
            return Ok(seen);
        }
        out.back_to(before);
    }
    if hold == Hold::UntilBrokers
        && let Some(end) = brokers_end(frame.bytes, entry)
    {
        let front = nodes(frame.bytes.get(..end).unwrap_or_default(), entry, view)?;
        if front.left_out.is_empty() && front.released {
            return rewrite(Frame { front: Some((&front.bytes, end)), ..frame }, rule, entry, named, out);
        }
    }
    let mut all = nodes(frame.bytes, entry, view)?;
    if !all.ended {
        return Err(Cause::ResponseMalformed);
    }
    out.left_out.append(&mut all.left_out);
    rewrite(Frame { bytes: &all.bytes, at: None, front: None }, rule, entry, named, out)
}

/// Where the brokers of a Metadata response end. Behind them it names nodes by id alone, and all of these ids stand among
/// the brokers: where none of those is hidden, what follows needs no second look.
fn brokers_end(frame: &[u8], entry: Entry) -> Option<usize> {
    let behind = frame.get(RESPONSE_HEAD_BYTES..)?;
    let plan = METADATA_FRONTS.get(entry.api_key, entry.api_version)?;
    let step = Walker::new(plan, u32::try_from(behind.len()).ok()?).step(behind).ok()?;
    match step.event {
        Event::Trailing { .. } => Some(RESPONSE_HEAD_BYTES + step.plain as usize),
        _ => None,
    }
}

/// A response, or its front, with the addresses that the client is told of each node.
struct Nodes {
    bytes: Vec<u8>,
    /// Those without one.
    left_out: Vec<NodeId>,
    /// The new length is known: none of what follows changes it.
    released: bool,
    /// It was all of the response.
    ended: bool,
}

fn nodes(frame: &[u8], entry: Entry, view: &View<'_>) -> Result<Nodes, Cause> {
    let plain = View {
        addresses: view.addresses,
        apis: view.apis,
        namespace: None,
        frame_bytes_max: view.frame_bytes_max,
        hold_bytes_max: view.hold_bytes_max,
        in_flight_max: view.in_flight_max,
    };
    let (mut ledger, mut replaced, mut responses) = (Ledger::default(), Output::default(), Responses::default());
    ledger.push(entry);
    let fed = responses.feed(frame, &plain, &mut ledger, &mut replaced)?;
    let mut bytes = Vec::new();
    make_room(&mut bytes, replaced.len())?;
    for segment in &replaced.segments {
        let part = match segment {
            Segment::Input(part) => frame.get(part.clone()),
            Segment::New(part) => replaced.new_bytes.get(part.clone()),
        };
        bytes.extend_from_slice(part.unwrap_or_default());
    }
    let all = fed.consumed == frame.len();
    Ok(Nodes {
        bytes,
        left_out: replaced.left_out,
        released: all && responses.held_bytes() == 0,
        ended: all && responses.at_boundary(),
    })
}
