//! When a relay has waited too long, and for what.

use std::time::{Duration, Instant};

use crate::config::Limits;
use crate::metrics::Cause;

/// What a relay is doing, as far as deadlines depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Activity {
    /// A request has begun to arrive and is not complete.
    pub receiving: bool,
    /// There is room to read more of it.
    pub room: bool,
    /// Requests are in flight.
    pub in_flight: bool,
    /// Answer bytes wait for the client.
    pub unsent: bool,
    /// Since when the next request has waited for a decision, where it does.
    pub undecided_since: Option<Instant>,
}

/// The clock of one relay.
pub(super) struct Deadlines {
    /// Bytes last moved in either direction.
    moved: Instant,
    /// The client last took bytes, or had none to take.
    took: Instant,
    /// The window in which a request must advance by its minimum.
    window: Option<Window>,
}

struct Window {
    began: Instant,
    bytes: u64,
}

impl Deadlines {
    /// Begins at `now`.
    pub fn new(now: Instant) -> Deadlines {
        Deadlines { moved: now, took: now, window: None }
    }

    /// Bytes came from the client.
    pub fn received(&mut self, now: Instant, bytes: u64) {
        self.moved = now;
        if let Some(window) = &mut self.window {
            window.bytes += bytes;
        }
    }

    /// Bytes came from the backend.
    pub fn moved(&mut self, now: Instant) {
        self.moved = now;
    }

    /// The client took bytes.
    pub fn sent(&mut self, now: Instant) {
        self.moved = now;
        self.took = now;
    }

    /// For how long nothing has moved.
    pub fn still_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.moved)
    }

    /// The next deadline and what it would mean; an `Err` is one that has passed.
    pub fn next(&mut self, now: Instant, activity: Activity, limits: &Limits) -> Result<Instant, Cause> {
        let mut next = now + limits.idle;
        if activity.unsent {
            let at = self.took + limits.stalled_write;
            if now >= at {
                return Err(Cause::StalledWrite);
            }
            next = next.min(at);
        } else {
            self.took = now;
        }
        if let Some(since) = activity.undecided_since {
            let at = since + limits.connect;
            if now >= at {
                return Err(Cause::DecisionDeadline);
            }
            next = next.min(at);
        }
        if !activity.receiving || !activity.room {
            // Time without room is nobody's fault: the window begins anew.
            self.window = None;
        } else {
            let window = self.window.get_or_insert(Window { began: now, bytes: 0 });
            let least = u64::from(limits.request_bytes_per_second_min) * limits.request_grace.as_secs().max(1);
            if now >= window.began + limits.request_grace {
                if window.bytes < least {
                    return Err(Cause::RequestTooSlow);
                }
                *window = Window { began: now, bytes: 0 };
            }
            next = next.min(window.began + limits.request_grace);
        }
        if !activity.in_flight && !activity.unsent && !activity.receiving {
            let at = self.moved + limits.idle;
            if now >= at {
                return Err(Cause::Idle);
            }
            next = next.min(at);
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Activity =
        Activity { receiving: false, room: true, in_flight: false, unsent: false, undecided_since: None };

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn idle_ends_a_session_but_never_one_that_waits_for_an_answer() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut deadlines = Deadlines::new(start);
        assert_eq!(deadlines.next(at(start, 0), IDLE, &limits), Ok(at(start, 660)));
        assert!(deadlines.next(at(start, 5_000), Activity { in_flight: true, ..IDLE }, &limits).is_ok());
        assert_eq!(deadlines.next(at(start, 660), IDLE, &limits), Err(Cause::Idle));
        assert_eq!(deadlines.still_for(at(start, 660)), Duration::from_secs(660));
        deadlines.moved(at(start, 660));
        assert_eq!(deadlines.still_for(at(start, 660)), Duration::ZERO);
        assert_eq!(deadlines.next(at(start, 661), IDLE, &limits), Ok(at(start, 1_320)));
    }

    #[test]
    fn a_request_must_advance_where_there_is_room() {
        let (start, limits) = (Instant::now(), Limits::default());
        let activity = Activity { receiving: true, ..IDLE };
        let mut deadlines = Deadlines::new(start);
        assert_eq!(deadlines.next(start, activity, &limits), Ok(at(start, 10)));
        for second in 1..10 {
            deadlines.received(at(start, second), 1);
            assert_eq!(deadlines.next(at(start, second), activity, &limits), Ok(at(start, 10)));
        }
        assert_eq!(deadlines.next(at(start, 10), activity, &limits), Err(Cause::RequestTooSlow));

        let mut deadlines = Deadlines::new(start);
        assert!(deadlines.next(start, activity, &limits).is_ok());
        deadlines.received(at(start, 9), 10_240);
        assert_eq!(deadlines.next(at(start, 10), activity, &limits), Ok(at(start, 20)));
        assert!(deadlines.next(at(start, 15), Activity { room: false, ..activity }, &limits).is_ok());
        assert_eq!(deadlines.next(at(start, 21), activity, &limits), Ok(at(start, 31)));
    }

    #[test]
    fn a_decision_has_a_time_of_its_own() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut deadlines = Deadlines::new(start);
        let waits = Activity { receiving: true, room: false, undecided_since: Some(at(start, 5)), ..IDLE };
        assert_eq!(deadlines.next(at(start, 14), waits, &limits), Ok(at(start, 15)));
        assert_eq!(deadlines.next(at(start, 15), waits, &limits), Err(Cause::DecisionDeadline));
        assert!(
            deadlines.next(at(start, 15), Activity { undecided_since: Some(at(start, 6)), ..waits }, &limits).is_ok()
        );
    }

    #[test]
    fn a_client_that_takes_nothing_is_ended() {
        let (start, limits) = (Instant::now(), Limits::default());
        let activity = Activity { unsent: true, in_flight: true, ..IDLE };
        let mut deadlines = Deadlines::new(start);
        assert_eq!(deadlines.next(at(start, 0), activity, &limits), Ok(at(start, 360)));
        deadlines.sent(at(start, 100));
        assert_eq!(deadlines.next(at(start, 360), activity, &limits), Ok(at(start, 460)));
        assert_eq!(deadlines.next(at(start, 460), activity, &limits), Err(Cause::StalledWrite));
    }
}
