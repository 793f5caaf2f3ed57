//! Numbers: what a shard counts, and the typed causes by which connections are closed.
//!
//! Owns plain counters and their merging. May not do I/O or know where a number is shown.

mod cause;
mod numbers;

pub use cause::{Cause, Fault};
pub use numbers::{Described, Kind, Numbers, Sample};
