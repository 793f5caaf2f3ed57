//! What the kernel reports about this process, from `/proc/self`.
//!
//! Owns the reading and nothing else. A file that cannot be read, as under a strict sandbox, leaves its number out.

use std::fs;

/// Clock ticks per second in `/proc/PID/stat`: USER_HZ, 100 in the ABI of each architecture that Klamm runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// This process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// User and system time of all threads.
    pub cpu_seconds: Option<f64>,
    /// Memory that is in RAM.
    pub resident_bytes: Option<u64>,
    /// Open descriptors.
    pub open_descriptors: Option<u64>,
}

impl Process {
    /// Asks the kernel.
    pub fn read() -> Process {
        Process {
            cpu_seconds: fs::read_to_string("/proc/self/stat").ok().and_then(|text| cpu_seconds(&text)),
            resident_bytes: fs::read_to_string("/proc/self/status").ok().and_then(|text| resident_bytes(&text)),
            open_descriptors: open_descriptors(),
        }
    }
}

/// proc(5): `utime` and `stime` are the fields 14 and 15; the second one, the name, may hold spaces and brackets.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut times = behind_name.split_ascii_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

/// proc(5): `VmRSS` is in units of 1024 bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Since Linux 6.2 the size of the directory is the number; before it is 0 and the entries are counted, without the one
/// that reading the directory opens.
fn open_descriptors() -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_behind_any_name() {
        let behind = "S 1 2 3 0 -1 4194304 99 0 0 0 250 50 0 0 20 0 1 0 160842";
        for name in ["klamm", "a b", "x) R 9 9 9", "("] {
            assert_eq!(cpu_seconds(&format!("77 ({name}) {behind}")), Some(3.0), "{name}");
        }
        assert_eq!(cpu_seconds("77 (klamm) S 1 2"), None);
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    1572 kB\nVmData:\t 1 kB\n"), Some(1572 * 1024));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn the_kernel_answers_and_a_new_descriptor_is_counted() {
        let before = Process::read();
        assert!(before.cpu_seconds.is_some());
        assert!(before.resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
        let many: Vec<_> = (0..100).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let after = Process::read().open_descriptors.unwrap();
        drop(many);
        // Other tests open and close descriptors at the same time, though not that many.
        assert!(after >= 100 && after > before.open_descriptors.unwrap() + 50, "{before:?} {after}");
    }
}
