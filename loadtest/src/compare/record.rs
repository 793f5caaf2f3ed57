//! The comparison as a file: every round of every proxy under every workload.

use super::experiments::Experiment;
use crate::error::{Context, Result};
use crate::lab::haproxy;
use crate::measure::machine::Machine;
use crate::results_file::ResultsFile;
use crate::target::Variant;
use crate::trial::Round;
use serde::Serialize;
use std::path::Path;
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
#[derive(Serialize)]
struct Part {
    #[serde(flatten)]
    experiment: Experiment,
    series: Vec<Series>,
}

/// What was compared so far.
#[derive(Serialize)]
pub struct Comparison {
    /// Seconds since 1970.
    begun: u64,
    haproxy: Option<String>,
    workloads: Vec<Part>,
    /// The lines that were printed about goals.
    pub verdicts: Vec<String>,
}

/// The file.
pub type Record = ResultsFile<Comparison>;

impl Record {
    /// Creates the directory and the file.
    pub fn begin(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).doing(|| format!("cannot write results to {}", directory.display()))?;
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let commit = Machine::here().commit.unwrap_or_else(|| "unknown".to_owned()).replace('/', "-");
        let file = directory.join(format!("compare-{commit}-{begun}.json"));
        let content = Comparison { begun, haproxy: haproxy::version(), workloads: Vec::new(), verdicts: Vec::new() };
        Self::create(Some(file), content)
    }

    /// Keeps a workload's rounds so far; the same workload's earlier state is replaced.
    pub fn workload(&mut self, experiment: &Experiment, series: &[Series]) -> Result<()> {
        let part = Part { experiment: experiment.clone(), series: series.to_vec() };
        let parts = &mut self.content.workloads;
        match parts.iter_mut().find(|part| part.experiment.name == experiment.name) {
            Some(place) => *place = part,
            None => parts.push(part),
        }
        self.save()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_is_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut record = Record::begin(directory.path()).unwrap();
        let experiment = super::super::experiments::chosen(&[]).remove(0);
        let rounds = vec![Round { seconds: 1.5, disturbed: true, ..Round::default() }];
        let series =
            |rounds| [Series { variant: crate::target::Kind::Klamm.into(), rounds, thrown_away: 2, left_out: None }];
        record.workload(&experiment, &series(Vec::new())).unwrap();
        record.workload(&experiment, &series(rounds)).unwrap();
        let text = std::fs::read_to_string(record.path()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["workloads"].as_array().unwrap().len(), 1);
        assert_eq!(value["workloads"][0]["series"][0]["rounds"][0]["seconds"], 1.5);
        assert_eq!(value["workloads"][0]["series"][0]["rounds"][0]["disturbed"], true);
    }

    #[test]
    fn a_series_is_worth_something_while_half_of_its_rounds_are_quiet() {
        let series = |disturbed: &[bool]| {
            let round = |disturbed: &bool| Round { disturbed: *disturbed, ..Round::default() };
            let rounds = disturbed.iter().map(round).collect();
            Series { variant: crate::target::Kind::Klamm.into(), rounds, thrown_away: 0, left_out: None }
        };
        assert!(!series(&[]).is_mostly_disturbed());
        assert!(!series(&[true, false]).is_mostly_disturbed());
        assert!(series(&[true, false, true]).is_mostly_disturbed());
    }
}
