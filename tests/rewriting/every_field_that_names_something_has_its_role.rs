//! Whatever Kafka's definitions say names a topic, a group or a transactional id, or holds text, ids and rights of the backend,
//! has its role in every version that a namespace serves; and every address of a node in a response has one in every version
//! that is served at all.

use std::collections::BTreeSet;

use crate::definitions::{Definitions, Entity, Field, Kind};
use crate::support::tenant::served;
use klamm::rewrite::{ResponseRule, Rule, rules, support_table};
use klamm::wire::{Direction, Role, api, roles_of};

/// Error codes that are never shown as others: (API, path).
const CODES_OF_THEIR_OWN: [(&str, &str); 2] = [
    // What is refused in Metadata has no partitions, and no request of it is refused as a whole.
    ("Metadata", "Topics/Partitions/ErrorCode"),
    // Whether the configuration of a topic could be told, in a tag.
    ("CreateTopics", "Topics/TopicConfigErrorCode"),
];

/// Strings named "host" that are no node's: (API, path).
const HOSTS_OF_OTHERS: [(&str, &str); 8] = [
    // Patterns of ACLs.
    ("DescribeAcls", "Resources/Acls/Host"),
    ("DeleteAcls", "FilterResults/MatchingAcls/Host"),
    // Where a member of a group was seen.
    ("DescribeGroups", "Groups/Members/ClientHost"),
    ("ConsumerGroupDescribe", "Groups/Members/ClientHost"),
    ("ShareGroupDescribe", "Groups/Members/ClientHost"),
    ("StreamsGroupDescribe", "Groups/Members/ClientHost"),
    // The endpoint of an application, as its members gave it.
    ("StreamsGroupDescribe", "Groups/Members/UserEndpoint/Host"),
    ("StreamsGroupHeartbeat", "PartitionsByUserEndpoint/UserEndpoint/Host"),
];

fn each_field(fields: &[Field], version: i16, path: &str, visit: &mut impl FnMut(&str, &Field)) {
    for field in fields.iter().filter(|field| field.versions.has(version)) {
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}/{}", field.name) };
        visit(&path, field);
        let mut kind = &field.kind;
        while let Kind::Array(element) = kind {
            kind = element;
        }
        if let Kind::Struct(inner) = kind {
            each_field(inner, version, &path, visit);
        }
    }
}

fn is_text(field: &Field) -> bool {
    matches!(&field.kind, Kind::Text) || matches!(&field.kind, Kind::Array(element) if matches!(**element, Kind::Text))
}

/// What a role stands for, in the words of [`in_request`] and [`in_response`]; `None`: it is about addresses alone.
fn word(role: Role) -> Option<&'static str> {
    Some(match role {
        Role::Topic | Role::CreatedTopic | Role::ChangedTopic => "topic",
        Role::TopicId => "topic id",
        Role::Group | Role::GroupNotEmpty => "group",
        Role::TransactionalId => "transactional id",
        Role::CoordinatorKey => "key",
        Role::KeyType => "key type",
        Role::ResourceType => "resource type",
        Role::ResourceName => "resource",
        Role::TransactionalIdPattern => "pattern",
        Role::Acks => "acks",
        Role::ReplicaId => "replica",
        Role::AutoCreate => "auto create",
        Role::ClientSoftware => "software",
        Role::FetchSession => "session",
        Role::ProtocolType => "protocol type",
        Role::Subscription | Role::Assignment => "embedded",
        Role::ClusterId => "cluster id",
        Role::Error | Role::EntryError | Role::ErrorBeforeCoordinator | Role::ErrorAfterCoordinator => "error",
        Role::ErrorMessage => "message",
        Role::AuthorizedOperations => "operations",
        Role::Entries | Role::Brokers | Role::NodeEndpoints | Role::ControllerNodes | Role::BrokerId => return None,
        Role::CoordinatorId | Role::EndpointId | Role::Host | Role::Port | Role::EndpointRack => return None,
        Role::ControllerId | Role::PartitionLeader | Role::PreferredReplica => return None,
    })
}

