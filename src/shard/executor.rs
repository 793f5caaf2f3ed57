//! The executor under a shard. The only file that names glommio: to replace it, replace this.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use glommio::{LocalExecutorBuilder, Placement};

use crate::net::Net;

/// Memory of each of the executor's own rings, which we leave idle; its default of 10 MiB would count against RLIMIT_MEMLOCK.
const IO_MEMORY_BYTES: usize = 64 << 10;
/// How long the executor runs tasks before it looks at its own rings, of which nothing is expected.
const PREEMPT: Duration = Duration::from_millis(100);

/// To be called before the process has threads: registering the executor's memory barrier later takes tens of milliseconds.
pub fn prepare() {
    glommio::early_init();
}

/// Starts a thread on `core` and runs the future that `work` makes there, to its end.
///
/// # Errors
///
/// The thread, or the executor's rings, could not be made; a panic in `work` is also one.
pub fn spawn_thread<W, F>(name: String, core: usize, work: W) -> std::io::Result<JoinHandle<Result<(), String>>>
where
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    Builder::new().name(name).spawn(move || {
        let executor = LocalExecutorBuilder::new(Placement::Fixed(core))
            .io_memory(IO_MEMORY_BYTES)
            .ring_depth(128)
            .preempt_timer(PREEMPT)
            .make()
            .map_err(|error| error.to_string())?;
        let ended = catch_unwind(AssertUnwindSafe(|| executor.run(async move { work().await })));
        if ended.is_err() {
            // Sessions catch their own panics: this one was the driver's, a catalogue's or a listener's. The shard cannot
            // go on, half a process must not, and systemd starts a new one. The panic's message names its place.
            std::process::abort();
        }
        Ok(())
    })
}

/// Runs `task` beside the others of this shard.
pub(super) fn spawn(net: &Net, task: impl Future<Output = ()> + 'static) {
    net.mark_runnable();
    // Detached: dropping or cancelling a task handle leaks (seen in glommio 0.9 and 0.12).
    glommio::spawn_local(task).detach();
}
