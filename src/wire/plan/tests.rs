//! What a plan is, on a layout of its own.

use super::super::layout::{array, fixed, string};
use super::*;

const LAYOUT: Fields = &[
    string("Name").null_since(1),
    fixed("Acks", 2),
    fixed("Index", 4),
    fixed("Time", 8).since(1),
    string("Text"),
    array("Array", &[fixed("Id", 4), fixed("Count", 2)]),
];

fn role_of(place: Place<'_>, _: &Field, _: i16) -> Option<Role> {
    match place.path {
        "Name" => Some(Role::ClientSoftware),
        "Acks" => Some(Role::Acks),
        _ => None,
    }
}

/// One word for each operation.
fn words(version: i16, flexible: bool) -> Vec<String> {
    let roles = Roles::of(&[Role::ClientSoftware, Role::Acks]);
    let wanted = Wanted { nulls: Roles::NONE, ..Wanted::all(roles) };
    let plan = Plan::made_up(LAYOUT, (version, flexible), wanted, &role_of);
    assert_eq!(plan.roles(), roles);
    let word = |op: &Op| match op {
        Op::Leaf(bytes, Role::Acks) => format!("leaf {bytes}"),
        Op::Compact(Compact { null: false, string, width }) => format!("compact {string} {width}"),
        Op::Short { null: false } => "short".into(),
        Op::Long { null: false, width } => format!("long {width}"),
        Op::Text { length, null, null_wanted: false, role: Role::ClientSoftware } => format!("{length:?} {null}"),
        Op::QuickArray { null: false, least, first, parts, end } => format!("array {least} {first} {parts} to {end}"),
        Op::Elements { first, parts, end } => format!("elements {first} {parts} to {end}"),
        Op::Next { start } => format!("next {start}"),
        Op::TagsAndNext { start } => format!("tags and next {start}"),
        Op::Tags { wanted: false } => "tags".into(),
        Op::Tag { body, wanted: false } => format!("tag {body}"),
        Op::End => "end".into(),
        _ => panic!("nothing else is in that layout"),
    };
    let words = |operation: &Operation| match operation.fixed {
        0 => word(&operation.op),
        fixed => format!("{fixed} bytes, {}", word(&operation.op)),
    };
    plan.ops().iter().map(words).collect()
}

#[test]
fn a_plan_is_what_a_version_has_of_a_layout() {
    let classic = ["Short false", "leaf 2", "4 bytes, short", "long 6", "end"];
    assert_eq!(words(0, false), classic);
    let mut flexible: Vec<_> = ["Compact(32767) true", "leaf 2", "12 bytes, compact true 1"].into();
    flexible.extend(["array 7 0 1 to 9", "elements 0 1 to 9"]);
    flexible.extend(["6 bytes, tags and next 4", "tags", "tag false", "next 4"]);
    flexible.extend(["tags", "tag true", "end"]);
    assert_eq!(words(1, true), flexible);
}
