//! The steps of the quick start that a client takes: each checks what it got and describes it in a line.
//!
//! Owns the checks. They know a bootstrap address and what must be seen there, not what stands behind it: the tests
//! below run them on the embedded backend itself.

use super::clients::{self, PATIENCE};
use super::records::{self, Place, Record};
use crate::error::{Context, Error, Result};
use crate::gateway::Nodes;
use crate::interrupt;
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The nodes that a client sees are exactly these, under exactly these addresses.
pub fn client_sees(bootstrap: &str, expected: &Nodes) -> Result<((), String)> {
    let (seen, metadata) = clients::nodes(bootstrap, PATIENCE)?;
    if &seen != expected {
        let (seen, expected) = (list(&seen), list(expected));
        return Err(Error::new(format!("the client sees {seen} instead of {expected}")));
    }
    let topics = metadata.topics().len();
    Ok(((), format!("{} nodes, all at Klamm's addresses: {}; {topics} topics", seen.len(), list(&seen))))
}

fn list(nodes: &Nodes) -> String {
    let words: Vec<String> = nodes.iter().map(|(id, address)| format!("{id} at {address}")).collect();
    words.join(", ")
}

/// The first mention of a topic creates it.
pub fn topic_created(bootstrap: &str, topic: &str) -> Result<(usize, String)> {
    let partitions = clients::partitions(bootstrap, topic)?;
    Ok((partitions, format!("{topic}, {partitions} partitions, each with a leader")))
}

/// What was produced, by the place that was acknowledged.
pub type Produced = BTreeMap<Place, Record>;

/// Produces a tenant's records with keys, headers and times, and waits for every acknowledgement.
pub fn produce(bootstrap: &str, topic: &str, tenant: &str, count: usize) -> Result<(Produced, String)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
    let now = i64::try_from(now).unwrap_or(0);
    let sent: Vec<Record> = (0..count).map(|number| Record::number(tenant, number, now)).collect();
    let produced = send_all(bootstrap, topic, &sent)?;
    let bytes: usize = sent.iter().map(Record::bytes).sum();
    let partitions: BTreeSet<i32> = produced.keys().map(|(partition, _)| *partition).collect();
    let partitions = partitions.len();
    let detail = format!("{count} records ({} KiB) acknowledged by {partitions} partitions, acks=all", bytes / 1024);
    Ok((produced, detail))
}

fn send_all(bootstrap: &str, topic: &str, sent: &[Record]) -> Result<Produced> {
    let acknowledged = Acknowledged::default();
    let producer: ThreadedProducer<Acknowledged> = clients::settings(bootstrap)
        .set("acks", "all")
        .create_with_context(acknowledged.clone())
        .doing("cannot create a producer")?;
    for (number, record) in sent.iter().enumerate() {
        send(&producer, topic, number, record)?;
    }
    producer.flush(PATIENCE).doing("not every record was acknowledged")?;
    acknowledged.places(sent)
}

fn send(producer: &ThreadedProducer<Acknowledged>, topic: &str, number: usize, record: &Record) -> Result<()> {
    let mut headers = OwnedHeaders::new();
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: value.as_deref() });
    }
    let mut message = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, number).headers(headers);
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    message.timestamp = record.timestamp;
    producer.send(message).map_err(|(error, _)| Error::new(format!("record {number} was refused: {error}")))
}

/// Collects the acknowledgements: which record went where.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<Vec<Acknowledgement>>>);

/// A record's number, and where it went or why it did not.
type Acknowledgement = (usize, std::result::Result<Place, KafkaError>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let outcome = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
    }
}

impl Acknowledged {
    fn places(&self, sent: &[Record]) -> Result<Produced> {
        let mut produced = Produced::new();
        for (number, outcome) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let place = outcome.as_ref().map_err(|error| Error::new(format!("record {number} was lost: {error}")))?;
            let record = sent.get(*number).ok_or_else(|| Error::new("an acknowledgement of a record never sent"))?;
            if produced.insert(*place, record.clone()).is_some() {
                return Err(Error::new(format!(
                    "two records were acknowledged at partition {} offset {}",
                    place.0, place.1
                )));
            }
        }
        if produced.len() == sent.len() {
            Ok(produced)
        } else {
            Err(Error::new(format!("{} of {} records were acknowledged", produced.len(), sent.len())))
        }
    }
}

