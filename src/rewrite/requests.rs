//! The direction client -> backend of one session.
//!
//! Nothing of a request leaves before its api key and version are accepted. Without a namespace most requests then pass
//! untouched; those whose responses are walked are checked on their way; ApiVersions goes no further, as we answer it.
//! With a namespace a request is dealt with when it is whole; one that is cut is held until then, or streams.

use super::names::stream::{Stream, streams_in};
use super::names::{self, Frame, Taken};
use super::opening;
use super::plans;
use super::rules::{NamedRule, RequestRule, Rule};
use super::{Fed, Named, Output, View, own};
use crate::frame::{
    Asked, Entry, LENGTH_BYTES, Ledger, REQUEST_HEAD_BYTES, REQUEST_LENGTH_MIN, append, length, make_room,
};
use crate::metrics::Cause;
use crate::wire::{Event, Malformed, Role, Walker};

/// State of the direction client -> backend. Small, and without heap memory but while a request is held.
#[derive(Default)]
pub struct Requests {
    /// The first four bytes of the connection were looked at.
    begun: bool,
    /// Bytes that come next and need no look.
    run: u64,
    /// They go no further.
    dropped: bool,
    state: State,
}

/// What is to be done once the run has come.
#[derive(Default)]
enum State {
    /// The next request is to begin.
    #[default]
    Between,
    /// The request has come, and is answered by us.
    Answer(Entry),
    Walk(Walk),
    Held(Held),
    /// A Produce request of a namespace that is not whole, and need not be.
    Stream(Box<Stream>),
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
    walker: Walker,
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
        let mut alone = true;
        loop {
            let mut rest = input.get(at..).unwrap_or_default();
            if self.run > 0 {
                at += self.move_run(rest, at, out);
                if self.run > 0 {
                    break;
                }
                rest = input.get(at..).unwrap_or_default();
            }
            let moved = match &self.state {
                State::Between if ledger.len() >= view.in_flight_max => {
                    full = true;
                    None
                }
                State::Between if rest.is_empty() => None,
                State::Between => {
                    alone = out.segments.is_empty();
                    self.begin(rest, at, view, ledger, out)?
                }
                State::Answer(entry) => {
                    ledger.push(*entry);
                    out.frames += 1;
                    self.state = State::Between;
                    Some(0)
                }
                State::Walk(_) => self.walk_on(rest, at, ledger, out)?,
                State::Held(_) => self.hold_on(rest, view, ledger, out)?,
                State::Stream(_) => self.stream_on(rest, at, view, ledger, out)?,
            };
            match moved {
                Some(bytes) => at += bytes,
                None => break,
            }
        }
        let (pass, behind) = match &self.state {
            _ if self.dropped => (0, 0),
            State::Stream(stream) => (stream.pass(), stream.behind()),
            State::Walk(walk) => (self.run, walk.walker.left()),
            State::Between | State::Answer(_) | State::Held(_) => (self.run, 0),
        };
        Ok(Fed { consumed: at, pass, goes_on: behind > 0, alone, full })
    }

    /// The caller moved `n` of the bytes that [`Fed::pass`] promised. It feeds again afterwards, if only with no input:
    /// the end of the frame may be due to be seen.
    pub fn passed(&mut self, n: u64) {
        if let State::Stream(stream) = &mut self.state {
            return stream.passed(n);
        }
        debug_assert!(n <= self.run && !self.dropped, "only promised bytes can be moved");
        self.run = self.run.saturating_sub(n);
    }

    /// Between two requests: no byte of a further one was consumed, and none of the last is outstanding.
    pub fn at_boundary(&self) -> bool {
        matches!(self.state, State::Between) && self.run == 0
    }

    /// Bytes held in memory of a request that must be whole before its first byte can leave.
    pub fn held_bytes(&self) -> usize {
        match &self.state {
            State::Held(held) => held.bytes.capacity(),
            State::Stream(stream) => stream.held_bytes(),
            State::Between | State::Answer(_) | State::Walk(_) => 0,
        }
    }

    fn move_run(&mut self, rest: &[u8], at: usize, out: &mut Output) -> usize {
        let bytes = rest.len().min(usize::try_from(self.run).unwrap_or(usize::MAX));
        let here = rest.get(..bytes).unwrap_or_default();
        if !self.dropped {
            out.push_input(at..at + bytes);
        } else if let State::Walk(Walk { software: Some(software), .. }) = &mut self.state {
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
            own: matches!(rule.request, RequestRule::Answer),
            own_error: 0,
            shown_error: 0,
            asked: Asked::Nothing,
        };
        if !rule.serves(head.api_version) {
            // Its layout is unknown: nothing behind the head is looked at.
            self.state = State::Answer(Entry { own_error: own::UNSUPPORTED_VERSION, ..entry });
            (self.run, self.dropped) = (u64::from(left), true);
            return Ok(Some(REQUEST_HEAD_BYTES));
        }
        if let Some(named) = &view.namespace
            && rule.named != NamedRule::Untouched
        {
            return self.begin_whole(rest, at, (rule, entry), (view, named), ledger, out).map(Some);
        }
        self.take(rule, entry, left, ledger, out)?;
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
        (view, named): (&View<'_>, &Named<'_>),
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
        self.begin_cut(rest, bytes, (rule, entry), view)
    }

    /// Takes what has come of a request of `bytes` bytes, which is not all of it.
    #[cold]
    fn begin_cut(
        &mut self,
        rest: &[u8],
        bytes: usize,
        (rule, entry): (&'static Rule, Entry),
        view: &View<'_>,
    ) -> Result<usize, Cause> {
        if streams_in(view, entry.api_key, entry.api_version) {
            let head = rest.get(..REQUEST_HEAD_BYTES).unwrap_or_default();
            let left = u32::try_from(bytes - REQUEST_HEAD_BYTES).map_err(|_| Cause::FrameLength)?;
            let flexible = rule.flexible(entry.api_version);
            self.state = State::Stream(Box::new(Stream::produce(entry, flexible, head, left)?));
            return Ok(REQUEST_HEAD_BYTES);
        }
        if bytes > view.hold_bytes_max as usize {
            return Err(Cause::HeldFrameTooLarge);
        }
        self.state = State::Held(Held { rule, entry, bytes: rest.to_vec(), missing: bytes - rest.len() });
        Ok(rest.len())
    }

    /// Holds more of a request, and takes it when it is whole; `None` when there is nothing to hold.
    #[cold]
    fn hold_on(
        &mut self,
        rest: &[u8],
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let State::Held(held) = &mut self.state else { return Ok(None) };
        let more = rest.get(..held.missing).unwrap_or(rest);
        append(&mut held.bytes, more)?;
        held.missing -= more.len();
        if held.missing > 0 {
            return Ok((!more.is_empty()).then_some(more.len()));
        }
        // What was begun with a namespace goes on with it: it is the virtual cluster's, for as long as the session lives.
        let Some(named) = &view.namespace else { return Err(Cause::RequestMalformed) };
        make_room(&mut out.new_bytes, held.bytes.len())?;
        take_whole(&held.bytes, None, (held.rule, held.entry), (view, named), ledger, out)?;
        self.state = State::Between;
        Ok(Some(more.len()))
    }

    /// More of the request that streams; `None` when it needs more still.
    #[cold]
    fn stream_on(
        &mut self,
        rest: &[u8],
        at: usize,
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let State::Stream(stream) = &mut self.state else { return Ok(None) };
        let streamed = stream.feed(rest, at, view, ledger, out)?;
        if let Some(left) = streamed.ends {
            self.forward_rest(left, out);
            return Ok(Some(streamed.consumed));
        }
        Ok((streamed.consumed > 0).then_some(streamed.consumed))
    }

    fn take(
        &mut self,
        rule: &Rule,
        entry: Entry,
        left: u32,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<(), Cause> {
        let front = match rule.request {
            RequestRule::Forward => {
                ledger.push(entry);
                self.forward_rest(u64::from(left), out);
                return Ok(());
            }
            RequestRule::Check | RequestRule::Answer => false,
            RequestRule::ReadAcks => true,
        };
        let plan = plans::REQUESTS.get(rule.key, entry.api_version).ok_or(Cause::UnknownVersion)?;
        self.dropped = entry.own;
        self.state = State::Walk(Walk { walker: Walker::new(plan, left), entry, front, software: None });
        Ok(())
    }

    /// The rest of the frame passes without a look.
    #[inline]
    fn forward_rest(&mut self, left: u64, out: &mut Output) {
        self.state = State::Between;
        self.run = left;
        self.dropped = false;
        out.frames += 1;
    }

    /// One step of the walk; `None` when it needs more bytes.
    #[inline(never)]
    fn walk_on(
        &mut self,
        rest: &[u8],
        at: usize,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let State::Walk(walk) = &mut self.state else { return Ok(None) };
        if let Some(software) = walk.software.take() {
            walk.entry.own_error = if software.valid() { walk.entry.own_error } else { own::INVALID_REQUEST };
        }
        let step = walk.walker.step(rest).map_err(|Malformed| Cause::RequestMalformed)?;
        self.run = u64::from(step.plain);
        let plain = self.move_run(rest, at, out);
        let State::Walk(walk) = &mut self.state else { return Ok(None) };
        let head = match step.event {
            Event::More if plain > 0 || self.run > 0 => return Ok(Some(plain)),
            Event::More => return Ok(None),
            Event::Done => {
                if walk.front {
                    // A front ends with its mark: this frame ended before it.
                    return Err(Cause::RequestMalformed);
                }
                if walk.entry.own {
                    self.state = State::Answer(walk.entry);
                } else {
                    ledger.push(walk.entry);
                    self.forward_rest(self.run, out);
                }
                return Ok(Some(plain));
            }
            Event::Leaf { role: Role::Acks, head } => {
                let acks = rest.get(plain..plain + head).unwrap_or_default();
                if acks != [0, 0] {
                    ledger.push(walk.entry);
                }
                let left = walk.walker.left();
                out.push_input(at + plain..at + plain + head);
                self.forward_rest(u64::from(left), out);
                return Ok(Some(plain + head));
            }
            Event::Text { role: Role::ClientSoftware, head, body, null: _ } => {
                walk.software = Some(Software::default());
                self.run = u64::from(body);
                head
            }
            Event::Trailing { skip } => {
                self.run = u64::from(skip);
                0
            }
            // Nothing else is wanted.
            Event::Leaf { .. } | Event::Text { .. } | Event::Array { .. } | Event::ElementEnd { .. } => {
                return Err(Cause::Internal);
            }
            Event::ArrayEnd { .. } | Event::Tags { .. } | Event::Tag { .. } => return Err(Cause::Internal),
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
    (view, named): (&View<'_>, &Named<'_>),
    ledger: &mut Ledger,
    out: &mut Output,
) -> Result<(), Cause> {
    let bytes_max = view.hold_bytes_max as usize;
    let taken = match rule.named {
        NamedRule::Served(max) if entry.api_version <= max => {
            let frame = Frame { bytes: frame, at, added_bytes_max: bytes_max };
            names::rewrite_request(&frame, rule, named, &mut entry, &mut ledger.session_ids, out)?
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
        f.debug_struct("Requests")
            .field("run", &self.run)
            .field("walking", &matches!(self.state, State::Walk(_)))
            .finish()
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
