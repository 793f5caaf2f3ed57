//! Entries in a walk: where each begins, and those that are left out.
//!
//! Owns how an entry is left out while the walk goes on through it. May not decide which.

use super::*;

impl Frame<'_> {
    pub(super) fn enter(&mut self, count: &Token<'_>) -> Result<(), Stop> {
        let count_at =
            if self.place.whole { self.patch.replaceable(count.at, count.bytes) } else { Default::default() };
        let kept = super::super::entries::count(count.bytes, self.flexible());
        let level = Level { count_at, kept, smaller: false, entry: self.begin_entry() };
        if self.place.levels.enter(level) { Ok(()) } else { Err(Cause::Internal.into()) }
    }

    pub(super) fn begin_entry(&mut self) -> Current {
        let before = if self.place.whole { self.patch.before() } else { Default::default() };
        Current { walker: self.place.walker, at: self.at, before, named: false, early: false, refused: None }
    }

    pub(super) fn next_entry(&mut self) {
        let entry = self.begin_entry();
        if let Some(level) = self.place.levels.top() {
            level.entry = entry;
        }
    }

    pub(super) fn leave(&mut self) {
        if let Some(level) = self.place.levels.leave().filter(|level| level.smaller) {
            self.patch.put_shorter_count(level.count_at, level.kept);
        }
    }

    /// An event within an entry that is left out, or its end.
    pub(super) fn leave_on<E: Edit>(
        &mut self,
        event: &Event,
        edits: &mut E,
        around: &mut Around<'_>,
    ) -> Result<LeftOut, Stop> {
        let input = self.patch.input();
        let at = self.at;
        let Some(inner) = &mut self.place.leaving_out else { return Ok(LeftOut::End) };
        match *event {
            Event::Leaf { role, head } => {
                self.at += head as usize;
                edits.passed_over(role, input.get(at..self.at).ok_or(Cause::Internal)?);
            }
            Event::Text { head, body, .. } => self.at += (head + body) as usize,
            Event::Array { role, head } => {
                self.at += head as usize;
                *inner += u32::from(role == Role::Entries);
            }
            Event::ElementEnd { role: Role::Entries } if *inner == 0 => {
                self.place.leaving_out = None;
                self.patch.leave_out_until(self.at);
                let stands_in = edits.stands_in(self, around)?;
                if let Some(level) = self.place.levels.top().filter(|_| !stands_in) {
                    level.kept = level.kept.saturating_sub(1);
                    level.smaller = true;
                }
                return Ok(LeftOut::End);
            }
            Event::ArrayEnd { role: Role::Entries } => *inner = inner.saturating_sub(1),
            Event::ElementEnd { .. } | Event::ArrayEnd { .. } => {}
            // An entry that is left out ends before the frame does, and has no tag of the body.
            Event::More
            | Event::Malformed
            | Event::Done
            | Event::Tags { .. }
            | Event::Tag { .. }
            | Event::Trailing { .. } => {
                return Err(E::MALFORMED.into());
            }
        }
        Ok(LeftOut::Event)
    }
}

/// What an event within an entry that is left out was.
pub(super) enum LeftOut {
    /// A part of it.
    Event,
    /// Its end.
    End,
}
