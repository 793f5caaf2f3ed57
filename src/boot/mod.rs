//! Boot: from a command line to running shards, and from a signal to the end.
//!
//! Owns the order of the start, the control thread and the exit codes. May not touch a shard other than through its
//! mailbox.

pub mod args;
pub mod log;

mod capacity;
mod certificates;
mod control;
mod kernel;
mod reload;
mod sockets;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::admin::AdminListener;
use crate::config::{self, Shards, Snapshot};
use crate::metrics::Loads;
use crate::net::{Sender, mailbox};
use crate::shard::{self, Message, Setup};
use crate::sys;
use crate::table::Table;
use crate::upstream::Resolver;

use args::{Command, EXIT_FAULT, EXIT_OK};
use capacity::Capacity;
use control::{Control, ShardHandle};
use reload::Reloader;

/// Messages that may wait in a shard's mailbox: more than one catalogue for each backend cluster, scrapes and drains.
const MAILBOX_MESSAGES_MAX: usize = 4096;
/// The kernel's random bytes; they never block once the machine is up.
const RANDOM: &str = "/dev/urandom";
/// How long the shards may take until all of them accept.
const START_TIME: Duration = Duration::from_secs(20);

/// Carries out a command line; the first item is the program's name. Used by `klamm` itself and by the load test.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match args::parse(args) {
        Ok(command) => command,
        Err(answer) if answer.exit_code() == EXIT_OK => {
            print!("{answer}");
            return ExitCode::from(EXIT_OK);
        }
        Err(answer) => {
            eprint!("{answer}");
            return ExitCode::from(answer.exit_code());
        }
    };
    match command {
        Command::Check { config, print } => match config::load(&config) {
            Ok(snapshot) => {
                check(&snapshot, print);
                ExitCode::from(EXIT_OK)
            }
            Err(faults) => refuse(&faults.to_string()),
        },
        Command::Run { config, log } => match config::load(&config) {
            Ok(snapshot) => run(config, snapshot, log),
            Err(faults) => refuse(&faults.to_string()),
        },
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{}", why.trim_end());
    ExitCode::from(EXIT_FAULT)
}

fn check(snapshot: &Snapshot, print: bool) {
    config::warnings(snapshot).iter().for_each(|warning| eprintln!("warning: {warning}"));
    certificates::notices(snapshot).iter().for_each(|notice| eprintln!("warning: {}", notice.text));
    if print {
        print!("{}", config::print(snapshot));
    } else {
        println!("OK: {}", config::summary(snapshot, cores(&snapshot.node.shards).map_or(0, |cores| cores.len())));
    }
}

/// The core of each shard.
fn cores(shards: &Shards) -> Result<Vec<usize>, String> {
    let allowed = sys::allowed_cores();
    match shards {
        Shards::Auto => Ok(allowed),
        Shards::Count(count) if *count <= allowed.len() => Ok(allowed.into_iter().take(*count).collect()),
        Shards::Count(count) => Err(format!(
            "node.shards is {count}, but this process may run on {} cores only: lower it, or use auto",
            allowed.len()
        )),
        Shards::Cores(cores) => match cores.iter().find(|core| !allowed.contains(core)) {
            None => Ok(cores.clone()),
            Some(core) => Err(format!("node.shards names core {core}, but this process may run on {allowed:?} only")),
        },
    }
}

fn run(path: PathBuf, snapshot: Snapshot, log: log::Options) -> ExitCode {
    // Before any thread exists: all inherit it, and only the control thread takes signals again.
    shard::prepare();
    sys::block_signals();
    let guard = match log::start(log) {
        Ok(guard) => guard,
        Err(error) => return refuse(&error.to_string()),
    };
    let code = match start(path, snapshot) {
        Ok(control) => control.run(),
        Err(faults) => {
            faults.iter().for_each(|fault| tracing::error!("{fault}"));
            ExitCode::from(EXIT_FAULT)
        }
    };
    drop(guard);
    code
}

