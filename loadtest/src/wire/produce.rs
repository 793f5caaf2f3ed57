//! Produce requests and their answers, version 12: the newest that names its topic.
//!
//! Owns both. A request is made once; what changes from one to the next (correlation id, sequence number, CRC) is put
//! into a copy of its head, while large records are shared.

use super::outbound::Outbound;
use super::{REQUEST_ID_AT, Result, batch, put, put_compact, request, string};
use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiKey, ProduceRequest, TopicName};
use klamm::wire::{ReadError, Reader, request_body};
use std::sync::Arc;

/// The version.
pub const VERSION: i16 = 12;
/// The api key.
pub const KEY: i16 = 0;
/// Bytes of a request behind its batch: no tagged field, three times.
const BEHIND: usize = 3;

/// An idempotent producer, as the cluster knows it.
#[derive(Clone, Copy)]
pub struct Producer {
    /// Its id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The next sequence number.
    pub sequence: i32,
}

/// A request that is sent again and again.
pub struct Template {
    /// Up to the first record.
    head: Vec<u8>,
    /// The records and what follows.
    tail: Arc<[u8]>,
    /// Where the batch begins in the head.
    batch_at: usize,
    /// CRC of the records.
    records_crc: u32,
    /// How many there are.
    records: i32,
}

impl Template {
    /// One batch for one partition.
    pub fn new(topic: &str, partition: i32, acks: i16, records: usize, value_bytes: usize) -> Result<Self> {
        let bytes = Bytes::from(batch::of(records, value_bytes)?);
        let (length, partition) = (bytes.len(), PartitionProduceData::default().with_index(partition));
        let topic = TopicProduceData::default()
            .with_name(TopicName(string(topic)))
            .with_partition_data(vec![partition.with_records(Some(bytes))]);
        let message = ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic]);
        let mut head = request(ApiKey::Produce, VERSION, &message)?;
        let batch_at = head.len().checked_sub(length + BEHIND).ok_or("a Produce request shorter than its batch")?;
        let tail: Arc<[u8]> = head.split_off(batch_at + batch::HEADER_BYTES).into();
        let records_crc = crc32c::crc32c(tail.get(..tail.len() - BEHIND).unwrap_or_default());
        Ok(Self { head, tail, batch_at, records_crc, records: i32::try_from(records).unwrap_or(i32::MAX) })
    }

    /// The records and what follows them: the end of every such request.
    pub fn tail(&self) -> &Arc<[u8]> {
        &self.tail
    }

    /// Adds a request.
    pub fn write(&self, id: u32, producer: Option<&mut Producer>, out: &mut Outbound) {
        let mark = out.mark();
        out.push(&self.head);
        let head = out.since(mark);
        put(head, REQUEST_ID_AT, id.to_be_bytes());
        if let Some(producer) = producer {
            let batch = head.get_mut(self.batch_at..).unwrap_or_default();
            self.number(batch, producer);
        }
        out.body(&self.tail);
    }

    /// Puts the producer's numbers into the batch's header, with the CRC that follows from them.
    fn number(&self, batch: &mut [u8], producer: &mut Producer) {
        put(batch, batch::PRODUCER_AT, producer.id.to_be_bytes());
        put(batch, batch::PRODUCER_AT + 8, producer.epoch.to_be_bytes());
        put(batch, batch::PRODUCER_AT + 10, producer.sequence.to_be_bytes());
        let crc = crc32c::crc32c(batch.get(batch::CRC_FROM..).unwrap_or_default());
        let crc = crc32c::crc32c_combine(crc, self.records_crc, self.tail.len() - BEHIND);
        put(batch, batch::CRC_AT, crc.to_be_bytes());
        // Behind the largest number comes 0, as in `DefaultRecordBatch.incrementSequence`.
        let next = i64::from(producer.sequence) + i64::from(self.records);
        producer.sequence = i32::try_from(next & i64::from(i32::MAX)).unwrap_or(0);
    }
}

/// What the synthetic broker must know of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// How the client wants it acknowledged.
    pub acks: i16,
    /// The topic.
    pub topic: &'a [u8],
    /// The partition.
    pub partition: i32,
    /// Of the batch: the first sequence number, -1 without an idempotent producer.
    pub sequence: i32,
    /// Of the batch: its records.
    pub records: i32,
    /// Where the batch's first record stands in the frame.
    pub records_at: usize,
}

/// Reads the head of a request, behind the length; the records need not be there yet. `None` where it is another one, or
/// cannot be read.
pub fn parse_head(frame: &[u8]) -> Option<RequestHead<'_>> {
    read_head(frame).ok().flatten()
}

fn read_head(frame: &[u8]) -> std::result::Result<Option<RequestHead<'_>>, ReadError> {
    let mut reader = Reader::new(request_body(frame, true)?, true);
    reader.nullable_string()?; // transactional id
    let acks = reader.i16()?;
    reader.i32()?; // timeout
    let topics = reader.count(1)?;
    let topic = reader.string()?;
    let partitions = reader.count(1)?;
    let partition = reader.i32()?;
    let length = i64::from(reader.varint()?) - 1;
    let mut header = Reader::new(reader.take(batch::HEADER_BYTES)?, true);
    header.i64()?; // base offset
    let batch_length = header.i32()?;
    header.i32()?; // leader epoch
    let format = header.i8()?;
    header.take(batch::PRODUCER_AT + 10 - 17)?; // CRC up to the producer's epoch
    let (sequence, records) = (header.i32()?, header.i32()?);
    let expected = (topics, partitions, format) == (1, 1, 2) && i64::from(batch_length) + 12 == length;
    let records_at = frame.len() - reader.rest().len();
    Ok(expected.then_some(RequestHead { acks, topic, partition, sequence, records, records_at }))
}

