//! Which tests run at the same time: two at a time, and the attackers one at a time, when no client is left.

use std::sync::{Condvar, Mutex, PoisonError};

use super::locked;

/// What a test keeps busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The lab and its clients, most of them JVMs: two of them fill two cores.
    Clients,
    /// A gateway of its own and raw connections: it waits more than it works.
    Lone,
    /// The lab, of which nothing may change that the attacker does not change: one at a time, when the clients are done.
    Attacker,
}

/// Who runs, and who is still to come.
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

/// How many run at a time of all kinds: with more, tests that hold time limits failed on two cores.
const TOGETHER_MAX: usize = 2;

struct State {
    running: Vec<Kind>,
    clients_left: usize,
}

/// The right to run, until it is dropped.
pub struct Turn<'t> {
    turns: &'t Turns,
    kind: Kind,
}

impl Turns {
    /// So many tests of [`Kind::Clients`] are to come.
    pub fn new(clients: usize) -> Turns {
        Turns { state: Mutex::new(State { running: Vec::new(), clients_left: clients }), changed: Condvar::new() }
    }

    /// Waits until a test of that kind may run.
    pub fn take(&self, kind: Kind) -> Turn<'_> {
        let mut state = locked(&self.state);
        while !state.admits(kind) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.running.push(kind);
        Turn { turns: self, kind }
    }
}

impl State {
    fn admits(&self, kind: Kind) -> bool {
        let undisturbed = self.clients_left == 0 && !self.running.contains(&Kind::Attacker);
        self.running.len() < TOGETHER_MAX && (kind != Kind::Attacker || undisturbed)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = locked(&self.turns.state);
        if let Some(at) = state.running.iter().position(|one| *one == self.kind) {
            state.running.swap_remove(at);
        }
        state.clients_left -= usize::from(self.kind == Kind::Clients);
        self.turns.changed.notify_all();
    }
}
