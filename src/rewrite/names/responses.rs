//! Names in a whole response: what the backend says becomes what a client of the virtual cluster may read.
//!
//! Owns what each mark of a response means. The frame is walked once, from mark to mark; an entry whose name decides about
//! what stands before it is taken a second time. May not hold a frame, or know how it came here.

use super::super::Named;
use super::super::output::Output;
use super::super::plans::{NAMED_RESPONSES, Plans, QUIET_RESPONSES};
use super::super::rules::{Foreign, Rule};
use super::consumer_protocol::{self, Direction, Embedded, Rewritten};
use super::entries::{Current, Level, Levels};
use super::messages;
use super::pieces::{COPIED_BYTES_MAX, COPIED_BYTES_MAX_BETWEEN_RECORDS, Pieces};
use super::poison::Poison;
use super::shown::Shown;
use crate::cluster::Namespace;
use crate::frame::{Asked, Entry, RESPONSE_HEAD_BYTES, Varint, read_varint};
use crate::metrics::Cause;
use crate::wire::key::{FETCH, LIST_GROUPS, LIST_TRANSACTIONS, OFFSET_FETCH, PRODUCE};
use crate::wire::{Event, Malformed, Role, Walker};

/// UNKNOWN_TOPIC_ID.
const UNKNOWN_TOPIC_ID: i16 = 100;
/// "Not asked for".
const NO_OPERATIONS: [u8; 4] = i32::MIN.to_be_bytes();

type TopicId = [u8; 16];

/// What a walk saw that others must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Fetch: the session that the backend gave; 0 is none.
    pub fetch_session: Option<i32>,
    /// The body has tags, which may name nodes.
    pub tagged: bool,
}

/// A whole response.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// All of it, its length included.
    pub bytes: &'a [u8],
    /// Where it begins in the input; `None`: it lies elsewhere, and is copied.
    pub at: Option<usize>,
    /// What is to stand in place of its front, and where that ends.
    pub front: Option<(&'a [u8], usize)>,
}

/// Rewrites a response, which answers `entry`.
///
/// # Errors
///
/// The structure is broken, or it names what was never asked for.
pub fn rewrite(
    frame: Frame<'_>,
    rule: &Rule,
    entry: Entry,
    named: &Named<'_>,
    out: &mut Output,
) -> Result<Seen, Cause> {
    let verbatim = matches!(rule.key, PRODUCE | FETCH).then(|| named.names.uniform_prefix()).flatten();
    if verbatim.is_some() && entry.shown_error == 0 {
        // No name is refused: error codes are shown as they are, and mean something beside a message alone. There seldom
        // is one: then it begins again, and looks at all of them.
        let before = out.mark();
        let (seen, messages) = pass(frame, rule, entry, (named, verbatim), &QUIET_RESPONSES, out)?;
        if !messages {
            return Ok(seen);
        }
        out.back_to(before);
    }
    pass(frame, rule, entry, (named, verbatim), &NAMED_RESPONSES, out).map(|(seen, _)| seen)
}

