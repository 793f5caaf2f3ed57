//! What the walk promises, on shapes of its own and on all that are served.

use super::super::names::request_shape;
use super::super::names::response_shapes::response_names;
use super::super::rules::{RequestRule, ResponseRule, rules};
use super::super::shape::{RequestMarks, items, text, texts};
use super::*;
use crate::frame::padded_varint;

fn depth<M: Marks>(fields: Fields<M>) -> usize {
    let inner = fields.iter().map(|field| match field.kind {
        Kind::Array(inner, _) | Kind::Struct(inner) | Kind::Tagged(_, inner) => depth(inner),
        Kind::Texts(_) => 1,
        Kind::Fixed(..) | Kind::Text(_) | Kind::ClassicText | Kind::Blob(_) | Kind::Items(_) => 0,
    });
    1 + inner.max().unwrap_or(0)
}

/// The longest marked value: it must be together.
fn leaf<M: Marks>(fields: Fields<M>) -> u32 {
    let longest = fields.iter().map(|field| match field.kind {
        Kind::Array(inner, _) | Kind::Struct(inner) | Kind::Tagged(_, inner) => leaf(inner),
        Kind::Fixed(bytes, Some(_)) => bytes,
        Kind::Fixed(_, None) => 0,
        Kind::Texts(_) | Kind::Text(_) | Kind::ClassicText | Kind::Blob(_) | Kind::Items(_) => 0,
    });
    longest.max().unwrap_or(0)
}

#[test]
fn no_shape_is_deeper_or_has_longer_values_than_the_walk_can_take() {
    for rule in rules() {
        if let RequestRule::Check(body) | RequestRule::Front(body) | RequestRule::Answer(body) = rule.request {
            assert!(depth(body) <= DEPTH_MAX && leaf(body) as usize <= TOKEN_BYTES_MAX, "{}", rule.name);
        }
        if let ResponseRule::Walk(_, shape) = rule.response {
            assert!(depth(shape.body) <= DEPTH_MAX && leaf(shape.body) as usize <= TOKEN_BYTES_MAX, "{}", rule.name);
        }
    }
}

/// The most bytes that an element of an array in these fields takes at least, in any version.
fn element_bytes<M: Marks>(fields: Fields<M>) -> u32 {
    let all = fields.iter().map(|field| match field.kind {
        Kind::Array(inner, _) | Kind::Texts(inner) => {
            let least = (0..20).flat_map(|version| [true, false].map(|flexible| bytes_min(inner, version, flexible)));
            element_bytes(inner).max(least.max().unwrap_or(0))
        }
        Kind::Struct(inner) | Kind::Tagged(_, inner) => element_bytes(inner),
        Kind::Fixed(..) | Kind::Text(_) | Kind::ClassicText | Kind::Blob(_) | Kind::Items(_) => 0,
    });
    all.max().unwrap_or(0)
}

#[test]
fn no_element_takes_more_bytes_at_least_than_the_bound_says() {
    let mut most = Vec::new();
    for rule in rules() {
        if let RequestRule::Check(body) | RequestRule::Front(body) | RequestRule::Answer(body) = rule.request {
            most.push(element_bytes(body));
        }
        if let ResponseRule::Walk(_, shape) = rule.response {
            most.push(element_bytes(shape.body));
        }
        most.extend(request_shape(rule.key).map(element_bytes));
        most.extend(response_names(rule.key).map(|shape| element_bytes(shape.body)));
    }
    assert!(most.iter().all(|bytes| *bytes <= BYTES_MIN_MAX), "{most:?}");
    assert!(most.contains(&FETCH_PARTITION_BYTES_MIN), "{most:?}");
}

/// Index, error code, three offsets, no aborted transactions, replica, no records: of Fetch 12.
const FETCH_PARTITION_BYTES_MIN: u32 = 4 + 2 + 24 + 1 + 4 + 1 + 1;

/// Walks `bytes` whole: the plain bytes, or where it is malformed.
fn walk(body: Fields<RequestMarks>, version: i16, flexible: bool, bytes: &[u8]) -> Result<usize, Malformed> {
    let mut walker = Walker::new(None, body, version, flexible, u32::try_from(bytes.len()).unwrap());
    let mut at = 0;
    loop {
        let step = walker.step(&bytes[at..])?;
        at += step.plain as usize;
        match step.event {
            Event::Done => return Ok(at),
            Event::Tags { head, .. } => at += head,
            Event::Trailing { skip } => at += skip as usize,
            Event::Tag { head, skip, .. } => at += head + skip as usize,
            Event::More => panic!("all bytes are here"),
            _ => panic!("no marks"),
        }
    }
}

const TEXTS: Fields<RequestMarks> = &[texts("t")];
const ITEMS: Fields<RequestMarks> = &[items("i", 4)];
const TEXT: Fields<RequestMarks> = &[text("t").null_since(1)];
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
    let first = |body, flexible, bytes: &[u8]| Walker::new(None, body, 1, flexible, 1000).step(bytes).err();
    assert_eq!(first(TEXTS, false, &[0, 0, 1, 242]), None);
    assert_eq!(first(TEXTS, false, &[0, 0, 1, 243]), Some(Malformed));
    assert_eq!(first(ITEMS, true, &[0xff, 1]), Some(Malformed));
    // The string's 2 bytes, the count's 2, and 498 tags of 2 bytes.
    assert_eq!(first(TEXT, true, &[2, b'a', 0xf2, 3]), None);
    assert_eq!(first(TEXT, true, &[2, b'a', 0xf3, 3]), Some(Malformed));
}

#[test]
fn a_string_is_as_long_as_kafka_allows() {
    let bytes = |length: u32| [&padded_varint(length + 1, 3)[..3], &vec![b'a'; length as usize], &[0]].concat();
    assert_eq!(walk(TEXT, 1, true, &bytes(TEXT_BYTES_MAX)), Ok(TEXT_BYTES_MAX as usize + 4));
    assert_eq!(walk(TEXT, 1, true, &bytes(TEXT_BYTES_MAX + 1)), Err(Malformed));
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
    assert_eq!(walk(TEXT, 1, true, &[0, 0, 9]), Ok(3), "what is behind the last field is left alone");
}
