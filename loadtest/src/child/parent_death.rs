//! The child's side of a start: this program, as the child, before it becomes Klamm or another program.
//!
//! Owns the tie to the parent and the choice of the core.

use crate::error::{Context, Error, Result};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// What the program was started as, when it was started as a child.
#[derive(clap::Args, Debug)]
pub struct ChildArgs {
    /// The process that started this one.
    #[arg(long)]
    parent: i32,
    /// The only core that this process may use.
    #[arg(long)]
    core: Option<usize>,
    /// What to become.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes Klamm: what `klamm ARGS` does, in this process.
pub fn become_klamm(args: ChildArgs) -> ExitCode {
    match follow_parent(&args) {
        Ok(()) => klamm::boot::main(args.command),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Becomes another program; the process, its parent and its core stay.
pub fn become_program(args: ChildArgs) -> ExitCode {
    let error = match (follow_parent(&args), args.command.split_first()) {
        (Ok(()), Some((program, rest))) => {
            let error = Command::new(program).args(rest).exec();
            Error::new(format!("cannot start {}: {error}", program.to_string_lossy()))
        }
        (Ok(()), None) => Error::new("no program is named"),
        (Err(error), _) => error,
    };
    eprintln!("{error}");
    ExitCode::FAILURE
}

/// Ties this process' life to its parent's. The kernel keeps the wish across exec (prctl(2), PR_SET_PDEATHSIG).
fn follow_parent(args: &ChildArgs) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM)).doing("cannot follow the parent process")?;
    // The parent may have died before the wish was heard.
    if getppid().map(Pid::as_raw_pid) != Some(args.parent) {
        return Err(Error::new("the parent process is gone"));
    }
    if let Some(core) = args.core {
        pin_to(core)?;
    }
    Ok(())
}

/// Checks that this process may use a core, before anything is started on it.
pub fn check_core(core: usize) -> Result<()> {
    let allowed = sched_getaffinity(None).doing("cannot ask which cores there are")?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    if cores.contains(&core) {
        return Ok(());
    }
    let cores: Vec<String> = cores.iter().map(usize::to_string).collect();
    Err(Error::new(format!("there is no core {core} for this process; it may use {}", cores.join(", "))))
}

/// Allows the calling thread, and those that it starts from now on, only this core.
pub fn pin_to(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    if core < CpuSet::MAX_CPU {
        cores.set(core);
    }
    sched_setaffinity(None, &cores).doing(|| format!("cannot use core {core} alone"))
}

/// Allows all threads of a process only this core.
pub fn pin_process(pid: u32, core: usize) -> Result<()> {
    let doing = || format!("cannot send process {pid} to core {core}");
    let mut cores = CpuSet::new();
    if core < CpuSet::MAX_CPU {
        cores.set(core);
    }
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).doing(doing)? {
        let name = task.doing(doing)?.file_name();
        let thread = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        sched_setaffinity(thread, &cores).doing(doing)?;
    }
    Ok(())
}
