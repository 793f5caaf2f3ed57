//! Fetch requests and their answers, versions 12 (topics by name) to 17 (by id).
//!
//! Owns both, written and read by hand: offset, session and epoch change with every request.

use super::outbound::Outbound;
use super::{CLIENT_ID, Result, batch, produce, put, put_compact, put_varint};
use klamm::wire::{ReadError, Reader, request_body};
use std::sync::Arc;

/// The api key.
pub const KEY: i16 = 1;
/// The versions that this program speaks.
pub const VERSIONS: std::ops::RangeInclusive<i16> = 12..=17;
/// From here on a topic is named by its id.
const BY_ID_FROM: i16 = 13;
/// From here on a consumer has no replica id.
const WITHOUT_REPLICA_FROM: i16 = 15;

/// The error code of an offset that is not there: the log's beginning was deleted.
const OUT_OF_RANGE: i16 = 1;

/// A topic, by name and id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// Its name; empty where only the id is known.
    pub name: Vec<u8>,
    /// Its id; zeros where only the name is known.
    pub id: [u8; 16],
}

impl Topic {
    fn write(&self, version: i16, to: &mut Vec<u8>) {
        if version >= BY_ID_FROM {
            to.extend_from_slice(&self.id);
        } else {
            put_compact(to, &self.name);
        }
    }

    /// What stands in a frame is this topic.
    fn is(&self, version: i16, reader: &mut Reader<'_>) -> std::result::Result<bool, ReadError> {
        if version >= BY_ID_FROM { Ok(reader.uuid()? == self.id) } else { Ok(reader.string()? == self.name) }
    }
}

/// A fetch session, as client and broker count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FetchSession {
    /// Its id; 0: none yet, or none at all.
    pub id: i32,
    /// How many requests it has seen; -1: no session is wanted.
    pub epoch: i32,
}

/// A request for one topic.
pub struct Request<'a> {
    /// The api version.
    pub version: i16,
    /// The correlation id.
    pub id: u32,
    /// The session.
    pub session: FetchSession,
    /// The topic.
    pub topic: &'a Topic,
    /// Partitions and the offsets to fetch from.
    pub partitions: &'a [(i32, i64)],
    /// At most so many bytes are wanted.
    pub bytes_max: i32,
}

impl Request<'_> {
    /// Adds it to what leaves.
    pub fn write(&self, to: &mut Vec<u8>) {
        let begin = to.len();
        to.extend_from_slice(&[0; 4]);
        to.extend_from_slice(&KEY.to_be_bytes());
        to.extend_from_slice(&self.version.to_be_bytes());
        to.extend_from_slice(&self.id.to_be_bytes());
        to.extend_from_slice(&i16::try_from(CLIENT_ID.len()).unwrap_or(0).to_be_bytes());
        to.extend_from_slice(CLIENT_ID.as_bytes());
        to.push(0); // no tagged field in the header
        if self.version < WITHOUT_REPLICA_FROM {
            to.extend_from_slice(&(-1_i32).to_be_bytes());
        }
        to.extend_from_slice(&500_i32.to_be_bytes()); // longest wait
        to.extend_from_slice(&1_i32.to_be_bytes()); // least bytes
        to.extend_from_slice(&self.bytes_max.to_be_bytes());
        to.push(0); // read uncommitted
        to.extend_from_slice(&self.session.id.to_be_bytes());
        to.extend_from_slice(&self.session.epoch.to_be_bytes());
        put_varint(to, 2); // one topic
        self.topic.write(self.version, to);
        put_varint(to, self.partitions.len() + 1);
        for (partition, offset) in self.partitions {
            to.extend_from_slice(&partition.to_be_bytes());
            to.extend_from_slice(&(-1_i32).to_be_bytes()); // leader epoch: unknown
            to.extend_from_slice(&offset.to_be_bytes());
            to.extend_from_slice(&(-1_i32).to_be_bytes()); // last fetched epoch: none
            to.extend_from_slice(&(-1_i64).to_be_bytes()); // log start offset: none
            to.extend_from_slice(&self.bytes_max.to_be_bytes());
            to.push(0);
        }
        // Tagged fields of the topic, no forgotten topics, no rack, no tagged field.
        to.extend_from_slice(&[0, 1, 1, 0]);
        let length = u32::try_from(to.len() - begin - 4).unwrap_or(u32::MAX);
        put(to, begin, length.to_be_bytes());
    }
}

/// What the synthetic broker must know of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ParsedRequest {
    /// The api version.
    pub version: i16,
    /// The session.
    pub session: FetchSession,
    /// The topic.
    pub topic: Topic,
    /// Partitions and the offsets to fetch from.
    pub partitions: Vec<(i32, i64)>,
}

