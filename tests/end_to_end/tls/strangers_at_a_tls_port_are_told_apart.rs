//! Whatever is no proper TLS, or asks for what is not there: a cause of its own, the right alert, and nobody else on the port
//! notices.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::front::{Front, Secure, at, hosts, metadata_request, rest, send};
use crate::ensure;
use crate::harness::closes::Closes;
use crate::harness::{Fallible, World};

const NAME: &str = "bootstrap-alice.kafka.example";

/// Alerts, by RFC 8446.
const UNEXPECTED_MESSAGE: u8 = 10;
const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
const UNRECOGNIZED_NAME: u8 = 112;

pub fn run(world: &World) -> Fallible<()> {
    let front = Front::start(world, "first_byte: 3s, hello: 2s, handshake: 3s")?;
    let mut neighbour = front.client(at::NAMES, NAME, &front.settings(None))?;
    hosts(&mut neighbour)?;
    bytes(&front, &mut neighbour)?;
    names(&front, &mut neighbour)?;
    openssl(&front, &mut neighbour)?;
    pieces(&front)?;
    unusual(&front, &mut neighbour)?;
    halves(&front, &mut neighbour)?;
    after_the_handshake(&front, &mut neighbour)
}

/// Does it, and looks at the counter, the log and the neighbour.
fn refused(
    front: &Front,
    neighbour: &mut Secure,
    what: &str,
    cause: &str,
    attack: impl FnOnce() -> Fallible<()>,
) -> Fallible<()> {
    let told = |error| format!("{what}: {error}");
    let closes = Closes::before(&front.gateway, cause)?;
    attack().map_err(told)?;
    closes.one_more(what)?;
    ensure!(!hosts(neighbour).map_err(told)?.is_empty(), "the neighbour of {what} is disturbed");
    Ok(())
}

/// What it is, where it is sent, the bytes, the cause, and the alert that comes back.
type ToPhysical<'a> = (&'a str, u16, &'a [u8], &'a str, Option<u8>);

