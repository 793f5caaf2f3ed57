//! Connection caps of one shard: how many, how many from one address, how many a second.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::time::Instant;

use crate::metrics::{Cause, ShardSlot};
use crate::session::Context;

/// What a shard has spent of the caps.
pub struct Caps {
    sources: RefCell<HashMap<IpAddr, u64>>,
    tokens: Cell<f64>,
    filled_at: Cell<Instant>,
    /// A descriptor kept for the moment when none is left.
    reserve: RefCell<Option<File>>,
}

/// A connection that was admitted; given back when dropped.
pub struct Admitted {
    caps: Rc<Caps>,
    source: IpAddr,
    _slot: ShardSlot,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut sources = self.caps.sources.borrow_mut();
        if let Some(count) = sources.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&self.source);
                sources.shrink_to(64);
            }
        }
    }
}

impl Caps {
    /// The caps of one shard.
    #[expect(clippy::disallowed_methods, reason = "no disk is behind /dev/null")]
    pub fn new(now: Instant) -> Caps {
        Caps {
            sources: RefCell::default(),
            tokens: Cell::new(f64::INFINITY),
            filled_at: Cell::new(now),
            reserve: RefCell::new(File::open("/dev/null").ok()),
        }
    }

    /// Admits a connection that is assigned to this shard, and counts it. Of each cap of the node the shard has an equal part,
    /// rounded up; so many connections may it have at all as `connections_max` says.
    ///
    /// # Errors
    ///
    /// The cap that it would exceed.
    pub fn admit(
        self: &Rc<Caps>,
        context: &Context,
        connections_max: u64,
        stream: &TcpStream,
        slot: ShardSlot,
    ) -> Result<Admitted, Cause> {
        let part = |cap: u64| cap.div_ceil(context.shards.max(1) as u64);
        let source = stream.peer_addr().map_err(|_| Cause::ClientReset)?.ip().to_canonical();
        if context.active() >= part(connections_max) {
            return Err(Cause::ConnectionsMax);
        }
        if context.memory_is_short() {
            return Err(Cause::MemoryBudget);
        }
        if !self.take_token(context.net.now(), part(context.limits.accepts_per_second_max)) {
            return Err(Cause::AcceptRate);
        }
        let mut sources = self.sources.borrow_mut();
        let count = sources.entry(source).or_default();
        if *count >= part(context.limits.connections_per_source_max) {
            return Err(Cause::SourceConnectionsMax);
        }
        *count += 1;
        drop(sources);
        context.count_accept();
        Ok(Admitted { caps: self.clone(), source, _slot: slot })
    }

    /// A bucket of one second's accepts.
    fn take_token(&self, now: Instant, rate: u64) -> bool {
        let rate = rate as f64;
        let passed = now.saturating_duration_since(self.filled_at.get()).as_secs_f64();
        self.filled_at.set(now);
        let tokens = (self.tokens.get() + passed * rate).min(rate);
        self.tokens.set(if tokens >= 1.0 { tokens - 1.0 } else { tokens });
        tokens >= 1.0
    }

    /// Runs `work` with one more descriptor to spare.
    #[expect(clippy::disallowed_methods, reason = "no disk is behind /dev/null")]
    pub fn without_reserve(&self, work: impl FnOnce()) {
        *self.reserve.borrow_mut() = None;
        work();
        *self.reserve.borrow_mut() = File::open("/dev/null").ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_second_admits_its_rate_and_no_more() {
        let start = Instant::now();
        let caps = Caps::new(start);
        let taken = |at: Instant| (0..20).filter(|_| caps.take_token(at, 5)).count();
        assert_eq!(taken(start), 5);
        assert_eq!(taken(start + Duration::from_millis(400)), 2);
        assert_eq!(taken(start + Duration::from_secs(60)), 5);
    }
}
