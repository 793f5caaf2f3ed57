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
///
/// # Errors
///
/// When the process is gone or belongs to another user.
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

    #[test]
    fn written_pages_are_counted() {
        let before = of_process(std::process::id()).unwrap();
        let block = std::hint::black_box(vec![1_u8; 8 << 20]);
        let after = of_process(std::process::id()).unwrap();
        assert!(after.private_kib >= before.private_kib + 7 * 1024, "{before:?} {after:?}");
        drop(block);
    }
}
