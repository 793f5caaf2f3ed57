//! Numbers: what a shard counts, how loaded each shard is, and the typed causes by which connections are closed.
//!
//! Owns plain counters and their merging. May not do I/O or know where a number is shown.

mod cause;
mod loads;
mod numbers;

pub use cause::{Cause, Fault};
pub use loads::{Loads, ShardSlot};
pub use numbers::{Described, Kind, Numbers, Sample};
