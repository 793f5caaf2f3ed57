//! What the sessions of one shard share.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::cluster::NodeId;
use crate::config::Limits;
use crate::metrics::{Cause, Numbers};
use crate::net::{Net, Pipes};
use crate::rewrite::Output;
use crate::tls::{ServerTlsConfig, ServerTlsConfigs};
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
    /// A read comes behind the few bytes that a walk left over; requests that found the ledger full come alone.
    fn new(limits: &Limits) -> Scratch {
        let bytes = FIRST_BYTES_MAX + limits.read_bytes_max as usize;
        Scratch { buffer: vec![0; bytes].into(), output: Output::default(), gather: Vec::new() }
    }

    /// Where the next bytes are read to.
    pub(super) fn room(&mut self, carry_over: usize, bytes: usize) -> &mut [u8] {
        self.buffer.get_mut(carry_over..carry_over + bytes).unwrap_or_default()
    }
}

/// What the sessions of one shard share.
pub struct Context {
    /// The shard's number.
    pub shard: usize,
    /// The shard's ring.
    pub net: Net,
    /// The backends.
    pub upstream: Rc<Upstream>,
    /// The shard's counters.
    pub numbers: Rc<Numbers>,
    /// Through which large frames pass.
    pub pipes: Pipes,
    /// The limits, those of connections and memory being this shard's part.
    pub limits: Limits,
    phase: Cell<Phase>,
    held_bytes: Cell<u64>,
    memory_bytes_max: u64,
    pub(super) id_mask: [u8; 16],
    sessions: Cell<u64>,
    scratch: RefCell<Scratch>,
    logged_left_out: RefCell<HashSet<(usize, NodeId)>>,
    server_tls: RefCell<ServerTlsConfigs>,
}

impl Context {
    /// Makes the context of a shard that may hold `memory_bytes_max` bytes in buffers, hides topic ids with `id_mask`, and
    /// speaks TLS as `server_tls` says.
    #[expect(clippy::too_many_arguments, reason = "each is another thing, and they are put together in one place")]
    pub fn new(
        shard: usize,
        net: Net,
        upstream: Rc<Upstream>,
        numbers: Rc<Numbers>,
        limits: Limits,
        memory_bytes_max: u64,
        id_mask: [u8; 16],
        server_tls: ServerTlsConfigs,
    ) -> Context {
        Context {
            shard,
            net,
            upstream,
            numbers,
            pipes: Pipes::new(limits.pipes_max as usize),
            scratch: RefCell::new(Scratch::new(&limits)),
            limits,
            phase: Cell::new(Phase::Serving),
            held_bytes: Cell::new(0),
            memory_bytes_max,
            id_mask,
            sessions: Cell::new(0),
            logged_left_out: RefCell::default(),
            server_tls: RefCell::new(server_tls),
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

    /// The TLS configuration of a listener's next handshake; `None` where it speaks no TLS.
    pub fn server_tls(&self, listener: usize) -> Option<Arc<ServerTlsConfig>> {
        self.server_tls.borrow().get(listener)?.clone()
    }

    /// Replaces the TLS configurations of all listeners: running sessions keep theirs.
    pub fn set_server_tls(&self, configs: ServerTlsConfigs) {
        self.server_tls.replace(configs);
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
        *self.scratch.borrow_mut() = Scratch::new(&self.limits);
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
        if now > before && sum > self.memory_bytes_max { Err(Cause::MemoryBudget) } else { Ok(()) }
    }

    /// So much of the budget is spent that new connections must wait: 92 %.
    pub fn memory_is_short(&self) -> bool {
        self.held_bytes.get() > self.memory_bytes_max / 100 * 92
    }

    /// Counts nodes that an answer left out, and logs each of them once.
    pub(super) fn note_left_out(&self, backend: usize, listener: &str, nodes: &[NodeId]) {
        if nodes.is_empty() {
            return;
        }
        Numbers::count(&self.numbers.nodes_left_out, nodes.len() as u64);
        let mut logged = self.logged_left_out.borrow_mut();
        for node in nodes {
            if logged.insert((backend, *node)) {
                tracing::warn!(
                    listener,
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
