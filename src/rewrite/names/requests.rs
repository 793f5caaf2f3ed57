//! A whole request of a namespaced virtual cluster: what the client says becomes what the backend knows.
//!
//! Owns what each mark of a request means, and what becomes of a name that must not go out. A name that is refused is
//! poisoned where the response says it again; where it does not, the ledger's entry tells which error all of the response
//! is to show, and the request is made one that changes nothing. May not know how a frame became whole.

use std::io::Write as _;
use std::ops::Range;

use super::super::plans::NAMED_REQUESTS;
use super::super::rules::Rule;
use super::super::{Named, Output};
use super::consumer_protocol::{self, Direction, Embedded, Rewritten};
use super::fetch_session::{Decision, FETCH_SESSION_ID_NOT_FOUND, decide};
use super::header::admin_client;
use super::pieces::{COPIED_BYTES_MAX, COPIED_BYTES_MAX_BETWEEN_RECORDS, Pieces};
use super::poison::Poison;
use super::refusals::coordinator_error;
use super::sent::{RESOURCE_TOPIC, Sent};
use crate::cluster::Physical;
use crate::frame::{Asked, Entry, LENGTH_BYTES, REQUEST_HEAD_BYTES, SessionIds, VARINT_BYTES_MAX};
use crate::metrics::Cause;
use crate::wire::key::*;
use crate::wire::{Event, Malformed, Role, TEXT_BYTES_MAX, Walker};

/// Key types of FindCoordinator.
const KEY_GROUP: i8 = 0;
const KEY_TRANSACTIONAL_ID: i8 = 1;
/// The longest type of a resource as text, and a colon.
const TYPE_BYTES_MAX: usize = 5;
/// The protocol type whose blobs a broker reads.
const CONSUMER: &[u8] = b"consumer";
const NO_REPLICA: [u8; 4] = (-1i32).to_be_bytes();
const NO_ACKS: [u8; 2] = [0, 0];
/// Where the version stands in a request.
const VERSION_AT: usize = LENGTH_BYTES + 2;
/// The first version of Metadata that says whether topics may be created; below it they may. The
/// responses of the version below are the same.
const AUTO_CREATE_FROM: i16 = 4;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It goes out; a response will come.
    Forwarded,
    /// It goes out; no response will come.
    NoResponse,
    /// It goes no further: it is to be answered with this error code.
    Answer(i16),
}

/// Where a frame stands and where its rewritten form goes.
pub struct Frame<'a> {
    /// All of it, its length included; at least as long as a request's head.
    pub bytes: &'a [u8],
    /// Its place in the input; `None`: it is not part of the input (it was held), and is copied.
    pub at: Option<usize>,
    /// Most bytes that may be added to it.
    pub added_bytes_max: usize,
}

/// Adds the rewritten request to `out`. `entry` learns what the response must be told of it.
///
/// # Errors
///
/// The cause with which the session must be closed; what was added to `out` is then worthless.
pub fn rewrite(
    frame: &Frame<'_>,
    rule: &Rule,
    named: &Named<'_>,
    entry: &mut Entry,
    sessions: &mut SessionIds,
    out: &mut Output,
) -> Result<Taken, Cause> {
    let (mark, entry_version) = (out.mark(), entry.api_version);
    let mut run = |as_version, out: &mut Output| {
        Editor::new(frame, rule, named, (&mut *entry, &mut *sessions), as_version, out).run()
    };
    let mut end = run(entry_version, out);
    if matches!(end, Err(Stop::Again)) {
        out.back_to(mark.clone());
        end = run(AUTO_CREATE_FROM, out);
    }
    match end {
        Ok(taken) => Ok(taken),
        Err(Stop::Close(cause)) => Err(cause),
        Err(Stop::Again) => Err(Cause::RequestMalformed),
        Err(Stop::Answer(error)) => {
            out.back_to(mark);
            Ok(Taken::Answer(error))
        }
    }
}

/// Why a request goes no further.
enum Stop {
    Close(Cause),
    Answer(i16),
    /// It is to be begun again, as the version of Metadata that can say that no topic is to be created.
    Again,
}

