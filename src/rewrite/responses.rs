//! The direction backend -> client of one session, own answers in their turn included.
//!
//! The oldest exchange in flight tells what a response is. Its frame passes untouched, or is walked where its version
//! names a node by address, or where there is a namespace and it has names.

use super::addresses::{Addresses, BehindBrokers};
use super::engine::edit::{Edit, Stop};
use super::engine::patch::{Patch, Rest};
use super::engine::side::{Around, Becomes, Begin, Side};
use super::engine::token::Token;
use super::engine::transducer::Transducer;
use super::engine::walk::Frame;
use super::names::fetch_session;
use super::names::responses::{NamesOut, put_uniform_topic, trailing};
use super::rules::{Class, NamespaceRule, Rule, class};
use super::treatments::{Length, Names, Treatment, of_response};
use super::{HELD_RESPONSE_FACTOR, Need, Output, SessionView, api_versions};
use crate::metrics::Cause;
use crate::wire::Role;
use crate::wire::{
    Asked, Exchange, InFlight, LENGTH_BYTES, RESPONSE_HEAD_BYTES, RESPONSE_LENGTH_MIN, ResponseHead, length,
};

/// State of the direction backend -> client.
pub type Responses = Transducer<Outgoing>;

/// Responses.
#[derive(Debug, Default)]
pub struct Outgoing;

/// What is known of a response that is to be walked.
#[derive(Clone, Copy)]
pub struct Seed {
    entry: Exchange,
    named: bool,
}

/// What is remembered of a response.
pub struct Edits {
    treatment: &'static Treatment,
    /// Its names are replaced.
    named: bool,
    /// It is walked by a plan that does not see all.
    quick: bool,
    names: NamesOut,
    addresses: Option<Box<Addresses>>,
}

impl Side for Outgoing {
    type Seed = Seed;
    type Edits = Edits;
    type Dropped = std::convert::Infallible;
    const HEAD_BYTES: usize = RESPONSE_HEAD_BYTES;

    /// An own answer whose turn has come.
    #[inline(always)]
    fn owes(in_flight: &InFlight) -> bool {
        in_flight.oldest_is_own()
    }

    /// Writes the own answers that nothing older waits before.
    #[inline(always)]
    fn ready(&mut self, around: &mut Around<'_>, out: &mut Output) -> Option<Need> {
        while around.in_flight.oldest_is_own() {
            own_answer(around, out);
        }
        None
    }

    #[inline(always)]
    fn begin(&mut self, rest: &[u8], around: &mut Around<'_>) -> Result<Option<Begin<Self>>, Cause> {
        let oldest = around.in_flight.oldest().ok_or(Cause::ResponseUnexpected)?;
        let Some(head) = ResponseHead::read(rest) else {
            let too_short = length(rest).is_some_and(|length| length < RESPONSE_LENGTH_MIN);
            return if too_short { Err(Cause::ResponseLength) } else { Ok(None) };
        };
        if head.length < RESPONSE_LENGTH_MIN {
            return Err(Cause::ResponseLength);
        }
        if head.correlation_id != oldest.correlation_id {
            return Err(Cause::ResponseUnexpected);
        }
        let bytes = usize::try_from(head.length).map_err(|_| Cause::ResponseLength)? + LENGTH_BYTES;
        let (key, version) = (oldest.api_key, oldest.api_version);
        let treatment = of_response(around.names, key, version);
        // What holds no names, only error codes, is walked only where another code is to be shown.
        let walked = treatment.filter(|treatment| !treatment.only_errors || oldest.shown_error != 0);
        let to = match walked {
            Some(treatment) if !(treatment.flexible && bytes == RESPONSE_HEAD_BYTES) => {
                Becomes::Walked(treatment, Seed { entry: oldest, named: around.names != Names::Physical })
            }
            _ => {
                let Class::Served(rule) = class(key) else { return Err(Cause::ResponseUnexpected) };
                // A flexible version's header ends with the count of its tags.
                if bytes == RESPONSE_HEAD_BYTES && rule.flexible(version) {
                    return Err(Cause::ResponseLength);
                }
                if around.names != Names::Physical && !is_forwarded(rule, version) {
                    return Err(Cause::ResponseUnexpected);
                }
                around.in_flight.pop();
                Becomes::Passes
            }
        };
        Ok(Some(Begin { bytes, to }))
    }

