//! One direction of a session: frames come in as they are read, and leave as they must be.
//!
//! Owns where in the stream of frames it is, what is held of one that must be whole, and the only count of bytes that pass
//! unread. May not know what a request or a response is: its [`Side`] does.

mod whole;

use super::super::treatments::{Length, Names, Treatment};
use super::super::{Need, Progress, SessionView};
use super::edit::{Edit, Stop};
use super::output::Output;
use super::side::{Around, Becomes, Begin, Side};
use super::walk::{self, Frame, Walk, Walked};
use crate::metrics::Cause;
use crate::wire::{InFlight, Plan, append, make_room};

/// Where in a session's frames a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultAt {
    /// The API of the frame, as its head says or as it was asked for.
    pub api_key: i16,
    /// Its version.
    pub api_version: i16,
    /// Bytes of the frame, its length included, before the place where the walk gave up.
    pub offset: u64,
}

/// What became of the head of a frame.
enum Begun {
    /// So many bytes of it are dealt with.
    Took(usize),
    /// Not all of it is here.
    TooShort,
    /// The frame waits.
    Waits(Need),
}

/// State of one direction. Small, and without heap memory between frames.
pub struct Transducer<S: Side> {
    side: S,
    /// Where the fault is for which it gave up.
    fault: Option<FaultAt>,
    /// Bytes that come next and need no look.
    run: u64,
    state: State<S>,
}

/// What is to be done once the run has come.
enum State<S: Side> {
    /// The next frame is to begin.
    Between,
    /// A frame that goes no further comes.
    Dropping(Option<S::Dropped>),
    /// A frame that is not whole is walked. On the heap, as it is seldom there.
    Walk(Box<(Walk, S::Edits)>),
    /// A frame that must be whole comes.
    Held(Box<Held<S>>),
}

/// A frame that must be whole.
struct Held<S: Side> {
    bytes: Vec<u8>,
    /// Bytes that are still to come.
    missing: usize,
    to: Becomes<S>,
}

impl<S: Side> Default for Transducer<S> {
    fn default() -> Self {
        Transducer { side: S::default(), fault: None, run: 0, state: State::Between }
    }
}

impl<S: Side> Transducer<S> {
    /// Takes bytes that came (what an earlier call left over first). Leaves at most a head or one token of a walk over,
    /// unless [`Progress::waits`].
    ///
    /// A request's exchange is in flight before the last of its bytes was given out (a Produce with acks=0 has none). It
    /// ends when the last of its bytes is given out or promised by [`Progress::pass`]. What was promised is
    /// outstanding until it came by here or [`Transducer::passed`] told that it was moved, and only then the next own answer
    /// is written. Called with no input, responses write just the own answers whose turn has come.
    ///
    /// # Errors
    ///
    /// The cause with which the session must be closed. What is in `out` then is of frames before the one that is at fault: it
    /// may leave.
    pub fn feed(
        &mut self,
        input: &[u8],
        view: &SessionView<'_>,
        in_flight: &mut InFlight,
        out: &mut Output,
    ) -> Result<Progress, Cause> {
        let uniform = view.namespace.as_ref().and_then(|named| named.names.uniform_prefix());
        let names = match (&view.namespace, uniform) {
            (None, _) => Names::Physical,
            (Some(_), Some(_)) => Names::Uniform,
            (Some(_), None) => Names::Virtual,
        };
        let mut around = Around { view, in_flight, names, uniform };
        let (mut at, mut waits, mut alone) = (0, None, true);
        loop {
            if self.run > 0 {
                at += self.move_run(input, at, out);
                if self.run > 0 {
                    break;
                }
            }
            let rest = input.get(at..).ok_or(Cause::Internal)?;
            let moved = if self.is_between() {
                waits = self.side.ready(&mut around, out);
                if waits.is_some() {
                    break;
                }
                alone = out.segments.is_empty();
                if rest.is_empty() {
                    break;
                }
                match self.begin(rest, at, &mut around, out)? {
                    Begun::Took(bytes) => Some(bytes),
                    Begun::TooShort => None,
                    Begun::Waits(need) => {
                        waits = Some(need);
                        break;
                    }
                }
            } else {
                self.go_on(rest, at, &mut around, out)?
            };
            match moved {
                Some(bytes) => at += bytes,
                None => break,
            }
        }
        let (pass, goes_on) = match &self.state {
            _ if self.is_between() => (self.run, false),
            State::Walk(walk) => (u64::from(walk.0.pass()), walk.0.left() > 0),
            State::Between | State::Dropping(_) | State::Held(_) => (0, false),
        };
        Ok(Progress { consumed: at, pass, goes_on, alone, waits })
    }

