//! Connection caps of one shard: how many, how many from one address, how many a second.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::net::{IpAddr, Ipv6Addr, TcpStream};
use std::rc::Rc;
use std::time::Instant;

use crate::metrics::{Cause, ShardSlot};
use crate::session::Context;

/// Of places and of accepts, one in so many is never the same source's as all others: it cannot shut everybody out.
const OTHERS_PART: u64 = 10;
/// Sources that are remembered without a connection, before those are forgotten that have nothing to be remembered for.
const IDLE_SOURCES_MAX: usize = 4096;

/// What a shard has spent of the caps.
pub struct Caps {
    sources: RefCell<HashMap<IpAddr, Source>>,
    /// Sources that have a connection.
    connected: Cell<usize>,
    accepts: Cell<Bucket>,
    /// A descriptor kept for the moment when none is left.
    reserve: RefCell<Option<File>>,
}

/// What one source has spent.
struct Source {
    connections: u64,
    accepts: Bucket,
}

/// A connection that was admitted; given back when dropped.
pub struct Admitted {
    caps: Rc<Caps>,
    source: IpAddr,
    _slot: ShardSlot,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        // What it has spent of its rate is still remembered.
        if let Some(source) = self.caps.sources.borrow_mut().get_mut(&self.source) {
            source.connections -= 1;
            if source.connections == 0 {
                self.caps.connected.set(self.caps.connected.get().saturating_sub(1));
            }
        }
    }
}

/// The caps of one shard, as its table has them: its part of each, rounded up.
#[derive(Clone, Copy)]
struct Parts {
    connections: u64,
    of_a_source: u64,
    accepts_per_second: u64,
}

impl Parts {
    fn of(context: &Context, connections_max: u64) -> Parts {
        let part = |cap: u64| cap.div_ceil(context.shards.max(1) as u64);
        let of_a_source = context.limits.connections_per_source_max.min(of_one(connections_max));
        Parts {
            connections: part(connections_max),
            of_a_source: part(of_a_source),
            accepts_per_second: part(context.limits.accepts_per_second_max),
        }
    }
}

impl Caps {
    /// The caps of one shard.
    #[expect(clippy::disallowed_methods, reason = "no disk is behind /dev/null")]
    pub fn new(now: Instant) -> Caps {
        Caps {
            sources: RefCell::default(),
            connected: Cell::new(0),
            accepts: Cell::new(Bucket::full(now)),
            reserve: RefCell::new(File::open("/dev/null").ok()),
        }
    }

    /// Admits a connection that is assigned to this shard, and counts it. Of each cap of the node the shard has an equal part,
    /// rounded up; so many connections may it have at all as `connections_max` says. What its source may have is looked at
    /// before the rate of all: who is beyond that spends nothing of what is everybody's.
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
        let source = source_of(stream.peer_addr().map_err(|_| Cause::ClientReset)?.ip());
        let parts = Parts::of(context, connections_max);
        self.take(source, parts, context.net.now(), || {
            if context.active() >= parts.connections {
                return Err(Cause::ConnectionsMax);
            }
            if context.memory_is_short() { Err(Cause::MemoryBudget) } else { Ok(()) }
        })?;
        context.count_accept();
        Ok(Admitted { caps: self.clone(), source, _slot: slot })
    }

    /// Counts a connection of `source`, if neither its own caps nor those of all (`of_all` looks at the others) are spent.
    fn take(
        &self,
        source: IpAddr,
        parts: Parts,
        now: Instant,
        of_all: impl FnOnce() -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        of_all()?;
        let rate = parts.accepts_per_second;
        let mut sources = self.sources.borrow_mut();
        if sources.len() > self.connected.get() + IDLE_SOURCES_MAX {
            sources.retain(|_, source| source.connections > 0 || !source.accepts.is_full(now, of_one(rate)));
            sources.shrink_to(IDLE_SOURCES_MAX);
        }
        let source = sources.entry(source).or_insert_with(|| Source { connections: 0, accepts: Bucket::full(now) });
        if source.connections >= parts.of_a_source {
            return Err(Cause::SourceConnectionsMax);
        }
        if !source.accepts.take(now, of_one(rate)) {
            return Err(Cause::AcceptRate);
        }
        let mut accepts = self.accepts.get();
        let taken = accepts.take(now, rate);
        self.accepts.set(accepts);
        if !taken {
            return Err(Cause::AcceptRate);
        }
        if source.connections == 0 {
            self.connected.set(self.connected.get() + 1);
        }
        source.connections += 1;
        Ok(())
    }

    /// Runs `work` with one more descriptor to spare.
    #[expect(clippy::disallowed_methods, reason = "no disk is behind /dev/null")]
    pub fn without_reserve(&self, work: impl FnOnce()) {
        *self.reserve.borrow_mut() = None;
        work();
        *self.reserve.borrow_mut() = File::open("/dev/null").ok();
    }
}

