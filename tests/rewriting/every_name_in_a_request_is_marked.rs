//! What Kafka's definitions say that a request names is marked in it, in every version that a namespace serves; and its
//! layout is theirs.

use std::collections::BTreeSet;

use crate::support::definitions::{defined, definitions, merge, shaped, within};
use crate::support::tenant::served;
use klamm::rewrite::{Fields, Kind, NameLeaf, NameMarks, NameText, NamedRule, request_shape, rules};
use serde_json::Value;

/// The paths of strings of which a definition says that they name something of a tenant, with what it says.
fn defined_names(fields: &Value, version: i16, common: &Value, path: &str, found: &mut BTreeSet<(String, String)>) {
    for field in fields.as_array().into_iter().flatten() {
        if !within(&field["versions"], version) {
            continue;
        }
        let (name, kind) = (field["name"].as_str().unwrap(), field["type"].as_str().unwrap());
        let path = format!("{path}/{name}");
        if let Some(entity @ ("topicName" | "groupId" | "transactionalId")) = field["entityType"].as_str() {
            found.insert((path.clone(), entity.to_owned()));
        }
        defined_names(&field["fields"], version, common, &path, found);
        let kind = kind.trim_start_matches("[]");
        if let Some(shared) = common.as_array().and_then(|all| all.iter().find(|one| one["name"] == kind)) {
            defined_names(&shared["fields"], version, common, &path, found);
        }
    }
}

/// The paths of strings that a shape marks, with what the mark stands for.
fn marked_names(fields: Fields<NameMarks>, version: i16, path: &str, found: &mut BTreeSet<(String, String)>) {
    for field in fields.iter().filter(|field| field.exists(version)) {
        let path = format!("{path}/{}", field.name);
        match field.kind {
            Kind::Text(Some(mark)) => {
                let entity = match mark {
                    NameText::Topic | NameText::CreatedTopic | NameText::ChangedTopic => "topicName",
                    NameText::Group | NameText::GroupNotEmpty => "groupId",
                    NameText::TransactionalId => "transactionalId",
                    _ => continue,
                };
                found.insert((path.trim_end_matches("/element").to_owned(), entity.to_owned()));
            }
            Kind::Texts(inner) | Kind::Array(inner, _) | Kind::Struct(inner) => {
                marked_names(inner, version, &path, found);
            }
            _ => {}
        }
    }
}

#[test]
fn every_name_that_kafkas_definitions_tell_of_is_marked_and_every_layout_is_theirs() {
    let definitions = definitions();
    let (mut names, mut keys) = (0, BTreeSet::new());
    for (rule, version) in served() {
        let definition = &definitions.requests[&i64::from(rule.key)];
        let common = &definition["commonStructs"];
        let shape = request_shape(rule.key).unwrap_or_else(|| panic!("{} has no shape", rule.name));
        let theirs = merge(defined(&definition["fields"], version, common));
        assert_eq!(merge(shaped(shape, version)), theirs, "{} {version}", rule.name);
        let (mut told, mut marked) = (BTreeSet::new(), BTreeSet::new());
        defined_names(&definition["fields"], version, common, "", &mut told);
        marked_names(shape, version, "", &mut marked);
        assert_eq!(marked, told, "{} {version}", rule.name);
        names += told.len();
        keys.insert(rule.key);
    }
    assert!(names > 150 && keys.len() == 32, "{names} names in {} APIs", keys.len());
    // What a namespace does not serve has no shape: it cannot go out by mistake.
    let unserved = rules().iter().filter(|rule| !matches!(rule.named, NamedRule::Served(_)));
    assert!(unserved.map(|rule| request_shape(rule.key)).all(|shape| shape.is_none()));
}

/// What the definitions do not tell of: found by name, in every served request.
#[test]
fn replica_ids_topic_ids_sessions_and_resources_are_marked() {
    fn leaves(fields: Fields<NameMarks>, version: i16, found: &mut Vec<(&'static str, NameLeaf)>) {
        for field in fields.iter().filter(|field| field.exists(version)) {
            match field.kind {
                Kind::Fixed(_, Some(mark)) => found.push((field.name, mark)),
                Kind::Array(inner, _) | Kind::Struct(inner) => leaves(inner, version, found),
                _ => {}
            }
        }
    }
    fn told(fields: &Value, version: i16, common: &Value, found: &mut Vec<String>) {
        for field in fields.as_array().into_iter().flatten().filter(|field| within(&field["versions"], version)) {
            let kind = field["type"].as_str().unwrap().trim_start_matches("[]");
            let name = field["name"].as_str().unwrap();
            let replica = field["entityType"] == "brokerId" && name != "BrokerIds";
            if replica || kind == "uuid" || ["SessionId", "ResourceType", "KeyType", "Acks"].contains(&name) {
                found.push(name.to_owned());
            }
            let shared = common.as_array().into_iter().flatten().find(|one| one["name"] == kind);
            told(shared.map_or(&field["fields"], |shared| &shared["fields"]), version, common, found);
        }
    }
    let definitions = definitions();
    for (rule, version) in served() {
        let definition = &definitions.requests[&i64::from(rule.key)];
        let (mut marked, mut expected) = (Vec::new(), Vec::new());
        leaves(request_shape(rule.key).unwrap(), version, &mut marked);
        told(&definition["fields"], version, &definition["commonStructs"], &mut expected);
        let marked: Vec<&str> = marked
            .into_iter()
            .filter(|(_, mark)| *mark != NameLeaf::AutoCreate)
            .map(|(name, _)| name.trim_end_matches("+SessionEpoch"))
            .collect();
        assert_eq!(marked, expected, "{} {version}", rule.name);
    }
}
