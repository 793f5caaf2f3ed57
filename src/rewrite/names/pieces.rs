//! Puts a rewritten frame together: what stays of the frame that came, new bytes between, and its new length.
//!
//! Owns the places that are filled in later (the frame's length, counts) and the way back to an earlier state. May not know
//! what is replaced, or why.

use std::ops::Range;

use super::super::output::{Mark, Output, Segment};
use crate::frame::{LENGTH_BYTES, padded_varint, push_varint, varint_bytes};

/// Shorter parts that stay are copied: cheaper than one more segment, which costs an entry in each list of buffers down to
/// the kernel.
pub const COPIED_BYTES_MAX: usize = 1024;

/// The same, where records may be among what stays, which are never copied: a batch takes 61 bytes at least.
pub const COPIED_BYTES_MAX_BETWEEN_RECORDS: usize = 60;

/// A frame that is being put together.
pub struct Pieces<'a> {
    frame: &'a [u8],
    /// Where the frame begins in the input; `None`: it lies elsewhere, and is copied.
    at: Option<usize>,
    copied_bytes_max: usize,
    out: &'a mut Output,
    /// What stands before this in the frame was written, or left out.
    done: usize,
    /// Bytes written.
    written: usize,
    /// New bytes from here on are in no segment yet.
    fresh: usize,
    /// Where in the new bytes the frame's length belongs.
    length_at: usize,
}

/// A state to come back to.
#[derive(Clone, Debug, Default)]
pub struct Before {
    out: Mark,
    done: usize,
    written: usize,
}

/// A count that may become smaller.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountPlace {
    /// Where in the new bytes.
    at: usize,
    /// In so many bytes.
    width: usize,
}

