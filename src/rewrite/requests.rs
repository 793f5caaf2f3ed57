//! The direction client -> backend of one session.
//!
//! Nothing of a request leaves before its api key and version are accepted. Without a namespace most requests then pass
//! untouched; those whose responses are walked are checked on their way; ApiVersions goes no further, as we answer it.

use super::engine::edit::{Edit, Stop};
use super::engine::patch::{Patch, Rest};
use super::engine::side::{Around, Becomes, Begin, Side};
use super::engine::token::Token;
use super::engine::transducer::Transducer;
use super::engine::walk::Frame;
use super::names::requests::NamesIn;
use super::names::{self, request_body};
use super::request_head;
use super::rules::{NamespaceRule, RequestRule, Rule};
use super::treatments::{Names, Treatment, of_request};
use super::{Decision, Need, Output, SessionView, api_versions};
use crate::metrics::Cause;
use crate::wire::Role;
use crate::wire::{Asked, Exchange, InFlight, LENGTH_BYTES, REQUEST_HEAD_BYTES, RequestHead};

/// State of the direction client -> backend.
pub type Requests = Transducer<Incoming>;

/// Requests.
#[derive(Debug, Default)]
pub struct Incoming {
    /// The first four bytes of the connection were looked at.
    begun: bool,
}

/// A request that goes no further.
pub struct Dropped {
    rule: &'static Rule,
    entry: Exchange,
    /// The error code that answers it where a namespace refuses it; `None`: ApiVersions, which we answer.
    refusal: Option<i16>,
}

/// What is known of a request that is to be walked.
#[derive(Clone, Copy)]
pub struct Seed {
    rule: &'static Rule,
    entry: Exchange,
    named: bool,
}

/// What is remembered of a request.
pub struct Edits {
    rule: &'static Rule,
    /// Its names are replaced.
    named: bool,
    /// Its exchange is in flight, or need not be.
    entered: bool,
    names: NamesIn,
}

impl Side for Incoming {
    type Seed = Seed;
    type Edits = Edits;
    type Dropped = Dropped;
    const HEAD_BYTES: usize = REQUEST_HEAD_BYTES;

    #[inline(always)]
    fn owes(_in_flight: &InFlight) -> bool {
        false
    }

    #[inline(always)]
    fn ready(&mut self, around: &mut Around<'_>, _out: &mut Output) -> Option<Need> {
        around.in_flight.is_full(around.view.in_flight_max).then_some(Need::Slot)
    }

    #[inline(always)]
    fn begin(&mut self, rest: &[u8], around: &mut Around<'_>) -> Result<Option<Begin<Self>>, Cause> {
        let first = !self.begun;
        self.begun |= rest.len() >= LENGTH_BYTES;
        let Some((head, rule)) = request_head::head(rest, first, around.view.frame_bytes_max)? else { return Ok(None) };
        let bytes = usize::try_from(head.length).map_err(|_| Cause::FrameLength)? + LENGTH_BYTES;
        let (key, version) = (head.api_key, head.api_version);
        let entry = Exchange {
            api_key: key,
            api_version: version,
            correlation_id: head.correlation_id,
            own: matches!(rule.request, RequestRule::Answer),
            own_error: 0,
            shown_error: 0,
            asked: Asked::Nothing,
        };
        if !rule.serves(version) {
            // Its layout is unknown: nothing behind the head is looked at.
            let entry = Exchange { own_error: api_versions::UNSUPPORTED_VERSION, ..entry };
            let to = Becomes::Dropped(Dropped { rule, entry, refusal: None });
            return Ok(Some(Begin { bytes, to }));
        }
        if let Some(access) = around.view.access {
            match access.request(around.view.identity, key, version) {
                Decision::Allowed => {}
                Decision::NotYet => return Ok(Some(Begin { bytes, to: Becomes::Waits(Need::Decision) })),
                Decision::Denied(error) if names::refuses(key, version) => {
                    let to = Becomes::Answered(Dropped { rule, entry, refusal: Some(error) });
                    return Ok(Some(Begin { bytes, to }));
                }
                Decision::Denied(_) => return Err(Cause::RefusedWithoutResponse),
            }
        }
        let named = around.names != Names::Physical && rule.named != NamespaceRule::Untouched;
        if named && let Some(error) = refusal(rule, version)? {
            let to = Becomes::Answered(Dropped { rule, entry, refusal: Some(error) });
            return Ok(Some(Begin { bytes, to }));
        }
        let to = match of_request(around.names, key, version) {
            None => {
                around.in_flight.push(entry);
                Becomes::Passes
            }
            Some(treatment) => Becomes::Walked(treatment, Seed { rule, entry, named }),
        };
        Ok(Some(Begin { bytes, to }))
    }

    #[inline(always)]
    fn edits(seed: Seed, treatment: &'static Treatment, _quick: bool) -> Edits {
        let names = NamesIn::new(seed.entry, treatment.uniform);
        Edits { rule: seed.rule, named: seed.named, entered: false, names }
    }

    #[inline(always)]
    fn quick_may_do(_seed: &Seed) -> bool {
        true
    }

    fn api(bytes: &[u8], _around: &Around<'_>) -> Option<(i16, i16)> {
        RequestHead::read(bytes).map(|head| (head.api_key, head.api_version))
    }

    fn api_of(edits: &Edits) -> (i16, i16) {
        (edits.names.entry.api_key, edits.names.entry.api_version)
    }

