//! Kernel entries of a process: how often its threads make a system call.
//!
//! Owns the counting program: perf (the tracepoint raw_syscalls:sys_enter), else strace. Both slow the process down, so
//! that CPU time is never taken from the same round. Work that io_uring does without an entry is not counted.

use crate::error::{Context, Error, Result};
use crate::interrupt;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The tracepoint.
const EVENT: &str = "raw_syscalls:sys_enter";
/// How long a counter may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The program that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counter {
    /// perf stat.
    Perf,
    /// strace -c.
    Strace,
}

impl Counter {
    /// The one that works here.
    pub fn here() -> Option<Self> {
        let runs = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).stdin(Stdio::null()).output();
            output.is_ok_and(|output| {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                output.status.success() && !text.contains("not supported") && !text.contains("not counted")
            })
        };
        if runs("perf", &["stat", "-x,", "-e", EVENT, "true"]) {
            Some(Self::Perf)
        } else {
            runs("strace", &["-c", "true"]).then_some(Self::Strace)
        }
    }
}

/// A counter that is attached to a process.
pub struct Counting {
    counter: Counter,
    process: Child,
    output: std::path::PathBuf,
}

impl Counting {
    /// Attaches it.
    pub fn start(counter: Counter, pid: u32, directory: &Path) -> Result<Self> {
        let output = directory.join("entries.txt");
        let mut command = match counter {
            Counter::Perf => {
                let mut command = Command::new("perf");
                command.args(["stat", "-x,", "-e", EVENT, "-o"]);
                command
            }
            Counter::Strace => {
                let mut command = Command::new("strace");
                command.args(["-c", "-f", "-o"]);
                command
            }
        };
        command.arg(&output).arg("-p").arg(pid.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let log = File::create(directory.join("entries.log")).doing("cannot count kernel entries")?;
        let process = command.stderr(log).spawn().doing("cannot count kernel entries")?;
        let mut counting = Self { counter, process, output };
        let begin = Instant::now();
        while !counting.has_begun(pid) {
            if begin.elapsed() > PATIENCE || !matches!(counting.process.try_wait(), Ok(None)) {
                return Err(Error::new("the program that counts kernel entries did not begin"));
            }
            interrupt::pause(Duration::from_millis(5))?;
        }
        Ok(counting)
    }

    fn has_begun(&self, pid: u32) -> bool {
        match self.counter {
            Counter::Perf => {
                let Ok(entries) = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())) else { return false };
                let links = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
                links.into_iter().any(|link| link.to_string_lossy().contains("perf_event"))
            }
            Counter::Strace => {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                status.contains(&format!("TracerPid:\t{}", self.process.id()))
            }
        }
    }

    /// Ends it; the number of entries meanwhile.
    pub fn stop(mut self) -> Result<u64> {
        self.interrupt()?;
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if !matches!(self.process.try_wait(), Ok(None)) {
                let text = std::fs::read_to_string(&self.output).doing("no kernel entries were counted")?;
                let found = match self.counter {
                    Counter::Perf => of_perf(&text),
                    Counter::Strace => of_strace(&text),
                };
                return found
                    .ok_or_else(|| Error::new(format!("the count of kernel entries is not understood: {text}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(Error::new("the program that counts kernel entries did not end"))
    }

    fn interrupt(&self) -> Result<()> {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        pid.map_or(Ok(()), |pid| kill_process(pid, Signal::INT)).doing("cannot end the counting")
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        // After a failure, which is what the user must read.
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// `29,,raw_syscalls:sys_enter,1540246,100.00,,`
fn of_perf(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(EVENT))?;
    line.split(',').next()?.trim().parse().ok()
}

/// The last line: `100.00    0.000812           4       197         3 total`.
fn of_strace(text: &str) -> Option<u64> {
    let line = text.lines().rfind(|line| line.trim_end().ends_with("total"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs_are_understood() {
        assert_eq!(of_perf("# started on\n\n29,,raw_syscalls:sys_enter,1540246,100.00,,\n"), Some(29));
        assert_eq!(of_perf("<not counted>,,raw_syscalls:sys_enter,0,100.00,,\n"), None);
        let strace = "% time     seconds  usecs/call     calls    errors syscall\n 60.00    0.000812           4       197         3 read\n------\n100.00    0.001353           4       300         3 total\n";
        assert_eq!(of_strace(strace), Some(300));
        assert_eq!(of_strace(""), None);
    }

    #[test]
    fn entries_of_a_process_are_counted_where_a_counter_works() {
        let Some(counter) = Counter::here() else { return };
        let directory = tempfile::tempdir().unwrap();
        let mut busy =
            Command::new("dd").args(["if=/dev/zero", "of=/dev/null", "bs=1"]).stderr(Stdio::null()).spawn().unwrap();
        let counted = Counting::start(counter, busy.id(), directory.path()).and_then(|counting| {
            std::thread::sleep(Duration::from_millis(300));
            counting.stop()
        });
        busy.kill().and_then(|()| busy.wait()).unwrap();
        assert!(counted.unwrap() > 100);
    }
}
