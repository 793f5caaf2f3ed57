//! A scripted node: a backend cluster of one small server that answers what the catalogue asks, and misbehaves towards
//! a client whose client id names a misbehaviour. It needs no JVM, and does what no Kafka would.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::share_acknowledge_response::NodeEndpoint;
use kafka_protocol::messages::{ApiKey, BrokerId, MetadataResponse, ShareAcknowledgeResponse};
use kafka_protocol::protocol::Encodable as _;

use super::listening::Listening;
use super::wire::{text, with_length};
use super::{Fallible, ports};

/// Where it listens: one more canary.
pub const HOST: &str = "127.0.0.5";
/// The node that it is.
pub const NODE: i32 = 1;
/// A node that it names, at a port where nobody listens.
pub const NODE_DOWN: i32 = 2;

/// What it does to the requests of a client with that client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// The second of two requests is answered first.
    Swapped,
    /// The answer has a correlation id that nobody sent.
    StrangeId,
    /// Two answers to one request.
    Twice,
    /// The answer's length is -1.
    NegativeLength,
    /// The answer's length is 2: less than a correlation id.
    TinyLength,
    /// Half of an answer, then the end.
    Cut,
    /// An answer with the right id whose counts cannot be.
    Nonsense,
    /// The end in place of an answer.
    Ended,
    /// A reset in place of an answer.
    Reset,
    /// No answer at all.
    Silent,
    /// An answer without end: the largest that is possible, sent as fast as it is taken.
    Endless,
    /// The answer holds the request's own bytes behind its correlation id, however many these are.
    Mirror,
    /// The same, but half of it, then the end.
    MirrorCut,
    /// The first request is mirrored whole; in the middle of the next one comes the end.
    MirrorOnce,
    /// An answer of [`HUGE_BYTES`], sent as fast as it is taken.
    Huge,
}

/// What [`Misbehaviour::Huge`] announces and sends.
pub const HUGE_BYTES: usize = 100 << 20;

/// Client ids and what they ask for.
const SCRIPTS: [(&str, Misbehaviour); 15] = [
    ("swapped", Misbehaviour::Swapped),
    ("strange-id", Misbehaviour::StrangeId),
    ("twice", Misbehaviour::Twice),
    ("negative-length", Misbehaviour::NegativeLength),
    ("tiny-length", Misbehaviour::TinyLength),
    ("cut", Misbehaviour::Cut),
    ("nonsense", Misbehaviour::Nonsense),
    ("ended", Misbehaviour::Ended),
    ("reset", Misbehaviour::Reset),
    ("silent", Misbehaviour::Silent),
    ("endless", Misbehaviour::Endless),
    ("mirror", Misbehaviour::Mirror),
    ("mirror-cut", Misbehaviour::MirrorCut),
    ("mirror-once", Misbehaviour::MirrorOnce),
    ("huge", Misbehaviour::Huge),
];

/// What [`Misbehaviour::MirrorOnce`] reads of the second request.
const MIDDLE_BYTES: usize = 100_000;

/// A running scripted node; it stops accepting when it is dropped.
pub struct Scripted {
    port: u16,
    _listening: Listening,
}

impl Scripted {
    /// Starts at a port of its own.
    pub fn start() -> Fallible<Scripted> {
        Scripted::start_at(ports::ten())
    }

    /// Starts at that port; the next one stays free for [`NODE_DOWN`].
    pub fn start_at(port: u16) -> Fallible<Scripted> {
        Scripted::start_behind(HOST, port)
    }

    /// Starts at that port of another host, for whoever stands before it at [`HOST`], where it says that it is.
    pub fn start_behind(host: &str, port: u16) -> Fallible<Scripted> {
        Ok(Scripted { port, _listening: Listening::at(host, port, move |stream| serve(stream, port))? })
    }

    /// host:port.
    pub fn address(&self) -> String {
        format!("{HOST}:{}", self.port)
    }
}

/// A request as far as the script cares.
struct Asked {
    key: i16,
    version: i16,
    correlation_id: i32,
    client_id: String,
    frame: Vec<u8>,
}