    #[inline(always)]
    fn end(edits: Edits, bytes: u64, around: &mut Around<'_>) -> Result<(), Cause> {
        let Edits { named, entered, names, .. } = edits;
        // The backend has a limit, too: it would close without a word, as if it were at fault.
        if named && bytes > u64::from(around.view.frame_bytes_max) + LENGTH_BYTES as u64 {
            return Err(Cause::FrameLength);
        }
        if !entered && !names.no_acks {
            around.in_flight.push(names.entry);
        }
        Ok(())
    }

    #[cold]
    fn dropped(dropped: Dropped, bytes: &[u8], around: &mut Around<'_>) -> Result<(), Cause> {
        let Dropped { rule, entry, refusal } = dropped;
        match refusal {
            None => around.in_flight.push(entry),
            Some(error) => {
                let body = request_body(bytes, rule.flexible(entry.api_version))?;
                let answer = names::refusal(rule, &entry, error, body, around.view.hold_bytes_max as usize)?;
                around.in_flight.push_answered(entry, answer);
            }
        }
        Ok(())
    }

    fn answered(edits: Edits, error: i16) -> Result<Dropped, Cause> {
        Ok(Dropped { rule: edits.rule, entry: edits.names.entry, refusal: Some(error) })
    }

    fn hold_bytes_max(view: &SessionView<'_>) -> usize {
        view.hold_bytes_max as usize
    }
}

impl Edit for Edits {
    const MALFORMED: Cause = Cause::RequestMalformed;

    #[inline(always)]
    fn begins(&mut self, patch: &mut Patch<'_>, whole: bool) {
        if self.named {
            if whole {
                self.names.begin(patch);
            }
        } else if self.names.entry.own {
            patch.rest(0, Rest::LeftOut);
        }
    }

    #[inline(always)]
    fn value(
        &mut self,
        role: Role,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        if token.is_text() {
            self.name(role, token, patch, true, around)
        } else {
            self.names.leaf(role, token, patch, around)
        }
    }

    #[inline(always)]
    fn leaf(
        &mut self,
        role: Role,
        token: &Token<'_>,
        frame: &mut Frame<'_>,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        if self.named {
            return self.names.leaf(role, token, frame.patch(), around);
        }
        match role {
            Role::Acks => {
                if token.bytes != [0, 0] {
                    around.in_flight.push(self.names.entry);
                }
                self.entered = true;
                frame.pass_rest();
                Ok(())
            }
            _ => Err(Cause::Internal.into()),
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
            Role::ClientSoftware => {
                if !is_software(token.body()) {
                    self.names.entry.own_error = api_versions::INVALID_REQUEST;
                }
                Ok(())
            }
            role => {
                let whole = frame.whole();
                self.name(role, token, frame.patch(), whole, around)
            }
        }
    }

    fn entries(&mut self, token: &Token<'_>, frame: &mut Frame<'_>, around: &mut Around<'_>) -> Result<(), Stop> {
        if !frame.whole() && !self.entered {
            // From here on bytes of it leave.
            self.entered = true;
            self.names.entries(token, frame, around)?;
            if !self.names.no_acks {
                around.in_flight.push(self.names.entry);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn body_end(&mut self, frame: &mut Frame<'_>) -> Result<Rest, Stop> {
        if self.named {
            let at = frame.at();
            self.names.end(frame.patch(), at);
        }
        // What is behind the last field is left alone.
        Ok(if self.names.entry.own { Rest::LeftOut } else { Rest::Stays })
    }
}

impl Edits {
    /// A name. What takes its place in a request that is `whole` may be longer, but not beyond what may be held.
    #[inline(always)]
    fn name(
        &mut self,
        role: Role,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
        whole: bool,
        around: &mut Around<'_>,
    ) -> Result<(), Stop> {
        if role == Role::Topic && self.names.uniform {
            return self.names.uniform_topic(token, patch, around);
        }
        self.names.text(role, token, patch, around)?;
        let most = patch.input().len() as u64 + u64::from(around.view.hold_bytes_max);
        if whole && patch.written() > most { Err(Cause::HeldFrameTooLarge.into()) } else { Ok(()) }
    }
}

/// The error code with which a namespace refuses a request, if it does.
///
/// # Errors
///
/// It does not answer such a request at all.
#[inline(always)]
fn refusal(rule: &Rule, version: i16) -> Result<Option<i16>, Cause> {
    match rule.named {
        NamespaceRule::Served(max) if version <= max => Ok(None),
        NamespaceRule::Served(_) if names::refuses(rule.key, version) => Ok(Some(names::CLUSTER_AUTHORIZATION_FAILED)),
        NamespaceRule::Served(_) => Err(Cause::UnknownVersion),
        NamespaceRule::Untouched => Ok(None),
        NamespaceRule::Disabled => Ok(Some(names::SECURITY_DISABLED)),
        NamespaceRule::Refused => Ok(Some(names::CLUSTER_AUTHORIZATION_FAILED)),
        NamespaceRule::Closed => Err(Cause::UnknownApi),
    }
}

/// Whether a client's software name or version is `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`, as Kafka asks (KIP-511).
fn is_software(text: &[u8]) -> bool {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    ends(text.first()) && ends(text.last()) && text.iter().all(inner)
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests").field("held_bytes", &self.held_bytes()).finish_non_exhaustive()
    }
}
