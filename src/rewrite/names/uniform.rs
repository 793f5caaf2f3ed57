//! Produce and Fetch where every topic takes the same prefix, whole frames: the same bytes as where they stream.
//!
//! Owns the shortest way through them: nothing is looked at but names, and what must be noticed in passing. Where anything is
//! refused, or explained in a message, the general way is taken instead ([`super::requests`], [`super::responses`]).

use std::ops::Range;

use super::super::plans::{UNIFORM_REQUESTS, UNIFORM_RESPONSES};
use super::super::rules::Rule;
use super::super::{Named, Output};
use super::header::admin_client;
use super::pieces::{COPIED_BYTES_MAX_BETWEEN_RECORDS, Pieces};
use super::requests::{self, NO_ACKS, Taken};
use super::responses::{self, Seen, begin};
use super::sent::Sent;
use crate::frame::{Entry, REQUEST_HEAD_BYTES, RESPONSE_HEAD_BYTES, VARINT_BYTES_MAX};
use crate::metrics::Cause;
use crate::wire::key::FETCH;
use crate::wire::{Event, Malformed, Role, TEXT_BYTES_MAX, Walker};

/// Puts the prefix before every topic of a Produce request, and before its transactional id; `None`: that is refused. A
/// compact length becomes one byte wider than it came, padded where that is more than it needs, as where frames stream.
///
/// # Errors
///
/// The cause with which the session must be closed.
pub fn prefix_topics(
    frame: &requests::Frame<'_>,
    rule: &Rule,
    (named, prefix): (&Named<'_>, &[u8]),
    version: i16,
    out: &mut Output,
) -> Result<Option<Taken>, Cause> {
    let requests::Frame { bytes: frame, at, added_bytes_max } = *frame;
    let plan = UNIFORM_REQUESTS.get(rule.key, version).ok_or(Cause::UnknownApi)?;
    let left = frame.len().checked_sub(REQUEST_HEAD_BYTES).and_then(|left| u32::try_from(left).ok());
    let (mut walker, flexible) = (Walker::new(plan, left.ok_or(Cause::FrameLength)?), rule.flexible(version));
    let mut pieces = Pieces::new(frame, at, COPIED_BYTES_MAX_BETWEEN_RECORDS, out);
    if let Some(client_id) = admin_client(frame) {
        pieces.replace(client_id, &[0, 0]);
    }
    let (mut at, mut taken) = (REQUEST_HEAD_BYTES, Taken::Forwarded);
    loop {
        let step = walker.step(frame.get(at..).unwrap_or_default()).map_err(|Malformed| Cause::RequestMalformed)?;
        at += step.plain as usize;
        match step.event {
            // What is behind the last field is left alone.
            Event::Done | Event::Trailing { .. } => break,
            Event::Text { role: Role::Topic, head, body, null: _ } => {
                let bytes = prefix.len() + body as usize;
                if bytes > TEXT_BYTES_MAX as usize || (flexible && head >= VARINT_BYTES_MAX) {
                    return Err(Cause::RequestMalformed);
                }
                if flexible {
                    pieces.replace_front_padded(at..at + head, prefix, bytes, head + 1);
                } else {
                    pieces.replace_front(at..at + head, prefix, bytes, false);
                }
                at += head + body as usize;
            }
            Event::Text { role: Role::TransactionalId, head, body, null: _ } => {
                let name = frame.get(at + head..at + head + body as usize).ok_or(Cause::Internal)?;
                let Sent::As(physical) = Sent::transactional_id(named.names, name) else { return Ok(None) };
                if physical.len() > TEXT_BYTES_MAX as usize {
                    return Err(Cause::RequestMalformed);
                }
                pieces.replace_text_with(at..at + head + name.len(), physical.len(), flexible, |into| {
                    physical.write(into)
                });
                at += head + name.len();
            }
            Event::Leaf { role: Role::Acks, head } => {
                if frame.get(at..at + head) == Some(&NO_ACKS) {
                    taken = Taken::NoResponse;
                }
                at += head;
            }
            // The frame is whole: it can only be that its end cuts something.
            Event::More => return Err(Cause::RequestMalformed),
            _ => return Err(Cause::Internal),
        }
        if pieces.written() > frame.len().saturating_add(added_bytes_max) {
            return Err(Cause::HeldFrameTooLarge);
        }
    }
    pieces.keep_until(frame.len());
    pieces.finish();
    Ok(Some(taken))
}

/// Takes the prefix from every topic of a Produce or Fetch response, which all have it; `None`: it holds a message.
///
/// # Errors
///
/// The structure is broken, or it names what was never asked for.
pub fn strip_topics(
    frame: &responses::Frame<'_>,
    rule: &Rule,
    entry: Entry,
    prefix: &[u8],
    out: &mut Output,
) -> Result<Option<Seen>, Cause> {
    let (mut walker, mut pieces) = begin(frame, rule, entry, &UNIFORM_RESPONSES, out)?;
    let (mut at, mut seen, flexible) = (RESPONSE_HEAD_BYTES, Seen::default(), rule.flexible(entry.api_version));
    loop {
        let step =
            walker.step(frame.bytes.get(at..).unwrap_or_default()).map_err(|Malformed| Cause::ResponseMalformed)?;
        at += step.plain as usize;
        match step.event {
            Event::Done => break,
            Event::Text { role: Role::Topic, head, body, null: _ } => {
                strip_topic(&mut pieces, frame.bytes, at..at + head, body as usize, (prefix, flexible))?;
                at += head + body as usize;
            }
            Event::Text { role: Role::ErrorMessage, .. } => return Ok(None),
            Event::Leaf { role: Role::FetchSession, head } => {
                let id = frame.bytes.get(at..).and_then(<[u8]>::first_chunk);
                seen.fetch_session = id.map(|id| i32::from_be_bytes(*id));
                at += head;
            }
            Event::Trailing { skip } => {
                trailing(&mut pieces, at..at + skip as usize, rule.key == FETCH);
                at += skip as usize;
            }
            // All of the frame is here.
            Event::More => return Err(Cause::ResponseMalformed),
            _ => return Err(Cause::Internal),
        }
    }
    seen.tagged = walker.tagged();
    pieces.keep_until(frame.bytes.len());
    pieces.finish();
    Ok(Some(seen))
}

/// Takes the prefix from a topic with its length at `head` and `body` bytes behind that. A compact length keeps its width,
/// as where frames stream.
///
/// # Errors
///
/// The topic has not the prefix.
#[inline]
pub fn strip_topic(
    pieces: &mut Pieces<'_>,
    frame: &[u8],
    head: Range<usize>,
    body: usize,
    (prefix, flexible): (&[u8], bool),
) -> Result<(), Cause> {
    let physical = frame.get(head.end..head.end + body).ok_or(Cause::Internal)?;
    let name = physical.strip_prefix(prefix).ok_or(Cause::ResponseMalformed)?;
    let name_at = head.end + prefix.len();
    if flexible {
        pieces.replace_front_padded(head.start..name_at, b"", name.len(), head.len());
    } else {
        pieces.replace_front(head.start..name_at, b"", name.len(), false);
    }
    Ok(())
}

/// What stands behind the last field. Nobody can say what it is, so that it may hold names: it is left out, or blank where
/// the frame could stream.
pub fn trailing(pieces: &mut Pieces<'_>, part: Range<usize>, blank: bool) {
    if blank {
        return pieces.replace_with_zeros(part);
    }
    pieces.keep_until(part.start);
    pieces.leave_out_until(part.end);
}