/// Rewrites it by one of these plans. Tells whether it holds messages, too.
fn pass(
    frame: Frame<'_>,
    rule: &Rule,
    entry: Entry,
    (named, verbatim): (&Named<'_>, Option<&[u8]>),
    plans: &'static Plans,
    out: &mut Output,
) -> Result<(Seen, bool), Cause> {
    let Frame { bytes: frame, at, front } = frame;
    let left = frame.len().checked_sub(RESPONSE_HEAD_BYTES).and_then(|left| u32::try_from(left).ok());
    let left = left.ok_or(Cause::ResponseLength)?;
    let plan = plans.get(rule.key, entry.api_version).ok_or(Cause::ResponseUnexpected)?;
    let records = rule.key == FETCH;
    let copied_bytes_max = if records { COPIED_BYTES_MAX_BETWEEN_RECORDS } else { COPIED_BYTES_MAX };
    let mut pass = Pass {
        frame,
        at: RESPONSE_HEAD_BYTES,
        walker: Walker::new(plan, left),
        pieces: Pieces::new(frame, at, copied_bytes_max, out),
        levels: Levels::default(),
        leaving_out: None,
        named,
        entry,
        flexible: rule.flexible(entry.api_version),
        foreign: rule.foreign,
        listing: matches!(rule.key, LIST_GROUPS | LIST_TRANSACTIONS),
        any_topic: rule.key == OFFSET_FETCH,
        verbatim,
        error: 0,
        resource: (0, 0),
        nameless: false,
        consumer: None,
        messages: false,
        seen: Seen::default(),
    };
    if let Some((bytes, end)) = front {
        pass.pieces.begin_with(bytes, end);
    }
    while pass.step()? {}
    pass.pieces.finish();
    Ok((pass.seen, pass.messages))
}

/// An entry that the client does not get.
#[derive(Clone, Copy, Default)]
struct LeavingOut {
    /// Arrays of entries within it that are open.
    inner: u32,
    /// It was asked for by this id: it is answered as unknown.
    id: Option<TopicId>,
    by_id: bool,
}

struct Pass<'a> {
    frame: &'a [u8],
    /// How far the frame is walked.
    at: usize,
    walker: Walker,
    pieces: Pieces<'a>,
    levels: Levels,
    leaving_out: Option<LeavingOut>,
    named: &'a Named<'a>,
    entry: Entry,
    flexible: bool,
    foreign: Foreign,
    /// The backend lists what it has: nothing in it was said by the client.
    listing: bool,
    /// A Kafka answers for every topic, whether there is one or not: as it does for those that were refused.
    any_topic: bool,
    /// Names are what the client said behind this prefix, whatever they are: the same as where frames stream.
    verbatim: Option<&'a [u8]>,
    /// The last error code, as the backend gave it.
    error: i16,
    /// Where the last resource type stands, and what it is.
    resource: (usize, i8),
    /// The topic has no name: it was asked for by id.
    nameless: bool,
    /// The group's protocol type is "consumer"; `None` where it is not told.
    consumer: Option<bool>,
    /// It holds messages.
    messages: bool,
    seen: Seen,
}

impl<'a> Pass<'a> {
    /// Goes on to the next mark and past it; false at the end.
    fn step(&mut self) -> Result<bool, Cause> {
        let frame = self.frame;
        let rest = frame.get(self.at..).unwrap_or_default();
        let step = self.walker.step(rest).map_err(|Malformed| Cause::ResponseMalformed)?;
        self.at += step.plain as usize;
        let at = self.at;
        match step.event {
            // All of the frame is here.
            Event::More => return Err(Cause::ResponseMalformed),
            Event::Done => {
                self.seen.tagged = self.walker.tagged();
                self.pieces.keep_until(frame.len());
                return Ok(false);
            }
            // Nobody can say what it is, so that it may hold names: it is left out, or blank where the frame could stream.
            Event::Trailing { skip } => {
                self.at += skip as usize;
                if self.verbatim.is_some() && self.entry.api_key == FETCH {
                    self.pieces.replace_with_zeros(at..self.at);
                } else {
                    self.pieces.keep_until(at);
                    self.pieces.leave_out_until(self.at);
                }
            }
            Event::Leaf { role, head } => {
                self.at += head;
                self.leaf(role, at, frame.get(at..at + head).unwrap_or_default())?;
            }
            Event::Text { role, head, body, null } => {
                let body_at = at + head;
                self.at = body_at + body as usize;
                let body = frame.get(body_at..self.at).ok_or(Cause::ResponseMalformed)?;
                self.text(role, at, (!null).then_some(body))?;
            }
            Event::Array { role: Role::Entries, head } => {
                self.at += head;
                self.array(at, frame.get(at..self.at).unwrap_or_default())?;
            }
            Event::ElementEnd { role: Role::Entries } => self.entry_end(),
            Event::ArrayEnd { role: Role::Entries } => self.array_end(),
            // They are not wanted.
            Event::Tags { .. } | Event::Tag { .. } | Event::Array { .. } => return Err(Cause::Internal),
            Event::ElementEnd { .. } | Event::ArrayEnd { .. } => return Err(Cause::Internal),
        }
        Ok(true)
    }

