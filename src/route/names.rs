//! Which virtual cluster and node a host name means: a table for each listener, built once from a snapshot.
//!
//! What is looked up is the name without `bootstrap` or `broker-<id>` in front, so that the table has one entry for each
//! virtual cluster, and nodes that join later need none. A look-up costs one hash, mostly two cache lines, and no
//! allocation, however many names there are; `benches/host_names.rs` compares it with the tables of others.

use std::sync::Arc;

use super::Route;
use crate::cluster::{AddressMap, HostNames, NodeId};
use crate::x509::host_name_key;

/// Bytes of the longest host name.
const NAME_BYTES_MAX: usize = 253;
/// A slot that stands for no entry.
const EMPTY: u32 = u32::MAX;

/// The host names of one listener.
#[derive(Debug)]
pub struct HostTable {
    /// A power of two of them, at least twice as many as entries: the tag and the place of an entry in `entries`.
    slots: Box<[(u32, u32)]>,
    entries: Box<[Entry]>,
    /// Every entry's text behind the other: beside each other in memory, not spread over it.
    texts: Box<[u8]>,
    routes: Box<[Arc<Route>]>,
    /// What the names of each `sni` policy end with.
    suffixes: Box<[Arc<str>]>,
}

/// One virtual cluster's own part of its names.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    bytes: u16,
    route: u32,
}

/// What a host name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meant<'t> {
    /// Where its connections go; its own `node` is `None`.
    pub route: &'t Arc<Route>,
    /// The node; `None`: any live one (bootstrap).
    pub node: Option<NodeId>,
}

/// Why a host name means nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMeaning {
    /// It has the form of our names and no virtual cluster's label: nothing else may take it.
    UnknownCluster,
    /// It is a name of something else: another policy may take it.
    Foreign,
}

impl HostTable {
    /// A table of `routes` whose addresses are host names (others are passed over); `suffixes` are those of the policies
    /// that made them. Of two routes with one name the first counts; the check accepts no such configuration.
    pub fn new(routes: Vec<Arc<Route>>, suffixes: Vec<Arc<str>>) -> HostTable {
        let mut entries = Vec::with_capacity(routes.len());
        let mut texts = Vec::new();
        for (route, at) in routes.iter().zip(0..) {
            let AddressMap::Names(names) = &*route.addresses else { continue };
            let (Ok(start), Ok(bytes)) = (u32::try_from(texts.len()), u16::try_from(names.own.len())) else { continue };
            entries.push(Entry { start, bytes, route: at });
            texts.extend_from_slice(names.own.as_bytes());
        }
        let slots = vec![(0, EMPTY); (entries.len() * 2).next_power_of_two().max(2)].into();
        let mut table = HostTable {
            slots,
            entries: entries.into(),
            texts: texts.into(),
            routes: routes.into(),
            suffixes: suffixes.into(),
        };
        for at in 0..table.entries.len() {
            table.insert(at);
        }
        table
    }

    /// What `name` means, as a client wrote it: in any case, with or without a dot at its end.
    ///
    /// # Errors
    ///
    /// Where it is no name of this table.
    pub fn meaning(&self, name: &[u8]) -> Result<Meant<'_>, NoMeaning> {
        let mut space = [0; NAME_BYTES_MAX];
        let name = host_name_key(name, &mut space).ok_or(NoMeaning::Foreign)?;
        let (node, own) = HostNames::split(name).ok_or(NoMeaning::Foreign)?;
        match self.find(own).and_then(|entry| self.routes.get(entry.route as usize)) {
            Some(route) => Ok(Meant { route, node }),
            None if self.suffixes.iter().any(|suffix| own.ends_with(suffix.as_bytes())) => {
                Err(NoMeaning::UnknownCluster)
            }
            None => Err(NoMeaning::Foreign),
        }
    }

    /// The routes, in the order of the policies.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    fn find(&self, own: &[u8]) -> Option<&Entry> {
        let (tag, slots) = self.probe(own);
        for (slot_tag, place) in slots {
            if place == EMPTY {
                return None;
            }
            let entry = self.entries.get(place as usize)?;
            if slot_tag == tag && self.text(entry) == Some(own) {
                return Some(entry);
            }
        }
        None
    }

    /// The tag of a name, and the slots where it may stand, in turn.
    fn probe(&self, own: &[u8]) -> (u32, impl Iterator<Item = (u32, u32)>) {
        let hash = hash(own);
        let start = hash as usize & (self.slots.len() - 1);
        let (behind, front) = self.slots.split_at_checked(start).unwrap_or((&[], &self.slots));
        ((hash >> 32) as u32, front.iter().chain(behind).copied())
    }

    fn text(&self, entry: &Entry) -> Option<&[u8]> {
        let start = entry.start as usize;
        self.texts.get(start..start + usize::from(entry.bytes))
    }

    fn insert(&mut self, at: usize) {
        let Some(text) = self.entries.get(at).and_then(|entry| self.text(entry)) else { return };
        let hash = hash(text);
        let mask = self.slots.len() - 1;
        let free = (0..=mask)
            .map(|step| (hash as usize + step) & mask)
            .find(|slot| self.slots.get(*slot).is_some_and(|(_, place)| *place == EMPTY));
        let place = u32::try_from(at).unwrap_or(EMPTY);
        if let Some(slot) = free.and_then(|slot| self.slots.get_mut(slot)) {
            *slot = ((hash >> 32) as u32, place);
        }
    }
}

/// Multiplies eight bytes at a time, and folds the product's halves. Which names stand in a table is the configuration's
/// to say: nobody can fill it with names that meet.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(FACTOR);
        (product as u64) ^ (product >> 64) as u64
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64 ^ FACTOR, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    mix(mix(hash, last), FACTOR >> 1)
}
