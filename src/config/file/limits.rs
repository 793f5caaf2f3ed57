//! `node.limits` as it is written: its keys, their bounds, and how they relate.
//!
//! The defaults are `Limits::default()`; every limit is on.

use std::time::Duration;

use crate::config::context::Context;
use crate::config::reader::{At, Fields, Item};
use crate::config::snapshot::{Limits, Shards};
use crate::config::units::{Bounds, Unit, show_size};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

const fn count(max: u64, why: &'static str) -> Bounds {
    Bounds { unit: Unit::Count, min: 1, max, why }
}

const fn size(min: u64, max: u64, why: &'static str) -> Bounds {
    Bounds { unit: Unit::Size, min, max, why }
}

const fn time(min: u64, max: u64, why: &'static str) -> Bounds {
    Bounds { unit: Unit::Time, min, max, why }
}

const CONNECTIONS: Bounds = count(10_000_000, "each takes two descriptors of this process");
const ACCEPTS_PER_SECOND: Bounds = count(1_000_000, "no kernel accepts more");
/// A frame's length is a signed 32-bit number in the Kafka protocol.
const FRAME_BYTES: Bounds = size(1 << 10, i32::MAX as u64, "Kafka counts no further, and its small requests must fit");
const HOLD_BYTES: Bounds = size(1 << 10, 1 << 30, "a frame that must be rewritten as a whole is held in memory");
const READ_BYTES: Bounds = size(64, 4 << 20, "it is the size of each shard's receive buffer");
const SPLICE_BYTES: Bounds = size(1, i32::MAX as u64, "no frame is longer");
const PIPES: Bounds = Bounds { unit: Unit::Count, min: 0, max: 4096, why: "each takes two descriptors and 256 KiB" };
const IN_FLIGHT: Bounds = count(4096, "each request in flight takes memory until its response came");
const MEMORY_BYTES: Bounds = size(16 << 20, 16 << 40, "less holds no shard's buffers");
const FIRST_BYTE: Bounds = time(100, 10 * MINUTE, "it guards against clients that say nothing");
const HELLO: Bounds = time(100, 10 * MINUTE, "it guards against clients that begin and say no more");
const HANDSHAKE: Bounds = time(100, 10 * MINUTE, "it guards against clients that begin and say no more");
const CONNECT: Bounds = time(100, 10 * MINUTE, "a client waits this long for its node");
const IDLE: Bounds = time(1_000, 24 * HOUR, "the brokers' own connections.max.idle.ms is 10m, and should come first");
const STALLED_WRITE: Bounds = time(1_000, 24 * HOUR, "it should exceed the consumers' max.poll.interval.ms, 5m");
const REQUEST_BYTES_PER_SECOND: Bounds = size(1, 1 << 20, "clients on slow lines must be able to keep up");
const REQUEST_GRACE: Bounds = time(100, HOUR, "a request that comes at once is not measured");

/// Reads the limits; those that are left out have their default.
pub(super) fn read(item: &Item<'_>, shards: Option<&Shards>, cx: &mut Context) -> Option<Limits> {
    let mut fields = item.fields("a map of limits", cx)?;
    let f = &mut fields;
    let default = Limits::default();

    let connections_max = number_or_auto(f, "connections_max", &CONNECTIONS, cx);
    let per_source = number::<u64>(f, "connections_per_source_max", &CONNECTIONS, cx);
    let accepts = number::<u64>(f, "accepts_per_second_max", &ACCEPTS_PER_SECOND, cx);
    let frame_bytes_max = number::<u32>(f, "frame_bytes_max", &FRAME_BYTES, cx);
    let hold_bytes_max = number::<u32>(f, "hold_bytes_max", &HOLD_BYTES, cx);
    let read_bytes_max = number::<u32>(f, "read_bytes_max", &READ_BYTES, cx);
    let splice_bytes_min = number::<u32>(f, "splice_bytes_min", &SPLICE_BYTES, cx);
    let pipes_max = number::<u32>(f, "pipes_max", &PIPES, cx);
    let in_flight_max = number::<u16>(f, "in_flight_max", &IN_FLIGHT, cx);
    let memory_bytes_max = number_or_auto(f, "memory_bytes_max", &MEMORY_BYTES, cx);
    let limits = Limits {
        connections_max: value(&connections_max),
        connections_per_source_max: value(&per_source).unwrap_or(default.connections_per_source_max),
        accepts_per_second_max: value(&accepts).unwrap_or(default.accepts_per_second_max),
        frame_bytes_max: value(&frame_bytes_max).unwrap_or(default.frame_bytes_max),
        hold_bytes_max: value(&hold_bytes_max).unwrap_or(default.hold_bytes_max),
        read_bytes_max: value(&read_bytes_max).unwrap_or(default.read_bytes_max),
        splice_bytes_min: value(&splice_bytes_min).unwrap_or(default.splice_bytes_min),
        pipes_max: value(&pipes_max).unwrap_or(default.pipes_max),
        in_flight_max: value(&in_flight_max).unwrap_or(default.in_flight_max),
        memory_bytes_max: value(&memory_bytes_max),
        first_byte: duration(f, "first_byte", &FIRST_BYTE, default.first_byte, cx),
        hello: duration(f, "hello", &HELLO, default.hello, cx),
        handshake: duration(f, "handshake", &HANDSHAKE, default.handshake, cx),
        connect: duration(f, "connect", &CONNECT, default.connect, cx),
        idle: duration(f, "idle", &IDLE, default.idle, cx),
        stalled_write: duration(f, "stalled_write", &STALLED_WRITE, default.stalled_write, cx),
        request_bytes_per_second_min: value(&number(f, "request_bytes_per_second_min", &REQUEST_BYTES_PER_SECOND, cx))
            .unwrap_or(default.request_bytes_per_second_min),
        request_grace: duration(f, "request_grace", &REQUEST_GRACE, default.request_grace, cx),
    };

    if let (Some(all), Some(one)) = (&connections_max, &per_source)
        && one.value > all.value
    {
        let message = format!("{} is more than connections_max, {}; it would never hold", one.value, all.value);
        cx.fault(&one.spot, message);
    }
    check_hold(&limits, hold_bytes_max.as_ref(), frame_bytes_max.as_ref(), cx);
    check_memory(&limits, memory_bytes_max.as_ref(), shards, cx);
    fields.done(&[], cx);
    Some(limits)
}

