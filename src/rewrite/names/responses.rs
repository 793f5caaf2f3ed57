//! Names in a response of a namespaced virtual cluster: what the backend says becomes what a client may read.
//!
//! Owns what each role of a response means. An entry whose name decides about what stands before it is taken a second time.
//! May not hold a frame, or know how it came here.

use super::super::NamespaceView;
use super::super::engine::edit::Stop;
use super::super::engine::patch::{Patch, Rest};
use super::super::engine::side::Around;
use super::super::engine::token::Token;
use super::super::engine::walk::Frame;
use super::super::rules::{Foreign, rule};
use super::super::treatments::Length;
use super::consumer_protocol::{self, Direction, Embedded, Rewritten};
use super::messages;
use super::rejected_name::{RejectedName, refused_prefix};
use super::to_virtual::ToVirtual;
use crate::cluster::{Namespace, is_topic_name};
use crate::metrics::Cause;
use crate::wire::Role;
use crate::wire::key::{LIST_GROUPS, LIST_TRANSACTIONS, OFFSET_FETCH};
use crate::wire::{Asked, Exchange};

/// UNKNOWN_TOPIC_ID.
const UNKNOWN_TOPIC_ID: i16 = 100;
/// "Not asked for".
const NO_OPERATIONS: [u8; 4] = i32::MIN.to_be_bytes();

const MALFORMED: Stop = Stop::Close(Cause::ResponseMalformed);
const INTERNAL: Stop = Stop::Close(Cause::Internal);

type TopicId = [u8; 16];

/// What is known of the names of one response.
pub struct NamesOut {
    /// What is known of the request.
    pub entry: Exchange,
    /// It is walked by a plan that sees no error codes, nor ids of topics.
    quick: bool,
    /// The last error code, as the backend gave it.
    error: i16,
    /// Where the last resource type stands, and what it is.
    resource: (usize, i8),
    /// The topic has no name: it was asked for by id.
    nameless: bool,
    /// The group's protocol type is "consumer"; `None` where it is not told.
    consumer: Option<bool>,
    /// The entry that is left out was asked for by this id: it is answered as unknown.
    left_out_id: Option<TopicId>,
}

impl NamesOut {
    /// For the answer to the request that has this entry.
    #[inline(always)]
    pub fn new(entry: Exchange, quick: bool) -> NamesOut {
        NamesOut { entry, quick, error: 0, resource: (0, 0), nameless: false, consumer: None, left_out_id: None }
    }

    /// What a name means that is not of this virtual cluster.
    fn foreign(&self) -> Foreign {
        rule(self.entry.api_key).map_or(Foreign::Refused, |rule| rule.foreign)
    }

    /// A value of fixed size.
    pub fn leaf(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        around: &Around<'_>,
    ) -> Result<(), Stop> {
        let bytes = token.bytes;
        match role {
            Role::AuthorizedOperations if bytes != NO_OPERATIONS => frame.patch().replace(token.at, &NO_OPERATIONS),
            // What was asked for by an id, or comes back beside an error as it was asked for: a real topic has none.
            Role::TopicId if self.nameless || (self.entry.asked == Asked::TopicIds && self.error != 0) => {
                let id = bytes.try_into().map_err(|_| INTERNAL)?;
                let unmasked = unmasked(id, named(around)?);
                if id != TopicId::default() && unmasked != id {
                    frame.patch().replace(token.at, &unmasked);
                }
            }
            Role::ResourceType => {
                self.resource = (token.at.0, bytes.first().map_or(0, |kind| i8::from_be_bytes([*kind])))
            }
            Role::AuthorizedOperations | Role::TopicId => {}
            _ => return Err(INTERNAL),
        }
        Ok(())
    }

