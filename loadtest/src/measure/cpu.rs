//! CPU time of a process, from the scheduler's own clock.
//!
//! Source: `/proc/PID/task/TID/schedstat`, whose first number is the time on a core in nanoseconds (kernel:
//! Documentation/scheduler/sched-stats.rst). `/proc/PID/stat` counts in ticks of 10 ms: too coarse here.

use crate::error::{Context, Error, Result};
use std::fs;
use std::time::Duration;

/// Ticks of `/proc` (USER_HZ is 100 on every architecture that Klamm runs on).
fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 10)
}

/// The time that all threads of the process have spent on a core.
///
/// Threads that ended before are not counted: the programs measured here keep their threads.
pub fn of_process(pid: u32) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanoseconds = 0_u64;
    for task in fs::read_dir(&tasks).doing(|| format!("cannot read {tasks}"))? {
        let file = task.doing(|| format!("cannot read {tasks}"))?.path().join("schedstat");
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        nanoseconds +=
            first_number(&text).ok_or_else(|| Error::new(format!("{} is not understood", file.display())))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The time that all processes but these have spent on any core, to be compared with a later one. Processes that end in between
/// count, if their parents wait for them, to 10 ms: those of `own` too.
pub fn of_all_but(own: &[u32]) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for entry in fs::read_dir("/proc").doing("cannot read /proc")? {
        let name = entry.doing("cannot read /proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended since it was listed: then its parent has its time.
        let ended = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|text| of_ended_children(&text));
        sum += ended.unwrap_or_default();
        if !own.contains(&pid) {
            sum += of_process(pid).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// The columns cutime and cstime of `/proc/PID/stat` (proc(5)); the second column, in brackets, may hold anything.
fn of_ended_children(text: &str) -> Option<Duration> {
    let (_, behind) = text.rsplit_once(')')?;
    let mut columns = behind.split_ascii_whitespace().skip(13);
    let mut next = || columns.next()?.parse::<u64>().ok();
    Some(ticks(next()? + next()?))
}

fn first_number(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Where the time of a core goes, from `/proc/stat`, to 10 ms. It is exact where the kernel stops its tick on idle cores; the
/// busy columns beside these are only sampled, and miss what runs briefly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// Nothing ran.
    pub idle: Duration,
    /// The machine below this virtual one ran something else.
    pub stolen: Duration,
}

impl Core {
    /// Until now.
    pub fn read(core: usize) -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").doing("cannot read /proc/stat")?;
        Self::parse(&text, core).ok_or_else(|| Error::new(format!("core {core} is not in /proc/stat")))
    }

    /// The columns idle and iowait, and steal (proc(5)).
    fn parse(text: &str, core: usize) -> Option<Self> {
        let name = format!("cpu{core}");
        let line = text.lines().find(|line| line.split_ascii_whitespace().next() == Some(name.as_str()))?;
        let columns: Vec<u64> = line.split_ascii_whitespace().skip(1).map_while(|column| column.parse().ok()).collect();
        Some(Self { idle: ticks(columns.get(3)? + columns.get(4)?), stolen: ticks(*columns.get(7)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};
    use std::time::Instant;

    /// A process that does nothing but work, and ends with its test.
    struct Busy(Child);

    impl Drop for Busy {
        fn drop(&mut self) {
            // It can only have been killed by others before.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn work_is_counted() {
        // A process of its own: in this one threads of other tests end meanwhile, and take their time with them.
        let begin = Instant::now();
        let busy = Busy(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap());
        let mut spent = Duration::ZERO;
        while spent < Duration::from_millis(20) {
            assert!(begin.elapsed() < Duration::from_secs(60), "{spent:?} in {:?}", begin.elapsed());
            std::thread::sleep(Duration::from_millis(1));
            let now = of_process(busy.0.id()).unwrap();
            assert!(now >= spent, "{now:?} after {spent:?}");
            spent = now;
        }
        // It has one thread: more than the time that passed would be somebody else's. The two clocks may differ a little.
        assert!(spent <= begin.elapsed() * 2, "{spent:?} in {:?}", begin.elapsed());
    }

    #[test]
    fn idle_time_and_waiting_for_disks_is_idle() {
        let text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 1 2 3 1000 200 4 5 6 7 8\n";
        let core = Core { idle: Duration::from_secs(12), stolen: Duration::from_millis(60) };
        assert_eq!(Core::parse(text, 1), Some(core));
        assert_eq!(Core::parse(text, 0), None);
    }

    /// Whether the time of another process is counted while it runs and when it has ended.
    fn another_is_counted() -> bool {
        let own = [std::process::id()];
        let least = Duration::from_millis(50);
        let before = of_all_but(&own).unwrap();
        let busy = Busy(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap());
        let pid = busy.0.id();
        while of_process(pid).unwrap() < least * 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let runs = of_all_but(&own).unwrap() >= before + least;
        let left_out = of_all_but(&own).unwrap() >= of_all_but(&[own[0], pid]).unwrap() + least;
        drop(busy);
        runs && left_out && of_all_but(&own).unwrap() >= before + least
    }

    #[test]
    fn what_others_do_is_counted_to_its_end() {
        // Where another process of this machine with many threads ends meanwhile, more time than this one's is gone.
        assert!((0..20).any(|_| another_is_counted()));
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 13 14 20 0 1 0 5";
        assert_eq!(of_ended_children(stat), Some(Duration::from_millis(270)));
    }
}
