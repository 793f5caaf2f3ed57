//! What one load collects while it reads and checks: the faults, and whether names may be missing because of them.

use std::cell::OnceCell;

use super::faults::{Faults, Spot};
use super::interpolate::Outside;
use super::snapshot::Snapshot;
use super::system_trust;
use super::tls::TrustBundle;

/// Passed through a load by exclusive reference.
pub(super) struct Context {
    faults: Faults,
    /// The world that `${...}` may look into.
    pub outside: Outside,
    /// Some entity could not be read, so that a name which seems to be missing may be in it: that is no second fault.
    pub names_incomplete: bool,
    /// Read once, when it is asked for.
    system_trust: OnceCell<Result<TrustBundle, String>>,
}

impl Context {
    pub fn new(outside: Outside) -> Context {
        Context { faults: Faults::default(), outside, names_incomplete: false, system_trust: OnceCell::new() }
    }

    /// The authorities that this machine believes.
    ///
    /// # Errors
    ///
    /// A sentence: there are none, and what to do.
    pub fn system_trust(&self) -> Result<TrustBundle, String> {
        self.system_trust.get_or_init(system_trust::read).clone()
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
