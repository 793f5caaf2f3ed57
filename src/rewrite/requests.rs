//! The direction client -> backend of one session.
//!
//! Nothing of a request leaves before its api key and version are accepted. Without a namespace most requests then pass
//! untouched; those whose responses are walked are checked on their way; ApiVersions goes no further, as we answer it.
//! With a namespace a request is dealt with when it is whole; one that is cut is held until then, or streams.

use super::events::{Event, Malformed};
use super::names::stream::{Stream, streams_in};
use super::names::{self, Frame, Taken};
use super::opening;
use super::rules::{NamedRule, RequestRule, Rule};
use super::shape::{RequestLeaf, RequestMarks, RequestText};
use super::shapes::REQUEST_HEADER;
use super::walk::Walker;
use super::{Fed, Named, Output, View, own};
use crate::frame::{Asked, Entry, LENGTH_BYTES, Ledger, REQUEST_HEAD_BYTES, REQUEST_LENGTH_MIN, length};
use crate::metrics::Cause;

/// State of the direction client -> backend. Small, and without heap memory but while a request is held.
#[derive(Default)]
pub struct Requests {
    /// The first four bytes of the connection were looked at.
    begun: bool,
    /// Bytes that come next and need no look.
    run: u64,
    /// They go no further.
    dropped: bool,
    /// We answer it, once all of it has come.
    answer: Option<Entry>,
    walk: Option<Walk>,
    held: Option<Held>,
    /// A Produce request of a namespace that is not whole, and need not be.
    stream: Option<Box<Stream>>,
}

/// A request of a namespace that is not whole yet.
struct Held {
    rule: &'static Rule,
    entry: Entry,
    bytes: Vec<u8>,
    /// Bytes that are still to come.
    missing: usize,
}

/// A request that is being walked.
struct Walk {
    walker: Walker<RequestMarks>,
    /// What the ledger is told of it when it is taken.
    entry: Entry,
    /// What the end of the front decides, rather than that of the frame.
    front: bool,
    /// Of the string that is being dropped.
    software: Option<Software>,
}

impl Requests {
    /// Takes bytes that came from the client (what an earlier call left over first). Leaves at most a request's head
    /// or one token of a walk over, unless [`Fed::full`].
    ///
    /// The ledger has a request's entry before the last of its bytes was given out; a Produce with acks=0 gets none.
    ///
    /// # Errors
    ///
    /// The cause with which the session must be closed.
    pub fn feed(&mut self, input: &[u8], view: &View<'_>, ledger: &mut Ledger, out: &mut Output) -> Result<Fed, Cause> {
        let mut at = 0;
        let mut full = false;
        loop {
            at += self.move_run(input.get(at..).unwrap_or_default(), at, out);
            let rest = input.get(at..).unwrap_or_default();
            if self.run > 0 {
                break;
            }
            if let Some(entry) = self.answer.take() {
                ledger.push(entry);
                out.frames += 1;
            }
            let moved = if self.walk.is_some() {
                self.walk_on(rest, at, ledger, out)?
            } else if self.held.is_some() {
                self.hold_on(rest, view, ledger, out)?
            } else if self.stream.is_some() {
                self.stream_on(rest, at, view, ledger, out)?
            } else if ledger.len() >= view.in_flight_max {
                full = true;
                None
            } else {
                self.begin(rest, at, view, ledger, out)?
            };
            match moved {
                Some(bytes) => at += bytes,
                None => break,
            }
        }
        let pass = self.stream.as_ref().map_or(self.run, |stream| stream.pass());
        Ok(Fed { consumed: at, pass: if self.dropped { 0 } else { pass }, full })
    }

    /// The caller moved `n` of the bytes that [`Fed::pass`] promised. It feeds again afterwards, if only with no input:
    /// the end of the frame may be due to be seen.
    pub fn passed(&mut self, n: u64) {
        if let Some(stream) = &mut self.stream {
            return stream.passed(n);
        }
        debug_assert!(n <= self.run && !self.dropped, "only promised bytes can be moved");
        self.run = self.run.saturating_sub(n);
    }

    /// Between two requests: no byte of a further one was consumed, and none of the last is outstanding.
    pub fn at_boundary(&self) -> bool {
        let between = self.walk.is_none() && self.held.is_none() && self.stream.is_none();
        between && self.answer.is_none() && self.run == 0
    }

    /// Bytes held in memory of a request that must be whole before its first byte can leave.
    pub fn held_bytes(&self) -> usize {
        let held = self.held.as_ref().map_or(0, |held| held.bytes.capacity());
        held + self.stream.as_ref().map_or(0, |stream| stream.held_bytes())
    }

    fn move_run(&mut self, rest: &[u8], at: usize, out: &mut Output) -> usize {
        let bytes = rest.len().min(usize::try_from(self.run).unwrap_or(usize::MAX));
        let here = rest.get(..bytes).unwrap_or_default();
        if !self.dropped {
            out.push_input(at..at + bytes);
        } else if let Some(software) = self.walk.as_mut().and_then(|walk| walk.software.as_mut()) {
            software.read(here);
        }
        self.run -= bytes as u64;
        bytes
    }

