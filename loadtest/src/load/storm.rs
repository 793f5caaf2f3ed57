//! A storm of connections: each is opened, asks one question, gets its answer and goes away.
//!
//! Owns its threads, each of which has one connection at a time.

use super::schedule::Schedule;
use super::{Done, handshake};
use crate::child::pin_to;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::measure::latency::Latencies;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The api that every Kafka has.
const METADATA: (i16, i16) = (3, 1);

/// The storm.
pub struct Storm {
    /// Where to connect, in turn.
    pub addresses: Vec<SocketAddr>,
    /// Connections at a time.
    pub connections: usize,
    /// Connections a second; nothing: as many as can be.
    pub rate: Option<u32>,
    /// How long.
    pub time: Duration,
    /// The only core to use.
    pub core: Option<usize>,
}

/// What it showed.
pub struct Outcome {
    /// Connections that got their answer.
    pub done: Done,
    /// From when a connection was due until its answer.
    pub latencies: Latencies,
    /// How long it took.
    pub time: Duration,
}

impl Storm {
    /// Lets it rage.
    ///
    /// # Errors
    ///
    /// A connection that was refused, or got no answer or a wrong one.
    pub fn run(&self) -> Result<Outcome> {
        let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
        let begin = Instant::now();
        let outcomes: Vec<Result<Latencies>> = std::thread::scope(|scope| {
            let start = |number| {
                let (stop, count) = (&stop, &count);
                scope.spawn(move || {
                    let outcome = self.one_thread(number, begin, stop, count);
                    if outcome.is_err() {
                        stop.store(true, Ordering::SeqCst);
                    }
                    outcome
                })
            };
            let threads: Vec<_> = (0..self.connections).map(start).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Latencies>>| {
                thread.join().unwrap_or_else(|_| Err(Error::new("a thread of the storm ended by a fault of ours")))
            };
            threads.into_iter().map(join).collect()
        });
        let time = begin.elapsed();
        let mut latencies = Latencies::new();
        for outcome in outcomes {
            latencies.add(&outcome?);
        }
        Ok(Outcome { done: Done { requests: count.into_inner(), bytes: 0 }, latencies, time })
    }

    fn one_thread(&self, number: usize, begin: Instant, stop: &AtomicBool, count: &AtomicU64) -> Result<Latencies> {
        self.core.map_or(Ok(()), pin_to)?;
        let mut latencies = Latencies::new();
        // Every thread walks the whole schedule and takes its own turns of it.
        let mut schedule = self.rate.map(|rate| Schedule::new(rate, self.connections));
        schedule.iter_mut().for_each(|schedule| schedule.begin(begin));
        for turn in number.. {
            let due = match &mut schedule {
                None => Instant::now(),
                Some(schedule) => match wait_turn(schedule, number, begin + self.time, stop)? {
                    Some(due) => due,
                    None => break,
                },
            };
            if begin.elapsed() >= self.time || stop.load(Ordering::Relaxed) {
                break;
            }
            interrupt::check()?;
            let address = self.addresses.get(turn % self.addresses.len().max(1)).copied();
            let mut stream = handshake::connect(address.ok_or_else(|| Error::new("no address"))?)?;
            let (key, version) = METADATA;
            if !handshake::offers(&mut stream, key, version)? {
                return Err(Error::new("a connection of the storm was not offered Metadata"));
            }
            latencies.record(due.elapsed());
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(latencies)
    }
}

/// Waits for the next turn of this thread; nothing when the time is over before.
fn wait_turn(schedule: &mut Schedule, number: usize, end: Instant, stop: &AtomicBool) -> Result<Option<Instant>> {
    loop {
        interrupt::check()?;
        let now = Instant::now();
        if now >= end || stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        while let Some((due, index)) = schedule.next(now) {
            if index == number {
                return Ok(Some(due));
            }
        }
        std::thread::sleep(schedule.wait(Instant::now()).min(end.duration_since(now)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::sink::{Script, Sink};

    #[test]
    fn a_storm_rages_at_full_speed_and_at_a_rate() {
        let sink = Sink::start(None, Script::default()).unwrap();
        let address = sink.address();
        let storm = |rate| Storm {
            addresses: vec![address],
            connections: 4,
            rate,
            time: Duration::from_millis(500),
            core: None,
        };
        assert!(storm(None).run().unwrap().done.requests > 10);
        let slow = storm(Some(100)).run().unwrap().done.requests;
        assert!((5..=50).contains(&slow), "{slow}");
        sink.stop().unwrap();
        let nobody = Storm { addresses: vec!["127.0.0.1:1".parse().unwrap()], ..storm(None) };
        assert!(nobody.run().err().unwrap().what().contains("cannot connect"));
    }
}
