//! The way of the bytes: whatever is read, copied or passed unread, and however it is cut, each connection gets its own.

pub mod a_frame_of_100_mib_needs_little_memory;
pub mod connections_that_end_in_mid_frame_end_alone;
pub mod frames_pass_whole_however_they_are_cut;
pub mod slow_readers_keep_no_pipe;
pub mod slow_readers_stay_inside_the_budget;
pub mod urgent_bytes_are_never_lost;

use bytes::Bytes;

use crate::ensure;
use crate::harness::Fallible;
use crate::harness::wire::{Wire, request_frame};

/// A Produce v3 request whose body behind `acks` is `bytes` of a pattern that belongs to this `id` alone.
pub fn request(client_id: &str, id: i32, bytes: usize) -> Fallible<Bytes> {
    // No transactional id, acks=1.
    let mut body = vec![0xff, 0xff, 0, 1];
    body.extend((0..bytes).map(|at| pattern(id, at)));
    request_frame(0, 3, 1, id, client_id, &body)
}

/// A byte that tells one connection's place from all others', well enough.
fn pattern(id: i32, at: usize) -> u8 {
    let mixed = (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (at as u64 / 7).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed >> 40) as u8 ^ at as u8
}

/// Reads the answer, which must be that request's own bytes.
pub fn mirrored(wire: &mut Wire, request: &[u8]) -> Fallible<()> {
    let answer = wire.frame()?;
    same(&answer, request)
}

/// An answer without its length, and the request that it mirrors.
pub fn same(answer: &[u8], request: &[u8]) -> Fallible<()> {
    let expected = &request[8..];
    ensure!(answer.len() == expected.len(), "{} bytes came, not {}", answer.len(), expected.len());
    let differs = answer.iter().zip(expected).position(|(came, sent)| came != sent);
    ensure!(differs.is_none(), "byte {differs:?} of {} is another one", expected.len());
    Ok(())
}
