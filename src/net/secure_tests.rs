//! TLS on real sockets: every byte arrives, nothing is kept without bound or for nothing, and the end is signalled.

use super::*;
use crate::net::{Filled, Net, Pipes, Socket};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use socket2::SockRef;

const NAME: &str = "broker-1.kafka.example";
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings of both sides that fit each other.
fn settings() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let provider = Arc::new(default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (Arc::new(server), Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
}

/// A socket on the ring, and its other side.
fn connection(net: &Net) -> (Socket, TcpStream) {
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listening.local_addr().unwrap()).unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    let (near, _) = listening.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    // So that a reader who rests is felt soon.
    SockRef::from(&near).set_send_buffer_size(64 << 10).unwrap();
    SockRef::from(&far).set_recv_buffer_size(64 << 10).unwrap();
    (Socket::of_client(net, near), far)
}

fn run<T>(net: &Net, work: impl Future<Output = T>) -> T {
    let drive = async {
        net.drive().await;
        unreachable!("the driver was not stopped")
    };
    let late = async {
        net.sleep(PATIENCE).await;
        panic!("nothing happens any more")
    };
    future::block_on(future::or(work, future::or(late, drive)))
}

/// Both ends on one ring, hands shaken.
fn pair(net: &Net) -> (Socket, Socket) {
    let (server, client) = settings();
    let (mut near, far) = connection(net);
    far.set_nonblocking(true).unwrap();
    let mut far = Socket::of_client(net, far);
    near.begin_tls(TlsConnection::server(server).unwrap(), Vec::new());
    far.begin_tls(TlsConnection::backend(client, NAME).unwrap(), Vec::new());
    run(net, async {
        let (one, other) = future::zip(near.handshake(), far.handshake()).await;
        one.unwrap();
        other.unwrap();
    });
    (near, far)
}

/// A client of rustls in a thread of its own, that has shaken hands with the socket.
fn with_client<T: Send + 'static>(
    net: &Net,
    work: impl FnOnce(StreamOwned<ClientConnection, TcpStream>) -> T + Send + 'static,
) -> (Socket, thread::JoinHandle<T>) {
    let (server, client) = settings();
    let (mut near, far) = connection(net);
    let client = ClientConnection::new(client, ServerName::try_from(NAME).unwrap()).unwrap();
    let thread = thread::spawn(move || work(StreamOwned::new(client, far)));
    near.begin_tls(TlsConnection::server(server).unwrap(), Vec::new());
    run(net, near.handshake()).unwrap();
    (near, thread)
}

async fn read(socket: &Socket, into: &mut [u8]) -> io::Result<usize> {
    loop {
        if let Some(read) = socket.read(into) {
            return read;
        }
        socket.readable().await;
    }
}

fn pattern(at: usize) -> u8 {
    (at.wrapping_mul(31) >> 3) as u8
}

/// Sends so many bytes in calls of random pieces, as a session does: what was not taken comes again.
async fn send(net: &Net, socket: &Socket, bytes: usize) {
    let data: Vec<u8> = (0..bytes).map(pattern).collect();
    let (mut at, mut held) = (0, 0);
    while at < bytes {
        let length = (at * 7919 % 200_000 + 1).min(bytes - at);
        let pieces: Vec<IoSlice<'_>> = data[at..at + length].chunks(3_000).map(IoSlice::new).collect();
        let n = socket.write(&pieces, Then::Nothing).unwrap();
        held = held.max(socket.held_bytes());
        at += n;
        if n == 0 {
            future::or(socket.writable(), net.sleep(Duration::from_millis(5))).await;
        }
    }
    assert!(held <= 2 * RECORDS_AT_ONCE * CIPHERTEXT_BYTES_MAX, "{held} bytes waited");
    assert!(held > 0, "the reader was never too slow");
}

