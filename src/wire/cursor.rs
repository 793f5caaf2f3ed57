//! Walks the bytes of one frame by its plan. Resumable at every byte; never decodes, copies or allocates.
//!
//! Owns where in the plan the frame is, and every bound: counts are checked against the bytes that are left before they are
//! used, depth is bounded by the plans, lengths by the frame. May not know what is done at a role.

mod lengths;
mod scan;

use super::op::{Length, Op, Operation, Part};
use super::plan::Plan;
use super::roles::Role;

pub use scan::{Scan, Value, scan};

use lengths::{compact_body, long, more_than, short, varint};

/// What comes next: some bytes without interest, then an event.
pub struct Step {
    /// Bytes that hold nothing of interest; when there are more of them than were given, the event is `More` (or
    /// `Done`, where nothing follows them).
    pub plain: u32,
    /// What is behind them.
    pub event: Event,
}

/// A place where the walk stops. `head` bytes of each event are all there, at the front of what follows the plain bytes.
pub enum Event {
    /// More bytes are needed.
    More,
    /// The frame's structure is broken: a length, a count or a null that cannot be, or an end that is not the frame's.
    Malformed,
    /// The frame ends here, as its length says.
    Done,
    /// The last field ended, but not the frame: `skip` plain bytes follow that the walk has already counted off. Kafka's
    /// own readers leave them alone, and librdkafka (seen in 2.12.1: Metadata v12 for all topics) and its mock cluster
    /// do write some.
    Trailing { skip: u32 },
    /// A value of fixed size, `head` bytes long.
    Leaf { role: Role, head: u32 },
    /// The length of a string or of bytes; its `body` bytes follow. Null has none, as empty has.
    Text { role: Role, head: u32, body: u32, null: bool },
    /// The count of an array.
    Array { role: Role, head: u32 },
    /// An element of an array with a role ended.
    ElementEnd { role: Role },
    /// An array with a role ended.
    ArrayEnd { role: Role },
    /// The count of the body's tags.
    Tags { head: u32, count: u32 },
    /// Number and size of a tag of the body. Its content follows: as events where something in it is wanted, else `skip` plain
    /// bytes that the walk has already counted off.
    Tag { head: u8, number: u32, number_head: u8, size: u32, skip: u32 },
}

/// Most counts that are open around the innermost one: of elements, of tags, and of bytes behind a tag. A test holds it.
pub const DEPTH_MAX: usize = 5;

/// Longest string, in bytes: Kafka's own bound for both encodings.
pub const TEXT_BYTES_MAX: u32 = i16::MAX as u32;

/// Most bytes that must be together before a walk can go on: a tag's number and size, or a partition's error code,
/// index and leader.
pub const TOKEN_BYTES_MAX: usize = 10;

/// A walk through one frame, from behind its correlation id to its end. A copy goes on from the same place.
#[derive(Clone, Copy)]
pub struct Walker {
    plan: &'static Plan,
    /// The next operation of the plan.
    next: u32,
    /// Bytes of fixed size before it that were walked already.
    skipped: u32,
    /// Bytes of the frame behind the last event.
    left: u32,
    /// What is counted innermost: elements that are left, the current one included; tags that are left; or, within the
    /// content of a tag, the bytes of the frame that must be left at its end.
    count: u32,
    /// What is counted around it.
    around: [u32; DEPTH_MAX],
    depth: u8,
    /// A tag of the body was met.
    tagged: bool,
}

/// Why there is no next event.
enum Stop {
    /// Not all bytes that are needed are here.
    Cut,
    Broken,
}

impl Walker {
    /// A walk through a message that takes `left` bytes.
    #[inline(always)]
    pub fn new(plan: &'static Plan, left: u32) -> Walker {
        Walker { plan, next: 0, skipped: 0, left, count: 0, around: [0; DEPTH_MAX], depth: 0, tagged: false }
    }

    /// Bytes of the frame behind what was walked.
    #[inline(always)]
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Goes on by another plan, which is the same up to here.
    pub fn switch(&mut self, plan: &'static Plan) {
        self.plan = plan;
    }

    /// Whether the body has tags, as far as it was walked.
    #[inline(always)]
    pub fn tagged(&self) -> bool {
        self.tagged
    }

