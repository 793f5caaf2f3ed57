//! Record batches of the raw clients.

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

use super::Fallible;

/// A batch of one record without a key.
pub fn batch(value: Bytes) -> Fallible<Bytes> {
    batch_of(value, None)
}

/// The same; with a producer's id and epoch it is the first of a transaction.
pub fn batch_of(value: Bytes, transaction: Option<(i64, i16)>) -> Fallible<Bytes> {
    let (producer_id, producer_epoch) = transaction.unwrap_or((-1, -1));
    let record = Record {
        transactional: transaction.is_some(),
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id,
        producer_epoch,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: if transaction.is_some() { 0 } else { -1 },
        timestamp: 1,
        key: None,
        value: Some(value),
        headers: Default::default(),
    };
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut batch, [&record], &options).map_err(|error| format!("a batch: {error}"))?;
    Ok(batch.freeze())
}
