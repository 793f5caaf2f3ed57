//! The end of a session: a close with unread bytes is a reset, which can destroy answers on their way.

use std::time::Duration;

use super::Context;
use crate::metrics::Cause;
use crate::net::Socket;

/// How long the other sides may take to end their directions.
const LINGER: Duration = Duration::from_secs(2);

/// Closes both sides, gently where answers may still be on their way.
pub(super) async fn close(context: &Context, cause: Cause, client: Socket, backend: Socket) {
    match cause {
        Cause::Drained
        | Cause::DecisionDeadline
        | Cause::BackendIdle
        | Cause::BackendClosed
        | Cause::BackendReset
        | Cause::BackendTlsRefused
        | Cause::BackendTlsFailed
        | Cause::ResponseCut
        | Cause::ResponseLength
        | Cause::ResponseMalformed
        | Cause::ResponseUnexpected => {}
        _ => return,
    }
    backend.end_writing();
    client.end_writing();
    let limit = context.net.now() + LINGER;
    context.net.until(limit, read_to_end(context, &client)).await;
    context.net.until(limit, read_to_end(context, &backend)).await;
}

/// Ends our direction to a client after a last alert, and waits until the client ends its own.
pub(super) async fn linger(context: &Context, client: &Socket) {
    client.end_writing();
    context.net.until(context.net.now() + LINGER, read_to_end(context, client)).await;
}

async fn read_to_end(context: &Context, socket: &Socket) {
    loop {
        let read = {
            let mut scratch = context.scratch();
            socket.read(&mut scratch.buffer)
        };
        match read {
            None => socket.readable().await,
            Some(Ok(n)) if n > 0 => {
                // Whoever sends without end must not keep the shard from its other work.
                context.net.mark_runnable();
                futures_lite::future::yield_now().await;
            }
            Some(Ok(_) | Err(_)) => return,
        }
    }
}