/// Reads a whole request for one topic; `None` where it is another one, or cannot be read.
pub fn parse_request(version: i16, frame: &[u8]) -> Option<ParsedRequest> {
    parse_body(version, frame).ok().flatten()
}

fn parse_body(version: i16, frame: &[u8]) -> std::result::Result<Option<ParsedRequest>, ReadError> {
    let mut reader = Reader::new(request_body(frame, true)?, true);
    reader.take(if version < WITHOUT_REPLICA_FROM { 17 } else { 13 })?; // replica, waits, sizes, isolation
    let session = FetchSession { id: reader.i32()?, epoch: reader.i32()? };
    if reader.count(1)? != 1 {
        return Ok(None);
    }
    let mut topic = Topic::default();
    if version >= BY_ID_FROM {
        topic.id = reader.uuid()?;
    } else {
        topic.name = reader.string()?.to_vec();
    }
    let partitions = reader.array(33, |reader| {
        let partition = reader.i32()?;
        reader.i32()?; // leader epoch
        let offset = reader.i64()?;
        reader.take(16)?; // last fetched epoch, log start offset, bytes
        reader.skip_tags().map(|()| (partition, offset))
    })?;
    Ok(Some(ParsedRequest { version, session, topic, partitions }))
}

/// The records that the synthetic broker gives: one batch that is always the same but for its base offset.
pub struct Records {
    /// The batch behind its base offset, and the tagged fields behind the records.
    tail: Arc<[u8]>,
    /// Bytes of the batch.
    bytes: usize,
    /// Its records.
    count: i64,
}

impl Records {
    /// One batch.
    pub fn new(records: usize, value_bytes: usize) -> Result<Self> {
        let mut tail = batch::of(records, value_bytes)?;
        let bytes = tail.len();
        tail.drain(..8);
        tail.extend_from_slice(&[0, 0, 0]); // tagged fields of partition, topic and answer
        Ok(Self { tail: tail.into(), bytes, count: i64::try_from(records).unwrap_or(i64::MAX) })
    }

    /// Adds the synthetic broker's answer: records for the first partition that was requested, nothing for the others.
    pub fn answer(&self, id: u32, session_id: i32, parsed: &ParsedRequest, out: &mut Outbound) {
        let to = out.buffer();
        let begin = to.len();
        to.extend_from_slice(&[0; 4]);
        to.extend_from_slice(&id.to_be_bytes());
        to.push(0); // no tagged field in the header
        to.extend_from_slice(&[0; 6]); // no throttling, no error
        to.extend_from_slice(&session_id.to_be_bytes());
        put_varint(to, 2); // one topic
        parsed.topic.write(parsed.version, to);
        // Within a session a broker leaves out what has nothing new.
        let others = if parsed.session.epoch > 0 { 0 } else { parsed.partitions.len().saturating_sub(1) };
        put_varint(to, others + 2);
        for (partition, offset) in parsed.partitions.iter().skip(1).take(others) {
            put_partition(to, *partition, *offset);
            to.extend_from_slice(&[1, 0]); // empty records, no tagged field
        }
        let (partition, offset) = parsed.partitions.first().copied().unwrap_or_default();
        put_partition(to, partition, offset.saturating_add(self.count));
        put_varint(to, self.bytes + 1);
        to.extend_from_slice(&offset.to_be_bytes());
        let length = u32::try_from(to.len() - begin - 4 + self.tail.len()).unwrap_or(u32::MAX);
        put(to, begin, length.to_be_bytes());
        out.body(&self.tail);
    }
}

/// A partition without error, up to its records.
fn put_partition(to: &mut Vec<u8>, partition: i32, end: i64) {
    to.extend_from_slice(&partition.to_be_bytes());
    to.extend_from_slice(&0_i16.to_be_bytes());
    to.extend_from_slice(&end.to_be_bytes()); // high watermark
    to.extend_from_slice(&end.to_be_bytes()); // last stable offset
    to.extend_from_slice(&0_i64.to_be_bytes()); // log start offset
    to.push(1); // no aborted transactions
    to.extend_from_slice(&(-1_i32).to_be_bytes()); // no preferred replica
}

/// What an answer brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The session that the broker keeps; 0: none.
    pub session_id: i32,
    /// Bytes of records.
    pub bytes: usize,
    /// Each partition with records, and what they are.
    pub runs: Vec<(i32, batch::Run)>,
    /// Each partition without, and its log start offset.
    pub empty: Vec<(i32, i64)>,
}