/// Adds the synthetic broker's answer.
pub fn answer(id: u32, request: &RequestHead<'_>, base_offset: i64, to: &mut Vec<u8>) {
    let begin = to.len();
    to.extend_from_slice(&[0; 4]);
    to.extend_from_slice(&id.to_be_bytes());
    to.extend_from_slice(&[0, 2]); // no tagged field, one topic
    put_compact(to, request.topic);
    to.push(2); // one partition
    to.extend_from_slice(&request.partition.to_be_bytes());
    to.extend_from_slice(&0_i16.to_be_bytes()); // no error
    to.extend_from_slice(&base_offset.to_be_bytes());
    to.extend_from_slice(&(-1_i64).to_be_bytes()); // append time: the records' own
    to.extend_from_slice(&0_i64.to_be_bytes()); // log start offset
    to.extend_from_slice(&[1, 0, 0, 0]); // no record errors, no message, tagged fields of partition and topic
    to.extend_from_slice(&[0, 0, 0, 0, 0]); // no throttling, no tagged field
    let length = u32::try_from(to.len() - begin - 4).unwrap_or(u32::MAX);
    put(to, begin, length.to_be_bytes());
}

/// Reads an answer to one batch: its base offset.
pub fn check(frame: &[u8], topic: &[u8], partition: i32) -> Result<i64> {
    let read = || {
        let mut reader = Reader::new(frame.get(8..).unwrap_or_default(), true);
        reader.skip_tags()?;
        let topics = reader.count(1)?;
        let topic = reader.string()?;
        let partitions = reader.count(1)?;
        let (partition, error, offset) = (reader.i32()?, reader.i16()?, reader.i64()?);
        reader.take(16)?; // append time, log start offset
        for _ in 0..reader.count(6)? {
            reader.i32()?;
            reader.nullable_string()?;
            reader.skip_tags()?;
        }
        reader.nullable_string()?; // message
        reader.skip_tags()?;
        reader.skip_tags()?;
        reader.i32()?; // throttling
        reader.skip_tags()?;
        reader.end()?;
        Ok::<_, ReadError>(((topics, partitions) == (1, 1)).then_some((topic, partition, error, offset)))
    };
    match read().ok().flatten() {
        None => Err("a Produce answer that cannot be read".to_owned()),
        Some((_, _, error, _)) if error != 0 => Err(format!("a Produce request was refused with error {error}")),
        Some((of, at, ..)) if of != topic || at != partition => {
            Err(format!("a Produce answer for {} {at} instead of {}", text(of), text(topic)))
        }
        Some((_, _, _, offset)) => Ok(offset),
    }
}

/// A name as messages print it.
pub fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::{ProduceResponse, RequestHeader};
    use kafka_protocol::protocol::Decodable as _;

    fn written(template: &Template, id: u32, producer: Option<&mut Producer>) -> Vec<u8> {
        let (mut out, mut bytes) = (Outbound::default(), Vec::new());
        template.write(id, producer, &mut out);
        assert!(out.flush(&mut bytes).unwrap());
        bytes
    }

    #[test]
    fn another_reader_understands_the_request() {
        for (records, value_bytes) in [(1, 1024), (5, 100), (1, 1 << 20)] {
            let template = Template::new("castle", 3, -1, records, value_bytes).unwrap();
            let mut producer = Producer { id: 77, epoch: 2, sequence: i32::MAX };
            for _ in 0..2 {
                let sequence = producer.sequence;
                let frame = written(&template, 9, Some(&mut producer));
                assert_eq!(super::super::frame_bytes(&frame), Ok(Some(frame.len())));
                let request = parse_head(&frame[..300.min(frame.len())]).unwrap();
                assert_eq!((request.topic, request.partition, request.acks), (&b"castle"[..], 3, -1));
                assert_eq!((request.sequence, request.records), (sequence, i32::try_from(records).unwrap()));
                assert_eq!(&frame[request.records_at..], &**template.tail());

                let mut body = Bytes::from(frame).split_off(4);
                let header = RequestHeader::decode(&mut body, ApiKey::Produce.request_header_version(VERSION)).unwrap();
                assert_eq!(header.correlation_id, 9);
                let message = ProduceRequest::decode(&mut body, VERSION).unwrap();
                let bytes = message.topic_data[0].partition_data[0].records.clone().unwrap();
                batch::check(&bytes).unwrap().unwrap();
            }
            assert_eq!(producer.sequence, i32::try_from(2 * records - 1).unwrap());
        }
    }

    #[test]
    fn another_reader_understands_the_answer_and_errors_are_seen() {
        let request = RequestHead { acks: 1, topic: b"castle", partition: 3, sequence: -1, records: 1, records_at: 0 };
        let mut frame = Vec::new();
        answer(5, &request, 4711, &mut frame);
        let message: ProduceResponse = super::super::read_answer(ApiKey::Produce, VERSION, &frame).unwrap();
        assert_eq!(message.responses[0].partition_responses[0].base_offset, 4711);
        assert_eq!(check(&frame, b"castle", 3), Ok(4711));
        assert!(check(&frame, b"castle", 4).is_err());
        assert!(check(&frame, b"other", 3).is_err());
        assert!(check(&frame[..frame.len() - 1], b"castle", 3).is_err());
        let at = frame.windows(2).rposition(|pair| pair == [0x12, 0x67]).unwrap() - 7;
        frame[at] = 6;
        assert!(check(&frame, b"castle", 3).unwrap_err().contains("error 6"));
    }
}
