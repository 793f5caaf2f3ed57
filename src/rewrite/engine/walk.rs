//! One walk through one frame, whole or as it comes: the edits of a direction are asked at each role that they want to see.
//!
//! Owns where in the frame the walk is, strings that come in pieces, and the entries that are left out. May not know what a
//! role means, nor which API the frame is of.

mod left_out;

use super::edit::{Edit, Stop};
use super::entries::{Current, Level, Levels};
use super::output::Output;
use super::patch::{Patch, Rest, Written};
use super::side::Around;
use super::token::Token;
use crate::metrics::Cause;
use crate::wire::{Event, Plan, Role, TEXT_BYTES_MAX, Walker};

use left_out::LeftOut;

/// What a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    /// The end of what is here.
    More,
    /// The end of the frame, behind so many bytes that pass.
    End(u32),
}

/// A walk through a frame, between two calls.
pub struct Walk {
    place: Place,
    written: Written,
}

/// Where a walk is.
struct Place {
    walker: Walker,
    /// Bytes of the whole frame.
    bytes: u32,
    /// Bytes that come next without interest.
    run: u32,
    /// All of the frame is here, or was when it began.
    whole: bool,
    /// A string that came in part.
    collected: Option<Box<Collected>>,
    levels: Levels,
    /// An entry is being left out, within which so many arrays of entries are open.
    leaving_out: Option<u32>,
    /// As many bytes as these are copied where they stay, once the length is known.
    copied_bytes_max: usize,
}

struct Collected {
    role: Role,
    head: usize,
    bytes: Vec<u8>,
    missing: usize,
    null: bool,
}

impl Walk {
    /// Bytes that come next and pass unread.
    pub fn pass(&self) -> u32 {
        if self.place.collected.is_none() && self.written.passes() { self.place.run } else { 0 }
    }

    /// The caller moved so many of them.
    pub fn passed(&mut self, bytes: u32) {
        self.place.run = self.place.run.saturating_sub(bytes);
        self.written.moved(bytes);
    }

    /// Bytes of the frame behind those that come without interest.
    pub fn left(&self) -> u32 {
        self.place.walker.left()
    }

    /// Bytes held in memory.
    pub fn held_bytes(&self) -> usize {
        self.written.held_bytes() + self.place.collected.as_ref().map_or(0, |collected| collected.bytes.capacity())
    }
}

/// A frame that is walked, as far as it is here.
pub struct Frame<'a> {
    patch: Patch<'a>,
    /// How far the input is walked: behind the token that an edit is asked about.
    at: usize,
    place: Place,
    /// Nothing behind this place is looked at.
    rest_passes: bool,
}

/// A frame that begins.
pub struct Begun<'a> {
    /// How it is walked.
    pub plan: &'static Plan,
    /// Its first bytes, all of them where it is `whole`.
    pub input: &'a [u8],
    /// Where they stand in what was fed; `None`: elsewhere.
    pub base: Option<usize>,
    /// All of it is here.
    pub whole: bool,
    /// Bytes of its head, which the plan does not have.
    pub head_bytes: usize,
    /// Bytes of it behind the head.
    pub left: u32,
    /// Its length does not change.
    pub keeps_length: bool,
    /// Its version is flexible.
    pub flexible: bool,
    /// See [`super::patch::COPIED_BYTES_MAX`].
    pub copied_bytes_max: usize,
}