/// What a field of a request must have a role for.
fn in_request(field: &Field) -> Option<&'static str> {
    let text = is_text(field);
    Some(match (field.entity, field.name.as_str()) {
        (Entity::Topic, _) if text => "topic",
        (Entity::Group, _) => "group",
        (Entity::TransactionalId, _) => "transactional id",
        (Entity::Node, "ReplicaId") => "replica",
        (_, _) if field.type_name == "uuid" => "topic id",
        (_, "SessionId") => "session",
        (_, "ResourceType") => "resource type",
        (_, "ResourceName") => "resource",
        (_, "KeyType") => "key type",
        (_, "Key" | "CoordinatorKeys") if text => "key",
        (_, "Acks") => "acks",
        (_, "ClusterId") => "cluster id",
        (_, "AllowAutoTopicCreation") => "auto create",
        (_, "ProtocolType") => "protocol type",
        (_, "TransactionalIdPattern") => "pattern",
        // All bytes but records are of the consumer protocol.
        (_, _) if matches!(field.kind, Kind::Bytes) => "embedded",
        (_, _) => return None,
    })
}

/// What a field of a response must have a role for.
fn in_response(api: &str, path: &str, field: &Field) -> Option<&'static str> {
    let (text, name) = (is_text(field), field.name.as_str());
    Some(match field.entity {
        Entity::Topic if text => "topic",
        Entity::Group => "group",
        Entity::TransactionalId => "transactional id",
        _ if text && name.ends_with("ErrorMessage") => "message",
        _ if text && name == "ClusterId" => "cluster id",
        _ if name.ends_with("AuthorizedOperations") => "operations",
        _ if CODES_OF_THEIR_OWN.contains(&(api, path)) => return None,
        _ if name.ends_with("ErrorCode") => "error",
        _ if text && name == "ResourceName" => "resource",
        _ if name == "ResourceType" => "resource type",
        _ if text && name == "ProtocolType" && api != "ListGroups" => "protocol type",
        _ if api == "FindCoordinator" && name == "Key" => "key",
        _ if api == "Fetch" && name == "SessionId" => "session",
        _ if api == "Metadata" && name == "TopicId" => "topic id",
        _ if matches!(field.kind, Kind::Bytes) => "embedded",
        _ => return None,
    })
}

fn roles(rule: &Rule, direction: Direction, version: i16) -> Vec<(String, Role)> {
    roles_of(api(rule.key).unwrap(), direction, version)
}

#[test]
fn in_every_message_that_a_namespace_serves() {
    let definitions = Definitions::read().unwrap();
    let (mut versions, mut names, mut fields) = (0, 0, BTreeSet::new());
    for (rule, version) in served() {
        for direction in [Direction::Request, Direction::Response] {
            let mut expected = BTreeSet::new();
            let message = match direction {
                Direction::Request => &definitions.requests[&rule.key],
                Direction::Response => &definitions.responses[&rule.key],
            };
            each_field(&message.fields, version, "", &mut |path, field| {
                let wanted = match direction {
                    Direction::Request => in_request(field),
                    Direction::Response => in_response(rule.name, path, field),
                };
                let name = matches!(wanted, Some("topic" | "group" | "transactional id"));
                names += usize::from(name && direction == Direction::Request);
                // A text of the backend must be one that can be left out.
                assert!(wanted != Some("message") || field.nullable.has(version), "{} {path}", rule.name);
                expected.extend(wanted.map(|word| (path.to_owned(), word)));
            });
            let found = roles(rule, direction, version).into_iter();
            let found: BTreeSet<_> = found.filter_map(|(path, role)| Some((path, word(role)?))).collect();
            assert_eq!(found, expected, "{} {version}, {direction:?}", rule.name);
            fields.extend(expected.into_iter().map(|(path, _)| (rule.key, path, direction == Direction::Request)));
        }
        versions += 1;
    }
    assert!(versions == 178 && names > 150 && fields.len() > 150, "{versions} {names} {}", fields.len());
}

