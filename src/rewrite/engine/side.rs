//! What a direction is: requests, or responses. The transducer is the same for both.
//!
//! Owns what must be known of a direction to walk its frames. May not know how a frame comes.

use super::super::treatments::{Names, Treatment};
use super::super::{Need, SessionView};
use super::edit::Edit;
use super::output::Output;
use crate::metrics::Cause;
use crate::wire::InFlight;

/// What frames are dealt with.
pub struct Around<'v> {
    /// What the session knows.
    pub view: &'v SessionView<'v>,
    /// What is in flight.
    pub in_flight: &'v mut InFlight,
    /// Which names the client uses.
    pub names: Names,
    /// The prefix that every topic takes, where it is the same for all.
    pub uniform: Option<&'v [u8]>,
}

/// What is particular to requests, or to responses.
pub trait Side: Default {
    /// What is known of a frame that is to be walked.
    type Seed: Copy;
    /// What is remembered of a frame that is walked.
    type Edits: Edit;
    /// What is remembered of a frame that goes no further.
    type Dropped;
    /// Bytes of a frame's head, which is looked at before anything else.
    const HEAD_BYTES: usize;

    /// Something is to be written between two frames for which nothing need come.
    fn owes(in_flight: &InFlight) -> bool;
    /// What must be there before a frame may begin; what is to leave before it is added to `out`.
    fn ready(&mut self, around: &mut Around<'_>, out: &mut Output) -> Option<Need>;
    /// Looks at the head of a frame; `None` while not all of it is here.
    ///
    /// # Errors
    ///
    /// The cause with which the session must be closed.
    fn begin(&mut self, bytes: &[u8], around: &mut Around<'_>) -> Result<Option<Begin<Self>>, Cause>;
    /// Begins the walk through a frame, by a plan that is perhaps the quick one.
    fn edits(seed: Self::Seed, treatment: &'static Treatment, quick: bool) -> Self::Edits;
    /// Whether a plan that looks at less may be enough, where there is one.
    fn quick_may_do(seed: &Self::Seed) -> bool;
    /// The API and the version of a frame that begins with these bytes, as far as they can be known.
    fn api(bytes: &[u8], around: &Around<'_>) -> Option<(i16, i16)>;
    /// The API and the version of a frame that is walked.
    fn api_of(edits: &Self::Edits) -> (i16, i16);
    /// A frame that was walked leaves as so many bytes, its length included.
    ///
    /// # Errors
    ///
    /// The cause with which the session must be closed.
    fn end(edits: Self::Edits, bytes: u64, around: &mut Around<'_>) -> Result<(), Cause>;
    /// A frame goes no further. `bytes` are all of it, where it had to be whole for that.
    ///
    /// # Errors
    ///
    /// The cause with which the session must be closed.
    fn dropped(dropped: Self::Dropped, bytes: &[u8], around: &mut Around<'_>) -> Result<(), Cause>;
    /// A frame that was walked goes no further: this error code answers it.
    ///
    /// # Errors
    ///
    /// `Internal` where no frame of this direction is answered.
    fn answered(edits: Self::Edits, error: i16) -> Result<Self::Dropped, Cause>;
    /// Longest frame that may be held until it is whole, in bytes.
    fn hold_bytes_max(view: &SessionView<'_>) -> usize;
}

/// A frame that begins.
pub struct Begin<S: Side> {
    /// Bytes of it, its length included.
    pub bytes: usize,
    /// What becomes of it.
    pub to: Becomes<S>,
}

/// What becomes of a frame.
pub enum Becomes<S: Side> {
    /// It passes, and is done with.
    Passes,
    /// It goes no further, and is not looked at.
    Dropped(S::Dropped),
    /// It goes no further, and must be whole for that.
    Answered(S::Dropped),
    /// It waits for this: nothing of it is taken.
    Waits(Need),
    /// It is walked.
    Walked(&'static Treatment, S::Seed),
}
