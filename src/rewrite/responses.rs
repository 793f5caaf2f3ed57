//! The direction backend -> client of one session, own answers in their turn included.
//!
//! The oldest entry of the ledger tells what a response is. Its frame passes untouched, or is walked where its version
//! names a node by address. Where there is a namespace, a frame with names is held until it is whole, and rewritten then.

use super::edit::{Editor, Sink};
use super::names::fetch_session;
use super::names::responses::Seen;
use super::names::stream::{self, Stream};
use super::names::whole::{Held, Way, way, whole};
use super::plans;
use super::rules::{Class, Hold, ResponseRule, Rule, class};
use super::{Fed, Named, Output, View, own};
use crate::frame::{
    Entry, LENGTH_BYTES, Ledger, RESPONSE_HEAD_BYTES, RESPONSE_LENGTH_MIN, ResponseHead, length, make_room,
};
use crate::metrics::Cause;
use crate::wire::{Event, Malformed, Role, Walker};

/// State of the direction backend -> client. Without heap memory between frames.
#[derive(Default)]
pub struct Responses {
    run: Run,
    state: State,
}

/// What is to be done once the run has come.
#[derive(Default)]
#[expect(clippy::large_enum_variant, reason = "a walk takes nothing from the heap")]
enum State {
    /// The next response is to begin.
    #[default]
    Between,
    Walk(Walk),
    /// With names, and not whole yet.
    Held(Held),
    /// With names, and too large to be held. On the heap, as it is seldom there.
    Stream(Box<Stream>),
}

/// Bytes that come next and need no look.
#[derive(Clone, Copy, Debug)]
struct Run {
    bytes: u64,
    to: RunTo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunTo {
    Sink(Sink),
    Rack,
}

impl Default for Run {
    fn default() -> Run {
        Run { bytes: 0, to: RunTo::Sink(Sink::Pass) }
    }
}

/// A response that is being walked.
struct Walk {
    walker: Walker,
    editor: Editor,
}

impl Responses {
    /// Takes bytes that came from the backend (what an earlier call left over first); also writes each own answer
    /// whose turn has come. Called with no input it writes just those: after requests were fed. Leaves at most a
    /// response's head or one token of a walk over.
    ///
    /// A response's entry leaves the ledger when the last of its bytes is given out or promised by [`Fed::pass`];
    /// what was promised is outstanding until it came by here or [`Responses::passed`] told that it was moved, and
    /// only then the next own answer is written.
    ///
    /// # Errors
    ///
    /// The cause with which the session must be closed.
    pub fn feed(&mut self, input: &[u8], view: &View<'_>, ledger: &mut Ledger, out: &mut Output) -> Result<Fed, Cause> {
        let mut at = 0;
        let mut alone = true;
        loop {
            let mut rest = input.get(at..).unwrap_or_default();
            if self.run.bytes > 0 {
                at += self.move_run(rest, at, view, out)?;
                if self.run.bytes > 0 {
                    break;
                }
                rest = input.get(at..).unwrap_or_default();
            }
            let moved = match &self.state {
                State::Between => {
                    own_answers(view, ledger, out);
                    alone = out.segments.is_empty();
                    if rest.is_empty() { None } else { self.begin(rest, at, view, ledger, out)? }
                }
                State::Walk(_) => self.walk_on(rest, at, view, ledger, out)?,
                State::Held(_) => self.hold_on(rest, view, ledger, out)?,
                State::Stream(_) => self.stream_on(rest, at, view, ledger, out)?,
            };
            match moved {
                Some(bytes) => at += bytes,
                None => break,
            }
        }
        let run = if self.run.to == RunTo::Sink(Sink::Pass) { self.run.bytes } else { 0 };
        let (pass, behind) = match &self.state {
            State::Stream(stream) => (stream.pass(), stream.behind()),
            State::Walk(walk) => (run, walk.walker.left()),
            State::Between | State::Held(_) => (run, 0),
        };
        Ok(Fed { consumed: at, pass, goes_on: behind > 0, alone, full: false })
    }

    /// The caller moved `n` of the bytes that [`Fed::pass`] promised. It feeds again afterwards, if only with no input:
    /// the end of the frame may be due to be seen.
    pub fn passed(&mut self, n: u64) {
        if let State::Stream(stream) = &mut self.state {
            return stream.passed(n);
        }
        debug_assert!(
            n <= self.run.bytes && self.run.to == RunTo::Sink(Sink::Pass),
            "only promised bytes can be moved"
        );
        self.run.bytes = self.run.bytes.saturating_sub(n);
    }

