//! What one load collects while it reads and checks: the faults, and whether names may be missing because of them.

use super::faults::{Faults, Spot};
use super::interpolate::Outside;
use super::snapshot::Snapshot;

/// Passed through a load by exclusive reference.
pub(super) struct Context {
    faults: Faults,
    /// The world that `${...}` may look into.
    pub outside: Outside,
    /// Some entity could not be read, so that a name which seems to be missing may be in it: that is no second fault.
    pub names_incomplete: bool,
}

impl Context {
    pub fn new(outside: Outside) -> Context {
        Context { faults: Faults::default(), outside, names_incomplete: false }
    }

    /// Adds a fault: what is wrong and what would be right.
    pub fn fault(&mut self, spot: &Spot, message: impl Into<String>) {
        self.faults.add(spot.clone(), message.into());
    }

    /// The snapshot when there was no fault.
    ///
    /// # Errors
    ///
    /// All faults, sorted.
    pub fn finish(mut self, snapshot: Option<Snapshot>) -> Result<Snapshot, Faults> {
        match snapshot {
            Some(snapshot) if self.faults.count() == 0 => Ok(snapshot),
            Some(_) | None => {
                self.faults.sort();
                Err(self.faults)
            }
        }
    }
}
