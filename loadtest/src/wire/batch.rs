//! Record batches as Kafka stores them (format 2), with their CRC-32C.
//!
//! Source: Kafka's documentation, "Record Batch"; `org.apache.kafka.common.record.DefaultRecordBatch`.

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use klamm::wire::Reader;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a batch before its records.
pub const HEADER_BYTES: usize = 61;
/// Where the CRC stands.
pub const CRC_AT: usize = 17;
/// What the CRC covers begins here: the attributes.
pub const CRC_FROM: usize = 21;
/// Where the producer's id, epoch and first sequence number stand.
pub const PRODUCER_AT: usize = 43;

/// A batch of so many records, each without key and headers, with a value of so many bytes.
pub fn of(records: usize, value_bytes: usize) -> super::Result<Vec<u8>> {
    // Now: a broker deletes what is older than its retention.
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
    let timestamp = i64::try_from(timestamp).unwrap_or(0);
    let record = |number: usize| {
        // Bytes that do not compress to nothing, the same in each run.
        let byte = |at: usize| (at.wrapping_add(number).wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0];
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(number),
            // The batch's own is that of its first record: none.
            sequence: number - 1,
            timestamp,
            key: None,
            value: Some((0..value_bytes).map(byte).collect::<Bytes>()),
            headers: Default::default(),
        }
    };
    let records: Vec<Record> = (0..records).map(record).collect();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    let mut batch = BytesMut::new();
    RecordBatchEncoder::encode(&mut batch, &records, &options)
        .map_err(|error| format!("cannot write a record batch: {error}"))?;
    Ok(batch.into())
}

/// What a run of batches holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first offset.
    pub first: i64,
    /// The offset behind the last record.
    pub next: i64,
    /// Whole batches.
    pub batches: usize,
}

/// Reads batch after batch and checks the CRC of each. A last one that is cut, as brokers send them, is left out.
pub fn check(mut bytes: &[u8]) -> super::Result<Option<Run>> {
    let mut run: Option<Run> = None;
    while bytes.len() >= HEADER_BYTES {
        let mut header = Reader::new(bytes, true);
        let fields = header.i64().and_then(|base| Ok((base, header.i32()?)));
        let (base, length) = fields.map_err(|_| "a batch without a header")?;
        let end = usize::try_from(length).ok().filter(|length| *length >= HEADER_BYTES - 12).map(|length| length + 12);
        let end = end.ok_or_else(|| format!("a batch of {length} bytes"))?;
        let Some((batch, rest)) = bytes.split_at_checked(end) else { break };
        let last = check_one(batch)?;
        let first = run.map_or(base, |run| run.first);
        if run.is_some_and(|run| base < run.next) {
            return Err(format!("a batch that begins at offset {base} follows one that ends behind it"));
        }
        run = Some(Run { first, next: base + i64::from(last) + 1, batches: run.map_or(0, |run| run.batches) + 1 });
        bytes = rest;
    }
    Ok(run)
}

/// The last offset delta of one whole batch, when format and CRC are right.
fn check_one(batch: &[u8]) -> super::Result<u32> {
    let (magic, crc, last) = (batch.get(16).copied(), super::u32_at(batch, CRC_AT), super::u32_at(batch, CRC_FROM + 2));
    let computed = crc32c::crc32c(batch.get(CRC_FROM..).unwrap_or_default());
    match (magic, last) {
        (Some(2), Some(last)) if crc == Some(computed) => Ok(last),
        (Some(2), _) => Err(format!("a record batch with the CRC {crc:x?}; its bytes give {computed:x}")),
        (magic, _) => Err(format!("a record batch of format {magic:?} instead of 2")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::records::RecordBatchDecoder;

    /// kafka-protocol checks lengths and CRC.
    #[test]
    fn another_reader_finds_the_records() {
        for (records, value_bytes) in [(1, 0), (1, 1), (1, 63), (70, 64), (3, 1024), (1, 1 << 20)] {
            let bytes = of(records, value_bytes).unwrap();
            assert_eq!(bytes[PRODUCER_AT..PRODUCER_AT + 14], [0xff; 14], "no producer");
            let next = i64::try_from(records).unwrap();
            assert_eq!(check(&bytes), Ok(Some(Run { first: 0, next, batches: 1 })));
            let mut batch = Bytes::from(bytes);
            let set = RecordBatchDecoder::decode(&mut batch).unwrap();
            assert_eq!(set.records.len(), records);
            assert!(set.records.iter().all(|record| record.value.as_ref().map(Bytes::len) == Some(value_bytes)));
            assert!(batch.is_empty());
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_and_a_cut_batch_is_left_out() {
        let [first, second] = [of(2, 100).unwrap(), of(1, 50).unwrap()];
        let mut two = [&first[..], &second[..]].concat();
        super::super::put(&mut two, first.len(), 2_i64.to_be_bytes());
        assert_eq!(check(&two), Ok(Some(Run { first: 0, next: 3, batches: 2 })));
        assert_eq!(check(&two[..two.len() - 1]), Ok(Some(Run { first: 0, next: 2, batches: 1 })));
        assert_eq!(check(&[]), Ok(None));
        two[90] ^= 1;
        assert!(check(&two).unwrap_err().contains("CRC"));
        assert!(RecordBatchDecoder::decode(&mut Bytes::from(two)).is_err());
    }
}
