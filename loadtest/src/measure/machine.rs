//! Where a figure was measured: without it a number is worth nothing.

use serde::Serialize;

/// The machine, its kernel, and the version measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// As the processor calls itself.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Release of the kernel.
    pub kernel: String,
    /// The commit of the source this was built from, when it is run inside its repository.
    pub commit: Option<String>,
    /// Whether this program was built with optimisation: figures of another build are worth nothing.
    pub release_build: bool,
}

impl Machine {
    /// Reads what can be read; what cannot is "unknown".
    pub fn here() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned()));
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned());
        Self {
            processor: processor.unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.unwrap_or_else(|_| "unknown".to_owned()),
            commit: commit(),
            release_build: !cfg!(debug_assertions),
        }
    }

    /// One line for a report.
    pub fn line(&self) -> String {
        let commit = self.commit.as_deref().unwrap_or("unknown");
        let build = if self.release_build { "" } else { "; NOT a release build: these figures are worth nothing" };
        format!("{}, {} cores, Linux {}, commit {commit}{build}", self.processor, self.cores, self.kernel)
    }
}

fn commit() -> Option<String> {
    let git =
        std::process::Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output().ok()?;
    git.status.success().then(|| String::from_utf8_lossy(&git.stdout).trim().to_owned())
}
