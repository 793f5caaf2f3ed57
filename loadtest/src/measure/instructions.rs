//! User-mode instructions of a process, counted by valgrind's callgrind: exact, whatever else runs on the machine.
//!
//! Owns how a process is started so that it can be counted, and when counting is on. It runs some fifty times slower, so
//! that neither time nor CPU is taken from the same round.

use crate::error::{Context, Error, Result};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// What to do when it is not there.
pub const INSTALL: &str = "valgrind is not installed (on Debian: apt-get install valgrind)";

/// What callgrind writes when the process ends.
const FILE: &str = "callgrind.out";

/// Whether it can be used here.
pub fn is_there() -> bool {
    ["valgrind", "callgrind_control"].iter().all(|program| {
        let run = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        run.is_ok_and(|output| output.status.success())
    })
}

/// The command that runs `command` so that it can be counted. Nothing is counted until [`count`] starts it.
pub fn counted(directory: &Path, command: &[OsString]) -> Vec<OsString> {
    let mut out = OsString::from("--callgrind-out-file=");
    out.push(directory.join(FILE));
    let valgrind = ["valgrind".into(), "-q".into(), "--tool=callgrind".into(), "--instr-atstart=no".into(), out];
    valgrind.into_iter().chain(command.iter().cloned()).collect()
}

/// Begins or ends counting.
pub fn count(pid: u32, on: bool) -> Result<()> {
    let doing = "cannot control callgrind";
    let mut command = Command::new("callgrind_control");
    command.args(["-i", if on { "on" } else { "off" }, &pid.to_string()]).stdin(Stdio::null());
    let output = command.output().doing(doing)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::new(format!("{doing}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// What was counted, once the process has ended.
pub fn collected(directory: &Path) -> Result<u64> {
    let file = directory.join(FILE);
    let text = std::fs::read_to_string(&file).doing(|| format!("callgrind wrote no {}", file.display()))?;
    total(&text).ok_or_else(|| Error::new(format!("callgrind wrote no total to {}", file.display())))
}

/// The line that sums up everything (callgrind's format: `totals: 12345`).
fn total(text: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_last_one() {
        assert_eq!(total("summary: 7\nfn=(1)\n12 3\ntotals: 9876543210\n"), Some(9_876_543_210));
        assert_eq!(total("summary: 7\n"), None);
    }
}
