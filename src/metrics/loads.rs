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

/// A connection's place at a shard, given up when dropped. Goes where the connection goes.
#[derive(Debug)]
pub struct Place {
    loads: Loads,
    shard: usize,
}

impl Loads {
    /// Of so many shards, none of which has a connection.
    pub fn new(shards: usize) -> Loads {
        Loads((0..shards).map(|_| Load::default()).collect())
    }

    /// A place for a connection that `own` has accepted: there, or at the least loaded shard when that has clearly less.
    pub fn place(&self, own: usize) -> Place {
        let load = |load: &Load| load.0.load(Ordering::Relaxed);
        let here = self.0.get(own).map_or(0, load);
        let least = self.0.iter().map(load).enumerate().min_by_key(|(_, load)| *load);
        match least {
            Some((shard, least)) if here > least + here / SLACK_PART => self.place_at(shard),
            Some(_) | None => self.place_at(own),
        }
    }

    /// A place at that shard.
    pub fn place_at(&self, shard: usize) -> Place {
        if let Some(load) = self.0.get(shard) {
            load.0.fetch_add(1, Ordering::Relaxed);
        }
        Place { loads: self.clone(), shard }
    }

    /// Connections that have a place at that shard.
    pub fn of(&self, shard: usize) -> u64 {
        self.0.get(shard).map_or(0, |load| load.0.load(Ordering::Relaxed))
    }
}

impl Place {
    /// Where it is.
    pub fn shard(&self) -> usize {
        self.shard
    }
}

impl Drop for Place {
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
            let places: Vec<Place> = (0..1_000).map(|_| loads.place(0)).collect();
            let counts: Vec<u64> = (0..shards).map(|shard| loads.of(shard)).collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= 1 + most / SLACK_PART, "{counts:?}");
            assert_eq!(counts.iter().sum::<u64>(), 1_000);
            drop(places);
            assert_eq!((0..shards).map(|shard| loads.of(shard)).sum::<u64>(), 0);
        }
    }

    #[test]
    fn few_connections_are_spread_exactly_and_an_even_load_stays_where_it_is() {
        let loads = Loads::new(4);
        let places: Vec<Place> = (0..8).map(|_| loads.place(2)).collect();
        assert_eq!((0..4).map(|shard| loads.of(shard)).collect::<Vec<_>>(), [2; 4]);
        assert_eq!(loads.place(3).shard(), 3);
        drop(places);
        let many: Vec<Place> = (0..100).flat_map(|_| (0..4).map(|shard| loads.place_at(shard))).collect();
        let six_more: Vec<Place> = (0..6).map(|_| loads.place(1)).collect();
        assert!(six_more.iter().all(|place| place.shard() == 1), "what chance does is not worth a hand-over");
        drop(many);
    }
}