#[test]
fn every_byte_arrives_however_it_is_read_and_nothing_is_kept_for_nothing() {
    const BYTES: usize = 8 << 20;
    for read_bytes in [64, 8 << 10, 128 << 10] {
        let bytes = if read_bytes < 1000 { BYTES / 4 } else { BYTES };
        let net = Net::new().unwrap();
        let (near, far) = pair(&net);
        let receives = async {
            // A slow reader at first, so that the sender meets its bounds.
            net.sleep(Duration::from_millis(50)).await;
            let mut buffer = vec![0; read_bytes];
            let mut at = 0;
            while at < bytes {
                let n = read(&far, &mut buffer).await.unwrap();
                assert!(n > 0 && buffer[..n].iter().enumerate().all(|(i, byte)| *byte == pattern(at + i)));
                at += n;
                assert!(far.held_bytes() <= 3 * RECORD_BYTES_MAX, "{} bytes are kept", far.held_bytes());
            }
        };
        run(&net, future::zip(send(&net, &near, bytes), receives));
        assert_eq!((near.held_bytes(), far.held_bytes()), (0, 0));
        assert_eq!(near.tls().unwrap().version(), Some("TLSv1.3"));
    }
}

#[test]
fn a_hello_may_come_byte_by_byte_and_the_first_bytes_may_have_been_read() {
    let (server, client) = settings();
    for first_bytes in [0, 1, 100] {
        let net = Net::new().unwrap();
        let (mut near, mut far) = connection(&net);
        let mut client = ClientConnection::new(client.clone(), ServerName::try_from(NAME).unwrap()).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let first = hello[..first_bytes].to_vec();
        let thread = thread::spawn(move || {
            for byte in &hello[first_bytes..] {
                far.write_all(&[*byte]).unwrap();
            }
            let mut stream = StreamOwned::new(client, far);
            stream.write_all(b"a request").unwrap();
            let mut answer = [0; 9];
            stream.read_exact(&mut answer).unwrap();
            answer
        });
        near.begin_tls(TlsConnection::server(server.clone()).unwrap(), first);
        run(&net, async {
            near.handshake().await.unwrap();
            let mut request = [0; 100];
            assert_eq!(read(&near, &mut request).await.unwrap(), 9);
            assert_eq!(near.write(&[IoSlice::new(b"an "), IoSlice::new(b"answer")], Then::Nothing).unwrap(), 9);
        });
        assert_eq!(&thread.join().unwrap(), b"an answer");
        assert_eq!(near.held_bytes(), 0);
    }
}

#[test]
fn an_end_that_comes_with_the_last_of_a_handshake_leaves_it_whole() {
    let (server, client) = settings();
    let net = Net::new().unwrap();
    let (mut near, mut far) = connection(&net);
    let mut client = ClientConnection::new(client, ServerName::try_from(NAME).unwrap()).unwrap();
    let thread = thread::spawn(move || {
        client.write_tls(&mut far).unwrap();
        while client.is_handshaking() {
            client.read_tls(&mut far).unwrap();
            client.process_new_packets().unwrap();
        }
        client.send_close_notify();
        let mut last = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut last).unwrap();
        }
        // One write, and so one read: the last of the handshake, and the end.
        far.write_all(&last).unwrap();
        let mut stream = StreamOwned::new(client, far);
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    near.begin_tls(TlsConnection::server(server).unwrap(), Vec::new());
    run(&net, async {
        near.handshake().await.unwrap();
        assert_eq!(read(&near, &mut [0; 10]).await.unwrap(), 0);
    });
    drop(near);
    thread.join().unwrap();
}