    /// Takes the head of the next request; `None` while not all of it is here.
    fn begin(
        &mut self,
        rest: &[u8],
        at: usize,
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let first = !self.begun;
        self.begun |= rest.len() >= LENGTH_BYTES;
        let Some((head, rule)) = opening::head(rest, first, view.frame_bytes_max)? else { return Ok(None) };
        let left = u32::try_from(head.length - REQUEST_LENGTH_MIN).map_err(|_| Cause::FrameLength)?;
        let entry = Entry {
            api_key: head.api_key,
            api_version: head.api_version,
            correlation_id: head.correlation_id,
            own: matches!(rule.request, RequestRule::Answer(_)),
            own_error: 0,
            shown_error: 0,
            asked: Asked::Nothing,
        };
        if !rule.serves(head.api_version) {
            // Its layout is unknown: nothing behind the head is looked at.
            self.answer = Some(Entry { own_error: own::UNSUPPORTED_VERSION, ..entry });
            (self.run, self.dropped) = (u64::from(left), true);
            return Ok(Some(REQUEST_HEAD_BYTES));
        }
        if let Some(named) = view.namespace
            && rule.named != NamedRule::Untouched
        {
            return self.begin_whole(rest, at, (rule, entry), (view, named), ledger, out).map(Some);
        }
        self.take(rule, entry, left, ledger, out);
        if !self.dropped {
            out.push_input(at..at + REQUEST_HEAD_BYTES);
        }
        Ok(Some(REQUEST_HEAD_BYTES))
    }