    /// An error code, as it stands without names: what is shown in its place. `entry`: that of an entry with a name.
    pub fn error(&mut self, code: [u8; 2], entry: bool, frame: &mut Frame<'_>) -> [u8; 2] {
        self.error = i16::from_be_bytes(code);
        let refused = if entry { frame.refused() } else { None };
        if entry {
            entry_is_early(frame);
        }
        match (self.entry.shown_error, refused) {
            (0, None) => code,
            (0, Some(refused)) => refused.to_be_bytes(),
            (shown, _) => shown.to_be_bytes(),
        }
    }

    /// A string or bytes.
    pub fn text(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        around: &Around<'_>,
    ) -> Result<(), Stop> {
        let (body, names) = (token.body(), named(around)?.names);
        match role {
            Role::ErrorMessage => {
                entry_is_early(frame);
                if !token.null {
                    self.message(token, frame, around)?;
                }
                Ok(())
            }
            Role::ClusterId => {
                let cluster_id = named(around)?.cluster_id.as_bytes();
                frame.patch().string_with(token.at, cluster_id.len(), |into| into.extend_from_slice(cluster_id));
                Ok(())
            }
            Role::ProtocolType => {
                self.consumer = (!token.null).then_some(body == b"consumer");
                Ok(())
            }
            Role::Subscription => self.blob(Embedded::Subscription, token, frame, around),
            Role::Assignment => self.blob(Embedded::Assignment, token, frame, around),
            Role::ResourceName => {
                let (shown, kind) = ToVirtual::resource(names, self.resource.1, body);
                self.entry_named(shown, token, Some(kind), frame)
            }
            Role::Topic => {
                self.nameless = body.is_empty();
                // Mostly there is nothing but the prefix; a name that was refused is none that a topic may have.
                if let Some(own) = around.uniform.and_then(|prefix| body.strip_prefix(prefix))
                    && is_topic_name(own)
                {
                    return self.put_name(own, token, frame);
                }
                if self.nameless && self.quick {
                    return Err(Stop::SeeAll);
                }
                self.name(token, frame, around, ToVirtual::topic)
            }
            Role::Group => self.name(token, frame, around, ToVirtual::group),
            Role::TransactionalId => self.name(token, frame, around, ToVirtual::transactional_id),
            Role::CoordinatorKey => {
                let asked = self.entry.asked;
                self.name(token, frame, around, |names, key| ToVirtual::coordinator_key(names, asked, key))
            }
            _ => Err(INTERNAL),
        }
    }

    /// A topic where every one has the same prefix.
    #[inline(always)]
    pub fn uniform_topic(&mut self, token: &Token<'_>, frame: &mut Frame<'_>, around: &Around<'_>) -> Result<(), Stop> {
        let (prefix, name) = (around.uniform.unwrap_or_default(), token.body());
        let shown = match name.strip_prefix(prefix) {
            Some(shown) => shown,
            None => self.refused_topic(prefix, name, frame)?,
        };
        put_uniform_topic(shown, token, frame.patch());
        Ok(())
    }

    /// A topic that went out with the prefix of those that are refused.
    #[cold]
    fn refused_topic<'n>(&mut self, prefix: &[u8], name: &'n [u8], frame: &mut Frame<'_>) -> Result<&'n [u8], Stop> {
        let shown = name.strip_prefix(&*refused_prefix(prefix)).ok_or(MALFORMED)?;
        if self.quick {
            return Err(Stop::SeeAll);
        }
        if let Some(entry) = frame.entry() {
            (entry.named, entry.refused) = (true, Some(RejectedName::Forbidden.error()));
        }
        Ok(shown)
    }

    /// A value of fixed size in an entry that is left out.
    pub fn passed_over(&mut self, role: Role, bytes: &[u8]) {
        if role == Role::TopicId {
            self.left_out_id = bytes.try_into().ok();
        }
    }

    /// An entry was left out: one that was asked for by its id is answered as unknown.
    pub fn stands_in(&mut self, frame: &mut Frame<'_>, around: &Around<'_>) -> Result<bool, Stop> {
        let id = self.left_out_id.take().filter(|_| self.entry.asked == Asked::TopicIds);
        if let Some(id) = id {
            frame.patch().add(&unknown_by_id(unmasked(id, named(around)?)));
        }
        Ok(id.is_some())
    }

