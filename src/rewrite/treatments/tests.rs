//! Straight code takes a frame for what the walk takes it for.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::wire::{Event, Field, Fields, Kind, Value, Walker};

const FRAMES: usize = 3_000;

/// Makes frames of one version with little in them.
struct Maker {
    rng: StdRng,
    version: i16,
    /// Without tags, and without what says what went wrong: what nearly all frames are.
    usual: bool,
}

impl Maker {
    /// A frame of this message behind the fixed part of its head.
    fn frame(&mut self, api: &Api, direction: Direction) -> Vec<u8> {
        let mut bytes = Vec::new();
        if direction == Direction::Request {
            let client_id: &[u8] = if self.rng.random_bool(0.2) { &[0xff, 0xff] } else { &[0, 2, b'i', b'd'] };
            bytes.extend_from_slice(client_id);
        }
        self.tags(&mut bytes);
        self.fields(api.body(direction), &mut bytes);
        bytes
    }

    fn fields(&mut self, all: Fields, bytes: &mut Vec<u8>) {
        let version = self.version;
        for one in all.iter().filter(|field| field.in_row(version)) {
            self.field(one, bytes);
        }
        self.tags(bytes);
    }

    fn field(&mut self, field: &Field, bytes: &mut Vec<u8>) {
        let none = self.usual && matches!(field.name, "RecordErrors" | "ErrorMessage" | "AbortedTransactions");
        let null = field.nullable.has(self.version) && (none || self.rng.random_bool(0.8));
        let count = match self.rng.random_bool(0.6) {
            _ if none => 0,
            true => 1,
            false => self.rng.random_range(0..3),
        };
        match field.kind {
            Kind::Fixed(width) => {
                let byte = [0, 1, 0xff][self.rng.random_range(0..3)];
                bytes.extend((0..width).map(|_| byte));
            }
            Kind::Struct(inner) => self.fields(inner, bytes),
            Kind::String | Kind::Bytes | Kind::FixedArray(_) | Kind::Array(_) if null => bytes.push(0),
            Kind::String | Kind::Bytes => self.counted(count, 1, bytes),
            Kind::FixedArray(width) => self.counted(count, width, bytes),
            Kind::StringArray => bytes.push(1),
            Kind::Array(element) => {
                // What says what went wrong is seldom there.
                let count = if field.name == "RecordErrors" && self.rng.random_bool(0.9) { 0 } else { count };
                bytes.push(count + 1);
                (0..count).for_each(|_| self.fields(element, bytes));
            }
        }
    }

    /// So many values, or many of them: two bytes for their count.
    fn counted(&mut self, count: u8, width: u32, bytes: &mut Vec<u8>) {
        let count = if self.rng.random_bool(0.1) { 200 } else { u32::from(count) };
        crate::wire::push_varint(bytes, count + 1, if count > 100 { 2 } else { 1 });
        bytes.extend((0..count * width).map(|_| self.rng.random_range(b'a'..=b'z')));
    }

    fn tags(&mut self, bytes: &mut Vec<u8>) {
        let some = !self.usual && self.rng.random_bool(0.02);
        bytes.extend_from_slice(if some { &[1, 9, 1, 7] } else { &[0] });
    }
}

/// The values that a walk meets in a frame without tags; `None` where it meets anything else, or gives up.
fn walked(plan: &'static Plan, bytes: &[u8]) -> Option<Vec<Value>> {
    let (mut walker, mut at, mut values) = (Walker::new(plan, bytes.len() as u32), 0, Vec::new());
    loop {
        let step = walker.step(bytes.get(at..)?);
        at += step.plain as usize;
        let (role, head, body) = match step.event {
            Event::Leaf { role, head } => (role, 0, head),
            Event::Text { role, head, body, null: false } => (role, head, body),
            Event::Done => return (!walker.tagged()).then_some(values),
            _ => return None,
        };
        values.push(Value { at: at as u32, head: head as u8, body, role });
        at += (head + body) as usize;
    }
}

#[test]
fn a_scan_lists_what_the_walk_meets() {
    let mut messages = 0;
    let directions = |key| [(Direction::Request, key), (Direction::Response, key)];
    for (direction, key) in [key::PRODUCE, key::FETCH].into_iter().flat_map(directions) {
        let api = crate::wire::api(key).unwrap();
        for version in 0..=api.versions.last {
            let treatment = match direction {
                Direction::Request => of_request(Names::Uniform, key, version),
                Direction::Response => of_response(Names::Uniform, key, version),
            };
            let Some((treatment, scan)) = treatment.and_then(|one| Some((one, one.scan?))) else { continue };
            messages += 1;
            let plan = treatment.quick.as_ref().unwrap_or(&treatment.plan);
            let mut maker = Maker { rng: StdRng::seed_from_u64(7), version, usual: false };
            let (mut listed, mut damaged) = (0, 0);
            for _ in 0..FRAMES {
                maker.usual = maker.rng.random();
                let mut bytes = maker.frame(api, direction);
                let mut values = Vec::new();
                let sound = walked(plan, &bytes);
                if scan(&bytes, &mut values) {
                    listed += 1;
                    assert_eq!(Some(&values), sound.as_ref(), "{} {version} {direction:?} {bytes:?}", api.name);
                } else {
                    assert!(!maker.usual, "not scanned: {} {version} {direction:?} {bytes:?}", api.name);
                }
                let rng = &mut maker.rng;
                // The same with a byte that is another, or gone, or more.
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..3) {
                    0 => bytes[at] = rng.random(),
                    1 => bytes.truncate(at),
                    _ => bytes.insert(at, rng.random_range(0..4)),
                }
                if scan(&bytes, &mut values) {
                    damaged += 1;
                    assert_eq!(
                        Some(&values),
                        walked(plan, &bytes).as_ref(),
                        "{} {version} {direction:?} {bytes:?}",
                        api.name
                    );
                }
            }
            assert!(
                listed > FRAMES / 2 && damaged > FRAMES / 50,
                "{} {version} {direction:?}: {listed}, {damaged}",
                api.name
            );
        }
    }
    assert_eq!(messages, 4 + 4 + 1 + 1);
}
