//! The host name of a ClientHello is the one that rustls finds; what Klamm refuses, rustls refuses; and how the bytes are
//! cut into records and reads makes no difference.

use std::sync::Arc;

use super::material::{Authority, Folder, client_config};
use klamm::tls::{HELLO_BYTES_MAX, HelloFault, HelloReader, ServerTlsConfig, TlsConnection, Wire};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustls::pki_types::ServerName;
use rustls::server::Acceptor;

const HEADER_BYTES: usize = 5;
const MUTATIONS: usize = 20_000;

/// What a client sends first, asking for `name`.
fn hello(name: &str) -> Vec<u8> {
    let config = Arc::new(client_config(&Authority::new("any"), None));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(config, name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// What Klamm reads: a name (in lower case) or none; `None`: it wants more.
fn ours(bytes: &[u8]) -> Result<Option<Option<String>>, HelloFault> {
    let read = HelloReader::default().read(bytes)?;
    Ok(read.map(|hello| hello.server_name.map(|name| name.as_str().to_ascii_lowercase())))
}

fn rustls_reads(bytes: &[u8]) -> Result<Option<Option<String>>, String> {
    let mut acceptor = Acceptor::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        acceptor.read_tls(&mut rest).map_err(|error| error.to_string())?;
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(Some(accepted.client_hello().server_name().map(str::to_ascii_lowercase))),
            Ok(None) => {}
            Err((error, _)) => return Err(error.to_string()),
        }
    }
    Ok(None)
}

/// A server of any name.
fn unbuffered_server() -> TlsConnection {
    let folder = Folder::new();
    folder.write_issued("any", &Authority::new("any").issue(&["*.example"], |_| {}));
    let text = "backend_clusters: [{name: lab, bootstrap_servers: [\"kafka:9092\"]}]\nlisteners: [{name: door, addresses: \
                [\"127.0.0.1\"], ports: [9094], policies: [{type: tls_server, config: {certificates: [{certificate: \
                \"${file['any.pem']}\", key: \"${file['any.key']}\"}]}}, {type: forward_to_virtual_cluster, config: {type: \
                sni, sni_suffix: .example, broker_host_format: {type: shared_suffix}}}]}]\n";
    let snapshot = folder.load(text).unwrap_or_else(|faults| panic!("{faults}"));
    TlsConnection::server(ServerTlsConfig::new(snapshot.listeners[0].tls.as_ref().unwrap(), None).unwrap().config)
        .unwrap()
}

/// The message of `hello`, which is one record, over records of these lengths.
fn cut(hello: &[u8], mut length: impl FnMut() -> usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = &hello[HEADER_BYTES..];
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(length().clamp(1, rest.len()));
        out.extend([22, 3, 1]);
        out.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        out.extend(part);
        rest = behind;
    }
    out
}