    /// Between two responses: no byte of a further one was consumed, and none of the last is outstanding.
    pub fn at_boundary(&self) -> bool {
        matches!(self.state, State::Between) && self.run.bytes == 0
    }

    /// Bytes held in memory of a frame that must be whole before its first byte can leave.
    pub fn held_bytes(&self) -> usize {
        match &self.state {
            State::Between => 0,
            State::Walk(walk) => walk.editor.held_bytes(),
            State::Held(held) => held.bytes(),
            State::Stream(stream) => stream.held_bytes(),
        }
    }

    fn move_run(&mut self, rest: &[u8], at: usize, view: &View<'_>, out: &mut Output) -> Result<usize, Cause> {
        let bytes = rest.len().min(usize::try_from(self.run.bytes).unwrap_or(usize::MAX));
        if bytes == 0 {
            return Ok(0);
        }
        let here = rest.get(..bytes).unwrap_or_default();
        match (self.run.to, &mut self.state) {
            (RunTo::Sink(Sink::Pass), _) => out.push_input(at..at + bytes),
            (RunTo::Sink(Sink::Hold), State::Walk(walk)) => walk.editor.hold(here, view)?,
            (RunTo::Rack, State::Walk(walk)) => walk.editor.rack(here, view)?,
            (RunTo::Sink(Sink::Drop) | RunTo::Sink(Sink::Hold) | RunTo::Rack, _) => {}
        }
        self.run.bytes -= bytes as u64;
        Ok(bytes)
    }

    /// Takes the head of the next response; `None` while not all of it is here.
    fn begin(
        &mut self,
        rest: &[u8],
        at: usize,
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let oldest = ledger.oldest().ok_or(Cause::ResponseUnexpected)?;
        if length(rest).is_some_and(|length| length < RESPONSE_LENGTH_MIN) {
            return Err(Cause::ResponseLength);
        }
        let Some(head) = ResponseHead::read(rest) else { return Ok(None) };
        if head.correlation_id != oldest.correlation_id {
            return Err(Cause::ResponseUnexpected);
        }
        // Only what has a row was forwarded.
        let Class::Served(rule) = class(oldest.api_key) else { return Err(Cause::ResponseUnexpected) };
        let left = u32::try_from(head.length - RESPONSE_LENGTH_MIN).map_err(|_| Cause::ResponseLength)?;
        // A flexible version's header ends with the count of its tags.
        if left == 0 && rule.flexible(oldest.api_version) {
            return Err(Cause::ResponseLength);
        }
        if let Some(named) = &view.namespace
            && way(rule, oldest)? == Way::Whole
        {
            return self.begin_named(rest, at, (rule, oldest), (view, named), ledger, out).map(Some);
        }
        let head = rest.get(..RESPONSE_HEAD_BYTES).unwrap_or_default();
        match hold(rule, oldest) {
            Some(hold) => {
                if hold == Hold::Whole && left as usize + RESPONSE_HEAD_BYTES > view.hold_bytes_max as usize {
                    return Err(Cause::HeldFrameTooLarge);
                }
                if hold == Hold::Nothing
                    && let Some(plan) = plans::ADDRESSES_IN_TAGS.get(oldest.api_key, oldest.api_version)
                    && let Some(behind) = rest.get(RESPONSE_HEAD_BYTES..RESPONSE_HEAD_BYTES + left as usize)
                    && untagged(Walker::new(plan, left), behind)?
                {
                    out.push_input(at..at + RESPONSE_HEAD_BYTES + behind.len());
                    self.finish(0, ledger, out);
                    return Ok(Some(RESPONSE_HEAD_BYTES + behind.len()));
                }
                let flexible = rule.flexible(oldest.api_version);
                let plan = plans::RESPONSES.get(oldest.api_key, oldest.api_version).ok_or(Cause::ResponseUnexpected)?;
                let editor = Editor::new(hold, flexible, head);
                if editor.sink == Sink::Pass {
                    out.push_input(at..at + RESPONSE_HEAD_BYTES);
                }
                self.state = State::Walk(Walk { walker: Walker::new(plan, left), editor });
            }
            None => {
                out.push_input(at..at + RESPONSE_HEAD_BYTES);
                self.finish(u64::from(left), ledger, out);
            }
        }
        Ok(Some(RESPONSE_HEAD_BYTES))
    }

