//! What fields mean to a gateway, beyond what Kafka's definitions say that they name.
//!
//! Owns the only rules by hand about messages: a field of a layout gets its role from its API, its path and the entity that
//! it names. May not know what is done at a role. A field without a role is bytes that pass.

use super::layout::{Api, Direction, Entity, Field, Fields, Kind};
use super::layouts::key::*;

/// What a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// A topic that is used (produced to, fetched, described).
    Topic,
    /// Request: a topic that is to be created.
    CreatedTopic,
    /// Request: a topic that is to be changed or deleted.
    ChangedTopic,
    /// A topic's id.
    TopicId,
    /// A group where "" is an old, legal one (OffsetCommit, OffsetFetch, DescribeGroups, DeleteGroups).
    Group,
    /// A group where the backend refuses "".
    GroupNotEmpty,
    /// A transactional id; null stays null.
    TransactionalId,
    /// FindCoordinator's key: the key type says what it names.
    CoordinatorKey,
    /// Request: FindCoordinator's key type (int8), behind the key in v1-3 and before the keys in v4+.
    KeyType,
    /// The type (int8) of the resource whose name comes next.
    ResourceType,
    /// The name of a resource: its type says what it names.
    ResourceName,
    /// Request: a regular expression over transactional ids.
    TransactionalIdPattern,
    /// Request: Produce's acks; with 0 no response will come.
    Acks,
    /// Request: a replica's id, -1 for clients (Fetch, ListOffsets, OffsetForLeaderEpoch).
    ReplicaId,
    /// Request: whether Metadata may create the topics that it names.
    AutoCreate,
    /// Request: name or version of the client's software (KIP-511).
    ClientSoftware,
    /// Fetch's session id; in requests with the epoch behind it (KIP-227).
    FetchSession,
    /// The protocol type of a group, for the bytes behind it.
    ProtocolType,
    /// Bytes: a ConsumerProtocolSubscription where the protocol type is "consumer".
    Subscription,
    /// Bytes: a ConsumerProtocolAssignment where the protocol type is "consumer".
    Assignment,
    /// The cluster id.
    ClusterId,
    /// Response: an error code of the whole response, or of an entry with no name of its own.
    Error,
    /// Response: an error code of the nearest enclosing entry with a name, before or behind that name.
    EntryError,
    /// Response: the error code that stands before the coordinator it is about.
    ErrorBeforeCoordinator,
    /// Response: the error code that stands behind the coordinator it is about, in an entry with a name.
    ErrorAfterCoordinator,
    /// Response: free text, which may hold physical names.
    ErrorMessage,
    /// Response: authorized operations.
    AuthorizedOperations,
    /// An array whose elements have a name of their own.
    Entries,
    /// Response: an array of nodes with their addresses.
    Brokers,
    /// Response: an array of the addresses of some nodes, at the end of the frame (KIP-951).
    NodeEndpoints,
    /// Response: an array of nodes of the cluster's own, which is no client's business.
    ControllerNodes,
    /// Response: the node id of a member of [`Role::Brokers`].
    BrokerId,
    /// Response: the node id of a coordinator.
    CoordinatorId,
    /// Response: the node id of a member of [`Role::NodeEndpoints`].
    EndpointId,
    /// Response: the host of the node whose id came before.
    Host,
    /// Response: the port of the node whose id came before.
    Port,
    /// Response: the rack of a member of [`Role::NodeEndpoints`].
    EndpointRack,
    /// Response: the node id of the controller.
    ControllerId,
    /// Response: error code, partition index and leader id of a partition in Metadata, ten bytes in a row.
    PartitionLeader,
    /// Response: the node id of a replica to read from (KIP-392).
    PreferredReplica,
}

impl Role {
    /// How many fields in a row it covers.
    pub(super) const fn fields(self, direction: Direction) -> usize {
        match (self, direction) {
            (Role::PartitionLeader, _) => 3,
            (Role::FetchSession, Direction::Request) => 2,
            _ => 1,
        }
    }

    /// Of a value of fixed size that mostly means nothing: it is of interest where it is this (true), or is not (false).
    pub(super) const fn event(self, direction: Direction) -> Option<(bool, i32)> {
        match (self, direction) {
            // No response is wanted.
            (Role::Acks, Direction::Request) => Some((true, 0)),
            // A client is no replica.
            (Role::ReplicaId, Direction::Request) => Some((false, -1)),
            // They were not asked for.
            (Role::AuthorizedOperations, Direction::Response) => Some((false, i32::MIN)),
            _ => None,
        }
    }

