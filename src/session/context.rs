//! What the sessions of one shard share: the shard, and what its table says.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashSet;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use crate::cluster::{BackendId, NodeId};
use crate::config::Limits;
use crate::metrics::{Cause, Numbers};
use crate::net::{Net, Notify, Pipes};
use crate::rewrite::{Access, Output};
use crate::table::Table;
use crate::upstream::Upstream;

/// What may be read of a first request before it is clear what to do with it.
pub const FIRST_BYTES_MAX: usize = 64 << 10;

/// What a shard is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Serving.
    Serving,
    /// Taking no new request; sessions end when nothing is in flight.
    Draining,
    /// The drain's time is over: sessions end now.
    Over,
}

/// The receive buffer, the output of the walk and what is sent: one a shard, never held across a wait.
pub struct Scratch {
    pub(super) buffer: Box<[u8]>,
    pub(super) output: Output,
    /// Where small pieces become one.
    pub(super) gather: Vec<u8>,
}

impl Scratch {
    fn new(bytes: usize) -> Scratch {
        Scratch { buffer: vec![0; bytes].into(), output: Output::default(), gather: Vec::new() }
    }

    /// Where the next bytes are read to.
    ///
    /// # Errors
    ///
    /// `Internal` where the buffer is shorter than the limits say.
    pub(super) fn room(&mut self, carry_over: usize, bytes: usize) -> Result<&mut [u8], Cause> {
        self.buffer.get_mut(carry_over..carry_over + bytes).ok_or(Cause::Internal)
    }
}

/// What a shard has for as long as it lives, whatever its table says.
pub struct ShardState {
    /// Its number.
    pub number: usize,
    /// The number of all shards.
    pub shards: usize,
    /// Its ring.
    pub net: Net,
    /// Its counters.
    pub numbers: Rc<Numbers>,
    /// Through which large frames pass.
    pub pipes: Pipes,
    /// Tells sessions that wait for a decision of [`Context::access`] that there may be one.
    pub decided: Notify,
    pub(super) id_mask: [u8; 16],
    phase: Cell<Phase>,
    held_bytes: Cell<u64>,
    memory_bytes_max: Cell<u64>,
    sessions: Cell<u64>,
    scratch: RefCell<Scratch>,
    logged_left_out: RefCell<HashSet<(Arc<str>, BackendId, NodeId)>>,
}

/// What the sessions of one shard share that began with one table. The next table makes another one; sessions keep theirs.
pub struct Context {
    /// The shard.
    shard: Rc<ShardState>,
    /// The backends.
    pub upstream: Upstream,
    /// The limits; those of connections are the whole node's.
    pub limits: Limits,
    /// What decides what clients may do; `None`: they may do everything that their virtual cluster can name.
    pub access: Option<Rc<dyn Access>>,
}

/// To a session, the shard is part of what it began with.
impl Deref for Context {
    type Target = ShardState;

    fn deref(&self) -> &ShardState {
        &self.shard
    }
}

impl Context {
    /// What sessions begin with by `table`, on a shard that reaches these backends. The shard's buffers, pipes and memory are as
    /// the table says from now on.
    pub fn new(shard: Rc<ShardState>, upstream: Upstream, table: &Table) -> Context {
        let limits = table.snapshot.node.limits.clone();
        shard.set_limits(&limits, table.capacity.memory_bytes_max);
        Context { shard, upstream, limits, access: None }
    }
}

impl ShardState {
    /// The shard with this number, of so many, which hides topic ids with `id_mask`. It has no table yet.
    pub fn new(net: Net, numbers: Rc<Numbers>, (number, shards): (usize, usize), id_mask: [u8; 16]) -> ShardState {
        ShardState {
            number,
            shards,
            decided: Notify::new(&net),
            net,
            numbers,
            pipes: Pipes::new(0),
            id_mask,
            phase: Cell::new(Phase::Serving),
            held_bytes: Cell::new(0),
            memory_bytes_max: Cell::new(0),
            sessions: Cell::new(0),
            scratch: RefCell::new(Scratch::new(0)),
            logged_left_out: RefCell::default(),
        }
    }