    #[inline(always)]
    fn edits(seed: Seed, treatment: &'static Treatment, quick: bool) -> Edits {
        let names = NamesOut::new(seed.entry, quick);
        Edits { treatment, named: seed.named, quick, names, addresses: None }
    }

    #[inline(always)]
    fn quick_may_do(seed: &Seed) -> bool {
        // An id that was asked for is told from others by the error beside it.
        seed.entry.shown_error == 0 && seed.entry.asked != Asked::TopicIds
    }

    fn api(_bytes: &[u8], around: &Around<'_>) -> Option<(i16, i16)> {
        around.in_flight.oldest().map(|oldest| (oldest.api_key, oldest.api_version))
    }

    fn api_of(edits: &Edits) -> (i16, i16) {
        (edits.names.entry.api_key, edits.names.entry.api_version)
    }

    #[inline(always)]
    fn end(_edits: Edits, _bytes: u64, around: &mut Around<'_>) -> Result<(), Cause> {
        around.in_flight.pop();
        Ok(())
    }

    fn dropped(dropped: Self::Dropped, _bytes: &[u8], _around: &mut Around<'_>) -> Result<(), Cause> {
        match dropped {}
    }

    fn answered(_edits: Edits, _error: i16) -> Result<Self::Dropped, Cause> {
        Err(Cause::Internal)
    }

    fn hold_bytes_max(view: &SessionView<'_>) -> usize {
        let factor = if view.namespace.is_some() { HELD_RESPONSE_FACTOR } else { 1 };
        (view.hold_bytes_max as usize).saturating_mul(factor)
    }
}

impl Edit for Edits {
    const MALFORMED: Cause = Cause::ResponseMalformed;

    #[inline(always)]
    fn value(
        &mut self,
        role: Role,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        match (role, around.uniform) {
            (Role::Topic, Some(prefix)) => {
                let shown = token.body().strip_prefix(prefix).ok_or(Stop::SeeAll)?;
                put_uniform_topic(shown, token, patch);
                Ok(())
            }
            (Role::FetchSession, _) => {
                learn_session(token, around);
                Ok(())
            }
            _ => Err(Stop::SeeAll),
        }
    }

    fn leaf(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        match role {
            Role::Error | Role::EntryError | Role::ErrorBeforeCoordinator | Role::ErrorAfterCoordinator => {
                self.error(role, token, frame)
            }
            Role::FetchSession => {
                learn_session(token, around);
                Ok(())
            }
            Role::AuthorizedOperations | Role::TopicId | Role::ResourceType => {
                self.names.leaf(role, token, frame, around)
            }
            role => self.addresses().leaf(role, token, frame, around.view),
        }
    }

    #[inline(always)]
    fn text(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        match role {
            Role::Topic if self.treatment.uniform => self.names.uniform_topic(token, frame, around),
            Role::Host | Role::EndpointRack => self.addresses().text(role, token, frame, around.view),
            // There seldom is one: error codes are looked at too, then.
            Role::ErrorMessage if self.quick => Err(Stop::SeeAll),
            role => self.names.text(role, token, frame, around),
        }
    }

    fn array(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        _around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        self.addresses().array(role, token, frame)
    }

    fn entries(&mut self, token: &Token<'_>, frame: &mut Frame<'_>, around: &mut Around<'_>) -> Result<(), Stop> {
        if frame.whole() {
            return Ok(());
        }
        // Of a Fetch that is not whole: each topic loses the prefix. It has no other entries.
        let prefix = around.uniform.ok_or(Cause::Internal)?.len() as u64;
        let gone = u64::from(super::engine::entries::count(token.bytes, frame.flexible())).saturating_mul(prefix);
        let gone = i64::try_from(gone).map_err(|_| Cause::ResponseMalformed)?;
        frame.promise(-gone)?;
        Ok(())
    }

    fn element_end(&mut self, role: Role, frame: &mut Frame<'_>, around: &mut Around<'_>) -> Result<(), Stop> {
        self.addresses().element_end(role, frame, around.view)
    }

