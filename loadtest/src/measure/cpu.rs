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

    #[test]
    fn work_is_counted() {
        let before = of_process(std::process::id()).unwrap();
        let begin = std::time::Instant::now();
        let mut sum = 0_u64;
        while begin.elapsed() < Duration::from_millis(60) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let spent = of_process(std::process::id()).unwrap() - before;
        assert!(spent > Duration::from_millis(5), "{spent:?}");
    }

    #[test]
    fn idle_time_and_waiting_for_disks_is_idle() {
        let text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 1 2 3 1000 200 4 5 6 7 8\n";
        assert_eq!(idle(text, 1), Some(Duration::from_secs(12)));
        assert_eq!(idle(text, 0), None);
    }
}
