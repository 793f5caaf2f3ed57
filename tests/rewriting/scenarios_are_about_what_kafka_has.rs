//! The scenarios show every message that a namespace serves, and a file that is about something that Kafka does not have, or
//! that says something that cannot be, is refused with a sentence that says what.

use crate::support::scenarios::Scenarios;
use crate::support::tenant::served;
use klamm::wire::Direction;

#[test]
fn every_version_that_a_namespace_serves_is_shown_in_both_directions() {
    let scenarios = Scenarios::read();
    let mut missing = Vec::new();
    for (rule, version) in served() {
        for direction in [Direction::Request, Direction::Response] {
            if !scenarios.cover(rule, version, direction) {
                missing.push(format!("{} version {version}, {direction:?}", rule.name));
            }
        }
    }
    assert!(missing.is_empty(), "no scenario shows these (see tests/rewriting/scenarios): {missing:#?}");
}

#[test]
fn what_kafka_has_not_is_refused_with_a_sentence() {
    let file = |rest: &str| format!("api: DeleteTopics\nscenarios:\n- {rest}");
    let cases = [
        ("api: DropTopics\nscenarios: []".to_owned(), "no API of Kafka is called DropTopics"),
        ("api: ElectLeaders\nscenarios: []".to_owned(), "the table does not serve ElectLeaders in a namespace"),
        ("api: DeleteTopics".to_owned(), "missing field `scenarios`"),
        (file("versions: 1-6"), "a namespace serves DeleteTopics in versions 1-5, not in 1-6"),
        (file("versions: all"), "versions are a number, or two with a hyphen between"),
        (file("answer: {}"), "unknown field `answer`, expected one of `versions`, `when`, `request`, `response`"),
        (file("when: {mode: open}"), "unknown field `mode`, expected `asked` or `namespaces`"),
        (file("when: {namespaces: [closed]}"), "there is no namespace closed"),
        (file("when: {asked: Topics}"), "unknown variant `Topics`, expected one of `Nothing`, `Groups`"),
        (file("request: {Topics: []}"), "there is no field Topics in these versions; Kafka has Topics, TopicNames"),
        (file("request: {TopicNames: [Name: {own: topic}]}"), "TopicNames: Name of "),
        (file("request: {TopicNames: [{foreign: topic}]}"), "a client does not say a foreign topic"),
        (file("request: {TopicNames: [{own: shard}]}"), "shard has no names"),
        (file("request: {TopicNames: [{given: {own: topic}}]}"), "what is given, and `then`?"),
        (file("request: {TopicNames: [{given: {own: topic}, then: {rejected: No}}]}"), "no name is refused as No"),
        (file("response: {Responses: [ErrorCode: refusal]}"), "Responses: ErrorCode: nothing around it is refused"),
        (file("response: {Responses: [ErrorCode: none]}"), "is not what version 1 has there (int16)"),
        (file("response: {Responses: [{any: error}]}"), "there is no field any in these versions"),
    ];
    for (text, expected) in cases {
        let fault = Scenarios::fault(&text).unwrap_or_else(|| panic!("this passes: {text}"));
        assert!(fault.starts_with("scenarios/file.yaml: ") && fault.contains(expected), "{fault}\nfor {expected}");
    }
    assert_eq!(Scenarios::fault(&file("request: {TopicNames: [{own: topic}]}")), None);
}
