//! A record batch of one record, as Kafka stores it (format 2), with its CRC-32C.
//!
//! Source: Kafka's documentation, "Record Batch"; `org.apache.kafka.common.record.DefaultRecordBatch`.

/// Bytes of a batch before its records.
const HEADER_BYTES: usize = 61;
/// What the CRC covers begins here: the attributes.
const CRC_FROM: usize = 21;

/// A batch whose one record has no key, no headers, and a value of so many bytes.
pub fn of_one(value_bytes: usize) -> Vec<u8> {
    let record = record(value_bytes);
    let mut batch = Vec::with_capacity(HEADER_BYTES + record.len());
    let timestamp = 1_700_000_000_000_i64.to_be_bytes();
    batch.extend_from_slice(&0_i64.to_be_bytes()); // base offset: the broker gives the real one
    batch.extend_from_slice(&length(HEADER_BYTES - 12 + record.len())); // batch length, from here on
    batch.extend_from_slice(&0_i32.to_be_bytes()); // partition leader epoch
    batch.push(2); // magic
    batch.extend_from_slice(&[0; 4]); // CRC, below
    batch.extend_from_slice(&0_i16.to_be_bytes()); // attributes: no compression, create time
    batch.extend_from_slice(&0_i32.to_be_bytes()); // last offset delta
    batch.extend_from_slice(&timestamp); // first timestamp
    batch.extend_from_slice(&timestamp); // largest timestamp
    batch.extend_from_slice(&(-1_i64).to_be_bytes()); // producer id: none
    batch.extend_from_slice(&(-1_i16).to_be_bytes()); // producer epoch
    batch.extend_from_slice(&(-1_i32).to_be_bytes()); // base sequence
    batch.extend_from_slice(&1_i32.to_be_bytes()); // records
    batch.extend_from_slice(&record);
    let (head, covered) = batch.split_at_mut(CRC_FROM);
    if let Some(place) = head.last_chunk_mut() {
        *place = crc32c::crc32c(covered).to_be_bytes();
    }
    batch
}

fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes()
}

fn record(value_bytes: usize) -> Vec<u8> {
    let mut body = vec![0, 0, 0]; // attributes, timestamp delta, offset delta
    varint(&mut body, -1); // no key
    varint(&mut body, i64::try_from(value_bytes).unwrap_or(i64::MAX));
    // Bytes that do not compress to nothing, the same in each run.
    body.extend((0..value_bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]));
    varint(&mut body, 0); // headers
    let mut record = Vec::with_capacity(body.len() + 5);
    varint(&mut record, i64::try_from(body.len()).unwrap_or(i64::MAX));
    record.extend_from_slice(&body);
    record
}

/// Zigzag, seven bits a byte, the lowest first.
fn varint(to: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    loop {
        let [low, ..] = (rest & 0x7f).to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use kafka_protocol::records::RecordBatchDecoder;

    /// kafka-protocol checks lengths and CRC.
    #[test]
    fn another_reader_finds_the_record() {
        for value_bytes in [0, 1, 63, 64, 1024, 1 << 20] {
            let mut batch = Bytes::from(of_one(value_bytes));
            let set = RecordBatchDecoder::decode(&mut batch).unwrap();
            assert_eq!(set.records.len(), 1);
            assert_eq!(set.records[0].value.as_ref().map(Bytes::len), Some(value_bytes));
            assert!(batch.is_empty());
        }
        let mut changed = of_one(100);
        changed[90] ^= 1;
        assert!(RecordBatchDecoder::decode(&mut Bytes::from(changed)).is_err());
    }
}
