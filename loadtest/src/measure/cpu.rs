//! CPU time of a process, from the scheduler's own clock.
//!
//! Source: `/proc/PID/task/TID/schedstat`, whose first number is the time on a core in nanoseconds (kernel:
//! Documentation/scheduler/sched-stats.rst). `/proc/PID/stat` counts in ticks of 10 ms: too coarse here.

use crate::error::{Context, Error, Result};
use std::fs;
use std::time::Duration;

/// The time that all threads of the process have spent on a core.
///
/// Threads that ended before are not counted: the programs measured here keep their threads.
///
/// # Errors
///
/// When the process is gone.
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

fn first_number(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Time in which a core did nothing, from `/proc/stat`, to 10 ms. It is exact where the kernel stops its tick on idle
/// cores; the busy columns beside it are only sampled, and miss what runs briefly.
///
/// # Errors
///
/// When this machine has no such core.
pub fn idle_of_core(core: usize) -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").doing(|| "cannot read /proc/stat".to_owned())?;
    idle(&text, core).ok_or_else(|| Error::new(format!("core {core} is not in /proc/stat")))
}

/// The columns idle and iowait (proc(5)).
fn idle(text: &str, core: usize) -> Option<Duration> {
    let name = format!("cpu{core}");
    let line = text.lines().find(|line| line.split_ascii_whitespace().next() == Some(name.as_str()))?;
    let columns: Vec<u64> = line.split_ascii_whitespace().skip(1).map_while(|column| column.parse().ok()).collect();
    Some(Duration::from_millis((columns.get(3)? + columns.get(4)?) * 10))
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
        assert_eq!(idle(text, 1), Some(Duration::from_secs(12)));
        assert_eq!(idle(text, 0), None);
    }
}
