//! Refusing one name of a request without taking the request apart: the name is replaced by one that no backend accepts,
//! the backend refuses that entry in the API's own shape and order, and on the way back the name becomes again what the
//! client said, with the error code that we mean.
//!
//! A rejected name is the virtual cluster's prefix, a slash (which no topic name may have), a letter for the refusal, and
//! what the client said. It stays inside the prefix, so that it can reach nothing of anybody else even where a backend
//! looks at it no closer.
//!
//! No topic can have such a name. Groups and transactional ids can: one that would be taken for a rejected one is reserved.
//! A client that names it is refused, and where the backend has it all the same it is not seen.

use crate::cluster::{Mode, Namespace, Refusal};

/// What a rejected name was refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectedName {
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

impl RejectedName {
    const ALL: [RejectedName; 8] = [
        RejectedName::Invalid,
        RejectedName::Absent,
        RejectedName::Exists,
        RejectedName::Forbidden,
        RejectedName::ForbiddenCluster,
        RejectedName::InvalidGroup,
        RejectedName::ForbiddenGroup,
        RejectedName::ForbiddenTransactionalId,
    ];

    /// The error code that the client gets.
    pub const fn error(self) -> i16 {
        match self {
            RejectedName::Invalid => 17,
            RejectedName::Absent => 3,
            RejectedName::Exists => 36,
            RejectedName::Forbidden => 29,
            RejectedName::ForbiddenCluster => 31,
            RejectedName::InvalidGroup => 24,
            RejectedName::ForbiddenGroup => 30,
            RejectedName::ForbiddenTransactionalId => 53,
        }
    }

    const fn letter(self) -> u8 {
        match self {
            RejectedName::Invalid => b'i',
            RejectedName::Absent => b'a',
            RejectedName::Exists => b'e',
            RejectedName::Forbidden => b'f',
            RejectedName::ForbiddenCluster => b'c',
            RejectedName::InvalidGroup => b'g',
            RejectedName::ForbiddenGroup => b'd',
            RejectedName::ForbiddenTransactionalId => b't',
        }
    }

    /// Bytes that rejecting adds to what the client said.
    pub fn added_bytes(namespace: &Namespace) -> usize {
        namespace.prefix.len() + 2
    }

    /// Writes the rejected form of what the client said.
    pub fn write(self, namespace: &Namespace, said: &[u8], into: &mut Vec<u8>) {
        into.extend_from_slice(namespace.prefix.as_bytes());
        into.extend_from_slice(&[b'/', self.letter()]);
        into.extend_from_slice(said);
    }

    /// Takes a physical name apart: why it was refused and what the client said; `None` when it is not rejected.
    pub fn read<'a>(namespace: &Namespace, physical: &'a [u8]) -> Option<(RejectedName, &'a [u8])> {
        RejectedName::read_own(physical.strip_prefix(namespace.prefix.as_bytes())?)
    }

    /// The same for what stands behind the prefix.
    fn read_own(own: &[u8]) -> Option<(RejectedName, &[u8])> {
        let (letter, said) = own.strip_prefix(b"/")?.split_first()?;
        let rejection = RejectedName::ALL.into_iter().find(|rejection| rejection.letter() == *letter)?;
        Some((rejection, said))
    }

    /// Takes a physical name of a group apart: why it was refused and what the client said; `None` when it is a group.
    pub fn of_group<'a>(namespace: &Namespace, physical: &'a [u8]) -> Option<(RejectedName, &'a [u8])> {
        group(namespace, physical.strip_prefix(namespace.prefix.as_bytes())?)
    }

    /// The same for a transactional id.
    pub fn of_transactional_id<'a>(namespace: &Namespace, physical: &'a [u8]) -> Option<(RejectedName, &'a [u8])> {
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

fn group<'a>(names: &Namespace, own: &'a [u8]) -> Option<(RejectedName, &'a [u8])> {
    refused(names, own, RejectedName::InvalidGroup, |(rejection, said)| {
        rejection == RejectedName::ForbiddenGroup && names.group_in(said, true).is_some_and(|group| group.additional)
    })
}

fn transactional_id<'a>(names: &Namespace, own: &'a [u8]) -> Option<(RejectedName, &'a [u8])> {
    refused(names, own, RejectedName::ForbiddenTransactionalId, |_| false)
}

/// Takes apart what stands behind the prefix, where names that lack the enforced one are refused as `outside` and others
/// for what `other` says. What is reserved is refused as `outside` too, so that one may stand within another.
fn refused<'a>(
    names: &Namespace,
    own_name: &'a [u8],
    outside: RejectedName,
    other: impl Fn((RejectedName, &[u8])) -> bool,
) -> Option<(RejectedName, &'a [u8])> {
    let outermost = RejectedName::read_own(own_name)?;
    let mut inner = outermost;
    while inner.0 == outside {
        let Some(own_name) = own(names, inner.1) else { return Some(outermost) };
        inner = RejectedName::read_own(own_name)?;
    }
    other(inner).then_some(outermost)
}

impl From<Refusal> for RejectedName {
    fn from(refusal: Refusal) -> RejectedName {
        match refusal {
            Refusal::Invalid => RejectedName::Invalid,
            Refusal::Absent | Refusal::Reserved => RejectedName::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Additional, is_topic_name};

    #[test]
    fn what_is_rejected_comes_back_and_is_no_topic_name() {
        let namespace = Namespace {
            mode: Mode::HidePrefix,
            prefix: "a.".into(),
            topics: Additional::default(),
            groups: Additional::default(),
            aliases: Vec::new(),
            all_prefixes: ["a.".into()].into(),
        };
        for rejection in RejectedName::ALL {
            for said in [&b""[..], b".", b"orders", b"/ix", b"\xff"] {
                let mut bytes = Vec::new();
                rejection.write(&namespace, said, &mut bytes);
                assert_eq!(bytes.len(), said.len() + RejectedName::added_bytes(&namespace));
                assert!(!is_topic_name(&bytes) && bytes.starts_with(b"a."));
                assert_eq!(RejectedName::read(&namespace, &bytes), Some((rejection, said)));
                assert_eq!(namespace.topic_out(&bytes), None);
            }
        }
        for other in [&b"a.x"[..], b"a./", b"a./zx", b"b./ix"] {
            assert_eq!(RejectedName::read(&namespace, other), None);
        }
    }
}
