//! Figures as a table and as a file, and two such files beside each other.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// Instructions or allocations may grow so much before a comparison fails.
const GROWTH_MAX: f64 = 1.03;

/// What one case costs in one way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    pub case: String,
    pub way: String,
    pub nanoseconds: Option<f64>,
    /// `None`: valgrind is not there.
    pub instructions: Option<u64>,
    pub frame_bytes: usize,
    /// Bytes of the frames that were loaded, each once.
    pub frame_bytes_read: Option<u64>,
    pub bytes_written: usize,
    pub allocations: f64,
    pub allocated_bytes: f64,
}

/// All figures, and where they come from.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    pub processor: String,
    pub kernel: String,
    pub commit: String,
    pub figures: Vec<Figures>,
}

impl Results {
    pub fn new(figures: Vec<Figures>) -> Results {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned()));
        let commit = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
        let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Results {
            processor: processor.unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            commit: commit.unwrap_or_default(),
            figures,
        }
    }

    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }

    pub fn read(path: &Path) -> Result<Results, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn find(&self, like: &Figures) -> Option<&Figures> {
        self.figures.iter().find(|figures| figures.case == like.case && figures.way == like.way)
    }
}

pub fn print_head() {
    println!(
        "{:<33} {:<14} {:>10} {:>12} {:>9} {:>8} {:>8} {:>7} {:>9}",
        "frame", "way", "ns", "instructions", "bytes", "read", "written", "allocs", "bytes"
    );
}

impl Figures {
    pub fn print(&self) {
        let number = |number: Option<u64>| number.map_or_else(|| "-".into(), |number| number.to_string());
        println!(
            "{:<33} {:<14} {:>10} {:>12} {:>9} {:>8} {:>8} {:>7} {:>9}",
            self.case,
            self.way,
            self.nanoseconds.map_or_else(|| "-".into(), |ns| format!("{ns:.0}")),
            number(self.instructions),
            self.frame_bytes,
            number(self.frame_bytes_read),
            self.bytes_written,
            self.allocations,
            self.allocated_bytes,
        );
    }
}

/// Prints what became of each figure; false when one grew by more than it may.
pub fn compare(before: &Results, now: &Results) -> bool {
    println!("before: {}, now: {}", before.commit, now.commit);
    println!(
        "{:<33} {:<14} {:>12} {:>12} {:>7} {:>8} {:>8}",
        "frame", "way", "instructions", "now", "ratio", "allocs", "now"
    );
    let mut sound = true;
    for figures in &now.figures {
        let Some(was) = before.find(figures) else {
            println!("{:<33} {:<14} is new", figures.case, figures.way);
            continue;
        };
        let (Some(old), Some(new)) = (was.instructions, figures.instructions) else {
            println!("{:<33} {:<14} has no instructions to compare", figures.case, figures.way);
            sound = false;
            continue;
        };
        let ratio = new as f64 / old.max(1) as f64;
        let grew = ratio > GROWTH_MAX || figures.allocations > was.allocations * GROWTH_MAX;
        sound &= !grew;
        println!(
            "{:<33} {:<14} {old:>12} {new:>12} {ratio:>7.3} {:>8} {:>8}{}",
            figures.case,
            figures.way,
            was.allocations,
            figures.allocations,
            if grew { "  GREW" } else { "" }
        );
    }
    sound
}