    /// Looks at `bytes`, which begin where the last step ended, and goes on to the next event.
    // Not inlined: on its own its few variables stay in registers, which a caller would need for its own.
    #[inline(never)]
    pub fn step(&mut self, bytes: &[u8]) -> Step {
        let here = bytes.get(..self.left as usize).unwrap_or(bytes);
        let mut at = 0;
        let (event, counted) = match self.run(here, &mut at) {
            Ok((event, bytes)) => (event, (at as u64).wrapping_add(u64::from(bytes))),
            // By the end of what was received, or, which cannot be, by the end of the frame.
            Err(Stop::Cut) if here.len() < self.left as usize => (Event::More, at as u64),
            Err(Stop::Cut | Stop::Broken) => (Event::Malformed, u64::MAX),
        };
        // It is within what is left, if that is no less; then so is what is plain.
        match u64::from(self.left).checked_sub(counted) {
            Some(left) => {
                self.left = left as u32;
                Step { plain: at as u32, event }
            }
            None => Step { plain: 0, event: Event::Malformed },
        }
    }

    /// Goes on to an event and the bytes that it counts off. What is plain before it may end behind what is here.
    ///
    /// Places in a frame are sums of a few values below 2^48: they wrap nowhere, and need not be checked.
    #[inline(always)]
    fn run(&mut self, here: &[u8], place: &mut usize) -> Result<(Event, u32), Stop> {
        let ops = self.plan.ops();
        let (mut next, mut at) = (self.next as usize, 0usize.wrapping_sub(self.skipped as usize));
        // Where an event is met, the walk goes on from these.
        macro_rules! stop {
            ($next:expr, $event:expr) => {{
                (self.next, self.skipped, *place) = (($next) as u32, 0, at);
                return Ok($event);
            }};
        }
        loop {
            let Some(Operation { fixed, op }) = ops.get(next) else { return Err(Stop::Broken) };
            at = at.wrapping_add(*fixed as usize);
            // Where the end of what is here is met, it goes on with this operation, behind what is fixed.
            macro_rules! or_stop {
                ($result:expr) => {
                    match $result {
                        Ok(value) => value,
                        Err(stop) => {
                            (self.next, self.skipped, *place) = (next as u32, *fixed, at);
                            return Err(stop);
                        }
                    }
                };
            }
            match *op {
                Op::Leaf(bytes, role) => {
                    or_stop!(here_until(here, at.wrapping_add(bytes as usize)));
                    stop!(next.wrapping_add(1), (Event::Leaf { role, head: bytes }, bytes));
                }
                Op::LeafWhere { bytes, role, is, value } => {
                    let came = match here.get(at..) {
                        Some([a, b, c, d, ..]) if bytes == 4 => i32::from_be_bytes([*a, *b, *c, *d]),
                        Some([a, b, ..]) if bytes == 2 => i32::from(i16::from_be_bytes([*a, *b])),
                        _ => or_stop!(Err::<i32, _>(Stop::Cut)),
                    };
                    if (came == value) == is {
                        let bytes = u32::from(bytes);
                        stop!(next.wrapping_add(1), (Event::Leaf { role, head: bytes }, bytes));
                    }
                    at = at.wrapping_add(usize::from(bytes));
                }
                Op::Compact(compact) => at = at.wrapping_add(or_stop!(compact_body(here, at, compact))),
                Op::Short { null } => at = at.wrapping_add(2 + or_stop!(short(here, at, null)) as usize),
                Op::Long { null, width } => {
                    let bytes = (or_stop!(long(here, at, null)) as usize).wrapping_mul(width as usize);
                    at = at.wrapping_add(4).wrapping_add(bytes);
                }
                Op::Text { length, null, null_wanted, role } => {
                    let (head, body, said) = match length {
                        Length::Compact(most) => {
                            let (more, head) = or_stop!(varint(here, at));
                            let body = or_stop!(more_than(more, null));
                            if body > most {
                                return Err(Stop::Broken);
                            }
                            (head, body, more > 0)
                        }
                        Length::Short => (2, or_stop!(short(here, at, null)), here.get(at) != Some(&0xff)),
                        Length::Long => (4, or_stop!(long(here, at, null)), here.get(at) != Some(&0xff)),
                    };
                    if said || null_wanted {
                        let event = Event::Text { role, head, body, null: !said };
                        stop!(next.wrapping_add(1), (event, head.saturating_add(body)));
                    }
                    at = at.wrapping_add(head as usize);
                }
                Op::Array { compact, null, least, end, role } => {
                    let (count, head) = if compact {
                        let (more, head) = or_stop!(varint(here, at));
                        (or_stop!(more_than(more, null)), head)
                    } else {
                        (or_stop!(long(here, at, null)), 4)
                    };
                    let behind = if count == 0 {
                        end as usize
                    } else {
                        let left = self.left_at(at.wrapping_add(head as usize))?;
                        if u64::from(count) * u64::from(least) > u64::from(left) {
                            return Err(Stop::Broken);
                        }
                        self.enter(count)?;
                        next.wrapping_add(1)
                    };
                    if let Some(role) = role {
                        stop!(behind, (Event::Array { role, head }, head));
                    }
                    at = at.wrapping_add(head as usize);
                    next = behind;
                    continue;
                }
                Op::QuickArray { null, least, first, parts, end } => {
                    let (more, head) = or_stop!(varint(here, at));
                    let count = or_stop!(more_than(more, null));
                    at = at.wrapping_add(head as usize);
                    if u64::from(count) * u64::from(least) > u64::from(self.left_at(at)?) {
                        return Err(Stop::Broken);
                    }
                    let parts = self.plan.parts(first, parts).ok_or(Stop::Broken)?;
                    let (behind, left) = elements(here, at, parts, count);
                    (at, next) = (behind, if left == 0 { end as usize } else { next.wrapping_add(2) });
                    if left > 0 {
                        self.enter(left)?;
                    }
                    continue;
                }
                Op::Elements { first, parts, end } => {
                    let parts = self.plan.parts(first, parts).ok_or(Stop::Broken)?;
                    let (behind, left) = elements(here, at, parts, self.count);
                    at = behind;
                    if left == 0 {
                        self.leave();
                        next = end as usize;
                        continue;
                    }
                    self.count = left;
                }
                Op::Next { start } => {
                    if self.next_element() {
                        next = start as usize;
                        continue;
                    }
                }
                Op::TagsAndNext { start } => {
                    if here.get(at) == Some(&0) {
                        at = at.wrapping_add(1);
                        if self.next_element() {
                            next = start as usize;
                            continue;
                        }
                        next = next.wrapping_add(3);
                    }
                }
                Op::NextWithRole { start, role } => {
                    or_stop!(here_until(here, at));
                    let next = if self.next_element() { start as usize } else { next.wrapping_add(1) };
                    stop!(next, (Event::ElementEnd { role }, 0));
                }
                Op::ArrayEnd(role) => {
                    or_stop!(here_until(here, at));
                    stop!(next.wrapping_add(1), (Event::ArrayEnd { role }, 0));
                }
                Op::Tags { wanted } => {
                    let (count, head) = or_stop!(varint(here, at));
                    // Behind them.
                    let mut behind = next.wrapping_add(2);
                    if count > 0 {
                        // A tag takes two bytes at least.
                        if count > self.left_at(at.wrapping_add(head as usize))? / 2 {
                            return Err(Stop::Broken);
                        }
                        self.enter(count)?;
                        behind = next.wrapping_add(1);
                    }
                    if wanted {
                        stop!(behind, (Event::Tags { head, count }, head));
                    }
                    at = at.wrapping_add(head as usize);
                    next = behind;
                    continue;
                }
                Op::Tag { body, wanted } => {
                    if let Some(tag) = or_stop!(self.tag(here, at, next as u32)) {
                        self.tagged |= body;
                        next = tag.next as usize;
                        let bytes = u32::from(tag.head).saturating_add(tag.skip);
                        if wanted {
                            stop!(next, (tag.event(), bytes));
                        }
                        at = at.wrapping_add(bytes as usize);
                        continue;
                    }
                }
                Op::TagEnd(tag) => {
                    if self.left_at(at)? != self.count {
                        return Err(Stop::Broken);
                    }
                    self.leave();
                    next = tag as usize;
                    continue;
                }
                Op::End => {
                    let skip = self.left_at(at)?;
                    if skip == 0 {
                        stop!(next, (Event::Done, 0));
                    }
                    or_stop!(here_until(here, at));
                    // Behind these bytes it ends here once more.
                    (self.next, self.skipped, *place) = (next as u32, *fixed, at);
                    return Ok((Event::Trailing { skip }, skip));
                }
            }
            next = next.wrapping_add(1);
        }
    }

