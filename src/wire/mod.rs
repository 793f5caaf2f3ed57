//! Kafka's bytes: heads of frames, what messages look like, what their fields mean, a walk through them, a reader of small
//! whole ones, and what is in flight.
//!
//! Owns the layouts (made from Kafka's own definitions), the roles of fields, the walk over a frame by a plan of both, the scans
//! of whole messages that carry records, and how values are encoded.
//! May not hold a policy: what is done at a field is decided by who walks. Pure: no I/O, no clock.

mod cursor;
mod head;
mod in_flight;
mod layout;
#[rustfmt::skip]
mod layouts;
mod memory;
mod op;
mod plan;
mod reader;
mod roles;
mod varint;

pub(crate) use cursor::{Event, Scan, TEXT_BYTES_MAX, TOKEN_BYTES_MAX, Value, Walker, scan};
pub use head::{
    LENGTH_BYTES, REQUEST_HEAD_BYTES, REQUEST_LENGTH_MIN, RESPONSE_HEAD_BYTES, RESPONSE_LENGTH_MIN, RequestHead,
    ResponseHead, Stranger, length, request_body, stranger,
};
pub use in_flight::{Asked, Exchange, InFlight, SessionIds};
pub use layout::{Api, Direction, Entity, Field, Fields, Kind, NEVER, Versions};
pub use layouts::{APIS, INTERNAL, key};
pub use memory::{NoMemory, append, make_room};
pub(crate) use plan::{Plan, Wanted};
pub use reader::{ReadError, Reader};
pub use roles::{Role, Roles, roles_of};
pub use varint::{VARINT_BYTES_MAX, Varint, padded_varint, push_varint, read_varint, varint_bytes};

/// The layout of an API's messages.
pub fn api(key: i16) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key == key)
}
