//! One client connection: from accept to its close cause.
//!
//! Owns the order of steps and the close cause. May hold no rule, no table, and no state that outlives the connection.

mod carried;
mod close;
mod context;
mod deadlines;
mod flow;
mod opening;
mod relay;
mod unsent;

pub use context::{Context, Phase};

use std::net::TcpStream;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::FutureExt;

use crate::cluster::NodeId;
use crate::metrics::{Cause, Fault, Numbers};
use crate::net::Socket;
use crate::route::Route;

use relay::{Counts, Relay};

/// What a session has come to, for its last log line.
#[derive(Default)]
struct Story {
    node: Option<NodeId>,
    counts: Counts,
}

/// Runs a connection to its end and counts the cause. A panic ends this session only.
pub async fn run(context: Rc<Context>, route: Arc<Route>, stream: TcpStream) {
    let id = context.next_session();
    let client = Socket::of_client(&context.net, stream);
    let peer = client.peer().map_or_else(|| "gone".into(), |peer| peer.to_string());
    let (shard, listener, virtual_cluster) = (context.shard, &*route.listener, &*route.virtual_cluster);
    tracing::info!(session = id, shard, listener, virtual_cluster, client = peer, "session open");
    let opened = context.net.now();
    let mut story = Story::default();
    let cause = guarded(&context, serve(&context, &route, client, &mut story)).await;
    context.count_close(cause);
    let (node, counts) = (story.node.map(|node| node.0), story.counts);
    let milliseconds = context.net.now().saturating_duration_since(opened).as_millis() as u64;
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                session = id,
                shard,
                listener,
                virtual_cluster,
                client = peer,
                node,
                cause = cause.label(),
                milliseconds,
                requests = counts.requests,
                responses = counts.responses,
                bytes_in = counts.client_bytes_in,
                bytes_out = counts.client_bytes_out,
                "session closed"
            )
        };
    }
    match cause.fault() {
        Fault::Gateway if cause == Cause::Panic => line!(error),
        Fault::Backend | Fault::Gateway => line!(warn),
        Fault::None | Fault::Client => line!(info),
    }
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
async fn serve(context: &Context, route: &Route, client: Socket, story: &mut Story) -> Cause {
    // On the heap and gone when it is over: most of a connection's life is the relay's.
    let opened = Box::pin(opening::open(context, route, &client, &mut story.counts)).await;
    let (first, connected) = match opened {
        Ok(opened) => opened,
        Err(cause) => return cause,
    };
    story.node = Some(connected.node);
    let mut relay = Box::new(Relay::new(context, route, client, connected, first));
    let cause = relay.run(&mut story.counts).await;
    let (client, backend) = relay.into_sockets();
    Box::pin(close::close(context, cause, client, backend)).await;
    cause
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{AddressMap, PortMapping};
    use crate::config::Limits;
    use crate::net::Net;
    use crate::upstream::{Resolver, Upstream};
    use std::net::TcpListener;

    fn context() -> Rc<Context> {
        let (net, numbers) = (Net::new().unwrap(), Rc::new(Numbers::default()));
        let post: crate::upstream::Post = Arc::new(|_, _| Ok(()));
        let resolver = Resolver::start(post.clone()).unwrap();
        let upstream = Rc::new(Upstream::new(&net, (0, 1), post, resolver, Vec::new(), &[], numbers.clone()));
        Rc::new(Context::new(0, net, upstream, numbers, Limits::default(), 1 << 20, [0; 16]))
    }

    fn route() -> Arc<Route> {
        let mapping = PortMapping {
            advertised_host: "gateway".into(),
            bootstrap_port: None,
            ports: Arc::new([]),
            min_broker_id: 0,
            node_ports: Default::default(),
        };
        let addresses = Arc::new(AddressMap::Ports(mapping));
        Arc::new(Route {
            listener: "a".into(),
            virtual_cluster: "b".into(),
            backend: 0,
            node: None,
            addresses,
            namespace: None,
        })
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
        let session = run(context(), route(), stream);
        let bytes = size_of_val(&session);
        assert!(bytes <= 2048, "a session's future takes {bytes} bytes");
    }

    #[test]
    fn memory_beyond_the_budget_is_refused_to_whoever_grows() {
        let context = context();
        assert_eq!(context.hold(0, 1 << 20), Ok(()));
        assert_eq!(context.hold(0, 1), Err(Cause::MemoryBudget));
        assert_eq!(context.hold(1 << 20, 0), Ok(()));
        assert_eq!(context.numbers.held_bytes.get(), 1);
    }
}