    /// Where the fault is for which [`Transducer::feed`] gave up last, where it is in a frame.
    pub fn fault(&self) -> Option<FaultAt> {
        self.fault
    }

    #[cold]
    fn fails(&mut self, (api_key, api_version): (i16, i16), offset: u64) {
        self.fault = Some(FaultAt { api_key, api_version, offset });
    }

    /// The caller moved `n` of the bytes that [`Progress::pass`] promised. It feeds again afterwards, if only with no input:
    /// the end of the frame may be due to be seen.
    pub fn passed(&mut self, n: u64) {
        match &mut self.state {
            State::Walk(walk) => walk.0.passed(u32::try_from(n).unwrap_or(u32::MAX)),
            State::Between | State::Dropping(_) | State::Held(_) => {
                debug_assert!(n <= self.run, "only promised bytes can be moved");
                self.run = self.run.saturating_sub(n);
            }
        }
    }

    /// Between two frames: no byte of a further one was consumed, and none of the last is outstanding.
    pub fn at_boundary(&self) -> bool {
        self.is_between() && self.run == 0
    }

    /// Something is to be written for which nothing need come: feed then, if only with no input.
    #[inline]
    pub fn owes(&self, in_flight: &InFlight) -> bool {
        self.at_boundary() && S::owes(in_flight)
    }

    #[inline(always)]
    fn is_between(&self) -> bool {
        matches!(self.state, State::Between)
    }

    /// Bytes held in memory of a frame that cannot leave yet.
    pub fn held_bytes(&self) -> usize {
        match &self.state {
            State::Between | State::Dropping(_) => 0,
            State::Walk(walk) => walk.0.held_bytes() + walk.1.held_bytes(),
            State::Held(held) => held.bytes.capacity(),
        }
    }

    /// Moves on over bytes that need no look: those of a frame that leaves pass.
    #[inline(always)]
    fn move_run(&mut self, input: &[u8], at: usize, out: &mut Output) -> usize {
        let bytes = (input.len() - at).min(usize::try_from(self.run).unwrap_or(usize::MAX));
        if self.is_between() {
            out.push_input(at..at + bytes);
        }
        self.run -= bytes as u64;
        bytes
    }

    /// The end of a frame is known: behind so many bytes that pass.
    #[inline(always)]
    fn ended(&mut self, run: u64, out: &mut Output) {
        if !self.is_between() {
            self.state = State::Between;
        }
        self.run = run;
        out.frames += 1;
    }