    /// The buffer never shrinks: sessions that began with larger reads go on with them.
    fn set_limits(&self, limits: &Limits, memory_bytes_max: u64) {
        self.pipes.set_max(limits.pipes_max as usize);
        self.memory_bytes_max.set(memory_bytes_max / self.shards.max(1) as u64);
        // A read comes behind the few bytes that a walk left over; requests that found no slot come alone.
        let bytes = FIRST_BYTES_MAX + limits.read_bytes_max as usize;
        let mut scratch = self.scratch.borrow_mut();
        if scratch.buffer.len() < bytes {
            *scratch = Scratch::new(bytes);
        }
    }

    /// What the shard is doing.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Changes what the shard is doing and wakes every session, so that each sees it.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
        self.net.wake_all();
    }

    /// A number for the log, unique in this shard.
    pub(super) fn next_session(&self) -> u64 {
        self.sessions.set(self.sessions.get() + 1);
        self.sessions.get()
    }

    pub(super) fn scratch(&self) -> RefMut<'_, Scratch> {
        self.scratch.borrow_mut()
    }

    /// To be called after a panic: nothing in it can be relied on.
    pub(super) fn reset_scratch(&self) {
        let mut scratch = self.scratch.borrow_mut();
        *scratch = Scratch::new(scratch.buffer.len());
    }

    /// Counts a connection that was accepted.
    pub fn count_accept(&self) {
        Numbers::count(&self.numbers.accepted, 1);
        Numbers::count(&self.numbers.active, 1);
    }

    /// Counts a connection that was closed.
    pub fn count_close(&self, cause: Cause) {
        self.numbers.close(cause);
        self.numbers.active.set(self.numbers.active.get().saturating_sub(1));
    }

    /// Connections that are open.
    pub fn active(&self) -> u64 {
        self.numbers.active.get()
    }

    /// Updates the sum of held bytes: a session held `before` and now holds `now`.
    ///
    /// # Errors
    ///
    /// `MemoryBudget` when it grew beyond the budget: the session that grew is closed.
    pub(super) fn adjust_held_bytes(&self, before: u64, now: u64) -> Result<(), Cause> {
        let sum = self.held_bytes.get().saturating_sub(before) + now;
        self.held_bytes.set(sum);
        self.numbers.held_bytes.set(sum);
        if now > before && sum > self.memory_bytes_max.get() { Err(Cause::MemoryBudget) } else { Ok(()) }
    }

    /// So much of the budget is spent that new connections must wait: 92 %.
    pub fn memory_is_short(&self) -> bool {
        self.held_bytes.get() > self.memory_bytes_max.get() / 100 * 92
    }

    /// Counts nodes that an answer left out, and logs each of them once for each listener that has no address for it.
    pub(super) fn note_left_out(&self, backend: BackendId, listener: &Arc<str>, nodes: &[NodeId]) {
        if nodes.is_empty() {
            return;
        }
        Numbers::count(&self.numbers.nodes_left_out, nodes.len() as u64);
        let mut logged = self.logged_left_out.borrow_mut();
        for node in nodes {
            if logged.insert((listener.clone(), backend, *node)) {
                tracing::warn!(
                    listener = &**listener,
                    node = node.0,
                    "the listener has no port for this node: clients do not see it"
                );
            }
        }
    }
}

/// A session's part of the memory budget of its shard; given back however the session ends.
pub(super) struct HeldMemory<'a> {
    context: &'a Context,
    bytes: u64,
}

impl<'a> HeldMemory<'a> {
    /// Nothing so far.
    pub fn new(context: &'a Context) -> HeldMemory<'a> {
        HeldMemory { context, bytes: 0 }
    }

    /// So much now.
    ///
    /// # Errors
    ///
    /// As [`Context::adjust_held_bytes`].
    pub fn set(&mut self, bytes: u64) -> Result<(), Cause> {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes == before { Ok(()) } else { self.context.adjust_held_bytes(before, bytes) }
    }
}

impl Drop for HeldMemory<'_> {
    fn drop(&mut self) {
        // Giving back cannot exceed the budget.
        let _ = self.context.adjust_held_bytes(self.bytes, 0);
    }
}
