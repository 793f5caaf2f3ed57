//! Names come out of every field that has one: the shapes of responses with names are Kafka's own layouts, and whatever
//! Kafka's definitions say names a topic, a group or a transactional id, or holds text, ids and rights of the backend, is
//! marked in every version that a namespace serves.

use std::collections::BTreeSet;

use crate::support::definitions::{defined, definitions, merge, shaped, within};
use klamm::rewrite::{Fields, Kind, NameLeaf, NameMarks, NameText, NamedRule, response_names, rules};
use serde_json::Value;

/// Error codes that are never shown as others: (API, path).
const CODES_OF_THEIR_OWN: [(&str, &str); 2] = [
    // What is refused in Metadata has no partitions, and no request of it is refused as a whole.
    ("Metadata", "/Topics/Partitions/ErrorCode"),
    // Whether the configuration of a topic could be told, in a tag.
    ("CreateTopics", "/Topics/TopicConfigErrorCode"),
];

/// What a field of a definition must be marked as.
fn wanted(api: &str, field: &Value, path: &str) -> Option<&'static str> {
    let name = field["name"].as_str().unwrap();
    let text = field["type"] == "string";
    Some(match field["entityType"].as_str() {
        Some("topicName") => "topic",
        Some("groupId") => "group",
        Some("transactionalId") => "transactional id",
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
        // All bytes but records are of the consumer protocol.
        _ if field["type"] == "bytes" => "embedded",
        _ => return None,
    })
}

fn defined_marks(api: &str, fields: &Value, version: i16, path: &str, found: &mut BTreeSet<(String, &'static str)>) {
    for field in fields.as_array().into_iter().flatten().filter(|field| within(&field["versions"], version)) {
        let path = format!("{path}/{}", field["name"].as_str().unwrap());
        found.extend(wanted(api, field, &path).map(|mark| (path.clone(), mark)));
        defined_marks(api, &field["fields"], version, &path, found);
    }
}

fn text_mark(mark: NameText) -> &'static str {
    match mark {
        NameText::Topic => "topic",
        NameText::Group => "group",
        NameText::TransactionalId => "transactional id",
        NameText::CoordinatorKey => "key",
        NameText::Resource => "resource",
        NameText::Message => "message",
        NameText::ClusterId => "cluster id",
        NameText::ProtocolType => "protocol type",
        NameText::Subscription | NameText::Assignment => "embedded",
        NameText::CreatedTopic | NameText::ChangedTopic | NameText::GroupNotEmpty | NameText::Pattern => "of requests",
    }
}

fn leaf_mark(mark: NameLeaf) -> &'static str {
    match mark {
        NameLeaf::Error | NameLeaf::EntryError => "error",
        NameLeaf::AuthorizedOperations => "operations",
        NameLeaf::ShownResourceType => "resource type",
        NameLeaf::TopicId => "topic id",
        NameLeaf::FetchSession => "session",
        NameLeaf::ReplicaId | NameLeaf::KeyType | NameLeaf::ResourceType | NameLeaf::AutoCreate | NameLeaf::Acks => {
            "of requests"
        }
    }
}

fn marks(fields: Fields<NameMarks>, version: i16, path: &str, found: &mut BTreeSet<(String, &'static str)>) {
    for field in fields.iter().filter(|field| field.exists(version)) {
        let path = format!("{path}/{}", field.name);
        match field.kind {
            Kind::Text(Some(mark)) | Kind::Blob(Some(mark)) => {
                assert!(mark != NameText::Message || field.nullable(version), "{path}: a text that cannot be left out");
                found.insert((path, text_mark(mark)));
            }
            Kind::Fixed(_, Some(mark)) => {
                found.insert((path, leaf_mark(mark)));
            }
            Kind::Array(inner, _) | Kind::Struct(inner) | Kind::Tagged(_, inner) => {
                marks(inner, version, &path, found);
            }
            Kind::Fixed(_, None) | Kind::Text(None) | Kind::Blob(None) => {}
            Kind::ClassicText | Kind::Items(_) | Kind::Texts(_) => {}
        }
    }
}

#[test]
fn the_shapes_are_kafkas_layouts_and_every_name_is_marked() {
    let definitions = definitions();
    let (mut versions, mut marked) = (0, BTreeSet::new());
    for rule in rules() {
        let NamedRule::Served(max) = rule.named else {
            assert!(response_names(rule.key).is_none(), "{}", rule.name);
            continue;
        };
        let shape = response_names(rule.key).unwrap_or_else(|| panic!("{} has no shape", rule.name));
        let response = &definitions.responses[&i64::from(rule.key)];
        for version in rule.min..=max {
            let theirs = defined(&response["fields"], version, &response["commonStructs"]);
            assert_eq!(merge(shaped(shape.body, version)), merge(theirs), "{} {version}", rule.name);
            let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
            marks(shape.body, version, "", &mut ours);
            defined_marks(rule.name, &response["fields"], version, "", &mut theirs);
            // The common struct of AddPartitionsToTxn is looked into by its use.
            for common in response["commonStructs"].as_array().into_iter().flatten() {
                let name = common["name"].as_str().unwrap();
                let kind = format!("[]{name}");
                let user = response["fields"].as_array().unwrap().iter().find(|field| field["type"] == kind.as_str());
                let Some(user) = user.filter(|field| within(&field["versions"], version)) else { continue };
                let path = format!("/{}", user["name"].as_str().unwrap());
                add_common(rule.name, response, common, version, &path, &mut theirs);
            }
            assert_eq!(ours, theirs, "{} {version}", rule.name);
            let only_codes = ours.iter().all(|(_, mark)| *mark == "error");
            assert!(!shape.codes_only || only_codes, "{} {version}", rule.name);
            versions += 1;
            marked.extend(ours.into_iter().map(|(path, mark)| (rule.key, path, mark)));
        }
    }
    assert_eq!((versions, marked.len()), (177, 98));
}

/// The marks of a struct that is defined once and used by name.
fn add_common(
    api: &str,
    response: &Value,
    common: &Value,
    version: i16,
    path: &str,
    found: &mut BTreeSet<(String, &'static str)>,
) {
    for field in common["fields"].as_array().unwrap().iter().filter(|field| within(&field["versions"], version)) {
        let path = format!("{path}/{}", field["name"].as_str().unwrap());
        found.extend(wanted(api, field, &path).map(|mark| (path.clone(), mark)));
        let inner = response["commonStructs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| field["type"].as_str().unwrap().strip_prefix("[]") == one["name"].as_str());
        if let Some(inner) = inner {
            add_common(api, response, inner, version, &path, found);
        }
    }
}
