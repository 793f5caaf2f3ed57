//! Frames that are broken, cut, endless, split or sent by the thousand: each is closed or answered in its turn, and nothing
//! of others comes; ids that repeat in flight get each its own answer.

use std::io::Write as _;
use std::time::Duration;

use super::attacker::{Attacker, Filling};
use super::ground::Ground;
use crate::definitions::codec::Value;
use crate::ensure;
use crate::harness::closes::{Closes, SOON};
use crate::harness::wire::{self, Wire};
use crate::harness::{Fallible, World};

const METADATA: i16 = 3;
const LIST_GROUPS: i16 = 16;
const API_VERSIONS: i16 = 18;
const PRODUCE: i16 = 0;
const PIPELINED: usize = 1000;

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        lengths(ground)?;
        cut_and_longer(ground)?;
        byte_by_byte(ground)?;
        pipelined(ground)?;
        repeated_ids(ground)?;
        without_acknowledgement(ground)
    })
}

fn connect(ground: &Ground) -> Fallible<Wire> {
    Wire::connect_as(&ground.address(1)?, "attacker")
}

/// A whole frame of a request for all topics.
fn metadata(id: i32) -> Fallible<Vec<u8>> {
    Ok(wire::request_frame(METADATA, 1, 1, id, "attacker", &(-1i32).to_be_bytes())?.to_vec())
}

/// Lengths that no frame has close at once, whatever is behind them.
fn lengths(ground: &Ground) -> Fallible<()> {
    for length in [-1, 0, 3, 7, i32::MAX, i32::MIN, (100 << 20) + 1] {
        let mut wire = connect(ground)?;
        wire.send_bytes(&[&length.to_be_bytes()[..], &metadata(1)?[4..]].concat());
        let received = wire.closed(SOON).map_err(|error| format!("length {length}: {error}"))?;
        ground.inspect("a length that no frame has", &received)?;
        ensure!(received.is_empty(), "length {length} is answered: {received:02x?}");
    }
    Ok(())
}

/// Requests cut at every byte, with the length adjusted and not, and requests with bytes behind their end.
fn cut_and_longer(ground: &Ground) -> Fallible<()> {
    let filling = Filling::of("own-topic", "own-group", "own-transaction");
    for (key, version, header) in [(METADATA, 9, 2), (PRODUCE, 9, 2), (8, 7, 1), (19, 5, 2)] {
        let body = ground.filled(key, version, &filling.clone().with("MemberId", Value::text("nobody")))?;
        let frame = wire::request_frame(key, version, header, 1, "attacker", &body)?;
        for end in 5..frame.len() {
            let mut wire = connect(ground)?;
            let shorter = i32::try_from(end - 4)?.to_be_bytes();
            wire.send_bytes(&[&shorter[..], &frame[4..end]].concat());
            wire.finish();
            ground.inspect("a request that was cut", &wire.closed(SOON)?)?;
        }
        let mut wire = connect(ground)?;
        wire.send_bytes(&frame[..frame.len() - 1]);
        wire.finish();
        let received = wire.closed(SOON)?;
        ensure!(received.is_empty(), "half a request is answered: {received:02x?}");
        let longer = i32::try_from(frame.len() - 4 + 40)?.to_be_bytes();
        let mut wire = connect(ground)?;
        wire.send_bytes(&[&longer[..], &frame[4..], &[7; 40]].concat());
        wire.finish();
        ground.inspect("a request with bytes behind it", &wire.closed(SOON)?)?;
    }
    Ok(())
}

fn byte_by_byte(ground: &Ground) -> Fallible<()> {
    let mut wire = connect(ground)?;
    for byte in metadata(7)? {
        wire.stream().write_all(&[byte])?;
        std::thread::sleep(Duration::from_millis(1));
    }
    let frame = wire.frame()?;
    ensure!(frame.starts_with(&7i32.to_be_bytes()), "the answer to a request in single bytes: {frame:02x?}");
    ground.inspect("a request in single bytes", &frame)
}

/// A thousand requests in one write: a thousand answers, in their order.
fn pipelined(ground: &Ground) -> Fallible<()> {
    let mut all = Vec::new();
    for id in 0..PIPELINED {
        all.extend(metadata(i32::try_from(id)?)?);
    }
    let mut wire = connect(ground)?;
    let mut writer = wire.stream().try_clone()?;
    let writing = std::thread::spawn(move || writer.write_all(&all));
    for id in 0..PIPELINED {
        let frame = wire.frame()?;
        ensure!(frame.starts_with(&i32::try_from(id)?.to_be_bytes()), "answer {id} of many is out of turn");
        ground.inspect("one of a thousand", &frame)?;
    }
    writing.join().map_err(|_| "the writer panicked")??;
    Ok(())
}

/// Different requests with one id in flight: each gets the answer of its own kind, in turn.
fn repeated_ids(ground: &Ground) -> Fallible<()> {
    const ID: i32 = 77;
    let kinds = [(METADATA, 1), (LIST_GROUPS, 0), (API_VERSIONS, 0)];
    let mut all = Vec::new();
    for (key, version) in kinds.iter().cycle().take(90) {
        let body: &[u8] = if *key == METADATA { &[0xff; 4] } else { &[] };
        all.extend(wire::request_frame(*key, *version, 1, ID, "attacker", body)?);
    }
    let mut wire = connect(ground)?;
    wire.send_bytes(&all);
    for (key, version) in kinds.iter().cycle().take(90) {
        let frame = wire.frame()?;
        ensure!(frame.starts_with(&ID.to_be_bytes()), "an answer with another id");
        ground.response(*key)?.decode(*version, &frame[4..]).map_err(|error| format!("not its own answer: {error}"))?;
        ground.inspect("one of a few with one id", &frame)?;
    }
    Ok(())
}

/// Requests to produce that want no answer, between others that get theirs; one that cannot be done closes: where all names
/// take one prefix it is the node that refuses it so. Each is counted.
fn without_acknowledgement(ground: &Ground) -> Fallible<()> {
    const VERSIONS: std::ops::RangeInclusive<i16> = 3..=12;
    let mut attacker = Attacker::connect(ground, 1)?;
    let closes = Closes::before(&ground.gateway, "backend_closed")?;
    for version in VERSIONS {
        let flexible = ground.request(PRODUCE)?.flexible.has(version);
        let filling =
            Filling::of("no/topic", "", "").with("Acks", Value::number(0, 2)).with("TransactionalId", Value::Null);
        let body = ground.filled(PRODUCE, version, &filling)?;
        let header = if flexible { 2 } else { 1 };
        let mut wire = connect(ground)?;
        let refused = wire::request_frame(PRODUCE, version, header, 2, "attacker", &body)?;
        wire.send_bytes(&[&metadata(1)?[..], &refused].concat());
        let received = wire.closed(SOON).map_err(|error| format!("acks=0 v{version} to no topic: {error}"))?;
        ground.inspect("acks=0 to no topic", &received)?;
        ensure!(received.get(4..8) == Some(&1i32.to_be_bytes()), "what was asked before is not answered");
        attacker.offered()?;
    }
    closes.more("acks=0 to no topic", VERSIONS.count())
}
