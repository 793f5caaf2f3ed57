//! Refusing one name of a request without taking the request apart: the name is replaced by one that no backend accepts,
//! the backend refuses that entry in the API's own shape and order, and on the way back the name becomes again what the
//! client said, with the error code that we mean.
//!
//! A poisoned name is the virtual cluster's prefix, a slash (which no topic name may have), a letter for the refusal, and
//! what the client said. It stays inside the prefix, so that it can reach nothing of anybody else even where a backend
//! looks at it no closer.
//!
//! No topic can have such a name. Groups and transactional ids can: one that would be taken for a poisoned one is reserved.
//! A client that names it is refused, and where the backend has it all the same it is not seen.

use crate::cluster::{Mode, Namespace, Refusal};

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

/// The prefix of names that are refused in equal length: its last byte is one that no topic name may have.
pub fn refused_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut refused = prefix.to_vec();
    if let Some(last) = refused.last_mut() {
        *last = b'/';
    }
    refused
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
        Poison::read_own(physical.strip_prefix(namespace.prefix.as_bytes())?)
    }

    /// The same for what stands behind the prefix.
    fn read_own(own: &[u8]) -> Option<(Poison, &[u8])> {
        let (letter, said) = own.strip_prefix(b"/")?.split_first()?;
        let poison = Poison::ALL.into_iter().find(|poison| poison.letter() == *letter)?;
        Some((poison, said))
    }

    /// Takes a physical name of a group apart: why it was refused and what the client said; `None` when it is a group.
    pub fn of_group<'a>(namespace: &Namespace, physical: &'a [u8]) -> Option<(Poison, &'a [u8])> {
        group(namespace, physical.strip_prefix(namespace.prefix.as_bytes())?)
    }

    /// The same for a transactional id.
    pub fn of_transactional_id<'a>(namespace: &Namespace, physical: &'a [u8]) -> Option<(Poison, &'a [u8])> {
        transactional_id(namespace, physical.strip_prefix(namespace.prefix.as_bytes())?)
    }

    /// Whether a group that a client says is reserved: on the way back it would be taken for a refused one.
    pub fn reserves_group(namespace: &Namespace, said: &[u8]) -> bool {
        own(namespace, said).is_some_and(|own| group(namespace, own).is_some())
    }

    /// The same for a transactional id.
    pub fn reserves_transactional_id(namespace: &Namespace, said: &[u8]) -> bool {
        own(namespace, said).is_some_and(|own| transactional_id(namespace, own).is_some())
    }
}

/// What a client says as it stands behind the own prefix on the backend; `None`: it lacks the enforced prefix.
fn own<'a>(names: &Namespace, said: &'a [u8]) -> Option<&'a [u8]> {
    match names.mode {
        Mode::EnforcePrefix => said.strip_prefix(names.prefix.as_bytes()),
        Mode::HidePrefix | Mode::Open => Some(said),
    }
}

fn group<'a>(names: &Namespace, own: &'a [u8]) -> Option<(Poison, &'a [u8])> {
    refused(names, own, Poison::InvalidGroup, |(poison, said)| {
        poison == Poison::ForbiddenGroup && names.group_in(said, true).is_some_and(|group| group.additional)
    })
}

fn transactional_id<'a>(names: &Namespace, own: &'a [u8]) -> Option<(Poison, &'a [u8])> {
    refused(names, own, Poison::ForbiddenTransactionalId, |_| false)
}

/// Takes apart what stands behind the prefix, where names that lack the enforced one are refused as `outside` and others
/// for what `other` says. What is reserved is refused as `outside` too, so that one may stand within another.
fn refused<'a>(
    names: &Namespace,
    own_name: &'a [u8],
    outside: Poison,
    other: impl Fn((Poison, &[u8])) -> bool,
) -> Option<(Poison, &'a [u8])> {
    let outermost = Poison::read_own(own_name)?;
    let mut inner = outermost;
    while inner.0 == outside {
        let Some(own_name) = own(names, inner.1) else { return Some(outermost) };
        inner = Poison::read_own(own_name)?;
    }
    other(inner).then_some(outermost)
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
    use crate::cluster::{Additional, is_topic_name};

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