impl<'a> Frame<'a> {
    /// Begins the walk.
    #[inline(always)]
    pub fn begin(begun: Begun<'a>, out: &'a mut Output) -> Frame<'a> {
        let Begun { plan, input, base, whole, head_bytes, left, keeps_length, flexible, copied_bytes_max } = begun;
        // Made where it stays: it is too large to be moved for nothing.
        Frame {
            patch: Patch::new(input, base, copied_bytes_max, out, Written::new(flexible, keeps_length, whole)),
            at: head_bytes,
            place: Place {
                walker: Walker::new(plan, left),
                bytes: left.saturating_add(head_bytes as u32),
                run: 0,
                whole,
                collected: None,
                levels: Levels::default(),
                leaving_out: None,
                copied_bytes_max,
            },
            rest_passes: false,
        }
    }

    /// Goes on with more of the frame, which stands at `base` of what was fed.
    pub fn resume(walk: Walk, input: &'a [u8], base: usize, out: &'a mut Output) -> Frame<'a> {
        let Walk { place, written } = walk;
        let patch = Patch::new(input, Some(base), place.copied_bytes_max, out, written);
        Frame { patch, at: 0, place, rest_passes: false }
    }

    /// What there is to remember until more of the frame comes, and how many bytes of the input are dealt with.
    ///
    /// # Errors
    ///
    /// There is no memory for what is held.
    pub fn suspend(self) -> Result<(Walk, usize), Cause> {
        let Frame { patch, at, place, rest_passes: _ } = self;
        Ok((Walk { place, written: patch.suspend(at)? }, at))
    }

    /// The frame ends behind so many bytes that pass. How many bytes of it leave.
    ///
    /// # Errors
    ///
    /// `Internal` where its length is not the one that left.
    #[inline(always)]
    pub fn finish(&mut self, run: u32) -> Result<u64, Cause> {
        self.patch.finish(self.at, run)
    }

    /// The frame as it leaves.
    #[inline(always)]
    pub fn patch(&mut self) -> &mut Patch<'a> {
        &mut self.patch
    }

    /// How far the input is walked.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Bytes of the frame before what is not walked.
    pub fn offset(&self) -> u64 {
        u64::from(self.place.bytes.saturating_sub(self.place.walker.left()))
    }

    /// Bytes of the frame that are not walked.
    #[inline(always)]
    pub fn left(&self) -> u32 {
        self.place.walker.left()
    }

    /// Whether the message is in a flexible version.
    #[inline(always)]
    pub fn flexible(&self) -> bool {
        self.patch.flexible()
    }

    /// All of the frame is here.
    pub fn whole(&self) -> bool {
        self.place.whole
    }

    /// Whether the body has tags, as far as it was walked.
    #[inline(always)]
    pub fn tagged(&self) -> bool {
        self.place.walker.tagged()
    }

    /// From here on the bytes that nothing takes the place of are treated so.
    pub fn rest(&mut self, at: usize, rest: Rest) {
        self.patch.rest(at, rest);
    }

    /// Nothing behind this place is looked at.
    pub fn pass_rest(&mut self) {
        self.rest_passes = true;
    }

    /// Goes on by another plan, which is the same up to this place.
    pub fn switch(&mut self, plan: &'static Plan) {
        self.place.walker.switch(plan);
    }

    /// The length of the frame as it leaves is known: what was written so far, what is left, and so many bytes more or less.
    ///
    /// # Errors
    ///
    /// No length can say it.
    pub fn promise(&mut self, change: i64) -> Result<u64, Cause> {
        self.patch.keep_until(self.at);
        let bytes = self.patch.written() - crate::wire::LENGTH_BYTES as u64 + u64::from(self.place.walker.left());
        let bytes = bytes.checked_add_signed(change).ok_or(Cause::ResponseMalformed)?;
        self.patch.promise(bytes, self.place.copied_bytes_max)?;
        Ok(bytes)
    }

    /// The error code that entries here show, because of their own name or that of the entry around them.
    pub fn refused(&self) -> Option<i16> {
        self.place.levels.refused()
    }

    /// The innermost entry.
    pub fn entry(&mut self) -> Option<&mut Current> {
        self.place.levels.top().map(|level| &mut level.entry)
    }

    /// Begins to leave the current entry out; false where there is none.
    #[must_use]
    pub fn leave_out(&mut self) -> bool {
        let Some(level) = self.place.levels.top() else { return false };
        let (start, before) = (level.entry.at, level.entry.before.clone());
        self.patch.back_to(before);
        self.patch.keep_until(start);
        self.place.leaving_out = Some(0);
        true
    }

    /// Walks the current entry again, from its first byte; false where there is none.
    #[must_use]
    pub fn again(&mut self) -> bool {
        let Some(level) = self.place.levels.top() else { return false };
        let (walker, at, before) = (level.entry.walker, level.entry.at, level.entry.before.clone());
        (self.place.walker, self.at) = (walker, at);
        self.patch.back_to(before);
        true
    }

    /// Walks on to the end of what is here, or of the frame.
    ///
    /// # Errors
    ///
    /// Why the frame goes no further.
    #[inline(always)]
    pub fn walk<E: Edit>(&mut self, edits: &mut E, around: &mut Around<'_>) -> Result<Walked, Stop> {
        let input = self.patch.input();
        if self.place.run > 0 || self.place.collected.is_some() {
            self.go_on(edits, around)?;
            if self.place.run > 0 || self.place.collected.is_some() {
                return Ok(Walked::More);
            }
        }
        loop {
            let rest = input.get(self.at..).ok_or(Cause::Internal)?;
            let step = self.place.walker.step(rest);
            let (plain, here) = (step.plain as usize, rest.len());
            if plain > here {
                // What is behind these bytes shows when they came.
                (self.at, self.place.run) = (input.len(), step.plain - here as u32);
                return self.cut(matches!(step.event, Event::Done), E::MALFORMED);
            }
            let at = self.at + plain;
            self.at = at;
            if self.place.leaving_out.is_some() {
                match self.leave_on(&step.event, edits, around)? {
                    LeftOut::Event => continue,
                    LeftOut::End => {}
                }
            }
            match step.event {
                Event::Malformed => return Err(E::MALFORMED.into()),
                Event::More => return Ok(Walked::More),
                Event::Done => {
                    edits.body_end(self)?;
                    return Ok(Walked::End(0));
                }
                Event::Leaf { role, head } => {
                    self.at += head as usize;
                    let bytes = input.get(at..self.at).ok_or(Cause::Internal)?;
                    edits.leaf(role, &Token { bytes, head: 0, at: (at, self.at), null: false }, self, around)?;
                    if self.rest_passes {
                        return Ok(self.forward());
                    }
                }
                Event::Text { role, head, body, null } => {
                    let end = at + head as usize + body as usize;
                    let Some(bytes) = input.get(at..end) else {
                        self.collect(role, head as usize, end, null)?;
                        return Ok(Walked::More);
                    };
                    self.at = end;
                    edits.text(role, &Token { bytes, head: head as usize, at: (at, end), null }, self, around)?;
                }
                Event::Array { role, head } => {
                    self.at += head as usize;
                    let bytes = input.get(at..self.at).ok_or(Cause::Internal)?;
                    let token = Token { bytes, head: head as usize, at: (at, self.at), null: false };
                    match role {
                        Role::Entries => {
                            edits.entries(&token, self, around)?;
                            self.enter(&token)?;
                        }
                        role => edits.array(role, &token, self, around)?,
                    }
                }
                Event::ElementEnd { role: Role::Entries } => self.next_entry(),
                Event::ElementEnd { role } => edits.element_end(role, self, around)?,
                Event::ArrayEnd { role: Role::Entries } => self.leave(),
                Event::ArrayEnd { role } => {
                    edits.array_end(role, self, around)?;
                    if self.rest_passes {
                        return Ok(self.forward());
                    }
                }
                Event::Tags { head, count } => {
                    self.at += head as usize;
                    let bytes = input.get(at..self.at).ok_or(Cause::Internal)?;
                    edits.tags(count, &Token { bytes, head: head as usize, at: (at, self.at), null: false }, self)?;
                }
                Event::Tag { head, number, number_head, size, skip } => {
                    self.at += head as usize;
                    let bytes = input.get(at..self.at).ok_or(Cause::Internal)?;
                    let token = Token { bytes, head: head as usize, at: (at, self.at), null: false };
                    edits.tag((number, usize::from(number_head)), size, &token, self)?;
                    if !self.skip(skip) {
                        return Ok(Walked::More);
                    }
                }
                Event::Trailing { skip } => {
                    let rest = edits.body_end(self)?;
                    self.rest(self.at, rest);
                    if !self.skip(skip) {
                        return Ok(Walked::More);
                    }
                }
            }
        }
    }

    /// What was begun in an earlier call goes on.
    #[cold]
    fn go_on<E: Edit>(&mut self, edits: &mut E, around: &mut Around<'_>) -> Result<(), Stop> {
        let input = self.patch.input();
        if let Some(mut collected) = self.place.collected.take() {
            let here = input.get(..collected.missing).unwrap_or(input);
            crate::wire::append(&mut collected.bytes, here).map_err(Cause::from)?;
            collected.missing -= here.len();
            self.at = here.len();
            self.patch.leave_out_until(self.at);
            if collected.missing > 0 {
                self.place.collected = Some(collected);
                return Ok(());
            }
            let Collected { role, head, ref bytes, null, .. } = *collected;
            let token = Token { bytes, head, at: (self.at, self.at), null };
            let before = self.patch.written();
            edits.text(role, &token, self, around)?;
            if self.patch.written() == before {
                self.patch.keep(&token);
            }
            return Ok(());
        }
        let here = input.len().min(self.place.run as usize);
        (self.at, self.place.run) = (here, self.place.run - here as u32);
        Ok(())
    }

    /// The input ends, and the frame too where it is `done`, within bytes without interest.
    #[cold]
    fn cut(&mut self, done: bool, malformed: Cause) -> Result<Walked, Stop> {
        match done {
            _ if self.place.whole => Err(malformed.into()),
            // Bytes that leave as they are need not be waited for.
            true if self.patch.passes() => Ok(Walked::End(std::mem::take(&mut self.place.run))),
            _ => Ok(Walked::More),
        }
    }

    /// A string that ends behind what is here.
    #[cold]
    fn collect(&mut self, role: Role, head: usize, end: usize, null: bool) -> Result<(), Stop> {
        let input = self.patch.input();
        let here = input.get(self.at..).ok_or(Cause::Internal)?;
        let bytes = end - self.at;
        if self.place.whole || bytes > TEXT_BYTES_MAX as usize + crate::wire::VARINT_BYTES_MAX {
            return Err(Cause::Internal.into());
        }
        self.patch.keep_until(self.at);
        self.patch.leave_out_until(input.len());
        self.at = input.len();
        let missing = bytes - here.len();
        self.place.collected = Some(Box::new(Collected { role, head, bytes: here.to_vec(), missing, null }));
        Ok(())
    }

    /// Steps over bytes that the walk has counted off; false where not all of them are here.
    fn skip(&mut self, bytes: u32) -> bool {
        let here = self.patch.input().len() - self.at;
        let missing = bytes.saturating_sub(here as u32);
        (self.at, self.place.run) = (self.at + (bytes - missing) as usize, missing);
        missing == 0
    }

    /// The rest of the frame passes.
    #[inline(always)]
    fn forward(&mut self) -> Walked {
        let left = self.place.walker.left();
        let here = (self.patch.input().len() - self.at).min(left as usize);
        self.at += here;
        Walked::End(left - here as u32)
    }
}