    /// Takes a response with names: whole where it is, else what there is of it.
    fn begin_named(
        &mut self,
        rest: &[u8],
        at: usize,
        (rule, oldest): (&Rule, Entry),
        (view, named): (&View<'_>, &Named<'_>),
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<usize, Cause> {
        let length = length(rest).unwrap_or_default();
        let total = usize::try_from(length).map_err(|_| Cause::ResponseLength)? + LENGTH_BYTES;
        if let Some(frame) = rest.get(..total) {
            let seen = whole(frame, Some(at), rule, oldest, (view, named), out)?;
            self.end_named(seen, ledger, out);
            return Ok(total);
        }
        self.begin_cut(rest, (length, total), (rule, oldest), view)
    }

    /// Takes what has come of a response with names, which is not all of its `total` bytes.
    #[cold]
    fn begin_cut(
        &mut self,
        rest: &[u8],
        (length, total): (i32, usize),
        (rule, oldest): (&Rule, Entry),
        view: &View<'_>,
    ) -> Result<usize, Cause> {
        if stream::streams_out(view, oldest.api_key, oldest.api_version) {
            let head = rest.get(..RESPONSE_HEAD_BYTES).unwrap_or_default();
            let left = u32::try_from(total - RESPONSE_HEAD_BYTES).map_err(|_| Cause::ResponseLength)?;
            let flexible = rule.flexible(oldest.api_version);
            self.state = State::Stream(Box::new(Stream::fetch(oldest, flexible, head, left)?));
            return Ok(RESPONSE_HEAD_BYTES);
        }
        let mut held = Held::new(length, view)?;
        let taken = held.take(rest)?;
        self.state = State::Held(held);
        Ok(taken)
    }

    /// More of the response that is held; `None` when it needs more still.
    #[cold]
    fn hold_on(
        &mut self,
        rest: &[u8],
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let State::Held(held) = &mut self.state else { return Ok(None) };
        let taken = held.take(rest)?;
        let Some(frame) = held.whole() else { return Ok((taken > 0).then_some(taken)) };
        let (oldest, named) = (ledger.oldest().ok_or(Cause::ResponseUnexpected)?, &view.namespace);
        let (Class::Served(rule), Some(named)) = (class(oldest.api_key), named) else {
            return Err(Cause::ResponseUnexpected);
        };
        make_room(&mut out.new_bytes, frame.len())?;
        let seen = whole(frame, None, rule, oldest, (view, named), out)?;
        self.end_named(seen, ledger, out);
        Ok(Some(taken))
    }

    /// More of the response that streams; `None` when it needs more still.
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
            self.finish(left, ledger, out);
            return Ok(Some(streamed.consumed));
        }
        Ok((streamed.consumed > 0).then_some(streamed.consumed))
    }

    fn end_named(&mut self, seen: Seen, ledger: &mut Ledger, out: &mut Output) {
        if let Some(id) = seen.fetch_session {
            fetch_session::learn(&mut ledger.session_ids, id);
        }
        self.finish(0, ledger, out);
    }

    /// The frame ends behind `left` more bytes, which pass.
    fn finish(&mut self, left: u64, ledger: &mut Ledger, out: &mut Output) {
        if !matches!(self.state, State::Between) {
            self.state = State::Between;
        }
        self.run = Run { bytes: left, to: RunTo::Sink(Sink::Pass) };
        ledger.pop();
        out.frames += 1;
    }

    /// One step of the walk; `None` when it needs more bytes.
    #[inline(never)]
    fn walk_on(
        &mut self,
        rest: &[u8],
        at: usize,
        view: &View<'_>,
        ledger: &mut Ledger,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let State::Walk(walk) = &mut self.state else { return Ok(None) };
        let step = walk.walker.step(rest).map_err(|Malformed| Cause::ResponseMalformed)?;
        self.run = Run { bytes: u64::from(step.plain), to: RunTo::Sink(walk.editor.sink) };
        let plain = self.move_run(rest, at, view, out)?;
        let State::Walk(walk) = &mut self.state else { return Ok(None) };
        let marked = match step.event {
            Event::More => return Ok((plain > 0 || self.run.bytes > 0).then_some(plain)),
            // What is held or dropped must have come before the frame can end.
            Event::Done if self.run.bytes > 0 && walk.editor.sink != Sink::Pass => return Ok(Some(plain)),
            Event::Done => {
                walk.editor.end_body(out);
                walk.editor.finish(out);
                self.finish(self.run.bytes, ledger, out);
                return Ok(Some(plain));
            }
            event => walk.mark(event, rest.get(plain..).unwrap_or_default(), view, out)?,
        };
        if walk.editor.rest_passes {
            let left = walk.walker.left();
            self.finish(u64::from(left), ledger, out);
            return Ok(Some(plain + marked.head));
        }
        // What was not replaced goes where the sink says, which the mark may have changed.
        if !marked.replaced {
            self.run = Run { bytes: marked.head as u64, to: RunTo::Sink(walk.editor.sink) };
            self.move_run(rest.get(plain..).unwrap_or_default(), at + plain, view, out)?;
        }
        self.run = marked.then;
        Ok(Some(plain + marked.head))
    }
}

