//! What a name that a client says is for the backend; the other way round of [`super::shown`].

use super::marks::NameText;
use super::poison::Poison;
use crate::cluster::{Namespace, Physical};

/// Types of resources in the configuration APIs (`ConfigResource.Type` of Kafka).
pub const RESOURCE_TOPIC: i8 = 2;
const RESOURCE_GROUP: i8 = 32;

/// What a name is for the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent<'a> {
    /// A name that it may have.
    As(Physical<'a>),
    /// Nothing that a client may name so.
    Refused(Poison),
}

impl<'a> Sent<'a> {
    /// A topic that is used, created or changed, as the mark says. Additional ones and aliases are only used.
    pub fn topic(names: &'a Namespace, mark: NameText, said: &'a [u8]) -> Sent<'a> {
        let physical = match names.topic_in(said) {
            Ok(physical) => physical,
            Err(refusal) => return Sent::Refused(Poison::from(refusal)),
        };
        let own = || !physical.additional && !names.aliases.iter().any(|(alias, _)| alias.as_bytes() == said);
        match mark {
            NameText::CreatedTopic if !own() => Sent::Refused(Poison::Exists),
            NameText::ChangedTopic if !own() => Sent::Refused(Poison::Forbidden),
            _ => Sent::As(physical),
        }
    }

    /// A group, which is perhaps to be deleted: additional ones are not.
    pub fn group(names: &'a Namespace, said: &'a [u8], empty_is_a_group: bool, deleted: bool) -> Sent<'a> {
        match names.group_in(said, empty_is_a_group) {
            Some(physical) if physical.additional && deleted => Sent::Refused(Poison::ForbiddenGroup),
            Some(physical) => Sent::As(physical),
            None => Sent::Refused(Poison::InvalidGroup),
        }
    }

    /// A transactional id.
    pub fn transactional_id(names: &'a Namespace, said: &'a [u8]) -> Sent<'a> {
        names.transactional_id_in(said).map_or(Sent::Refused(Poison::ForbiddenTransactionalId), Sent::As)
    }

    /// A resource whose configuration is read or changed. Topics and groups have one that is a tenant's; anything else is
    /// refused with [`Poison::ForbiddenCluster`], and so is a group that may not be named: a backend would make one of any
    /// name.
    pub fn resource(names: &'a Namespace, kind: i8, said: &'a [u8], changes: bool) -> Sent<'a> {
        let sent = match kind {
            RESOURCE_TOPIC => {
                let mark = if changes { NameText::ChangedTopic } else { NameText::Topic };
                return Sent::topic(names, mark, said);
            }
            RESOURCE_GROUP => names.group_in(said, true).filter(|physical| !(physical.additional && changes)),
            _ => None,
        };
        sent.map_or(Sent::Refused(Poison::ForbiddenCluster), Sent::As)
    }
}
