//! The pump against rustls' own buffered connection and against OpenSSL: every byte arrives, in full records, and the end
//! is said on both sides.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::material::{Authority, Folder, client_config};
use klamm::tls::{CIPHERTEXT_BYTES_MAX, Fault, GATHER_BYTES_MAX, ServerTlsConfig, TlsConnection, Wire};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

const NAME: &str = "bootstrap-passthrough.kafka.example";
const PATIENCE: Duration = Duration::from_secs(60);

fn ground() -> (Folder, Authority, ServerTlsConfig) {
    let (folder, authority) = (Folder::new(), Authority::new("test authority"));
    folder.write("ca.pem", &authority.pem());
    folder.write_issued("wild", &authority.issue(&["*.kafka.example"], |_| {}));
    let text = "backend_clusters: [{name: lab, bootstrap_servers: [\"kafka:9092\"]}]\nlisteners:\n  - name: door\n    addresses: \
                [\"127.0.0.1\"]\n    ports: [9094]\n    policies:\n      - {type: tls_server, config: {certificates: \
                [{certificate: \"${file['wild.pem']}\", key: \"${file['wild.key']}\"}]}}\n      - {type: \
                forward_to_virtual_cluster, config: {type: sni, sni_suffix: \".kafka.example\", broker_host_format: {type: \
                shared_suffix}}}\n";
    let snapshot = folder.load(text).unwrap_or_else(|faults| panic!("{faults}"));
    let side = ServerTlsConfig::new(snapshot.listeners[0].tls.as_ref().unwrap(), None).unwrap();
    (folder, authority, side)
}

/// A pump and a client of rustls that have shaken hands; bytes travel in pieces of at most `piece`.
fn pair(piece: usize) -> (TlsConnection, ClientConnection) {
    let (_folder, authority, side) = ground();
    let name = ServerName::try_from(NAME).unwrap();
    let client = ClientConnection::new(Arc::new(client_config(&authority, None)), name).unwrap();
    let mut both = (TlsConnection::server(side.config.clone()).unwrap(), client);
    let mut kept = Vec::new();
    while both.0.is_handshaking() || both.1.is_handshaking() {
        assert_eq!(both.0.send([&b"early"[..]], &mut Vec::new(), &mut Wire::with_room(CIPHERTEXT_BYTES_MAX)), Ok(0));
        exchange(&mut both, piece, &mut kept);
    }
    assert!(kept.is_empty());
    both
}

/// Carries what the client has to say to the pump and back, and gives the plaintext that the pump found.
fn exchange((server, client): &mut (TlsConnection, ClientConnection), piece: usize, kept: &mut Vec<u8>) -> Vec<u8> {
    let (mut sent, mut plain, mut wire) = (Vec::new(), Vec::new(), Wire::default());
    while client.wants_write() {
        client.write_tls(&mut sent).unwrap();
    }
    for piece in sent.chunks(piece) {
        kept.extend(piece);
        let received = server.receive(kept, &mut plain, &mut wire).unwrap();
        kept.drain(..received.consumed);
    }
    deliver(client, wire.filled());
    plain
}

fn deliver(client: &mut ClientConnection, mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        client.process_new_packets().unwrap();
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = client.reader().read(&mut some) {
            plain.extend(&some[..count]);
        }
    }
    plain
}

fn random(rng: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// The lengths of the records in `wire`.
fn records(mut wire: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some(([23, 3, 3, high, low], behind)) = wire.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        wire = &behind[length..];
    }
    assert!(wire.is_empty());
    lengths
}

#[test]
fn handshakes_and_data_may_arrive_byte_by_byte() {
    for piece in [1, 7, 1000, usize::MAX] {
        let mut both = pair(piece);
        let mut rng = StdRng::seed_from_u64(1);
        for length in [1, 100, 20_000, 60_000] {
            let data = random(&mut rng, length);
            both.1.writer().write_all(&data).unwrap();
            assert!(exchange(&mut both, piece, &mut Vec::new()) == data, "{length} bytes in pieces of {piece}");
        }
    }
}

