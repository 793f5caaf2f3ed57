//! From accept to a connection with the right node: the backend is dialled only for a client that speaks Kafka.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::context::{Context, FIRST_BYTES_MAX, Phase};
use super::relay::Counts;
use crate::metrics::{Cause, Numbers};
use crate::net::{Socket, Timer};
use crate::rewrite::{self, Opening};
use crate::route::Route;
use crate::upstream::{Connected, Target};

/// Waits for the head of the first request, then for the backend. Returns what was read so far.
///
/// # Errors
///
/// The cause with which the connection must be closed.
pub(super) async fn open(
    context: &Context,
    route: &Route,
    client: &Socket,
    counts: &mut Counts,
) -> Result<(Vec<u8>, Connected), Cause> {
    let first = first_bytes(context, client, counts).await?;
    let deadline = context.net.now() + context.limits.connect;
    let target = route.node.map_or(Target::Bootstrap, Target::Node);
    let mut connecting = pin!(context.upstream.connect(route.backend, target, deadline));
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
fn still_serving(context: &Context) -> Result<(), Cause> {
    match context.phase() {
        Phase::Serving => Ok(()),
        Phase::Draining => Err(Cause::Drained),
        Phase::Over => Err(Cause::DrainDeadline),
    }
}

async fn first_bytes(context: &Context, client: &Socket, counts: &mut Counts) -> Result<Vec<u8>, Cause> {
    let timer = Timer::new(&context.net);
    let accepted = context.net.now();
    let mut first = Vec::new();
    poll_fn(|cx| {
        loop {
            match read_some(context, client, &mut first, counts) {
                None => break,
                Some(Ok(())) => match rewrite::opening(&first, context.limits.frame_bytes_max) {
                    Ok(Opening::Request) => return Poll::Ready(Ok(())),
                    Ok(Opening::TooShort) => {}
                    Err(cause) => return Poll::Ready(Err(cause)),
                },
                Some(Err(cause)) => return Poll::Ready(Err(cause)),
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
        timer.poll_at(accepted + limit, cx).map(|()| Err(cause))
    })
    .await?;
    Ok(first)
}

fn read_some(
    context: &Context,
    client: &Socket,
    first: &mut Vec<u8>,
    counts: &mut Counts,
) -> Option<Result<(), Cause>> {
    let mut scratch = context.scratch();
    let room = scratch.buffer.get_mut(..FIRST_BYTES_MAX - first.len().min(FIRST_BYTES_MAX))?;
    Some(match client.read(room)? {
        Ok(0) if first.is_empty() => Err(Cause::ClientClosed),
        Ok(0) => Err(Cause::RequestCut),
        Ok(n) => {
            counts.client_bytes_in += n as u64;
            Numbers::count(&context.numbers.client_bytes_in, n as u64);
            first.extend_from_slice(room.get(..n)?);
            Ok(())
        }
        Err(_) => Err(Cause::ClientReset),
    })
}