    /// Takes more of the frame that has begun; `None` when it needs more still.
    #[cold]
    fn go_on(
        &mut self,
        rest: &[u8],
        at: usize,
        around: &mut Around<'_>,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        match &mut self.state {
            State::Between => Ok(Some(0)),
            State::Dropping(dropped) => {
                if let Some(dropped) = dropped.take() {
                    S::dropped(dropped, &[], around)?;
                }
                self.ended(0, out);
                Ok(Some(0))
            }
            State::Walk(_) => self.walk_on(rest, at, around, out),
            State::Held(_) => self.hold_on(rest, around, out),
        }
    }

    /// Takes the head of the next frame, and all of the frame that is here.
    #[inline(always)]
    fn begin(&mut self, rest: &[u8], at: usize, around: &mut Around<'_>, out: &mut Output) -> Result<Begun, Cause> {
        let begin = match self.side.begin(rest, around) {
            Ok(Some(begin)) => begin,
            Ok(None) => return Ok(Begun::TooShort),
            Err(cause) => {
                let at = |(api_key, api_version)| FaultAt { api_key, api_version, offset: 0 };
                self.fault = S::api(rest, around).map(at);
                return Err(cause);
            }
        };
        let Begin { bytes, to } = begin;
        match (to, rest.get(..bytes)) {
            (Becomes::Passes, _) => {
                self.ended(bytes as u64, out);
                return Ok(Begun::Took(0));
            }
            (Becomes::Waits(need), _) => return Ok(Begun::Waits(need)),
            (Becomes::Walked(treatment, seed), Some(frame)) => {
                bounded::<S>(treatment, bytes, around)?;
                self.whole(frame, Some(at), (treatment, seed), around, out)?;
            }
            (Becomes::Walked(treatment, seed), None) => {
                return self.begin_cut(rest, at, bytes, (treatment, seed), around, out).map(Begun::Took);
            }
            (Becomes::Dropped(dropped), _) => {
                (self.run, self.state) = (bytes as u64, State::Dropping(Some(dropped)));
                return Ok(Begun::Took(0));
            }
            (Becomes::Answered(dropped), Some(frame)) => {
                S::dropped(dropped, frame, around)?;
                self.ended(0, out);
            }
            (to @ Becomes::Answered(_), None) => return self.hold(rest, bytes, to, around).map(Begun::Took),
        }
        Ok(Begun::Took(bytes))
    }

    /// Begins with a frame of which not all is here; how many bytes of it are dealt with.
    #[cold]
    fn begin_cut(
        &mut self,
        rest: &[u8],
        at: usize,
        bytes: usize,
        (treatment, seed): (&'static Treatment, S::Seed),
        around: &mut Around<'_>,
        out: &mut Output,
    ) -> Result<usize, Cause> {
        if treatment.length == Length::Anywhere {
            bounded::<S>(treatment, bytes, around)?;
            return self.hold(rest, bytes, Becomes::Walked(treatment, seed), around);
        }
        let before = out.mark();
        let mut edits = S::edits(seed, treatment, false);
        let begun = begun::<S>(rest, Some(at), false, bytes, treatment, &treatment.plan)?;
        let mut frame = Frame::begin(begun, out);
        edits.begins(frame.patch(), false);
        let walked = frame.walk(&mut edits, around);
        let (taken, end) = self.suspend(walked, frame, edits, around).inspect_err(|_| out.back_to(before))?;
        if let Some(run) = end {
            self.ended(u64::from(run), out);
        }
        Ok(taken)
    }

    /// More of a frame that is walked; `None` when it needs more still.
    #[cold]
    fn walk_on(
        &mut self,
        rest: &[u8],
        at: usize,
        around: &mut Around<'_>,
        out: &mut Output,
    ) -> Result<Option<usize>, Cause> {
        let State::Walk(walk) = std::mem::replace(&mut self.state, State::Between) else { return Ok(None) };
        let (walk, mut edits) = *walk;
        let before = out.mark();
        let mut frame = Frame::resume(walk, rest, at, out);
        let walked = frame.walk(&mut edits, around);
        let (taken, end) = self.suspend(walked, frame, edits, around).inspect_err(|_| out.back_to(before))?;
        if let Some(run) = end {
            self.ended(u64::from(run), out);
        }
        Ok((end.is_some() || taken > 0).then_some(taken))
    }

    /// What is to be remembered of a frame that was walked as far as it is here; how many bytes of it are dealt with, and,
    /// where its end is known, how many pass before that.
    fn suspend(
        &mut self,
        walked: Result<Walked, Stop>,
        mut frame: Frame<'_>,
        edits: S::Edits,
        around: &mut Around<'_>,
    ) -> Result<(usize, Option<u32>), Cause> {
        match walked {
            Ok(Walked::More) => {
                let (walk, taken) = frame.suspend()?;
                if walk.held_bytes() + edits.held_bytes() > around.view.hold_bytes_max as usize {
                    return Err(Cause::HeldFrameTooLarge);
                }
                self.state = State::Walk(Box::new((walk, edits)));
                Ok((taken, None))
            }
            Ok(Walked::End(run)) => {
                let (taken, written) = (frame.at(), frame.finish(run)?);
                S::end(edits, written, around)?;
                Ok((taken, Some(run)))
            }
            Err(Stop::Close(cause)) => {
                self.fails(S::api_of(&edits), frame.offset());
                Err(cause)
            }
            Err(Stop::Answer(_) | Stop::SeeAll) => Err(Cause::Internal),
        }
    }

    /// Holds a frame until it is whole; how many bytes of it are dealt with.
    #[cold]
    fn hold(&mut self, rest: &[u8], bytes: usize, to: Becomes<S>, around: &Around<'_>) -> Result<usize, Cause> {
        if bytes > S::hold_bytes_max(around.view) {
            return Err(Cause::HeldFrameTooLarge);
        }
        let mut held = Vec::new();
        append(&mut held, rest)?;
        self.state = State::Held(Box::new(Held { bytes: held, missing: bytes - rest.len(), to }));
        Ok(rest.len())
    }

    /// Holds more of a frame, and deals with it when it is whole; `None` when it needs more still.
    #[cold]
    fn hold_on(&mut self, rest: &[u8], around: &mut Around<'_>, out: &mut Output) -> Result<Option<usize>, Cause> {
        let State::Held(held) = &mut self.state else { return Ok(None) };
        let more = rest.get(..held.missing).unwrap_or(rest);
        append(&mut held.bytes, more)?;
        held.missing -= more.len();
        if held.missing > 0 {
            return Ok((!more.is_empty()).then_some(more.len()));
        }
        let taken = more.len();
        let State::Held(held) = std::mem::replace(&mut self.state, State::Between) else { return Ok(None) };
        let Held { bytes, missing: _, to } = *held;
        match to {
            Becomes::Walked(treatment, seed) => {
                make_room(&mut out.new_bytes, bytes.len())?;
                self.whole(&bytes, None, (treatment, seed), around, out)?;
            }
            Becomes::Answered(dropped) => {
                S::dropped(dropped, &bytes, around)?;
                self.ended(0, out);
            }
            Becomes::Passes | Becomes::Dropped(_) | Becomes::Waits(_) => return Err(Cause::Internal),
        }
        Ok(Some(taken))
    }
}

/// A frame that must be whole may be as long as may be held, also where it came whole by chance.
#[inline(always)]
fn bounded<S: Side>(treatment: &Treatment, bytes: usize, around: &Around<'_>) -> Result<(), Cause> {
    let within = treatment.length != Length::Anywhere || bytes <= S::hold_bytes_max(around.view);
    if within { Ok(()) } else { Err(Cause::HeldFrameTooLarge) }
}

#[inline(always)]
fn begun<'a, S: Side>(
    input: &'a [u8],
    base: Option<usize>,
    whole: bool,
    bytes: usize,
    treatment: &'static Treatment,
    plan: &'static Plan,
) -> Result<walk::Begun<'a>, Cause> {
    Ok(walk::Begun {
        plan,
        input,
        base,
        whole,
        head_bytes: S::HEAD_BYTES,
        left: u32::try_from(bytes - S::HEAD_BYTES).map_err(|_| Cause::FrameLength)?,
        keeps_length: treatment.length == Length::Same,
        flexible: treatment.flexible,
        copied_bytes_max: treatment.copied_bytes_max,
    })
}