    /// The name of the current entry; null stays null.
    fn name<'n>(
        &mut self,
        token: &Token<'n>,
        frame: &mut Frame<'_>,
        around: &Around<'n>,
        read: impl FnOnce(&'n Namespace, &'n [u8]) -> ToVirtual<'n>,
    ) -> Result<(), Stop> {
        if token.null {
            return Ok(());
        }
        self.entry_named(read(named(around)?.names, token.body()), token, None, frame)
    }

    /// The name of the current entry is known, and the type of a resource.
    fn entry_named(
        &mut self,
        shown: ToVirtual<'_>,
        token: &Token<'_>,
        kind: Option<i8>,
        frame: &mut Frame<'_>,
    ) -> Result<(), Stop> {
        let shown = match shown {
            ToVirtual::As(shown) => shown,
            other => match self.said(other, frame)? {
                Some(said) => said,
                None => return Ok(()),
            },
        };
        let (kind_at, kind_was) = self.resource;
        if let Some(kind) = kind.filter(|kind| *kind != kind_was) {
            frame.patch().replace((kind_at, kind_at + 1), &kind.to_be_bytes());
        }
        self.put_name(shown, token, frame)
    }

    /// Puts the name that the client reads in the place of the one that came.
    #[inline]
    fn put_name(&mut self, shown: &[u8], token: &Token<'_>, frame: &mut Frame<'_>) -> Result<(), Stop> {
        if !self.quick
            && let Some(entry) = frame.entry()
        {
            entry.named = true;
        }
        let physical = token.body();
        if is_tail(shown, physical) {
            if shown.len() < physical.len() {
                frame.patch().string(token, b"", shown.len(), 0);
            }
        } else if shown != physical {
            frame.patch().string_with(token.at, shown.len(), |into| into.extend_from_slice(shown));
        }
        Ok(())
    }

    /// What the client said that named an entry, where it was refused; `None`: the entry is left out, or walked again.
    #[cold]
    fn said<'n>(&mut self, shown: ToVirtual<'n>, frame: &mut Frame<'_>) -> Result<Option<&'n [u8]>, Stop> {
        // A Kafka answers for every topic, whether there is one or not: as it does for those that were refused.
        let any_topic = self.entry.api_key == OFFSET_FETCH;
        // The backend lists what it has: nothing in it was said by the client.
        let listing = matches!(self.entry.api_key, LIST_GROUPS | LIST_TRANSACTIONS);
        match shown {
            ToVirtual::As(shown) => Ok(Some(shown)),
            ToVirtual::Refused(RejectedName::Invalid | RejectedName::Absent, said) if any_topic => Ok(Some(said)),
            // What becomes of the entry around the name needs a walk that sees where it begins and ends.
            ToVirtual::Foreign | ToVirtual::Refused(..) if self.quick => Err(Stop::SeeAll),
            ToVirtual::Foreign => self.leave_out(frame).map(|()| None),
            // Nobody said it here: it came into being through what was refused elsewhere.
            ToVirtual::Refused(..) if listing => self.leave_out(frame).map(|()| None),
            ToVirtual::Refused(rejection, said) => {
                let entry = frame.entry().ok_or(INTERNAL)?;
                let again = entry.early && entry.refused.is_none();
                entry.refused = Some(rejection.error());
                match again {
                    true if frame.again() => Ok(None),
                    true => Err(INTERNAL),
                    false => Ok(Some(said)),
                }
            }
        }
    }

    /// Begins to leave the current entry out.
    fn leave_out(&mut self, frame: &mut Frame<'_>) -> Result<(), Stop> {
        self.left_out_id = None;
        match self.foreign() {
            Foreign::Refused => Err(MALFORMED),
            Foreign::LeftOut if frame.leave_out() => Ok(()),
            Foreign::LeftOut => Err(INTERNAL),
        }
    }

    /// Free text, behind the error code that it explains.
    fn message(&mut self, token: &Token<'_>, frame: &mut Frame<'_>, around: &Around<'_>) -> Result<(), Stop> {
        let flexible = frame.flexible();
        let replaced = self.entry.shown_error != 0 || frame.refused().is_some();
        let shown = if replaced { None } else { messages::shown(token.body(), self.error, named(around)?.names) };
        match shown {
            Some(text) => {
                frame.patch().string_with(token.at, text.len(), |into| into.extend_from_slice(&text));
            }
            None => frame.patch().replace(token.at, if flexible { &[0] } else { &[0xff; 2] }),
        }
        Ok(())
    }

    /// Bytes of the consumer protocol, where the group speaks it.
    fn blob(
        &mut self,
        kind: Embedded,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        around: &Around<'_>,
    ) -> Result<(), Stop> {
        if self.entry.asked == Asked::OtherProtocol || self.consumer == Some(false) {
            return Ok(());
        }
        let (names, body) = (named(around)?.names, token.body());
        let strict = self.foreign() == Foreign::Refused && kind == Embedded::Assignment;
        let write = |into: &mut Vec<u8>| match consumer_protocol::rewrite(body, kind, Direction::Out, names, into) {
            // A member that was given foreign topics would wait for them in vain.
            Rewritten::Written { foreign } if strict && foreign > 0 => Err(MALFORMED),
            Rewritten::Written { foreign: _ } => Ok(true),
            Rewritten::Unreadable => Ok(false),
            Rewritten::TooLong => Err(MALFORMED),
        };
        frame.patch().blob(token.at, write).map(|_| ())
    }
}

