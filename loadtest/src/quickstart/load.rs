//! The short load: records of 1 KiB through Klamm and back, each checked, with what it cost.
//!
//! Owns the closed loop: a record is on its way until the consumer has it, and only so many are at once. The mock
//! cluster keeps 5 MiB a partition, so nothing can be forgotten before it is read.

use super::backend::EMBEDDED_PARTITION_BYTES_MAX;
use super::clients::{self, PATIENCE};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::measure::latency::Latencies;
use crate::measure::memory::Memory;
use crate::measure::{cpu, memory};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of a record's value.
pub const VALUE_BYTES: usize = 1024;
/// Records on their way at once.
const ON_THEIR_WAY_MAX: u64 = 4000;

const _: () = assert!(ON_THEIR_WAY_MAX as usize * (VALUE_BYTES + 128) < EMBEDDED_PARTITION_BYTES_MAX);

/// What the load showed.
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

/// The load's kind.
pub struct Load<'a> {
    /// Where the clients begin.
    pub bootstrap: &'a str,
    /// The topic, and how many partitions it has.
    pub topic: &'a str,
    /// Partitions of the topic.
    pub partitions: usize,
    /// How long to produce.
    pub time: Duration,
    /// The process whose CPU is counted.
    pub pid: u32,
}

impl Load<'_> {
    /// Runs it.
    pub fn run(&self) -> Result<Outcome> {
        let shared = Arc::new(Shared::default());
        let consumer = self.consumer()?;
        let producer: ThreadedProducer<Acknowledge> = clients::settings(self.bootstrap)
            .create_with_context(Acknowledge(Arc::clone(&shared)))
            .doing(|| "cannot create a producer".to_owned())?;
        let before = cpu::of_process(self.pid)?;
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| read(&consumer, self.partitions as u64, &shared));
            let produced = self.produce(&producer, &shared);
            shared.all_sent.store(true, Ordering::SeqCst);
            let read = reader.join().map_err(|_| Error::new("the consumer's thread ended by a fault of ours"))?;
            produced.and(read)
        })?;
        let records = shared.consumed.load(Ordering::SeqCst);
        let latencies = shared.latencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let cpu = cpu::of_process(self.pid)?.saturating_sub(before);
        Ok(Outcome { records, time: begin.elapsed(), latencies, cpu, memory: memory::of_process(self.pid)? })
    }

    fn consumer(&self) -> Result<BaseConsumer> {
        let doing = || "cannot create a consumer".to_owned();
        let consumer: BaseConsumer = clients::settings(self.bootstrap)
            .set("group.id", "klamm-quickstart-load")
            .set("enable.auto.commit", "false")
            // The mock cluster lets a Fetch wait its full time even when records arrive meanwhile.
            .set("fetch.wait.max.ms", "10")
            .create()
            .doing(doing)?;
        let mut partitions = TopicPartitionList::new();
        for partition in 0..i32::try_from(self.partitions).unwrap_or(i32::MAX) {
            partitions.add_partition_offset(self.topic, partition, Offset::Beginning).doing(doing)?;
        }
        consumer.assign(&partitions).doing(doing)?;
        Ok(consumer)
    }

    fn produce(&self, producer: &ThreadedProducer<Acknowledge>, shared: &Shared) -> Result<()> {
        let begin = Instant::now();
        let mut number = 0;
        while begin.elapsed() < self.time {
            interrupt::check()?;
            shared.check()?;
            if number - shared.consumed.load(Ordering::SeqCst) >= ON_THEIR_WAY_MAX {
                std::thread::sleep(Duration::from_micros(200));
                continue;
            }
            let value = value(number);
            let partition = i32::try_from(number % self.partitions as u64).unwrap_or(0);
            let record = BaseRecord::<[u8], [u8], Box<Instant>>::with_opaque_to(self.topic, Box::new(Instant::now()))
                .payload(value.as_slice())
                .partition(partition);
            producer.send(record).map_err(|(error, _)| Error::new(format!("record {number} was refused: {error}")))?;
            number += 1;
            shared.sent.store(number, Ordering::SeqCst);
        }
        producer.flush(PATIENCE).doing(|| "not every record was acknowledged".to_owned())?;
        shared.check()
    }
}

