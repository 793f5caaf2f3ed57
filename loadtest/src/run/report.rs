//! What a run prints and writes: a line a second, the figures at the end, and all of it as a file.
//!
//! Owns the file; until the end, and after a failure, it is marked partial.

use crate::console;
use crate::error::{Context, Result};
use crate::load::Done;
use crate::measure::machine::Machine;
use crate::trial::Round;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Done until some time of the measured ones.
#[derive(Serialize)]
struct Sample {
    seconds: f64,
    #[serde(flatten)]
    done: Done,
}

#[derive(Serialize)]
struct Written {
    complete: bool,
    /// What ended it.
    failure: Option<String>,
    about: String,
    command: Vec<String>,
    machine: Machine,
    /// What was done until then, about every second.
    samples: Vec<Sample>,
    round: Option<Round>,
}

/// What is told.
pub struct Report {
    file: Option<PathBuf>,
    written: Written,
}

impl Report {
    /// Begins; a file that cannot be written is told now.
    ///
    /// # Errors
    ///
    /// The file's.
    pub fn create(file: Option<&Path>, about: String) -> Result<Self> {
        let written = Written {
            complete: false,
            failure: None,
            about,
            command: std::env::args().skip(1).collect(),
            machine: Machine::here(),
            samples: Vec::new(),
            round: None,
        };
        let report = Self { file: file.map(Path::to_owned), written };
        report.save()?;
        Ok(report)
    }

    /// What was done in the measured time so far.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn sample(&mut self, time: Duration, done: Done) {
        let seconds = time.as_secs_f64();
        let last = self.written.samples.last();
        if seconds - last.map_or(0.0, |last| last.seconds) < 1.0 {
            return;
        }
        let (before, begin) = last.map_or((0, 0.0), |last| (last.done.requests, last.seconds));
        let rate = (done.requests - before) as f64 / (seconds - begin);
        console::progress(&format!("{seconds:.0} s: {rate:.0} requests/s"));
        self.written.samples.push(Sample { seconds, done });
    }

    /// Prints the figures, if there are any, and writes the file.
    ///
    /// # Errors
    ///
    /// The file's.
    pub fn finish(&mut self, round: Option<Round>, failure: Option<&str>) -> Result<()> {
        if round.as_ref().is_some_and(|round| round.done.requests == 0 && round.idle_kib.is_none()) {
            console::note("requests", "none was answered in the measured time");
        }
        round.iter().flat_map(lines).for_each(|(title, detail)| console::note(title, &detail));
        self.written.complete = failure.is_none();
        self.written.failure = failure.map(str::to_owned);
        self.written.round = round;
        self.save()
    }

    fn save(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let doing = || format!("cannot write {}", file.display());
        let text = serde_json::to_string_pretty(&self.written).doing(doing)?;
        std::fs::write(file, text + "\n").doing(doing)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn lines(round: &Round) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let requests = round.done.requests as f64;
    if round.done.requests > 0 {
        let mib = round.done.bytes as f64 / f64::from(1 << 20);
        let (rate, mib) = (requests / round.seconds, mib / round.seconds);
        lines.push(("requests", format!("{requests} in {:.2} s: {rate:.0}/s, {mib:.1} MiB/s", round.seconds)));
        let told = |us: Option<u64>| us.map_or("too few samples".to_owned(), |us| format!("{us} us"));
        let (p50, p99, p999) = (told(round.p50_us), told(round.p99_us), told(round.p999_us));
        lines.push(("latency", format!("p50 {p50}; p99 {p99}; p99.9 {p999}")));
    }
    if let Some(cpu) = round.cpu_seconds.filter(|_| round.done.requests > 0) {
        let gib = round.done.bytes as f64 / f64::from(1 << 30);
        let bulk = if gib > 0.0 { format!(", {:.3} s/GiB", cpu / gib) } else { String::new() };
        lines.push(("CPU of the target", format!("{:.2} us a request{bulk}", 1e6 * cpu / requests)));
    }
    if let Some(percent) = round.others_percent {
        lines.push(("others on the target's core", format!("{percent:.1} %")));
    }
    if let Some(kib) = round.memory_kib {
        let (filled, room) = round.pipes_kib.unwrap_or_default();
        lines.push(("memory of the target", format!("{kib} KiB more than at first, {filled} of {room} KiB in pipes")));
    }
    if let Some(kib) = round.idle_kib {
        lines.push(("memory of a connection", format!("{kib:.2} KiB")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_what_was_measured_and_marks_it_partial() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("run.json");
        let mut report = Report::create(Some(&file), "a load".to_owned()).unwrap();
        report.sample(Duration::from_millis(1100), Done { requests: 500, bytes: 0 });
        report.sample(Duration::from_millis(1200), Done { requests: 600, bytes: 0 });
        report.finish(None, Some("Klamm ended by itself")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(value["complete"], false);
        assert_eq!(value["samples"].as_array().unwrap().len(), 1);
        assert_eq!(value["samples"][0]["requests"], 500);
        let error = Report::create(Some(&directory.path().join("no/run.json")), String::new()).err().unwrap();
        assert!(error.what().contains("cannot write"), "{error}");
    }
}