    /// It says what an element of [`Role::Entries`] is called.
    const fn names(self) -> bool {
        matches!(
            self,
            Role::Topic
                | Role::CreatedTopic
                | Role::ChangedTopic
                | Role::Group
                | Role::GroupNotEmpty
                | Role::TransactionalId
                | Role::CoordinatorKey
                | Role::ResourceName
        )
    }
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u64);

impl Roles {
    /// No role.
    pub const NONE: Roles = Roles(0);
    /// Every role.
    pub const ALL: Roles = Roles(u64::MAX);

    /// These.
    pub const fn of(roles: &[Role]) -> Roles {
        let (mut set, mut rest) = (0, roles);
        while let Some((role, behind)) = rest.split_first() {
            set |= 1 << *role as u8;
            rest = behind;
        }
        Roles(set)
    }

    /// Whether this role is one of them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// These and those.
    pub const fn and(self, others: Roles) -> Roles {
        Roles(self.0 | others.0)
    }

    /// These without those.
    pub const fn without(self, others: Roles) -> Roles {
        Roles(self.0 & !others.0)
    }

    /// Whether all of them are among `others`.
    pub const fn are_among(self, others: Roles) -> bool {
        self.0 & !others.0 == 0
    }
}

/// Whose field it is.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// In which direction the message goes.
    pub direction: Direction,
    /// Of which API it is.
    pub key: i16,
    /// The names of the fields around it and its own, joined by `/`.
    pub path: &'a str,
    /// It stands in an element of [`Role::Entries`].
    pub in_entry: bool,
}

/// The role of a field in one version.
pub fn role(place: Place<'_>, field: &Field, version: i16) -> Option<Role> {
    if is_entries(place, field, version) {
        return Some(Role::Entries);
    }
    match place.direction {
        Direction::Request => in_request(place.key, place.path, field),
        Direction::Response => in_response(place, field),
    }
}

/// An array of structs of which a field names each.
fn is_entries(place: Place<'_>, field: &Field, version: i16) -> bool {
    let Kind::Array(element) = field.kind else { return false };
    element.iter().filter(|inner| inner.versions.has(version)).any(|inner| {
        let path = format!("{}/{}", place.path, inner.name);
        let place = Place { path: &path, in_entry: true, ..place };
        role(place, inner, version).is_some_and(Role::names)
    })
}

fn in_request(key: i16, path: &str, field: &Field) -> Option<Role> {
    Some(match (key, path) {
        (PRODUCE, "Acks") => Role::Acks,
        (FETCH, "SessionId") => Role::FetchSession,
        // Replicas alone say it, to be told when they are not in the cluster they think they are.
        (FETCH, "ClusterId") => Role::ClusterId,
        (METADATA, "AllowAutoTopicCreation") => Role::AutoCreate,
        (FIND_COORDINATOR, "Key" | "CoordinatorKeys") => Role::CoordinatorKey,
        (FIND_COORDINATOR, "KeyType") => Role::KeyType,
        (JOIN_GROUP | SYNC_GROUP, "ProtocolType") => Role::ProtocolType,
        (JOIN_GROUP, "Protocols/Metadata") => Role::Subscription,
        (SYNC_GROUP, "Assignments/Assignment") => Role::Assignment,
        (API_VERSIONS, "ClientSoftwareName" | "ClientSoftwareVersion") => Role::ClientSoftware,
        (CREATE_TOPICS, "Topics/Name") => Role::CreatedTopic,
        (DELETE_TOPICS, "TopicNames" | "Topics/Name") => Role::ChangedTopic,
        (DELETE_RECORDS | CREATE_PARTITIONS, "Topics/Name") => Role::ChangedTopic,
        (LIST_TRANSACTIONS, "TransactionalIdPattern") => Role::TransactionalIdPattern,
        (DESCRIBE_CONFIGS | ALTER_CONFIGS | INCREMENTAL_ALTER_CONFIGS, "Resources/ResourceType") => Role::ResourceType,
        (DESCRIBE_CONFIGS | ALTER_CONFIGS | INCREMENTAL_ALTER_CONFIGS, "Resources/ResourceName") => Role::ResourceName,
        _ => match field.entity {
            Entity::Topic if is_text(field) => Role::Topic,
            Entity::Group if matches!(key, OFFSET_COMMIT | OFFSET_FETCH | DESCRIBE_GROUPS | DELETE_GROUPS) => {
                Role::Group
            }
            Entity::Group => Role::GroupNotEmpty,
            Entity::TransactionalId => Role::TransactionalId,
            Entity::Node if field.name == "ReplicaId" => Role::ReplicaId,
            _ if field.name == "TopicId" => Role::TopicId,
            Entity::None | Entity::Topic | Entity::Node | Entity::ProducerId => return None,
        },
    })
}

