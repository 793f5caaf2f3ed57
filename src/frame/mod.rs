//! Frames: length, header, correlation ids, the ledger of what is in flight.
//!
//! Owns the framing of both directions. May not know what an API means beyond its header, do I/O or read the clock.

mod head;
mod ledger;
mod memory;
mod varint;

pub use head::{
    LENGTH_BYTES, REQUEST_HEAD_BYTES, REQUEST_LENGTH_MIN, RESPONSE_HEAD_BYTES, RESPONSE_LENGTH_MIN, RequestHead,
    ResponseHead, Stranger, length, stranger,
};
pub use ledger::{Asked, Entry, Ledger, SessionIds};
pub use memory::{NoMemory, append, make_room};
pub use varint::{VARINT_BYTES_MAX, Varint, padded_varint, push_varint, read_varint, varint_bytes};
