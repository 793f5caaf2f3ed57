//! What Kafka makes up (ids of members, producers, topics, fetch sessions, clusters) differs from side to side, but must be
//! the same thing everywhere: what is first seen at one place of an answer is one identity, on every side under its own
//! value, from then on and for good.

use std::collections::BTreeMap;

/// What an identity is of; ids of two kinds never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Member,
    Producer,
    Topic,
    FetchSession,
    Cluster,
}

/// All identities so far.
#[derive(Default)]
pub struct Identities {
    /// Of each identity its value on each side; `None` where it has not been seen yet.
    values: Vec<Vec<Option<Vec<u8>>>>,
    numbers: BTreeMap<(Kind, usize, Vec<u8>), usize>,
}

impl Identities {
    /// Takes the values of one field, one from each side: whether they are the same identity.
    pub fn same(&mut self, kind: Kind, seen: &[(usize, &[u8])]) -> bool {
        let numbers: Vec<Option<usize>> =
            seen.iter().map(|(side, value)| self.numbers.get(&(kind, *side, value.to_vec())).copied()).collect();
        let plain = seen.iter().all(|(_, value)| value == &seen[0].1);
        if seen.iter().any(|(_, value)| is_nothing(value)) {
            return plain;
        }
        let Some(number) = numbers.iter().flatten().next().copied() else {
            // What the client itself made up is the same everywhere, and no identity.
            if !plain {
                self.add(kind, seen);
            }
            return true;
        };
        seen.iter().zip(numbers).all(|((side, value), known)| match known {
            Some(known) => known == number,
            None => self.complete(kind, number, *side, value),
        })
    }

    fn add(&mut self, kind: Kind, seen: &[(usize, &[u8])]) {
        let number = self.values.len();
        self.values.push(Vec::new());
        for (side, value) in seen {
            self.complete(kind, number, *side, value);
        }
    }

    /// A side that was not asked when the identity was first seen.
    fn complete(&mut self, kind: Kind, number: usize, side: usize, value: &[u8]) -> bool {
        let values = &mut self.values[number];
        values.resize(values.len().max(side + 1), None);
        if values[side].is_some() {
            return false;
        }
        values[side] = Some(value.to_vec());
        self.numbers.insert((kind, side, value.to_vec()), number);
        true
    }

    /// The number of the identity that has this value on a side.
    pub fn number(&self, kind: Kind, side: usize, value: &[u8]) -> Option<usize> {
        self.numbers.get(&(kind, side, value.to_vec())).copied()
    }

    /// The value of an identity on a side; zeros where that side never saw it.
    pub fn of(&self, number: usize, side: usize) -> Vec<u8> {
        let value = self.values.get(number).and_then(|values| values.get(side)).cloned().flatten();
        value.unwrap_or_else(|| vec![0; 8])
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }
}

/// Empty, zero and -1 stand for no identity.
fn is_nothing(value: &[u8]) -> bool {
    value.iter().all(|byte| *byte == 0) || value.iter().all(|byte| *byte == 0xff)
}
