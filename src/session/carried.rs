//! What was read from a socket and not yet dealt with.

use crate::rewrite::REST_BYTES_MAX;

/// Bytes that are fed before the next ones that come. The few that a walk leaves over lie here; memory is taken only for
/// requests that found the ledger full.
#[derive(Default)]
pub(super) struct Carried {
    few: [u8; REST_BYTES_MAX],
    few_bytes: usize,
    many: Vec<u8>,
}

impl Carried {
    /// Keeps `rest` instead of what was kept.
    pub fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() && self.many.is_empty() {
            // The usual case, without the call that copies nothing.
            self.few_bytes = 0;
        } else if let Some(few) = self.few.get_mut(..rest.len()) {
            few.copy_from_slice(rest);
            self.few_bytes = rest.len();
            // Keeps no capacity: dropping an empty one is free.
            self.many = Vec::new();
        } else {
            self.few_bytes = 0;
            self.many.clear();
            self.many.extend_from_slice(rest);
            self.many.shrink_to_fit();
        }
    }

    /// What is kept.
    pub fn bytes(&self) -> &[u8] {
        if self.many.is_empty() { self.few.get(..self.few_bytes).unwrap_or_default() } else { &self.many }
    }

    /// Nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Bytes of memory in use.
    pub fn held(&self) -> usize {
        self.many.capacity()
    }
}

impl From<Vec<u8>> for Carried {
    fn from(many: Vec<u8>) -> Carried {
        Carried { many, ..Carried::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_last_given() {
        let mut carried = Carried::from(vec![1; 100]);
        assert_eq!((carried.bytes(), carried.held()), (&[1; 100][..], 100));
        for length in [5, 11, 12, 70_000, 13, 0, 1, 12, 0] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            carried.keep(&bytes);
            assert_eq!(carried.bytes(), bytes);
            assert_eq!(carried.is_empty(), length == 0);
            assert_eq!(carried.held() > 0, length > REST_BYTES_MAX, "a few bytes take no memory");
        }
    }
}
