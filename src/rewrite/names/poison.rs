//! Refusing one name of a request without taking the request apart: the name is replaced by one that no backend accepts,
//! the backend refuses that entry in the API's own shape and order, and on the way back the name becomes again what the
//! client said, with the error code that we mean.
//!
//! A poisoned name is the virtual cluster's prefix, a slash (which no topic name may have), a letter for the refusal, and
//! what the client said. It stays inside the prefix, so that it can reach nothing of anybody else even where a backend
//! looks at it no closer.

use crate::cluster::{Namespace, Refusal};

/// What a poisoned name was refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poison {
    /// INVALID_TOPIC_EXCEPTION (17).
    Invalid,
    /// UNKNOWN_TOPIC_OR_PARTITION (3).
    Absent,
    /// TOPIC_ALREADY_EXISTS (36): an additional topic that was to be created.
    Exists,
    /// TOPIC_AUTHORIZATION_FAILED (29): an additional topic that was to be changed.
    Forbidden,
    /// CLUSTER_AUTHORIZATION_FAILED (31): a resource that is no topic and no group.
    ForbiddenCluster,
    /// INVALID_GROUP_ID (24): a group without the enforced prefix.
    InvalidGroup,
    /// GROUP_AUTHORIZATION_FAILED (30): an additional group that was to be deleted.
    ForbiddenGroup,
    /// TRANSACTIONAL_ID_AUTHORIZATION_FAILED (53): a transactional id without the enforced prefix.
    ForbiddenTransactionalId,
}

impl Poison {
    const ALL: [Poison; 8] = [
        Poison::Invalid,
        Poison::Absent,
        Poison::Exists,
        Poison::Forbidden,
        Poison::ForbiddenCluster,
        Poison::InvalidGroup,
        Poison::ForbiddenGroup,
        Poison::ForbiddenTransactionalId,
    ];

    /// The error code that the client gets.
    pub const fn error(self) -> i16 {
        match self {
            Poison::Invalid => 17,
            Poison::Absent => 3,
            Poison::Exists => 36,
            Poison::Forbidden => 29,
            Poison::ForbiddenCluster => 31,
            Poison::InvalidGroup => 24,
            Poison::ForbiddenGroup => 30,
            Poison::ForbiddenTransactionalId => 53,
        }
    }

    const fn letter(self) -> u8 {
        match self {
            Poison::Invalid => b'i',
            Poison::Absent => b'a',
            Poison::Exists => b'e',
            Poison::Forbidden => b'f',
            Poison::ForbiddenCluster => b'c',
            Poison::InvalidGroup => b'g',
            Poison::ForbiddenGroup => b'd',
            Poison::ForbiddenTransactionalId => b't',
        }
    }

    /// Bytes that poisoning adds to what the client said.
    pub fn added_bytes(namespace: &Namespace) -> usize {
        namespace.prefix.len() + 2
    }

    /// Writes the poisoned form of what the client said.
    pub fn write(self, namespace: &Namespace, said: &[u8], into: &mut Vec<u8>) {
        into.extend_from_slice(namespace.prefix.as_bytes());
        into.extend_from_slice(&[b'/', self.letter()]);
        into.extend_from_slice(said);
    }

    /// Takes a physical name apart: why it was refused and what the client said; `None` when it is not poisoned.
    pub fn read<'a>(namespace: &Namespace, physical: &'a [u8]) -> Option<(Poison, &'a [u8])> {
        let rest = physical.strip_prefix(namespace.prefix.as_bytes())?.strip_prefix(b"/")?;
        let (letter, said) = rest.split_first()?;
        let poison = Poison::ALL.into_iter().find(|poison| poison.letter() == *letter)?;
        Some((poison, said))
    }
}

impl From<Refusal> for Poison {
    fn from(refusal: Refusal) -> Poison {
        match refusal {
            Refusal::Invalid => Poison::Invalid,
            Refusal::Absent => Poison::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Additional, Mode, is_topic_name};

    #[test]
    fn what_is_poisoned_comes_back_and_is_no_topic_name() {
        let namespace = Namespace {
            mode: Mode::HidePrefix,
            prefix: "a.".into(),
            topics: Additional::default(),
            groups: Additional::default(),
            aliases: Vec::new(),
            all_prefixes: ["a.".into()].into(),
        };
        for poison in Poison::ALL {
            for said in [&b""[..], b".", b"orders", b"/ix", b"\xff"] {
                let mut bytes = Vec::new();
                poison.write(&namespace, said, &mut bytes);
                assert_eq!(bytes.len(), said.len() + Poison::added_bytes(&namespace));
                assert!(!is_topic_name(&bytes) && bytes.starts_with(b"a."));
                assert_eq!(Poison::read(&namespace, &bytes), Some((poison, said)));
                assert_eq!(namespace.topic_out(&bytes), None);
            }
        }
        for other in [&b"a.x"[..], b"a./", b"a./zx", b"b./ix"] {
            assert_eq!(Poison::read(&namespace, other), None);
        }
    }
}
