//! From the first request to a connection with the right node: the backend is dialled only for a client that speaks Kafka.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use super::close_cause;
use super::context::{Context, FIRST_BYTES_MAX, HeldMemory, Phase};
use super::session_log::SessionLog;
use crate::metrics::{Cause, Numbers};
use crate::net::{Socket, Timer};
use crate::rewrite::{self, FaultAt, Opening};
use crate::route::Destination;
use crate::upstream::{Connected, Target};
use crate::wire::{RequestHead, stranger};

/// Waits for the head of the first request, of which `first` was read already, then for the backend. Returns the bytes
/// that were read so far.
///
/// # Errors
///
/// The cause with which the connection must be closed.
pub(super) async fn connect(
    context: &Context,
    destination: &Destination,
    client: &Socket,
    first: Vec<u8>,
    log: &mut SessionLog,
) -> Result<(Vec<u8>, Connected), Cause> {
    let first = first_bytes(context, client, first, log).await?;
    // What waits with it while the node is dialled.
    let mut held = HeldMemory::new(context);
    held.set(first.capacity() as u64)?;
    let deadline = context.net.now() + context.limits.connect;
    let target = destination.node.map_or(Target::Bootstrap, Target::Node);
    let mut connecting = pin!(context.upstream.connect(destination.route.backend, target, deadline));
    let connected = poll_fn(|cx| {
        client.register(cx);
        match still_serving(context) {
            Ok(()) => connecting.as_mut().poll(cx),
            Err(cause) => Poll::Ready(Err(cause)),
        }
    });
    Ok((first, connected.await?))
}

/// Nothing of a request has been forwarded yet: a drain ends the connection at once.
pub(super) fn still_serving(context: &Context) -> Result<(), Cause> {
    match context.phase() {
        Phase::Serving => Ok(()),
        Phase::Draining => Err(Cause::Drained),
        Phase::Over => Err(Cause::DrainDeadline),
    }
}

async fn first_bytes(
    context: &Context,
    client: &Socket,
    mut first: Vec<u8>,
    log: &mut SessionLog,
) -> Result<Vec<u8>, Cause> {
    let timer = Timer::new(&context.net);
    let began = context.net.now();
    let mut unseen = !first.is_empty();
    poll_fn(|cx| {
        loop {
            if !std::mem::take(&mut unseen) {
                match read_some(context, client, &mut first, FIRST_BYTES_MAX) {
                    None => break,
                    Some(Ok(0)) if first.is_empty() => return Poll::Ready(Err(Cause::ClientClosed)),
                    Some(Ok(0)) => return Poll::Ready(Err(Cause::RequestCut)),
                    Some(Ok(n)) => {
                        log.counts.client_bytes_in += n as u64;
                        Numbers::count(&context.numbers.client_bytes_in, n as u64);
                    }
                    Some(Err(error)) => return Poll::Ready(Err(close_cause::of_client_error(&error))),
                }
            }
            match rewrite::opening(&first, context.limits.frame_bytes_max) {
                Ok(Opening::Request) => return Poll::Ready(Ok(())),
                Ok(Opening::TooShort) => {}
                Err(cause) => {
                    log.fault = refused_head(&first);
                    return Poll::Ready(Err(cause));
                }
            }
        }
        if let Err(cause) = still_serving(context) {
            return Poll::Ready(Err(cause));
        }
        client.register(cx);
        let (limit, cause) = match first.is_empty() {
            true => (context.limits.first_byte, Cause::FirstByteDeadline),
            false => (context.limits.first_byte.max(context.limits.request_grace), Cause::RequestTooSlow),
        };
        timer.poll_at(began + limit, cx).map(|()| Err(cause))
    })
    .await?;
    Ok(first)
}

/// Where the fault is of a first request that is refused by its head, as far as that names an API: another protocol does not.
fn refused_head(first: &[u8]) -> Option<FaultAt> {
    let is_stranger = first.first_chunk().and_then(|first| stranger(*first)).is_some();
    let head = RequestHead::read(first).filter(|_| !is_stranger)?;
    Some(FaultAt { api_key: head.api_key, api_version: head.api_version, offset: 0 })
}

/// Reads behind `kept`, which may come to so many bytes; `None`: nothing for now.
pub(super) fn read_some(
    context: &Context,
    client: &Socket,
    kept: &mut Vec<u8>,
    bytes_max: usize,
) -> Option<io::Result<usize>> {
    let mut scratch = context.scratch();
    let room = bytes_max.saturating_sub(kept.len()).min(scratch.buffer.len());
    let room = scratch.buffer.get_mut(..room)?;
    let read = client.read(room)?;
    if let Ok(n) = &read {
        kept.extend_from_slice(room.get(..*n)?);
    }
    Some(read)
}
