//! How many connections each shard has, for whoever must choose one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A shard with more connections than the least loaded one hands new ones over when it has more than this part of its
/// own too many: among few connections each counts, among many chance spreads them well enough.
const SLACK_PART: u64 = 16;

/// The connections of all shards. Cheap to clone; touched twice in a connection's life.
#[derive(Clone, Debug)]
pub struct Loads(Arc<[Load]>);

/// Alone in its cache lines: shards write to theirs without disturbing the others.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Load(AtomicU64);

/// A connection's slot at a shard, given up when dropped. Moves with the connection.
#[derive(Debug)]
pub struct ShardSlot {
    loads: Loads,
    shard: usize,
}

impl Loads {
    /// Of so many shards, none of which has a connection.
    pub fn new(shards: usize) -> Loads {
        Loads((0..shards).map(|_| Load::default()).collect())
    }

    /// Assigns a connection that `own` has accepted: to this shard, or to the least loaded one when that has clearly fewer.
    pub fn assign(&self, own: usize) -> ShardSlot {
        let load = |load: &Load| load.0.load(Ordering::Relaxed);
        let here = self.0.get(own).map_or(0, load);
        let least = self.0.iter().map(load).enumerate().min_by_key(|(_, load)| *load);
        match least {
            Some((shard, least)) if here > least + here / SLACK_PART => self.assign_to(shard),
            Some(_) | None => self.assign_to(own),
        }
    }

    /// Assigns a connection to that shard.
    pub fn assign_to(&self, shard: usize) -> ShardSlot {
        if let Some(load) = self.0.get(shard) {
            load.0.fetch_add(1, Ordering::Relaxed);
        }
        ShardSlot { loads: self.clone(), shard }
    }

    /// Connections that are assigned to that shard.
    pub fn of(&self, shard: usize) -> u64 {
        self.0.get(shard).map_or(0, |load| load.0.load(Ordering::Relaxed))
    }
}

impl ShardSlot {
    /// The shard.
    pub fn shard(&self) -> usize {
        self.shard
    }
}

impl Drop for ShardSlot {
    fn drop(&mut self) {
        if let Some(load) = self.loads.0.get(self.shard) {
            load.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_shard_accepts_all_have_about_the_same() {
        for shards in [1, 2, 3, 8] {
            let loads = Loads::new(shards);
            // The worst that the kernel's hash can do: one shard accepts everything.
            let slots: Vec<ShardSlot> = (0..1_000).map(|_| loads.assign(0)).collect();
            let counts: Vec<u64> = (0..shards).map(|shard| loads.of(shard)).collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= 1 + most / SLACK_PART, "{counts:?}");
            assert_eq!(counts.iter().sum::<u64>(), 1_000);
            drop(slots);
            assert_eq!((0..shards).map(|shard| loads.of(shard)).sum::<u64>(), 0);
        }
    }

    #[test]
    fn few_connections_are_spread_exactly_and_an_even_load_stays_where_it_is() {
        let loads = Loads::new(4);
        let slots: Vec<ShardSlot> = (0..8).map(|_| loads.assign(2)).collect();
        assert_eq!((0..4).map(|shard| loads.of(shard)).collect::<Vec<_>>(), [2; 4]);
        assert_eq!(loads.assign(3).shard(), 3);
        drop(slots);
        let many: Vec<ShardSlot> = (0..100).flat_map(|_| (0..4).map(|shard| loads.assign_to(shard))).collect();
        let six_more: Vec<ShardSlot> = (0..6).map(|_| loads.assign(1)).collect();
        assert!(six_more.iter().all(|slot| slot.shard() == 1), "what chance does is not worth a hand-over");
        drop(many);
    }
}