impl<'a> Pieces<'a> {
    /// Begins with the place for the frame's length.
    pub fn new(frame: &'a [u8], at: Option<usize>, copied_bytes_max: usize, out: &'a mut Output) -> Pieces<'a> {
        let length_at = out.new_bytes.len();
        out.new_bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        let (done, written) = (LENGTH_BYTES, LENGTH_BYTES);
        Pieces { frame, at, copied_bytes_max, out, done, written, fresh: length_at, length_at }
    }

    /// Bytes of the frame as it leaves, so far.
    pub fn written(&self) -> usize {
        self.written
    }

    /// `bytes` are what stands up to `end` of the frame, its length included.
    pub fn begin_with(&mut self, bytes: &[u8], end: usize) {
        self.replace(self.done..end, bytes.get(LENGTH_BYTES..).unwrap_or_default());
    }

    /// What there is before anything more is written.
    pub fn before(&mut self) -> Before {
        self.flush();
        Before { out: self.out.mark(), done: self.done, written: self.written }
    }

    /// Forgets what was written since.
    pub fn back_to(&mut self, before: Before) {
        self.out.back_to(before.out);
        (self.done, self.written, self.fresh) = (before.done, before.written, self.out.new_bytes.len());
    }

    /// What is not done yet stays, up to `end` of the frame.
    #[inline(always)]
    pub fn keep_until(&mut self, end: usize) {
        let part = self.done..end;
        let Some(bytes) = self.frame.get(part.clone()) else { return };
        match self.at {
            Some(at) if bytes.len() > self.copied_bytes_max => {
                self.flush();
                self.out.push_input(at + part.start..at + part.end);
            }
            Some(_) | None => self.out.new_bytes.extend_from_slice(bytes),
        }
        self.written += bytes.len();
        self.done = end;
    }

    /// What is not done yet is left out, up to `end` of the frame.
    pub fn leave_out_until(&mut self, end: usize) {
        self.done = end;
    }

    /// New bytes in place of a part of the frame.
    pub fn replace(&mut self, part: Range<usize>, bytes: &[u8]) {
        self.keep_until(part.start);
        self.out.new_bytes.extend_from_slice(bytes);
        self.written += bytes.len();
        self.done = part.end;
    }

    /// Zeros in place of a part of the frame.
    pub fn replace_with_zeros(&mut self, part: Range<usize>) {
        self.keep_until(part.start);
        let behind = self.out.new_bytes.len() + part.len();
        self.out.new_bytes.resize(behind, 0);
        self.written += part.len();
        self.done = part.end;
    }

    /// The front of a string of `bytes` bytes, its length included, in place of that of another: they end alike.
    pub fn replace_front(&mut self, part: Range<usize>, front: &[u8], bytes: usize, flexible: bool) {
        self.replace_text_with(part, bytes, flexible, |into| into.extend_from_slice(front));
    }

    /// The same; `compact` is the number of bytes that a compact length takes, padded where that is more than it needs: as
    /// where frames stream, whose new length must be known before their names are.
    pub fn replace_front_padded(&mut self, part: Range<usize>, front: &[u8], bytes: usize, compact: Option<usize>) {
        let Some(width) = compact else { return self.replace_front(part, front, bytes, false) };
        self.keep_until(part.start);
        let start = self.out.new_bytes.len();
        push_varint(&mut self.out.new_bytes, u32::try_from(bytes + 1).unwrap_or(u32::MAX), width);
        self.out.new_bytes.extend_from_slice(front);
        self.written += self.out.new_bytes.len() - start;
        self.done = part.end;
    }

    /// A string in place of another, its length included.
    pub fn replace_text(&mut self, part: Range<usize>, text: &[u8], flexible: bool) {
        self.replace_text_with(part, text.len(), flexible, |into| into.extend_from_slice(text));
    }

    /// A string of `bytes` bytes in place of another, its length included: `write` appends it, or its front.
    pub fn replace_text_with(
        &mut self,
        part: Range<usize>,
        bytes: usize,
        flexible: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.keep_until(part.start);
        let start = self.out.new_bytes.len();
        if flexible {
            // Texts are far below 2^31 bytes: they come from one frame.
            let length = u32::try_from(bytes + 1).unwrap_or(u32::MAX);
            push_varint(&mut self.out.new_bytes, length, varint_bytes(length));
        } else {
            self.out.new_bytes.extend(i16::try_from(bytes).unwrap_or(i16::MAX).to_be_bytes());
        }
        write(&mut self.out.new_bytes);
        self.written += self.out.new_bytes.len() - start;
        self.done = part.end;
    }

    /// Bytes in place of others, their length included: `write` appends them, and says whether it did. False: what stood
    /// there stays.
    pub fn replace_blob<E>(
        &mut self,
        part: Range<usize>,
        flexible: bool,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        self.keep_until(part.start);
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
        let (head, width) = if flexible {
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
        self.written += self.out.new_bytes.len() - from;
        self.fresh = from;
        self.done = part.end;
        Ok(true)
    }

    /// The count of an array that may lose elements.
    pub fn count(&mut self, part: Range<usize>) -> CountPlace {
        self.keep_until(part.start);
        let place = CountPlace { at: self.out.new_bytes.len(), width: part.len() };
        let frame = self.frame;
        self.replace(part.clone(), frame.get(part).unwrap_or_default());
        place
    }

    /// Puts a smaller count where another one stands, as short as it can be written.
    pub fn set_count(&mut self, place: CountPlace, count: u32, flexible: bool) {
        let (bytes, width) = if flexible {
            let width = varint_bytes(count.saturating_add(1)).min(place.width);
            (padded_varint(count.saturating_add(1), width), width)
        } else {
            let [a, b, c, d] = count.to_be_bytes();
            ([a, b, c, d, 0], place.width)
        };
        if let (Some(to), Some(from)) = (self.out.new_bytes.get_mut(place.at..place.at + width), bytes.get(..width)) {
            to.copy_from_slice(from);
        }
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
        self.written -= bytes;
    }

    /// The frame ends here: its new length is filled in.
    pub fn finish(mut self) {
        self.flush();
        let length = i32::try_from(self.written - LENGTH_BYTES).unwrap_or(i32::MAX);
        if let Some(place) = self.out.new_bytes.get_mut(self.length_at..self.length_at + LENGTH_BYTES) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}

impl Pieces<'_> {
    /// New bytes that are in no segment yet become one, or a part of the last.
    #[inline]
    fn flush(&mut self) {
        self.out.end_new(self.fresh);
        self.fresh = self.out.new_bytes.len();
    }
}

/// The length of a blob: compact, or four bytes.
const BLOB_HEAD_BYTES_MAX: usize = 5;
