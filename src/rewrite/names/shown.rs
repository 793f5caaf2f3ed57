//! What a physical name in a response is for the client.

use super::poison::Poison;
use crate::cluster::Namespace;
use crate::frame::Asked;

/// TOPIC and GROUP of Kafka's `ConfigResource.Type`.
const TOPIC: i8 = 2;
const GROUP: i8 = 32;

/// What a physical name is for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// The name it knows.
    As(&'a [u8]),
    /// What it said, which was refused.
    Refused(Poison, &'a [u8]),
    /// Nothing: it is not of this virtual cluster.
    Foreign,
}

impl<'a> Shown<'a> {
    /// A topic.
    pub fn topic(names: &'a Namespace, physical: &'a [u8]) -> Shown<'a> {
        // An entry without a name is an error that the backend answers to one without a name.
        if physical.is_empty() {
            return Shown::As(physical);
        }
        match Poison::read(names, physical) {
            Some((poison, said)) => Shown::Refused(poison, said),
            None => names.topic_out(physical).map_or(Shown::Foreign, Shown::As),
        }
    }

    /// A group.
    pub fn group(names: &'a Namespace, physical: &'a [u8]) -> Shown<'a> {
        match Poison::of_group(names, physical) {
            Some((poison, said)) => Shown::Refused(poison, said),
            None => names.group_out(physical).map_or(Shown::Foreign, Shown::As),
        }
    }

    /// A transactional id; the empty one was refused by the backend.
    pub fn transactional_id(names: &'a Namespace, physical: &'a [u8]) -> Shown<'a> {
        if physical.is_empty() {
            return Shown::As(physical);
        }
        match Poison::of_transactional_id(names, physical) {
            Some((poison, said)) => Shown::Refused(poison, said),
            None => names.transactional_id_out(physical).map_or(Shown::Foreign, Shown::As),
        }
    }

    /// A key of FindCoordinator, of the type that was asked for.
    pub fn coordinator_key(names: &'a Namespace, asked: Asked, physical: &'a [u8]) -> Shown<'a> {
        match asked {
            Asked::Groups => Shown::group(names, physical),
            Asked::TransactionalIds => Shown::transactional_id(names, physical),
            // Keys of other types are never asked for.
            Asked::Nothing | Asked::TopicIds | Asked::OtherProtocol => Shown::Foreign,
        }
    }

    /// A resource of this type, and the type as the client said it.
    pub fn resource(names: &'a Namespace, kind: i8, physical: &'a [u8]) -> (Shown<'a>, i8) {
        let shown = match kind {
            TOPIC => Shown::topic(names, physical),
            GROUP => Shown::group(names, physical),
            _ => Shown::Foreign,
        };
        let Shown::Refused(Poison::ForbiddenCluster, said) = shown else { return (shown, kind) };
        // A resource of another type went to the backend as a topic, its type before its name.
        let colon = said.iter().position(|byte| *byte == b':').and_then(|at| said.split_at_checked(at));
        let read = colon.and_then(|(kind, name)| Some((std::str::from_utf8(kind).ok()?.parse().ok()?, name.get(1..)?)));
        match read {
            Some((kind, name)) => (Shown::Refused(Poison::ForbiddenCluster, name), kind),
            None => (Shown::Foreign, kind),
        }
    }
}
