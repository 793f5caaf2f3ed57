//! What a shard serves connections by: its table, and what sessions begin with. Both are replaced at once.
//!
//! Owns the tasks that a drain waits for. May not accept.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::executor;
use crate::listener::{self, Accepted, Caps};
use crate::net::{Net, Notify};
use crate::session::{self, Context, Phase, ShardState};
use crate::table::Table;
use crate::upstream::Upstream;

/// Serves the connections of one shard.
pub(super) struct Server {
    pub shard: Rc<ShardState>,
    pub caps: Rc<Caps>,
    pub tasks: Rc<Tasks>,
    serving: RefCell<Rc<Serving>>,
}

/// The table, and what the sessions begin with that it says anything about.
pub(super) struct Serving {
    pub table: Arc<Table>,
    pub context: Rc<Context>,
}

impl Server {
    /// Serves by `table` from now on. `upstream` has no table yet.
    #[expect(clippy::disallowed_methods, reason = "the first turn has not begun")]
    pub fn new(shard: Rc<ShardState>, upstream: &Upstream, table: Arc<Table>) -> Server {
        let serving = serving(&shard, upstream, table);
        let (caps, tasks) = (Rc::new(Caps::new(Instant::now())), Rc::new(Tasks::new(&shard.net)));
        Server { shard, caps, tasks, serving: RefCell::new(serving) }
    }

    /// What is served by.
    pub fn serving(&self) -> Rc<Serving> {
        self.serving.borrow().clone()
    }

    /// Serves by another table from now on. Running sessions go on with what they began with.
    pub fn replace_table(&self, table: Arc<Table>) {
        let next = serving(&self.shard, &self.serving().context.upstream, table);
        self.serving.replace(next);
    }

    /// Changes what the shard is doing. What waits for the end of all tasks looks again: there may be none.
    pub fn set_phase(&self, phase: Phase) {
        self.shard.set_phase(phase);
        self.tasks.ended.notify();
    }

    /// Begins a session, or closes the connection with its cause.
    pub fn serve(&self, accepted: Accepted) {
        let Serving { table, context } = &*self.serving();
        let Some((arrival, admitted)) = listener::admit(context, table, &self.caps, accepted) else { return };
        let session = session::run(context.clone(), arrival);
        self.tasks.spawn(async move {
            session.await;
            drop(admitted);
        });
    }
}

/// By `table`, behind the one that `upstream` belongs to.
fn serving(shard: &Rc<ShardState>, upstream: &Upstream, table: Arc<Table>) -> Rc<Serving> {
    let (upstream, keepers) = upstream.replaced_by(&table.backends);
    let context = Rc::new(Context::new(shard.clone(), upstream, &table));
    keepers.into_iter().for_each(|keeper| executor::spawn(&shard.net, keeper.run()));
    Rc::new(Serving { table, context })
}

/// Listeners and sessions: what a drain waits for.
pub(super) struct Tasks {
    net: Net,
    running: Cell<usize>,
    ended: Notify,
}

impl Tasks {
    fn new(net: &Net) -> Tasks {
        Tasks { net: net.clone(), running: Cell::new(0), ended: Notify::new(net) }
    }

    /// Runs one more.
    pub fn spawn(self: &Rc<Tasks>, task: impl Future<Output = ()> + 'static) {
        self.running.set(self.running.get() + 1);
        let tasks = self.clone();
        executor::spawn(&self.net, async move {
            task.await;
            tasks.running.set(tasks.running.get() - 1);
            if tasks.running.get() == 0 {
                tasks.ended.notify();
            }
        });
    }

    /// Waits until none is running and `ends` says so, which may change with the shard's phase only.
    pub async fn all_ended(&self, ends: impl Fn() -> bool) {
        loop {
            let count = self.ended.count();
            if ends() && self.running.get() == 0 {
                return;
            }
            self.ended.after(count).await;
        }
    }
}