/// Reads an answer and checks names, error codes and the CRC of every batch.
pub fn check(version: i16, frame: &[u8], topic: &Topic) -> Result<Fetched> {
    let unreadable = |_: ReadError| "a Fetch answer that cannot be read".to_owned();
    let mut reader = Reader::new(frame.get(8..).unwrap_or_default(), true);
    let mut head = || {
        reader.skip_tags()?;
        reader.i32()?; // throttling
        Ok((reader.i16()?, reader.i32()?, reader.count(1)?))
    };
    let (error, session_id, topics) = head().map_err(unreadable)?;
    if error != 0 {
        return Err(format!("a Fetch request was refused with error {error}"));
    }
    let mut fetched = Fetched { session_id, ..Fetched::default() };
    for _ in 0..topics {
        if !topic.is(version, &mut reader).map_err(unreadable)? {
            return Err(format!("a Fetch answer for another topic than {}", produce::text(&topic.name)));
        }
        for _ in 0..reader.count(1).map_err(unreadable)? {
            let (partition, error, start, records) = read_partition(&mut reader).map_err(unreadable)?;
            if error == OUT_OF_RANGE {
                return Err(format!("partition {partition} does not have the offset any more: choose another topic"));
            }
            if error != 0 {
                return Err(format!("partition {partition} was not fetched: error {error}"));
            }
            fetched.bytes += records.len();
            match batch::check(records)? {
                Some(run) => fetched.runs.push((partition, run)),
                None => fetched.empty.push((partition, start)),
            }
        }
        reader.skip_tags().map_err(unreadable)?;
    }
    reader.skip_tags().and_then(|()| reader.end()).map(|()| fetched).map_err(unreadable)
}

fn read_partition<'a>(reader: &mut Reader<'a>) -> std::result::Result<(i32, i16, i64, &'a [u8]), ReadError> {
    let (partition, error) = (reader.i32()?, reader.i16()?);
    reader.take(16)?; // high watermark, last stable offset
    let start = reader.i64()?;
    for _ in 0..reader.nullable_count(17)?.unwrap_or(0) {
        reader.take(16)?; // producer id, first offset
        reader.skip_tags()?;
    }
    reader.i32()?; // preferred replica
    let records = reader.nullable_bytes()?.unwrap_or_default();
    reader.skip_tags()?;
    Ok((partition, error, start, records))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cluster::topic_id;
    use kafka_protocol::messages::{ApiKey, FetchRequest, FetchResponse};

    fn topic() -> Topic {
        Topic { name: b"castle".to_vec(), id: topic_id("castle") }
    }

    fn request(version: i16, partitions: &[(i32, i64)], session: FetchSession) -> Vec<u8> {
        let mut frame = Vec::new();
        let topic = &topic();
        Request { version, id: 9, session, topic, partitions, bytes_max: 1 << 20 }.write(&mut frame);
        frame
    }

    #[test]
    fn another_reader_understands_the_request() {
        for version in VERSIONS {
            let frame = request(version, &[(0, 5), (3, 7)], FetchSession { id: 4, epoch: 2 });
            let message: FetchRequest = super::super::read_request(ApiKey::Fetch, version, &frame).unwrap();
            assert_eq!((message.session_id, message.session_epoch), (4, 2));
            assert_eq!(message.topics[0].partitions[1].fetch_offset, 7);
            let parsed = parse_request(version, &frame).unwrap();
            assert_eq!(parsed.partitions, [(0, 5), (3, 7)]);
            assert_eq!(parsed.session, FetchSession { id: 4, epoch: 2 });
        }
    }

    #[test]
    fn another_reader_understands_the_answer_and_a_changed_record_is_seen() {
        for (version, value_bytes, epoch) in [(12, 1024, -1), (17, 100_000, 0), (17, 10, 1)] {
            let parsed =
                parse_request(version, &request(version, &[(0, 5), (3, 7)], FetchSession { id: 4, epoch })).unwrap();
            let (mut out, mut frame) = (Outbound::default(), Vec::new());
            Records::new(2, value_bytes).unwrap().answer(9, 4, &parsed, &mut out);
            out.flush(&mut frame).unwrap();
            let message: FetchResponse = super::super::read_answer(ApiKey::Fetch, version, &frame).unwrap();
            assert_eq!(message.responses[0].partitions.len(), if epoch > 0 { 1 } else { 2 });
            let fetched = check(version, &frame, &topic()).unwrap();
            assert_eq!(fetched.runs, [(0, batch::Run { first: 5, next: 7, batches: 1 })]);
            assert_eq!(fetched.empty.len(), usize::from(epoch <= 0));
            assert!(fetched.bytes >= 2 * value_bytes);
            assert!(check(version, &frame, &Topic::default()).is_err());
            let at = frame.len() - 5;
            frame[at] ^= 1;
            assert!(check(version, &frame, &topic()).unwrap_err().contains("CRC"));
        }
    }
}
