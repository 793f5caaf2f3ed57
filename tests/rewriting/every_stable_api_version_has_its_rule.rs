//! The rules table equals Kafka's own definitions: every stable version of every API that brokers offer to clients has
//! its row, every walked layout is theirs field by field, and every node address in a response is marked.
//!
//! The definitions are those inside kafka-clients 4.3.1; `KLAMM_KAFKA_MESSAGES` names the directory they lie in.

use crate::support::definitions::{Wire, defined, definitions, merge, range, shaped, within};
use klamm::rewrite::{
    Fields, Kind, RequestRule, ResponseArray, ResponseMarks, ResponseRule, ResponseText, Rule, internal, rules,
    support_table,
};
use serde_json::Value;

/// Where the table stops short of the definitions on purpose: (key, lowest version served).
const NOT_FROM_THE_LOWEST: [(i16, i64); 1] = [
    // Version 0 is followed by tokens without any header.
    (17, 1),
];

/// Strings named "host" that are no node's: (API, field).
const HOSTS_OF_OTHERS: [(&str, &str); 8] = [
    // Patterns of ACLs.
    ("DescribeAcls", "Host"),
    ("DeleteAcls", "Host"),
    // Where a member of a group was seen.
    ("DescribeGroups", "ClientHost"),
    ("ConsumerGroupDescribe", "ClientHost"),
    ("ShareGroupDescribe", "ClientHost"),
    ("StreamsGroupDescribe", "ClientHost"),
    // The endpoint of an application, as its members gave it.
    ("StreamsGroupDescribe", "Host"),
    ("StreamsGroupHeartbeat", "Host"),
];

#[test]
fn the_table_holds_exactly_the_stable_versions_that_brokers_offer() {
    let definitions = definitions();
    let mut expected = Vec::new();
    let mut expected_internal = Vec::new();
    for (key, definition) in &definitions.requests {
        let name = definition["name"].as_str().unwrap().trim_end_matches("Request").to_owned();
        let for_brokers = definition["listeners"].as_array().is_some_and(|all| all.iter().any(|l| l == "broker"));
        match range(definition["validVersions"].as_str()) {
            Some((min, max)) if for_brokers => {
                let unstable = definition["latestVersionUnstable"].as_bool() == Some(true);
                let key = i16::try_from(*key).unwrap();
                let min = NOT_FROM_THE_LOWEST.iter().find(|(at, _)| *at == key).map_or(min, |(_, min)| *min);
                let flexible =
                    range(definition["flexibleVersions"].as_str()).map_or(i64::from(i16::MAX), |(from, _)| from);
                expected.push((key, name, min, max - i64::from(unstable), flexible));
            }
            _ => expected_internal.push((i16::try_from(*key).unwrap(), name)),
        }
        let response = &definitions.responses[key];
        assert_eq!(definition["validVersions"], response["validVersions"]);
        assert_eq!(definition["flexibleVersions"], response["flexibleVersions"]);
    }
    let table: Vec<_> = rules()
        .iter()
        .map(|r| (r.key, r.name.to_owned(), i64::from(r.min), i64::from(r.max), i64::from(r.flexible_from)))
        .collect();
    assert_eq!(table, expected);
    let table: Vec<_> = internal().iter().map(|i| (i.key, i.name.to_owned())).collect();
    assert_eq!(table, expected_internal);
}

fn walked(rule: &Rule, version: i16) -> Option<Fields<ResponseMarks>> {
    match rule.response {
        ResponseRule::Walk(from, shape) if version >= from => Some(shape.body),
        _ => None,
    }
}

/// The tagged fields that a shape knows are the definition's, by name, number and content.
fn check_tagged(ours: Fields<ResponseMarks>, response: &Value, rule: &Rule, version: i16) {
    for field in ours {
        let Kind::Tagged(number, content) = field.kind else { continue };
        let theirs = response["fields"].as_array().unwrap().iter().find(|one| one["name"] == field.name).unwrap();
        assert_eq!(theirs["tag"].as_u64(), Some(u64::from(number)));
        let known = (field.first..=field.last).contains(&version);
        assert_eq!(within(&theirs["taggedVersions"], version), known, "{} {version}", rule.name);
        if known {
            let element = merge(defined(&theirs["fields"], version, &response["commonStructs"]));
            assert_eq!(shaped(content, version), [Wire::Array { element, null: false }], "{} {version}", rule.name);
        }
    }
}