/// Opens everything and starts the shards. All faults that can be found are reported at once.
fn start(path: PathBuf, snapshot: Snapshot) -> Result<Control, Vec<String>> {
    let addresses = sockets::addresses(&snapshot);
    let mut faults = Vec::new();
    let cores = cores(&snapshot.node.shards).unwrap_or_else(|fault| {
        faults.push(fault);
        Vec::new()
    });
    faults.extend(kernel::faults());
    let capacity = Capacity::of(&snapshot.node.limits, addresses.len() * cores.len(), cores.len());
    let capacity = capacity.map_err(|fault| faults.push(fault)).ok();
    let admin = sockets::admin(&snapshot.node.admin).map_err(|fault| faults.push(fault)).ok();
    let listening = sockets::listen(&addresses, cores.len()).map_err(|more| faults.extend(more)).ok();
    let table = Table::of(snapshot, cores.len(), None).map_err(|fault| faults.push(fault)).ok();
    match (capacity, admin, listening, table) {
        (Some(capacity), Some(admin), Some(listening), Some(table)) if faults.is_empty() => {
            config::warnings(&table.snapshot).iter().for_each(|warning| tracing::warn!("{warning}"));
            certificates::log_validity(&table.snapshot);
            capacity.log();
            let table = Arc::new(Table { capacity: capacity.node, ..table });
            let reloader = Reloader::new(path, table, cores.len());
            start_shards(reloader, &cores, admin, listening).map_err(|error| vec![error])
        }
        _ => Err(faults),
    }
}

fn start_shards(
    reloader: Reloader,
    cores: &[usize],
    admin: AdminListener,
    listening: Vec<sockets::Listening>,
) -> Result<Control, String> {
    let say = |error: io::Error| format!("the shards cannot be started: {error}");
    let mut senders: Vec<Sender<Message>> = Vec::new();
    let mut mailboxes = Vec::new();
    for _ in cores {
        let (sender, receiver) = mailbox(MAILBOX_MESSAGES_MAX).map_err(say)?;
        senders.push(sender);
        mailboxes.push(receiver);
    }
    let post = shard::post(senders.clone());
    let loads = Loads::new(cores.len());
    let resolver = Resolver::start(post.clone()).map_err(say)?;
    let id_mask = random().map_err(|error| format!("{RANDOM} cannot be read: {error}"))?;
    let (ready, readied) = mpsc::channel();
    let (ended, endings) = tokio::sync::mpsc::unbounded_channel();
    let mut handles = Vec::new();
    for (((shard, core), mailbox), listening) in cores.iter().enumerate().zip(mailboxes).zip(listening) {
        let setup = Setup {
            shard,
            shards: cores.len(),
            mailbox,
            post: post.clone(),
            senders: senders.clone(),
            loads: loads.clone(),
            resolver: resolver.clone(),
            table: reloader.table(),
            listening,
            id_mask,
            ready: ready.clone(),
        };
        let ended = ended.clone();
        let thread = shard::spawn_thread(format!("klamm-shard-{shard}"), *core, move || async move {
            let last = shard::run(setup).await;
            // The control thread is gone only when the process ends anyway.
            let _ = ended.send((shard, last));
        });
        let sender = senders.get(shard).cloned();
        handles.extend(sender.map(|sender| thread.map(|thread| ShardHandle { sender, thread })));
    }
    drop(ready);
    let handles: Vec<ShardHandle> = handles.into_iter().collect::<io::Result<_>>().map_err(say)?;
    for _ in cores {
        match readied.recv_timeout(START_TIME) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(failed_start(handles)),
        }
    }
    Ok(Control::new(reloader, admin, handles, endings))
}

fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    File::open(RANDOM)?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A shard that could not even begin says why in its thread's result.
fn failed_start(handles: Vec<ShardHandle>) -> String {
    let ended = handles.into_iter().filter(|handle| handle.thread.is_finished());
    let errors = ended.filter_map(|handle| handle.thread.join().ok()?.err());
    let errors: Vec<String> = errors.collect();
    match errors.is_empty() {
        true => format!("not all shards accepted within {} s", START_TIME.as_secs()),
        false => format!("the shards cannot be started: {}", errors.join("; ")),
    }
}
