//! What a name that a client says is for the backend; the other way round of [`super::shown`].

use super::poison::Poison;
use crate::cluster::{Mode, Namespace, Physical};
use crate::wire::Role;

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
    /// A topic that is used, created or changed, as its role says. Additional ones and aliases are only used.
    pub fn topic(names: &'a Namespace, role: Role, said: &'a [u8]) -> Sent<'a> {
        // Where nothing stands before a name, one that no topic has would be taken for a refused one on the way back.
        if names.mode == Mode::Open && said.starts_with(b"/") {
            return Sent::Refused(Poison::Invalid);
        }
        let physical = match names.topic_in(said) {
            Ok(physical) => physical,
            Err(refusal) => return Sent::Refused(Poison::from(refusal)),
        };
        let own = || !physical.additional && !names.aliases.iter().any(|(alias, _)| alias.as_bytes() == said);
        match role {
            Role::CreatedTopic if !own() => Sent::Refused(Poison::Exists),
            Role::ChangedTopic if !own() => Sent::Refused(Poison::Forbidden),
            _ => Sent::As(physical),
        }
    }

    /// A group, which is perhaps to be deleted: additional ones are not.
    pub fn group(names: &'a Namespace, said: &'a [u8], empty_is_a_group: bool, deleted: bool) -> Sent<'a> {
        match names.group_in(said, empty_is_a_group) {
            Some(physical) if physical.additional && deleted => Sent::Refused(Poison::ForbiddenGroup),
            Some(physical) if physical.additional || !Poison::reserves_group(names, said) => Sent::As(physical),
            Some(_) | None => Sent::Refused(Poison::InvalidGroup),
        }
    }

    /// A transactional id.
    pub fn transactional_id(names: &'a Namespace, said: &'a [u8]) -> Sent<'a> {
        match names.transactional_id_in(said) {
            Some(physical) if !Poison::reserves_transactional_id(names, said) => Sent::As(physical),
            Some(_) | None => Sent::Refused(Poison::ForbiddenTransactionalId),
        }
    }

    /// A resource whose configuration is read or changed. Topics and groups have one that is a tenant's; anything else is
    /// refused with [`Poison::ForbiddenCluster`], and so is a group that may not be named: a backend would make one of any
    /// name.
    pub fn resource(names: &'a Namespace, kind: i8, said: &'a [u8], changes: bool) -> Sent<'a> {
        match kind {
            RESOURCE_TOPIC if changes => Sent::topic(names, Role::ChangedTopic, said),
            RESOURCE_TOPIC => Sent::topic(names, Role::Topic, said),
            RESOURCE_GROUP => match Sent::group(names, said, true, changes) {
                Sent::Refused(_) => Sent::Refused(Poison::ForbiddenCluster),
                sent @ Sent::As(_) => sent,
            },
            _ => Sent::Refused(Poison::ForbiddenCluster),
        }
    }
}