/// A topic without the prefix that every one has. Its compact length takes as many bytes as it came in: where a Fetch response is
/// not whole, its new length must be known from the number of its names.
#[inline(always)]
pub fn put_uniform_topic(shown: &[u8], token: &Token<'_>, patch: &mut Patch<'_>) {
    let flexible = patch.flexible();
    patch.string(token, b"", shown.len(), if flexible { token.head } else { 0 });
}

/// Whether `tail` is the end of `bytes`: the very same, not its like.
fn is_tail(tail: &[u8], bytes: &[u8]) -> bool {
    let at = bytes.len().checked_sub(tail.len());
    at.and_then(|at| bytes.get(at..)).is_some_and(|end| std::ptr::eq(end, tail))
}

/// Something comes that the name of the entry decides.
fn entry_is_early(frame: &mut Frame<'_>) {
    if let Some(entry) = frame.entry() {
        entry.early |= !entry.named;
    }
}

/// The id that the client asked for.
fn unmasked(id: TopicId, named: &NamespaceView<'_>) -> TopicId {
    let mut unmasked = id;
    unmasked.iter_mut().zip(named.id_mask).for_each(|(byte, mask)| *byte ^= mask);
    unmasked
}

/// What becomes of bytes behind the last field of a response: nobody can say what they are, so that they may hold names.
/// They are left out, or blank where the new length had to be known before.
pub fn trailing(length: Length) -> Rest {
    if length == Length::ByTopics { Rest::Blank } else { Rest::LeftOut }
}

fn named<'v>(around: &Around<'v>) -> Result<&'v NamespaceView<'v>, Stop> {
    around.view.namespace.as_ref().ok_or(INTERNAL)
}

/// A topic of Metadata (12 and 13, where topics can be asked for by id) that no id stands for: its error, no name, the id, not internal,
/// no partitions, operations not asked for, no tags.
fn unknown_by_id(id: TopicId) -> Vec<u8> {
    [&UNKNOWN_TOPIC_ID.to_be_bytes()[..], &[0], &id, &[0], &[1], &NO_OPERATIONS, &[0]].concat()
}
