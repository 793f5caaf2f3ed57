//! Counts and lengths that promise more than there is, in every place of every request that is offered: closed or refused,
//! without memory for what was promised, and nothing of others comes. A request for very many topics is bounded, too.

use super::attacker::{Attacker, Filling};
use super::ground::Ground;
use crate::definitions::codec::{Count, Place, Value, push_varint};
use crate::ensure;
use crate::harness::closes::SOON;
use crate::harness::wire::{self, Wire};
use crate::harness::{Fallible, World};

const METADATA: i16 = 3;
const MANY: usize = 1_000_000;
/// More than this the gateway may not grow by.
const GROWTH_MAX: u64 = 64 << 20;

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        let before = ground.gateway.resident_bytes()?;
        let mut attacker = Attacker::connect(ground, 1)?;
        let filling = Filling::of("own-topic", "own-group", "own-transaction").with("MemberId", Value::text("nobody"));
        let mut bombs = 0;
        for (key, min, max) in attacker.offered()? {
            for version in min..=max {
                let message = ground.request(key)?;
                let encoded = ground.encoded(key, version, &filling)?;
                let header = if message.flexible.has(version) { 2 } else { 1 };
                for place in &encoded.places {
                    for bomb in of(*place) {
                        let (before, behind) = (&encoded.bytes[..place.at], &encoded.bytes[place.at + place.bytes..]);
                        let body = [before, &bomb, behind].concat();
                        throw(ground, &wire::request_frame(key, version, header, 1, "attacker", &body)?)
                            .map_err(|error| format!("api {key} v{version}, {place:?}: {error}"))?;
                        bombs += 1;
                    }
                }
            }
        }
        ensure!(bombs > 1000, "{bombs} bombs only");
        many_topics(ground)?;
        let after = ground.gateway.resident_bytes()?;
        ensure!(after < before + GROWTH_MAX, "the gateway grew from {before} to {after} bytes");
        attacker.offered().map(drop)
    })
}

/// What to write where a length or count stands.
fn of(place: Place) -> Vec<Vec<u8>> {
    let varint = |number| {
        let mut bytes = Vec::new();
        push_varint(&mut bytes, number);
        bytes
    };
    match place.what {
        Count::TextClassic => vec![vec![0x7f, 0xff], vec![0xff, 0xfe]],
        Count::BytesClassic | Count::ArrayClassic => vec![vec![0x7f, 0xff, 0xff, 0xff], vec![0xff, 0xff, 0xff, 0xfe]],
        Count::TextCompact | Count::BytesCompact | Count::ArrayCompact | Count::Tags => {
            vec![varint(u64::from(u32::MAX)), varint(u64::from(u32::MAX >> 1)), vec![0xff; 10]]
        }
    }
}

/// Sends one frame; whatever comes is inspected.
fn throw(ground: &Ground, frame: &[u8]) -> Fallible<()> {
    let mut wire = Wire::connect_as(&ground.address(1)?, "attacker")?;
    wire.send_bytes(frame);
    wire.finish();
    let received = wire.closed(SOON)?;
    ground.inspect("a bomb", &received)
}

/// A million empty names.
fn many_topics(ground: &Ground) -> Fallible<()> {
    let body = [&i32::try_from(MANY)?.to_be_bytes()[..], &vec![0; 2 * MANY]].concat();
    throw(ground, &wire::request_frame(METADATA, 1, 1, 1, "attacker", &body)?)
}