/// Who connects: an address, or of IPv6 a network of 64 bits, all of which one host may have.
fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// What one source gets at most of what there is for all.
fn of_one(all: u64) -> u64 {
    all - all / OTHERS_PART
}

/// One second's accepts.
#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn full(now: Instant) -> Bucket {
        Bucket { tokens: f64::INFINITY, filled_at: now }
    }

    fn fill(&mut self, now: Instant, rate: f64) {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        *self = Bucket { tokens: (self.tokens + passed * rate).min(rate), filled_at: now };
    }

    fn take(&mut self, now: Instant, rate: u64) -> bool {
        self.fill(now, rate as f64);
        let there_is_one = self.tokens >= 1.0;
        self.tokens -= if there_is_one { 1.0 } else { 0.0 };
        there_is_one
    }

    fn is_full(mut self, now: Instant, rate: u64) -> bool {
        self.fill(now, rate as f64);
        self.tokens >= rate as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PARTS: Parts = Parts { connections: 100, of_a_source: 3, accepts_per_second: 10 };

    fn source(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    #[test]
    fn a_second_admits_its_rate_and_no_more() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let mut taken = |at: Instant| (0..20).filter(|_| bucket.take(at, 5)).count();
        assert_eq!(taken(start), 5);
        assert_eq!(taken(start + Duration::from_millis(400)), 2);
        assert_eq!(taken(start + Duration::from_secs(60)), 5);
    }

    /// What one source asks for beyond its own caps is taken from nobody.
    #[test]
    fn who_is_beyond_its_own_caps_spends_nothing_of_all_others() {
        let now = Instant::now();
        let caps = Caps::new(now);
        let take = |number, parts, at| caps.take(source(number), parts, at, || Ok(()));
        for _ in 0..1_000 {
            let _ = take(1, PARTS, now);
        }
        assert_eq!(take(1, PARTS, now), Err(Cause::SourceConnectionsMax));
        // Of a rate of 10, of which it has 3, another gets what is left.
        let parts = Parts { of_a_source: 100, ..PARTS };
        let taken = |number, at| (0..20).filter(|_| take(number, parts, at).is_ok()).count();
        assert_eq!((taken(2, now), taken(3, now)), (7, 0));
        // One that is the first gets all but a tenth.
        let later = now + Duration::from_secs(60);
        assert_eq!((taken(2, later), taken(3, later), taken(4, later)), (9, 1, 0));
        let now = later;
        assert_eq!(take(5, parts, now), Err(Cause::AcceptRate));
        assert_eq!(take(5, parts, now + Duration::from_millis(100)), Ok(()));
        // What is everybody's has its own cause.
        let full = caps.take(source(6), parts, now + Duration::from_secs(9), || Err(Cause::ConnectionsMax));
        assert_eq!(full, Err(Cause::ConnectionsMax));
    }

    /// A source that comes and goes is remembered as long as it has anything to be remembered for, and no longer.
    #[test]
    fn many_sources_are_forgotten_and_none_that_has_spent_its_rate() {
        let now = Instant::now();
        let caps = Caps::new(now);
        let parts = Parts { connections: u64::MAX, of_a_source: 1, accepts_per_second: 1_000_000 };
        for number in 0..50_000u32 {
            let source = IpAddr::from(number.to_be_bytes());
            caps.take(source, parts, now + Duration::from_micros(number.into()), || Ok(())).unwrap();
            caps.sources.borrow_mut().get_mut(&source).unwrap().connections = 0;
            caps.connected.set(0);
        }
        assert!(caps.sources.borrow().len() <= IDLE_SOURCES_MAX + 1, "{}", caps.sources.borrow().len());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let of = |text: &str| source_of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), source(1));
        assert_ne!(source(1), source(2));
    }
}
