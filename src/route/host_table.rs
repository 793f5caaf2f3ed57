//! The host table of a listener: which virtual cluster and node a host name stands for, built once from a snapshot.
//!
//! What is looked up is the name without `bootstrap` or `broker-<id>` in front, so that the table has one entry for each
//! virtual cluster, and nodes that join later need none. A look-up costs one hash, mostly two cache lines, and no
//! allocation, however many names there are; `benches/host_names.rs` compares it with the tables of others.

use std::sync::Arc;

use super::Route;
use crate::cluster::{AddressMap, HostNames, NodeId};
use crate::x509::{host_name_key, is_host_name_key};

/// Bytes of the longest host name.
const NAME_BYTES_MAX: usize = 253;
/// Bytes of an entry before its text.
const HEAD_BYTES: usize = 6;
/// A slot that stands for no entry.
const EMPTY: u32 = u32::MAX;

/// The host names of one listener.
#[derive(Debug)]
pub struct HostTable {
    /// A power of two of them, at least twice as many as entries: the tag of an entry, and its place in `entries`.
    slots: Box<[(u32, u32)]>,
    /// One behind the other: the length of its text, its route, its text. So a look-up that finds something touches a slot
    /// and an entry, and no third place.
    entries: Box<[u8]>,
    routes: Box<[Arc<Route>]>,
    /// What the names of each `sni` policy end with, in lower case.
    suffixes: Box<[Arc<str>]>,
}

/// What a host name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostMatch<'t> {
    /// The virtual cluster behind its listener.
    pub route: &'t Arc<Route>,
    /// The node; `None`: any live one (bootstrap).
    pub node: Option<NodeId>,
}

/// Why a host name is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHostMatch {
    /// It is below one of our suffixes, or no host name at all: it may be meant for a virtual cluster, and nothing else may
    /// take it.
    Below,
    /// It is a name of something else: another policy may take it.
    Foreign,
}

impl HostTable {
    /// A table of `routes` whose addresses are host names (others are passed over); `suffixes` are those of the policies
    /// that made them. Of two routes with one name the first counts; the check accepts no such configuration.
    pub fn new(routes: Vec<Arc<Route>>, suffixes: Vec<Arc<str>>) -> HostTable {
        let mut entries = Vec::new();
        let mut places = Vec::with_capacity(routes.len());
        for (route, at) in routes.iter().zip(0u32..) {
            let AddressMap::Names(names) = &*route.addresses else { continue };
            let (Ok(place), Ok(bytes)) = (u32::try_from(entries.len()), u16::try_from(names.own.len())) else {
                continue;
            };
            places.push(place);
            entries.extend(bytes.to_le_bytes());
            entries.extend(at.to_le_bytes());
            entries.extend_from_slice(names.own.as_bytes());
        }
        let slots = vec![(0, EMPTY); (places.len() * 2).next_power_of_two().max(2)].into();
        let suffixes = suffixes.iter().map(|suffix| suffix.to_ascii_lowercase().into()).collect();
        let routes = routes.into();
        let mut table = HostTable { slots, entries: entries.into(), routes, suffixes };
        places.into_iter().for_each(|place| table.insert(place));
        table
    }

    /// Looks `name` up, as a client wrote it: in any case, with or without a dot at its end.
    ///
    /// # Errors
    ///
    /// It is not in the table.
    pub fn look_up(&self, name: &[u8]) -> Result<HostMatch<'_>, NoHostMatch> {
        // Clients write names as keys are: seldom is there anything to change.
        if is_host_name_key(name) { self.look_up_key(name) } else { self.look_up_other(name) }
    }

    #[cold]
    fn look_up_other(&self, name: &[u8]) -> Result<HostMatch<'_>, NoHostMatch> {
        let mut space = [0; NAME_BYTES_MAX];
        self.look_up_key(host_name_key(name, &mut space).ok_or(NoHostMatch::Below)?)
    }

    fn look_up_key(&self, name: &[u8]) -> Result<HostMatch<'_>, NoHostMatch> {
        let found = HostNames::split(name)
            .and_then(|(node, own)| Some((node, self.routes.get(self.find(own)? as usize)?)))
            .map(|(node, route)| HostMatch { route, node });
        found.ok_or_else(|| if self.is_below(name) { NoHostMatch::Below } else { NoHostMatch::Foreign })
    }

    /// Whether a name ends as ours do, however many dots are behind it.
    #[cold]
    fn is_below(&self, name: &[u8]) -> bool {
        let end = name.iter().rposition(|byte| *byte != b'.').map_or(0, |last| last + 1);
        let name = name.get(..end).unwrap_or_default();
        self.suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes()))
    }

    /// The routes, in the order of the policies.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// The index of the route whose text this is.
    fn find(&self, own: &[u8]) -> Option<u32> {
        let hash = hash(own);
        let (tag, mut slot) = ((hash >> 32) as u32, hash as usize);
        // Half of the slots at least are empty: one of them ends it.
        loop {
            match *self.slots.get(slot & (self.slots.len() - 1))? {
                (_, EMPTY) => return None,
                (slot_tag, place) if slot_tag == tag => match self.entry(place) {
                    Some((text, route)) if text == own => return Some(route),
                    Some(_) | None => {}
                },
                (_, _) => {}
            }
            slot = slot.wrapping_add(1);
        }
    }

    /// The text and the route of an entry.
    fn entry(&self, place: u32) -> Option<(&[u8], u32)> {
        let (head, behind) = self.entries.get(place as usize..)?.split_first_chunk::<HEAD_BYTES>()?;
        let [low, high, r0, r1, r2, r3] = *head;
        let text = behind.get(..usize::from(u16::from_le_bytes([low, high])))?;
        Some((text, u32::from_le_bytes([r0, r1, r2, r3])))
    }

    fn insert(&mut self, place: u32) {
        let Some((text, _)) = self.entry(place) else { return };
        let hash = hash(text);
        let mask = self.slots.len() - 1;
        let free = (0..=mask)
            .map(|step| ((hash as usize & mask) + step) & mask)
            .find(|slot| self.slots.get(*slot).is_some_and(|(_, place)| *place == EMPTY));
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
    let last = match bytes.last_chunk() {
        // Some of them stand in the last word, too.
        Some(last) => u64::from_le_bytes(*last),
        None => rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte)),
    };
    mix(mix(hash, last), FACTOR >> 1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Two texts of which the table remembers the same: only the text itself tells them apart.
    #[test]
    fn a_text_with_the_tag_of_another_is_not_found() {
        let texts: Vec<String> = (0..400_000).map(|number| format!("vc{number}.kafka.example")).collect();
        let mut by_tag: HashMap<(u64, u64), &str> = HashMap::new();
        let mut pairs = 0;
        for text in &texts {
            let hash = hash(text.as_bytes());
            // In a table of one entry the last bit is the slot.
            let Some(other) = by_tag.insert((hash >> 32, hash & 1), text) else { continue };
            let mut table = HostTable {
                slots: vec![(0, EMPTY); 2].into(),
                entries: Vec::new().into(),
                routes: Vec::new().into(),
                suffixes: Vec::new().into(),
            };
            let head = [&(other.len() as u16).to_le_bytes()[..], &7u32.to_le_bytes()].concat();
            table.entries = [&head, other.as_bytes()].concat().into();
            table.insert(0);
            assert_eq!((table.find(other.as_bytes()), table.find(text.as_bytes())), (Some(7), None), "{other} {text}");
            pairs += 1;
        }
        assert!(pairs > 0);
    }
}
