//! Memory of a process, as the kernel counts it: its pages, and its pipes, which are memory of the kernel.
//!
//! Sources: `/proc/PID/smaps_rollup` (kernel: Documentation/filesystems/proc.rst); `/proc/PID/fd`. A pipe opened through that
//! is the same pipe, so that its size can be read (pipe(7), fcntl(2): F_GETPIPE_SZ); the other end is never read.

use crate::error::{Context, Error, Result};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;

/// Never waits for a writer: O_NONBLOCK on Linux.
const NONBLOCK: i32 = 0o4000;

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
    let text = fs::read_to_string(&file).doing(|| format!("cannot read {file}"))?;
    parse(&text).ok_or_else(|| Error::new(format!("{file} is not understood")))
}

fn parse(text: &str) -> Option<Memory> {
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    Some(Memory { resident_kib: field("Rss:")?, private_kib: field("Private_Dirty:")? + field("Swap:")? })
}

/// What all pipes of a process may hold and do hold, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pipes {
    /// Room of all of them.
    pub room: u64,
    /// Bytes in them now.
    pub filled: u64,
}

/// Looks at the pipes of a process; a process that is gone has none.
pub fn pipes_of_process(pid: u32) -> Pipes {
    let mut seen = BTreeSet::new();
    let mut pipes = Pipes::default();
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return pipes };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(link) = fs::read_link(&path) else { continue };
        // Both ends have the same name.
        if !link.to_string_lossy().starts_with("pipe:") || !seen.insert(link) {
            continue;
        }
        let opened: std::io::Result<File> = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(&path);
        let Ok(pipe) = opened else { continue };
        pipes.room += rustix::pipe::fcntl_getpipe_size(&pipe).map_or(0, |bytes| bytes as u64);
        pipes.filled += rustix::io::ioctl_fionread(&pipe).unwrap_or(0);
    }
    pipes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
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

    #[test]
    fn what_is_in_a_pipe_is_counted_once() {
        let before = pipes_of_process(std::process::id());
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&[1; 5000]).unwrap();
        let after = pipes_of_process(std::process::id());
        // Other tests may have pipes of their own meanwhile; each has a page at least.
        assert!(after.room >= before.room.min(4096), "{before:?} {after:?}");
        assert!(after.filled >= 5000, "{after:?}");
        drop(reader);
    }
}
