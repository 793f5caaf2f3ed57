//! Names in and out: the edits that a virtual cluster with a namespace makes.
//!
//! Owns what a name becomes in each direction, and what is refused, how. May not know how a frame came, or do I/O.

pub mod answers;
pub mod consumer_protocol;
pub mod fetch_session;
pub mod header;
pub mod messages;
pub mod refusals;
pub mod rejected_name;
pub mod requests;
pub mod responses;
pub mod to_physical;
pub mod to_virtual;

pub use header::body as request_body;
pub use refusals::{CLUSTER_AUTHORIZATION_FAILED, SECURITY_DISABLED, answer as refusal};

/// Whether this version of an API can be refused in its own shape.
pub fn refuses(key: i16, version: i16) -> bool {
    answers::parts(key, version).is_some()
}