/// A hello with an extension of this kind and content behind the others.
fn with_extension(hello: &[u8], kind: u16, content: &[u8]) -> Vec<u8> {
    let mut message = hello[HEADER_BYTES..].to_vec();
    let mut at = 4 + 34;
    at += 1 + usize::from(message[at]);
    at += 2 + usize::from(u16::from_be_bytes([message[at], message[at + 1]]));
    at += 1 + usize::from(message[at]);
    let added = [&kind.to_be_bytes()[..], &u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat();
    let extensions = usize::from(u16::from_be_bytes([message[at], message[at + 1]])) + added.len();
    message[at..at + 2].copy_from_slice(&u16::try_from(extensions).unwrap().to_be_bytes());
    // In front of the others: the last one may have to stay last.
    message.splice(at + 2..at + 2, added);
    let length = u32::try_from(message.len() - 4).unwrap().to_be_bytes();
    message[1..4].copy_from_slice(&length[1..]);
    cut(&[&[0; HEADER_BYTES][..], &message].concat(), || 16_000)
}

#[test]
fn names_are_found_however_the_message_is_cut_and_arrives() {
    for (asked, found) in [
        ("bootstrap-alice.kafka.example", Some("bootstrap-alice.kafka.example")),
        ("Broker-1.Alice.Kafka.Example", Some("broker-1.alice.kafka.example")),
        ("localhost", Some("localhost")),
        ("127.0.0.1", None),
        ("::1", None),
    ] {
        let hello = hello(asked);
        let found = Ok(Some(found.map(str::to_owned)));
        let mut rng = StdRng::seed_from_u64(1);
        for cut in [hello.clone(), cut(&hello, || 1), cut(&hello, || 3), cut(&hello, || rng.random_range(1..200))] {
            assert_eq!(ours(&cut), found, "{asked}");
            assert_eq!(rustls_reads(&cut).ok(), found.clone().ok(), "{asked}");
            // Byte by byte, with one reader that keeps what it counted.
            let mut reader = HelloReader::default();
            for end in 0..cut.len() {
                assert_eq!(reader.read(&cut[..end]), Ok(None), "{asked} at {end}");
            }
            let read = reader.read(&cut).unwrap().unwrap();
            assert_eq!(
                read.server_name.map(|name| name.as_str().to_ascii_lowercase()),
                found.clone().unwrap().unwrap()
            );
            // What comes behind is not the hello's.
            assert_eq!(ours(&[&cut[..], b"junk"].concat()), found);
        }
    }
}

#[test]
fn a_hello_may_have_64_kib_and_not_more() {
    let small = hello("a.example");
    let room = 0xffff - (small.len() - HEADER_BYTES - 4) - 4;
    for padding in [40_000, room] {
        let large = with_extension(&small, 0x7777, &vec![0; padding]);
        assert_eq!(ours(&large), Ok(Some(Some("a.example".to_owned()))), "{padding}");
        // Its buffered connection keeps less than its unbuffered one takes.
        if large.len() < 60_000 {
            assert_eq!(rustls_reads(&large), Ok(Some(Some("a.example".to_owned()))), "{padding}");
        }
        assert!(large.len() <= HELLO_BYTES_MAX);
        let mut server = unbuffered_server();
        let mut wire = Wire::default();
        let received = server.receive(&mut large.clone(), &mut Vec::new(), &mut wire).unwrap();
        assert!(received.consumed == large.len() && !wire.filled().is_empty(), "{padding}");
    }
    let header = [22, 3, 1, 0, 4, 1, 1, 0, 0];
    assert_eq!(ours(&header), Err(HelloFault::TooLong));
    // A length that is allowed, in records so small that what must be kept is not.
    let endless = [&[22, 3, 1, 0, 4, 1, 0, 0xff, 0xff][..], &[22, 3, 1, 0, 1, 0].repeat(HELLO_BYTES_MAX / 6)].concat();
    assert_eq!(ours(&endless), Err(HelloFault::TooLong));
    assert_eq!(ours(&endless[..HELLO_BYTES_MAX]), Ok(None));
}

#[test]
fn what_is_no_hello_is_told_apart_at_the_first_byte_that_shows_it() {
    use HelloFault::{Interrupted, Malformed, NotAHello, NotTls, RecordLength, ServerName};
    let hello = hello("a.example");
    let second = [&[0, 0, 9][..], b"b.example"].concat();
    let list = [&u16::try_from(second.len()).unwrap().to_be_bytes()[..], &second].concat();
    let bare = self::hello("127.0.0.1");
    let two = [&24u16.to_be_bytes()[..], &second, &second].concat();
    let named = |name: &[u8]| {
        let length = u16::try_from(name.len()).unwrap();
        let list = [&(length + 3).to_be_bytes()[..], &[0], &length.to_be_bytes(), name].concat();
        ours(&with_extension(&bare, 0, &list))
    };
    for (bytes, fault) in [
        (&b"\0\0\0\x20\0\x12"[..], NotTls),
        (b"GET / HTTP/1.1", NotTls),
        (&[22, 2], NotTls),
        (&[23], NotTls),
        (&[22, 3, 1, 0, 0], RecordLength),
        (&[22, 3, 1, 0x40, 1], RecordLength),
        (&[22, 3, 1, 0, 1, 2], NotAHello),
        (&[22, 3, 1, 0, 1, 1, 21], Interrupted),
        (&[22, 3, 1, 0, 4, 1, 0, 0, 0], Malformed),
        (&with_extension(&hello, 0, &list), ServerName),
        (&with_extension(&bare, 0, &two), ServerName),
        (&with_extension(&bare, 0, &[0, 0]), ServerName),
        (&with_extension(&bare, 0, &[0, 2, 0, 0]), Malformed),
        (&with_extension(&bare, 0, &[0, 4, 0, 0, 9, b'a']), Malformed),
    ] {
        assert_eq!(ours(bytes), Err(fault), "{bytes:x?}");
        assert!(rustls_reads(bytes).is_ok_and(|read| read.is_none()) || rustls_reads(bytes).is_err(), "{bytes:x?}");
    }
    for name in [&b"a b"[..], b"a\nb", "\u{e9}.example".as_bytes(), b"", b".", b"a..b", b".a", &[b'a'; 300]] {
        assert_eq!(named(name), Err(ServerName), "{name:?}");
    }
    assert_eq!(named(b"A.b."), Ok(Some(Some("a.b.".to_owned()))));
}

#[test]
fn mutated_hellos_are_judged_as_rustls_judges_them() {
    let seeds =
        [hello("bootstrap-alice.kafka.example"), cut(&hello("broker-1.alice.example"), || 40), hello("127.0.0.1")];
    let mut rng = StdRng::seed_from_u64(7);
    let (mut agreed, mut refused) = (0, 0);
    for round in 0..MUTATIONS {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, rng.random()),
            }
        }
        let theirs = rustls_reads(&bytes);
        match ours(&bytes) {
            // Klamm looks at less than rustls: what it takes may still be refused.
            Ok(read) => match theirs {
                Ok(theirs) => {
                    assert_eq!(read, theirs, "round {round}");
                    agreed += 1;
                }
                Err(_) => refused += 1,
            },
            Err(fault) => {
                assert!(!matches!(theirs, Ok(Some(_))), "round {round}: {fault:?}, and rustls read {theirs:?}");
                refused += 1;
            }
        }
    }
    assert!(agreed > 1_000 && refused > 1_000, "{agreed} agreed, {refused} refused");
}
