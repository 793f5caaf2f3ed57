//! Names in a request of a namespaced virtual cluster: what the client says becomes what the backend knows.
//!
//! Owns what each role of a request means, and what becomes of a name that must not go out. A name that is refused is
//! rejected where the response says it again; where it does not, its exchange tells which error all of the response
//! is to show, and the request is made one that changes nothing. May not know how the frame came.

use std::io::Write as _;

use super::super::NamespaceView;
use super::super::engine::edit::Stop;
use super::super::engine::entries::count;
use super::super::engine::patch::{Patch, Place};
use super::super::engine::side::Around;
use super::super::engine::token::Token;
use super::super::engine::walk::Frame;
use super::consumer_protocol::{self, Direction, Embedded, Rewritten};
use super::fetch_session::{Decision, FETCH_SESSION_ID_NOT_FOUND, decide};
use super::header::admin_client;
use super::refusals::coordinator_error;
use super::rejected_name::{RejectedName, refused_prefix};
use super::to_physical::{RESOURCE_TOPIC, ToPhysical};
use crate::cluster::Physical;
use crate::metrics::Cause;
use crate::wire::key::*;
use crate::wire::{Asked, Exchange, InFlight, LENGTH_BYTES, REQUEST_HEAD_BYTES, VARINT_BYTES_MAX};
use crate::wire::{Role, TEXT_BYTES_MAX};

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
/// The first version of Metadata that says whether topics may be created. The responses of the one below are the same.
const AUTO_CREATE_FROM: i16 = 4;

const MALFORMED: Stop = Stop::Close(Cause::RequestMalformed);
const INTERNAL: Stop = Stop::Close(Cause::Internal);

/// What is known of a group's protocol type.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Protocol {
    /// It was not said: blobs are taken for what they can be read as.
    #[default]
    Unsaid,
    Consumer,
    Other,
}

/// What is known of one request.
pub struct NamesIn {
    /// What the response must know of the request.
    pub entry: Exchange,
    /// Every topic takes the same prefix, whatever it is.
    pub uniform: bool,
    /// No response is wanted.
    pub no_acks: bool,
    /// Metadata: an additional topic is named, and none such is ever created.
    additional: bool,
    /// Where the version stands that goes out, in a request that may have to go out in another.
    version: Option<Place>,
    /// It goes out as [`AUTO_CREATE_FROM`], which it is not.
    upgraded: bool,
    key_type: i8,
    resource_type: i8,
    protocol: Protocol,
}

impl NamesIn {
    /// For the request that has this entry.
    #[inline(always)]
    pub fn new(entry: Exchange, uniform: bool) -> NamesIn {
        NamesIn {
            entry,
            uniform,
            no_acks: false,
            additional: false,
            version: None,
            upgraded: false,
            key_type: KEY_GROUP,
            resource_type: 0,
            protocol: Protocol::Unsaid,
        }
    }

    /// The head of the request: a client id that means more than a name goes out empty. Of a request that is whole.
    #[inline(always)]
    pub fn begin(&mut self, patch: &mut Patch<'_>) {
        if self.entry.api_key == METADATA && self.entry.api_version == AUTO_CREATE_FROM - 1 {
            let at = (VERSION_AT, VERSION_AT + 2);
            if let Some(version) = patch.input().get(at.0..at.1) {
                self.version = Some(patch.replaceable(at, version));
            }
        }
        if let Some(client_id) = admin_client(patch.input(), REQUEST_HEAD_BYTES) {
            patch.replace((client_id.start, client_id.end), &[0, 0]);
        }
    }

    /// The request ended.
    pub fn end(&mut self, patch: &mut Patch<'_>, at: usize) {
        if self.upgraded {
            // The flag that the version has more: nothing is to be created.
            patch.replace((at, at), &[0]);
        }
    }

    /// The count of a Produce request's topics, where the request is not whole: its new length follows from it.
    pub fn entries(&mut self, token: &Token<'_>, frame: &mut Frame<'_>, around: &mut Around<'_>) -> Result<(), Stop> {
        let (prefix, flexible) = (around.uniform.ok_or(INTERNAL)?, frame.flexible());
        frame.patch().keep_until(token.at.1);
        if let Some(held) = frame.patch().held()?
            && let Some(client_id) = admin_client(held, REQUEST_HEAD_BYTES)
        {
            let gone = client_id.len() - 2;
            held.splice(client_id, [0, 0]);
            frame.patch().shrink(gone as u64);
        }
        // A compact length is written in one byte more than it came in.
        let added = u64::from(count(token.bytes, flexible)) * (prefix.len() + usize::from(flexible)) as u64;
        let added = i64::try_from(added).map_err(|_| MALFORMED)?;
        frame.promise(added)?;
        Ok(())
    }