/// How long a group may take to form and to read everything.
const GROUP_PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing more may come before this counts as the end.
const QUIET: Duration = Duration::from_millis(500);

/// Consumes in a group and compares: exactly the records that were produced, unchanged. Then commits and reads that back.
pub fn consume(bootstrap: &str, topic: &str, group: &str, produced: &Produced) -> Result<((), String)> {
    let consumer: BaseConsumer = clients::settings(bootstrap)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .doing("cannot create a consumer")?;
    consumer.subscribe(&[topic]).doing("cannot subscribe")?;
    let consumed = read_all(&consumer, produced.len())?;
    records::same(produced, &consumed).map_err(Error::new)?;
    consumer.commit_consumer_state(CommitMode::Sync).doing("the group's offsets were not committed")?;
    let committed = committed(&consumer, topic, produced)?;
    let detail = format!(
        "group {group}: the same {} records, keys, headers and times included; offsets committed in {committed} partitions",
        consumed.len()
    );
    consumer.unsubscribe();
    Ok(((), detail))
}

fn read_all(consumer: &BaseConsumer, expected: usize) -> Result<Produced> {
    let deadline = Instant::now() + GROUP_PATIENCE;
    let mut consumed = Produced::new();
    let mut last = Instant::now();
    while consumed.len() < expected || last.elapsed() < QUIET {
        interrupt::check()?;
        if Instant::now() > deadline {
            let seconds = GROUP_PATIENCE.as_secs();
            return Err(Error::new(format!("only {} of {expected} records came in {seconds} s", consumed.len())));
        }
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::PartitionEOF))) => {}
            Some(Err(error)) => return Err(Error::new(format!("consuming failed: {error}"))),
            Some(Ok(message)) => {
                last = Instant::now();
                let place = (message.partition(), message.offset());
                if consumed.insert(place, Record::received(&message)).is_some() {
                    return Err(Error::new(format!("partition {} offset {} was consumed twice", place.0, place.1)));
                }
            }
        }
    }
    Ok(consumed)
}

/// Asks the coordinator for the committed offsets: each must stand behind the partition's last record.
fn committed(consumer: &BaseConsumer, topic: &str, produced: &Produced) -> Result<usize> {
    let mut ends = BTreeMap::new();
    for (partition, offset) in produced.keys() {
        // Places are in order, so the last one of a partition stays.
        ends.insert(*partition, offset + 1);
    }
    let mut question = TopicPartitionList::new();
    for partition in ends.keys() {
        question.add_partition(topic, *partition);
    }
    let answer = consumer.committed_offsets(question, PATIENCE).doing("the committed offsets cannot be read")?;
    for element in answer.elements() {
        let expected = ends.get(&element.partition()).copied();
        if element.offset().to_raw() != expected {
            let (partition, offset) = (element.partition(), element.offset());
            return Err(Error::new(format!("partition {partition}: committed is {offset:?}, right is {expected:?}")));
        }
    }
    Ok(ends.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quickstart::backend::{Backend, Choice};

    /// The steps on the backend itself: what they demand is possible, and they see what is wrong.
    #[test]
    fn the_steps_pass_on_the_embedded_backend_and_notice_a_wrong_address() {
        let directory = tempfile::tempdir().unwrap();
        let backend = Backend::start(&Choice::Embedded, directory.path()).unwrap();
        let bootstrap = backend.bootstrap.join(",");
        client_sees(&bootstrap, &backend.nodes).unwrap();
        let mut others = backend.nodes.clone();
        others.insert(2, "127.0.0.1:1".to_owned());
        assert!(client_sees(&bootstrap, &others).is_err());

        let (partitions, _) = topic_created(&bootstrap, "hello").unwrap();
        assert_eq!(partitions, 4);
        let (mut produced, _) = produce(&bootstrap, "hello", "alice", 500).unwrap();
        consume(&bootstrap, "hello", "group-1", &produced).unwrap();
        let foreign = produced.keys().next().copied().unwrap();
        produced.remove(&foreign);
        assert!(consume(&bootstrap, "hello", "group-2", &produced).is_err());
    }

    #[test]
    fn nobody_there_is_an_error() {
        let error = clients::nodes("127.0.0.1:22999", Duration::from_secs(1)).unwrap_err();
        assert!(error.what().contains("no Kafka answers at 127.0.0.1:22999"), "{error}");
    }
}