    fn array(&mut self, at: usize, head: &[u8]) -> Result<(), Cause> {
        if let Some(leaving_out) = &mut self.leaving_out {
            leaving_out.inner += 1;
            return Ok(());
        }
        let count_at = self.pieces.count(at..self.at);
        let level = Level { count_at, kept: count(head, self.flexible), smaller: false, entry: self.begin_entry() };
        if self.levels.enter(level) { Ok(()) } else { Err(Cause::ResponseMalformed) }
    }

    fn begin_entry(&mut self) -> Current {
        Current {
            walker: self.walker,
            at: self.at,
            before: self.pieces.before(),
            named: false,
            early: false,
            refused: None,
        }
    }

    fn entry_end(&mut self) {
        match &mut self.leaving_out {
            Some(leaving_out) if leaving_out.inner > 0 => return,
            Some(_) => self.left_out(),
            None => {}
        }
        let entry = self.begin_entry();
        if let Some(level) = self.levels.top() {
            level.entry = entry;
        }
    }

    fn array_end(&mut self) {
        if let Some(leaving_out) = &mut self.leaving_out {
            leaving_out.inner = leaving_out.inner.saturating_sub(1);
            return;
        }
        if let Some(level) = self.levels.leave().filter(|level| level.smaller) {
            self.pieces.set_count(level.count_at, level.kept, self.flexible);
        }
    }

    /// Begins to leave the current entry out.
    fn leave_out(&mut self) -> Result<(), Cause> {
        if self.foreign == Foreign::Refused {
            return Err(Cause::ResponseMalformed);
        }
        let level = self.levels.top().ok_or(Cause::ResponseMalformed)?;
        let start = level.entry.at;
        self.pieces.back_to(level.entry.before.clone());
        self.pieces.keep_until(start);
        self.leaving_out = Some(LeavingOut { by_id: self.entry.asked == Asked::TopicIds, ..LeavingOut::default() });
        Ok(())
    }

    /// The entry that is left out ends here.
    fn left_out(&mut self) {
        let id = self.leaving_out.take().and_then(|leaving_out| leaving_out.id);
        self.pieces.leave_out_until(self.at);
        match (id, self.levels.top()) {
            (Some(id), _) => self.pieces.replace(self.at..self.at, &unknown_by_id(self.unmasked(id))),
            (None, Some(level)) => {
                level.kept = level.kept.saturating_sub(1);
                level.smaller = true;
            }
            (None, None) => {}
        }
    }

    fn leaf(&mut self, role: Role, at: usize, bytes: &[u8]) -> Result<(), Cause> {
        if let Some(leaving_out) = &mut self.leaving_out {
            if role == Role::TopicId && leaving_out.by_id {
                leaving_out.id = bytes.try_into().ok();
            }
            return Ok(());
        }
        match role {
            Role::Error | Role::ErrorBeforeCoordinator => self.error_code(at, bytes, None),
            Role::EntryError | Role::ErrorAfterCoordinator => {
                let refused = self.levels.refused();
                self.entry_is_early();
                self.error_code(at, bytes, refused);
            }
            Role::AuthorizedOperations if bytes != NO_OPERATIONS => {
                self.pieces.replace(at..self.at, &NO_OPERATIONS);
            }
            Role::TopicId if self.nameless => {
                let id = bytes.try_into().map_err(|_| Cause::ResponseMalformed)?;
                let unmasked = self.unmasked(id);
                if id != TopicId::default() && unmasked != id {
                    self.pieces.replace(at..self.at, &unmasked);
                }
            }
            Role::FetchSession => {
                self.seen.fetch_session = bytes.first_chunk().map(|id| i32::from_be_bytes(*id));
            }
            Role::ResourceType => {
                self.resource = (at, bytes.first().map_or(0, |kind| i8::from_be_bytes([*kind])));
            }
            Role::AuthorizedOperations | Role::TopicId => {}
            _ => return Err(Cause::Internal),
        }
        Ok(())
    }

