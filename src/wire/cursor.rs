//! Walks the bytes of one frame by its plan. Resumable at every byte; never decodes, copies or allocates.
//!
//! Owns where in the plan the frame is, and every bound: counts are checked against the bytes that are left before they are
//! used, depth is bounded by the plans, lengths by the frame. May not know what is done at a role.

use super::plan::{Length, Op, Plan};
use super::roles::Role;
use crate::frame::{Varint, read_varint};

/// The frame's structure is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

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
    /// The frame ends here, as its length says.
    Done,
    /// The last field ended, but not the frame: `skip` plain bytes follow that the walk has already counted off. Kafka's
    /// own readers leave them alone, and librdkafka (seen in 2.12.1: Metadata v12 for all topics) and its mock cluster
    /// do write some.
    Trailing { skip: u32 },
    /// A value of fixed size, `head` bytes long.
    Leaf { role: Role, head: usize },
    /// The length of a string or of bytes; its `body` bytes follow. Null has none, as empty has.
    Text { role: Role, head: usize, body: u32, null: bool },
    /// The count of an array.
    Array { role: Role, head: usize },
    /// An element of an array with a role ended.
    ElementEnd { role: Role },
    /// An array with a role ended.
    ArrayEnd { role: Role },
    /// The count of the body's tags.
    Tags { head: usize, count: u32 },
    /// Number and size of a tag of the body. Its content follows: as events where something in it is wanted, else `skip` plain
    /// bytes that the walk has already counted off.
    Tag { head: usize, number: u32, number_head: usize, size: u32, skip: u32 },
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
    next: usize,
    /// Bytes of the frame behind the last event.
    left: u32,
    /// What is counted innermost: elements that are left, the current one included; tags that are left; or, within the
    /// content of a tag, the bytes of the frame that must be left at its end.
    count: u32,
    /// What is counted around it.
    around: [u32; DEPTH_MAX],
    depth: usize,
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
    #[inline]
    pub fn new(plan: &'static Plan, left: u32) -> Walker {
        Walker { plan, next: 0, left, count: 0, around: [0; DEPTH_MAX], depth: 0, tagged: false }
    }

    /// Bytes of the frame behind what was walked.
    #[inline]
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Goes on by another plan, which is the same up to here.
    pub fn switch(&mut self, plan: &'static Plan) {
        self.plan = plan;
    }

    /// Whether the body has tags, as far as it was walked.
    pub fn tagged(&self) -> bool {
        self.tagged
    }

    /// Looks at `bytes`, which begin where the last step ended, and goes on to the next event.
    ///
    /// # Errors
    ///
    /// A length, a count or a null that cannot be, or an end that is not the frame's.
    #[inline(always)]
    pub fn step(&mut self, bytes: &[u8]) -> Result<Step, Malformed> {
        let here = bytes.get(..self.left as usize).unwrap_or(bytes);
        let mut place = Place { next: self.next, at: 0, count: self.count };
        let (event, counted) = match self.run(here, &mut place) {
            Ok((event, bytes)) => (event, place.at + bytes),
            // By the end of what was received, or, which cannot be, by the end of the frame.
            Err(Stop::Cut) if here.len() < self.left as usize => (Event::More, place.at),
            Err(Stop::Cut | Stop::Broken) => return Err(Malformed),
        };
        let counted = u32::try_from(counted).map_err(|_| Malformed)?;
        self.left = self.left.checked_sub(counted).ok_or(Malformed)?;
        (self.next, self.count) = (place.next, place.count);
        // It is within what was counted.
        Ok(Step { plain: place.at as u32, event })
    }

    /// Goes on to an event and the bytes that it counts off. What is plain before it may end behind what is here.
    #[inline(always)]
    fn run(&mut self, here: &[u8], place: &mut Place) -> Result<(Event, usize), Stop> {
        let ops = self.plan.ops();
        loop {
            let Some(op) = ops.get(place.next) else { return Err(Stop::Broken) };
            match op {
                Op::Fixed(bytes) => place.at += *bytes as usize,
                Op::Leaf(bytes, role) => {
                    if here.len() < place.at + *bytes {
                        return Err(Stop::Cut);
                    }
                    place.next += 1;
                    return Ok((Event::Leaf { role: *role, head: *bytes }, *bytes));
                }
                Op::Compact { null, most, width } => place.at += compact_body(here, place.at, (*null, *most, *width))?,
                Op::FixedAndCompact { fixed, null, most, width } => {
                    place.at += *fixed as usize;
                    // Where that is cut, it goes on with the second of both.
                    place.next += 1;
                    place.at += compact_body(here, place.at, (*null, *most, *width))?;
                }
                Op::Short { null } => place.at += 2 + short(here, place.at, *null)? as usize,
                Op::Long { null, width } => place.at += 4 + long(here, place.at, *null)? as usize * *width as usize,
                Op::Text { length, null, null_wanted, role } => {
                    let (head, body, said) = match *length {
                        Length::Compact(most) => {
                            let (more, head) = varint(here, place.at)?;
                            let body = more_than(more, *null)?;
                            if body > most {
                                return Err(Stop::Broken);
                            }
                            (head, body, more > 0)
                        }
                        Length::Short => (2, short(here, place.at, *null)?, here.get(place.at) != Some(&0xff)),
                        Length::Long => (4, long(here, place.at, *null)?, here.get(place.at) != Some(&0xff)),
                    };
                    place.next += 1;
                    if said || *null_wanted {
                        return Ok((Event::Text { role: *role, head, body, null: !said }, head + body as usize));
                    }
                    place.at += head;
                    continue;
                }
                Op::Array { compact, null, least, end, role } => {
                    let (count, head) = if *compact {
                        let (more, head) = varint(here, place.at)?;
                        (more_than(more, *null)?, head)
                    } else {
                        (long(here, place.at, *null)?, 4)
                    };
                    if count == 0 {
                        place.next = *end;
                    } else {
                        if u64::from(count) * u64::from(*least) > u64::from(self.left_at(place.at + head)?) {
                            return Err(Stop::Broken);
                        }
                        self.enter(place.count)?;
                        (place.next, place.count) = (place.next + 1, count);
                    }
                    match role {
                        None => place.at += head,
                        Some(role) => return Ok((Event::Array { role: *role, head }, head)),
                    }
                    continue;
                }
                Op::Next { start } => {
                    if self.next_element(place, *start) {
                        continue;
                    }
                }
                Op::TagsAndNext { start } => {
                    if here.get(place.at) == Some(&0) {
                        place.at += 1;
                        if self.next_element(place, *start) {
                            continue;
                        }
                        place.next += 3;
                    }
                }
                Op::NextWithRole { start, role } => {
                    if place.at > here.len() {
                        return Err(Stop::Cut);
                    }
                    if !self.next_element(place, *start) {
                        place.next += 1;
                    }
                    return Ok((Event::ElementEnd { role: *role }, 0));
                }
                Op::ArrayEnd(role) => {
                    if place.at > here.len() {
                        return Err(Stop::Cut);
                    }
                    place.next += 1;
                    return Ok((Event::ArrayEnd { role: *role }, 0));
                }
                Op::Tags { wanted } => {
                    let (count, head) = varint(here, place.at)?;
                    // Behind them.
                    let mut next = place.next + 2;
                    if count > 0 {
                        // A tag takes two bytes at least.
                        if count > self.left_at(place.at + head)? / 2 {
                            return Err(Stop::Broken);
                        }
                        self.enter(place.count)?;
                        place.count = count;
                        next -= 1;
                    }
                    place.next = next;
                    if *wanted {
                        return Ok((Event::Tags { head, count }, head));
                    }
                    place.at += head;
                    continue;
                }
                Op::Tag { body, wanted } => {
                    (self.next, self.count) = (place.next, place.count);
                    let tag = self.tag(here, place.at)?;
                    (place.next, place.count) = (self.next, self.count);
                    if let Some((event, bytes)) = tag {
                        self.tagged |= *body;
                        if *wanted {
                            return Ok((event, bytes));
                        }
                        place.at += bytes;
                        continue;
                    }
                }
                Op::TagEnd(tag) => {
                    if self.left_at(place.at)? != place.count {
                        return Err(Stop::Broken);
                    }
                    place.count = self.leave();
                    place.next = *tag;
                    continue;
                }
                Op::End => {
                    let skip = self.left_at(place.at)?;
                    return match skip {
                        0 => Ok((Event::Done, 0)),
                        _ if place.at > here.len() => Err(Stop::Cut),
                        _ => Ok((Event::Trailing { skip }, skip as usize)),
                    };
                }
            }
            place.next += 1;
        }
    }

    /// The next tag, if there is one: number and size, and its content where that is unknown.
    #[cold]
    fn tag(&mut self, here: &[u8], at: usize) -> Result<Option<(Event, usize)>, Stop> {
        if self.count == 0 {
            self.count = self.leave();
            return Ok(None);
        }
        let (number, number_head) = varint(here, at)?;
        let (size, size_head) = varint(here, at + number_head)?;
        let head = number_head + size_head;
        let left_after = self.left_at(at + head)?.checked_sub(size).ok_or(Stop::Broken)?;
        self.count -= 1;
        let skip = match self.plan.content(self.next, number) {
            Some(content) => {
                self.enter(self.count)?;
                (self.count, self.next) = (left_after, content);
                0
            }
            None => size,
        };
        Ok(Some((Event::Tag { head, number, number_head, size, skip }, head + skip as usize)))
    }

    /// Goes to the next element, which begins at `start`; false where this was the last one.
    #[inline(always)]
    fn next_element(&mut self, place: &mut Place, start: usize) -> bool {
        match place.count {
            0 | 1 => {
                place.count = self.leave();
                false
            }
            more => {
                (place.count, place.next) = (more - 1, start);
                true
            }
        }
    }

    /// Bytes of the frame that are left at `at`.
    #[inline(always)]
    fn left_at(&self, at: usize) -> Result<u32, Stop> {
        (self.left as usize).checked_sub(at).map(|left| left as u32).ok_or(Stop::Broken)
    }

    /// Something else is counted from here on; `count` is what was.
    #[inline(always)]
    fn enter(&mut self, count: u32) -> Result<(), Stop> {
        *self.around.get_mut(self.depth).ok_or(Stop::Broken)? = count;
        self.depth += 1;
        Ok(())
    }

    /// What was counted before that.
    #[inline(always)]
    fn leave(&mut self) -> u32 {
        self.depth = self.depth.saturating_sub(1);
        self.around.get(self.depth).copied().unwrap_or(0)
    }
}

