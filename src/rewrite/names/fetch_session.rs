//! Fetch sessions belong to the connection that got them.
//!
//! On the backend a session is bound to no connection and to no tenant: whoever says its id and epoch gets its topics, or
//! ends it. So a connection may name only the sessions that came in responses to itself (KIP-227).

use crate::wire::SessionIds;

/// FETCH_SESSION_ID_NOT_FOUND.
pub const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;

/// Epochs that ask for everything: of a new session, and of none. Both end the session that they name.
const FULL_EPOCHS: [i32; 2] = [0, -1];

/// What is made of a Fetch request's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It stays as it is.
    Pass,
    /// It goes out with id 0: the session it would end is not the client's.
    AsNew,
    /// It goes no further: FETCH_SESSION_ID_NOT_FOUND, upon which clients begin anew.
    NotFound,
}

/// Decides on a request's session id and epoch.
pub fn decide(known: &mut SessionIds, id: i32, epoch: i32) -> Decision {
    match (FULL_EPOCHS.contains(&epoch), known.contains(id)) {
        (true, true) => {
            // It ends with this request.
            known.remove(id);
            Decision::Pass
        }
        (false, true) => Decision::Pass,
        (true, false) if id == 0 => Decision::Pass,
        (true, false) => Decision::AsNew,
        (false, false) => Decision::NotFound,
    }
}

/// Remembers the session id of a response; 0 is none.
pub fn learn(known: &mut SessionIds, id: i32) {
    known.insert(id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_may_name_only_the_sessions_that_it_got() {
        for (id, epoch, expected) in [
            (7, 1, Decision::Pass),
            (7, i32::MAX, Decision::Pass),
            (7, 0, Decision::Pass),
            (7, -1, Decision::Pass),
            (0, 0, Decision::Pass),
            (0, -1, Decision::Pass),
            (0, 1, Decision::NotFound),
            (8, 0, Decision::AsNew),
            (8, -1, Decision::AsNew),
            (8, 1, Decision::NotFound),
            (8, -2, Decision::NotFound),
            (8, i32::MIN, Decision::NotFound),
        ] {
            let mut known = SessionIds::default();
            learn(&mut known, 0);
            learn(&mut known, 7);
            assert_eq!(decide(&mut known, id, epoch), expected, "session {id}, epoch {epoch}");
        }
    }

    #[test]
    fn a_session_that_was_ended_is_no_longer_the_clients() {
        for epoch in FULL_EPOCHS {
            let mut known = SessionIds::default();
            learn(&mut known, 7);
            assert_eq!(decide(&mut known, 7, epoch), Decision::Pass);
            assert_eq!(decide(&mut known, 7, 1), Decision::NotFound);
            learn(&mut known, 9);
            assert_eq!(decide(&mut known, 9, 1), Decision::Pass);
        }
    }
}
