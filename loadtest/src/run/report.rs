//! What a run prints and writes: a line a second, the figures at the end, and all of it as a file.

use crate::console;
use crate::error::Result;
use crate::load::Done;
use crate::results_file::ResultsFile;
use crate::trial::Round;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Done until some time of the measured ones.
#[derive(Serialize)]
struct Sample {
    seconds: f64,
    #[serde(flatten)]
    done: Done,
}

/// What was measured so far.
#[derive(Serialize)]
pub struct Run {
    about: String,
    /// What was done until then, about every second.
    samples: Vec<Sample>,
    round: Option<Round>,
}

/// The file.
pub type Report = ResultsFile<Run>;

impl Report {
    /// Begins the file, if there is one.
    pub fn begin(file: Option<PathBuf>, about: String) -> Result<Self> {
        Self::create(file, Run { about, samples: Vec::new(), round: None })
    }

    /// Keeps what was done in the measured time so far.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn sample(&mut self, time: Duration, done: Done) {
        let seconds = time.as_secs_f64();
        let last = self.content.samples.last();
        let (before, begin) = last.map_or((0, 0.0), |last| (last.done.requests, last.seconds));
        if seconds - begin < 1.0 {
            return;
        }
        let rate = (done.requests - before) as f64 / (seconds - begin);
        console::progress(&format!("{seconds:.0} s: {rate:.0} requests/s"));
        self.content.samples.push(Sample { seconds, done });
    }

    /// Prints the figures and keeps them.
    pub fn round(&mut self, round: Round) {
        if round.done.requests == 0 && round.idle_kib.is_none() {
            console::note("requests", "none was answered in the measured time");
        }
        lines(&round).iter().for_each(|(title, detail)| console::note(title, detail));
        self.content.round = Some(round);
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
        let latency = |us: Option<u64>| us.map_or("too few samples".to_owned(), |us| format!("{us} us"));
        let (p50, p99, p999) = (latency(round.p50_us), latency(round.p99_us), latency(round.p999_us));
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
    fn a_failure_keeps_the_samples() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("run.json");
        let mut report = Report::begin(Some(file.clone()), "a load".to_owned()).unwrap();
        report.sample(Duration::from_millis(1100), Done { requests: 500, bytes: 0 });
        report.sample(Duration::from_millis(1200), Done { requests: 600, bytes: 0 });
        report.finish(Some("Klamm ended by itself")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(value["complete"], false);
        assert_eq!(value["samples"].as_array().unwrap().len(), 1);
        assert_eq!(value["samples"][0]["requests"], 500);
    }
}
