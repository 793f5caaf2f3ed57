//! What a name that a client says is for the backend; the other way round of [`super::to_virtual`].

use super::rejected_name::RejectedName;
use crate::cluster::{Mode, Namespace, Physical, Refusal};
use crate::wire::Role;

/// Types of resources in the configuration APIs (`ConfigResource.Type` of Kafka).
pub const RESOURCE_TOPIC: i8 = 2;
const RESOURCE_GROUP: i8 = 32;

/// What a name is for the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToPhysical<'a> {
    /// A name that it may have.
    As(Physical<'a>),
    /// Nothing that a client may name so.
    Refused(RejectedName),
}

impl<'a> ToPhysical<'a> {
    /// A topic that is used, created or changed, as its role says. Additional ones and aliases are only used.
    pub fn topic(names: &'a Namespace, role: Role, said: &'a [u8]) -> ToPhysical<'a> {
        // Where nothing stands before a name, one that no topic has would be taken for a refused one on the way back.
        if names.mode == Mode::Open && said.starts_with(b"/") {
            return ToPhysical::Refused(RejectedName::Invalid);
        }
        let physical = match names.topic_in(said) {
            Ok(physical) => physical,
            // As an additional topic that there is not.
            Err(Refusal::Reserved) if role == Role::CreatedTopic => return ToPhysical::Refused(RejectedName::Exists),
            Err(Refusal::Reserved) if role == Role::ChangedTopic => {
                return ToPhysical::Refused(RejectedName::Forbidden);
            }
            Err(refusal) => return ToPhysical::Refused(RejectedName::from(refusal)),
        };
        let own = || !physical.additional && !names.aliases.iter().any(|(alias, _)| alias.as_bytes() == said);
        match role {
            Role::CreatedTopic if !own() => ToPhysical::Refused(RejectedName::Exists),
            Role::ChangedTopic if !own() => ToPhysical::Refused(RejectedName::Forbidden),
            _ => ToPhysical::As(physical),
        }
    }

    /// A group, which is perhaps to be deleted: additional ones are not.
    pub fn group(names: &'a Namespace, said: &'a [u8], empty_is_a_group: bool, deleted: bool) -> ToPhysical<'a> {
        match names.group_in(said, empty_is_a_group) {
            Some(physical) if physical.additional && deleted => ToPhysical::Refused(RejectedName::ForbiddenGroup),
            Some(physical) if physical.additional || !RejectedName::reserves_group(names, said) => {
                ToPhysical::As(physical)
            }
            Some(_) | None => ToPhysical::Refused(RejectedName::InvalidGroup),
        }
    }

    /// A transactional id.
    pub fn transactional_id(names: &'a Namespace, said: &'a [u8]) -> ToPhysical<'a> {
        match names.transactional_id_in(said) {
            Some(physical) if !RejectedName::reserves_transactional_id(names, said) => ToPhysical::As(physical),
            Some(_) | None => ToPhysical::Refused(RejectedName::ForbiddenTransactionalId),
        }
    }

    /// A resource whose configuration is read or changed. Topics and groups have one that is a tenant's; anything else is
    /// refused with [`RejectedName::ForbiddenCluster`], and so is a group that may not be named: a backend would make one of any
    /// name.
    pub fn resource(names: &'a Namespace, kind: i8, said: &'a [u8], changes: bool) -> ToPhysical<'a> {
        match kind {
            RESOURCE_TOPIC if changes => ToPhysical::topic(names, Role::ChangedTopic, said),
            RESOURCE_TOPIC => ToPhysical::topic(names, Role::Topic, said),
            RESOURCE_GROUP => match ToPhysical::group(names, said, true, changes) {
                ToPhysical::Refused(_) => ToPhysical::Refused(RejectedName::ForbiddenCluster),
                sent @ ToPhysical::As(_) => sent,
            },
            _ => ToPhysical::Refused(RejectedName::ForbiddenCluster),
        }
    }
}
