//! The keeper of a backend cluster, on the shard that owns its catalogue: what is asked of the backend for as long as it is in
//! the shard's table.
//!
//! Owns the order of beginning and end. May not know what is asked.

use std::rc::Rc;

use futures_lite::future::{or, zip};

use super::{Backend, Dialer};

/// Asks a backend cluster what all shards must know of it.
pub struct Keeper {
    pub(super) dialer: Rc<Dialer>,
    pub(super) backend: Rc<Backend>,
}

impl Keeper {
    pub(super) fn new(dialer: Rc<Dialer>, backend: Rc<Backend>) -> Keeper {
        Keeper { dialer, backend }
    }

    /// Runs until the backend is in the shard's table no longer.
    pub async fn run(self) {
        let work = async {
            zip(self.keep_catalogue(), self.watch_shadowed_topics()).await;
        };
        or(self.backend.gone.after(0), work).await;
        self.forget_shadowed();
    }
}