    /// The next tag, if there is one: number and size, and its content where that is unknown.
    #[cold]
    fn tag(&mut self, here: &[u8], at: usize, next: u32) -> Result<Option<TagFront>, Stop> {
        if self.count == 0 {
            self.leave();
            return Ok(None);
        }
        let (number, number_head) = varint(here, at)?;
        let (size, size_head) = varint(here, at + number_head as usize)?;
        let head = number_head + size_head;
        let left_after = self.left_at(at + head as usize)?.checked_sub(size).ok_or(Stop::Broken)?;
        self.count -= 1;
        let (skip, next) = match self.plan.content(next, number) {
            Some(content) => {
                self.enter(left_after)?;
                (0, content)
            }
            None => (size, next),
        };
        Ok(Some(TagFront { head: head as u8, number, number_head: number_head as u8, size, skip, next }))
    }

    /// Whether there is a next element: it is counted off.
    #[inline(always)]
    fn next_element(&mut self) -> bool {
        match self.count {
            0 | 1 => {
                self.leave();
                false
            }
            more => {
                self.count = more - 1;
                true
            }
        }
    }

    /// Bytes of the frame that are left at `at`.
    #[inline(always)]
    fn left_at(&self, at: usize) -> Result<u32, Stop> {
        (self.left as usize).checked_sub(at).map(|left| left as u32).ok_or(Stop::Broken)
    }

