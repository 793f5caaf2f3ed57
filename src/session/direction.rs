//! What a pump must be told of its direction: how frames are walked, and what is particular to requests, or to responses.

use crate::metrics::Cause;
use crate::rewrite::{FaultAt, Output, Progress, Requests, Responses, SessionView};
use crate::wire::InFlight;

/// One of the two directions, with its place in the stream of frames.
pub(super) trait Direction: Default {
    /// What was given out before a fault leaves all the same.
    const LEAVES_BEFORE_A_FAULT: bool;

    /// Takes bytes that came.
    ///
    /// # Errors
    ///
    /// The cause with which the session must be closed.
    fn feed(
        &mut self,
        input: &[u8],
        view: &SessionView<'_>,
        in_flight: &mut InFlight,
        out: &mut Output,
    ) -> Result<Progress, Cause>;

    /// So many of the bytes that may pass were moved.
    fn passed(&mut self, n: u64);

    /// Between two frames.
    fn at_boundary(&self) -> bool;

    /// Bytes of memory in use.
    fn held_bytes(&self) -> usize;

    /// Where the fault is for which [`Direction::feed`] gave up, if it is in a frame.
    fn fault(&self) -> Option<FaultAt>;

    /// Something is to be written for which nothing need come.
    fn owes(&self, in_flight: &InFlight) -> bool;
}

/// What both transducers have under the same names.
macro_rules! transducer {
    ($direction:ty) => {
        #[inline]
        fn feed(
            &mut self,
            input: &[u8],
            view: &SessionView<'_>,
            in_flight: &mut InFlight,
            out: &mut Output,
        ) -> Result<Progress, Cause> {
            <$direction>::feed(self, input, view, in_flight, out)
        }

        fn passed(&mut self, n: u64) {
            <$direction>::passed(self, n);
        }

        #[inline]
        fn at_boundary(&self) -> bool {
            <$direction>::at_boundary(self)
        }

        #[inline]
        fn held_bytes(&self) -> usize {
            <$direction>::held_bytes(self)
        }

        fn fault(&self) -> Option<FaultAt> {
            <$direction>::fault(self)
        }
    };
}

/// From the client to the backend.
impl Direction for Requests {
    /// What closes the session does not undo the requests before it, which came in the same read by chance.
    const LEAVES_BEFORE_A_FAULT: bool = true;

    transducer!(Requests);

    #[inline]
    fn owes(&self, _in_flight: &InFlight) -> bool {
        false
    }
}

/// From the backend to the client.
impl Direction for Responses {
    /// What a client must not see may be among it.
    const LEAVES_BEFORE_A_FAULT: bool = false;

    transducer!(Responses);

    /// An own answer whose turn has come.
    #[inline]
    fn owes(&self, in_flight: &InFlight) -> bool {
        Responses::at_boundary(self) && in_flight.oldest().is_some_and(|oldest| oldest.own)
    }
}
