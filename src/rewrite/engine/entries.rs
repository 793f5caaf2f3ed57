//! The entries that are being walked: what of the current one is known, and where it began, so that it can be left out, or
//! taken a second time when its name comes behind what its name decides.

use super::patch::{Before, Place};
use crate::wire::Walker;
use crate::wire::{Varint, read_varint};

/// Most arrays of entries within each other: groups, and their topics. A test holds it.
pub const LEVELS_MAX: usize = 2;

/// One array of entries.
#[derive(Clone)]
pub struct Level {
    /// Where its count stands.
    pub count_at: Place,
    /// Entries that the client gets.
    pub kept: u32,
    /// Entries were left out.
    pub smaller: bool,
    /// The one that is walked.
    pub entry: Current,
}

/// An entry.
#[derive(Clone)]
pub struct Current {
    /// The walk, at its first byte.
    pub walker: Walker,
    /// Where in the frame it begins.
    pub at: usize,
    /// What was written before it.
    pub before: Before,
    /// Its name was seen.
    pub named: bool,
    /// Something that its name decides was seen before its name.
    pub early: bool,
    /// Every error code in it is shown as this one: its name was refused.
    pub refused: Option<i16>,
}

/// The arrays of entries around the current place, outermost first.
#[derive(Default)]
pub struct Levels {
    all: [Option<Level>; LEVELS_MAX],
    depth: usize,
}

impl Levels {
    /// A further array, within the current one; false where there may be none.
    #[must_use]
    pub fn enter(&mut self, level: Level) -> bool {
        let Some(place) = self.all.get_mut(self.depth) else { return false };
        *place = Some(level);
        self.depth += 1;
        true
    }

    /// The innermost array ended.
    pub fn leave(&mut self) -> Option<Level> {
        self.depth = self.depth.saturating_sub(1);
        self.all.get_mut(self.depth).and_then(Option::take)
    }

    /// The innermost array.
    pub fn top(&mut self) -> Option<&mut Level> {
        self.depth.checked_sub(1).and_then(|top| self.all.get_mut(top)).and_then(Option::as_mut)
    }

    /// The error code that entries here show, because of their own name or that of the entry around them.
    pub fn refused(&self) -> Option<i16> {
        self.all.iter().take(self.depth).rev().flatten().find_map(|level| level.entry.refused)
    }
}

/// The count at the front of an array; null is 0.
pub fn count(head: &[u8], flexible: bool) -> u32 {
    if flexible {
        return match read_varint(head) {
            Varint::Value(more, _) => more.saturating_sub(1),
            Varint::Incomplete | Varint::Invalid => 0,
        };
    }
    head.first_chunk().map_or(0, |count| u32::try_from(i32::from_be_bytes(*count)).unwrap_or(0))
}