/// A record's value: its number, and bytes that follow from it.
fn value(number: u64) -> [u8; VALUE_BYTES] {
    let mut value = [number.to_le_bytes()[0]; VALUE_BYTES];
    if let Some(head) = value.first_chunk_mut() {
        *head = number.to_le_bytes();
    }
    value
}

/// What producer, acknowledgements and consumer tell each other.
struct Shared {
    sent: AtomicU64,
    consumed: AtomicU64,
    all_sent: AtomicBool,
    latencies: Mutex<Latencies>,
    failure: Mutex<Option<String>>,
}

impl Default for Shared {
    fn default() -> Self {
        let (sent, consumed, all_sent) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Self { sent, consumed, all_sent, latencies: Mutex::new(Latencies::new()), failure: Mutex::new(None) }
    }
}

impl Shared {
    fn check(&self) -> Result<()> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            None => Ok(()),
            Some(failure) => Err(Error::new(failure.clone())),
        }
    }

    fn fail(&self, failure: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }
}

struct Acknowledge(Arc<Shared>);

impl ClientContext for Acknowledge {}

impl ProducerContext for Acknowledge {
    type DeliveryOpaque = Box<Instant>;

    fn delivery(&self, result: &DeliveryResult<'_>, begin: Box<Instant>) {
        match result {
            Ok(_) => self.0.latencies.lock().unwrap_or_else(PoisonError::into_inner).record(begin.elapsed()),
            Err((error, _)) => self.0.fail(format!("a record was lost: {error}")),
        }
    }
}

/// How long nothing may come while records are on their way.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Reads until everything sent is there; each partition's records must come without a gap, in the order they were sent.
fn read(consumer: &BaseConsumer, partitions: u64, shared: &Shared) -> Result<()> {
    let mut last = Instant::now();
    let mut expected: BTreeMap<i32, u64> = BTreeMap::new();
    loop {
        // In this order: `sent` is final once `all_sent` is seen.
        let finished = shared.all_sent.load(Ordering::SeqCst);
        let sent = shared.sent.load(Ordering::SeqCst);
        let consumed = shared.consumed.load(Ordering::SeqCst);
        if consumed == sent {
            if finished {
                return Ok(());
            }
            last = Instant::now();
        }
        if last.elapsed() > SILENCE_MAX || (finished && shared.check().is_err()) {
            let failure =
                format!("{consumed} of {sent} records came back, then nothing for {} s", SILENCE_MAX.as_secs());
            shared.fail(failure.clone());
            return Err(Error::new(failure));
        }
        let Some(message) = consumer.poll(Duration::from_millis(20)) else { continue };
        let checked = message.map_err(|error| format!("consuming failed: {error}")).and_then(|message| {
            // Record n went to partition n modulo the number of partitions.
            let first = u64::try_from(message.partition()).unwrap_or(0);
            let expected = expected.entry(message.partition()).or_insert(first);
            check(&message, *expected)?;
            *expected += partitions;
            Ok(())
        });
        if let Err(failure) = checked {
            shared.fail(failure.clone());
            return Err(Error::new(failure));
        }
        last = Instant::now();
        shared.consumed.fetch_add(1, Ordering::SeqCst);
    }
}

fn check(message: &BorrowedMessage<'_>, expected: u64) -> std::result::Result<(), String> {
    if message.payload() == Some(value(expected).as_slice()) {
        return Ok(());
    }
    let found = message.payload().and_then(|payload| payload.first_chunk()).map(|head| u64::from_le_bytes(*head));
    let (partition, offset) = (message.partition(), message.offset());
    Err(format!(
        "partition {partition} offset {offset} holds record {found:?} instead of record {expected}, or a changed one"
    ))
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
        let time = Duration::from_millis(700);
        let load = Load { bootstrap: &bootstrap, topic: "load", partitions, time, pid: std::process::id() };
        let outcome = load.run().unwrap();
        assert!(outcome.records > 100, "{}", outcome.records);
        assert!(outcome.latencies.quantile_us(0.5).is_some());
    }
}
