//! What is in flight on a session, oldest first. A in_flight that never held anything has no memory, an empty one next to none.

use std::collections::VecDeque;

/// What a response must be told of its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// Nothing.
    #[default]
    Nothing,
    /// FindCoordinator: its keys are groups.
    Groups,
    /// FindCoordinator: its keys are transactional ids.
    TransactionalIds,
    /// Metadata: its topics were named by id.
    TopicIds,
    /// JoinGroup or SyncGroup of a protocol type that is not "consumer": its blobs hold no names.
    OtherProtocol,
}

/// One request that waits for its response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The request's api key.
    pub api_key: i16,
    /// The request's api version.
    pub api_version: i16,
    /// As the client chose it.
    pub correlation_id: i32,
    /// We answer this one ourselves when its turn comes; the backend never saw it.
    pub own: bool,
    /// The error code that our own answer carries; 0 (none) where the backend answers.
    pub own_error: i16,
    /// The error code that every entry of the backend's response is to show, because the request named what it may not;
    /// 0 where the response is shown as it is.
    pub shown_error: i16,
    /// What the response does not repeat of the request, and cannot be read without.
    pub asked: Asked,
}

/// Most slots that an empty in_flight keeps: 256 bytes, and no allocation for clients that have up to so many requests in
/// flight (Java's producer has five).
const KEPT_SLOTS_MAX: usize = 8;

/// Own answers may wait for their turn up to so many bytes before no further request is taken. One more may be longer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The requests in flight, oldest first, and what their direction must remember for the other one.
#[derive(Debug, Default)]
pub struct InFlight {
    slots: VecDeque<Slot>,
    /// Bytes of the answers that wait.
    answer_bytes: usize,
    /// The sessions that the backend gave this connection.
    pub session_ids: SessionIds,
}

#[derive(Debug)]
struct Slot {
    entry: Exchange,
    /// Our own answer, where it was written when the request came: a whole frame.
    answer: Option<Box<[u8]>>,
}

impl InFlight {
    /// Adds the newest request.
    pub fn push(&mut self, entry: Exchange) {
        self.slots.push_back(Slot { entry, answer: None });
    }

    /// Adds the newest request, with the frame that answers it when its turn comes.
    pub fn push_answered(&mut self, entry: Exchange, answer: Box<[u8]>) {
        self.answer_bytes += answer.len();
        self.slots.push_back(Slot { entry: Exchange { own: true, ..entry }, answer: Some(answer) });
    }

    /// The request that the next response must answer.
    pub fn oldest(&self) -> Option<Exchange> {
        self.slots.front().map(|slot| slot.entry)
    }

    /// Whether the oldest request is one that we answer.
    #[inline(always)]
    pub fn oldest_is_own(&self) -> bool {
        self.slots.front().is_some_and(|slot| slot.entry.own)
    }

    /// The frame that answers the oldest request, where it was written already.
    pub fn oldest_answer(&self) -> Option<&[u8]> {
        self.slots.front().and_then(|slot| slot.answer.as_deref())
    }

    /// Takes the oldest request off: its response is complete. With the last of many, gives their memory back.
    pub fn pop(&mut self) -> Option<Exchange> {
        let Slot { entry, answer } = self.slots.pop_front()?;
        if self.slots.is_empty() && self.slots.capacity() > KEPT_SLOTS_MAX {
            self.slots = VecDeque::new();
        }
        if let Some(answer) = answer {
            self.answer_bytes -= answer.len();
        }
        Some(entry)
    }

    /// No further request may be taken: so many are in flight, or our own answers to them are long already. A short request can
    /// have a long answer, and whoever sends many must not have all of them held.
    #[inline(always)]
    pub fn is_full(&self, slots_max: usize) -> bool {
        self.slots.len() >= slots_max || self.answer_bytes > ANSWER_BYTES_MAX
    }

    /// How many are in flight.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of the answers that wait for their turn.
    pub fn held_bytes(&self) -> usize {
        self.answer_bytes
    }
}

/// Most sessions that a connection is known to have; clients have one.
const SESSION_IDS_MAX: usize = 4;
/// No session.
const NO_SESSION: i32 = 0;

/// Ids of sessions that the backend gave a connection; the newest few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionIds([i32; SESSION_IDS_MAX]);

impl SessionIds {
    /// Whether it is one of them.
    pub fn contains(&self, id: i32) -> bool {
        id != NO_SESSION && self.0.contains(&id)
    }

    /// Adds one; the oldest gives way.
    pub fn insert(&mut self, id: i32) {
        if id != NO_SESSION && !self.contains(id) {
            self.0.rotate_right(1);
            if let Some(first) = self.0.first_mut() {
                *first = id;
            }
        }
    }

    /// Takes one off.
    pub fn remove(&mut self, id: i32) {
        for one in self.0.iter_mut().filter(|one| **one == id) {
            *one = NO_SESSION;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_with_their_entries_and_their_bytes_are_counted() {
        let entry = Exchange { api_key: 1, api_version: 2, correlation_id: 3, ..Exchange::default() };
        let mut in_flight = InFlight::default();
        in_flight.push(entry);
        in_flight.push_answered(entry, Box::new([1, 2, 3]));
        assert_eq!((in_flight.oldest(), in_flight.oldest_answer(), in_flight.held_bytes()), (Some(entry), None, 3));
        assert_eq!(in_flight.pop(), Some(entry));
        let own = Exchange { own: true, ..entry };
        assert_eq!((in_flight.oldest(), in_flight.oldest_answer()), (Some(own), Some(&[1, 2, 3][..])));
        assert_eq!((in_flight.pop(), in_flight.held_bytes(), in_flight.pop()), (Some(own), 0, None));
    }

    #[test]
    fn it_is_full_by_slots_and_by_the_bytes_of_answers() {
        let mut in_flight = InFlight::default();
        in_flight.push(Exchange::default());
        assert!(!in_flight.is_full(2) && in_flight.is_full(1));
        in_flight.push_answered(Exchange::default(), vec![0; ANSWER_BYTES_MAX].into());
        assert!(!in_flight.is_full(9));
        in_flight.push_answered(Exchange::default(), vec![0; 1].into());
        assert!(in_flight.is_full(9));
        in_flight.pop();
        in_flight.pop();
        assert!(!in_flight.is_full(9));
    }

    #[test]
    fn few_slots_are_kept_and_many_are_given_back() {
        let mut in_flight = InFlight::default();
        assert_eq!(in_flight.slots.capacity(), 0);
        for (count, kept) in [(1, true), (KEPT_SLOTS_MAX, true), (KEPT_SLOTS_MAX + 1, false)] {
            (0..count).for_each(|_| in_flight.push(Exchange::default()));
            let held = in_flight.slots.capacity();
            while in_flight.pop().is_some() {}
            assert_eq!(in_flight.slots.capacity(), if kept { held } else { 0 }, "{count} in flight");
        }
        assert_eq!(KEPT_SLOTS_MAX * size_of::<Slot>(), 256);
    }

    #[test]
    fn the_newest_sessions_are_known() {
        let mut ids = SessionIds::default();
        assert!(!ids.contains(0));
        for id in [0, 1, 2, 3, 3, 4] {
            ids.insert(id);
        }
        assert!([1, 2, 3, 4].into_iter().all(|id| ids.contains(id)) && !ids.contains(0));
        ids.insert(5);
        assert!(!ids.contains(1) && ids.contains(2));
        ids.remove(3);
        ids.remove(0);
        assert!(!ids.contains(3) && ids.contains(5));
    }
}