    /// A value of fixed size.
    pub fn leaf(
        &mut self,
        role: Role,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        let bytes = token.bytes;
        match role {
            Role::Acks => {
                self.no_acks = bytes == NO_ACKS;
                if self.no_acks && self.entry.shown_error != 0 {
                    return Err(Stop::Close(Cause::RefusedWithoutResponse));
                }
            }
            // It says something else.
            Role::ReplicaId => patch.replace(token.at, &NO_REPLICA),
            Role::KeyType => {
                self.key_type = byte(bytes);
                self.check_key_type()?;
            }
            Role::ResourceType => self.resource_type = byte(bytes),
            Role::AutoCreate if self.additional => patch.replace(token.at, &[0]),
            Role::AutoCreate => {}
            Role::TopicId => {
                let id = u128::from_be_bytes(bytes.try_into().map_err(|_| INTERNAL)?);
                if id != 0 {
                    let masked = id ^ u128::from_be_bytes(named(around)?.id_mask);
                    patch.replace(token.at, &masked.to_be_bytes());
                    self.entry.asked = Asked::TopicIds;
                }
            }
            Role::FetchSession => fetch_session(token, patch, around.in_flight)?,
            _ => return Err(INTERNAL),
        }
        Ok(())
    }

    /// A string or bytes.
    pub fn text(
        &mut self,
        role: Role,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        match role {
            Role::Topic | Role::CreatedTopic | Role::ChangedTopic => self.topic(role, token, patch, around),
            Role::Group => self.group(token, true, patch, around),
            Role::GroupNotEmpty => self.group(token, false, patch, around),
            Role::TransactionalId => self.transactional_id(token, true, patch, around),
            Role::CoordinatorKey => self.coordinator_key(token, patch, around),
            Role::ResourceName => self.resource(token, patch, around),
            Role::ProtocolType => {
                let consumer = token.body() == CONSUMER;
                self.protocol = if consumer { Protocol::Consumer } else { Protocol::Other };
                self.entry.asked = if consumer { Asked::Nothing } else { Asked::OtherProtocol };
                Ok(())
            }
            Role::Subscription => self.blob(Embedded::Subscription, token, patch, around),
            Role::Assignment => self.blob(Embedded::Assignment, token, patch, around),
            Role::TransactionalIdPattern => {
                let null: &[u8] = if patch.flexible() { &[0] } else { &[0xff; 2] };
                patch.replace(token.at, null);
                Ok(())
            }
            // The backend would compare it with its own.
            Role::ClusterId => Err(MALFORMED),
            _ => Err(INTERNAL),
        }
    }

    fn topic(
        &mut self,
        role: Role,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        if self.entry.shown_error != 0 {
            return self.reject(RejectedName::Invalid, token, patch, around);
        }
        match ToPhysical::topic(named(around)?.names, role, token.body()) {
            ToPhysical::As(_) if self.denies(token, around) => {
                self.reject(RejectedName::Forbidden, token, patch, around)
            }
            ToPhysical::As(physical) if physical.additional && self.entry.api_key == METADATA => {
                self.additional(physical, token, patch, around)
            }
            ToPhysical::As(physical) => name(physical, token, patch),
            ToPhysical::Refused(rejection) => self.reject(rejection, token, patch, around),
        }
    }

    /// A topic where every one takes the same prefix.
    #[inline(always)]
    pub fn uniform_topic(
        &mut self,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        // All of the request may be refused: then nothing may come of the rest.
        let refused = self.entry.shown_error != 0 || self.denies(token, around);
        if refused && self.no_acks {
            return Err(Stop::Close(Cause::RefusedWithoutResponse));
        }
        uniform_name(around.uniform.unwrap_or_default(), refused, token, patch, self.entry.api_key)
    }

    /// Whether the client may not use this topic.
    #[inline(always)]
    fn denies(&self, token: &Token<'_>, around: &Around<'_>) -> bool {
        let view = around.view;
        view.access.is_some_and(|access| !access.topic(view.identity, self.entry.api_key, token.body()))
    }

