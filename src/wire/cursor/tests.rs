//! What the walk promises, on layouts of its own and on all of Kafka's.

use super::super::layout::{Direction, Field, Fields, array, fixed, fixed_array, string, string_array};
use super::super::layouts::APIS;
use super::super::op::Op;
use super::super::plan::{Plan, Wanted};
use super::super::roles::{Place, Role, Roles};
use super::*;
use crate::wire::padded_varint;

/// The most counts that are open within each other, and the longest value with a role: it must be together.
fn extent(plan: &Plan) -> (u32, u32) {
    let (mut depth, mut deepest, mut longest) = (0, 0, 0);
    for Operation { op, .. } in plan.ops() {
        match op {
            Op::Array { .. } | Op::QuickArray { .. } | Op::Tags { .. } => depth += 1,
            Op::Next { .. } | Op::NextWithRole { .. } | Op::Tag { .. } => depth -= 1,
            Op::Leaf(bytes, _) => longest = longest.max(*bytes),
            // What follows is the content of tags: of the body, or deeper within it.
            Op::End => depth = 2,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    (deepest, longest)
}

#[test]
fn no_layout_is_deeper_or_has_longer_values_than_the_walk_can_take() {
    let mut extents = Vec::new();
    let wanted = Wanted { tags: true, ..Wanted::all(Roles::ALL) };
    for api in APIS {
        for version in api.versions.first..=api.versions.last {
            for direction in [Direction::Request, Direction::Response] {
                extents.push((api.name, extent(&Plan::message(api, direction, version, wanted))));
            }
        }
    }
    let deepest = extents.iter().max_by_key(|(_, extent)| extent.0).unwrap();
    assert!(deepest.1.0 as usize <= DEPTH_MAX, "{deepest:?}");
    // Topic ids are wanted in frames that are whole.
    let longest = extents.iter().map(|(_, extent)| if extent.1 == 16 { 0 } else { extent.1 }).max();
    assert_eq!(longest, Some(TOKEN_BYTES_MAX as u32));
}

fn no_role(_: Place<'_>, _: &Field, _: i16) -> Option<Role> {
    None
}

/// A walk through `left` bytes of this body. Its plan is there for as long as the process, as all are.
fn walker(body: Fields, version: i16, flexible: bool, left: usize) -> Walker {
    let wanted = Wanted { tags: true, ..Wanted::all(Roles::NONE) };
    let plan = Plan::made_up(body, (version, flexible), wanted, &no_role);
    Walker::new(Box::leak(Box::new(plan)), u32::try_from(left).unwrap())
}

#[derive(Debug, PartialEq)]
struct Malformed;

/// Walks `bytes` whole: the plain bytes, or that it is malformed.
fn walk(body: Fields, version: i16, flexible: bool, bytes: &[u8]) -> Result<usize, Malformed> {
    let mut walker = walker(body, version, flexible, bytes.len());
    let mut at = 0;
    loop {
        let step = walker.step(&bytes[at..]);
        at += step.plain as usize;
        match step.event {
            Event::Malformed => return Err(Malformed),
            Event::Done => return Ok(at),
            Event::Tags { head, .. } => at += head as usize,
            Event::Trailing { skip } => at += skip as usize,
            Event::Tag { head, skip, .. } => at += usize::from(head) + skip as usize,
            Event::More => panic!("all bytes are here"),
            _ => panic!("nothing is wanted"),
        }
    }
}

const TEXTS: Fields = &[string_array("t")];
const ITEMS: Fields = &[fixed_array("i", 4)];
const TEXT: Fields = &[string("t").null_since(1)];

#[test]
fn counts_are_bounded_by_what_is_left_before_they_are_used() {
    assert_eq!(walk(TEXTS, 0, false, &[0, 0, 0, 2, 0, 0, 0, 0]), Ok(8));
    assert_eq!(walk(TEXTS, 0, false, &[0, 0, 0, 3, 0, 0, 0, 0]), Err(Malformed));
    assert_eq!(walk(TEXTS, 0, false, &[0xff; 4]), Err(Malformed));
    assert_eq!(walk(TEXTS, 0, true, &[4, 1, 1, 1, 0]), Ok(5));
    assert_eq!(walk(TEXTS, 0, true, &[6, 1, 1, 1, 0]), Err(Malformed));
    assert_eq!(walk(ITEMS, 0, false, &[0, 0, 0, 1, 9, 9, 9, 9]), Ok(8));
    assert_eq!(walk(ITEMS, 0, false, &[0x40, 0, 0, 1, 9, 9, 9, 9]), Err(Malformed));
    assert_eq!(walk(ITEMS, 0, true, &[2, 9, 9, 9, 9, 0]), Ok(6));
    assert_eq!(walk(ITEMS, 0, true, &[0, 0]), Err(Malformed));
}

/// At once, not when the bytes run out: the rest of the frame is not here yet.
#[test]
fn a_count_that_the_frame_cannot_hold_is_refused_when_it_comes() {
    let first = |body, flexible, bytes: &[u8]| {
        let event = walker(body, 1, flexible, 1000).step(bytes).event;
        matches!(event, Event::Malformed).then_some(Malformed)
    };
    assert_eq!(first(TEXTS, false, &[0, 0, 1, 242]), None);
    assert_eq!(first(TEXTS, false, &[0, 0, 1, 243]), Some(Malformed));
    assert_eq!(first(ITEMS, true, &[0xff, 1]), Some(Malformed));
    // 998 bytes behind the count, and an element takes 6 at least: two, null, two empty arrays, no tags.
    assert_eq!(first(OUTER, true, &[0xa7, 1]), None);
    assert_eq!(first(OUTER, true, &[0xa8, 1]), Some(Malformed));
    // The string's 2 bytes, the count's 2, and 498 tags of 2 bytes.
    assert_eq!(first(TEXT, true, &[2, b'a', 0xf2, 3]), None);
    assert_eq!(first(TEXT, true, &[2, b'a', 0xf3, 3]), Some(Malformed));
}

#[test]
fn a_string_is_as_long_as_kafka_allows() {
    let bytes = |length: u32| [&padded_varint(length + 1, 3)[..3], &vec![b'a'; length as usize], &[0]].concat();
    assert_eq!(walk(TEXT, 1, true, &bytes(TEXT_BYTES_MAX)), Ok(TEXT_BYTES_MAX as usize + 4));
    assert_eq!(walk(TEXT, 1, true, &bytes(TEXT_BYTES_MAX + 1)), Err(Malformed));
    // The same where it is wanted.
    for (length, is_met) in [(TEXT_BYTES_MAX, true), (TEXT_BYTES_MAX + 1, false), (TEXT_BYTES_MAX + 9, false)] {
        let bytes = [&[2, 0, 0, 0], &bytes(length)[..], &[0]].concat();
        let wanted = Wanted::all(Roles::of(&[Role::ErrorMessage]));
        let plan = Plan::made_up(ENTRIES, (0, true), wanted, &role_of);
        let step = Walker::new(Box::leak(Box::new(plan)), bytes.len() as u32).step(&bytes);
        let met = matches!(step.event, Event::Text { role: Role::ErrorMessage, head: 3, body, null: false } if body == length);
        assert!(met == is_met && (is_met || matches!(step.event, Event::Malformed)), "{length}");
    }
}

#[test]
fn null_is_taken_only_where_it_may_be() {
    assert_eq!(walk(TEXT, 0, false, &[0xff, 0xff]), Err(Malformed));
    assert_eq!(walk(TEXT, 1, false, &[0xff, 0xff]), Ok(2));
    assert_eq!(walk(TEXT, 1, false, &[0xff, 0xfe]), Err(Malformed));
    assert_eq!(walk(TEXT, 0, true, &[0, 0]), Err(Malformed));
    assert_eq!(walk(TEXT, 1, true, &[0, 0]), Ok(2));
}

#[test]
fn unknown_tags_and_padded_varints_are_read_and_their_bounds_hold() {
    assert_eq!(walk(TEXT, 1, true, &[0x82, 0x80, 0, b'a', 0x81, 0, 5, 0x81, 0, 7]), Ok(10));
    assert_eq!(walk(TEXT, 1, true, &[0, 1, 5, 2, 7]), Err(Malformed));
    assert_eq!(walk(TEXT, 1, true, &[0, 2, 5, 0]), Err(Malformed));
    assert_eq!(walk(TEXT, 1, true, &[0, 1, 5, 0]), Ok(4), "one without content, at the very end");
    assert_eq!(walk(TEXT, 1, true, &[0, 0, 9]), Ok(3), "what is behind the last field is left alone");
}

const INNER: Fields = &[fixed("F", 2), string("T").null_since(1), fixed_array("I", 4), string_array("S")];
const OUTER: Fields = &[array("A", INNER)];

/// One element of [`INNER`]: F, T "a", I [1 item], S ["b"].
const CLASSIC: [u8; 24] = [0, 0, 0, 1, 0, 1, 0, 1, b'a', 0, 0, 0, 1, 9, 9, 9, 9, 0, 0, 0, 1, 0, 1, b'b'];
/// The same with compact lengths, a tag behind the struct, and none behind the body.
const COMPACT: [u8; 18] = [2, 0, 1, 2, b'a', 2, 9, 9, 9, 9, 2, 2, b'b', 1, 5, 1, 7, 0];

#[test]
fn what_is_cut_by_the_end_of_the_frame_is_refused() {
    assert_eq!(walk(OUTER, 0, false, &CLASSIC), Ok(CLASSIC.len()));
    assert_eq!(walk(OUTER, 1, true, &COMPACT), Ok(COMPACT.len()));
    (0..CLASSIC.len()).for_each(|cut| assert_eq!(walk(OUTER, 0, false, &CLASSIC[..cut]), Err(Malformed), "{cut}"));
    (0..COMPACT.len()).for_each(|cut| assert_eq!(walk(OUTER, 1, true, &COMPACT[..cut]), Err(Malformed), "{cut}"));
}

/// Elements without bytes would be as many as the count likes to say.
#[test]
fn a_count_is_bounded_also_where_elements_have_no_bytes() {
    const NOTHING: Fields = &[array("A", &[fixed("LaterField", 4).since(1)]), fixed("F", 3)];
    assert_eq!(walk(NOTHING, 0, false, &[0, 0, 0, 3, 1, 2, 3]), Ok(7));
    assert_eq!(walk(NOTHING, 0, false, &[0, 0, 0, 4, 1, 2, 3]), Err(Malformed));
    assert_eq!(walk(NOTHING, 1, false, &[0x40, 0, 0, 0, 1, 2, 3]), Err(Malformed));
}

/// An error code, a byte and a string, in an array of entries.
const ENTRIES: Fields = &[array("A", &[fixed("E", 2), fixed("F", 1), string("T").nullable()])];

fn role_of(place: Place<'_>, _: &Field, _: i16) -> Option<Role> {
    match place.path {
        "A" => Some(Role::Entries),
        "A/E" => Some(Role::EntryError),
        "A/T" => Some(Role::ErrorMessage),
        _ => None,
    }
}

#[test]
fn what_is_not_wanted_is_passed_over_and_strings_where_they_are_null() {
    let bytes = [3, 0, 7, 1, 0, 0, 0, 8, 1, 2, b'x', 0, 0];
    let roles = Roles::of(&[Role::ErrorMessage]);
    let wanted = Wanted { roles, nulls: Roles::NONE, tags: true, usual: true };
    let plan = Plan::made_up(ENTRIES, (0, true), wanted, &role_of);
    assert_eq!(plan.roles(), roles);
    let mut walker = Walker::new(Box::leak(Box::new(plan)), 13);
    let step = walker.step(&bytes);
    assert!(matches!(step.event, Event::Text { role: Role::ErrorMessage, head: 1, body: 1, null: false }));
    assert_eq!(step.plain, 9);
    let step = walker.step(&bytes[11..]);
    assert!(matches!((step.plain, step.event), (1, Event::Tags { head: 1, count: 0 })));
}

#[test]
fn a_role_is_met_where_its_field_stands() {
    let bytes = [2, 0, 7, 1, 0, 0, 0];
    let plan = Plan::made_up(ENTRIES, (0, true), Wanted::all(Roles::ALL), &role_of);
    let mut walker = Walker::new(Box::leak(Box::new(plan)), 7);
    let mut at = 0;
    let mut met = Vec::new();
    loop {
        let step = walker.step(&bytes[at..]);
        at += step.plain as usize;
        match step.event {
            Event::Array { role, head } | Event::Leaf { role, head } => {
                met.push((role, at));
                at += head as usize;
            }
            Event::Text { role, head, body: 0, null: true } => {
                met.push((role, at));
                at += head as usize;
            }
            Event::ElementEnd { role } | Event::ArrayEnd { role } => met.push((role, at)),
            Event::Done => break,
            _ => panic!("nothing else is there"),
        }
    }
    let expected = [
        (Role::Entries, 0),
        (Role::EntryError, 1),
        (Role::ErrorMessage, 4),
        // Behind the tags of the element; then the array ends there too.
        (Role::Entries, 6),
        (Role::Entries, 6),
    ];
    assert_eq!(met, expected);
}
