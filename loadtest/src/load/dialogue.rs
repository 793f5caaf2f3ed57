//! What a client says and expects: the seam between the loop that moves bytes and the kinds of load.
//!
//! Owns the words. An implementation knows no socket and no clock.

use super::Done;
use crate::wire::Result;
use crate::wire::outbound::Outbound;

/// One connection's part of the load.
pub trait Talk: Send {
    /// Adds the next request, with this correlation id. Returns whether an answer to it will come.
    ///
    /// # Errors
    ///
    /// A request that cannot be made.
    fn ask(&mut self, id: u32, out: &mut Outbound) -> Result<bool>;

    /// Checks the whole frame of the answer to the oldest request that has one; returns what it proves done.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn answered(&mut self, frame: &[u8]) -> Result<Done>;

    /// How many requests may be in flight at most, whatever the pace says.
    fn in_flight_max(&self) -> usize {
        usize::MAX
    }
}
