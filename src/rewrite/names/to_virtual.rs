//! What a physical name in a response is for the client.

use super::rejected_name::RejectedName;
use crate::cluster::Namespace;
use crate::wire::Asked;

/// TOPIC and GROUP of Kafka's `ConfigResource.Type`.
const TOPIC: i8 = 2;
const GROUP: i8 = 32;

/// What a physical name is for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToVirtual<'a> {
    /// The name it knows.
    As(&'a [u8]),
    /// What it said, which was refused.
    Refused(RejectedName, &'a [u8]),
    /// Nothing: it is not of this virtual cluster.
    Foreign,
}

impl<'a> ToVirtual<'a> {
    /// A topic.
    pub fn topic(names: &'a Namespace, physical: &'a [u8]) -> ToVirtual<'a> {
        // An entry without a name is an error that the backend answers to one without a name.
        if physical.is_empty() {
            return ToVirtual::As(physical);
        }
        match RejectedName::read(names, physical) {
            Some((rejection, said)) => ToVirtual::Refused(rejection, said),
            None => names.topic_out(physical).map_or(ToVirtual::Foreign, ToVirtual::As),
        }
    }

    /// A group.
    pub fn group(names: &'a Namespace, physical: &'a [u8]) -> ToVirtual<'a> {
        match RejectedName::of_group(names, physical) {
            Some((rejection, said)) => ToVirtual::Refused(rejection, said),
            None => names.group_out(physical).map_or(ToVirtual::Foreign, ToVirtual::As),
        }
    }

    /// A transactional id; the empty one was refused by the backend.
    pub fn transactional_id(names: &'a Namespace, physical: &'a [u8]) -> ToVirtual<'a> {
        if physical.is_empty() {
            return ToVirtual::As(physical);
        }
        match RejectedName::of_transactional_id(names, physical) {
            Some((rejection, said)) => ToVirtual::Refused(rejection, said),
            None => names.transactional_id_out(physical).map_or(ToVirtual::Foreign, ToVirtual::As),
        }
    }

    /// A key of FindCoordinator, of the type that was asked for.
    pub fn coordinator_key(names: &'a Namespace, asked: Asked, physical: &'a [u8]) -> ToVirtual<'a> {
        match asked {
            Asked::Groups => ToVirtual::group(names, physical),
            Asked::TransactionalIds => ToVirtual::transactional_id(names, physical),
            // Keys of other types are never asked for.
            Asked::Nothing | Asked::TopicIds | Asked::OtherProtocol => ToVirtual::Foreign,
        }
    }

    /// A resource of this type, and the type as the client said it.
    pub fn resource(names: &'a Namespace, kind: i8, physical: &'a [u8]) -> (ToVirtual<'a>, i8) {
        let shown = match kind {
            TOPIC => ToVirtual::topic(names, physical),
            GROUP => ToVirtual::group(names, physical),
            _ => ToVirtual::Foreign,
        };
        let ToVirtual::Refused(RejectedName::ForbiddenCluster, said) = shown else { return (shown, kind) };
        // A resource of another type went to the backend as a topic, its type before its name.
        let colon = said.iter().position(|byte| *byte == b':').and_then(|at| said.split_at_checked(at));
        let read = colon.and_then(|(kind, name)| Some((std::str::from_utf8(kind).ok()?.parse().ok()?, name.get(1..)?)));
        match read {
            Some((kind, name)) => (ToVirtual::Refused(RejectedName::ForbiddenCluster, name), kind),
            None => (ToVirtual::Foreign, kind),
        }
    }
}
