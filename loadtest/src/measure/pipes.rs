//! Pipes that a process holds: memory of the kernel that is not among its own pages.
//!
//! Source: `/proc/PID/fd`. A pipe opened through it is the same pipe, so that its size can be asked (pipe(7), fcntl(2):
//! F_GETPIPE_SZ); the other end is never read.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;

/// Never waits for a writer: O_NONBLOCK on Linux.
const NONBLOCK: i32 = 0o4000;

/// What all pipes of a process may hold and do hold, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pipes {
    /// Room of all of them.
    pub room: u64,
    /// Bytes in them now.
    pub filled: u64,
}

/// Looks at the pipes of a process; a process that is gone has none.
pub fn of_process(pid: u32) -> Pipes {
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

    #[test]
    fn what_is_in_a_pipe_is_counted_once() {
        let before = of_process(std::process::id());
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&[1; 5000]).unwrap();
        let after = of_process(std::process::id());
        // Other tests may have pipes of their own meanwhile; each has a page at least.
        assert!(after.room >= before.room.min(4096), "{before:?} {after:?}");
        assert!(after.filled >= 5000, "{after:?}");
        drop(reader);
    }
}