/// First bytes, and what comes back.
fn bytes(front: &Front, neighbour: &mut Secure) -> Fallible<()> {
    let plain = metadata_request()?;
    let mut long = vec![];
    // 64 KiB are announced, and come in full records.
    long.extend([22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff]);
    long.resize(5 + 0x4000, 0);
    while long.len() < 0x11000 {
        long.extend([22, 3, 1, 0, 1, 0]);
    }
    let cases: [ToPhysical<'_>; 10] = [
        ("plain Kafka", at::NAMES, &plain, "plain_on_tls_port", None),
        ("HTTP", at::NAMES, b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", "http_on_kafka_port", None),
        ("SSH", at::NAMES, b"SSH-2.0-OpenSSH_9.2p1\r\n", "ssh_on_kafka_port", None),
        ("PROXY", at::NAMES, b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 9092\r\n", "proxy_header", None),
        (
            "HTTP where plain is let in",
            at::BOTH,
            b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n",
            "http_on_kafka_port",
            None,
        ),
        (
            "TLS on a plain port",
            at::PLAIN,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
            "tls_on_plain_port",
            None,
        ),
        ("another message", at::NAMES, &[22, 3, 1, 0, 4, 2, 0, 0, 0], "tls_hello_malformed", Some(UNEXPECTED_MESSAGE)),
        ("a broken hello", at::NAMES, &[22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3], "tls_hello_malformed", Some(DECODE_ERROR)),
        ("a record that is too long", at::BOTH, &[22, 3, 1, 0xff, 0xff, 1], "tls_hello_malformed", Some(DECODE_ERROR)),
        ("a hello that is too long", at::NAMES, &long, "tls_hello_too_long", Some(DECODE_ERROR)),
    ];
    for (what, offset, sent, cause, alert) in cases {
        refused(front, neighbour, what, cause, || {
            let mut stream = front.dial(offset)?;
            send(&mut stream, sent);
            let expected = alert.map_or(vec![], |alert| vec![21, 3, 3, 0, 2, 2, alert]);
            let got = rest(stream)?;
            ensure!(got == expected, "{got:?} came, not {expected:?}");
            Ok(())
        })?;
    }
    Ok(())
}

/// Names that are nobody's, and none.
fn names(front: &Front, neighbour: &mut Secure) -> Fallible<()> {
    let alerted = |mut client: ClientConnection, offset: u16, behind: &[u8]| -> Fallible<()> {
        let mut stream = front.dial(offset)?;
        let mut hello = Vec::new();
        client.write_tls(&mut hello)?;
        hello.extend(behind);
        send(&mut stream, &hello);
        let got = rest(stream)?;
        ensure!(got == [21, 3, 3, 0, 2, 2, UNRECOGNIZED_NAME], "{got:?} came");
        Ok(())
    };
    let client = |name: &str| -> Fallible<ClientConnection> {
        Ok(ClientConnection::new(front.settings(None), ServerName::try_from(name.to_owned())?)?)
    };
    for name in ["bootstrap-carol.kafka.example", "broker-1.alice.kafka.example", "alice.kafka.example", "localhost"] {
        refused(front, neighbour, name, "tls_unknown_server_name", || alerted(client(name)?, at::NAMES, &[]))?;
    }
    // A name of our form that is nobody's does not fall to whoever has the port; junk behind it takes the alert with it.
    for (what, junk) in [("nobody's name at a mapped port", &[][..]), ("and junk behind", &[0xaa; 30_000])] {
        refused(front, neighbour, what, "tls_unknown_server_name", || {
            alerted(client("bootstrap-carol.kafka.example")?, at::BOTH, junk)
        })?;
    }
    refused(front, neighbour, "an address", "tls_no_server_name", || alerted(client("127.0.0.1")?, at::NAMES, &[]))
}

/// Versions and ciphers that are not served.
fn openssl(front: &Front, neighbour: &mut Secure) -> Fallible<()> {
    let weak = "DEFAULT:@SECLEVEL=0";
    let cases: [(&str, u16, &[&str], &str); 5] = [
        ("TLS 1.0", at::NAMES, &["-tls1", "-cipher", weak], "tls_no_common_version"),
        ("TLS 1.1", at::NAMES, &["-tls1_1", "-cipher", weak], "tls_no_common_version"),
        ("TLS 1.2 where 1.3 is needed", at::NEW, &["-tls1_2"], "tls_no_common_version"),
        ("a weak cipher", at::NAMES, &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], "tls_no_common_cipher"),
        ("a strange group", at::NAMES, &["-tls1_3", "-groups", "ffdhe2048"], "tls_no_common_cipher"),
    ];
    for (what, offset, arguments, cause) in cases {
        refused(front, neighbour, what, cause, || {
            let done = Command::new("openssl")
                .args(["s_client", "-connect", &front.address(offset), "-servername", NAME])
                .args(arguments)
                .stdin(Stdio::null())
                .output()?;
            let said = String::from_utf8_lossy(&done.stderr);
            ensure!(!done.status.success() && said.contains("alert"), "it was not told: {said}");
            Ok(())
        })?;
    }
    Ok(())
}

/// A hello may come in any pieces, in any records, and a request right behind the last of them.
fn pieces(front: &Front) -> Fallible<()> {
    for record in [1, 7, 60_000] {
        let mut client = ClientConnection::new(front.settings(None), ServerName::try_from(NAME)?)?;
        let mut hello = Vec::new();
        client.write_tls(&mut hello)?;
        let mut stream = front.dial(at::NAMES)?;
        for part in hello[5..].chunks(record) {
            let mut sent = vec![22, 3, 1];
            sent.extend(u16::try_from(part.len())?.to_be_bytes());
            sent.extend(part);
            sent.chunks(3).try_for_each(|piece| stream.write_all(piece))?;
        }
        let found = hosts(&mut rustls::StreamOwned::new(client, stream))?;
        ensure!(found.len() == 2, "records of {record} bytes: {found:?}");
    }
    Ok(())
}

/// What is unusual and right is served: protocols that nobody speaks here, a hello of nearly 64 KiB. Two names are not.
fn unusual(front: &Front, neighbour: &mut Secure) -> Fallible<()> {
    let mut settings = rustls::ClientConfig::clone(&front.settings(None));
    settings.alpn_protocols = vec![b"h2".to_vec(), vec![0xff; 200]];
    let client = |settings: &rustls::ClientConfig| -> Fallible<ClientConnection> {
        Ok(ClientConnection::new(settings.clone().into(), ServerName::try_from(NAME)?)?)
    };
    let found = hosts(&mut rustls::StreamOwned::new(client(&settings)?, front.dial(at::NAMES)?))?;
    ensure!(found.len() == 2, "strange protocols: {found:?}");
    settings.alpn_protocols = vec![vec![b'x'; 250]; 250];
    let found = hosts(&mut rustls::StreamOwned::new(client(&settings)?, front.dial(at::NAMES)?))?;
    ensure!(found.len() == 2, "a hello of 62 KiB: {found:?}");

    settings.alpn_protocols.clear();
    let mut hello = Vec::new();
    client(&settings)?.write_tls(&mut hello)?;
    refused(front, neighbour, "two names", "tls_hello_malformed", || {
        let mut stream = front.dial(at::NAMES)?;
        send(&mut stream, &with_two_names(&hello).ok_or("no name in the hello")?);
        let got = rest(stream)?;
        ensure!(got == [21, 3, 3, 0, 2, 2, ILLEGAL_PARAMETER], "{got:?} came");
        Ok(())
    })
}

/// The same hello, in one record, whose list of names has its name twice.
fn with_two_names(hello: &[u8]) -> Option<Vec<u8>> {
    let name = hello.windows(NAME.len()).position(|part| part == NAME.as_bytes())?;
    // In front of the name: its length, its kind, the list's length, the extension's length.
    let (entry, entry_bytes) = (name - 3, NAME.len() + 3);
    let mut twice = hello.to_vec();
    twice.splice(entry..entry, hello[entry..entry + entry_bytes].iter().copied());
    // The 16-bit lengths of the extensions and of the record are somewhere in front; all of them grow by one name.
    let session_bytes = usize::from(hello[43]);
    let ciphers = 44 + session_bytes;
    let extensions = ciphers + 2 + usize::from(u16::from_be_bytes([hello[ciphers], hello[ciphers + 1]])) + 2;
    for at in [3, 7, extensions, entry - 4, entry - 2] {
        let length = u16::from_be_bytes([twice[at], twice[at + 1]]) + u16::try_from(entry_bytes).ok()?;
        twice[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    Some(twice)
}

/// Clients that begin and say no more, and clients that go.
fn halves(front: &Front, neighbour: &mut Secure) -> Fallible<()> {
    let mut client = ClientConnection::new(front.settings(None), ServerName::try_from(NAME)?)?;
    let mut hello = Vec::new();
    client.write_tls(&mut hello)?;
    let half = &hello[..100];
    let silent = |sent: &[u8]| -> Fallible<()> {
        let mut stream = front.dial(at::NAMES)?;
        send(&mut stream, sent);
        rest(stream).map(drop)
    };
    let gone = |sent: &[u8]| -> Fallible<()> {
        let mut stream = front.dial(at::NAMES)?;
        send(&mut stream, sent);
        stream.shutdown(std::net::Shutdown::Write)?;
        rest(stream).map(drop)
    };
    refused(front, neighbour, "nothing", "first_byte_deadline", || silent(&[]))?;
    refused(front, neighbour, "half a hello", "tls_hello_deadline", || silent(half))?;
    refused(front, neighbour, "half a handshake", "tls_handshake_deadline", || silent(&hello))?;
    refused(front, neighbour, "two plain bytes", "request_too_slow", || silent(&[0, 0]))?;
    refused(front, neighbour, "nothing, and gone", "client_closed", || gone(&[]))?;
    refused(front, neighbour, "half a hello, and gone", "tls_handshake_cut", || gone(half))?;
    refused(front, neighbour, "half a handshake, and gone", "tls_handshake_cut", || gone(&hello))?;
    // Slower than the hello's deadline in the end, though each byte comes soon.
    refused(front, neighbour, "a hello in drops", "tls_hello_deadline", || {
        let mut stream = front.dial(at::NAMES)?;
        for byte in &hello[..60] {
            send(&mut stream, &[*byte]);
            std::thread::sleep(Duration::from_millis(50));
        }
        rest(stream).map(drop)
    })
}

/// What comes when hands are shaken.
fn after_the_handshake(front: &Front, neighbour: &mut Secure) -> Fallible<()> {
    let shaken = || -> Fallible<Secure> {
        let mut client = front.client(at::NAMES, NAME, &front.settings(None))?;
        hosts(&mut client)?;
        Ok(client)
    };
    refused(front, neighbour, "bytes that do not decrypt", "tls_decryption_failed", || {
        let mut client = shaken()?;
        client.sock.write_all(&[&[23, 3, 3, 0, 40][..], &[7; 40]].concat())?;
        rest_of(client)
    })?;
    refused(front, neighbour, "plain bytes", "tls_record_invalid", || {
        let mut client = shaken()?;
        client.sock.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
        rest_of(client)
    })?;
    refused(front, neighbour, "a client that does not believe us", "tls_refused_by_client", || {
        let stranger = super::material::client_config(&front.clients, None);
        let error = hosts(&mut front.client(at::NAMES, NAME, &stranger.into())?).err().ok_or("it believes")?;
        ensure!(error.to_string().contains("UnknownIssuer"), "{error}");
        Ok(())
    })?;
    refused(front, neighbour, "an end that is said", "client_closed", || {
        let mut client = shaken()?;
        client.conn.send_close_notify();
        client.flush()?;
        rest_of(client)
    })?;
    refused(front, neighbour, "an end that is not", "client_closed", || drop_of(shaken()?.sock))?;
    refused(front, neighbour, "half a request", "request_cut", || {
        let mut client = shaken()?;
        client.write_all(&metadata_request()?[..20])?;
        client.conn.send_close_notify();
        client.flush()?;
        rest_of(client)
    })
}

fn rest_of(client: Secure) -> Fallible<()> {
    rest(client.sock).map(drop)
}

fn drop_of(stream: TcpStream) -> Fallible<()> {
    stream.shutdown(std::net::Shutdown::Write)?;
    rest(stream).map(drop)
}
