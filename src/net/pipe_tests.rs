//! Pipes on real sockets: what is in one comes out where it belongs, and nowhere else.

use super::*;
use crate::net::Net;
use std::io::{IoSlice, Write};
use std::net::{TcpListener, TcpStream};

const NOW: fn() -> Instant = Instant::now;

/// A socket on the ring, and its other side.
fn connection(net: &Net) -> (Socket, TcpStream) {
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listening.local_addr().unwrap()).unwrap();
    let (near, _) = listening.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    (Socket::of_client(net, near), far)
}

fn run<T>(net: &Net, work: impl Future<Output = T>) -> T {
    let drive = async {
        net.drive().await;
        unreachable!("the driver was not stopped")
    };
    futures_lite::future::block_on(futures_lite::future::or(work, drive))
}

/// A pipe with these bytes, that came on a socket.
fn filled(net: &Net, pipe: EmptyPipe, bytes: &[u8]) -> FullPipe {
    let (source, mut far) = connection(net);
    far.write_all(bytes).unwrap();
    run(net, async {
        source.writable().await;
        source.readable().await;
    });
    match pipe.fill(&source, bytes.len()) {
        Filled::Full(pipe) => pipe,
        Filled::Nothing(_) | Filled::End(_) | Filled::Failed(..) => panic!("no bytes came"),
    }
}

#[test]
fn a_pool_has_so_many_pipes_and_no_more() {
    let pipes = Pipes::new(2);
    let (first, second) = (pipes.take(NOW()).unwrap(), pipes.take(NOW()).unwrap());
    assert!(pipes.take(NOW()).is_none());
    pipes.give(first);
    assert_eq!(pipes.open(), 2);
    let first = pipes.take(NOW()).unwrap();
    drop(second);
    assert_eq!(pipes.open(), 1, "a pipe that is dropped makes room for another");
    assert!(pipes.take(NOW()).is_some());
    pipes.give(first);
    pipes.close();
    assert!(pipes.take(NOW()).is_none());
    assert_eq!((pipes.open(), pipes.failures()), (0, 0));
    assert!(Pipes::new(0).take(NOW()).is_none());
}

#[test]
fn bytes_reach_the_socket_that_they_are_drained_to_and_the_pipe_is_empty_then() {
    let (net, pipes) = (Net::new().unwrap(), Pipes::new(1));
    for text in [&b"first"[..], b"second"] {
        let full = filled(&net, pipes.take(NOW()).unwrap(), text);
        assert_eq!(full.bytes(), text.len());
        let (sink, mut far) = connection(&net);
        run(&net, sink.writable());
        let (left, Drained::Empty(pipe)) = full.drain(&sink, Then::Nothing) else { panic!("it holds bytes") };
        assert_eq!(left, text.len());
        pipes.give(pipe);
        drop(sink);
        let mut came = Vec::new();
        far.read_to_end(&mut came).unwrap();
        assert_eq!(came, text);
    }
    assert_eq!(pipes.open(), 1);
}

#[test]
fn a_short_move_is_no_full_socket() {
    let (net, pipes) = (Net::new().unwrap(), Pipes::new(1));
    let full = filled(&net, pipes.take(NOW()).unwrap(), b"short");
    let (sink, mut far) = connection(&net);
    run(&net, sink.writable());
    // Short because there are no more; the kernel does the same in the middle when the thread is interrupted.
    assert_eq!(sink.splice_from(full.ends.reader.as_fd(), 1000, Then::Nothing).unwrap(), 5);
    drop(full);
    let full = filled(&net, pipes.take(NOW()).unwrap(), b" and on");
    let (_, Drained::Empty(_)) = full.drain(&sink, Then::Nothing) else {
        panic!("the socket has room, and will never say so again")
    };
    drop(sink);
    let mut came = String::new();
    Read::read_to_string(&mut far, &mut came).unwrap();
    assert_eq!(came, "short and on");
}

#[test]
fn what_more_follows_waits_for_it_and_never_for_long() {
    let (net, pipes) = (Net::new().unwrap(), Pipes::new(1));
    let (sink, mut far) = connection(&net);
    run(&net, sink.writable());
    let mut came = [0; 100];
    assert_eq!(sink.write(&[IoSlice::new(b"head ")], Then::More).unwrap(), 5);
    let full = filled(&net, pipes.take(NOW()).unwrap(), b"body ");
    let (5, Drained::Empty(pipe)) = full.drain(&sink, Then::More) else { panic!("it has room for 5 bytes") };
    pipes.give(pipe);
    far.set_nonblocking(true).unwrap();
    let nothing = far.read(&mut came).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock, "it would be a packet of its own");
    assert_eq!(sink.write(&[IoSlice::new(b"end")], Then::Nothing).unwrap(), 3);
    far.set_nonblocking(false).unwrap();
    let n = far.read(&mut came).unwrap();
    assert_eq!(came.get(..n), Some(&b"head body end"[..]));
    // What follows does not come: the kernel waits for 200 ms, not for ever.
    assert_eq!(sink.write(&[IoSlice::new(b"alone")], Then::More).unwrap(), 5);
    far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(far.read(&mut came).unwrap(), 5);
}

#[test]
fn a_pipe_that_is_read_back_is_empty_and_its_bytes_are_in_order() {
    let (net, pipes) = (Net::new().unwrap(), Pipes::new(1));
    let bytes: Vec<u8> = (0..100_000).map(|at| (at % 251) as u8).collect();
    let full = filled(&net, pipes.take(NOW()).unwrap(), &bytes);
    let mut back = vec![9, 9];
    let count = full.bytes();
    pipes.give(full.read_back(&mut back).unwrap());
    assert_eq!(back.get(..2), Some(&[9, 9][..]));
    assert_eq!(back.get(2..), bytes.get(..count));
    let next = filled(&net, pipes.take(NOW()).unwrap(), b"next");
    let mut back = Vec::new();
    next.read_back(&mut back).unwrap();
    assert_eq!(back, b"next", "nothing of another connection is in it");
}

#[test]
fn a_pipe_dropped_with_bytes_in_it_is_gone() {
    let (net, pipes) = (Net::new().unwrap(), Pipes::new(1));
    let full = filled(&net, pipes.take(NOW()).unwrap(), b"of one connection");
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _mid_splice = full;
        panic!("a bug, on purpose");
    }));
    assert!(panics.is_err());
    assert_eq!(pipes.open(), 0);
    let other = filled(&net, pipes.take(NOW()).unwrap(), b"another's");
    let mut back = Vec::new();
    other.read_back(&mut back).unwrap();
    assert_eq!(back, b"another's");
}

#[test]
fn an_end_is_told_and_nothing_is_not_an_end() {
    let (net, pipes) = (Net::new().unwrap(), Pipes::new(1));
    let (source, far) = connection(&net);
    run(&net, source.writable());
    let Filled::Nothing(pipe) = pipes.take(NOW()).unwrap().fill(&source, 10) else { panic!("nothing was sent") };
    drop(far);
    run(&net, source.readable());
    let Filled::End(pipe) = pipe.fill(&source, 10) else { panic!("it has ended") };
    pipes.give(pipe);
    assert_eq!(pipes.open(), 1);
}
