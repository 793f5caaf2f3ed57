//! Dials of names that hang, fail, move, or have addresses that are silent.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::upstream::test_ground::{Shard, Silent, on_shard};

const SOON: Duration = Duration::from_millis(1_500);

fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

async fn dial(shard: &Shard, host: &str, port: u16, limit: Duration) -> Result<(), String> {
    let (backend, to) = (shard.backend(), HostPort { host: host.into(), port });
    let dialled = shard.upstream.dialer.dial(&backend, &to, shard.net.now() + limit).await;
    dialled.map(drop).map_err(|error| error.message)
}

#[test]
fn a_silent_address_costs_the_stagger() {
    let silent = Silent::start();
    let port = silent.address.port();
    let _listening = TcpListener::bind((loopback(2), port)).unwrap();
    on_shard(
        &["two:1"],
        |_| Ok(vec![loopback(1), loopback(2)]),
        async |shard| {
            let began = shard.net.now();
            dial(shard, "two", port, Duration::from_secs(10)).await.unwrap();
            let took = shard.net.now() - began;
            assert!(took > Duration::from_millis(200) && took < SOON, "{took:?}");
            assert_eq!(shard.dials(), (1, 0));
        },
    );
}

#[test]
fn a_name_that_hangs_stops_no_dial_of_another() {
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listening.local_addr().unwrap().port();
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.clone();
    let shut = gate.lock().unwrap();
    let resolve = move |host: &str| {
        if host == "hang" {
            drop(closed.lock());
        }
        Ok(vec![loopback(1)])
    };
    on_shard(&["hang:1", "well:1"], resolve, async |shard| {
        let began = shard.net.now();
        let hanging = dial(shard, "hang", port, Duration::from_secs(2));
        let well = async {
            dial(shard, "well", port, Duration::from_secs(2)).await.unwrap();
            assert!(shard.net.now() - began < Duration::from_secs(1));
        };
        let (hanging, ()) = futures_lite::future::zip(hanging, well).await;
        assert_eq!(hanging, Err(format!("hang:{port}: no connection in time")));
        // It is answered in the end, and serves the next dial.
        drop(shut);
        dial(shard, "hang", port, Duration::from_secs(2)).await.unwrap();
    });
}

#[test]
fn a_name_that_fails_is_refused_at_once_and_asked_for_again_soon() {
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listening.local_addr().unwrap().port();
    let answer = Arc::new(AtomicU8::new(0));
    let answered = answer.clone();
    let resolve = move |_: &str| match answered.load(Ordering::SeqCst) {
        0 => Err("no such name".to_owned()),
        last => Ok(vec![loopback(last)]),
    };
    on_shard(&["a:1"], resolve, async |shard| {
        for _ in 0..3 {
            let began = shard.net.now();
            let refused = dial(shard, "a", port, Duration::from_secs(10)).await;
            assert_eq!(refused, Err(format!("a:{port}: a: no such name")));
            assert!(shard.net.now() - began < Duration::from_millis(400));
        }
        answer.store(1, Ordering::SeqCst);
        shard.net.sleep(Duration::from_millis(550)).await;
        dial(shard, "a", port, Duration::from_secs(10)).await.unwrap();
        // DNS fails, or lies, and then is well again: what was good is used meanwhile.
        answer.store(0, Ordering::SeqCst);
        shard.net.sleep(Duration::from_millis(550)).await;
        let host: Arc<str> = "a".into();
        shard.upstream.dialer.dns_cache.distrust(shard.backend().shared.id, &host);
        for _ in 0..3 {
            dial(shard, "a", port, Duration::from_secs(10)).await.unwrap();
            shard.net.sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn after_a_failed_dial_the_next_one_uses_the_new_address() {
    let listening = TcpListener::bind((loopback(3), 0)).unwrap();
    let port = listening.local_addr().unwrap().port();
    let last = Arc::new(AtomicU8::new(3));
    let answered = last.clone();
    on_shard(
        &["a:1"],
        move |_| Ok(vec![loopback(answered.load(Ordering::SeqCst))]),
        async |shard| {
            dial(shard, "a", port, Duration::from_secs(10)).await.unwrap();
            // The host moves.
            drop(listening);
            let _moved = TcpListener::bind((loopback(4), port)).unwrap();
            last.store(4, Ordering::SeqCst);
            shard.net.sleep(Duration::from_millis(550)).await;
            dial(shard, "a", port, Duration::from_secs(10)).await.unwrap_err();
            shard.net.sleep(Duration::from_millis(100)).await;
            dial(shard, "a", port, Duration::from_secs(10)).await.unwrap();
            assert_eq!(shard.dials(), (2, 1));
        },
    );
}