    /// Takes a request of a namespace, or what has come of it; how many bytes that is.
    fn begin_whole(
        &mut self,
        rest: &[u8],
        at: usize,
        (rule, entry): (&'static Rule, Entry),
        (view, named): (&View<'_>, Named<'_>),
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<usize, Cause> {
        offered(rule, entry.api_version)?;
        self.dropped = false;
        let bytes = length(rest).and_then(|length| usize::try_from(length).ok()).ok_or(Cause::FrameLength)?;
        let bytes = bytes + LENGTH_BYTES;
        if let Some(frame) = rest.get(..bytes) {
            take_whole(frame, Some(at), (rule, entry), (view, named), ledger, out)?;
            return Ok(bytes);
        }
        if streams_in(view, entry.api_key, entry.api_version) {
            let head = rest.get(..REQUEST_HEAD_BYTES).unwrap_or_default();
            let left = u32::try_from(bytes - REQUEST_HEAD_BYTES).map_err(|_| Cause::FrameLength)?;
            let flexible = rule.flexible(entry.api_version);
            self.stream = Some(Box::new(Stream::produce(entry, flexible, head, left)));
            return Ok(REQUEST_HEAD_BYTES);
        }
        if bytes > view.hold_bytes_max as usize {
            return Err(Cause::HeldFrameTooLarge);
        }
        self.held = Some(Held { rule, entry, bytes: rest.to_vec(), missing: bytes - rest.len() });
        Ok(rest.len())
    }

    /// Holds more of a request, and takes it when it is whole; `None` when there is nothing to hold.
    fn hold_on(
        &mut self,
        rest: &[u8],
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let Some(held) = self.held.as_mut() else { return Ok(None) };
        let more = rest.get(..held.missing).unwrap_or(rest);
        held.bytes.extend_from_slice(more);
        held.missing -= more.len();
        if held.missing > 0 {
            return Ok((!more.is_empty()).then_some(more.len()));
        }
        // What was begun with a namespace goes on with it: it is the virtual cluster's, for as long as the session lives.
        let (Some(held), Some(named)) = (self.held.take(), view.namespace) else { return Err(Cause::RequestMalformed) };
        take_whole(&held.bytes, None, (held.rule, held.entry), (view, named), ledger, out)?;
        Ok(Some(more.len()))
    }

    /// More of the request that streams; `None` when it needs more still.
    fn stream_on(
        &mut self,
        rest: &[u8],
        at: usize,
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let streamed = stream.feed(rest, at, view, ledger, out)?;
        if let Some(left) = streamed.ends {
            self.stream = None;
            self.forward_rest(left, out);
            return Ok(Some(streamed.consumed));
        }
        Ok((streamed.consumed > 0).then_some(streamed.consumed))
    }

    fn take(&mut self, rule: &Rule, entry: Entry, left: u32, ledger: &mut Ledger, out: &mut Output) {
        let (body, front) = match rule.request {
            RequestRule::Forward => {
                ledger.push(entry);
                self.forward_rest(u64::from(left), out);
                return;
            }
            RequestRule::Check(body) | RequestRule::Answer(body) => (body, false),
            RequestRule::Front(body) => (body, true),
        };
        let flexible = rule.flexible(entry.api_version);
        let walker = Walker::new(Some(REQUEST_HEADER), body, entry.api_version, flexible, left);
        self.dropped = entry.own;
        self.walk = Some(Walk { walker, entry, front, software: None });
    }

    /// The rest of the frame passes without a look.
    fn forward_rest(&mut self, left: u64, out: &mut Output) {
        self.walk = None;
        self.run = left;
        self.dropped = false;
        out.frames += 1;
    }

    /// One step of the walk; `None` when it needs more bytes.
    fn walk_on(
        &mut self,
        rest: &[u8],
        at: usize,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let Some(walk) = self.walk.as_mut() else { return Ok(None) };
        if let Some(software) = walk.software.take() {
            walk.entry.own_error = if software.valid() { walk.entry.own_error } else { own::INVALID_REQUEST };
        }
        let step = walk.walker.step(rest).map_err(|Malformed| Cause::RequestMalformed)?;
        self.run = u64::from(step.plain);
        let plain = self.move_run(rest, at, out);
        let Some(walk) = self.walk.as_mut() else { return Ok(None) };
        let head = match step.event {
            Event::More if plain > 0 || self.run > 0 => return Ok(Some(plain)),
            Event::More => return Ok(None),
            Event::Done => {
                if walk.front {
                    // A front ends with its mark: this frame ended before it.
                    return Err(Cause::RequestMalformed);
                }
                if walk.entry.own {
                    self.answer = Some(walk.entry);
                    self.walk = None;
                } else {
                    ledger.push(walk.entry);
                    self.forward_rest(self.run, out);
                }
                return Ok(Some(plain));
            }
            Event::Leaf { mark: RequestLeaf::Acks, head } => {
                let acks = rest.get(plain..plain + head).unwrap_or_default();
                if acks != [0, 0] {
                    ledger.push(walk.entry);
                }
                let left = walk.walker.left();
                out.push_input(at + plain..at + plain + head);
                self.forward_rest(u64::from(left), out);
                return Ok(Some(plain + head));
            }
            Event::Text { mark: RequestText::Software, head, body } => {
                walk.software = Some(Software::default());
                self.run = u64::from(body);
                head
            }
            Event::Trailing { skip } => {
                self.run = u64::from(skip);
                0
            }
            Event::Tags { head, count: _ } => head,
            Event::Tag { head, skip, number: _, number_head: _, size: _ } => {
                self.run = u64::from(skip);
                head
            }
            Event::Array { mark, .. } | Event::ElementEnd { mark } | Event::ArrayEnd { mark } => match mark {},
        };
        if !self.dropped {
            out.push_input(at + plain..at + plain + head);
        }
        Ok(Some(plain + head))
    }
}

/// Whether a namespace answers this version of an API at all.
fn offered(rule: &Rule, version: i16) -> Result<(), Cause> {
    match rule.named {
        NamedRule::Served(max) if version <= max => Ok(()),
        NamedRule::Served(_) if names::refuses(rule.key, version) => Ok(()),
        NamedRule::Served(_) => Err(Cause::UnknownVersion),
        NamedRule::Untouched | NamedRule::Disabled | NamedRule::Refused => Ok(()),
        NamedRule::Closed => Err(Cause::UnknownApi),
    }
}

/// Takes a whole request of a namespace, which stands `at` in the input, or was held.
fn take_whole(
    frame: &[u8],
    at: Option<usize>,
    (rule, mut entry): (&Rule, Entry),
    (view, named): (&View<'_>, Named<'_>),
    ledger: &mut Ledger,
    out: &mut Output,
) -> Result<(), Cause> {
    let bytes_max = view.hold_bytes_max as usize;
    let taken = match rule.named {
        NamedRule::Served(max) if entry.api_version <= max => {
            let frame = Frame { bytes: frame, at, added_bytes_max: bytes_max };
            names::rewrite_request(&frame, rule, &named, &mut entry, &mut ledger.session_ids, out)?
        }
        NamedRule::Disabled => Taken::Answer(names::SECURITY_DISABLED),
        NamedRule::Served(_) | NamedRule::Refused => Taken::Answer(names::CLUSTER_AUTHORIZATION_FAILED),
        NamedRule::Untouched | NamedRule::Closed => return Err(Cause::UnknownApi),
    };
    match taken {
        Taken::Forwarded => ledger.push(entry),
        Taken::NoResponse => {}
        Taken::Answer(error) => {
            let body = names::request_body(frame, rule.flexible(entry.api_version))?;
            let answer = names::refusal(rule, &entry, error, body, bytes_max)?;
            ledger.push_answered(entry, answer);
        }
    }
    out.frames += 1;
    Ok(())
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests").field("run", &self.run).field("walking", &self.walk.is_some()).finish()
    }
}

/// Whether a client's software name or version is `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`, as Kafka asks (KIP-511).
#[derive(Clone, Copy, Debug, Default)]
struct Software {
    any: bool,
    last: u8,
    broken: bool,
}

impl Software {
    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let inner = self.any && matches!(byte, b'-' | b'.');
            self.broken |= !(byte.is_ascii_alphanumeric() || inner);
            self.any = true;
            self.last = *byte;
        }
    }

    fn valid(&self) -> bool {
        self.any && !self.broken && self.last.is_ascii_alphanumeric()
    }
}