/// Where a step is.
struct Place {
    /// The next operation.
    next: usize,
    /// How far what is here was walked.
    at: usize,
    /// See [`Walker::count`].
    count: u32,
}

/// A compact length, which is written as one more than it is; null, where it may be, is as long as nothing.
#[inline(always)]
fn more_than(more: u32, null: bool) -> Result<u32, Stop> {
    match more.checked_sub(1) {
        Some(length) => Ok(length),
        None if null => Ok(0),
        None => Err(Stop::Broken),
    }
}

/// Bytes that a compact length of at most `most` takes at `at`, with `width` bytes for each of it.
#[inline(always)]
fn compact_body(here: &[u8], at: usize, (null, most, width): (bool, u32, u32)) -> Result<usize, Stop> {
    let (more, head) = varint(here, at)?;
    let length = more_than(more, null)?;
    if length > most { Err(Stop::Broken) } else { Ok(head + length as usize * width as usize) }
}

/// The length of two bytes at `at`; null, where it may be, is as long as nothing.
#[inline(always)]
fn short(here: &[u8], at: usize, null: bool) -> Result<u32, Stop> {
    let Some(length) = here.get(at..).and_then(<[u8]>::first_chunk) else { return Err(Stop::Cut) };
    let length = i16::from_be_bytes(*length);
    if length < 0 { negative(length.into(), null) } else { Ok(length as u32) }
}

