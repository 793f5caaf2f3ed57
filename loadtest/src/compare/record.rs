//! The comparison as a file: everything that was measured, written after each round, so that whatever ends the
//! comparison leaves what was measured until then.
//!
//! Owns the file. `complete` is true only at the very end; until then, and after a failure, it is marked partial.

use super::experiments::Experiment;
use crate::error::{Context, Result};
use crate::lab::haproxy;
use crate::measure::entries::Counter;
use crate::measure::machine::Machine;
use crate::target::Variant;
use crate::trial::Round;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// All rounds of one proxy under one workload.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// The proxy.
    pub variant: Variant,
    /// In the order they were run.
    pub rounds: Vec<Round>,
    /// Rounds that others disturbed and that were repeated.
    pub thrown_away: u32,
    /// Why there are none.
    pub left_out: Option<String>,
}

impl Series {
    /// Fewer than half of the rounds are worth anything.
    pub fn is_mostly_disturbed(&self) -> bool {
        2 * self.rounds.iter().filter(|round| round.disturbed).count() > self.rounds.len()
    }
}

/// The rounds of one workload.
#[derive(Clone, Debug, Serialize)]
struct Part {
    #[serde(flatten)]
    experiment: Experiment,
    series: Vec<Series>,
}

#[derive(Serialize)]
struct Written {
    complete: bool,
    /// What ended it.
    failure: Option<String>,
    /// Seconds since 1970.
    begun: u64,
    command: Vec<String>,
    machine: Machine,
    haproxy: Option<String>,
    instructions: String,
    workloads: Vec<Part>,
    verdicts: Vec<String>,
}

/// The file.
pub struct Record {
    file: PathBuf,
    written: Written,
}

impl Record {
    /// Creates the directory and the file, so that it is known at once whether they can be written.
    ///
    /// # Errors
    ///
    /// When they cannot.
    pub fn create(directory: &Path, machine: Machine) -> Result<Self> {
        std::fs::create_dir_all(directory).doing(|| format!("cannot write results to {}", directory.display()))?;
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let commit = machine.commit.as_deref().unwrap_or("unknown").replace('/', "-");
        let file = directory.join(format!("compare-{commit}-{begun}.json"));
        let written = Written {
            complete: false,
            failure: None,
            begun,
            command: std::env::args().skip(1).collect(),
            machine,
            haproxy: haproxy::version(),
            instructions: Counter::instructions_note(),
            workloads: Vec::new(),
            verdicts: Vec::new(),
        };
        let record = Self { file, written };
        record.save()?;
        Ok(record)
    }

    /// Where it is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A workload's rounds so far; the same workload's earlier state is replaced.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn workload(&mut self, experiment: &Experiment, series: &[Series]) -> Result<()> {
        let part = Part { experiment: experiment.clone(), series: series.to_vec() };
        match self.written.workloads.iter_mut().find(|part| part.experiment.name == experiment.name) {
            Some(place) => *place = part,
            None => self.written.workloads.push(part),
        }
        self.save()
    }

    /// What follows from a workload.
    pub fn verdicts(&mut self, verdicts: Vec<String>) {
        self.written.verdicts.extend(verdicts);
    }

    /// The end, by itself or by a failure.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn finish(&mut self, failure: Option<&str>) -> Result<()> {
        self.written.complete = failure.is_none();
        self.written.failure = failure.map(str::to_owned);
        self.save()
    }

    /// Writes it beside its place and moves it there: a file that is seen is whole.
    fn save(&self) -> Result<()> {
        let doing = || format!("cannot write {}", self.file.display());
        let text = serde_json::to_string_pretty(&self.written).doing(doing)?;
        let beside = self.file.with_extension("json.part");
        std::fs::write(&beside, text + "\n").doing(doing)?;
        std::fs::rename(&beside, &self.file).doing(doing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_stays_marked_partial_until_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let mut record = Record::create(directory.path(), Machine::here()).unwrap();
        let read = |record: &Record| -> serde_json::Value {
            serde_json::from_str(&std::fs::read_to_string(record.file()).unwrap()).unwrap()
        };
        assert_eq!(read(&record)["complete"], false);
        let experiment = super::super::experiments::chosen(&[]).remove(0);
        let variant = crate::target::Kind::Klamm.into();
        let rounds = vec![Round { seconds: 1.5, disturbed: true, ..Round::default() }];
        record.workload(&experiment, &[Series { variant, rounds, thrown_away: 2, left_out: None }]).unwrap();
        record.finish(Some("Klamm ended by itself")).unwrap();
        let value = read(&record);
        assert_eq!(value["complete"], false);
        assert_eq!(value["failure"], "Klamm ended by itself");
        assert_eq!(value["workloads"][0]["series"][0]["rounds"][0]["seconds"], 1.5);
        assert_eq!(value["workloads"][0]["series"][0]["rounds"][0]["disturbed"], true);
        record.finish(None).unwrap();
        assert_eq!(read(&record)["complete"], true);
    }

    #[test]
    fn a_series_is_worth_something_while_half_of_its_rounds_are_quiet() {
        let series = |disturbed: &[bool]| {
            let rounds =
                disturbed.iter().map(|disturbed| Round { disturbed: *disturbed, ..Round::default() }).collect();
            Series { variant: crate::target::Kind::Klamm.into(), rounds, thrown_away: 0, left_out: None }
        };
        assert!(!series(&[]).is_mostly_disturbed());
        assert!(!series(&[true, false]).is_mostly_disturbed());
        assert!(series(&[true, false, true]).is_mostly_disturbed());
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_told_before_anything_is_measured() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Record::create(&file.path().join("results"), Machine::here()).err().unwrap();
        assert!(error.what().contains("cannot write results to"), "{error}");
    }
}