    fn error_code(&mut self, at: usize, bytes: &[u8], refused: Option<i16>) {
        self.error = bytes.first_chunk().map_or(0, |code| i16::from_be_bytes(*code));
        let shown = if self.entry.shown_error != 0 { Some(self.entry.shown_error) } else { refused };
        if let Some(shown) = shown.filter(|shown| *shown != self.error) {
            self.pieces.replace(at..self.at, &shown.to_be_bytes());
        }
    }

    /// Something comes that the name of the entry decides.
    fn entry_is_early(&mut self) {
        if let Some(level) = self.levels.top() {
            level.entry.early |= !level.entry.named;
        }
    }

    fn text(&mut self, role: Role, at: usize, body: Option<&'a [u8]>) -> Result<(), Cause> {
        if self.leaving_out.is_some() {
            return Ok(());
        }
        match role {
            Role::ErrorMessage => {
                self.messages = true;
                self.entry_is_early();
                self.message(at, body);
            }
            Role::ClusterId => self.pieces.replace_text(at..self.at, self.named.cluster_id.as_bytes(), self.flexible),
            Role::ProtocolType => self.consumer = body.map(|kind| kind == b"consumer"),
            Role::Subscription => self.blob(Embedded::Subscription, at, body.unwrap_or_default())?,
            Role::Assignment => self.blob(Embedded::Assignment, at, body.unwrap_or_default())?,
            Role::ResourceName => {
                let body = body.unwrap_or_default();
                let (shown, kind) = Shown::resource(self.named.names, self.resource.1, body);
                self.entry_named(shown, at, body, Some(kind))?;
            }
            Role::Topic if self.verbatim.is_some() => {
                let prefix = self.verbatim.unwrap_or_default();
                let said = body.and_then(|name| name.strip_prefix(prefix)).ok_or(Cause::ResponseMalformed)?;
                let name_at = self.at - said.len();
                let compact = self.flexible.then_some(name_at - prefix.len() - at);
                self.pieces.replace_front_padded(at..name_at, b"", said.len(), compact);
            }
            Role::Topic => {
                self.nameless = body.is_none_or(<[u8]>::is_empty);
                self.name(at, body, Shown::topic)?;
            }
            Role::Group => self.name(at, body, Shown::group)?,
            Role::TransactionalId => self.name(at, body, Shown::transactional_id)?,
            Role::CoordinatorKey => {
                let asked = self.entry.asked;
                self.name(at, body, |names, key| Shown::coordinator_key(names, asked, key))?;
            }
            _ => return Err(Cause::Internal),
        }
        Ok(())
    }

    /// The name of the current entry; null stays null.
    fn name(
        &mut self,
        at: usize,
        body: Option<&'a [u8]>,
        read: impl FnOnce(&'a Namespace, &'a [u8]) -> Shown<'a>,
    ) -> Result<(), Cause> {
        let Some(physical) = body else { return Ok(()) };
        self.entry_named(read(self.named.names, physical), at, physical, None)
    }

