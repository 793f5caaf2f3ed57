//! Results as a JSON file, written while they come, so that whatever ends a measurement leaves what was measured until then.
//!
//! Owns the file. `complete` is true only at the very end; until then, and after a failure, it is marked partial.

use crate::error::{Context, Result};
use crate::measure::machine::Machine;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The file and what is in it.
#[derive(Serialize)]
pub struct ResultsFile<T> {
    #[serde(skip)]
    file: Option<PathBuf>,
    complete: bool,
    /// What ended it.
    failure: Option<String>,
    command: Vec<String>,
    machine: Machine,
    /// The results.
    #[serde(flatten)]
    pub content: T,
}

impl<T: Serialize> ResultsFile<T> {
    /// Writes it for the first time, so that it is known at once whether it can be written. `None`: there is no file.
    pub fn create(file: Option<PathBuf>, content: T) -> Result<Self> {
        let command = std::env::args().skip(1).collect();
        let results = Self { file, complete: false, failure: None, command, machine: Machine::here(), content };
        results.save()?;
        Ok(results)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(""))
    }

    /// The end, by itself or by a failure.
    pub fn finish(&mut self, failure: Option<&str>) -> Result<()> {
        self.complete = failure.is_none();
        self.failure = failure.map(str::to_owned);
        self.save()
    }

    /// Writes it beside its place and moves it there: a file that is seen is whole.
    pub fn save(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let doing = || format!("cannot write {}", file.display());
        let text = serde_json::to_string_pretty(self).doing(doing)?;
        let beside = file.with_extension("json.part");
        std::fs::write(&beside, text + "\n").doing(doing)?;
        std::fs::rename(&beside, file).doing(doing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_marked_partial_until_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("results.json");
        let read = || -> serde_json::Value { serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap() };
        let content = std::collections::BTreeMap::from([("seconds", 1.5)]);
        let mut results = ResultsFile::create(Some(file.clone()), content).unwrap();
        assert_eq!((&read()["complete"], &read()["seconds"]), (&false.into(), &1.5.into()));
        results.finish(Some("Klamm ended by itself")).unwrap();
        assert_eq!((&read()["complete"], &read()["failure"]), (&false.into(), &"Klamm ended by itself".into()));
        results.finish(None).unwrap();
        assert_eq!(read()["complete"], true);
        let nowhere = ResultsFile::create(Some(file.join("x.json")), ()).err().unwrap();
        assert!(nowhere.what().contains("cannot write"), "{nowhere}");
    }
}
