//! One client connection: from accept to its close cause.
//!
//! Owns the order of steps and the close cause. May hold no rule, no table, and no state that outlives the connection.

mod carry_over;
mod close;
mod close_cause;
mod connect;
mod connection;
mod context;
mod deadlines;
mod pump;
mod relay;
mod send_buffer;
mod session_log;
mod terms;
mod tls_accept;

pub use context::{Context, Phase, ShardState};

use std::net::TcpStream;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::FutureExt;

use crate::metrics::{Cause, Numbers};
use crate::net::Socket;
use crate::route::{Ingress, IngressMode};
use crate::tls::ServerTlsConfig;

use connection::Connection;
use relay::Relay;
use session_log::SessionLog;
use tls_accept::Routed;

/// A connection that was admitted, with what the table said of its address then.
pub struct Arrival {
    /// The connection.
    pub stream: TcpStream,
    /// Where it goes.
    pub ingress: Arc<Ingress>,
    /// The TLS configuration of its listener; `None`: it speaks no TLS.
    pub server_tls: Option<Arc<ServerTlsConfig>>,
}

/// Runs a connection to its end and counts the cause. A panic ends this session only.
pub async fn run(context: Rc<Context>, arrival: Arrival) {
    let Arrival { stream, ingress, server_tls } = arrival;
    let client = Socket::of_client(&context.net, stream);
    let (mut connection, mut log) = (Connection::new(&ingress, &client), SessionLog::new(&context));
    let work = serve(&context, (ingress, server_tls), client, &mut connection, &mut log);
    let cause = guarded(&context, work).await;
    context.count_close(cause);
    log.close(&context, &connection, cause);
}

/// Runs a session's work to its cause; a panic in it is one.
async fn guarded(context: &Context, work: impl Future<Output = Cause>) -> Cause {
    // What a panic leaves behind is dropped with the session, but for the shard's scratch.
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        Numbers::count(&context.numbers.panics, 1);
        context.reset_scratch();
        Cause::Panic
    })
}

/// The steps of a session, in order.
async fn serve(
    context: &Context,
    (ingress, server_tls): (Arc<Ingress>, Option<Arc<ServerTlsConfig>>),
    mut client: Socket,
    connection: &mut Connection,
    log: &mut SessionLog,
) -> Cause {
    // Each on the heap and gone when it is over: most of a connection's life is the relay's.
    let routed = match &ingress.mode {
        IngressMode::Plain(destination) => Ok(Routed { destination: destination.clone(), first: Vec::new() }),
        IngressMode::Tls(ingress) => {
            let ingress = (ingress, server_tls);
            Box::pin(tls_accept::accept(context, ingress, &mut client, connection, &mut log.counts)).await
        }
    };
    // A table of host names, perhaps a large one that is the listener's no longer.
    drop(ingress);
    let Routed { destination, first } = match routed {
        Ok(routed) => routed,
        Err(cause) => return cause,
    };
    connection.route = Some(destination.route.clone());
    log.open(context, connection);
    let connected = Box::pin(connect::connect(context, &destination, &client, first, log)).await;
    let (first, connected) = match connected {
        Ok(connected) => connected,
        Err(cause) => return cause,
    };
    log.node = Some(connected.node);
    let party = (&*destination.route, &connection.identity);
    let mut relay = Box::new(Relay::new(context, party, client, connected, first));
    let cause = relay.run(&mut log.counts).await;
    log.fault = relay.fault();
    let (client, backend) = relay.into_sockets();
    Box::pin(close::close(context, cause, client, backend)).await;
    cause
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ListenerId;
    use crate::config;
    use crate::net::Net;
    use crate::route::TlsIngress;
    use crate::table::Table;
    use crate::upstream::{Resolver, Upstream};
    use std::net::TcpListener;
    use std::path::Path;

    fn context() -> Rc<Context> {
        let (net, numbers) = (Net::new().unwrap(), Rc::new(Numbers::default()));
        let post: crate::upstream::Post = Arc::new(|_, _| Ok(()));
        let resolver = Resolver::start(post.clone()).unwrap();
        let upstream = Upstream::new(&net, (0, 1), post, resolver, numbers.clone());
        let file = b"{backend_clusters: [{name: a, bootstrap_servers: [\"a:1\"]}], \
                   listeners: [{name: a, addresses: [\"::1\"], ports: [1], policies: [{type: forward_to_virtual_cluster, \
                   config: {type: port_mapping, advertised_host: a, bootstrap_port: none}}]}]}";
        let snapshot = config::load_bytes(Path::new("klamm.yaml"), file).unwrap_or_else(|faults| panic!("{faults}"));
        let shard = Rc::new(ShardState::new(net, numbers, (0, 1), [0; 16]));
        let mut table = Table::of(snapshot, 1, None).unwrap();
        table.capacity.memory_bytes_max = 1 << 20;
        Rc::new(Context::new(shard, upstream, &table))
    }

    fn ingress() -> Arc<Ingress> {
        let ingress = TlsIngress { allow_plaintext: false, host_table: None, by_port: None };
        Arc::new(Ingress { id: ListenerId::of("a"), listener: "a".into(), mode: IngressMode::Tls(ingress) })
    }

    #[test]
    fn a_panic_is_a_cause_and_the_next_session_finds_the_shard_usable() {
        let context = context();
        let panics = async {
            let _scratch = context.scratch();
            panic!("a bug, on purpose");
        };
        let cause = futures_lite::future::block_on(guarded(&context, panics));
        assert_eq!((cause, context.numbers.panics.get()), (Cause::Panic, 1));
        let next = async {
            context.scratch().buffer.fill(1);
            Cause::ClientClosed
        };
        assert_eq!(futures_lite::future::block_on(guarded(&context, next)), Cause::ClientClosed);
    }

    #[test]
    fn an_idle_session_is_small() {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let session = run(context(), Arrival { stream, ingress: ingress(), server_tls: None });
        let bytes = size_of_val(&session);

        assert!(bytes <= 2048, "a session's future takes {bytes} bytes");
    }

    #[test]
    fn memory_beyond_the_budget_is_refused_to_whoever_grows() {
        let context = context();
        assert_eq!(context.adjust_held_bytes(0, 1 << 20), Ok(()));
        assert_eq!(context.adjust_held_bytes(0, 1), Err(Cause::MemoryBudget));
        assert_eq!(context.adjust_held_bytes(1 << 20, 0), Ok(()));
        assert_eq!(context.numbers.held_bytes.get(), 1);
    }
}
