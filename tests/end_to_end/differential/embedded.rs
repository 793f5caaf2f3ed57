//! The bytes inside the bytes: subscriptions and assignments of the consumer protocol, and record batches.

use bytes::{BufMut as _, Bytes};

use crate::harness::{Fallible, records};

const SUBSCRIPTION: &[u8] = b"\x01S";
const ASSIGNMENT: &[u8] = b"\x01A";
const PRODUCER: &[u8] = b"\x01P";
/// Where these stand in a record batch.
const CRC: std::ops::Range<usize> = 17..21;
const ATTRIBUTES: std::ops::Range<usize> = 21..23;
const TIMESTAMPS: std::ops::Range<usize> = 27..43;
const PRODUCER_ID: std::ops::Range<usize> = 43..51;
const PRODUCER_EPOCH: std::ops::Range<usize> = 51..53;
const BASE_SEQUENCE: std::ops::Range<usize> = 53..57;
const HEAD: usize = 61;
const CONTROL: u16 = 0x20;
const TRANSACTIONAL: u16 = 0x10;

/// A subscription to these topics, in common words.
pub fn subscription(topics: &[&str]) -> Vec<u8> {
    [SUBSCRIPTION, topics.join("\0").as_bytes()].concat()
}

/// An assignment of partitions 0 and 1 of these topics, in common words.
pub fn assignment(topics: &[&str]) -> Vec<u8> {
    [ASSIGNMENT, topics.join("\0").as_bytes()].concat()
}

/// Who writes a batch.
#[derive(Clone, Copy)]
pub struct Writer {
    /// An identity.
    pub producer: usize,
    pub epoch: i16,
    pub sequence: i32,
    pub transactional: bool,
}

/// A batch of one record; its producer's id is common until it is said.
pub fn batch(value: Vec<u8>, timestamp: i64, writer: Option<Writer>) -> Fallible<Vec<u8>> {
    let mut batch = records::batch(Bytes::from(value))?.to_vec();
    batch[TIMESTAMPS].copy_from_slice(&[timestamp.to_be_bytes(), timestamp.to_be_bytes()].concat());
    let mut out = Vec::new();
    if let Some(writer) = writer {
        batch[PRODUCER_EPOCH].copy_from_slice(&writer.epoch.to_be_bytes());
        batch[BASE_SEQUENCE].copy_from_slice(&writer.sequence.to_be_bytes());
        let attributes = if writer.transactional { TRANSACTIONAL } else { 0 };
        batch[ATTRIBUTES].copy_from_slice(&attributes.to_be_bytes());
        out.extend(PRODUCER);
        out.extend(u32::try_from(writer.producer)?.to_be_bytes());
    } else {
        seal(&mut batch);
    }
    out.extend(batch);
    Ok(out)
}

/// Writes the checksum of a batch, over everything behind it.
fn seal(batch: &mut [u8]) {
    let sum = crc32c(&batch[ATTRIBUTES.start..]);
    batch[CRC].copy_from_slice(&sum.to_be_bytes());
}

/// Castagnoli's, bit by bit: batches are small here.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(sum & 1)))
    })
}

/// Common bytes as a side says them.
pub fn say(bytes: &mut Vec<u8>, says: impl Fn(&str) -> String, identity: impl Fn(usize) -> Vec<u8>) {
    let topics = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.split('\0').filter(|topic| !topic.is_empty()).map(&says).collect()
    };
    if let Some(common) = bytes.strip_prefix(SUBSCRIPTION) {
        *bytes = protocol(&topics(common), false);
    } else if let Some(common) = bytes.strip_prefix(ASSIGNMENT) {
        *bytes = protocol(&topics(common), true);
    } else if let Some((number, batch)) = bytes.strip_prefix(PRODUCER).and_then(|rest| rest.split_first_chunk()) {
        let id = identity(u32::from_be_bytes(*number) as usize);
        let mut batch = batch.to_vec();
        batch[PRODUCER_ID].copy_from_slice(&id);
        seal(&mut batch);
        *bytes = batch;
    }
}

fn protocol(topics: &[String], partitions: bool) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    bytes.put_u32(topics.len() as u32);
    for topic in topics {
        bytes.put_u16(topic.len() as u16);
        bytes.put_slice(topic.as_bytes());
        if partitions {
            bytes.put_slice(&[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
        }
    }
    // User data; then, in a subscription, no owned partitions.
    bytes.put_slice(&[0, 0, 0, 3, 7, 8, 9]);
    if !partitions {
        bytes.put_u32(0);
    }
    bytes
}

/// The names in a subscription or an assignment become common ones; what is neither stays as it is.
pub fn hear(bytes: &mut Vec<u8>, partitions: bool, heard: impl Fn(&[u8]) -> Vec<u8>) {
    if let Some(common) = heard_protocol(bytes, partitions, heard) {
        *bytes = common;
    }
}

fn heard_protocol(bytes: &[u8], partitions: bool, heard: impl Fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    let (version, rest) = bytes.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    if *version != [0, 1] {
        return None;
    }
    let mut common = [&version[..], count].concat();
    for _ in 0..u32::from_be_bytes(*count) {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (topic, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let topic = heard(topic);
        common.put_u16(u16::try_from(topic.len()).ok()?);
        common.put_slice(&topic);
        rest = behind;
        if partitions {
            let count = u32::from_be_bytes(*rest.first_chunk()?) as usize;
            let (indexes, behind) = rest.split_at_checked(4 + 4 * count)?;
            common.put_slice(indexes);
            rest = behind;
        }
    }
    common.put_slice(rest);
    Some(common)
}

/// A producer's id, and a batch without it.
pub type Batch = (Vec<u8>, Vec<u8>);

/// The batches of an answer, each with its producer's id taken out: (id, the batch without what cannot be equal). The
/// checksum covers that id, and is right or the side's own client would refuse it: it is checked and taken out. A control
/// batch has the time at which the broker wrote it.
pub fn batches(mut records: &[u8]) -> Result<Vec<Batch>, String> {
    let mut batches = Vec::new();
    while let Some(head) = records.first_chunk::<HEAD>() {
        let length = 12 + u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
        // The last one may be cut where the client's bound was; then its length must be equal.
        let Some((batch, rest)) = records.split_at_checked(length) else { break };
        let mut batch = batch.to_vec();
        if crc32c(&batch[ATTRIBUTES.start..]).to_be_bytes() != batch[CRC] {
            return Err("the checksum of a batch is wrong".into());
        }
        let producer = batch[PRODUCER_ID].to_vec();
        batch[PRODUCER_ID].fill(0);
        batch[CRC].fill(0);
        if u16::from_be_bytes([batch[ATTRIBUTES.start], batch[ATTRIBUTES.start + 1]]) & CONTROL != 0 {
            batch[TIMESTAMPS].fill(0);
        }
        batches.push((producer, batch));
        records = rest;
    }
    batches.push((Vec::new(), records.len().to_be_bytes().to_vec()));
    Ok(batches)
}
