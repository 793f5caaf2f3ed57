//! Lengths and counts, in each way in which they are written.
//!
//! Owns how each is read and what it may be. May not know what it is of.

use super::super::op::Compact;
use super::super::varint::{Varint, read_varint};
use super::{Stop, TEXT_BYTES_MAX};

/// A compact length, which is written as one more than it is; null, where it may be, is as long as nothing.
#[inline(always)]
pub(super) fn more_than(more: u32, null: bool) -> Result<u32, Stop> {
    match more.checked_sub(1) {
        Some(length) => Ok(length),
        None if null => Ok(0),
        None => Err(Stop::Broken),
    }
}

/// Bytes that a compact length without interest takes at `at`, with what it is of.
#[inline(always)]
pub(super) fn compact_body(here: &[u8], at: usize, compact: Compact) -> Result<usize, Stop> {
    let (more, head) = varint(here, at)?;
    let length = more_than(more, compact.null)?;
    if compact.string && length > TEXT_BYTES_MAX {
        return Err(Stop::Broken);
    }
    Ok((head as usize).wrapping_add((length as usize).wrapping_mul(usize::from(compact.width))))
}

/// The length of two bytes at `at`; null, where it may be, is as long as nothing.
#[inline(always)]
pub(super) fn short(here: &[u8], at: usize, null: bool) -> Result<u32, Stop> {
    let Some(length) = here.get(at..).and_then(<[u8]>::first_chunk) else { return Err(Stop::Cut) };
    let length = i16::from_be_bytes(*length);
    if length < 0 { negative(length.into(), null) } else { Ok(length as u32) }
}

/// The length of four bytes at `at`; null, where it may be, is as long as nothing.
#[inline(always)]
pub(super) fn long(here: &[u8], at: usize, null: bool) -> Result<u32, Stop> {
    let Some(length) = here.get(at..).and_then(<[u8]>::first_chunk) else { return Err(Stop::Cut) };
    let length = i32::from_be_bytes(*length);
    if length < 0 { negative(length, null) } else { Ok(length as u32) }
}

#[inline]
pub(super) fn negative(length: i32, null: bool) -> Result<u32, Stop> {
    if length == -1 && null { Ok(0) } else { Err(Stop::Broken) }
}

/// The varint at `at` and the bytes it takes.
#[inline(always)]
pub(super) fn varint(here: &[u8], at: usize) -> Result<(u32, u32), Stop> {
    let Some(first) = here.get(at) else { return Err(Stop::Cut) };
    if *first < 0x80 {
        return Ok((u32::from(*first), 1));
    }
    match here.get(at.wrapping_add(1)) {
        Some(second) if *second < 0x80 => Ok((u32::from(*first & 0x7f) | u32::from(*second) << 7, 2)),
        Some(_) | None => long_varint(here, at),
    }
}

/// The same, where its first byte is not its last; nor is its second, if that is here.
#[inline(never)]
pub(super) fn long_varint(here: &[u8], at: usize) -> Result<(u32, u32), Stop> {
    let rest = here.get(at..).unwrap_or_default();
    // The first two bytes say that more follow, if they are here: records are often as long as that.
    if let [first, second, third, ..] = *rest
        && third < 0x80
    {
        let low = u32::from(first & 0x7f) | u32::from(second & 0x7f) << 7;
        return Ok((low | u32::from(third) << 14, 3));
    }
    match read_varint(rest) {
        Varint::Value(value, head) => Ok((value, head as u32)),
        Varint::Incomplete => Err(Stop::Cut),
        Varint::Invalid => Err(Stop::Broken),
    }
}
