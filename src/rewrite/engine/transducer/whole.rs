//! A frame of which all is here: most need no more than one look.
//!
//! Owns in which ways a whole frame is tried: passed, scanned, walked by a plan that sees less, and by the one that sees all.
//! What leaves is the same in each.

use super::super::super::treatments::{Length, Treatment};
use super::super::edit::{Edit, Stop};
use super::super::output::Output;
use super::super::patch::{Patch, Written};
use super::super::side::{Around, Side};
use super::super::token::Token;
use super::super::walk::{Frame, Walked};
use super::{Transducer, begun};
use crate::metrics::Cause;
use crate::wire::{Event, Plan, Scan, Walker};

impl<S: Side> Transducer<S> {
    /// Walks through a whole frame, which stands `base` in what was fed (`None`: elsewhere).
    #[inline(always)]
    pub(super) fn whole(
        &mut self,
        bytes: &[u8],
        base: Option<usize>,
        (treatment, seed): (&'static Treatment, S::Seed),
        around: &mut Around<'_>,
        out: &mut Output,
    ) -> Result<(), Cause> {
        let mut quick = treatment.quick.as_ref().filter(|_| S::quick_may_do(&seed));
        if let (Some(plan), Some(at), Length::Same) = (quick, base, treatment.length) {
            if passes::<S>(treatment.scan, plan, bytes, out)? {
                S::end(S::edits(seed, treatment, true), bytes.len() as u64, around)?;
                out.push_input(at..at + bytes.len());
                self.ended(0, out);
                return Ok(());
            }
            quick = None;
        }
        if let Some(scan) = treatment.scan
            && self.scanned(scan, bytes, base, (treatment, seed), around, out)
        {
            return Ok(());
        }
        let before = out.mark();
        loop {
            let begun = begun::<S>(bytes, base, true, bytes.len(), treatment, quick.unwrap_or(&treatment.plan))?;
            let mut edits = S::edits(seed, treatment, quick.is_some());
            let mut frame = Frame::begin(begun, out);
            edits.begins(frame.patch(), true);
            let api = S::api_of(&edits);
            let (cause, offset) = match frame.walk(&mut edits, around) {
                Ok(Walked::End(run)) => {
                    let offset = frame.offset();
                    match frame.finish(run).and_then(|written| S::end(edits, written, around)) {
                        Ok(()) => {
                            self.ended(u64::from(run), out);
                            return Ok(());
                        }
                        Err(cause) => (cause, offset),
                    }
                }
                Err(Stop::SeeAll) if quick.is_some() => {
                    out.back_to(before.clone());
                    quick = None;
                    continue;
                }
                Err(Stop::Answer(error)) => {
                    out.back_to(before);
                    S::dropped(S::answered(edits, error)?, bytes, around)?;
                    self.ended(0, out);
                    return Ok(());
                }
                Err(Stop::Close(cause)) => (cause, frame.offset()),
                Ok(Walked::More) | Err(Stop::SeeAll) => (Cause::Internal, frame.offset()),
            };
            // Nothing of it leaves.
            out.back_to(before);
            self.fails(api, offset);
            return Err(cause);
        }
    }

    /// Puts a frame together after one look. False where it must be walked: then the walk says what is wrong, and where.
    #[inline(never)]
    fn scanned(
        &mut self,
        scan: Scan,
        bytes: &[u8],
        base: Option<usize>,
        (treatment, seed): (&'static Treatment, S::Seed),
        around: &mut Around<'_>,
        out: &mut Output,
    ) -> bool {
        let Some(behind) = bytes.get(S::HEAD_BYTES..).filter(|_| S::quick_may_do(&seed)) else { return false };
        if !scan(behind, &mut out.values) {
            return false;
        }
        let before = out.mark();
        let mut edits = S::edits(seed, treatment, true);
        let written = compose::<S>(bytes, base, treatment, &mut edits, around, out);
        if written.and_then(|written| Ok(S::end(edits, written, around)?)).is_err() {
            out.back_to(before);
            return false;
        }
        self.ended(0, out);
        true
    }
}

/// Puts a frame together whose values were listed; how many bytes leave.
#[inline(always)]
fn compose<S: Side>(
    bytes: &[u8],
    base: Option<usize>,
    treatment: &'static Treatment,
    edits: &mut S::Edits,
    around: &mut Around<'_>,
    out: &mut Output,
) -> Result<u64, Stop> {
    let values = std::mem::take(&mut out.values);
    let written = Written::new(treatment.flexible, false, true);
    let mut patch = Patch::new(bytes, base, treatment.copied_bytes_max, out, written);
    edits.begins(&mut patch, true);
    let mut stop = Ok(());
    for value in &values {
        let head = usize::from(value.head);
        let at = S::HEAD_BYTES + value.at as usize;
        let end = at + head + value.body as usize;
        let Some(bytes) = bytes.get(at..end) else { return Err(Cause::Internal.into()) };
        stop = edits.value(value.role, &Token { bytes, head, at: (at, end), null: false }, &mut patch, around);
        if stop.is_err() {
            break;
        }
    }
    let written = stop.and_then(|()| Ok(patch.finish(bytes.len(), 0)?));
    out.values = values;
    written
}

/// Whether a whole frame of which a plan wants to see nothing has no tags behind its body.
#[inline(always)]
fn passes<S: Side>(scan: Option<Scan>, plan: &'static Plan, bytes: &[u8], out: &mut Output) -> Result<bool, Cause> {
    let behind = bytes.get(S::HEAD_BYTES..).ok_or(Cause::Internal)?;
    // Nor elsewhere, then; what it lists is of no interest here.
    if scan.is_some_and(|scan| scan(behind, &mut out.values)) {
        return Ok(true);
    }
    let mut walker = Walker::new(plan, u32::try_from(behind.len()).map_err(|_| Cause::FrameLength)?);
    match walker.step(behind).event {
        Event::Done | Event::Trailing { .. } => Ok(!walker.tagged()),
        // The walk that sees all says where.
        Event::Malformed | Event::More => Ok(false),
        _ => Err(Cause::Internal),
    }
}