    fn array_end(&mut self, role: Role, frame: &mut Frame<'_>, around: &mut Around<'_>) -> Result<(), Stop> {
        let behind = match (&self.treatment.behind_brokers, self.treatment.length) {
            (Some(plan), _) if self.quick => BehindBrokers::By(plan),
            (None, Length::UntilBrokers) => BehindBrokers::Passes,
            _ => BehindBrokers::Same,
        };
        self.addresses().array_end(role, frame, around.view, behind)
    }

    fn tags(&mut self, count: u32, token: &Token<'_>, frame: &mut Frame<'_>) -> Result<(), Stop> {
        self.addresses().tags(count, token, frame)
    }

    fn tag(&mut self, number: (u32, usize), size: u32, token: &Token<'_>, frame: &mut Frame<'_>) -> Result<(), Stop> {
        self.addresses().tag(number, size, token, frame)
    }

    #[inline(always)]
    fn body_end(&mut self, frame: &mut Frame<'_>) -> Result<Rest, Stop> {
        if self.quick && frame.tagged() {
            // They may name nodes.
            return Err(Stop::SeeAll);
        }
        if let Some(addresses) = &mut self.addresses {
            addresses.body_end(frame);
        }
        Ok(if self.named { trailing(self.treatment.length) } else { Rest::Stays })
    }

    fn passed_over(&mut self, role: Role, bytes: &[u8]) {
        self.names.passed_over(role, bytes);
    }

    fn stands_in(&mut self, frame: &mut Frame<'_>, around: &mut Around<'_>) -> Result<bool, Stop> {
        self.names.stands_in(frame, around)
    }

    fn held_bytes(&self) -> usize {
        self.addresses.as_ref().map_or(0, |addresses| addresses.held_bytes())
    }
}

impl Edits {
    /// What is known of nodes: most messages name none.
    fn addresses(&mut self) -> &mut Addresses {
        self.addresses.get_or_insert_default()
    }

    /// An error code: of a coordinator that has no address for the client, and then of a name that was refused.
    fn error(&mut self, role: Role, token: &Token<'_>, frame: &mut Frame<'_>) -> Result<(), Stop> {
        let came: [u8; 2] = token.bytes.try_into().map_err(|_| Cause::Internal)?;
        let entry = matches!(role, Role::EntryError | Role::ErrorAfterCoordinator);
        let code = if role == Role::ErrorAfterCoordinator { self.addresses().error_behind(came) } else { came };
        let shown = if self.named { self.names.error(code, entry, frame) } else { code };
        if role == Role::ErrorBeforeCoordinator {
            self.addresses().error_before(frame.patch().replaceable(token.at, &shown));
        } else if shown != came {
            frame.patch().replace(token.at, &shown);
        }
        Ok(())
    }
}

/// The session that a Fetch response gives.
fn learn_session(token: &Token<'_>, around: &mut Around<'_>) {
    let id = token.bytes.first_chunk().map_or(0, |id| i32::from_be_bytes(*id));
    fetch_session::learn(&mut around.in_flight.session_ids, id);
}

/// Whether a namespace lets requests of this version through.
fn is_forwarded(rule: &Rule, version: i16) -> bool {
    match rule.named {
        NamespaceRule::Served(max) => version <= max,
        NamespaceRule::Untouched => true,
        NamespaceRule::Disabled | NamespaceRule::Refused | NamespaceRule::Closed => false,
    }
}

/// Writes the answer to the oldest request, which is ours to write.
#[cold]
fn own_answer(around: &mut Around<'_>, out: &mut Output) {
    let Some(entry) = around.in_flight.oldest() else { return };
    let start = out.new_bytes.len();
    match around.in_flight.oldest_answer() {
        Some(answer) => out.new_bytes.extend_from_slice(answer),
        None => {
            let asker = api_versions::Asker { apis: around.view.apis, named: around.view.namespace.is_some() };
            api_versions::write_api_versions(&mut out.new_bytes, &entry, asker);
        }
    }
    out.end_new(start);
    around.in_flight.pop();
    out.frames += 1;
    out.own_answers += 1;
}

impl std::fmt::Debug for Responses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responses").field("held_bytes", &self.held_bytes()).finish_non_exhaustive()
    }
}

const _: () = assert!(RESPONSE_HEAD_BYTES == LENGTH_BYTES + RESPONSE_LENGTH_MIN as usize);
