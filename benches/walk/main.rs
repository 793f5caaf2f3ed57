//! What frames cost: nanoseconds, instructions, bytes read and written, allocations; beside decoding and encoding the same
//! frames with kafka-protocol.
//!
//! ```text
//! cargo bench --bench walk                                    # the table
//! cargo bench --bench walk -- --record benches/results.json   # ... and keeps it
//! cargo bench --bench walk -- --compare benches/results.json  # what became of it; fails when something grew
//! cargo bench --bench walk -- --only "Produce request"        # some of the cases
//! ```
//!
//! Sizes are topics x partitions of each, and the records of each partition. Instructions are user-mode ones, counted by
//! callgrind, the same in each run. "read" are the bytes of the frame that were loaded, to look at or to copy, each once:
//! records that pass are not among them. "written" are the new bytes; the rest of what leaves is slices of the input.
//! (kafka-protocol writes all of it.) Without valgrind neither instructions nor bytes read are counted.

mod cases;
mod counting;
mod messages;
mod results;
mod valgrind;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cases::{CASES, Case, Way};
use clap::Parser;
use results::{Figures, Results};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(60);
/// After so many operations a session's memory is as it stays.
const WARM: usize = 4;
const ALLOCATION_TIMES: u32 = 20;
/// Of larger frames it is not counted which bytes are read: each instruction is a line of the trace.
const READ_FRAME_BYTES_MAX: usize = 256 * 1024;
/// With more load than this on the machine nanoseconds tell nothing, and are left out.
const LOAD_MAX: f64 = 2.0;

/// What frames cost.
#[derive(Parser)]
struct Arguments {
    /// Keep the figures in this file.
    #[arg(long, conflicts_with = "compare")]
    record: Option<PathBuf>,
    /// Compare with the figures of this file: instructions and allocations.
    #[arg(long)]
    compare: Option<PathBuf>,
    /// Only cases whose name has this in it.
    #[arg(long, default_value = "")]
    only: String,
    /// Do nothing but this case (for a profiler), in `--way`, so many `--times`.
    #[arg(long, requires = "way", requires = "times")]
    case: Option<String>,
    /// passthrough, hide_prefix or kafka-protocol.
    #[arg(long)]
    way: Option<String>,
    /// How many times.
    #[arg(long)]
    times: Option<u32>,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.case {
        Some(case) => one(case, arguments.way.as_deref().unwrap_or_default(), arguments.times.unwrap_or(1)),
        None => all(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// One case, as a profiler wants it.
fn one(case: &str, way: &str, times: u32) -> Result<bool, String> {
    let found = CASES.iter().find(|one| one.name == case).ok_or_else(|| format!("there is no case {case:?}"))?;
    let way = Way::ALL.into_iter().find(|one| one.name() == way).ok_or_else(|| format!("there is no way {way:?}"))?;
    valgrind::child(found.operation(way), times);
    Ok(true)
}

/// All cases; false when a comparison shows growth.
fn all(arguments: &Arguments) -> Result<bool, String> {
    let before = arguments.compare.as_deref().map(Results::read).transpose()?;
    let counted = valgrind::installed();
    if !counted {
        println!("no valgrind here: instructions and bytes read are not counted");
    }
    let timed = before.is_none() && load() < LOAD_MAX;
    if before.is_none() && !timed {
        println!("the load is {LOAD_MAX} or more: no nanoseconds");
    }
    let mut figures = Vec::new();
    if before.is_none() {
        results::print_head();
    }
    for case in CASES.iter().filter(|case| case.name.contains(&arguments.only)) {
        for way in Way::ALL {
            let figure = measure(case, way, counted, (timed, before.is_none()));
            if before.is_none() {
                figure.print();
            }
            figures.push(figure);
        }
    }
    let now = Results::new(figures);
    if let Some(path) = &arguments.record {
        now.write(path)?;
    }
    Ok(before.is_none_or(|before| results::compare(&before, &now)))
}

fn measure(case: &Case, way: Way, counted: bool, (timed, complete): (bool, bool)) -> Figures {
    let mut operation = case.operation(way);
    for _ in 1..WARM {
        (operation.run)();
    }
    let bytes_written = (operation.run)();
    let taken = counting::taken(ALLOCATION_TIMES, || {
        (operation.run)();
    });
    let frame_bytes = operation.frames.iter().map(|frame| frame.len()).sum();
    let read = counted && complete && way != Way::Codec && frame_bytes <= READ_FRAME_BYTES_MAX;
    Figures {
        case: case.name.into(),
        way: way.name().into(),
        nanoseconds: timed.then(|| best(|| (operation.run)())),
        instructions: counted.then(|| valgrind::instructions(case, way)),
        frame_bytes,
        frame_bytes_read: read.then(|| valgrind::frame_bytes_read(case, way)),
        bytes_written,
        allocations: taken.calls,
        allocated_bytes: taken.bytes,
    }
}

/// How many processes want a core, over the last minute.
fn load() -> f64 {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::MAX)
}

/// Nanoseconds that an operation takes in the best round.
fn best(mut operation: impl FnMut() -> usize) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (begun, mut count) = (Instant::now(), 0u64);
        while begun.elapsed() < ROUND {
            for _ in 0..16 {
                operation();
            }
            count += 16;
        }
        best = best.min(begun.elapsed().as_nanos() as f64 / count as f64);
    }
    best
}
