//! Exact counts by valgrind: this program runs itself under it, with one case to do so many times.
//!
//! Instructions are the slope between two numbers of times, so that nothing around the operation counts. Of the frames
//! it is counted which bytes were loaded at all, each once.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::cases::{Case, Operation, Way};

/// Before the first count everything is as it stays.
const WARM: u32 = 2;
const TIMES: u32 = 10;

/// Stored to when the operation begins: a trace of memory shows where that is.
static BEGINS: AtomicU32 = AtomicU32::new(0);

/// Whether valgrind is here.
pub fn installed() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// What runs under valgrind: `times` operations, after telling where the frames are.
pub fn child(mut operation: Operation, times: u32) {
    let frames = operation.frames.iter().map(|frame| format!("{:x}+{}", frame.as_ptr().addr(), frame.len()));
    println!("{:x} {}", (&raw const BEGINS).addr(), frames.collect::<Vec<_>>().join(" "));
    BEGINS.store(1, Relaxed);
    for _ in 0..times {
        (operation.run)();
    }
}

/// Instructions that one operation takes.
pub fn instructions(case: &Case, way: Way) -> u64 {
    let (few, many) = (collected(case, way, WARM), collected(case, way, WARM + TIMES));
    (many - few) / u64::from(TIMES)
}

fn collected(case: &Case, way: Way, times: u32) -> u64 {
    let mut child = itself(&["--tool=callgrind", "--callgrind-out-file=/dev/null"], case, way, times);
    let output = child.stderr(Stdio::piped()).stdout(Stdio::null()).output().expect("valgrind");
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim());
    collected.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count from callgrind:\n{said}"))
}

/// Bytes of the frames that one operation loads, to look at them or to copy them.
pub fn frame_bytes_read(case: &Case, way: Way) -> u64 {
    // Under valgrind a program finds everything at the same addresses each time: the first run tells where.
    let told = itself(&["--tool=lackey"], case, way, 0).stderr(Stdio::null()).output().expect("valgrind").stdout;
    let places = String::from_utf8_lossy(&told).trim().to_owned();
    let (begins, frames) = places.split_once(' ').expect("where the frames are");
    let begins = address(begins.as_bytes()).expect("an address");
    let mut frames: Vec<_> = frames.split(' ').map(Frame::read).collect();

    let mut child = itself(&["--tool=lackey", "--trace-mem=yes"], case, way, 1);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("valgrind");
    let mut trace = BufReader::with_capacity(1 << 20, child.stderr.take().expect("a pipe"));
    let (mut line, mut begun) = (Vec::new(), false);
    while trace.read_until(b'\n', &mut line).expect("a trace") > 0 {
        match line.get(..3) {
            Some(b" L " | b" M ") if begun => {
                let (at, width) = access(&line).expect("an access");
                frames.iter_mut().for_each(|frame| frame.load(at, width));
            }
            Some(b" S ") => begun |= access(&line).is_some_and(|(at, _)| at == begins),
            _ => {}
        }
        line.clear();
    }
    let mut told = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut told).expect("a text");
    assert!(child.wait().expect("valgrind").success() && begun && told.trim() == places, "not the same run: {told}");
    frames.iter().map(Frame::bytes_loaded).sum()
}

/// Which bytes of a frame were loaded.
struct Frame {
    address: usize,
    loaded: Vec<bool>,
}

impl Frame {
    /// "1ffe0+88": address and length, as [`child`] tells them.
    fn read(text: &str) -> Frame {
        let (at, bytes) = text.split_once('+').expect("address and length");
        let bytes = bytes.parse().expect("a length");
        Frame { address: address(at.as_bytes()).expect("an address"), loaded: vec![false; bytes] }
    }

    fn load(&mut self, at: usize, width: usize) {
        for at in at..at + width {
            if let Some(loaded) = at.checked_sub(self.address).and_then(|at| self.loaded.get_mut(at)) {
                *loaded = true;
            }
        }
    }

    fn bytes_loaded(&self) -> u64 {
        self.loaded.iter().filter(|loaded| **loaded).count() as u64
    }
}

/// " L 1ffeffe7e0,8": address and width.
fn access(line: &[u8]) -> Option<(usize, usize)> {
    let (at, width) = std::str::from_utf8(line.get(3..)?).ok()?.trim_end().split_once(',')?;
    Some((address(at.as_bytes())?, width.parse().ok()?))
}

fn address(text: &[u8]) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

fn itself(tool: &[&str], case: &Case, way: Way, times: u32) -> Command {
    let mut command = Command::new("valgrind");
    command.args(tool).arg(std::env::current_exe().expect("this program"));
    command.args(["--case", case.name, "--way", way.name(), "--times", &times.to_string()]);
    command
}
