//! Memory of a process, as the kernel counts it.
//!
//! Source: `/proc/PID/smaps_rollup` (kernel: Documentation/filesystems/proc.rst).

use crate::error::{Context, Error, Result};

/// What a process holds, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Pages in memory, those shared with others included.
    pub resident_kib: u64,
    /// Pages that this process alone has written: what one more connection really costs. Swapped pages are in it.
    pub private_kib: u64,
}

/// Reads it.
pub fn of_process(pid: u32) -> Result<Memory> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&file).doing(|| format!("cannot read {file}"))?;
    parse(&text).ok_or_else(|| Error::new(format!("{file} is not understood")))
}

fn parse(text: &str) -> Option<Memory> {
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    Some(Memory { resident_kib: field("Rss:")?, private_kib: field("Private_Dirty:")? + field("Swap:")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    /// In a process of its own: this one's other tests take and give back memory meanwhile.
    #[test]
    fn written_pages_are_counted() {
        let mut holder =
            Command::new("dd").args(["if=/dev/zero", "of=/dev/null", "bs=32M"]).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        let mut most = 0;
        while most < 32 << 10 && begin.elapsed() < Duration::from_secs(30) {
            most = of_process(holder.id()).map_or(0, |memory| memory.private_kib);
            std::thread::sleep(Duration::from_millis(5));
        }
        holder.kill().and_then(|()| holder.wait()).unwrap();
        assert!((32 << 10..64 << 10).contains(&most), "{most}");
    }
}
