//! The driver: one task of the shard's executor that enters the ring, hands out what came, and waits when nothing else
//! can run.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

use slab::Slab;

use super::handshake_limiter::HandshakeLimiter;
use super::secure::Space;
use super::wheel::Wheel;
use crate::sys::{Completion, Outcome, Ready, Ring, Token};

/// A shard's network. Cheap to clone; stays on its thread.
#[derive(Clone)]
pub struct Net(pub(super) Rc<Inner>);

pub(super) struct Inner {
    ring: RefCell<Ring>,
    slots: RefCell<Slab<Rc<Slot>>>,
    generation: Cell<u32>,
    pub(super) wheel: RefCell<Wheel>,
    pub(super) handshake_limiter: HandshakeLimiter,
    pub(super) space: RefCell<Space>,
    now: Cell<Instant>,
    /// A task that the driver did not wake itself can run: the next enter must not wait.
    runnable: Cell<bool>,
    stopped: Cell<bool>,
    rearmed: Cell<u64>,
}

/// What the ring knows of one descriptor.
pub(super) struct Slot {
    token: Token,
    accepts: bool,
    pub(super) ready: Cell<Ready>,
    pub(super) waker: RefCell<Option<Waker>>,
    /// Connections and errors that accepting brought and nobody has taken yet.
    pub(super) accepted: RefCell<VecDeque<io::Result<TcpStream>>>,
    /// The entry in the ring ended for good, or must be armed by its owner.
    pub(super) ended: Cell<bool>,
}