    /// An additional topic in Metadata, which may not be created by that.
    fn additional(
        &mut self,
        physical: Physical<'_>,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        self.additional = true;
        match (self.entry.api_version, self.version) {
            (AUTO_CREATE_FROM.., _) => name(physical, token, patch),
            (_, Some(version)) => {
                // The next version can say it.
                self.upgraded = true;
                if let Some(version) = patch.at(version) {
                    version.copy_from_slice(&AUTO_CREATE_FROM.to_be_bytes());
                }
                name(physical, token, patch)
            }
            // What cannot be told not to create it is told that it is not there.
            (_, None) => self.reject(RejectedName::Absent, token, patch, around),
        }
    }

    fn group(
        &mut self,
        token: &Token<'_>,
        empty_is_a_group: bool,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        let deleted = self.entry.api_key == DELETE_GROUPS;
        match ToPhysical::group(named(around)?.names, token.body(), empty_is_a_group, deleted) {
            ToPhysical::As(physical) => name(physical, token, patch),
            ToPhysical::Refused(rejection) => self.refuse(rejection, token, !empty_is_a_group, patch, around),
        }
    }

    fn transactional_id(
        &mut self,
        token: &Token<'_>,
        emptied: bool,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        match ToPhysical::transactional_id(named(around)?.names, token.body()) {
            ToPhysical::As(physical) => name(physical, token, patch),
            ToPhysical::Refused(rejection) => self.refuse(rejection, token, emptied, patch, around),
        }
    }

    /// A group or transactional id that must not go out. Where the response does not repeat it, all of that shows the
    /// error; what goes out is then empty, which a backend refuses by itself, or, where that is a name, rejected. What is
    /// nothing without the name goes nowhere: a backend may give out a producer id with its error, and takes the offsets
    /// of the empty group into the transaction.
    fn refuse(
        &mut self,
        rejection: RejectedName,
        token: &Token<'_>,
        emptied: bool,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        let version = self.entry.api_version;
        let repeated = match self.entry.api_key {
            INIT_PRODUCER_ID | ADD_OFFSETS_TO_TXN | END_TXN => return Err(Stop::Answer(rejection.error())),
            DESCRIBE_GROUPS | DELETE_GROUPS | DESCRIBE_TRANSACTIONS => true,
            OFFSET_FETCH => version >= 8,
            FIND_COORDINATOR => version >= 4,
            _ => false,
        };
        if repeated {
            return self.reject(rejection, token, patch, around);
        }
        if self.entry.shown_error == 0 {
            self.entry.shown_error = rejection.error();
        }
        if emptied {
            patch.string(token, b"", 0, 0);
            return Ok(());
        }
        self.reject(rejection, token, patch, around)
    }

    /// Behind the key in versions 1 to 3, and before the keys later, stands their type; version 0 has groups only.
    fn coordinator_key(
        &mut self,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        if self.entry.api_version < 4 {
            let behind = patch.input().get(token.at.1..).ok_or(INTERNAL)?;
            self.key_type = if self.entry.api_version == 0 { KEY_GROUP } else { byte(behind) };
            self.check_key_type()?;
        }
        match self.key_type {
            KEY_GROUP => self.group(token, true, patch, around),
            _ => self.transactional_id(token, false, patch, around),
        }
    }

    /// Coordinators of anything but groups and transactions are for brokers among themselves. The response does not
    /// repeat the type of its keys.
    fn check_key_type(&mut self) -> Result<(), Stop> {
        self.entry.asked = match self.key_type {
            KEY_GROUP => Asked::Groups,
            KEY_TRANSACTIONAL_ID => Asked::TransactionalIds,
            other => return Err(Stop::Answer(coordinator_error(other, self.entry.api_version))),
        };
        Ok(())
    }

    /// A resource that may not be named becomes a topic that cannot be, whose name tells the way back what it was.
    fn resource(&mut self, token: &Token<'_>, patch: &mut Patch<'_>, around: &mut Around<'_>) -> Result<(), Stop> {
        let changes = matches!(self.entry.api_key, ALTER_CONFIGS | INCREMENTAL_ALTER_CONFIGS);
        match ToPhysical::resource(named(around)?.names, self.resource_type, token.body(), changes) {
            ToPhysical::As(physical) => name(physical, token, patch),
            ToPhysical::Refused(rejection @ RejectedName::ForbiddenCluster) => {
                // The type is the byte before the name.
                let type_at = token.at.0.checked_sub(1).ok_or(INTERNAL)?;
                patch.replace((type_at, token.at.0), &RESOURCE_TOPIC.to_be_bytes());
                let mut text = [0; TYPE_BYTES_MAX];
                let mut free = text.as_mut_slice();
                write!(free, "{}:", self.resource_type).map_err(|_| INTERNAL)?;
                let written = TYPE_BYTES_MAX - free.len();
                self.reject_with(rejection, text.get(..written).ok_or(INTERNAL)?, token, patch, around)
            }
            ToPhysical::Refused(rejection) => self.reject(rejection, token, patch, around),
        }
    }

