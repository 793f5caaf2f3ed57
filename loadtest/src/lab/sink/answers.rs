//! The synthetic broker's rare answers: what it offers, its one node and its topics, and producer ids.
//!
//! Owns the answers that were given before: the same request has the same answer, but for its correlation id.

use crate::wire::{self, cluster};
use std::collections::{HashMap, HashSet};

/// Answers kept; a client with more different requests gets them all the same.
const KEPT_MAX: usize = 4096;

/// The topics, and the answers so far.
pub struct Answers {
    port: u16,
    topics: Vec<String>,
    names: HashSet<Vec<u8>>,
    ids: HashMap<[u8; 16], String>,
    partitions: i32,
    kept: HashMap<Vec<u8>, Vec<u8>>,
    producers: i64,
}

impl Answers {
    /// A broker on this port with these topics.
    pub fn new(port: u16, topics: Vec<String>, partitions: i32) -> Self {
        let names = topics.iter().map(|topic| topic.clone().into_bytes()).collect();
        let ids = topics.iter().map(|topic| (cluster::topic_id(topic), topic.clone())).collect();
        Self { port, topics, names, ids, partitions, kept: HashMap::new(), producers: 0 }
    }

    /// Whether there is such a topic.
    pub fn has(&self, name: &[u8], partition: i32) -> bool {
        self.names.contains(name) && (0..self.partitions).contains(&partition)
    }

    /// Whether there is a topic of this id.
    pub fn has_id(&self, id: &[u8; 16], partition: i32) -> bool {
        self.ids.contains_key(id) && (0..self.partitions).contains(&partition)
    }

    /// The answer to a whole request, with the correlation id of some other one.
    pub fn to(&mut self, key: i16, version: i16, frame: &[u8]) -> wire::Result<&[u8]> {
        // The same but for the correlation id, and never for the length.
        let request = [frame.get(4..8), frame.get(12..)].map(Option::unwrap_or_default).concat();
        if key == 22 || self.kept.len() >= KEPT_MAX || !self.kept.contains_key(&request) {
            let answer = self.make(key, version, frame)?;
            if self.kept.len() >= KEPT_MAX {
                self.kept.clear();
            }
            self.kept.insert(request.clone(), answer);
        }
        self.kept.get(&request).map(Vec::as_slice).ok_or_else(|| "has lost an answer".to_owned())
    }

    fn make(&mut self, key: i16, version: i16, frame: &[u8]) -> wire::Result<Vec<u8>> {
        match (key, version) {
            (3, 0..=cluster::METADATA_VERSION) => self.metadata(version, frame),
            (18, 0..=cluster::API_VERSIONS_VERSION) => cluster::api_versions_answer(version),
            (22, 0..=cluster::INIT_PRODUCER_ID_VERSION) => {
                self.producers += 1;
                cluster::init_producer_id_answer(version, self.producers)
            }
            _ => Err(format!("got a request for api key {key} version {version}")),
        }
    }

    fn metadata(&self, version: i16, frame: &[u8]) -> wire::Result<Vec<u8>> {
        let Some(named) = cluster::metadata_topics(version, frame)? else {
            let all: Vec<&str> = self.topics.iter().map(String::as_str).collect();
            return cluster::metadata_answer(version, self.port, &all, self.partitions);
        };
        let mut topics = Vec::new();
        for (name, id) in &named {
            let topic = match name {
                Some(name) => self.names.contains(name.as_bytes()).then_some(name.as_str()),
                None => self.ids.get(id).map(String::as_str),
            };
            topics.push(topic.ok_or_else(|| format!("got a request for the topic {name:?} with the id {id:x?}"))?);
        }
        cluster::metadata_answer(version, self.port, &topics, self.partitions)
    }
}
