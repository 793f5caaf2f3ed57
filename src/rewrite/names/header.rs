//! What stands before the body of a request: the client id, and in flexible versions tags.

use std::ops::Range;

use crate::metrics::Cause;
use crate::wire;

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
    wire::request_body(frame, flexible).map_err(|_| Cause::RequestMalformed)
}