/// The length of four bytes at `at`; null, where it may be, is as long as nothing.
#[inline(always)]
fn long(here: &[u8], at: usize, null: bool) -> Result<u32, Stop> {
    let Some(length) = here.get(at..).and_then(<[u8]>::first_chunk) else { return Err(Stop::Cut) };
    let length = i32::from_be_bytes(*length);
    if length < 0 { negative(length, null) } else { Ok(length as u32) }
}

#[inline]
fn negative(length: i32, null: bool) -> Result<u32, Stop> {
    if length == -1 && null { Ok(0) } else { Err(Stop::Broken) }
}

/// The varint at `at` and the bytes it takes.
#[inline(always)]
fn varint(here: &[u8], at: usize) -> Result<(u32, usize), Stop> {
    let Some(first) = here.get(at) else { return Err(Stop::Cut) };
    if *first < 0x80 {
        return Ok((u32::from(*first), 1));
    }
    match here.get(at + 1) {
        Some(second) if *second < 0x80 => Ok((u32::from(*first & 0x7f) | u32::from(*second) << 7, 2)),
        Some(_) | None => long_varint(here, at),
    }
}

/// The same, where its first byte is not its last; nor is its second, if that is here.
#[inline(never)]
fn long_varint(here: &[u8], at: usize) -> Result<(u32, usize), Stop> {
    let rest = here.get(at..).unwrap_or_default();
    // The first two bytes say that more follow, if they are here: records are often as long as that.
    if let [first, second, third, ..] = *rest
        && third < 0x80
    {
        let low = u32::from(first & 0x7f) | u32::from(second & 0x7f) << 7;
        return Ok((low | u32::from(third) << 14, 3));
    }
    match read_varint(rest) {
        Varint::Value(value, head) => Ok((value, head)),
        Varint::Incomplete => Err(Stop::Cut),
        Varint::Invalid => Err(Stop::Broken),
    }
}

#[cfg(test)]
mod tests;