    /// The name of the current entry is known, and the type of a resource.
    fn entry_named(&mut self, shown: Shown<'_>, at: usize, physical: &[u8], kind: Option<i8>) -> Result<(), Cause> {
        let level = self.levels.top().ok_or(Cause::ResponseMalformed)?;
        let shown = match shown {
            Shown::As(shown) => shown,
            Shown::Foreign => return self.leave_out(),
            // Nobody said it here: it came into being through what was refused elsewhere.
            Shown::Refused(..) if self.listing => return self.leave_out(),
            Shown::Refused(Poison::Invalid | Poison::Absent, said) if self.any_topic => said,
            Shown::Refused(poison, said) => {
                let again = level.entry.early && level.entry.refused.is_none();
                level.entry.refused = Some(poison.error());
                if again {
                    self.walker = level.entry.walker;
                    self.at = level.entry.at;
                    let before = level.entry.before.clone();
                    self.pieces.back_to(before);
                    return Ok(());
                }
                said
            }
        };
        level.entry.named = true;
        let (kind_at, kind_was) = self.resource;
        if let Some(kind) = kind.filter(|kind| *kind != kind_was) {
            self.pieces.replace(kind_at..kind_at + 1, &kind.to_be_bytes());
        }
        if shown != physical {
            if physical.ends_with(shown) {
                self.pieces.replace_front(at..self.at - shown.len(), b"", shown.len(), self.flexible);
            } else {
                self.pieces.replace_text(at..self.at, shown, self.flexible);
            }
        }
        Ok(())
    }

    /// Free text, behind the error code that it explains.
    fn message(&mut self, at: usize, body: Option<&[u8]>) {
        let Some(body) = body else { return };
        let replaced = self.entry.shown_error != 0 || self.levels.refused().is_some();
        let shown = if replaced { None } else { messages::shown(body, self.error, self.named.names) };
        match shown {
            Some(text) => self.pieces.replace_text(at..self.at, &text, self.flexible),
            None => self.pieces.replace(at..self.at, if self.flexible { &[0] } else { &[0xff; 2] }),
        }
    }

    /// Bytes of the consumer protocol, where the group speaks it.
    fn blob(&mut self, kind: Embedded, at: usize, body: &[u8]) -> Result<(), Cause> {
        if self.entry.asked == Asked::OtherProtocol || self.consumer == Some(false) {
            return Ok(());
        }
        let (names, foreign) = (self.named.names, self.foreign);
        let strict = foreign == Foreign::Refused && kind == Embedded::Assignment;
        let write = |into: &mut Vec<u8>| match consumer_protocol::rewrite(body, kind, Direction::Out, names, into) {
            // A member that was given foreign topics would wait for them in vain.
            Rewritten::Written { foreign } if strict && foreign > 0 => Err(Cause::ResponseMalformed),
            Rewritten::Written { foreign: _ } => Ok(true),
            Rewritten::Unreadable => Ok(false),
            Rewritten::TooLong => Err(Cause::ResponseMalformed),
        };
        self.pieces.replace_blob(at..self.at, self.flexible, write).map(|_| ())
    }

    /// The id that the client asked for.
    fn unmasked(&self, id: TopicId) -> TopicId {
        let mut unmasked = id;
        unmasked.iter_mut().zip(self.named.id_mask).for_each(|(byte, mask)| *byte ^= mask);
        unmasked
    }
}

/// A topic of Metadata (12 and 13, where topics can be asked for by id) that no id stands for: its error, no name, the id, not internal,
/// no partitions, operations not asked for, no tags.
fn unknown_by_id(id: TopicId) -> Vec<u8> {
    [&UNKNOWN_TOPIC_ID.to_be_bytes()[..], &[0], &id, &[0], &[1], &NO_OPERATIONS, &[0]].concat()
}

/// The count at the front of an array; null is 0.
fn count(head: &[u8], flexible: bool) -> u32 {
    if flexible {
        return match read_varint(head) {
            Varint::Value(more, _) => more.saturating_sub(1),
            Varint::Incomplete | Varint::Invalid => 0,
        };
    }
    head.first_chunk().map_or(0, |count| u32::try_from(i32::from_be_bytes(*count)).unwrap_or(0))
}
