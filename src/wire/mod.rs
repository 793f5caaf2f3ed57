//! Kafka's bytes: what messages look like, what their fields mean, and a walk through them.
//!
//! Owns the layouts (made from Kafka's own definitions), the roles of fields, and the walk over a frame by a plan of both.
//! May not hold a policy: what is done at a field is decided by who walks. Pure: no I/O, no clock.

mod cursor;
mod layout;
#[rustfmt::skip]
mod layouts;
mod plan;
mod roles;

pub(crate) use cursor::{Event, TEXT_BYTES_MAX, TOKEN_BYTES_MAX, Walker};
pub use layout::{Api, Direction, Entity, Field, Fields, Kind, NEVER, Versions};
pub use layouts::{APIS, INTERNAL, key};
pub(crate) use plan::{Plan, Wanted};
pub use roles::{Role, Roles, roles_of};

/// The layout of an API's messages.
pub fn api(key: i16) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key == key)
}
