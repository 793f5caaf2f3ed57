//! Produce requests and Fetch responses that are not whole here: names are replaced while the frame streams through.
//!
//! Only where every topic takes the same prefix, and in versions that name topics. A frame's new length must leave before
//! its names are known; it follows from their number: each grows, or shrinks, by the prefix, and a compact length is
//! written in one byte more than it came in (in as many, on the way back), padded where that is more than it needs. So
//! only the front up to the count of topics is held; record batches are bytes that pass, unread.

use super::super::plans::STREAMS;
use super::super::{Output, View};
use super::fetch_session;
use super::header::admin_client;
use crate::frame::{Entry, LENGTH_BYTES, Ledger, VARINT_BYTES_MAX, Varint, push_varint, read_varint, varint_bytes};
use crate::metrics::Cause;
use crate::wire::key::{FETCH, PRODUCE};
use crate::wire::{Event, Malformed, Role, TEXT_BYTES_MAX, Walker};

/// The versions of Produce that name topics.
const PRODUCE_VERSIONS: std::ops::RangeInclusive<i16> = 3..=12;
/// The versions of Fetch that name topics.
const FETCH_VERSIONS: std::ops::RangeInclusive<i16> = 4..=12;

/// Whether a request that is not whole may stream through.
pub fn streams_in(view: &View<'_>, key: i16, version: i16) -> bool {
    key == PRODUCE && PRODUCE_VERSIONS.contains(&version) && uniform(view)
}

/// Whether a response that is not whole may stream through.
pub fn streams_out(view: &View<'_>, key: i16, version: i16) -> bool {
    key == FETCH && FETCH_VERSIONS.contains(&version) && uniform(view)
}

fn uniform(view: &View<'_>) -> bool {
    view.namespace.is_some_and(|named| named.names.uniform_prefix().is_some())
}

/// Which frame streams.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// A Produce request. The ledger is told of it unless it asks for no response.
    In { entry: Entry, answered: bool },
    /// A Fetch response.
    Out,
}

/// What fronts mostly need: head, client id, transactional id, prefix, and a few fields. It grows where that is too little.
const FRONT_BYTES: usize = 192;

/// One frame that streams through.
pub struct Stream {
    way: Way,
    flexible: bool,
    walker: Walker,
    /// The front, until the count of topics is known.
    front: Option<Vec<u8>>,
    /// Bytes that come next and need no look.
    run: u64,
    /// They leave as zeros: they stand behind the last field of a response, where nobody can say what they are.
    blank: bool,
    /// Bytes of the prefix that are to come, to be checked and left out.
    strip: usize,
    /// What is left of that name behind its prefix.
    shown: u32,
}

/// What a call of [`Stream::feed`] works with.
struct Around<'a> {
    prefix: &'a [u8],
    hold_bytes_max: usize,
    frame_bytes_max: u32,
    ledger: &'a mut Ledger,
    out: &'a mut Output,
}

/// What a call of [`Stream::feed`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// Bytes of the input that are dealt with.
    pub consumed: usize,
    /// The frame ends behind so many more bytes, which pass.
    pub ends: Option<u64>,
}

impl Stream {
    /// A Produce request whose `head` was read; `left` bytes of its frame follow.
    ///
    /// # Errors
    ///
    /// It has no topics by name.
    pub fn produce(entry: Entry, flexible: bool, head: &[u8], left: u32) -> Result<Stream, Cause> {
        let plan = STREAMS.get(PRODUCE, entry.api_version).ok_or(Cause::UnknownVersion)?;
        Ok(Stream::new(Way::In { entry, answered: true }, flexible, Walker::new(plan, left), head))
    }

    /// The response to the Fetch request `entry` whose `head` was read; `left` bytes of its frame follow.
    ///
    /// # Errors
    ///
    /// It has no topics by name.
    pub fn fetch(entry: Entry, flexible: bool, head: &[u8], left: u32) -> Result<Stream, Cause> {
        let plan = STREAMS.get(FETCH, entry.api_version).ok_or(Cause::ResponseUnexpected)?;
        Ok(Stream::new(Way::Out, flexible, Walker::new(plan, left), head))
    }

    fn new(way: Way, flexible: bool, walker: Walker, head: &[u8]) -> Stream {
        let mut front = Vec::with_capacity(FRONT_BYTES);
        front.extend_from_slice(head);
        Stream { way, flexible, walker, front: Some(front), run: 0, blank: false, strip: 0, shown: 0 }
    }