/// What became of a mark.
struct Marked {
    /// Bytes that it takes, all of them here.
    head: usize,
    /// They are not to be given out.
    replaced: bool,
    /// What follows them.
    then: Run,
}

impl Walk {
    /// Lets the editor deal with an event, which `rest` begins with.
    fn mark(&mut self, event: Event, rest: &[u8], view: &View<'_>, out: &mut Output) -> Result<Marked, Cause> {
        let (editor, left) = (&mut self.editor, self.walker.left());
        let bytes = |head: usize| rest.get(..head).unwrap_or_default();
        let mut then = Run::default();
        let (head, replaced) = match event {
            Event::More | Event::Done => (0, true),
            Event::Trailing { skip } => {
                // They come behind all fields, those that we add included.
                editor.end_body(out);
                then = Run { bytes: u64::from(skip), to: RunTo::Sink(editor.sink) };
                (0, true)
            }
            Event::Leaf { role, head } => (head, editor.leaf(role, bytes(head), view, out)?),
            Event::Text { role, head, body, null: _ } => {
                let to = if role == Role::EndpointRack { RunTo::Rack } else { RunTo::Sink(Sink::Drop) };
                then = Run { bytes: u64::from(body), to };
                editor.text(role, bytes(head), view, out)?;
                (head, true)
            }
            Event::Array { role, head } => (head, editor.array(role, bytes(head), left, view, out)?),
            Event::ElementEnd { role } => {
                editor.element_end(role, left, view)?;
                (0, true)
            }
            Event::ArrayEnd { role } => {
                editor.array_end(role, left, out)?;
                (0, true)
            }
            Event::Tags { head, count } => (head, editor.tags(count, head, out)?),
            Event::Tag { head, number, number_head, size, skip } => {
                then = Run { bytes: u64::from(skip), to: RunTo::Sink(editor.sink) };
                (head, editor.tag(number, (number_head, head - number_head), size, out)?)
            }
        };
        Ok(Marked { head, replaced, then })
    }
}

impl std::fmt::Debug for Responses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responses").field("run", &self.run).field("held_bytes", &self.held_bytes()).finish()
    }
}

/// Whether a response that is whole has no tags behind its body.
///
/// # Errors
///
/// Its structure is broken.
fn untagged(mut walker: Walker, bytes: &[u8]) -> Result<bool, Cause> {
    let step = walker.step(bytes).map_err(|Malformed| Cause::ResponseMalformed)?;
    Ok(matches!(step.event, Event::Done | Event::Trailing { .. }) && !walker.tagged())
}

/// How much of a response is held, where it is walked.
fn hold(rule: &Rule, entry: Entry) -> Option<Hold> {
    match rule.response {
        ResponseRule::Walk(from, hold) if entry.api_version >= from => Some(hold),
        ResponseRule::Walk(..) | ResponseRule::Forward | ResponseRule::Own => None,
    }
}

/// Writes the own answers that nothing older waits before.
fn own_answers(view: &View<'_>, ledger: &mut Ledger, out: &mut Output) {
    while let Some(entry) = ledger.oldest().filter(|entry| entry.own) {
        let start = out.new_bytes.len();
        match ledger.oldest_answer() {
            Some(answer) => out.new_bytes.extend_from_slice(answer),
            None => {
                let asker = own::Asker { apis: view.apis, named: view.namespace.is_some() };
                own::write_api_versions(&mut out.new_bytes, &entry, asker);
            }
        }
        out.end_new(start);
        ledger.pop();
        out.frames += 1;
        out.own_answers += 1;
    }
}

const _: () = assert!(RESPONSE_HEAD_BYTES == LENGTH_BYTES + RESPONSE_LENGTH_MIN as usize);