#[test]
fn segments_are_gathered_into_full_records_and_taken_as_far_as_there_is_room() {
    let (mut server, mut client) = pair(usize::MAX);
    let mut rng = StdRng::seed_from_u64(2);
    let mut gather = Vec::new();
    for (lengths, meant) in [
        (vec![], 0),
        (vec![0, 0], 0),
        (vec![10; 100], 1),
        (vec![GATHER_BYTES_MAX], 1),
        (vec![GATHER_BYTES_MAX + 1], 2),
        (vec![5, GATHER_BYTES_MAX, 5], 2),
        (vec![3 * GATHER_BYTES_MAX, 1], 4),
        (vec![1000; 50], 4),
    ] {
        let segments: Vec<Vec<u8>> = lengths.iter().map(|length| random(&mut rng, *length)).collect();
        let mut wire = Wire::with_room(16 * CIPHERTEXT_BYTES_MAX);
        let taken = server.send(segments.iter().map(Vec::as_slice), &mut gather, &mut wire).unwrap();
        assert_eq!(taken, lengths.iter().sum::<usize>());
        assert_eq!(records(wire.filled()).len(), meant, "{lengths:?}");
        assert!(deliver(&mut client, wire.filled()) == segments.concat());
    }
    // With room for two records, what is taken is what arrives; the rest is sent later.
    let data = random(&mut rng, 100_000);
    let mut at = 0;
    let mut arrived = Vec::new();
    let mut turns = 0;
    while at < data.len() {
        let mut wire = Wire::with_room(2 * CIPHERTEXT_BYTES_MAX);
        let capacity = wire.room();
        at += server.send(data[at..].chunks(777), &mut gather, &mut wire).unwrap();
        assert!(wire.filled().len() + wire.room() == capacity, "it grew");
        arrived.extend(deliver(&mut client, wire.filled()));
        assert!(arrived == data[..at]);
        turns += 1;
    }
    assert_eq!(turns, 4);
}

#[test]
fn the_end_is_said_on_both_sides() {
    let mut both = pair(usize::MAX);
    let mut wire = Wire::default();
    both.1.writer().write_all(b"last words").unwrap();
    both.1.send_close_notify();
    let (mut sent, mut plain) = (Vec::new(), Vec::new());
    both.1.write_tls(&mut sent).unwrap();
    sent.extend(b"and junk behind");
    let received = both.0.receive(&mut sent, &mut plain, &mut wire).unwrap();
    assert!(received.closed && received.consumed == sent.len() && plain == b"last words");
    // The answer still goes out, then our own end.
    let mut gather = Vec::new();
    wire.clear();
    let mut room = Wire::with_room(CIPHERTEXT_BYTES_MAX);
    assert_eq!(both.0.send([&b"answer"[..]], &mut gather, &mut room), Ok(6));
    assert_eq!(deliver(&mut both.1, room.filled()), b"answer");
    both.0.close(&mut wire).unwrap();
    both.1.read_tls(&mut wire.filled()).unwrap();
    assert!(both.1.process_new_packets().unwrap().peer_has_closed());
}

#[test]
fn what_is_no_tls_ends_in_a_fault_and_an_alert() {
    let (_folder, authority, side) = ground();
    for (bytes, fault) in [
        (&b"\0\0\0\x10\0\x12\0\x04"[..], Fault::RecordInvalid),
        (b"GET / HTTP/1.1\r\n\r\n", Fault::RecordInvalid),
        (&[22, 3, 1, 0xff, 0xff, 1], Fault::RecordInvalid),
        (&[22, 3, 1, 0, 4, 2, 0, 0, 0], Fault::RecordInvalid),
    ] {
        let mut server = TlsConnection::server(side.config.clone()).unwrap();
        let mut wire = Wire::default();
        let found = server.receive(&mut bytes.to_vec(), &mut Vec::new(), &mut wire);
        assert_eq!(found, Err(fault), "{bytes:x?}");
        assert!(matches!(wire.filled(), [21, 3, _, 0, 2, 2, _]), "{bytes:x?}: {:x?}", wire.filled());
    }
    // A record that was changed on its way.
    let mut both = pair(usize::MAX);
    both.1.writer().write_all(b"x").unwrap();
    let mut sent = Vec::new();
    both.1.write_tls(&mut sent).unwrap();
    *sent.last_mut().unwrap() ^= 1;
    let found = both.0.receive(&mut sent, &mut Vec::new(), &mut Wire::default());
    assert_eq!(found, Err(Fault::DecryptionFailed));
    drop(authority);
}

