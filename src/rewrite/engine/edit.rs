//! What is done in a walk: an edit is asked at each role that it wants to see.
//!
//! Owns what an edit may do to a frame: keep, replace, leave an entry out, answer instead, close. May not do any of it.

use super::patch::{Patch, Rest};
use super::side::Around;
use super::token::Token;
use super::walk::Frame;
use crate::metrics::Cause;
use crate::wire::Role;

/// Why a frame goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The session must be closed.
    Close(Cause),
    /// A request is to be answered with this error code.
    Answer(i16),
    /// A plan that looks at less is not enough: the frame, which is whole, is to be walked by the plan that sees all.
    SeeAll,
}

impl From<Cause> for Stop {
    fn from(cause: Cause) -> Stop {
        Stop::Close(cause)
    }
}

/// What is done at the roles of a frame. Each method is asked where the walk stops; the frame is behind the token then.
pub trait Edit: Sized {
    /// The cause of a frame whose structure is broken.
    const MALFORMED: Cause;

    /// The frame begins: its head is there, and all of it where it is `whole`.
    fn begins(&mut self, _patch: &mut Patch<'_>, _whole: bool) {}

    /// A value of a frame that was scanned.
    ///
    /// # Errors
    ///
    /// The frame is to be walked, which then comes to the same: what was done so far may be done twice.
    fn value(&mut self, _: Role, _: &Token<'_>, _: &mut Patch<'_>, _: &mut Around<'_>) -> Result<(), Stop> {
        Err(Stop::SeeAll)
    }

    /// A value of fixed size.
    ///
    /// # Errors
    ///
    /// Why the frame goes no further; so all of these.
    fn leaf(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop>;

    /// A string or bytes.
    fn text(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop>;

    /// The count of an array that is not one of entries.
    fn array(&mut self, _: Role, _: &Token<'_>, _: &mut Frame<'_>, _: &mut Around<'_>) -> Result<(), Stop> {
        Err(Cause::Internal.into())
    }

    /// The count of an array of entries.
    fn entries(&mut self, _: &Token<'_>, _: &mut Frame<'_>, _: &mut Around<'_>) -> Result<(), Stop> {
        Ok(())
    }

    /// An element of an array that is not one of entries ended.
    fn element_end(&mut self, _: Role, _: &mut Frame<'_>, _: &mut Around<'_>) -> Result<(), Stop> {
        Err(Cause::Internal.into())
    }

    /// An array that is not one of entries ended.
    fn array_end(&mut self, _: Role, _: &mut Frame<'_>, _: &mut Around<'_>) -> Result<(), Stop> {
        Err(Cause::Internal.into())
    }

    /// The count of the body's tags.
    fn tags(&mut self, _count: u32, _: &Token<'_>, _: &mut Frame<'_>) -> Result<(), Stop> {
        Err(Cause::Internal.into())
    }

    /// A tag of the body: its number, with the bytes that it takes, and its size.
    fn tag(&mut self, _number: (u32, usize), _size: u32, _: &Token<'_>, _: &mut Frame<'_>) -> Result<(), Stop> {
        Err(Cause::Internal.into())
    }

    /// The last field ended: what becomes of bytes behind it.
    fn body_end(&mut self, frame: &mut Frame<'_>) -> Result<Rest, Stop>;

    /// A value of fixed size in an entry that is left out.
    fn passed_over(&mut self, _role: Role, _bytes: &[u8]) {}

    /// An entry was left out: writes what takes its place, if anything does.
    fn stands_in(&mut self, _frame: &mut Frame<'_>, _around: &mut Around<'_>) -> Result<bool, Stop> {
        Ok(false)
    }

    /// Bytes held in memory.
    fn held_bytes(&self) -> usize {
        0
    }
}
