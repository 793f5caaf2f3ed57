//! The records of the quick start, and the proof that exactly they come back.
//!
//! Owns what a record is made of: all that Kafka can carry in one (no key, no value, repeated header names, a header
//! without a value, a time of its own).

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use std::collections::BTreeMap;

/// A record's place in its topic: partition and offset.
pub type Place = (i32, i64);

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key; one in seven records has none.
    pub key: Option<Vec<u8>>,
    /// The value; one in fifty records has none (a tombstone).
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Time of creation, in milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
}

impl Record {
    /// The record of a tenant with this number; `now` is in milliseconds since the Unix epoch. A person can read it.
    pub fn number(tenant: &str, number: usize, now: i64) -> Self {
        let key = (!number.is_multiple_of(7)).then(|| format!("customer-{number}").into_bytes());
        // One in ten is long, up to 2 KiB.
        let more = if number.is_multiple_of(10) { number % 150 } else { 0 };
        let text = format!("order {number} of {tenant}: a chess board{}", ", another one".repeat(more));
        let value = (!number.is_multiple_of(50)).then(|| text.into_bytes());
        let headers = match number % 3 {
            0 => vec![],
            // Bytes of every value.
            1 => vec![("bytes".to_owned(), Some((0..=u8::MAX).collect()))],
            _ => vec![
                ("trace".to_owned(), Some(b"first".to_vec())),
                ("trace".to_owned(), Some(b"second".to_vec())),
                ("empty".to_owned(), None),
            ],
        };
        Self { key, value, headers, timestamp: Some(now + i64::try_from(number).unwrap_or(0)) }
    }

    /// The record that a consumer got.
    pub fn received(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
        });
        Self {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
            timestamp: message.timestamp().to_millis(),
        }
    }

    /// Bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// Compares what was acknowledged with what was consumed, place by place.
pub fn same(produced: &BTreeMap<Place, Record>, consumed: &BTreeMap<Place, Record>) -> Result<(), String> {
    let at = |place: &Place| format!("partition {} offset {}", place.0, place.1);
    for (place, record) in produced {
        match consumed.get(place) {
            None => return Err(format!("the record at {} was acknowledged and never consumed", at(place))),
            Some(found) if found != record => {
                let number = record.headers.first().map(|(name, _)| name.as_str()).unwrap_or("no");
                return Err(format!("the record at {} (headers: {number}) came back changed", at(place)));
            }
            Some(_) => {}
        }
    }
    match consumed.keys().find(|place| !produced.contains_key(place)) {
        Some(place) => Err(format!("the record at {} was consumed and never produced", at(place))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(count: usize) -> BTreeMap<Place, Record> {
        (0..count).map(|number| ((0, i64::try_from(number).unwrap()), Record::number("alice", number, 1000))).collect()
    }

    #[test]
    fn every_kind_of_record_occurs_within_a_hundred() {
        let records = set(100);
        assert!(records.values().any(|record| record.key.is_none()));
        assert!(records.values().any(|record| record.value.is_none()));
        assert!(records.values().any(|record| record.value.as_ref().is_some_and(|value| value.len() > 1000)));
        assert!(records.values().any(|record| record.headers.iter().any(|(_, value)| value.is_none())));
    }

    #[test]
    fn no_record_of_one_tenant_is_one_of_the_other() {
        for number in 0..1000 {
            let (ours, theirs) = (Record::number("alice", number, 1000), Record::number("bob", number, 1000));
            assert_eq!(ours == theirs, ours.value.is_none(), "{number}");
        }
    }

    #[test]
    fn a_lost_a_changed_and_a_foreign_record_are_each_noticed() {
        let produced = set(20);
        assert_eq!(same(&produced, &produced), Ok(()));
        let mut lost = produced.clone();
        lost.remove(&(0, 3));
        assert!(same(&produced, &lost).unwrap_err().contains("never consumed"));
        assert!(same(&lost, &produced).unwrap_err().contains("never produced"));
        let mut changed = produced.clone();
        changed.get_mut(&(0, 5)).unwrap().headers.swap(0, 1);
        assert!(same(&produced, &changed).unwrap_err().contains("changed"));
    }
}
