//! Accepting: one loop a listening socket, and the caps that are looked at before anything is done for a connection.
//!
//! Owns the listening sockets, whose loops know no ingress but an address, and the caps. May not read a client byte.

mod caps;

pub use caps::{Admitted, Caps};

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use crate::metrics::{Cause, Loads, Numbers, ShardSlot};
use crate::net::{Accept, Acceptor};
use crate::session::{Arrival, Context, Phase, ShardState};
use crate::table::Table;

/// How long accepting rests when no descriptor is left.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection that was accepted and assigned to a shard, this one or another. Nothing was read from it.
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// The address it was accepted on. The shard that serves it looks up where that leads.
    pub address: SocketAddr,
    /// Its slot at that shard.
    pub slot: ShardSlot,
}

/// Accepts from one socket until the shard drains, and finds each connection its shard: `serve` takes those of this one,
/// `hand_over` gives others away, or back when that shard cannot take one.
pub async fn accept(
    shard: Rc<ShardState>,
    caps: Rc<Caps>,
    loads: Loads,
    (address, listening): (SocketAddr, TcpListener),
    serve: impl Fn(Accepted),
    hand_over: impl Fn(Accepted) -> Result<(), Accepted>,
) {
    let own = shard.number;
    let acceptor = Acceptor::new(&shard.net, listening);
    let take = |stream: TcpStream| {
        // A shard that drains keeps what it has accepted: so do, from now on, the others.
        let slot = if shard.phase() == Phase::Serving { loads.assign(own) } else { loads.assign_to(own) };
        let accepted = Accepted { stream, address, slot };
        let kept = if accepted.slot.shard() == own { Err(accepted) } else { hand_over(accepted) };
        if let Err(back) = kept {
            let slot = if back.slot.shard() == own { back.slot } else { loads.assign_to(own) };
            serve(Accepted { slot, ..back });
        }
    };
    loop {
        let next = {
            let mut next = std::pin::pin!(acceptor.next());
            std::future::poll_fn(|cx| match shard.phase() {
                Phase::Serving => next.as_mut().poll(cx).map(Some),
                Phase::Draining | Phase::Over => std::task::Poll::Ready(None),
            })
            .await
        };
        match next {
            Some(Accept::Connection(stream)) => take(stream),
            Some(Accept::Paused(error)) => {
                pause(&shard, &caps, &acceptor, &error).await;
            }
            Some(Accept::Ended) => return,
            None => break,
        }
    }
    empty(&acceptor, take).await;
}

/// Admits a connection to where its address leads by the table, or closes it with its cause.
pub fn admit(context: &Context, table: &Table, caps: &Rc<Caps>, accepted: Accepted) -> Option<(Arrival, Admitted)> {
    let Accepted { stream, address, slot } = accepted;
    let admitted = match table.ingress(address) {
        None => Err(Cause::ListenerGone),
        Some((ingress, server_tls)) => {
            let admitted = caps.admit(context, table.capacity.connections_max, &stream, slot);
            admitted.map(|admitted| (Arrival { stream, ingress, server_tls }, admitted))
        }
    };
    admitted.map_err(|cause| refuse(context, cause)).ok()
}

/// Counts a connection that is closed before a session exists.
fn refuse(shard: &ShardState, cause: Cause) {
    shard.count_accept();
    shard.count_close(cause);
}

/// No descriptor is left: the reserve is given up to take the oldest waiting connection and close it, so that its
/// client learns of it, and accepting rests a while.
async fn pause(shard: &ShardState, caps: &Caps, acceptor: &Acceptor, error: &std::io::Error) {
    Numbers::count(&shard.numbers.accept_pauses, 1);
    tracing::warn!(%error, "accepting pauses for 100 ms: raise the limit of descriptors, or lower connections_max");
    caps.without_reserve(|| {
        if acceptor.accept_now().is_ok() {
            refuse(shard, Cause::Descriptors);
        }
    });
    shard.net.sleep(PAUSE).await;
    acceptor.resume();
}

/// Serves what the kernel has accepted for us already; a drain may not lose a connection that a client believes to have.
async fn empty(acceptor: &Acceptor, take: impl Fn(TcpStream)) {
    acceptor.cancel();
    while let Accept::Connection(stream) = acceptor.next().await {
        take(stream);
    }
    while let Ok(stream) = acceptor.accept_now() {
        take(stream);
    }
}