/// Where a name stands behind what it decides, the entry that it names is one.
#[test]
fn every_name_in_a_response_is_that_of_an_entry() {
    for (rule, version) in served() {
        let all = roles(rule, Direction::Response, version);
        for (path, role) in &all {
            let named = [Role::Topic, Role::Group, Role::TransactionalId, Role::CoordinatorKey, Role::ResourceName];
            let around = path.rsplit_once('/').map_or("", |(around, _)| around);
            let entries = all.iter().any(|(path, role)| *role == Role::Entries && path == around);
            assert!(!named.contains(role) || entries, "{} {version}: {path}", rule.name);
        }
    }
}

/// An error code within an entry is that of the entry, and one outside of all is the answer's; the codes beside a coordinator
/// have roles of their own.
#[test]
fn every_error_code_is_that_of_its_entry_or_of_the_answer() {
    let mut codes = [0, 0];
    for (rule, version) in served() {
        let all = roles(rule, Direction::Response, version);
        let entries = || all.iter().filter(|(_, role)| *role == Role::Entries);
        for (path, role) in &all {
            let inside =
                entries().any(|(around, _)| path.strip_prefix(around.as_str()).is_some_and(|p| p.starts_with('/')));
            match role {
                Role::EntryError => assert!(inside, "{} {version}: {path}", rule.name),
                Role::Error => assert!(!inside, "{} {version}: {path}", rule.name),
                _ => continue,
            }
            codes[usize::from(inside)] += 1;
        }
    }
    assert!(codes.iter().all(|codes| *codes > 50), "{codes:?}");
}

#[test]
fn every_address_of_a_node_in_a_response() {
    let definitions = Definitions::read().unwrap();
    let mut others: BTreeSet<&(&str, &str)> = BTreeSet::new();
    let mut hosts = 0;
    for rule in rules() {
        for version in rule.min..=rule.max {
            let mut expected = Vec::new();
            each_field(&definitions.responses[&rule.key].fields, version, "", &mut |path, field| {
                let host = field.name.to_lowercase().contains("host") && is_text(field);
                let other = HOSTS_OF_OTHERS.iter().find(|other| **other == (rule.name, path));
                others.extend(other);
                expected.extend((host && other.is_none()).then(|| path.to_owned()));
            });
            let all = roles(rule, Direction::Response, version);
            let hidden = all.iter().find(|(_, role)| *role == Role::ControllerNodes).map(|(path, _)| path.as_str());
            let mut found: Vec<_> =
                all.iter().filter(|(_, role)| *role == Role::Host).map(|(path, _)| path.clone()).collect();
            found.extend(hidden.map(|nodes| format!("{nodes}/Listeners/Host")));
            assert_eq!(found, expected, "{} {version}", rule.name);
            let walked = matches!(rule.response, ResponseRule::Walk(from, _) if version >= from);
            assert_eq!(walked, !expected.is_empty(), "{} {version}: walked where it has addresses", rule.name);
            hosts += expected.len();
        }
    }
    assert_eq!(hosts, 4 + 3 + 14 + 7 + 1 + 3 + 2 + 2);
    assert_eq!(others.len(), HOSTS_OF_OTHERS.len(), "an exception that nothing needs: {others:?}");
}

#[test]
fn the_support_table_has_a_line_for_each_row() {
    let table = support_table();
    let (words, rows) = table.split_once("\n\n").unwrap();
    assert_eq!(rows.lines().count(), rules().len() + 2);
    // Each word of the last column is explained above.
    for row in rows.lines().skip(2) {
        let word = row.trim_end_matches(" |").rsplit("| ").next().unwrap();
        let word = word.split(" up to ").next().unwrap();
        assert!(words.contains(&format!("| {word} | in a namespace: ")), "{row}");
    }
    assert!(table.contains("| 1 | Fetch | 4-18 | forward | walk from 16 |"));
    assert!(table.contains("| 18 | ApiVersions | 0-4 | check | own |"));
    assert!(table.contains("| 3 | Metadata | 0-13 | check, forward | walk |"));
}