fn in_response(place: Place<'_>, field: &Field) -> Option<Role> {
    let error = if place.in_entry { Role::EntryError } else { Role::Error };
    Some(match (place.key, place.path) {
        (METADATA | DESCRIBE_CLUSTER, "Brokers") => Role::Brokers,
        (METADATA, "Brokers/NodeId") | (DESCRIBE_CLUSTER, "Brokers/BrokerId") => Role::BrokerId,
        (METADATA | DESCRIBE_CLUSTER, "Brokers/Host") => Role::Host,
        (METADATA | DESCRIBE_CLUSTER, "Brokers/Port") => Role::Port,
        (METADATA | DESCRIBE_CLUSTER, "ControllerId") => Role::ControllerId,
        // What is refused in Metadata has no partitions, and no request of it is refused as a whole.
        (METADATA, "Topics/Partitions/ErrorCode") => Role::PartitionLeader,
        (METADATA, "Topics/TopicId") => Role::TopicId,
        (_, "NodeEndpoints") => Role::NodeEndpoints,
        (_, "NodeEndpoints/NodeId") => Role::EndpointId,
        (_, "NodeEndpoints/Host") => Role::Host,
        (_, "NodeEndpoints/Port") => Role::Port,
        (_, "NodeEndpoints/Rack") => Role::EndpointRack,
        (FETCH, "SessionId") => Role::FetchSession,
        (FETCH, "Responses/Partitions/PreferredReadReplica") => Role::PreferredReplica,
        (FIND_COORDINATOR, "ErrorCode") => Role::ErrorBeforeCoordinator,
        (FIND_COORDINATOR, "Coordinators/ErrorCode") => Role::ErrorAfterCoordinator,
        (FIND_COORDINATOR, "NodeId" | "Coordinators/NodeId") => Role::CoordinatorId,
        (FIND_COORDINATOR, "Host" | "Coordinators/Host") => Role::Host,
        (FIND_COORDINATOR, "Port" | "Coordinators/Port") => Role::Port,
        (FIND_COORDINATOR, "Coordinators/Key") => Role::CoordinatorKey,
        (DESCRIBE_QUORUM, "Nodes") => Role::ControllerNodes,
        // Whether the configuration of a topic could be told, in a tag.
        (CREATE_TOPICS, "Topics/TopicConfigErrorCode") => return None,
        (JOIN_GROUP | SYNC_GROUP, "ProtocolType") | (DESCRIBE_GROUPS, "Groups/ProtocolType") => Role::ProtocolType,
        (JOIN_GROUP, "Members/Metadata") | (DESCRIBE_GROUPS, "Groups/Members/MemberMetadata") => Role::Subscription,
        (SYNC_GROUP, "Assignment") | (DESCRIBE_GROUPS, "Groups/Members/MemberAssignment") => Role::Assignment,
        _ => match field.entity {
            Entity::Topic if is_text(field) => Role::Topic,
            Entity::Group => Role::Group,
            Entity::TransactionalId => Role::TransactionalId,
            Entity::None | Entity::Topic | Entity::Node | Entity::ProducerId => match field.name {
                "ClusterId" => Role::ClusterId,
                "ResourceType" => Role::ResourceType,
                "ResourceName" => Role::ResourceName,
                name if name.ends_with("AuthorizedOperations") => Role::AuthorizedOperations,
                name if name.ends_with("ErrorMessage") => Role::ErrorMessage,
                name if name.ends_with("ErrorCode") => error,
                _ => return None,
            },
        },
    })
}

/// A topic may be meant by its id, or by an index that stands for it, too.
const fn is_text(field: &Field) -> bool {
    matches!(field.kind, Kind::String | Kind::StringArray)
}

/// The paths of all fields of a message in one version that have a role, and their roles: what tests hold against Kafka's
/// definitions.
pub fn roles_of(api: &Api, direction: Direction, version: i16) -> Vec<(String, Role)> {
    fn add(place: Place<'_>, fields: Fields, version: i16, found: &mut Vec<(String, Role)>) {
        for field in fields.iter().filter(|field| field.versions.has(version)) {
            let separator = if place.path.is_empty() { "" } else { "/" };
            let path = format!("{}{separator}{}", place.path, field.name);
            let place = Place { path: &path, ..place };
            let role = role(place, field, version);
            found.extend(role.map(|role| (path.clone(), role)));
            if let Kind::Array(inner) | Kind::Struct(inner) = field.kind {
                let in_entry = place.in_entry || role == Some(Role::Entries);
                add(Place { in_entry, ..place }, inner, version, found);
            }
        }
    }
    let mut found = Vec::new();
    let place = Place { direction, key: api.key, path: "", in_entry: false };
    add(place, api.body(direction), version, &mut found);
    found
}
