//! A neighbour: a client that asks the same small thing again and again, and notices when it is disturbed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafka_protocol::messages::MetadataRequest;

use super::Fallible;
use super::wire::Wire;
use crate::ensure;

/// An answer that takes longer is a disturbance, on a machine that does other work as well.
const LATEST: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A client at work.
pub struct Neighbour {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Fallible<usize>>,
}

impl Neighbour {
    /// Connects and begins.
    pub fn start(address: &str) -> Fallible<Neighbour> {
        let mut wire = Wire::connect_as(address, "neighbour")?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let request = MetadataRequest::default().with_topics(Some(Vec::new()));
            let mut answers = 0;
            while !ended.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let answer = wire.ask(12, &request)?;
                ensure!(!answer.body.brokers.is_empty(), "an answer without nodes");
                ensure!(asked.elapsed() < LATEST, "an answer took {:?}", asked.elapsed());
                answers += 1;
                thread::sleep(PAUSE);
            }
            Ok(answers)
        });
        Ok(Neighbour { over, thread })
    }

    /// Ends it; fails when it was disturbed.
    pub fn stop(self) -> Fallible<()> {
        self.over.store(true, Ordering::Relaxed);
        let answers = self.thread.join().map_err(|_| "the neighbour panicked")?;
        let answers = answers.map_err(|error| format!("a neighbour was disturbed: {error}"))?;
        ensure!(answers > 0, "the neighbour got no answer");
        Ok(())
    }
}
