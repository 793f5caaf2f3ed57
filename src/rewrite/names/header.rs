//! What stands before the body of a request: the client id, and in flexible versions tags.

use std::ops::Range;

use super::super::treatments::HEADERS;
use crate::metrics::Cause;
use crate::wire::REQUEST_HEAD_BYTES;
use crate::wire::{Event, Walker};

/// A client id, with its length: with it a broker lets Produce write to its internal topics (`AdminUtils` of Kafka).
const ADMIN_CLIENT: &[u8] = b"\x00\x0e__admin_client";

/// Where in a request, whose client id begins at `at`, one stands, with its length, that means more than a name.
#[inline(always)]
pub fn admin_client(frame: &[u8], at: usize) -> Option<Range<usize>> {
    frame.get(at..)?.starts_with(ADMIN_CLIENT).then_some(at..at + ADMIN_CLIENT.len())
}

/// What stands behind a request's header.
///
/// # Errors
///
/// `RequestMalformed`: the header does not end within the frame.
pub fn body(frame: &[u8], flexible: bool) -> Result<&[u8], Cause> {
    let left = u32::try_from(frame.len().saturating_sub(REQUEST_HEAD_BYTES)).map_err(|_| Cause::FrameLength)?;
    let [classic, compact] = &*HEADERS;
    let mut walker = Walker::new(if flexible { compact } else { classic }, left);
    let head = frame.get(REQUEST_HEAD_BYTES..).ok_or(Cause::RequestMalformed)?;
    let step = walker.step(head);
    match step.event {
        Event::Done | Event::Trailing { .. } => head.get(step.plain as usize..).ok_or(Cause::RequestMalformed),
        Event::More | Event::Malformed => Err(Cause::RequestMalformed),
        // Nothing in it is wanted.
        Event::Leaf { .. } | Event::Text { .. } | Event::Array { .. } | Event::ElementEnd { .. } => {
            Err(Cause::Internal)
        }
        Event::ArrayEnd { .. } | Event::Tags { .. } | Event::Tag { .. } => Err(Cause::Internal),
    }
}
