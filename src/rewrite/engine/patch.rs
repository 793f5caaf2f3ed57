//! Puts a rewritten frame together: what stays of the frame that came, new bytes between, and its new length.
//!
//! Owns the bytes that wait until the new length is known, the places that are filled in later, and the way back to an
//! earlier state. May not know what is replaced, or why.

use super::output::{Mark, Output, Segment};
use super::token::Token;
use crate::metrics::Cause;
use crate::wire::{LENGTH_BYTES, append, padded_varint, push_varint, varint_bytes};

/// Shorter parts that stay are copied: cheaper than one more segment, which costs an entry in each list of buffers down to
/// the kernel.
pub const COPIED_BYTES_MAX: usize = 1024;

/// The same, where records may be among what stays, which are never copied: a batch takes 61 bytes at least.
pub const COPIED_BYTES_MAX_BETWEEN_RECORDS: usize = 60;

/// What becomes of the bytes of the frame that nothing takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They stay.
    Stays,
    /// They are left out.
    LeftOut,
    /// Zeros take their place.
    Blank,
}

/// How the length of the frame as it leaves becomes known.
#[derive(Debug)]
enum Length {
    /// It left already.
    Gone,
    /// All of the frame is here: its place is filled in at the end.
    AtTheEnd,
    /// It is known at a place that the frame has not come to: what leaves before is held.
    Later(Vec<u8>),
}

/// What is remembered of a frame between two calls.
#[derive(Debug)]
pub struct Written {
    /// The message is in a flexible version.
    flexible: bool,
    rest: Rest,
    /// Bytes of the frame as it leaves, so far.
    bytes: u64,
    /// All of them, where that is known.
    promised: Option<u64>,
    length: Length,
}

impl Written {
    /// For a frame that keeps its length, or whose length is filled in when all of it was `whole` here, or is held until then.
    pub fn new(flexible: bool, keeps_length: bool, whole: bool) -> Written {
        let length = match (keeps_length, whole) {
            (true, _) => Length::Gone,
            (false, true) => Length::AtTheEnd,
            (false, false) => Length::Later(Vec::new()),
        };
        Written { flexible, rest: Rest::Stays, bytes: 0, promised: None, length }
    }

    /// Bytes held in memory.
    pub fn held_bytes(&self) -> usize {
        match &self.length {
            Length::Later(held) => held.len(),
            Length::Gone | Length::AtTheEnd => 0,
        }
    }

    /// So many bytes that stay left by another way.
    pub fn moved(&mut self, bytes: u32) {
        self.bytes += u64::from(bytes);
    }

    /// Bytes that stay leave as soon as they come.
    pub fn passes(&self) -> bool {
        self.rest == Rest::Stays && matches!(self.length, Length::Gone)
    }
}

/// A frame that is being put together, as far as it is here.
pub struct Patch<'a> {
    input: &'a [u8],
    /// Where `input` stands in what was fed; `None`: it lies elsewhere, and is copied.
    base: Option<usize>,
    copied_bytes_max: usize,
    out: &'a mut Output,
    written: Written,
    /// What stands before this in the input was given out, or left out.
    done: usize,
    /// Where the new bytes of this call begin.
    start: usize,
    /// New bytes from here on are in no segment yet.
    fresh: usize,
}

/// A state to come back to, of a frame that is whole.
#[derive(Clone, Debug, Default)]
pub struct Before {
    out: Mark,
    done: usize,
    bytes: u64,
}

/// New bytes that may be replaced by others later.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    at: usize,
    width: usize,
}