/// Serves a connection to its end. Errors end it: whoever looks at the other side sees enough.
fn serve(mut stream: TcpStream, port: u16) {
    let _ = stream.set_nodelay(true);
    let mut earlier = None;
    while let Ok(asked) = read(&mut stream) {
        let script = SCRIPTS.iter().find(|(id, _)| *id == asked.client_id).map(|(_, script)| *script);
        let answer = answer(&asked, port);
        let sent = match script {
            None => stream.write_all(&answer),
            Some(Misbehaviour::Swapped) => match earlier.take() {
                None => {
                    earlier = Some(answer);
                    Ok(())
                }
                Some(first) => stream.write_all(&[answer, first].concat()),
            },
            Some(Misbehaviour::Mirror) => stream.write_all(&mirrored(&asked)),
            Some(misbehaviour) => {
                let _ = misbehave(misbehaviour, &mut stream, &asked, &answer);
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn misbehave(misbehaviour: Misbehaviour, stream: &mut TcpStream, asked: &Asked, answer: &[u8]) -> std::io::Result<()> {
    match misbehaviour {
        Misbehaviour::Swapped | Misbehaviour::Mirror => unreachable!("go on after an answer"),
        Misbehaviour::MirrorCut => {
            let whole = mirrored(asked);
            return stream.write_all(&whole[..whole.len() / 2]);
        }
        Misbehaviour::MirrorOnce => {
            stream.write_all(&mirrored(asked))?;
            stream.read_exact(&mut [0; MIDDLE_BYTES])?;
            stream.shutdown(Shutdown::Write)?;
        }
        Misbehaviour::StrangeId => {
            let mut strange = answer.to_vec();
            strange[4..8].copy_from_slice(&asked.correlation_id.wrapping_add(1000).to_be_bytes());
            stream.write_all(&strange)?;
        }
        Misbehaviour::Twice => stream.write_all(&[answer, answer].concat())?,
        Misbehaviour::NegativeLength => stream.write_all(&(-1i32).to_be_bytes())?,
        Misbehaviour::TinyLength => stream.write_all(&[0, 0, 0, 2, 0, 0])?,
        Misbehaviour::Cut => return stream.write_all(&answer[..answer.len() / 2]),
        Misbehaviour::Nonsense => {
            let mut body = BytesMut::new();
            body.put_i32(asked.correlation_id);
            body.put_bytes(0xff, 64);
            stream.write_all(&with_length(&body))?;
        }
        Misbehaviour::Ended => return Ok(()),
        Misbehaviour::Reset => return socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO)),
        Misbehaviour::Silent => {}
        Misbehaviour::Endless => {
            stream.write_all(&i32::MAX.to_be_bytes())?;
            stream.write_all(&asked.correlation_id.to_be_bytes())?;
            let piece = vec![0; 64 << 10];
            loop {
                stream.write_all(&piece)?;
            }
        }
        Misbehaviour::Huge => {
            stream.write_all(&(HUGE_BYTES as i32).to_be_bytes())?;
            stream.write_all(&asked.correlation_id.to_be_bytes())?;
            std::io::copy(&mut std::io::repeat(0).take(HUGE_BYTES as u64 - 4), stream)?;
        }
    }
    // The other side must be the one that ends it.
    let mut rest = [0; 1024];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn read(stream: &mut TcpStream) -> Fallible<Asked> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length))?];
    stream.read_exact(&mut frame)?;
    let number =
        |at: usize| -> Fallible<i16> { Ok(i16::from_be_bytes(frame.get(at..at + 2).ok_or("short")?.try_into()?)) };
    let correlation_id = i32::from_be_bytes(frame.get(4..8).ok_or("short")?.try_into()?);
    let client_id = frame.get(10..10 + usize::try_from(number(8)?.max(0))?).ok_or("short")?;
    let client_id = String::from_utf8_lossy(client_id).into_owned();
    Ok(Asked { key: number(0)?, version: number(2)?, correlation_id, client_id, frame })
}

fn mirrored(asked: &Asked) -> Bytes {
    with_length(&asked.frame[4..])
}

/// What it offers: key, lowest and highest version.
const OFFERED: [(ApiKey, i16, i16); 5] = [
    (ApiKey::Produce, 0, 13),
    (ApiKey::Fetch, 4, 18),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::ShareAcknowledge, 1, 2),
];

/// The proper answer, with its length.
fn answer(asked: &Asked, port: u16) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i32(asked.correlation_id);
    match ApiKey::try_from(asked.key) {
        Ok(ApiKey::ApiVersions) => api_versions(asked.version, &mut frame),
        Ok(ApiKey::Metadata) => metadata(asked.version, port, &mut frame),
        Ok(ApiKey::ShareAcknowledge) => share_acknowledge(asked.version, port, &mut frame),
        Ok(_) | Err(()) => {}
    }
    with_length(&frame)
}

fn api_versions(version: i16, frame: &mut BytesMut) {
    let flexible = version >= 3;
    frame.put_i16(0);
    if flexible {
        frame.put_u8(1 + OFFERED.len() as u8)
    } else {
        frame.put_i32(OFFERED.len() as i32)
    }
    for (key, min, max) in OFFERED {
        for number in [key as i16, min, max] {
            frame.put_i16(number);
        }
        if flexible {
            frame.put_u8(0);
        }
    }
    if version >= 1 {
        frame.put_i32(0);
    }
    if flexible {
        frame.put_u8(0);
    }
}

fn metadata(version: i16, port: u16, frame: &mut BytesMut) {
    let broker = |node: i32, port: u16| {
        MetadataResponseBroker::default().with_node_id(BrokerId(node)).with_host(text(HOST)).with_port(i32::from(port))
    };
    let answer = MetadataResponse::default()
        .with_brokers(vec![broker(NODE, port), broker(NODE_DOWN, port + 1)])
        .with_cluster_id(Some(text("scripted")))
        .with_controller_id(BrokerId(NODE));
    if version >= 9 {
        frame.put_u8(0);
    }
    answer.encode(frame, version).expect("a version that is offered");
}

/// v2 has one field more than the v1 that kafka-protocol knows: the acquisition lock's timeout, behind the (null) message.
fn share_acknowledge(version: i16, port: u16, frame: &mut BytesMut) {
    let endpoint =
        NodeEndpoint::default().with_node_id(BrokerId(NODE)).with_host(text(HOST)).with_port(i32::from(port));
    let answer = ShareAcknowledgeResponse::default().with_node_endpoints(vec![endpoint]);
    let mut body = BytesMut::new();
    answer.encode(&mut body, 1).expect("v1 is known");
    let behind = body.split_off(SHARE_ACKNOWLEDGE_HEAD_BYTES);
    frame.put_u8(0);
    frame.extend_from_slice(&body);
    if version >= 2 {
        frame.put_i32(30_000);
    }
    frame.extend_from_slice(&behind);
}

/// Throttle time, error code and a null message.
pub const SHARE_ACKNOWLEDGE_HEAD_BYTES: usize = 4 + 2 + 1;