#[test]
fn every_walked_layout_is_kafkas() {
    let definitions = definitions();
    let (mut requests, mut responses) = (0, 0);
    for rule in rules() {
        let request = &definitions.requests[&i64::from(rule.key)];
        let response = &definitions.responses[&i64::from(rule.key)];
        for version in rule.min..=rule.max {
            let theirs = || defined(&request["fields"], version, &request["commonStructs"]);
            match rule.request {
                RequestRule::Forward => {}
                RequestRule::Check(ours) | RequestRule::Answer(ours) => {
                    assert_eq!(merge(shaped(ours, version)), merge(theirs()), "{} request {version}", rule.name);
                    requests += 1;
                }
                RequestRule::Front(ours) => {
                    let ours = shaped(ours, version);
                    assert_eq!(ours, theirs()[..ours.len()], "{} request {version}", rule.name);
                    requests += 1;
                }
            }
            if let Some(ours) = walked(rule, version) {
                let theirs = defined(&response["fields"], version, &response["commonStructs"]);
                assert_eq!(merge(shaped(ours, version)), merge(theirs), "{} response {version}", rule.name);
                responses += 1;
                check_tagged(ours, response, rule, version);
            }
        }
    }
    assert_eq!((requests, responses), (14 + 7 + 3 + 3 + 5 + 11, 4 + 3 + 14 + 7 + 1 + 3 + 2 + 2));
}

/// The paths of strings whose name says that they are a host, tagged fields included.
fn defined_hosts(fields: &Value, version: i16, common: &Value, path: &str, found: &mut Vec<String>) {
    for field in fields.as_array().into_iter().flatten() {
        if !within(&field["versions"], version) {
            continue;
        }
        let (name, kind) = (field["name"].as_str().unwrap(), field["type"].as_str().unwrap());
        let path = format!("{path}/{name}");
        if kind == "string" && name.to_lowercase().contains("host") {
            found.push(path.clone());
        }
        defined_hosts(&field["fields"], version, common, &path, found);
        let shared =
            common.as_array().and_then(|all| all.iter().find(|one| one["name"] == kind.trim_start_matches("[]")));
        if let Some(shared) = shared {
            defined_hosts(&shared["fields"], version, common, &path, found);
        }
    }
}

/// The paths of strings that a shape replaces or hides.
fn marked_hosts(fields: Fields<ResponseMarks>, version: i16, path: &str, hidden: bool, found: &mut Vec<String>) {
    for field in fields {
        let path = format!("{path}/{}", field.name);
        match field.kind {
            Kind::Text(mark) if field.exists(version) => {
                let replaced = mark == Some(ResponseText::Host);
                found.extend((replaced || (hidden && field.name == "Host")).then_some(path));
            }
            Kind::Array(element, mark) if field.exists(version) => {
                let hidden = hidden || mark == Some(ResponseArray::Hidden);
                marked_hosts(element, version, &path, hidden, found);
            }
            Kind::Struct(inner) if field.exists(version) => marked_hosts(inner, version, &path, hidden, found),
            Kind::Tagged(_, content) if (field.first..=field.last).contains(&version) => {
                // Its content repeats the field's own name.
                marked_hosts(content, version, path.trim_end_matches(&format!("/{}", field.name)), hidden, found);
            }
            _ => {}
        }
    }
}

#[test]
fn every_address_of_a_node_in_a_response_is_marked() {
    let definitions = definitions();
    let mut marks = 0;
    let mut others: std::collections::BTreeSet<(&str, &str)> = Default::default();
    for rule in rules() {
        let response = &definitions.responses[&i64::from(rule.key)];
        for version in rule.min..=rule.max {
            let mut theirs = Vec::new();
            defined_hosts(&response["fields"], version, &response["commonStructs"], "", &mut theirs);
            theirs.retain(|path| {
                let name = path.rsplit('/').next().unwrap();
                let other = HOSTS_OF_OTHERS.iter().find(|other| **other == (rule.name, name));
                others.extend(other);
                other.is_none()
            });
            let mut ours = Vec::new();
            if let Some(fields) = walked(rule, version) {
                marked_hosts(fields, version, "", false, &mut ours);
            }
            assert_eq!(ours, theirs, "{} {version}", rule.name);
            marks += ours.len();
        }
    }
    assert_eq!(marks, 4 + 3 + 14 + 7 + 1 + 3 + 2 + 2);
    assert_eq!(others.len(), HOSTS_OF_OTHERS.len(), "an exception that nothing needs: {others:?}");
}

#[test]
fn the_support_table_has_a_line_for_each_row() {
    let table = support_table();
    assert_eq!(table.lines().count(), rules().len() + 2);
    assert!(table.contains("| 1 | Fetch | 4-18 | forward | walk from 16 |"));
    assert!(table.contains("| 18 | ApiVersions | 0-4 | check | own |"));
    assert!(table.contains("| 3 | Metadata | 0-13 | check, forward | walk |"));
}
