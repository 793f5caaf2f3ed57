//! The kinds of load: Produce, Fetch and Metadata.
//!
//! Owns what each sends and what a right answer to it is. Nothing here knows a socket or a clock.

use super::{Done, Place};
use crate::wire::cluster::{self, METADATA_VERSION};
use crate::wire::fetch::{self, FetchSession, Topic};
use crate::wire::outbound::Outbound;
use crate::wire::produce::{self, Producer, Template};
use crate::wire::{self, REQUEST_ID_AT, Result, put};

/// With acks=0, so many requests are followed by one Metadata, whose answer proves that they were read.
pub const UNANSWERED_MAX: u64 = 64;
/// An idempotent producer may have so many requests in flight: brokers remember no more batches.
pub const IDEMPOTENT_IN_FLIGHT_MAX: usize = 5;

/// One connection's part of the load.
pub trait Session: Send {
    /// Adds the next request, with this correlation id. Returns whether an answer to it will come.
    fn send(&mut self, id: u32, out: &mut Outbound) -> Result<bool>;

    /// Checks the whole frame of the answer to the oldest request that has one; returns what it proves done.
    fn receive(&mut self, frame: &[u8]) -> Result<Done>;

    /// How many requests may be in flight at most, whatever the pace.
    fn in_flight_max(&self) -> usize {
        usize::MAX
    }
}

/// What clients do.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Produce requests of one batch.
    Produce {
        /// 0, 1, or -1 for all.
        acks: i16,
        /// With a producer id and sequence numbers.
        idempotent: bool,
        /// Records of a batch.
        records: usize,
        /// Bytes of each record's value.
        value_bytes: usize,
    },
    /// Fetch requests, each from where the last one ended.
    Fetch {
        /// The api version.
        version: i16,
        /// Within a fetch session.
        session: bool,
        /// At most so many bytes an answer.
        bytes_max: i32,
        /// Partitions of a request.
        partitions: i32,
    },
    /// Metadata of the own topic.
    Metadata,
}

impl Work {
    /// The api key and version that it needs.
    pub fn api(&self) -> (i16, i16) {
        match self {
            Self::Produce { .. } => (produce::KEY, produce::VERSION),
            Self::Fetch { version, .. } => (fetch::KEY, *version),
            Self::Metadata => (3, METADATA_VERSION),
        }
    }

    /// One connection's part. An idempotent producer has its id already.
    pub fn session(&self, place: &Place, producer: Option<Producer>) -> Result<Box<dyn Session>> {
        let topic = || String::from_utf8_lossy(&place.topic.name).into_owned();
        match *self {
            Self::Produce { acks, records, value_bytes, .. } => {
                let template = Template::new(&topic(), place.partition, acks, records, value_bytes)?;
                let bytes = u64::try_from(records * value_bytes).unwrap_or(0);
                Ok(if acks == 0 {
                    Box::new(Unacknowledged { template, bytes, barrier: cluster::metadata_request(&topic())?, sent: 0 })
                } else {
                    let (topic, partition) = (place.topic.name.clone(), place.partition);
                    Box::new(Producing { template, bytes, producer, topic, partition, offset: -1 })
                })
            }
            Self::Fetch { version, session, bytes_max, partitions } => Ok(Box::new(Fetcher {
                version,
                topic: place.topic.clone(),
                bytes_max,
                with_session: session,
                session: FetchSession { id: 0, epoch: if session { 0 } else { -1 } },
                offsets: (0..partitions).map(|number| (place.partition + number, 0)).collect(),
                again: Vec::new(),
            })),
            Self::Metadata => {
                let request = cluster::metadata_request(&topic())?;
                Ok(Box::new(MetadataOnly { request, topic: topic(), first: Vec::new() }))
            }
        }
    }
}

/// Produce with acks=1 or all.
struct Producing {
    template: Template,
    bytes: u64,
    producer: Option<Producer>,
    topic: Vec<u8>,
    partition: i32,
    /// The last offset that was acknowledged.
    offset: i64,
}

impl Session for Producing {
    fn send(&mut self, id: u32, out: &mut Outbound) -> Result<bool> {
        self.template.write(id, self.producer.as_mut(), out);
        Ok(true)
    }

    fn receive(&mut self, frame: &[u8]) -> Result<Done> {
        let offset = produce::check(frame, &self.topic, self.partition)?;
        if offset <= self.offset {
            return Err(format!("offset {offset} was acknowledged after offset {}", self.offset));
        }
        self.offset = offset;
        Ok(Done { requests: 1, bytes: self.bytes })
    }

