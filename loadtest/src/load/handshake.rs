//! How a connection begins: ApiVersions, then what its load needs to know (a topic's id, a producer id).
//!
//! Owns these first exchanges. They block, in bounded time; afterwards the connection does not.

use super::Place;
use super::sessions::{Session, Work};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::wire::produce::Producer;
use crate::wire::{self, cluster};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer to a first request.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// An api key and version that every Kafka offers: Metadata.
const OFFERED_BY_ALL: (i16, i16) = (3, 1);

/// Connects and gets ready to work.
pub fn open(place: &Place, work: &Work) -> Result<(TcpStream, Box<dyn Session>)> {
    let mut stream = connect(place.address)?;
    let (key, version) = work.api();
    if !offers(&mut stream, key, version)? {
        return Err(Error::new(format!("{} does not offer version {version} of api key {key}", place.address)));
    }
    let mut place = place.clone();
    if matches!(work, Work::Fetch { version: 13.., .. }) {
        let name = String::from_utf8_lossy(&place.topic.name).into_owned();
        place.topic.id = metadata(&mut stream, &name)?.topic_id;
    }
    let producer = match work {
        Work::Produce { idempotent: true, .. } => Some(producer(&mut stream)?),
        Work::Produce { .. } | Work::Fetch { .. } | Work::Metadata => None,
    };
    stream.set_nonblocking(true).doing("cannot prepare a connection")?;
    Ok((stream, work.session(&place, producer).map_err(Error::new)?))
}

/// Asks for a producer id, until the broker can give one.
fn producer(stream: &mut TcpStream) -> Result<Producer> {
    let begin = Instant::now();
    loop {
        let answer = ask(stream, cluster::init_producer_id_request())?;
        match cluster::producer_id(&answer).map_err(Error::new)? {
            Some((id, epoch)) => return Ok(Producer { id, epoch, sequence: 0 }),
            None if begin.elapsed() > PATIENCE => {
                return Err(Error::new(format!("no producer id is given after {} s", PATIENCE.as_secs())));
            }
            None => interrupt::pause(Duration::from_millis(100))?,
        }
    }
}

/// Connects, with bounded waits.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let open = || -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    };
    open().doing(|| format!("cannot connect to {address}"))
}

/// A connection that got an ApiVersions answer as every Kafka gives it.
pub fn connect_and_ask(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = connect(address)?;
    if offers(&mut stream, OFFERED_BY_ALL.0, OFFERED_BY_ALL.1)? {
        Ok(stream)
    } else {
        Err(Error::new(format!("{address} does not offer Metadata")))
    }
}

/// Whether a version is offered, according to ApiVersions.
pub fn offers(stream: &mut (impl Read + Write), key: i16, version: i16) -> Result<bool> {
    let answer = ask(stream, cluster::api_versions_request())?;
    cluster::offers(&answer, key, version).map_err(Error::new)
}

/// Metadata of one topic, which is created by this where the cluster allows it.
pub fn metadata(stream: &mut (impl Read + Write), topic: &str) -> Result<cluster::TopicMetadata> {
    let answer = ask(stream, cluster::metadata_request(topic))?;
    cluster::metadata(&answer).map_err(Error::new)
}

/// Tries until it succeeds, as long as `check` does not fail; returns when it did.
pub fn first_success<T>(
    patience: Duration,
    mut check: impl FnMut() -> Result<()>,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<(T, Instant)> {
    const EVERY: Duration = Duration::from_micros(250);
    let begin = Instant::now();
    loop {
        check()?;
        match attempt() {
            Ok(value) => return Ok((value, Instant::now())),
            Err(error) if begin.elapsed() > patience => {
                return Err(error.during(&format!("no answer after {} s", patience.as_secs())));
            }
            Err(_) => interrupt::pause(EVERY)?,
        }
    }
}

/// Sends one request, on a plain connection or in TLS, and waits for its answer.
pub fn ask(stream: &mut (impl Read + Write), request: wire::Result<Vec<u8>>) -> Result<Vec<u8>> {
    const ID: u32 = 0x6b6c_616d;
    let mut request = request.map_err(Error::new)?;
    wire::put(&mut request, wire::REQUEST_ID_AT, ID.to_be_bytes());
    let key = request.get(4..6).and_then(<[u8]>::first_chunk).map_or(-1, |two| i16::from_be_bytes(*two));
    let mut exchange = || -> std::io::Result<Vec<u8>> {
        stream.write_all(&request)?;
        stream.flush()?;
        let mut answer = vec![0; 8];
        stream.read_exact(&mut answer)?;
        let length = wire::frame_bytes(&answer).map_err(std::io::Error::other)?.unwrap_or(0);
        if length > ANSWER_BYTES_MAX {
            return Err(std::io::Error::other(format!("an answer of {length} bytes")));
        }
        answer.resize(length.max(8), 0);
        stream.read_exact(answer.get_mut(8..).unwrap_or_default())?;
        Ok(answer)
    };
    let answer = exchange().doing(|| format!("no answer to the first requests (api key {key})"))?;
    match wire::u32_at(&answer, wire::ANSWER_ID_AT) {
        Some(ID) => Ok(answer),
        id => Err(Error::new(format!("the answer to api key {key} has the correlation id {id:?} instead of {ID}"))),
    }
}
