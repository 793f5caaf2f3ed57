//! Child processes: each in a process group of its own, with its output in files, and none left behind.
//!
//! Owns the list of what is alive. May not know what a child is for.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use std::os::unix::process::CommandExt as _;

use super::{Fallible, locked};

/// Process ids of children that were started and not yet waited for.
static ALIVE: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A child that is killed when it is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; standard output and error go to the file `log`, which is appended to.
    pub fn start(command: &mut Command, log: &Path) -> Fallible<Process> {
        Process::spawn(command.stdin(Stdio::null()), log)
    }

    /// The same, with something to write to its standard input.
    pub fn start_fed(command: &mut Command, log: &Path) -> Fallible<(Process, ChildStdin)> {
        let mut process = Process::spawn(command.stdin(Stdio::piped()), log)?;
        let input = process.child.stdin.take().ok_or("it has no standard input")?;
        Ok((process, input))
    }

    fn spawn(command: &mut Command, log: &Path) -> Fallible<Process> {
        let file = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{command:?} does not start: {error}"))?;
        locked(&ALIVE).insert(child.id());
        Ok(Process { child, log: log.to_owned(), ended: None })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it wrote so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal, by its name without SIG.
    pub fn signal(&self, name: &str) -> Fallible<()> {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err(format!("process {} takes no {name}", self.id()).into()) }
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Fallible<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
            if self.ended.is_some() {
                locked(&ALIVE).remove(&self.child.id());
            }
        }
        Ok(self.ended)
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Fallible<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() > end {
                return Err(format!(
                    "process {} still runs after {limit:?}; its log ends with:\n{}",
                    self.id(),
                    tail(&self.log())
                )
                .into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGKILL, and wait.
    pub fn kill(&mut self) {
        if let Ok(None) = self.ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            locked(&ALIVE).remove(&self.child.id());
        }
    }

    /// Bytes of memory that are resident (VmRSS).
    pub fn resident_bytes(&self) -> Fallible<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a command that ran to its end left behind.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Its standard output, when it succeeded.
    pub fn success(self) -> Fallible<String> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        Err(format!("{}\nstdout: {}\nstderr: {}", self.status, tail(&self.stdout), tail(&self.stderr)).into())
    }
}

/// Runs `command` to its end with `input` as its standard input. Everything goes through files in `folder`, so that
/// no pipe can block.
pub fn run(command: &mut Command, input: &[u8], folder: &Path, limit: Duration) -> Fallible<Finished> {
    let files = tempfile::tempdir_in(folder)?;
    let [stdin, stdout, stderr] = ["in", "out", "err"].map(|name| files.path().join(name));
    fs::write(&stdin, input)?;
    let child = command
        .stdin(File::open(&stdin)?)
        .stdout(File::create(&stdout)?)
        .stderr(File::create(&stderr)?)
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{command:?} does not start: {error}"))?;
    locked(&ALIVE).insert(child.id());
    let mut process = Process { child, log: stderr.clone(), ended: None };
    let status = process.wait(limit).map_err(|error| {
        let said = fs::read(&stdout).unwrap_or_default();
        format!("{command:?}: {error}\nstdout: {}", tail(&String::from_utf8_lossy(&said)))
    })?;
    let text = |path: &Path| Fallible::Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned());
    Ok(Finished { status, stdout: text(&stdout)?, stderr: text(&stderr)? })
}

/// Kills every child that is still alive, with its group.
pub fn kill_all() {
    for id in std::mem::take(&mut *locked(&ALIVE)) {
        let _ = Command::new("kill").args(["-s", "KILL", "--", &format!("-{id}")]).stderr(Stdio::null()).status();
    }
}

/// The last lines of a text.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
