//! Finding the places to work at in a Kafka, or in a gateway before one: each partition's leader.
//!
//! The topic is created by its first mention, where the cluster allows that.

use super::{Place, handshake};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::wire::cluster::TopicMetadata;
use crate::wire::fetch;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// How long a new topic may take to have leaders.
const PATIENCE: Duration = Duration::from_secs(30);

/// The leaders of all partitions of a topic.
pub fn places(bootstrap: &[String], topic: &str) -> Result<Vec<Place>> {
    let begin = Instant::now();
    let mut is_new = false;
    loop {
        let seen = ask_any(bootstrap, topic)?;
        match leaders(&seen, topic) {
            // A leader that Metadata names already may not know it yet.
            Ok(places) if is_new && begin.elapsed() < PATIENCE && !places.iter().all(leads) => {
                interrupt::pause(Duration::from_millis(200))?;
            }
            Ok(places) => return Ok(places),
            Err(why) if begin.elapsed() > PATIENCE => {
                return Err(Error::new(format!(
                    "the topic {topic} is not there after {} s: {why}",
                    PATIENCE.as_secs()
                ))
                .try_this("Create it, or choose another with --topic."));
            }
            Err(_) => {
                is_new = true;
                interrupt::pause(Duration::from_millis(200))?;
            }
        }
    }
}

/// Whether a place's broker serves its partition: an empty one is fetched without an error.
fn leads(place: &Place) -> bool {
    const VERSION: i16 = 12;
    let mut frame = Vec::new();
    let (topic, partitions) = (&place.topic, &[(place.partition, 0)]);
    let session = fetch::FetchSession { id: 0, epoch: -1 };
    fetch::Request { version: VERSION, id: 0, session, topic, partitions, bytes_max: 1 }.write(&mut frame);
    let answer = handshake::connect(place.address).and_then(|mut stream| handshake::ask(&mut stream, Ok(frame)));
    answer.is_ok_and(|answer| fetch::check(VERSION, &answer, topic).is_ok())
}

fn ask_any(bootstrap: &[String], topic: &str) -> Result<TopicMetadata> {
    let mut failures = Vec::new();
    for server in bootstrap {
        match resolve(server).and_then(|address| handshake::metadata(&mut handshake::connect(address)?, topic)) {
            Ok(seen) => return Ok(seen),
            Err(error) => failures.push(format!("{server}: {}", error.what())),
        }
    }
    Err(Error::new(format!("no Kafka answers: {}", failures.join("; ")))
        .try_this("Is it up, and is it a plain listener?"))
}

fn resolve(server: &str) -> Result<SocketAddr> {
    let found = server.to_socket_addrs().map_err(|error| Error::new(format!("its name is not known: {error}")))?;
    let mut found: Vec<SocketAddr> = found.collect();
    // A broker called "localhost" mostly listens on IPv4.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| Error::new("its name has no address"))
}

fn leaders(seen: &TopicMetadata, topic: &str) -> std::result::Result<Vec<Place>, String> {
    if seen.error != 0 || seen.leaders.is_empty() {
        return Err(format!("error {}, {} partitions", seen.error, seen.leaders.len()));
    }
    let topic = fetch::Topic { name: topic.as_bytes().to_vec(), id: seen.topic_id };
    let place = |(partition, leader, error): &(i32, i32, i16)| {
        let node = seen.nodes.iter().find(|(id, ..)| id == leader);
        let (_, host, port) = node.ok_or_else(|| format!("partition {partition} has no leader (error {error})"))?;
        let address = resolve(&format!("{host}:{port}")).map_err(|error| format!("{host}:{port}: {}", error.what()))?;
        Ok(Place { address, topic: topic.clone(), partition: *partition })
    };
    seen.leaders.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_every_address() {
        let servers = ["127.0.0.1:1".to_owned(), "name.invalid:9092".to_owned()];
        let error = places(&servers, "castle").unwrap_err();
        for word in ["no Kafka answers", "127.0.0.1:1: cannot connect", "name.invalid:9092: its name is not known"] {
            assert!(error.what().contains(word), "{error}");
        }
    }
}