impl<'a> Patch<'a> {
    /// Begins, or goes on, with `input`.
    #[inline(always)]
    pub fn new(
        input: &'a [u8],
        base: Option<usize>,
        copied_bytes_max: usize,
        out: &'a mut Output,
        written: Written,
    ) -> Patch<'a> {
        let start = out.new_bytes.len();
        let copied_bytes_max = if matches!(written.length, Length::Later(_)) { usize::MAX } else { copied_bytes_max };
        Patch { input, base, copied_bytes_max, out, written, done: 0, start, fresh: start }
    }

    /// The input.
    #[inline(always)]
    pub fn input(&self) -> &'a [u8] {
        self.input
    }

    /// Whether the message is in a flexible version.
    #[inline(always)]
    pub fn flexible(&self) -> bool {
        self.written.flexible
    }

    /// Bytes of the frame as it leaves, so far.
    #[inline(always)]
    pub fn written(&self) -> u64 {
        self.written.bytes
    }

    /// Where nodes are noted that an answer leaves out.
    pub fn out(&mut self) -> &mut Output {
        self.out
    }

    /// Bytes that stay leave as soon as they come.
    pub fn passes(&self) -> bool {
        self.written.passes()
    }

    /// From `at` on the bytes that nothing takes the place of are treated so.
    pub fn rest(&mut self, at: usize, rest: Rest) {
        self.keep_until(at);
        self.written.rest = rest;
    }

    /// What is not done yet stays, up to `end` of the input.
    #[inline(always)]
    pub fn keep_until(&mut self, end: usize) {
        let part = self.done..end;
        let Some(bytes) = self.input.get(part.clone()) else { return };
        self.done = end;
        match (self.written.rest, self.base) {
            (Rest::Stays, Some(base)) if bytes.len() > self.copied_bytes_max => {
                let start = part.start + self.copy_length(bytes);
                self.flush();
                self.out.push_input(base + start..base + part.end);
            }
            (Rest::Stays, _) => self.out.new_bytes.extend_from_slice(bytes),
            (Rest::LeftOut, _) => return,
            (Rest::Blank, _) => {
                let behind = self.out.new_bytes.len() + bytes.len();
                self.out.new_bytes.resize(behind, 0);
            }
        }
        self.written.bytes += bytes.len() as u64;
    }

    /// The length of a frame is copied, as another one is put in its place later: so many bytes of its first part.
    #[inline(always)]
    fn copy_length(&mut self, first: &[u8]) -> usize {
        match first.first_chunk::<LENGTH_BYTES>() {
            Some(length) if self.written.bytes == 0 && !matches!(self.written.length, Length::Gone) => {
                self.out.new_bytes.extend_from_slice(length);
                LENGTH_BYTES
            }
            Some(_) | None => 0,
        }
    }

    /// What is not done yet is left out, up to `end` of the input.
    pub fn leave_out_until(&mut self, end: usize) {
        self.done = end;
    }

    /// New bytes, which `write` appends, in place of a part of the input.
    #[inline(always)]
    fn replace_with(&mut self, (start, end): (usize, usize), write: impl FnOnce(&mut Vec<u8>)) {
        self.keep_until(start);
        self.done = end;
        if self.written.rest == Rest::Stays {
            let before = self.out.new_bytes.len();
            write(&mut self.out.new_bytes);
            self.written.bytes += (self.out.new_bytes.len() - before) as u64;
        }
    }

    /// New bytes in place of a part of the input.
    pub fn replace(&mut self, part: (usize, usize), bytes: &[u8]) {
        self.replace_with(part, |into| into.extend_from_slice(bytes));
    }

    /// New bytes behind what is done.
    pub fn add(&mut self, bytes: &[u8]) {
        self.replace((self.done, self.done), bytes);
    }

    /// A varint of so many bytes behind what is done.
    pub fn add_varint(&mut self, value: u32, width: usize) {
        self.replace_with((self.done, self.done), |into| push_varint(into, value, width));
    }

    /// So many zeros behind what is done.
    pub fn add_zeros(&mut self, bytes: usize) {
        self.replace_with((self.done, self.done), |into| into.resize(into.len() + bytes, 0));
    }

    /// A token stays as it came: only one that was collected needs to be said again.
    pub fn keep(&mut self, token: &Token<'_>) {
        if token.at.0 == token.at.1 {
            self.add(token.bytes);
        }
    }

    /// A string that ends in the last `tail` bytes of another one, with `front` before them, in its place. `width`: the bytes
    /// that a compact length takes, padded where that is more than it needs; 0: as few as it needs.
    #[inline(always)]
    pub fn string(&mut self, token: &Token<'_>, front: &[u8], tail: usize, width: usize) {
        let collected = token.at.0 == token.at.1;
        // What is not collected keeps its tail where it is.
        self.keep_until(token.at.0);
        self.done = if collected { token.at.1 } else { token.at.1 - tail };
        if self.written.rest != Rest::Stays {
            return;
        }
        let into = &mut self.out.new_bytes;
        let before = into.len();
        push_string_length(into, front.len() + tail, self.written.flexible, width);
        into.extend_from_slice(front);
        if collected {
            match token.bytes.len().checked_sub(tail).and_then(|at| token.bytes.get(at..)) {
                Some(tail) => into.extend_from_slice(tail),
                // No frame ends as long as that: it will be seen at its end.
                None => self.written.promised = Some(u64::MAX),
            }
        }
        self.written.bytes += (into.len() - before) as u64;
    }

    /// A string of `bytes` bytes, which `write` appends, in place of another.
    pub fn string_with(&mut self, part: (usize, usize), bytes: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let flexible = self.written.flexible;
        self.replace_with(part, |into| {
            push_string_length(into, bytes, flexible, 0);
            write(into);
        });
    }

    /// Bytes in place of others, their length included: `write` appends them, and says whether it did. False: what stood
    /// there stays.
    ///
    /// # Errors
    ///
    /// That of `write`.
    pub fn blob<E>(
        &mut self,
        part: (usize, usize),
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        self.keep_until(part.0);
        self.flush();
        let start = self.out.new_bytes.len();
        let head = [0; BLOB_HEAD_BYTES_MAX];
        self.out.new_bytes.extend(head);
        let body = start + head.len();
        if !write(&mut self.out.new_bytes)? {
            self.out.new_bytes.truncate(start);
            return Ok(false);
        }
        let length = u32::try_from(self.out.new_bytes.len() - body).unwrap_or(u32::MAX);
        // The head ends where the body begins; what is left before it is not used.
        let (head, width) = if self.written.flexible {
            let width = varint_bytes(length.saturating_add(1));
            (padded_varint(length.saturating_add(1), width), width)
        } else {
            let [a, b, c, d] = length.to_be_bytes();
            ([a, b, c, d, 0], LENGTH_BYTES)
        };
        let from = body - width;
        if let (Some(place), Some(head)) = (self.out.new_bytes.get_mut(from..body), head.get(..width)) {
            place.copy_from_slice(head);
        }
        self.written.bytes += (self.out.new_bytes.len() - from) as u64;
        self.fresh = from;
        self.done = part.1;
        Ok(true)
    }

    /// Bytes in place of a part of the input that may be replaced later, at its [`Place`].
    pub fn replaceable(&mut self, part: (usize, usize), bytes: &[u8]) -> Place {
        self.keep_until(part.0);
        let at = match &self.written.length {
            Length::Later(held) => held.len() + self.out.new_bytes.len() - self.start,
            Length::Gone | Length::AtTheEnd => self.out.new_bytes.len(),
        };
        self.replace(part, bytes);
        Place { at, width: bytes.len() }
    }

    /// What stands at a place.
    pub fn at(&mut self, place: Place) -> Option<&mut [u8]> {
        let range = place.at..place.at + place.width;
        let Length::Later(held) = &mut self.written.length else { return self.out.new_bytes.get_mut(range) };
        match (place.at + self.start).checked_sub(held.len()) {
            Some(at) if place.at >= held.len() => self.out.new_bytes.get_mut(at..at + place.width),
            _ => held.get_mut(range),
        }
    }

    /// Puts a count where another one stands, in as many bytes as that takes.
    pub fn put_count(&mut self, place: Place, count: u32) {
        let flexible = self.written.flexible;
        let Some(to) = self.at(place) else { return };
        if flexible {
            let bytes = padded_varint(count.saturating_add(1), to.len());
            // A varint takes no more bytes than there are.
            for (to, byte) in to.iter_mut().zip(bytes) {
                *to = byte;
            }
        } else if let Ok(to) = <&mut [u8; 4]>::try_from(to) {
            *to = count.to_be_bytes();
        }
    }

    /// Puts a smaller count where another one stands, as short as it can be written. In a frame that is whole.
    pub fn put_shorter_count(&mut self, place: Place, count: u32) {
        let width =
            if self.written.flexible { varint_bytes(count.saturating_add(1)).min(place.width) } else { place.width };
        self.put_count(Place { width, ..place }, count);
        self.close_gap(place.at + width, place.width - width);
    }

    /// Takes new bytes out again. Seldom: where a count of two bytes came down to one.
    fn close_gap(&mut self, at: usize, bytes: usize) {
        if bytes == 0 || at + bytes > self.out.new_bytes.len() {
            return;
        }
        self.flush();
        self.out.new_bytes.drain(at..at + bytes);
        self.fresh -= bytes;
        for segment in &mut self.out.segments {
            if let Segment::New(part) = segment {
                part.start -= if part.start > at { bytes } else { 0 };
                part.end -= if part.end > at { bytes } else { 0 };
            }
        }
        self.written.bytes -= bytes as u64;
    }

    /// What there is before anything more is written.
    pub fn before(&mut self) -> Before {
        self.flush();
        Before { out: self.out.mark(), done: self.done, bytes: self.written.bytes }
    }

    /// Forgets what was written since.
    pub fn back_to(&mut self, before: Before) {
        self.out.back_to(before.out);
        (self.done, self.written.bytes, self.fresh) = (before.done, before.bytes, self.out.new_bytes.len());
    }

    /// The bytes that are held because the new length is not known, to be changed; `None`: it is known.
    pub fn held(&mut self) -> Result<Option<&mut Vec<u8>>, Cause> {
        let Length::Later(held) = &mut self.written.length else { return Ok(None) };
        append(held, self.out.new_bytes.get(self.start..).ok_or(Cause::Internal)?)?;
        self.out.new_bytes.truncate(self.start);
        Ok(Some(held))
    }

    /// The length is known: of `bytes` bytes behind its own, as they leave. What was held leaves.
    ///
    /// # Errors
    ///
    /// No length can say it, or there is no memory.
    pub fn promise(&mut self, bytes: u64, copied_bytes_max: usize) -> Result<(), Cause> {
        let length = i32::try_from(bytes).map_err(|_| Cause::HeldFrameTooLarge)?;
        self.written.promised = Some(bytes + LENGTH_BYTES as u64);
        self.held()?;
        let Length::Later(held) = std::mem::replace(&mut self.written.length, Length::Gone) else {
            self.written.length = Length::AtTheEnd;
            return Ok(());
        };
        self.out.new_bytes.extend_from_slice(&held);
        if let Some(place) = self.out.new_bytes.get_mut(self.start..self.start + LENGTH_BYTES) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        self.copied_bytes_max = copied_bytes_max;
        Ok(())
    }

    /// So many bytes of what is held are gone, or came: see [`Patch::held`].
    pub fn shrink(&mut self, bytes: u64) {
        self.written.bytes -= bytes;
    }

    /// All that is here was walked, up to `end`: what can leave does.
    ///
    /// # Errors
    ///
    /// There is no memory for what is held.
    pub fn suspend(mut self, end: usize) -> Result<Written, Cause> {
        self.keep_until(end);
        if self.held()?.is_none() {
            self.flush();
        }
        Ok(self.written)
    }

    /// The frame ends at `end`, behind which so many bytes of it pass: its new length is filled in. Bytes that leave.
    ///
    /// # Errors
    ///
    /// `Internal` where its length is not the one that left.
    #[inline(always)]
    pub fn finish(&mut self, end: usize, run: u32) -> Result<u64, Cause> {
        self.keep_until(end);
        self.flush();
        self.written.bytes += u64::from(run);
        if self.written.promised.is_some_and(|promised| promised != self.written.bytes) {
            return Err(Cause::Internal);
        }
        if matches!(self.written.length, Length::Gone) {
            return Ok(self.written.bytes);
        }
        let length = self.written.bytes - LENGTH_BYTES as u64;
        let length = i32::try_from(length).map_err(|_| Cause::HeldFrameTooLarge)?;
        if let Some(place) = self.out.new_bytes.get_mut(self.start..self.start + LENGTH_BYTES) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(self.written.bytes)
    }

    /// New bytes that are in no segment yet become one, or a part of the last.
    #[inline(always)]
    fn flush(&mut self) {
        if matches!(self.written.length, Length::Later(_)) {
            return;
        }
        self.out.end_new(self.fresh);
        self.fresh = self.out.new_bytes.len();
    }
}

#[inline(always)]
fn push_string_length(into: &mut Vec<u8>, bytes: usize, flexible: bool, width: usize) {
    if flexible {
        // Texts are far below 2^31 bytes: they come from one frame.
        let length = u32::try_from(bytes + 1).unwrap_or(u32::MAX);
        let width = if width == 0 { varint_bytes(length) } else { width };
        push_varint(into, length, width);
    } else {
        into.extend(i16::try_from(bytes).unwrap_or(i16::MAX).to_be_bytes());
    }
}

/// The length of a blob: compact, or four bytes.
const BLOB_HEAD_BYTES_MAX: usize = 5;
