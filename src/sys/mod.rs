//! The only unsafe code: the ring, descriptors that come out of it, event descriptors, pipes and splice, limits and
//! signals of the process.
//!
//! Owns system calls that no safe crate offers. May not grow logic.

mod event;
mod process;
mod ring;
mod splice;

pub use event::Event;
pub use process::{allowed_cores, block_signals, kernel_release, raise_descriptor_limit, unblock_signals};
pub use process::{descriptor_limit, memlock_limit, page_size};
pub use ring::{Completion, Outcome, Ready, Ring, Token};
pub use splice::{Then, bytes_to_read, bytes_unacknowledged, pipe, resize_pipe, splice};
