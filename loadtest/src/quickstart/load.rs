//! The short load: records of 1 KiB through Klamm and back, each checked, with what it cost.
//!
//! Owns the closed loop: a record is in flight until the consumer has it, and only so many are at once. The mock cluster
//! keeps 5 MiB a partition, so nothing can be forgotten before it is read.

use super::backend::EMBEDDED_PARTITION_BYTES_MAX;
use super::clients::{self, PATIENCE};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::measure::latency::Latencies;
use crate::measure::memory::Memory;
use crate::measure::{cpu, memory};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of a record's value.
pub const VALUE_BYTES: usize = 1024;
/// Records in flight at once.
const IN_FLIGHT_MAX: u64 = 4000;
/// How long nothing may come while records are in flight.
const SILENCE_MAX: Duration = Duration::from_secs(10);

const _: () = assert!(IN_FLIGHT_MAX as usize * (VALUE_BYTES + 128) < EMBEDDED_PARTITION_BYTES_MAX);

/// The figures of the load.
pub struct Outcome {
    /// Records that went through Klamm twice: produced, and consumed.
    pub records: u64,
    /// From the first record to the last one consumed.
    pub time: Duration,
    /// From handing a record to librdkafka to its acknowledgement.
    pub latencies: Latencies,
    /// CPU time of Klamm.
    pub cpu: Duration,
    /// Memory of Klamm at the end.
    pub memory: Memory,
}

/// Produces for so long to these partitions of a topic, consumes everything, and counts what the process `pid` takes.
pub fn run(bootstrap: &str, topic: &str, partitions: usize, time: Duration, pid: u32) -> Result<Outcome> {
    let acknowledged = Acknowledged(Arc::new(Mutex::new((Latencies::new(), None))));
    let producer: ThreadedProducer<Acknowledged> =
        clients::settings(bootstrap).create_with_context(acknowledged.clone()).doing("cannot create a producer")?;
    let consumer = consumer(bootstrap, topic, partitions)?;
    let (before, begin) = (cpu::of_process(pid)?, Instant::now());
    let (mut sent, mut consumed, mut last) = (0_u64, 0_u64, begin);
    // The record that each partition brings next: record n goes to partition n modulo their number.
    let mut expected: Vec<u64> = (0..partitions as u64).collect();
    while begin.elapsed() < time || consumed < sent {
        interrupt::check()?;
        acknowledged.check()?;
        while begin.elapsed() < time && sent - consumed < IN_FLIGHT_MAX {
            send(&producer, topic, sent, partitions)?;
            sent += 1;
            if let Some(message) = consumer.poll(Duration::ZERO) {
                check(&message.doing("consuming failed")?, &mut expected)?;
                (consumed, last) = (consumed + 1, Instant::now());
            }
        }
        if let Some(message) = consumer.poll(Duration::from_millis(20)) {
            check(&message.doing("consuming failed")?, &mut expected)?;
            (consumed, last) = (consumed + 1, Instant::now());
        }
        if last.elapsed() > SILENCE_MAX {
            let seconds = SILENCE_MAX.as_secs();
            return Err(Error::new(format!("{consumed} of {sent} records came back, then nothing for {seconds} s")));
        }
    }
    let (time, cpu) = (begin.elapsed(), cpu::of_process(pid)?.saturating_sub(before));
    producer.flush(PATIENCE).doing("not every record was acknowledged")?;
    acknowledged.check()?;
    let latencies = acknowledged.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
    Ok(Outcome { records: consumed, time, latencies, cpu, memory: memory::of_process(pid)? })
}

fn consumer(bootstrap: &str, topic: &str, partitions: usize) -> Result<BaseConsumer> {
    let doing = "cannot create a consumer";
    let consumer: BaseConsumer = clients::settings(bootstrap)
        .set("group.id", "klamm-quickstart-load")
        .set("enable.auto.commit", "false")
        // The mock cluster lets a Fetch wait its full time even when records arrive meanwhile.
        .set("fetch.wait.max.ms", "10")
        .create()
        .doing(doing)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        list.add_partition_offset(topic, partition, Offset::Beginning).doing(doing)?;
    }
    consumer.assign(&list).doing(doing)?;
    Ok(consumer)
}

fn send(producer: &ThreadedProducer<Acknowledged>, topic: &str, number: u64, partitions: usize) -> Result<()> {
    let value = value(number);
    let partition = i32::try_from(number % partitions as u64).unwrap_or(0);
    let record = BaseRecord::<[u8], [u8], Box<Instant>>::with_opaque_to(topic, Box::new(Instant::now()))
        .payload(value.as_slice())
        .partition(partition);
    producer.send(record).map_err(|(error, _)| Error::new(format!("record {number} was refused: {error}")))
}

/// A record's value: its number, and bytes that follow from it.
fn value(number: u64) -> [u8; VALUE_BYTES] {
    let mut value = [number.to_le_bytes()[0]; VALUE_BYTES];
    if let Some(head) = value.first_chunk_mut() {
        *head = number.to_le_bytes();
    }
    value
}

/// Each partition's records must come without a gap, in the order they were sent.
fn check(message: &rdkafka::message::BorrowedMessage<'_>, expected: &mut [u64]) -> Result<()> {
    let (partition, offset, partitions) = (message.partition(), message.offset(), expected.len() as u64);
    let expected = usize::try_from(partition).ok().and_then(|partition| expected.get_mut(partition));
    let expected = expected.ok_or_else(|| Error::new(format!("a record came from partition {partition}")))?;
    if message.payload() == Some(value(*expected).as_slice()) {
        *expected += partitions;
        return Ok(());
    }
    let found = message.payload().and_then(|payload| payload.first_chunk()).map(|head| u64::from_le_bytes(*head));
    Err(Error::new(format!(
        "partition {partition} offset {offset} holds record {found:?} instead of record {expected}, or a changed one"
    )))
}

/// Latencies of the acknowledgements, and the first record that was lost.
#[derive(Clone)]
struct Acknowledged(Arc<Mutex<(Latencies, Option<String>)>>);

impl Acknowledged {
    fn check(&self) -> Result<()> {
        let failure = self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        failure.map_or(Ok(()), |failure| Err(Error::new(failure)))
    }
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = Box<Instant>;

    fn delivery(&self, result: &DeliveryResult<'_>, begin: Box<Instant>) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => shared.0.record(begin.elapsed()),
            Err((error, _)) => {
                shared.1.get_or_insert_with(|| format!("a record was lost: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quickstart::backend::{Backend, Choice};

    #[test]
    fn everything_that_is_sent_comes_back_on_the_embedded_backend() {
        let directory = tempfile::tempdir().unwrap();
        let backend = Backend::start(&Choice::Embedded, directory.path()).unwrap();
        let bootstrap = backend.bootstrap.join(",");
        let partitions = clients::partitions(&bootstrap, "load").unwrap();
        let outcome = run(&bootstrap, "load", partitions, Duration::from_millis(700), std::process::id()).unwrap();
        assert!(outcome.records > 100, "{}", outcome.records);
        assert!(outcome.latencies.quantile_us(0.5).is_some());
    }
}
