//! Connection caps of one shard: how many, how many from one address, how many a second.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::time::Instant;

use crate::metrics::{Cause, ShardSlot};
use crate::session::Context;

/// A shard's part of the caps.
pub struct Caps {
    connections_max: u64,
    connections_per_source_max: u64,
    accepts_per_second_max: u64,
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
    pub fn new(
        connections_max: u64,
        connections_per_source_max: u64,
        accepts_per_second_max: u64,
        now: Instant,
    ) -> Caps {
        Caps {
            connections_max,
            connections_per_source_max,
            accepts_per_second_max,
            sources: RefCell::default(),
            tokens: Cell::new(accepts_per_second_max as f64),
            filled_at: Cell::new(now),
            reserve: RefCell::new(File::open("/dev/null").ok()),
        }
    }

    /// Admits a connection that is assigned to this shard, and counts it.
    ///
    /// # Errors
    ///
    /// The cap that it would exceed.
    pub fn admit(self: &Rc<Caps>, context: &Context, stream: &TcpStream, slot: ShardSlot) -> Result<Admitted, Cause> {
        let source = stream.peer_addr().map_err(|_| Cause::ClientReset)?.ip().to_canonical();
        if context.active() >= self.connections_max {
            return Err(Cause::ConnectionsMax);
        }
        if context.memory_is_short() {
            return Err(Cause::MemoryBudget);
        }
        if !self.take_token(context.net.now()) {
            return Err(Cause::AcceptRate);
        }
        let mut sources = self.sources.borrow_mut();
        let count = sources.entry(source).or_default();
        if *count >= self.connections_per_source_max {
            return Err(Cause::SourceConnectionsMax);
        }
        *count += 1;
        drop(sources);
        context.count_accept();
        Ok(Admitted { caps: self.clone(), source, _slot: slot })
    }

    /// A bucket of one second's accepts.
    fn take_token(&self, now: Instant) -> bool {
        let rate = self.accepts_per_second_max as f64;
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
        let caps = Caps::new(10, 10, 5, start);
        let taken = |at: Instant| (0..20).filter(|_| caps.take_token(at)).count();
        assert_eq!(taken(start), 5);
        assert_eq!(taken(start + Duration::from_millis(400)), 2);
        assert_eq!(taken(start + Duration::from_secs(60)), 5);
    }
}