/// Whatever a stranger sends, and however it is cut: a fault or a wait for more, never a panic, never without bound.
#[test]
fn broken_handshakes_never_panic() {
    let (_folder, authority, side) = ground();
    let name = ServerName::try_from(NAME).unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    let mut faults = 0;
    for _ in 0..3_000 {
        let mut client = ClientConnection::new(Arc::new(client_config(&authority, None)), name.clone()).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        // Over records of random lengths, so that rustls keeps places in the bytes; then broken somewhere.
        let mut sent = Vec::new();
        let mut rest = &hello[5..];
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(rng.random_range(1..400).min(rest.len()));
            sent.extend([22, 3, 1]);
            sent.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
            sent.extend(part);
            rest = behind;
        }
        let at = rng.random_range(0..sent.len());
        sent[at] = rng.random();
        let mut server = TlsConnection::server(side.config.clone()).unwrap();
        let (mut kept, mut plain, mut wire) = (Vec::new(), Vec::new(), Wire::default());
        for piece in sent.chunks(rng.random_range(1..600)) {
            kept.extend(piece);
            match server.receive(&mut kept, &mut plain, &mut wire) {
                Ok(received) => drop(kept.drain(..received.consumed)),
                Err(_) => {
                    faults += 1;
                    break;
                }
            }
            assert_eq!(server.send([&b"x"[..]], &mut Vec::new(), &mut wire), Ok(0));
        }
        assert!(plain.is_empty());
    }
    assert!(faults > 300, "{faults}");
}

/// Serves one connection: answers each line with itself, until the other side ends.
fn echo(side: &ServerTlsConfig, mut socket: TcpStream) -> Result<(), Fault> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut server = TlsConnection::server(side.config.clone())?;
    let (mut kept, mut plain, mut gather) = (Vec::new(), Vec::new(), Vec::new());
    let mut wire = Wire::with_room(4 * CIPHERTEXT_BYTES_MAX);
    loop {
        let mut some = [0; 1000];
        let count = socket.read(&mut some).unwrap();
        if count == 0 {
            return Ok(());
        }
        kept.extend(&some[..count]);
        let received = server.receive(&mut kept, &mut plain, &mut wire);
        if let Ok(received) = &received {
            kept.drain(..received.consumed);
            assert_eq!(server.send([&*plain], &mut gather, &mut wire)?, plain.len());
            plain.clear();
            if received.closed {
                server.close(&mut wire)?;
            }
        }
        socket.write_all(wire.filled()).unwrap();
        wire.clear();
        if received?.closed {
            return Ok(());
        }
    }
}

#[test]
fn openssl_speaks_both_versions_and_is_refused_with_the_old_ones() {
    let (folder, _authority, side) = ground();
    let ca = folder.path().join("ca.pem");
    for (arguments, meant) in [
        (&["-tls1_3"][..], Ok(())),
        (&["-tls1_2"], Ok(())),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], Ok(())),
        (&["-tls1_3", "-groups", "X25519"], Ok(())),
        (&["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"], Err(Fault::NoCommonVersion)),
        (&["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], Err(Fault::NoCommonCipher)),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-verify_return_error", "-servername", NAME, "-verify_hostname", NAME])
            .args(["-connect", &address, "-CAfile"])
            .arg(&ca)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = b"a line that comes back\n";
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(line).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let served = std::thread::scope(|scope| {
            let served = scope.spawn(|| echo(&side, socket));
            if meant.is_ok() {
                let mut back = vec![0; line.len()];
                client.stdout.take().unwrap().read_exact(&mut back).unwrap();
                assert_eq!(back, line, "{arguments:?}");
            }
            drop(stdin);
            // With -quiet it does not end at the end of its input.
            if meant.is_ok() {
                client.kill().unwrap();
            }
            served.join().unwrap()
        });
        let _ = client.wait().unwrap();
        assert_eq!(served, meant, "{arguments:?}");
    }
}