const MALFORMED: Stop = Stop::Close(Cause::RequestMalformed);
const INTERNAL_FAULT: Stop = Stop::Close(Cause::Internal);

/// Where in the frame a string or a blob stands.
#[derive(Clone, Copy)]
struct Place {
    /// Its length.
    at: usize,
    /// What the length tells of.
    body: usize,
    /// The byte behind it.
    end: usize,
}

/// What is known of a group's protocol type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// It was not said: blobs are taken for what they can be read as.
    Unsaid,
    Consumer,
    Other,
}

struct Editor<'a, 'o> {
    frame: &'a [u8],
    pieces: Pieces<'o>,
    bytes_max: usize,
    named: &'a Named<'a>,
    key: i16,
    version: i16,
    /// The version that goes out.
    as_version: i16,
    flexible: bool,
    entry: &'o mut Entry,
    sessions: &'o mut SessionIds,
    /// Produce and Fetch, where every topic takes the same prefix: it is put before any name, as it is where they stream.
    uniform: Option<&'a [u8]>,
    no_acks: bool,
    /// Metadata: an additional topic is named, and none such is ever created.
    additional: bool,
    key_type: i8,
    resource_type: i8,
    protocol: Protocol,
}

impl<'a: 'o, 'o> Editor<'a, 'o> {
    fn new(
        frame: &Frame<'a>,
        rule: &Rule,
        named: &'a Named<'a>,
        (entry, sessions): (&'o mut Entry, &'o mut SessionIds),
        as_version: i16,
        out: &'o mut Output,
    ) -> Editor<'a, 'o> {
        let streams = matches!(rule.key, PRODUCE | FETCH);
        let copied = if rule.key == PRODUCE { COPIED_BYTES_MAX_BETWEEN_RECORDS } else { COPIED_BYTES_MAX };
        Editor {
            frame: frame.bytes,
            pieces: Pieces::new(frame.bytes, frame.at, copied, out),
            bytes_max: frame.bytes.len().saturating_add(frame.added_bytes_max),
            named,
            key: rule.key,
            version: entry.api_version,
            as_version,
            flexible: rule.flexible(entry.api_version),
            entry,
            sessions,
            uniform: if streams { named.names.uniform_prefix() } else { None },
            no_acks: false,
            additional: false,
            key_type: KEY_GROUP,
            resource_type: 0,
            protocol: Protocol::Unsaid,
        }
    }

    fn run(mut self) -> Result<Taken, Stop> {
        let plan = NAMED_REQUESTS.get(self.key, self.version).ok_or(Stop::Close(Cause::UnknownApi))?;
        let left = self.frame.len().checked_sub(REQUEST_HEAD_BYTES).and_then(|left| u32::try_from(left).ok());
        let left = left.ok_or(Stop::Close(Cause::FrameLength))?;
        let mut walker = Walker::new(plan, left);
        self.header();
        let mut at = REQUEST_HEAD_BYTES;
        loop {
            let step = walker.step(self.frame.get(at..).ok_or(MALFORMED)?).map_err(|Malformed| MALFORMED)?;
            at += step.plain as usize;
            match step.event {
                // The frame is whole: it can only be that its end cuts something.
                Event::More => return Err(MALFORMED),
                // What is behind the last field is left alone.
                Event::Done | Event::Trailing { .. } => break,
                Event::Leaf { role, head } => {
                    self.leaf(role, at, at + head)?;
                    at += head;
                }
                Event::Text { role, head, body, null: _ } => {
                    let place = Place { at, body: at + head, end: at + head + body as usize };
                    self.text(role, place)?;
                    at = place.end;
                }
                // They are not wanted.
                Event::Tags { .. } | Event::Tag { .. } | Event::Array { .. } => return Err(INTERNAL_FAULT),
                Event::ElementEnd { .. } | Event::ArrayEnd { .. } => return Err(INTERNAL_FAULT),
            }
            if self.pieces.written() > self.bytes_max {
                return Err(Stop::Close(Cause::HeldFrameTooLarge));
            }
        }
        if self.as_version != self.version {
            // The flag that the version has more: nothing is to be created.
            self.pieces.replace(at..at, &[0]);
        }
        self.pieces.keep_until(self.frame.len());
        self.pieces.finish();
        Ok(if self.no_acks { Taken::NoResponse } else { Taken::Forwarded })
    }

    /// The version that goes out; and a client id that means more than a name goes out empty.
    fn header(&mut self) {
        if self.as_version != self.version {
            self.pieces.replace(VERSION_AT..VERSION_AT + 2, &self.as_version.to_be_bytes());
        }
        if let Some(client_id) = admin_client(self.frame) {
            self.pieces.replace(client_id, &[0, 0]);
        }
    }

    /// A marked value of fixed size, from `at` to `end`.
    fn leaf(&mut self, role: Role, at: usize, end: usize) -> Result<(), Stop> {
        let bytes = self.frame.get(at..end).ok_or(MALFORMED)?;
        match role {
            Role::Acks => {
                self.no_acks = bytes == NO_ACKS;
                if self.no_acks && self.entry.shown_error != 0 {
                    return Err(Stop::Close(Cause::RefusedWithoutResponse));
                }
            }
            Role::ReplicaId if bytes != NO_REPLICA => self.pieces.replace(at..end, &NO_REPLICA),
            Role::ReplicaId => {}
            Role::KeyType => {
                self.key_type = byte(bytes);
                self.check_key_type()?;
            }
            Role::ResourceType => self.resource_type = byte(bytes),
            Role::AutoCreate if self.additional => self.pieces.replace(at..end, &[0]),
            Role::AutoCreate => {}
            Role::TopicId => {
                let id = u128::from_be_bytes(bytes.try_into().map_err(|_| MALFORMED)?);
                if id != 0 {
                    let masked = id ^ u128::from_be_bytes(self.named.id_mask);
                    self.pieces.replace(at..end, &masked.to_be_bytes());
                    self.entry.asked = Asked::TopicIds;
                }
            }
            Role::FetchSession => self.fetch_session(bytes, at)?,
            _ => return Err(INTERNAL_FAULT),
        }
        Ok(())
    }

    fn fetch_session(&mut self, bytes: &[u8], at: usize) -> Result<(), Stop> {
        let [i0, i1, i2, i3, e0, e1, e2, e3] = *bytes else { return Err(MALFORMED) };
        let (id, epoch) = (i32::from_be_bytes([i0, i1, i2, i3]), i32::from_be_bytes([e0, e1, e2, e3]));
        match decide(self.sessions, id, epoch) {
            Decision::Pass => {}
            Decision::AsNew => self.pieces.replace(at..at + 4, &[0; 4]),
            Decision::NotFound => return Err(Stop::Answer(FETCH_SESSION_ID_NOT_FOUND)),
        }
        Ok(())
    }

    fn text(&mut self, role: Role, place: Place) -> Result<(), Stop> {
        match role {
            Role::Topic | Role::CreatedTopic | Role::ChangedTopic => self.topic(role, place),
            Role::Group => self.group(place, true),
            Role::GroupNotEmpty => self.group(place, false),
            Role::TransactionalId => self.transactional_id(place, true),
            Role::CoordinatorKey => self.coordinator_key(place),
            Role::ResourceName => self.resource(place),
            Role::ProtocolType => {
                let consumer = self.said(place)? == CONSUMER;
                self.protocol = if consumer { Protocol::Consumer } else { Protocol::Other };
                self.entry.asked = if consumer { Asked::Nothing } else { Asked::OtherProtocol };
                Ok(())
            }
            Role::Subscription => self.blob(Embedded::Subscription, place),
            Role::Assignment => self.blob(Embedded::Assignment, place),
            Role::TransactionalIdPattern => {
                self.pieces.replace(place.at..place.end, if self.flexible { &[0] } else { &[0xff; 2] });
                Ok(())
            }
            // The backend would compare it with its own.
            Role::ClusterId => Err(MALFORMED),
            _ => Err(INTERNAL_FAULT),
        }
    }

    fn topic(&mut self, role: Role, place: Place) -> Result<(), Stop> {
        let said = self.said(place)?;
        if self.entry.shown_error != 0 {
            // All of it is refused: nothing may come of the rest.
            return self.poison(Poison::Invalid, place);
        }
        if let Some(prefix) = self.uniform {
            return self.uniform_name(prefix, said.len(), place);
        }
        match Sent::topic(self.named.names, role, said) {
            Sent::As(physical) if physical.additional && self.key == METADATA => self.additional(physical, place),
            Sent::As(physical) => self.name(physical, place),
            Sent::Refused(poison) => self.poison(poison, place),
        }
    }

    /// The prefix before a name of so many bytes, in the form that [`super::stream`] gives it, too.
    fn uniform_name(&mut self, prefix: &[u8], bytes: usize, place: Place) -> Result<(), Stop> {
        let (bytes, width) = (prefix.len() + bytes, place.body - place.at + 1);
        // Fetch requests are small, and never stream.
        if !self.flexible || self.key != PRODUCE {
            return self.put(place.at..place.body, bytes, |into| into.extend_from_slice(prefix));
        }
        if bytes > TEXT_BYTES_MAX as usize || width > VARINT_BYTES_MAX {
            return Err(MALFORMED);
        }
        self.pieces.replace_front_padded(place.at..place.body, prefix, bytes, Some(width));
        Ok(())
    }

    /// An additional topic in Metadata, which may not be created by that.
    fn additional(&mut self, physical: Physical<'_>, place: Place) -> Result<(), Stop> {
        self.additional = true;
        match self.as_version {
            AUTO_CREATE_FROM.. => self.name(physical, place),
            version if version == AUTO_CREATE_FROM - 1 => Err(Stop::Again),
            // What cannot be told not to create it is told that it is not there.
            _ => self.poison(Poison::Absent, place),
        }
    }

    fn group(&mut self, place: Place, empty_is_a_group: bool) -> Result<(), Stop> {
        let deleted = self.key == DELETE_GROUPS;
        match Sent::group(self.named.names, self.said(place)?, empty_is_a_group, deleted) {
            Sent::As(physical) => self.name(physical, place),
            Sent::Refused(poison) => self.refuse(poison, place, !empty_is_a_group),
        }
    }

    fn transactional_id(&mut self, place: Place, emptied: bool) -> Result<(), Stop> {
        match Sent::transactional_id(self.named.names, self.said(place)?) {
            Sent::As(physical) => self.name(physical, place),
            Sent::Refused(poison) => self.refuse(poison, place, emptied),
        }
    }

    /// A group or transactional id that must not go out. Where the response does not repeat it, all of that shows the
    /// error; what goes out is then empty, which a backend refuses by itself, or, where that is a name, poisoned. What is
    /// nothing without the name goes nowhere: a backend may give out a producer id with its error, and takes the offsets
    /// of the empty group into the transaction.
    fn refuse(&mut self, poison: Poison, place: Place, emptied: bool) -> Result<(), Stop> {
        let repeated = match self.key {
            INIT_PRODUCER_ID | ADD_OFFSETS_TO_TXN | END_TXN => return Err(Stop::Answer(poison.error())),
            DESCRIBE_GROUPS | DELETE_GROUPS | DESCRIBE_TRANSACTIONS => true,
            OFFSET_FETCH => self.version >= 8,
            FIND_COORDINATOR => self.version >= 4,
            _ => false,
        };
        if repeated {
            return self.poison(poison, place);
        }
        if self.entry.shown_error == 0 {
            self.entry.shown_error = poison.error();
        }
        if emptied {
            self.pieces.replace_text(place.at..place.end, b"", self.flexible);
            return Ok(());
        }
        self.poison(poison, place)
    }

    /// Behind the key in versions 1 to 3, and before the keys later, stands their type; version 0 has groups only.
    fn coordinator_key(&mut self, place: Place) -> Result<(), Stop> {
        if self.version < 4 {
            let said = if self.version == 0 { None } else { Some(self.frame.get(place.end..).ok_or(MALFORMED)?) };
            self.key_type = said.map_or(KEY_GROUP, byte);
            self.check_key_type()?;
        }
        match self.key_type {
            KEY_GROUP => self.group(place, true),
            _ => self.transactional_id(place, false),
        }
    }

    /// Coordinators of anything but groups and transactions are for brokers among themselves. The response does not
    /// repeat the type of its keys.
    fn check_key_type(&mut self) -> Result<(), Stop> {
        self.entry.asked = match self.key_type {
            KEY_GROUP => Asked::Groups,
            KEY_TRANSACTIONAL_ID => Asked::TransactionalIds,
            other => return Err(Stop::Answer(coordinator_error(other, self.version))),
        };
        Ok(())
    }

    /// A resource that may not be named becomes a topic that cannot be, whose name tells the way back what it was.
    fn resource(&mut self, place: Place) -> Result<(), Stop> {
        let changes = matches!(self.key, ALTER_CONFIGS | INCREMENTAL_ALTER_CONFIGS);
        match Sent::resource(self.named.names, self.resource_type, self.said(place)?, changes) {
            Sent::As(physical) => self.name(physical, place),
            Sent::Refused(poison @ Poison::ForbiddenCluster) => {
                // The type is the byte before the name.
                let type_at = place.at.checked_sub(1).ok_or(MALFORMED)?;
                self.pieces.replace(type_at..place.at, &RESOURCE_TOPIC.to_be_bytes());
                let mut text = [0; TYPE_BYTES_MAX];
                let mut free = text.as_mut_slice();
                write!(free, "{}:", self.resource_type).map_err(|_| MALFORMED)?;
                let written = TYPE_BYTES_MAX - free.len();
                self.poison_with(poison, text.get(..written).unwrap_or_default(), place)
            }
            Sent::Refused(poison) => self.poison(poison, place),
        }
    }

    fn blob(&mut self, kind: Embedded, place: Place) -> Result<(), Stop> {
        if self.protocol == Protocol::Other {
            return Ok(());
        }
        let (blob, names) = (self.said(place)?, self.named.names);
        let write = |into: &mut Vec<u8>| match consumer_protocol::rewrite(blob, kind, Direction::In, names, into) {
            Rewritten::Written { .. } => Ok(true),
            Rewritten::Unreadable => Ok(false),
            Rewritten::TooLong => Err(MALFORMED),
        };
        self.pieces.replace_blob(place.at..place.end, self.flexible, write).map(|_| ())
    }

    /// Puts a physical name in the place of what the client said.
    fn name(&mut self, physical: Physical<'_>, place: Place) -> Result<(), Stop> {
        if physical.rest != self.said(place)? {
            return self.put(place.at..place.end, physical.len(), |into| physical.write(into));
        }
        if physical.prefix.is_empty() {
            return Ok(());
        }
        self.put(place.at..place.body, physical.len(), |into| into.extend_from_slice(physical.prefix))
    }

    fn poison(&mut self, poison: Poison, place: Place) -> Result<(), Stop> {
        self.poison_with(poison, b"", place)
    }

    /// Puts a poisoned name, with `before` in front of what the client said, in the place of that.
    fn poison_with(&mut self, poison: Poison, before: &[u8], place: Place) -> Result<(), Stop> {
        if self.no_acks {
            return Err(Stop::Close(Cause::RefusedWithoutResponse));
        }
        let (said, names) = (self.said(place)?, self.named.names);
        let bytes = Poison::added_bytes(names) + before.len() + said.len();
        self.put(place.at..place.end, bytes, |into| {
            poison.write(names, before, into);
            into.extend_from_slice(said);
        })
    }

    /// Puts a string of so many bytes, or its front, in the place of another.
    fn put(&mut self, part: Range<usize>, bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Stop> {
        if bytes > TEXT_BYTES_MAX as usize {
            return Err(MALFORMED);
        }
        self.pieces.replace_text_with(part, bytes, self.flexible, write);
        Ok(())
    }

    fn said(&self, place: Place) -> Result<&'a [u8], Stop> {
        self.frame.get(place.body..place.end).ok_or(MALFORMED)
    }
}

fn byte(bytes: &[u8]) -> i8 {
    bytes.first().map_or(0, |byte| i8::from_be_bytes([*byte]))
}
