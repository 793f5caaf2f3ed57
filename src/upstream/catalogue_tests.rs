//! Refreshes among hosts that are silent, refuse, lie, or are well.

use std::net::SocketAddr;
use std::rc::Rc;

use super::*;
use crate::upstream::test_ground::{Kafka, Shard, Silent, metadata, node, on_shard, refusing};

/// Less than one silent host may take.
const SOON: Duration = Duration::from_millis(2_500);

/// The ids and ports of the nodes that a refresh finds, with these bootstrap servers and known nodes.
fn refresh(bootstrap: &[SocketAddr], known: &[(i32, SocketAddr)]) -> (Result<Vec<(i32, u16)>, String>, Duration) {
    let hosts: Vec<String> = bootstrap.iter().map(SocketAddr::to_string).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    on_shard(
        &hosts,
        |_| Err("no name is asked for".to_owned()),
        async |shard| {
            if !known.is_empty() {
                shard.set_nodes(known.iter().map(|(id, address)| node(*id, *address)).collect());
            }
            let (keeper, began) = (keeper(shard), shard.net.now());
            let found = keeper.refresh(&mut None).await.map_err(|error| error.message);
            let took = shard.net.now() - began;
            let nodes = || keeper.backend.catalogue.borrow().iter().flat_map(|c| c.nodes.clone()).collect::<Vec<_>>();
            (found.map(|()| nodes().iter().map(|node| (node.id.0, node.address.port)).collect()), took)
        },
    )
}

fn keeper(shard: &Shard) -> Keeper {
    Keeper::new(Rc::clone(&shard.upstream.dialer), shard.backend())
}

fn well() -> Kafka {
    Kafka::start(|own| metadata(&[(1, own)]))
}

#[test]
fn a_backend_cluster_whose_nodes_all_moved_is_found_by_its_bootstrap_server() {
    let (silent, kafka) = (Silent::start(), well());
    // Addresses of their own, each of which is silent: the same queue is full.
    let moved: Vec<Silent> = (0..11).map(|_| Silent::start()).chain([silent]).collect();
    let moved: Vec<(i32, SocketAddr)> = (1..).zip(&moved).map(|(id, silent)| (id, silent.address)).collect();
    let (found, took) = refresh(&[kafka.address], &moved);
    assert_eq!(found, Ok(vec![(1, kafka.address.port())]));
    assert!(took < Duration::from_millis(1_500), "{took:?}");
}

#[test]
fn dead_bootstrap_servers_cost_little() {
    let (kafka, silent) = (well(), [Silent::start(), Silent::start(), Silent::start()]);
    let [a, b, c] = silent.each_ref().map(|silent| silent.address);
    let lists: [&[SocketAddr]; 4] = [
        &[a, kafka.address],
        &[a, b, c, kafka.address],
        &[refusing(), a, refusing(), kafka.address],
        &[kafka.address, a],
    ];
    for list in lists {
        let (found, took) = refresh(list, &[]);
        assert_eq!(found, Ok(vec![(1, kafka.address.port())]), "{list:?}");
        assert!(took < SOON, "{list:?}: {took:?}");
    }
}

#[test]
fn a_wrong_answer_stops_nobody_from_being_asked() {
    let kafka = well();
    let dead = refusing();
    let liars = [
        ("malformed", Kafka::start(|_| vec![0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff])),
        ("empty", Kafka::start(|_| Vec::new())),
        ("without nodes", Kafka::start(|_| metadata(&[]))),
        ("with a port of 0", Kafka::start(|own| metadata(&[(1, SocketAddr::new(own.ip(), 0))]))),
        ("with dead nodes", Kafka::start(move |_| metadata(&[(1, dead), (2, dead)]))),
    ];
    for (what, liar) in &liars {
        for known in [&[][..], &[(1, liar.address)], &[(1, liar.address), (2, liar.address)]] {
            let (found, took) = refresh(&[liar.address, kafka.address], known);
            assert_eq!(found, Ok(vec![(1, kafka.address.port())]), "{what} {known:?}");
            assert!(took < SOON, "{what}: {took:?}");
        }
    }
}

#[test]
fn an_odd_entry_costs_its_node_alone() {
    let kafka = Kafka::start(|own| metadata(&[(1, own), (2, SocketAddr::new(own.ip(), 0)), (1, own), (-1, own)]));
    assert_eq!(refresh(&[kafka.address], &[]).0, Ok(vec![(1, kafka.address.port())]));
}

#[test]
fn where_nobody_helps_all_errors_are_told() {
    let dead = refusing();
    let liars = [0; 6].map(|_| Kafka::start(move |_| metadata(&[(1, dead)])));
    let gone = refusing();
    let list: Vec<SocketAddr> = liars.iter().map(|liar| liar.address).chain([gone]).collect();
    let error = refresh(&list, &[]).0.unwrap_err();
    assert_eq!(error.matches("none of its nodes answered").count(), 1, "the same nodes are asked once: {error}");
    assert!(error.contains(&gone.to_string()), "{error}");
    // Nodes that were known stay, with the addresses that a host tells.
    let known = [(1, gone)];
    assert_eq!(refresh(&list, &known).0, Ok(vec![(1, dead.port())]));
}

#[test]
fn the_answers_that_are_tried_are_bounded() {
    let liars: Vec<Kafka> = (0..10).map(|_| Kafka::start(|_| metadata(&[(1, refusing())]))).collect();
    let list: Vec<SocketAddr> = liars.iter().map(|liar| liar.address).collect();
    let error = refresh(&list, &[]).0.unwrap_err();
    assert_eq!(error.matches("none of its nodes answered").count(), MEMBERSHIPS_MAX, "{error}");
}

#[test]
fn a_host_that_answered_is_asked_first_the_next_time() {
    let (a, b) = (well(), well());
    on_shard(
        &[&a.address.to_string(), &b.address.to_string()],
        |_| Err(String::new()),
        async |shard| {
            let host = |kafka: &Kafka| HostPort { host: "127.0.0.1".into(), port: kafka.address.port() };
            for kafka in [&b, &a] {
                let mut last = Some(host(kafka));
                keeper(shard).refresh(&mut last).await.unwrap();
                assert_eq!(last, Some(host(kafka)));
            }
        },
    );
}
