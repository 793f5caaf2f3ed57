//! Bootstrap connections beside nodes that are silent, refuse, or are well.

use std::net::{SocketAddr, TcpListener};

use super::*;
use crate::upstream::test_ground::{Shard, Silent, node, on_shard, refusing};

/// Longer than a stagger takes on a busy machine, and less than one silent node may take.
const SOON: Duration = Duration::from_millis(1_500);

/// Connects on a shard that knows these nodes, whose ids are 1, 2, and so on.
fn connect<T>(addresses: &[SocketAddr], work: impl AsyncFnOnce(&Shard) -> T) -> T {
    on_shard(
        &["127.0.0.1:1"],
        |_| Err("no name is asked for".to_owned()),
        async |shard| {
            shard.set_nodes((1..).zip(addresses).map(|(id, address)| node(id, *address)).collect());
            work(shard).await
        },
    )
}

async fn any(shard: &Shard, limit: Duration) -> Result<i32, Cause> {
    let backend = shard.backend().shared.id;
    let connected = shard.upstream.connect(backend, Target::Bootstrap, shard.net.now() + limit).await;
    connected.map(|connected| connected.node.0)
}

fn listening() -> (TcpListener, SocketAddr) {
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listening.local_addr().unwrap();
    (listening, address)
}

#[test]
fn silent_and_refusing_nodes_cost_a_client_little() {
    let (_listening, well) = listening();
    let (a, b, refusing) = (Silent::start(), Silent::start(), refusing());
    // The nodes, which of them is reached, and the dials that failed.
    let table: [(&[SocketAddr], i32, u64); 5] = [
        (&[a.address, well], 2, 0),
        (&[refusing, well], 2, 1),
        (&[a.address, b.address, well], 3, 0),
        (&[a.address, refusing, well], 3, 1),
        (&[well, a.address], 1, 0),
    ];
    for (nodes, reached, failed) in table {
        connect(nodes, async |shard| {
            let began = shard.net.now();
            assert_eq!(any(shard, Duration::from_secs(10)).await, Ok(reached), "{nodes:?}");
            assert!(shard.net.now() - began < SOON, "{nodes:?}");
            assert_eq!(shard.dials(), (1, failed), "what is abandoned is no failure: {nodes:?}");
            assert_eq!(shard.backend().spare_dials.get(), crate::upstream::SPARE_DIALS);
        });
    }
}

#[test]
fn the_deadline_ends_it_when_no_node_is_reached() {
    let silent = Silent::start();
    for nodes in [vec![silent.address; 1], vec![silent.address; 12], vec![refusing(); 2], vec![]] {
        connect(&nodes, async |shard| {
            let began = shard.net.now();
            assert_eq!(any(shard, Duration::from_millis(600)).await, Err(Cause::BackendUnavailable));
            let took = shard.net.now() - began;
            assert!(took >= Duration::from_millis(600) && took < SOON, "{took:?}");
            assert_eq!(shard.backend().spare_dials.get(), crate::upstream::SPARE_DIALS);
        });
    }
}

#[test]
fn a_node_is_reached_in_turn_where_other_sessions_have_all_spare_dials() {
    let (_listening, well) = listening();
    let silent = Silent::start();
    connect(&[silent.address, well], async |shard| {
        shard.backend().spare_dials.set(0);
        assert_eq!(any(shard, Duration::from_secs(10)).await, Ok(2));
    });
}

#[test]
fn connections_spread_over_the_nodes() {
    let listening = [listening(), listening(), listening()];
    connect(&listening.each_ref().map(|(_, address)| *address), async |shard| {
        let mut reached = Vec::new();
        for _ in 0..6 {
            reached.extend(any(shard, Duration::from_secs(10)).await);
        }
        assert_eq!(reached, [1, 2, 3, 1, 2, 3]);
        assert_eq!(shard.dials(), (6, 0));
    });
}
