//! What leaves in place of the bytes that came: slices of the input with a few new bytes between them.

use std::ops::Range;

use crate::cluster::NodeId;
use crate::wire::Value;

/// A piece of what leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// This part of the input that was fed.
    Input(Range<usize>),
    /// This part of [`Output::new_bytes`].
    New(Range<usize>),
}

/// Filled by `feed`; one a shard, reused, so that the steady state allocates nothing.
#[derive(Debug, Default)]
pub struct Output {
    /// In the order in which they leave; neighbours of the input are merged.
    pub segments: Vec<Segment>,
    /// What [`Segment::New`] points into.
    pub new_bytes: Vec<u8>,
    /// Nodes that were left out of an answer because the listener has no port for them; to be counted and logged.
    pub left_out: Vec<NodeId>,
    /// Requests (or responses) whose end was reached in this call.
    pub frames: u64,
    /// How many of these were own answers.
    pub own_answers: u64,
    /// The values of the frame that is dealt with, where it was scanned: no part of what leaves.
    pub(super) values: Vec<Value>,
}

/// New bytes for which memory is kept when they have left.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// A place to come back to.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    segments: usize,
    /// The last one may grow.
    last: Option<Segment>,
    new_bytes: usize,
    left_out: usize,
}

impl Output {
    /// Empties everything, keeps the memory.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.new_bytes.clear();
        self.left_out.clear();
        self.frames = 0;
        self.own_answers = 0;
    }

    /// Gives back the memory that a seldom large frame took: it is the shard's, and stays otherwise.
    #[inline]
    pub fn shrink(&mut self) {
        if self.new_bytes.capacity() > KEPT_BYTES_MAX {
            self.new_bytes = Vec::new();
        }
    }

    /// Adds a part of the input; a neighbour of the last one grows it.
    #[inline]
    pub fn push_input(&mut self, part: Range<usize>) {
        if part.is_empty() {
            return;
        }
        match self.segments.last_mut() {
            Some(Segment::Input(last)) if last.end == part.start => last.end = part.end,
            _ => self.segments.push(Segment::Input(part)),
        }
    }

    /// Adds what was appended to [`Output::new_bytes`] since it was `start` long.
    #[inline]
    pub fn end_new(&mut self, start: usize) {
        let part = start..self.new_bytes.len();
        if part.is_empty() {
            return;
        }
        match self.segments.last_mut() {
            Some(Segment::New(last)) if last.end == part.start => last.end = part.end,
            _ => self.segments.push(Segment::New(part)),
        }
    }

    /// Remembers what leaves so far.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            segments: self.segments.len(),
            last: self.segments.last().cloned(),
            new_bytes: self.new_bytes.len(),
            left_out: self.left_out.len(),
        }
    }

    /// Takes back what was added since the mark.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.segments.truncate(mark.segments);
        if let (Some(last), Some(was)) = (self.segments.last_mut(), mark.last) {
            *last = was;
        }
        self.new_bytes.truncate(mark.new_bytes);
        self.left_out.truncate(mark.left_out);
    }

    /// Bytes that leave.
    pub fn len(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Input(r) | Segment::New(r) => r.len(),
            })
            .sum()
    }

    /// Nothing leaves.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