    fn blob(
        &mut self,
        kind: Embedded,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        if self.protocol == Protocol::Other {
            return Ok(());
        }
        let names = named(around)?.names;
        let write =
            |into: &mut Vec<u8>| match consumer_protocol::rewrite(token.body(), kind, Direction::In, names, into) {
                Rewritten::Written { .. } => Ok(true),
                Rewritten::Unreadable => Ok(false),
                Rewritten::TooLong => Err(MALFORMED),
            };
        patch.blob(token.at, write).map(|_| ())
    }

    fn reject(
        &mut self,
        rejection: RejectedName,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        self.reject_with(rejection, b"", token, patch, around)
    }

    /// Puts a rejected name, with `before` in front of what the client said, in the place of that.
    #[cold]
    fn reject_with(
        &mut self,
        rejection: RejectedName,
        before: &[u8],
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        if self.no_acks {
            return Err(Stop::Close(Cause::RefusedWithoutResponse));
        }
        let (names, said) = (named(around)?.names, token.body());
        let mut front = Vec::with_capacity(RejectedName::added_bytes(names) + before.len());
        rejection.write(names, before, &mut front);
        fits(front.len() + said.len())?;
        patch.string(token, &front, said.len(), 0);
        Ok(())
    }
}

fn fetch_session(token: &Token<'_>, patch: &mut Patch<'_>, in_flight: &mut InFlight) -> Result<(), Stop> {
    let [i0, i1, i2, i3, e0, e1, e2, e3] = *token.bytes else { return Err(INTERNAL) };
    let (id, epoch) = (i32::from_be_bytes([i0, i1, i2, i3]), i32::from_be_bytes([e0, e1, e2, e3]));
    match decide(&mut in_flight.session_ids, id, epoch) {
        Decision::Pass => {}
        Decision::AsNew => patch.replace((token.at.0, token.at.0 + 4), &[0; 4]),
        Decision::NotFound => return Err(Stop::Answer(FETCH_SESSION_ID_NOT_FOUND)),
    }
    Ok(())
}

/// The prefix before a name. A compact length takes one byte more than it came in, padded where that is more than it needs,
/// in a Produce request: its new length must be known from the number of its names.
#[inline(always)]
fn uniform_name(prefix: &[u8], refused: bool, token: &Token<'_>, patch: &mut Patch<'_>, key: i16) -> Result<(), Stop> {
    let (flexible, tail) = (patch.flexible(), token.bytes.len() - token.head);
    fits(prefix.len() + tail)?;
    // Fetch requests are small, and never stream.
    let width = if flexible && key == PRODUCE { token.head + 1 } else { 0 };
    if width > VARINT_BYTES_MAX {
        return Err(MALFORMED);
    }
    if refused {
        patch.string(token, &refused_prefix(prefix), tail, width);
    } else {
        patch.string(token, prefix, tail, width);
    }
    Ok(())
}

/// Puts a physical name in the place of what the client said.
fn name(physical: Physical<'_>, token: &Token<'_>, patch: &mut Patch<'_>) -> Result<(), Stop> {
    fits(physical.bytes())?;
    if physical.rest == token.body() {
        if !physical.prefix.is_empty() {
            patch.string(token, physical.prefix, physical.rest.len(), 0);
        }
    } else {
        patch.string_with(token.at, physical.bytes(), |into| physical.write(into));
    }
    Ok(())
}

fn fits(bytes: usize) -> Result<(), Stop> {
    if bytes > TEXT_BYTES_MAX as usize { Err(MALFORMED) } else { Ok(()) }
}

fn byte(bytes: &[u8]) -> i8 {
    bytes.first().map_or(0, |byte| i8::from_be_bytes([*byte]))
}

fn named<'v>(around: &Around<'v>) -> Result<&'v NamespaceView<'v>, Stop> {
    around.view.namespace.as_ref().ok_or(INTERNAL)
}