/// `hold_bytes_max <= frame_bytes_max`, reported at the one that was written.
fn check_hold(limits: &Limits, hold: Option<&At<u32>>, frame: Option<&At<u32>>, cx: &mut Context) {
    if limits.hold_bytes_max <= limits.frame_bytes_max {
        return;
    }
    let [held, longest] = [limits.hold_bytes_max, limits.frame_bytes_max].map(|bytes| show_size(bytes.into()));
    if let Some(hold) = hold {
        let message = format!("{held} is more than frame_bytes_max, {longest}; no frame is longer than that");
        cx.fault(&hold.spot, message);
    } else if let Some(frame) = frame {
        let message = format!("{longest} is less than hold_bytes_max, {held} by default; write hold_bytes_max too");
        cx.fault(&frame.spot, message);
    }
}

/// Each shard has its part of the memory, and must be able to hold one frame in it.
fn check_memory(limits: &Limits, memory: Option<&At<u64>>, shards: Option<&Shards>, cx: &mut Context) {
    let Some(memory) = memory else { return };
    let shards = match shards {
        None | Some(Shards::Auto) => 1,
        Some(Shards::Count(count)) => *count,
        Some(Shards::Cores(cores)) => cores.len().max(1),
    };
    let shards = u64::try_from(shards).unwrap_or(u64::MAX);
    let needed = u64::from(limits.hold_bytes_max).saturating_mul(shards);
    if memory.value < needed {
        let message = format!(
            "{} is less than hold_bytes_max times the shards, {}; raise it or lower hold_bytes_max",
            show_size(memory.value),
            show_size(needed)
        );
        cx.fault(&memory.spot, message);
    }
}

fn value<T: Copy>(read: &Option<At<T>>) -> Option<T> {
    read.as_ref().map(|at| at.value)
}

fn number<N: TryFrom<u64>>(
    fields: &mut Fields<'_>,
    key: &'static str,
    bounds: &Bounds,
    cx: &mut Context,
) -> Option<At<N>> {
    fields.take(key)?.number(bounds, cx)
}

/// A number, or `auto` for one that is derived at start.
fn number_or_auto(fields: &mut Fields<'_>, key: &'static str, bounds: &Bounds, cx: &mut Context) -> Option<At<u64>> {
    let item = fields.take(key)?;
    let text = item.text(&format!("auto, or {bounds}"), cx)?;
    if text.value == "auto" {
        return None;
    }
    match bounds.read(&text.value) {
        Ok(value) => Some(At { value, spot: text.spot }),
        Err(message) => {
            cx.fault(&text.spot, format!("{} {message}; or write auto", text.shown));
            None
        }
    }
}

fn duration(
    fields: &mut Fields<'_>,
    key: &'static str,
    bounds: &Bounds,
    default: Duration,
    cx: &mut Context,
) -> Duration {
    let millis = number::<u64>(fields, key, bounds, cx);
    millis.map_or(default, |millis| Duration::from_millis(millis.value))
}
