//! Processes that this program starts: Klamm, HAProxy, Kafka. None of them outlives it.
//!
//! Each is started through this very program, which, as the child, asks the kernel to be sent SIGTERM when its parent
//! dies, pins itself to a core if it is to, and then becomes Klamm or the named program. Each is in its own process
//! group, so that Ctrl-C reaches only this program, which then stops them in order.

mod parent_death;

pub use parent_death::{ChildArgs, become_klamm, become_program, check_core, pin_process, pin_to};

use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::measure::instructions;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A process that was started here. It is stopped when this is dropped.
pub struct Child {
    name: &'static str,
    process: std::process::Child,
    log: PathBuf,
}

/// How a child is started.
pub struct Start<'a> {
    /// What it is called in messages.
    pub name: &'static str,
    /// Where its standard output and standard error go.
    pub log: &'a Path,
    /// The only core it may use.
    pub core: Option<usize>,
    /// Where callgrind writes its count, if it counts.
    pub callgrind: Option<&'a Path>,
}

impl Start<'_> {
    /// Starts Klamm with a configuration file.
    pub fn klamm(&self, config: &Path) -> Result<Child> {
        let klamm = ["klamm".into(), "run".into(), config.into()];
        if self.callgrind.is_none() {
            return self.spawn("__klamm", &klamm);
        }
        // Callgrind counts a program: this one, which becomes Klamm.
        let us = std::env::current_exe().doing(|| format!("cannot start {}", self.name))?;
        let parent = std::process::id().to_string().into();
        let command = [us.into(), "__klamm".into(), "--parent".into(), parent, "--".into()];
        self.program(&[&command[..], &klamm[..]].concat())
    }

    /// Starts another program.
    pub fn program(&self, command: &[OsString]) -> Result<Child> {
        match self.callgrind {
            None => self.spawn("__exec", command),
            Some(directory) => self.spawn("__exec", &instructions::counted(directory, command)),
        }
    }

    fn spawn(&self, how: &str, command: &[OsString]) -> Result<Child> {
        let doing = || format!("cannot start {}", self.name);
        let log = File::create(self.log).doing(doing)?;
        let mut start = Command::new(std::env::current_exe().doing(doing)?);
        start.arg(how).arg("--parent").arg(std::process::id().to_string());
        if let Some(core) = self.core {
            start.arg("--core").arg(core.to_string());
        }
        start.arg("--").args(command).stdin(Stdio::null()).process_group(0);
        start.stdout(log.try_clone().doing(doing)?).stderr(log);
        let process = start.spawn().doing(doing)?;
        Ok(Child { name: self.name, process, log: self.log.to_owned() })
    }
}

/// Lines of a child's log that an error holds.
const LOG_LINES: usize = 12;

impl Child {
    /// Its process id, as in `/proc`.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it still runs.
    pub fn check(&mut self) -> Result<()> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.explain(format!("{} ended by itself ({status})", self.name))),
            Err(error) => Err(Error::new(format!("cannot ask whether {} runs: {error}", self.name))),
        }
    }

    /// An error about this child, with the last lines of its log.
    pub fn explain(&self, what: impl Into<String>) -> Error {
        Error::new(what).with_log(last_lines(&self.log, LOG_LINES))
    }

    /// Waits until it is ready, as long as the child runs and the user has patience.
    pub fn wait_until(
        &mut self,
        time: Duration,
        mut ready: impl FnMut() -> std::result::Result<(), String>,
    ) -> Result<()> {
        let deadline = Instant::now() + time;
        loop {
            self.check()?;
            let Err(not_yet) = ready() else { return Ok(()) };
            if Instant::now() >= deadline {
                let seconds = time.as_secs();
                return Err(self.explain(format!("{} is not ready after {seconds} s: {not_yet}", self.name)));
            }
            interrupt::pause(Duration::from_millis(20))?;
        }
    }

    /// Asks it to end, and waits; when `patience` is over it is killed.
    pub fn stop(&mut self, patience: Duration) -> Result<()> {
        if let Ok(Some(_)) = self.process.try_wait() {
            return Ok(());
        }
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).doing(|| format!("cannot stop {}", self.name))?;
        }
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.process.try_wait() {
                // A JVM that SIGTERM ends exits with 143, a program without a handler dies of the signal itself.
                let expected = status.success() || status.code() == Some(143) || is_term(status);
                return if expected { Ok(()) } else { Err(self.explain(format!("{} ended with {status}", self.name))) };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill()?;
        let seconds = patience.as_secs();
        Err(self.explain(format!("{} did not stop within {seconds} s and was killed", self.name)))
    }

    /// Ends it at once, without asking.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill().and_then(|()| self.process.wait()).map(drop).doing(|| format!("cannot kill {}", self.name))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The way out after a failure: that one is what the user must read, so this one stays silent.
        let _ = self.stop(Duration::from_secs(10));
    }
}

fn is_term(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(Signal::TERM.as_raw())
}

/// The last lines of a file; empty when there is none.
pub fn last_lines(file: &Path, count: usize) -> Vec<String> {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(count)).map(|line| (*line).to_owned()).collect()
}