impl Slot {
    pub(super) fn register(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

impl Net {
    /// Makes the ring of this thread.
    ///
    /// # Errors
    ///
    /// As [`Ring::new`]; `Unsupported` names the operations that the kernel lacks.
    #[expect(clippy::disallowed_methods, reason = "here the clock is read for the whole turn")]
    pub fn new() -> io::Result<Net> {
        let ring = Ring::new()?;
        let missing = ring.missing_operations()?;
        if !missing.is_empty() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, missing.join(", ")));
        }
        let now = Instant::now();
        Ok(Net(Rc::new(Inner {
            ring: RefCell::new(ring),
            slots: RefCell::default(),
            generation: Cell::new(0),
            wheel: RefCell::new(Wheel::new(now)),
            handshake_limiter: HandshakeLimiter::default(),
            space: RefCell::default(),
            now: Cell::new(now),
            runnable: Cell::new(true),
            stopped: Cell::new(false),
            rearmed: Cell::new(0),
        })))
    }

    /// The time of the driver's last turn: exact enough for every deadline, and free.
    pub fn now(&self) -> Instant {
        self.0.now.get()
    }

    /// To be called before a voluntary yield, and by whatever wakes a task without the ring: the driver will not wait
    /// in its next turn.
    pub fn mark_runnable(&self) {
        self.0.runnable.set(true);
    }

    /// Ends [`Net::drive`].
    pub fn stop(&self) {
        self.0.stopped.set(true);
        self.mark_runnable();
    }

    /// Entries of the ring that ended by themselves and were armed again.
    pub fn rearmed(&self) -> u64 {
        self.0.rearmed.get()
    }

    /// Wakes the owner of every descriptor: something that concerns all has changed.
    pub fn wake_all(&self) {
        self.0.slots.borrow().iter().for_each(|(_, slot)| slot.wake());
        self.mark_runnable();
    }

    /// Runs the ring until [`Net::stop`]. Tasks that it wakes stand before it in the executor's queue, so that they have run
    /// when it comes to its next turn; others have called [`Net::mark_runnable`].
    #[expect(clippy::disallowed_methods, reason = "here the clock is read for the whole turn")]
    pub async fn drive(&self) {
        let mut completions = Vec::new();
        while !self.0.stopped.get() {
            let wait = match self.0.runnable.replace(false) {
                true => None,
                false => Some(self.until_next_deadline()),
            };
            {
                let mut ring = self.0.ring.borrow_mut();
                ring.enter(wait);
                ring.completions(|completion| completions.push(completion));
            }
            self.0.now.set(Instant::now());
            // Before the others are woken: those who wait for their share stand before newcomers.
            if self.0.handshake_limiter.begin_turn() {
                self.mark_runnable();
            }
            completions.drain(..).for_each(|completion| self.hand_out(completion));
            self.0.wheel.borrow_mut().advance(self.now());
            futures_lite::future::yield_now().await;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "here the clock is read for the whole turn")]
    fn until_next_deadline(&self) -> Duration {
        self.0.wheel.borrow().next(Instant::now())
    }

    fn hand_out(&self, completion: Completion) {
        let key = (completion.token.0 & u64::from(u32::MAX)) as usize;
        let Some(slot) = self.0.slots.borrow().get(key).filter(|slot| slot.token == completion.token).cloned() else {
            // The owner is gone. A connection that was accepted for it is closed by being dropped.
            return;
        };
        match completion.outcome {
            Outcome::Accepted(stream) => slot.accepted.borrow_mut().push_back(Ok(stream)),
            Outcome::Ready(ready) => {
                let old = slot.ready.get();
                slot.ready.set(Ready {
                    readable: old.readable || ready.readable,
                    writable: old.writable || ready.writable,
                    ended: old.ended || ready.ended,
                });
            }
            Outcome::Failed(number) if slot.accepts => {
                slot.ended.set(true);
                slot.accepted.borrow_mut().push_back(Err(io::Error::from_raw_os_error(number)));
            }
            // A failed poll means nothing by itself: reading and writing return the error.
            Outcome::Failed(_) => slot.ready.set(Ready { readable: true, writable: true, ended: true }),
        }
        if !completion.more && !slot.ended.get() {
            // A multishot entry ends when the completion queue was full: owners must look, and it is armed again by
            // whoever holds the descriptor (`Slot::ended` is looked at before each wait).
            slot.ended.set(true);
            self.0.rearmed.set(self.0.rearmed.get() + 1);
        }
        slot.wake();
    }

    pub(super) fn add_poll(&self, descriptor: BorrowedFd<'_>) -> Rc<Slot> {
        let slot = self.add_slot(false);
        self.0.ring.borrow_mut().poll(descriptor, slot.token);
        slot
    }

    pub(super) fn add_accept(&self, descriptor: BorrowedFd<'_>) -> Rc<Slot> {
        let slot = self.add_slot(true);
        self.0.ring.borrow_mut().accept(descriptor, slot.token);
        slot
    }

    /// Arms an entry that ended. What was missed in between is not known, hence everything is taken for ready.
    pub(super) fn arm_again(&self, slot: &Slot, descriptor: BorrowedFd<'_>) {
        slot.ended.set(false);
        let mut ring = self.0.ring.borrow_mut();
        if slot.accepts {
            ring.accept(descriptor, slot.token);
        } else {
            slot.ready.set(Ready { readable: true, writable: true, ended: slot.ready.get().ended });
            ring.poll(descriptor, slot.token);
        }
        self.mark_runnable();
    }

    pub(super) fn cancel(&self, slot: &Slot) {
        let mut ring = self.0.ring.borrow_mut();
        if slot.accepts { ring.cancel_accept(slot.token) } else { ring.cancel_poll(slot.token) }
    }

    pub(super) fn remove(&self, slot: &Slot) {
        let key = (slot.token.0 & u64::from(u32::MAX)) as usize;
        self.0.slots.borrow_mut().try_remove(key);
        slot.waker.borrow_mut().take();
    }

    fn add_slot(&self, accepts: bool) -> Rc<Slot> {
        /// Leaves the two bits that the ring uses for itself.
        const GENERATIONS: u32 = 1 << 29;
        let generation = (self.0.generation.get() + 1) % GENERATIONS;
        self.0.generation.set(generation);
        let mut slots = self.0.slots.borrow_mut();
        let entry = slots.vacant_entry();
        let token = Token(u64::from(generation) << 32 | entry.key() as u64);
        let slot = Rc::new(Slot {
            token,
            accepts,
            ready: Cell::default(),
            waker: RefCell::default(),
            accepted: RefCell::default(),
            ended: Cell::new(false),
        });
        entry.insert(slot.clone());
        slot
    }
}