    /// Takes bytes of the frame, `rest`, which begins at `at` of the input. Leaves at most one token of a walk over.
    ///
    /// # Errors
    ///
    /// The cause with which the session must be closed.
    pub fn feed(
        &mut self,
        rest: &[u8],
        at: usize,
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Streamed, Cause> {
        // Only such frames are begun.
        let prefix = view.namespace.and_then(|named| named.names.uniform_prefix()).ok_or(self.malformed())?;
        let (hold_bytes_max, frame_bytes_max) = (view.hold_bytes_max as usize, view.frame_bytes_max);
        let mut around = Around { prefix, hold_bytes_max, frame_bytes_max, ledger, out };
        let mut consumed = 0;
        loop {
            consumed += self.move_run(rest.get(consumed..).unwrap_or_default(), at + consumed, &mut around)?;
            let here = rest.get(consumed..).unwrap_or_default();
            if self.run > 0 {
                return Ok(Streamed { consumed, ends: None });
            }
            if self.strip > 0 {
                if here.is_empty() {
                    return Ok(Streamed { consumed, ends: None });
                }
                consumed += self.strip_prefix(here, prefix)?;
                continue;
            }
            let step = self.walker.step(here).map_err(|Malformed| self.malformed())?;
            self.run = u64::from(step.plain);
            let plain = self.move_run(here, at + consumed, &mut around)?;
            let marked = here.get(plain..).unwrap_or_default();
            consumed += plain;
            match step.event {
                Event::More if plain == 0 && self.run == 0 => return Ok(Streamed { consumed, ends: None }),
                Event::More => {}
                // Behind the count of topics the front is gone.
                Event::Done if self.front.is_some() => return Err(self.malformed()),
                Event::Done => return Ok(Streamed { consumed, ends: Some(self.run) }),
                event => consumed += self.mark(event, marked, at + consumed, &mut around)?,
            }
        }
    }

    /// The next bytes that pass untouched and unread.
    pub fn pass(&self) -> u64 {
        if self.front.is_some() || self.blank { 0 } else { self.run }
    }

    /// Bytes of the frame behind those that pass.
    pub fn behind(&self) -> u32 {
        self.walker.left()
    }

    /// The caller moved `n` of the bytes that [`Stream::pass`] told.
    pub fn passed(&mut self, n: u64) {
        self.run = self.run.saturating_sub(n);
    }

    /// Bytes held in memory.
    pub fn held_bytes(&self) -> usize {
        self.front.as_ref().map_or(0, Vec::len)
    }

    fn malformed(&self) -> Cause {
        match self.way {
            Way::In { .. } => Cause::RequestMalformed,
            Way::Out => Cause::ResponseMalformed,
        }
    }

    fn move_run(&mut self, here: &[u8], at: usize, around: &mut Around<'_>) -> Result<usize, Cause> {
        let bytes = here.len().min(usize::try_from(self.run).unwrap_or(usize::MAX));
        self.give(here.get(..bytes).unwrap_or_default(), at, around)?;
        self.run -= bytes as u64;
        Ok(bytes)
    }

    /// Bytes of the input, from `at` on, go out, or to the front while that is held.
    fn give(&mut self, bytes: &[u8], at: usize, around: &mut Around<'_>) -> Result<(), Cause> {
        match &mut self.front {
            None if self.blank => {
                let start = around.out.new_bytes.len();
                around.out.new_bytes.resize(start + bytes.len(), 0);
                around.out.end_new(start);
            }
            None => around.out.push_input(at..at + bytes.len()),
            Some(front) if front.len() + bytes.len() > around.hold_bytes_max => return Err(Cause::HeldFrameTooLarge),
            Some(front) => front.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// Deals with an event, which `rest` begins with. Returns the bytes it took.
    fn mark(&mut self, event: Event, rest: &[u8], at: usize, around: &mut Around<'_>) -> Result<usize, Cause> {
        let bytes = |head: usize| rest.get(..head).unwrap_or_default();
        let head = match event {
            // They were dealt with.
            Event::More | Event::Done => 0,
            Event::ElementEnd { .. } | Event::ArrayEnd { .. } => 0,
            Event::Leaf { role, head } => {
                self.leaf(role, bytes(head), around.ledger)?;
                self.give(bytes(head), at, around)?;
                head
            }
            Event::Text { role: Role::TransactionalId, head, body, null: _ } => {
                self.transactional_id(bytes(head), body, around.prefix)?;
                self.run = u64::from(body);
                head
            }
            Event::Text { role: Role::Topic, head, body, null: _ } => {
                self.topic(head, body, around)?;
                head
            }
            Event::Array { role: Role::Entries, head } => {
                self.give(bytes(head), at, around)?;
                self.release(bytes(head), around)?;
                head
            }
            Event::Trailing { skip } => {
                self.run = u64::from(skip);
                self.blank = matches!(self.way, Way::Out);
                0
            }
            // They are not wanted.
            Event::Text { .. } | Event::Array { .. } | Event::Tags { .. } | Event::Tag { .. } => {
                return Err(Cause::Internal);
            }
        };
        Ok(head)
    }

    fn leaf(&mut self, role: Role, bytes: &[u8], ledger: &mut Ledger) -> Result<(), Cause> {
        match (role, &mut self.way) {
            (Role::Acks, Way::In { answered, .. }) => *answered = bytes != [0, 0],
            (Role::FetchSession, Way::Out) => {
                let id = bytes.first_chunk().map_or(0, |id| i32::from_be_bytes(*id));
                fetch_session::learn(&mut ledger.session_ids, id);
            }
            _ => return Err(Cause::Internal),
        }
        Ok(())
    }

    /// It stands in the front, and takes the prefix unless it is null or empty: its length may change as it must.
    fn transactional_id(&mut self, head: &[u8], body: u32, prefix: &[u8]) -> Result<(), Cause> {
        let (flexible, malformed) = (self.flexible, self.malformed());
        let Some(front) = &mut self.front else { return Err(malformed) };
        if body == 0 {
            front.extend_from_slice(head);
            return Ok(());
        }
        let length = longer(body, prefix).ok_or(malformed)?;
        push_length(front, length, flexible, varint_bytes(length + 1));
        front.extend_from_slice(prefix);
        Ok(())
    }

    /// A topic's length in `head` bytes, its name of `body` bytes follows.
    fn topic(&mut self, head: usize, body: u32, around: &mut Around<'_>) -> Result<(), Cause> {
        let (prefix, out) = (around.prefix, &mut *around.out);
        let start = out.new_bytes.len();
        match self.way {
            Way::In { .. } => {
                let length = longer(body, prefix).ok_or(Cause::RequestMalformed)?;
                if self.flexible && head >= VARINT_BYTES_MAX {
                    return Err(Cause::RequestMalformed);
                }
                push_length(&mut out.new_bytes, length, self.flexible, head + 1);
                out.new_bytes.extend_from_slice(prefix);
                self.run = u64::from(body);
            }
            Way::Out => {
                let length = body.checked_sub(prefix.len() as u32).ok_or(Cause::ResponseMalformed)?;
                push_length(&mut out.new_bytes, length, self.flexible, head);
                self.strip = prefix.len();
                self.shown = length;
            }
        }
        out.end_new(start);
        Ok(())
    }

    /// Leaves the next bytes of the prefix out; a name without it is not of this virtual cluster, and was not asked for.
    fn strip_prefix(&mut self, here: &[u8], prefix: &[u8]) -> Result<usize, Cause> {
        let bytes = here.len().min(self.strip);
        let expected = prefix.get(prefix.len() - self.strip..).unwrap_or_default();
        if here.get(..bytes) != expected.get(..bytes) {
            return Err(Cause::ResponseMalformed);
        }
        self.strip -= bytes;
        if self.strip == 0 {
            self.run = u64::from(self.shown);
        }
        Ok(bytes)
    }

    /// The count of topics is known, and with it the new length: the front goes out.
    fn release(&mut self, count: &[u8], around: &mut Around<'_>) -> Result<(), Cause> {
        let prefix = around.prefix;
        let Some(mut front) = self.front.take() else { return Err(self.malformed()) };
        let count = match (self.flexible, read_varint(count), count.first_chunk()) {
            (true, Varint::Value(count, _), _) => u64::from(count.saturating_sub(1)),
            (false, _, Some(count)) => u64::from(u32::from_be_bytes(*count)),
            (true, Varint::Incomplete | Varint::Invalid, _) | (false, _, None) => return Err(self.malformed()),
        };
        let length = match self.way {
            Way::In { entry, answered } => {
                if let Some(client_id) = admin_client(&front) {
                    front.splice(client_id, [0, 0]);
                }
                if answered {
                    around.ledger.push(entry);
                }
                let added = prefix.len() + usize::from(self.flexible);
                let length = self.length(&front).saturating_add(count * added as u64);
                // The backend has a limit, too: it would close without a word, as if it were at fault.
                if length > u64::from(around.frame_bytes_max) {
                    return Err(Cause::FrameLength);
                }
                Some(length)
            }
            Way::Out => self.length(&front).checked_sub(count * prefix.len() as u64),
        };
        let length = length.and_then(|length| i32::try_from(length).ok()).ok_or(self.malformed())?;
        if let Some(place) = front.first_chunk_mut() {
            *place = length.to_be_bytes();
        }
        around.out.push_new(&front);
        Ok(())
    }

    /// The length of a frame with this front, were no topic to change.
    fn length(&self, front: &[u8]) -> u64 {
        (front.len() - LENGTH_BYTES) as u64 + u64::from(self.walker.left())
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("way", &self.way).field("run", &self.run).finish()
    }
}

/// The length of a name of `body` bytes behind the prefix; `None` when no length can say it.
fn longer(body: u32, prefix: &[u8]) -> Option<u32> {
    body.checked_add(u32::try_from(prefix.len()).ok()?).filter(|length| *length <= TEXT_BYTES_MAX)
}

/// Writes a string's length; a compact one in `width` bytes.
fn push_length(into: &mut Vec<u8>, length: u32, flexible: bool, width: usize) {
    if flexible {
        push_varint(into, length + 1, width);
    } else {
        // It was checked to be no longer than that.
        into.extend(i16::try_from(length).unwrap_or(i16::MAX).to_be_bytes());
    }
}