    fn in_flight_max(&self) -> usize {
        if self.producer.is_some() { IDEMPOTENT_IN_FLIGHT_MAX } else { usize::MAX }
    }
}

/// Produce with acks=0.
struct Unacknowledged {
    template: Template,
    bytes: u64,
    barrier: Vec<u8>,
    /// Requests since the last barrier.
    sent: u64,
}

impl Session for Unacknowledged {
    fn send(&mut self, id: u32, out: &mut Outbound) -> Result<bool> {
        if self.sent < UNANSWERED_MAX {
            self.template.write(id, None, out);
            self.sent += 1;
            return Ok(false);
        }
        self.sent = 0;
        let mark = out.mark();
        out.push(&self.barrier);
        put(out.since(mark), REQUEST_ID_AT, id.to_be_bytes());
        Ok(true)
    }

    fn receive(&mut self, frame: &[u8]) -> Result<Done> {
        cluster::metadata(frame)?;
        Ok(Done { requests: UNANSWERED_MAX, bytes: UNANSWERED_MAX * self.bytes })
    }
}

/// Fetch.
struct Fetcher {
    version: i16,
    topic: Topic,
    bytes_max: i32,
    with_session: bool,
    session: FetchSession,
    /// Each partition, and where it is read from next.
    offsets: Vec<(i32, i64)>,
    /// Within a session: those of them that changed since the last request.
    again: Vec<(i32, i64)>,
}

impl Session for Fetcher {
    fn send(&mut self, id: u32, out: &mut Outbound) -> Result<bool> {
        let whole = self.session.epoch <= 0;
        let partitions = if whole { &self.offsets } else { &self.again };
        let (version, session, topic, bytes_max) = (self.version, self.session, &self.topic, self.bytes_max);
        fetch::Request { version, id, session, topic, partitions, bytes_max }.write(out.buffer());
        Ok(true)
    }

    fn receive(&mut self, frame: &[u8]) -> Result<Done> {
        let got = fetch::check(self.version, frame, &self.topic)?;
        if self.with_session {
            self.session = match (self.session.epoch, got.session_id) {
                (0, 0) => return Err("the broker gave no fetch session".to_owned()),
                (0, id) => FetchSession { id, epoch: 1 },
                (_, id) if id != self.session.id => {
                    return Err(format!("fetch session {id} instead of {}", self.session.id));
                }
                (epoch, id) => FetchSession { id, epoch: if epoch == i32::MAX { 1 } else { epoch + 1 } },
            };
            self.again.clear();
        }
        for (partition, run) in &got.runs {
            let place = self.offsets.iter_mut().find(|(number, _)| number == partition);
            let (_, offset) =
                place.ok_or_else(|| format!("records of partition {partition}, which was not requested"))?;
            // The first batch may begin before the offset: brokers send whole batches.
            if run.next <= *offset || (run.first > *offset && *offset != 0) {
                return Err(format!("records {} to {} were fetched for offset {offset}", run.first, run.next));
            }
            *offset = run.next;
            self.again.push((*partition, run.next));
        }
        if got.runs.is_empty() {
            // The end of the log: once more from its beginning.
            for (partition, start) in &got.empty {
                if let Some((_, offset)) = self.offsets.iter_mut().find(|(number, _)| number == partition) {
                    *offset = *start;
                    self.again.push((*partition, *start));
                }
            }
        }
        Ok(Done { requests: 1, bytes: u64::try_from(got.bytes).unwrap_or(0) })
    }

    fn in_flight_max(&self) -> usize {
        // As consumers do: where to read next follows from the answer.
        1
    }
}

/// Metadata.
struct MetadataOnly {
    request: Vec<u8>,
    topic: String,
    /// The first answer, which was read as a whole.
    first: Vec<u8>,
}

impl Session for MetadataOnly {
    fn send(&mut self, id: u32, out: &mut Outbound) -> Result<bool> {
        let mark = out.mark();
        out.push(&self.request);
        put(out.since(mark), REQUEST_ID_AT, id.to_be_bytes());
        Ok(true)
    }

    fn receive(&mut self, frame: &[u8]) -> Result<Done> {
        let behind_id = wire::ANSWER_ID_AT + 4;
        if self.first.get(behind_id..) != frame.get(behind_id..) {
            let seen = cluster::metadata(frame)?;
            let wrong = seen.topic != self.topic || seen.error != 0 || seen.leaders.is_empty();
            if wrong || seen.leaders.iter().any(|(_, _, error)| *error != 0) {
                return Err(format!("Metadata of {} has error {}", seen.topic, seen.error));
            }
            self.first = frame.to_vec();
        }
        Ok(Done { requests: 1, bytes: 0 })
    }
}
