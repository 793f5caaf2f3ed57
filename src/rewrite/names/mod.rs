//! Names in and out: the messages of a namespaced virtual cluster, a whole frame at a time.
//!
//! Owns the shapes with names, what is replaced in them, and what is refused. A frame is whole when it comes here: in the
//! shard's receive buffer, or held. (What is too large to be held streams, see `stream`.) May not do I/O.

pub mod answers;
pub mod consumer_protocol;
pub mod fetch_session;
pub mod header;
pub mod messages;
pub mod poison;
pub mod refusals;
pub mod requests;
pub mod responses;
pub mod sent;
pub mod shown;

pub use header::body as request_body;
pub use refusals::{CLUSTER_AUTHORIZATION_FAILED, SECURITY_DISABLED, answer as refusal};

/// Whether this version of an API can be refused in its own shape.
pub fn refuses(key: i16, version: i16) -> bool {
    answers::parts(key, version).is_some()
}
