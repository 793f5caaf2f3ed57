//! Which of several certificates cover a host name.

use std::collections::HashMap;

/// Names and wildcards of several certificates, each with the turn of its certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoveredNames {
    exact: HashMap<Box<str>, Vec<usize>>,
    /// Without their `*.`.
    wildcards: HashMap<Box<str>, Vec<usize>>,
}

impl CoveredNames {
    /// Adds a name of the certificate with this turn; `*.` in front stands for exactly one label, any other `*` for itself.
    pub fn add(&mut self, name: &str, certificate: usize) {
        let (names, name) = match name.strip_prefix("*.") {
            Some(behind) => (&mut self.wildcards, behind),
            None => (&mut self.exact, name),
        };
        names.entry(name.into()).or_default().push(certificate);
    }

    /// The certificates that cover `name` (in lower case, without a dot at the end): those that have it before those
    /// that have a wildcard for it, each in the order they were added.
    pub fn covering(&self, name: &str) -> impl Iterator<Item = usize> {
        let exact = self.exact.get(name);
        // One label only, and never an empty one.
        let wildcard = name.split_once('.').filter(|(label, _)| !label.is_empty());
        let wildcard = wildcard.and_then(|(_, behind)| self.wildcards.get(behind));
        exact.into_iter().chain(wildcard).flatten().copied()
    }

    /// Whether some certificate covers `name` (in lower case, without a dot at the end).
    pub fn covers(&self, name: &str) -> bool {
        self.covering(name).next().is_some()
    }
}

/// Bytes of a host name: RFC 1035, 2.3.4, as text.
const HOST_NAME_BYTES_MAX: usize = 253;

/// `name` as names are compared: in lower case, without the one dot that may stand at its end. `None` where it is longer
/// than a host name. Nothing is allocated.
pub fn host_name_key<'k>(name: &[u8], space: &'k mut [u8; HOST_NAME_BYTES_MAX]) -> Option<&'k [u8]> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let key = space.get_mut(..name.len())?;
    key.copy_from_slice(name);
    key.make_ascii_lowercase();
    Some(key)
}

/// Whether `name` is as [`host_name_key`] would make it.
pub fn is_host_name_key(name: &[u8]) -> bool {
    name.len() <= HOST_NAME_BYTES_MAX && !name.ends_with(b".") && !name.iter().any(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_exactly_one_label() {
        let mut names = CoveredNames::default();
        for (turn, name) in ["*.kafka.example", "b.kafka.example", "x*.example", "*"].iter().enumerate() {
            names.add(name, turn);
        }
        let of = |name: &str| names.covering(name).collect::<Vec<_>>();
        assert_eq!(of("a.kafka.example"), [0]);
        assert_eq!(of("b.kafka.example"), [1, 0]);
        for name in ["a.b.kafka.example", "kafka.example", ".kafka.example", "xy.example", "example", "", "."] {
            assert_eq!(of(name), [0; 0], "{name}");
        }
    }

    #[test]
    fn names_are_compared_without_case_and_last_dot() {
        let mut space = [0; HOST_NAME_BYTES_MAX];
        assert_eq!(host_name_key(b"A.b-C.", &mut space), Some(b"a.b-c".as_slice()));
        assert_eq!(host_name_key(b"a..", &mut space), Some(b"a.".as_slice()));
        assert!(host_name_key(&[b'a'; 253], &mut space).is_some() && host_name_key(&[b'a'; 255], &mut space).is_none());
        for name in [&b"A.b-C."[..], b"a..", b"a.", b"aB", &[b'a'; 254], b"a.b-c", b"", &[b'a'; 253]] {
            assert_eq!(
                is_host_name_key(name),
                host_name_key(name, &mut space) == Some(name),
                "{}",
                name.escape_ascii()
            );
        }
    }
}
