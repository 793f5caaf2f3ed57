//! A connection of the synthetic broker: what of the current request has come, and what of the answers has not left.
//!
//! Owns both. The records of a Produce request are compared as they come and never kept.

use super::Common;
use crate::wire::outbound::Outbound;
use crate::wire::{self, fetch, produce};
use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;

/// The head of a Produce request fits in here, its batch's header included.
const HEAD_BYTES: usize = 640;
/// Longest request other than Produce.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The connection is over: by itself, or because of what it brought.
pub type Over = Option<String>;
type Outcome<T> = Result<T, Over>;

/// One connection.
pub struct Session {
    stream: TcpStream,
    /// The beginning of a request of which not enough has come.
    partial: Vec<u8>,
    /// The Produce request whose records are coming.
    records: Option<Coming>,
    out: Outbound,
    /// The offset of the next record produced here.
    offset: i64,
    /// The next sequence number of an idempotent producer.
    sequence: i32,
    /// The fetch session.
    fetches: fetch::FetchSession,
    number: u64,
}

/// A Produce request whose answer is ready and whose records are not all there.
struct Coming {
    left: usize,
    answer: Vec<u8>,
}

impl Session {
    /// A new connection, the `number`th.
    pub fn new(stream: TcpStream, number: u64) -> Self {
        let fetches = fetch::FetchSession::default();
        let (partial, out) = (Vec::new(), Outbound::default());
        Self { stream, partial, records: None, out, offset: 0, sequence: 0, fetches, number }
    }