#[test]
fn an_end_is_told_after_all_that_came_before_it_and_we_tell_ours() {
    for says_so in [true, false] {
        let net = Net::new().unwrap();
        let (near, thread) = with_client(&net, move |mut stream| {
            stream.write_all(b"last words").unwrap();
            if says_so {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            } else {
                stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
            }
            let mut rest = Vec::new();
            // Fails where no close_notify comes.
            stream.read_to_end(&mut rest).unwrap();
            rest
        });
        run(&net, async {
            let mut words = [0; 6];
            assert_eq!(read(&near, &mut words).await.unwrap(), 6);
            assert_eq!(&words, b"last w");
            assert_eq!(read(&near, &mut words).await.unwrap(), 4);
            assert_eq!(read(&near, &mut words).await.unwrap(), 0);
            assert!(near.is_readable(), "an end stays");
            assert_eq!(read(&near, &mut words).await.unwrap(), 0);
            assert_eq!(near.write(&[IoSlice::new(b"answer")], Then::Nothing).unwrap(), 6);
        });
        drop(near);
        assert_eq!(thread.join().unwrap(), b"answer");
    }
}

#[test]
fn a_broken_record_is_a_fault_after_what_came_before_it() {
    let net = Net::new().unwrap();
    let (near, thread) = with_client(&net, |mut stream| {
        stream.write_all(b"good").unwrap();
        stream.sock.write_all(&[23, 3, 3, 0, 20]).unwrap();
        stream.sock.write_all(&[0; 20]).unwrap();
        stream.read(&mut [0; 1]).unwrap_err().to_string()
    });
    run(&net, async {
        let mut buffer = [0; 100];
        assert_eq!(read(&near, &mut buffer).await.unwrap(), 4);
        for _ in 0..2 {
            let error = read(&near, &mut buffer).await.unwrap_err();
            assert_eq!(Fault::inside(&error), Some(Fault::DecryptionFailed));
        }
    });
    assert!(thread.join().unwrap().contains("BadRecordMac"), "the other side receives an alert");
    assert_eq!(near.held_bytes(), 0);
}

#[test]
fn handshakes_that_cannot_be_end_in_an_error() {
    let (server, _) = settings();
    let net = Net::new().unwrap();
    for (sent, kind) in
        [(&b"\x16\x03\x01\0\x04\x02\0\0\0"[..], ErrorKind::InvalidData), (&[22, 3], ErrorKind::UnexpectedEof)]
    {
        let (mut near, mut far) = connection(&net);
        far.write_all(sent).unwrap();
        far.shutdown(std::net::Shutdown::Write).unwrap();
        near.begin_tls(TlsConnection::server(server.clone()).unwrap(), Vec::new());
        assert_eq!(run(&net, near.handshake()).unwrap_err().kind(), kind);
        drop(near);
        let mut received = Vec::new();
        far.read_to_end(&mut received).unwrap();
        assert_eq!(!received.is_empty(), kind == ErrorKind::InvalidData, "{received:?}");
    }
}

/// Messages that never end must not be kept without bound.
#[test]
fn what_is_kept_of_a_handshake_is_bounded() {
    let (server, _) = settings();
    let net = Net::new().unwrap();
    let (mut near, mut far) = connection(&net);
    near.begin_tls(TlsConnection::server(server).unwrap(), Vec::new());
    let thread = thread::spawn(move || {
        // A ClientHello that announces 65,535 bytes, in records of one byte each.
        let message = [1, 0, 0xff, 0xff].into_iter().chain(std::iter::repeat(0));
        for byte in message.take(300_000) {
            if far.write_all(&[22, 3, 1, 0, 1, byte]).is_err() {
                return;
            }
        }
    });
    let started = Instant::now();
    let error = run(&net, near.handshake()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(started.elapsed() < PATIENCE);
    drop(near);
    thread.join().unwrap();
}

#[test]
fn no_byte_of_it_passes_through_a_pipe() {
    let net = Net::new().unwrap();
    let (near, far) = pair(&net);
    assert_eq!(far.write(&[IoSlice::new(b"bytes")], Then::Nothing).unwrap(), 5);
    run(&net, near.readable());
    let pipes = Pipes::new(1);
    match pipes.take(Instant::now()).unwrap().fill(&near, 100) {
        Filled::Failed(_, error) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
        Filled::Full(_) | Filled::Nothing(_) | Filled::End(_) => panic!("ciphertext went into a pipe"),
    }
}
