//! Connections that come and go: each client opens one, gets what it wants and closes it, again and again.
//!
//! Owns the threads, each of which has one connection at a time.

use super::schedule::Schedule;
use crate::child::pin_to;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::measure::latency::Latencies;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How many clients, how fast and how long.
#[derive(Clone, Copy)]
pub struct HandshakeStorm {
    /// Connections at a time.
    pub clients: usize,
    /// Connections a second; `None`: as many as can be.
    pub rate: Option<u32>,
    /// How long.
    pub time: Duration,
    /// The only core to use.
    pub core: Option<usize>,
}

impl HandshakeStorm {
    /// Runs it. `client` makes, in its own thread, what does one whole connection; that gets the connection's number.
    /// Latency counts from when a connection was due until it is done; with it comes how long everything took.
    pub fn run<C: FnMut(usize) -> Result<()>>(
        &self,
        client: impl Fn() -> Result<C> + Sync,
    ) -> Result<(Latencies, Duration)> {
        let (stop, begin) = (&AtomicBool::new(false), Instant::now());
        let outcomes: Vec<Result<Latencies>> = std::thread::scope(|scope| {
            let client = &client;
            let start = |number| {
                scope.spawn(move || {
                    let outcome = self.one_thread(number, begin, stop, client);
                    stop.fetch_or(outcome.is_err(), Ordering::SeqCst);
                    outcome
                })
            };
            let threads: Vec<_> = (0..self.clients).map(start).collect();
            let panicked = |_| Err(Error::new("a client's thread panicked"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
        });
        let time = begin.elapsed();
        let mut latencies = Latencies::new();
        for outcome in outcomes {
            latencies.add(&outcome?);
        }
        Ok((latencies, time))
    }

    fn one_thread<C: FnMut(usize) -> Result<()>>(
        &self,
        number: usize,
        begin: Instant,
        stop: &AtomicBool,
        client: impl Fn() -> Result<C>,
    ) -> Result<Latencies> {
        self.core.map_or(Ok(()), pin_to)?;
        let mut connect = client()?;
        let mut latencies = Latencies::new();
        // Every thread walks the whole schedule and takes its own turns of it.
        let mut schedule = self.rate.map(|rate| Schedule::new(rate, self.clients));
        schedule.iter_mut().for_each(|schedule| schedule.begin(begin));
        for connection in (number..).step_by(self.clients.max(1)) {
            let due = match &mut schedule {
                None => Some(Instant::now()),
                Some(schedule) => wait_turn(schedule, number, begin + self.time, stop)?,
            };
            let Some(due) = due.filter(|_| begin.elapsed() < self.time && !stop.load(Ordering::Relaxed)) else { break };
            interrupt::check()?;
            connect(connection)?;
            latencies.record(due.elapsed());
        }
        Ok(latencies)
    }
}

/// Waits for the next turn of this thread; `None` when the time is over before.
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
    use crate::load::handshake::connect_and_ask;

    #[test]
    fn it_runs_at_full_speed_and_at_a_rate_and_ends_with_the_first_failure() {
        let sink = Sink::start(None, Script::default()).unwrap();
        let address = sink.address();
        let storm = |rate| HandshakeStorm { clients: 4, rate, time: Duration::from_millis(500), core: None };
        let connect = || Ok(|_| connect_and_ask(address).map(drop));
        assert!(storm(None).run(connect).unwrap().0.count() > 10);
        let slow = storm(Some(100)).run(connect).unwrap().0.count();
        assert!((5..=50).contains(&slow), "{slow}");
        sink.stop().unwrap();
        let nobody = storm(None).run(|| Ok(|_| connect_and_ask("127.0.0.1:1".parse().unwrap()).map(drop)));
        assert!(nobody.err().unwrap().what().contains("cannot connect"));
    }
}