    /// Reads until nothing is left, then writes what the socket takes.
    pub fn turn(&mut self, buffer: &mut [u8], common: &mut Common) -> Outcome<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(None),
                Ok(count) => {
                    self.take(buffer.get(..count).unwrap_or_default(), common)?;
                    // After a short read the socket is empty; edge-triggered, the next bytes bring an event.
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(None),
            }
        }
        self.out.flush(&mut self.stream).map(drop).map_err(|_| None)
    }

    fn take(&mut self, mut bytes: &[u8], common: &mut Common) -> Outcome<()> {
        while !bytes.is_empty() {
            let taken = if self.records.is_some() {
                self.continue_records(bytes, common)?
            } else if self.partial.is_empty() {
                match self.begin(bytes, common)? {
                    0 => {
                        self.partial.extend_from_slice(bytes);
                        bytes.len()
                    }
                    taken => taken,
                }
            } else {
                self.continue_head(bytes, common)?
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// More of the records of a Produce request; returns how many bytes are theirs.
    fn continue_records(&mut self, bytes: &[u8], common: &Common) -> Outcome<usize> {
        let Some(coming) = &mut self.records else { return Ok(0) };
        let part = bytes.get(..bytes.len().min(coming.left)).unwrap_or_default();
        compare(common, coming.left, part)?;
        coming.left -= part.len();
        if coming.left == 0 {
            self.out.push(&coming.answer);
            self.records = None;
        }
        Ok(part.len())
    }

    /// More of a request that comes in pieces: its beginning is put together first.
    fn continue_head(&mut self, bytes: &[u8], common: &mut Common) -> Outcome<usize> {
        let mut partial = std::mem::take(&mut self.partial);
        let missing = wanted(&partial)?.saturating_sub(partial.len());
        let part = bytes.get(..bytes.len().min(missing)).unwrap_or_default();
        partial.extend_from_slice(part);
        if self.begin(&partial, common)? > 0 {
            partial.clear();
        }
        self.partial = partial;
        Ok(part.len())
    }

    /// Begins a request when enough of it is there; returns how many bytes of it were taken, 0 when more are needed.
    fn begin(&mut self, bytes: &[u8], common: &mut Common) -> Outcome<usize> {
        let wanted = wanted(bytes)?;
        if bytes.len() < wanted {
            return Ok(0);
        }
        let length = wire::frame_bytes(bytes).map_err(got)?.unwrap_or(0);
        let frame = bytes.get(..length.min(bytes.len())).unwrap_or_default();
        let number =
            |at: usize| frame.get(at..).and_then(<[u8]>::first_chunk).map_or(-1, |two| i16::from_be_bytes(*two));
        let (key, version) = (number(4), number(6));
        let id = wire::u32_at(frame, wire::REQUEST_ID_AT).unwrap_or(0);
        match key {
            produce::KEY if version == produce::VERSION => return self.produce(id, frame, length, common),
            fetch::KEY if fetch::VERSIONS.contains(&version) => self.fetch(id, version, frame, common)?,
            _ => {
                let answer = common.answers.to(key, version, frame).map_err(Some)?;
                let mark = self.out.mark();
                self.out.push(answer);
                wire::put(self.out.since(mark), wire::ANSWER_ID_AT, id.to_be_bytes());
            }
        }
        Ok(frame.len())
    }

    fn produce(&mut self, id: u32, frame: &[u8], length: usize, common: &Common) -> Outcome<usize> {
        let request = produce::parse_head(frame).ok_or_else(|| got("a Produce request that cannot be read"))?;
        if !common.answers.has(request.topic, request.partition) {
            let topic = produce::text(request.topic);
            return Err(got(format!("a Produce request for the topic {topic} partition {}", request.partition)));
        }
        if common.produced.as_ref().is_some_and(|tail| tail.len() != length - request.records_at) {
            return Err(got("a Produce request that differs in length"));
        }
        if request.sequence >= 0 {
            if request.sequence != self.sequence {
                let (sequence, right) = (request.sequence, self.sequence);
                return Err(got(format!("a batch with the sequence number {sequence} instead of {right}")));
            }
            self.sequence = self.sequence.wrapping_add(request.records) & i32::MAX;
        }
        let left = length - request.records_at;
        let part = frame.get(request.records_at..).unwrap_or_default();
        compare(common, left, part)?;
        let offset = self.offset;
        self.offset += i64::from(request.records);
        if frame.len() == length {
            if request.acks != 0 {
                produce::answer(id, &request, offset, self.out.buffer());
            }
        } else {
            let mut answer = Vec::new();
            if request.acks != 0 {
                produce::answer(id, &request, offset, &mut answer);
            }
            self.records = Some(Coming { left: left - part.len(), answer });
        }
        Ok(frame.len())
    }

    fn fetch(&mut self, id: u32, version: i16, frame: &[u8], common: &Common) -> Outcome<()> {
        let request = fetch::parse_request(version, frame).ok_or_else(|| got("a Fetch request that cannot be read"))?;
        let known = |(partition, _): &(i32, i64)| {
            common.answers.has(&request.topic.name, *partition) || common.answers.has_id(&request.topic.id, *partition)
        };
        if request.partitions.is_empty() || !request.partitions.iter().all(known) {
            return Err(got(format!("a Fetch request for {request:?}")));
        }
        match request.session.epoch {
            -1 => self.fetches = fetch::FetchSession::default(),
            // A session of its own for each connection; 0 is none.
            0 => {
                self.fetches =
                    fetch::FetchSession { id: i32::try_from(self.number & 0xffff).unwrap_or(0) + 1, epoch: 1 }
            }
            _ if request.session == self.fetches => self.fetches.epoch += 1,
            _ => return Err(got(format!("a Fetch in {:?} instead of {:?}", request.session, self.fetches))),
        }
        common.records.answer(id, self.fetches.id, &request, &mut self.out);
        Ok(())
    }
}

/// How much of a request must be there before it is looked at.
fn wanted(begin: &[u8]) -> Outcome<usize> {
    let Some(length) = wire::frame_bytes(begin).map_err(got)? else { return Ok(4) };
    match begin.get(4..6) {
        None => Ok(6.min(length)),
        Some([0, 0]) => Ok(length.min(HEAD_BYTES)),
        Some(_) if length <= REQUEST_BYTES_MAX => Ok(length),
        Some(_) => Err(got(format!("a request of {length} bytes"))),
    }
}

/// Compares records with those that are expected; `left` is how many bytes of the request come from here on.
fn compare(common: &Common, left: usize, part: &[u8]) -> Outcome<()> {
    let Some(expected) = &common.produced else { return Ok(()) };
    let at = expected.len().saturating_sub(left);
    if expected.get(at..at + part.len()) == Some(part) {
        Ok(())
    } else {
        Err(got(format!("a Produce request that differs behind byte {at} of its records")))
    }
}

fn got(what: impl Into<String>) -> Option<String> {
    Some(format!("got {}", what.into()))
}