    /// Something else is counted from here on.
    #[inline(always)]
    fn enter(&mut self, count: u32) -> Result<(), Stop> {
        *self.around.get_mut(usize::from(self.depth)).ok_or(Stop::Broken)? = self.count;
        (self.depth, self.count) = (self.depth.wrapping_add(1), count);
        Ok(())
    }

    /// What was counted before that is counted again.
    #[inline(always)]
    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.count = self.around.get(usize::from(self.depth)).copied().unwrap_or(0);
    }
}

/// All bytes before `at` are here.
#[inline(always)]
fn here_until(here: &[u8], at: usize) -> Result<(), Stop> {
    if at > here.len() { Err(Stop::Cut) } else { Ok(()) }
}

/// Number and size of a tag.
struct TagFront {
    head: u8,
    number: u32,
    number_head: u8,
    size: u32,
    skip: u32,
    /// The operation behind it.
    next: u32,
}

impl TagFront {
    fn event(self) -> Event {
        Event::Tag {
            head: self.head,
            number: self.number,
            number_head: self.number_head,
            size: self.size,
            skip: self.skip,
        }
    }
}

/// Goes over elements that hold nothing of interest: to the first that is not so, or not all here. Its place, and how many
/// elements are left.
#[inline(never)]
fn elements(here: &[u8], at: usize, parts: &[Part], count: u32) -> (usize, u32) {
    // Of as many parts as most have, the loop over them is unrolled.
    match parts {
        [first, ..] if first.often_long => long_elements(here, at, parts, count),
        [a, b] => elements_of(here, at, [a, b], count, seldom_long_part),
        [a, b, c] => elements_of(here, at, [a, b, c], count, seldom_long_part),
        [a, b, c, d] => elements_of(here, at, [a, b, c, d], count, seldom_long_part),
        parts => elements_of(here, at, parts, count, seldom_long_part),
    }
}

/// The same, where a part is often long: that is dealt with in the loop, where it would take room from others.
#[inline(never)]
fn long_elements(here: &[u8], at: usize, parts: &[Part], count: u32) -> (usize, u32) {
    match parts {
        [a, b] => elements_of(here, at, [a, b], count, long_part),
        [a, b, c] => elements_of(here, at, [a, b, c], count, long_part),
        parts => elements_of(here, at, parts, count, long_part),
    }
}

#[inline(always)]
fn elements_of<'p>(
    here: &[u8],
    mut at: usize,
    parts: impl IntoIterator<Item = &'p Part> + Copy,
    mut count: u32,
    long: impl Fn(&[u8], usize, &Part) -> Option<usize>,
) -> (usize, u32) {
    while count > 0 {
        let mut behind = at;
        for part in parts {
            let varint_at = behind.wrapping_add(part.fixed);
            let Some(first) = here.get(varint_at) else { return (at, count) };
            let more = first.wrapping_sub(part.short_least);
            behind = varint_at.wrapping_add(1).wrapping_add(usize::from(more).wrapping_mul(part.width));
            if more > part.short_span {
                match long(here, varint_at, part) {
                    Some(place) => behind = place,
                    None => return (at, count),
                }
            }
        }
        (at, count) = (behind, count - 1);
    }
    (at, 0)
}

/// Behind a part whose varint stands at `at`; `None` where it is not such that the element is passed over, or not here.
#[inline(always)]
fn long_part(here: &[u8], at: usize, part: &Part) -> Option<usize> {
    let (value, head) = varint(here, at).ok()?;
    if value.wrapping_sub(part.least) > part.span {
        return None;
    }
    Some(at.wrapping_add(head as usize).wrapping_add((value.saturating_sub(1) as usize).wrapping_mul(part.width)))
}

#[cold]
fn seldom_long_part(here: &[u8], at: usize, part: &Part) -> Option<usize> {
    long_part(here, at, part)
}

#[cfg(test)]
mod tests;
