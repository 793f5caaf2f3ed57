//! Walks the bytes of one frame by its shape. Resumable at every byte; never decodes, copies or allocates.
//!
//! Owns where in the shape the frame is, and every bound: counts are checked against the bytes that are left before
//! they are used, depth is bounded by the tables, lengths by the frame. May not know what a mark means.

use super::events::{Event, Malformed, Step};
use super::shape::{Field, Fields, Kind, Marks, bytes_min};
use super::skip::{self, Encoding};
use crate::frame::{Varint, read_varint};

/// Deepest nesting of any shape: body, topic, partition, innermost array, and one to spare. A test holds it.
pub const DEPTH_MAX: usize = 5;

/// Longest string, in bytes: Kafka's own bound for both encodings.
pub const TEXT_BYTES_MAX: u32 = i16::MAX as u32;

/// Most bytes that must be together before a walk can go on: a tag's number and size, or a partition's error code,
/// index and leader.
pub const TOKEN_BYTES_MAX: usize = 10;

/// No element of any array takes more bytes than this at least, so that a count which leaves each so many needs no closer
/// look. A test holds it.
pub const BYTES_MIN_MAX: u32 = 128;

/// So few elements need no look at whether there is room for them: where there is not, the next one shows it.
const COUNT_FEW: u32 = 4;

struct Level<M: Marks> {
    fields: Fields<M>,
    /// Index of the next field.
    next: usize,
    /// Elements that are left, the current one included.
    elements: u32,
    /// Tags that are left of the current element, once its fields are done.
    tags: Option<u32>,
    /// What ends with this level.
    mark: Option<M::Array>,
    /// A struct of its own, that ends with tags in flexible versions.
    tagged: bool,
    /// Bytes of the frame that must be left at its end.
    left_after: Option<u32>,
}

impl<M: Marks> Clone for Level<M> {
    fn clone(&self) -> Level<M> {
        *self
    }
}

impl<M: Marks> Copy for Level<M> {}

impl<M: Marks> Level<M> {
    const EMPTY: Level<M> =
        Level { fields: &[], next: 0, elements: 0, tags: None, mark: None, tagged: true, left_after: None };
}

enum Token<M: Marks> {
    Plain(u32),
    Event(Event<M>),
}

/// A walk through one frame, from behind its correlation id to its end. A clone goes on from the same place.
pub struct Walker<M: Marks> {
    version: i16,
    flexible: bool,
    /// What is quiet is passed over.
    quiet: bool,
    /// Bytes of the frame behind the last token.
    left: u32,
    /// Levels that are open; none behind the body.
    depth: usize,
    /// The innermost one.
    level: Level<M>,
    /// Those around it, the body's first.
    around: [Level<M>; DEPTH_MAX - 1],
}

impl<M: Marks> Clone for Walker<M> {
    fn clone(&self) -> Walker<M> {
        Walker { level: self.level, around: self.around, ..*self }
    }
}

impl<M: Marks> Walker<M> {
    /// A walk through `header` (without its fixed part) and `body`, which together take `left` bytes.
    pub fn new(header: Option<Fields<M>>, body: Fields<M>, version: i16, flexible: bool, left: u32) -> Walker<M> {
        let (mut level, mut depth) = (Level { fields: body, elements: 1, ..Level::EMPTY }, 1);
        let mut around = [Level::EMPTY; DEPTH_MAX - 1];
        if let Some(fields) = header {
            // It ends before the body begins.
            around[0] = level;
            (level, depth) = (Level { fields, ..level }, 2);
        }
        Walker { version, flexible, quiet: false, left, depth, level, around }
    }

    /// From here on, tells nothing of arrays in which all that is marked is quiet.
    pub fn pass_over_quiet(&mut self) {
        self.quiet = true;
    }

    /// Bytes of the frame behind what was walked.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Looks at `bytes`, which begin where the last step ended, and goes on to the next event.
    ///
    /// # Errors
    ///
    /// A length, a count or a null that cannot be, or an end that is not the frame's.
    pub fn step(&mut self, bytes: &[u8]) -> Result<Step<M>, Malformed> {
        let mut plain = 0u32;
        loop {
            let Some(rest) = bytes.get(plain as usize..) else {
                let event = if self.closes() { Event::Done } else { Event::More };
                return Ok(Step { plain, event });
            };
            match self.token(rest)? {
                // Each is within the frame's length, so that the sum is.
                Token::Plain(more) => plain += more,
                Token::Event(event) => return Ok(Step { plain, event }),
            }
        }
    }

    /// Nothing more is needed for the frame to end here.
    fn closes(&self) -> bool {
        let ends = |level: &Level<M>| {
            level.elements <= 1
                && level.mark.is_none()
                && (level.tags == Some(0) || !(self.flexible && level.tagged))
                && level.fields.iter().skip(level.next).all(|field| !field.exists(self.version))
        };
        let Some(around) = self.depth.checked_sub(1) else { return self.left == 0 };
        self.left == 0 && ends(&self.level) && self.around.iter().take(around).all(ends)
    }

    fn token(&mut self, bytes: &[u8]) -> Result<Token<M>, Malformed> {
        let here = bytes.get(..self.left as usize).unwrap_or(bytes);
        if self.depth == 0 {
            return Ok(Token::Event(match std::mem::take(&mut self.left) {
                0 => Event::Done,
                skip => Event::Trailing { skip },
            }));
        }
        let level = &mut self.level;
        if level.elements == 0 {
            return self.leave(0);
        }
        if let Some(tags) = level.tags {
            return if tags == 0 { self.end_element(0) } else { self.tag(here) };
        }
        // Most fields are values without interest, several in a row: one token.
        let mut plain = 0;
        while let Some(field) = level.fields.get(level.next) {
            match field.kind {
                _ if !field.exists(self.version) => {}
                Kind::Fixed(bytes, None) => plain += bytes,
                _ if plain > 0 => break,
                _ => return self.field(field, here),
            }
            level.next += 1;
        }
        if plain > 0 {
            self.take(plain)?;
            return Ok(Token::Plain(plain));
        }
        if self.flexible && level.tagged { self.tag_count(here) } else { self.end_element(0) }
    }

    fn field(&mut self, field: &'static Field<M>, here: &[u8]) -> Result<Token<M>, Malformed> {
        match &field.kind {
            Kind::Fixed(bytes, mark) => self.fixed(*bytes, *mark, here),
            Kind::Text(mark) => self.text(field, *mark, self.flexible, here),
            Kind::ClassicText => self.text(field, None, false, here),
            Kind::Blob(mark) => {
                let Some((head, length)) = self.length(field, here)? else { return self.more(here) };
                match mark {
                    None => self.plain_field(head, length),
                    Some(mark) => self.marked_body(*mark, head, length),
                }
            }
            Kind::Items(bytes) => {
                let Some((head, count)) = self.length(field, here)? else { return self.more(here) };
                self.plain_field(head, count.checked_mul(*bytes).ok_or(Malformed)?)
            }
            Kind::Texts(element) => self.array(field, element, None, false, here),
            Kind::Array(element, mark) => self.array(field, element, *mark, true, here),
            Kind::Struct(fields) => {
                self.field_done();
                self.enter(Level { fields, elements: 1, ..Level::EMPTY })?;
                Ok(Token::Plain(0))
            }
            Kind::Tagged(..) => {
                self.field_done();
                Ok(Token::Plain(0))
            }
        }
    }

    fn fixed(&mut self, bytes: u32, mark: Option<M::Leaf>, here: &[u8]) -> Result<Token<M>, Malformed> {
        let head = bytes as usize;
        match mark {
            None => self.plain_field(0, bytes),
            Some(_) if here.len() < head => self.more(here),
            Some(mark) => {
                self.take(bytes)?;
                self.field_done();
                Ok(Token::Event(Event::Leaf { mark, head }))
            }
        }
    }

    fn text(
        &mut self,
        field: &Field<M>,
        mark: Option<M::Text>,
        compact: bool,
        here: &[u8],
    ) -> Result<Token<M>, Malformed> {
        let (head, length) = if compact {
            match self.length(field, here)? {
                Some(read) => read,
                None => return self.more(here),
            }
        } else {
            match here.first_chunk().map(|length| i16::from_be_bytes(*length)) {
                Some(-1) if field.nullable(self.version) => (2, 0),
                Some(length) => (2, u32::try_from(length).map_err(|_| Malformed)?),
                None => return self.more(here),
            }
        };
        if length > TEXT_BYTES_MAX {
            return Err(Malformed);
        }
        let Some(mark) = mark else { return self.plain_field(head, length) };
        self.marked_body(mark, head, length)
    }

    fn marked_body(&mut self, mark: M::Text, head: usize, body: u32) -> Result<Token<M>, Malformed> {
        self.take(head as u32)?;
        self.take(body)?;
        self.field_done();
        Ok(Token::Event(Event::Text { mark, head, body }))
    }

    fn array(
        &mut self,
        field: &Field<M>,
        element: Fields<M>,
        mark: Option<M::Array>,
        tagged: bool,
        here: &[u8],
    ) -> Result<Token<M>, Malformed> {
        let Some((head, count)) = self.length(field, here)? else { return self.more(here) };
        self.take(head as u32)?;
        // A plain string has no tags behind it.
        let tags = u32::from(self.flexible && !tagged);
        let element_bytes_min = || (bytes_min(element, self.version, self.flexible) - tags).max(1);
        let (few, left) = (count <= COUNT_FEW, self.left);
        if !few && count > left / BYTES_MIN_MAX && count > left / element_bytes_min() {
            return Err(Malformed);
        }
        self.field_done();
        let encoding = Encoding { version: self.version, flexible: self.flexible };
        if (field.unmarked || (self.quiet && field.quiet))
            && let Some(behind) = here.get(head..)
            && let Some(bytes) = skip::unmarked_elements(element, (count, tagged), encoding, behind)
        {
            self.take(bytes)?;
            return Ok(Token::Plain(bytes.checked_add(head as u32).ok_or(Malformed)?));
        }
        self.enter(Level { fields: element, elements: count, mark, tagged, ..Level::EMPTY })?;
        Ok(match mark {
            Some(mark) => Token::Event(Event::Array { mark, head }),
            None => Token::Plain(head as u32),
        })
    }

    /// The length or count at the front, with the bytes it takes itself; null is 0 where it may be.
    fn length(&self, field: &Field<M>, here: &[u8]) -> Result<Option<(usize, u32)>, Malformed> {
        if self.flexible {
            return match read_varint(here) {
                Varint::Value(0, head) if field.nullable(self.version) => Ok(Some((head, 0))),
                Varint::Value(more, head) => Ok(Some((head, more.checked_sub(1).ok_or(Malformed)?))),
                Varint::Incomplete => Ok(None),
                Varint::Invalid => Err(Malformed),
            };
        }
        match here.first_chunk().map(|length| i32::from_be_bytes(*length)) {
            Some(-1) if field.nullable(self.version) => Ok(Some((4, 0))),
            Some(length) => Ok(Some((4, u32::try_from(length).map_err(|_| Malformed)?))),
            None => Ok(None),
        }
    }

    fn tag_count(&mut self, here: &[u8]) -> Result<Token<M>, Malformed> {
        let (count, head) = match read_varint(here) {
            Varint::Value(count, head) => (count, head),
            Varint::Incomplete => return self.more(here),
            Varint::Invalid => return Err(Malformed),
        };
        self.take(head as u32)?;
        // A tag takes two bytes at least.
        if count > self.left / 2 {
            return Err(Malformed);
        }
        let body = self.depth == 1;
        let level = &mut self.level;
        // Mostly there are none, and nobody is to be told: the element ends here.
        if count == 0 && !body && level.mark.is_none() {
            return self.end_element(head as u32);
        }
        level.tags = Some(count);
        Ok(if body { Token::Event(Event::Tags { head, count }) } else { Token::Plain(head as u32) })
    }

    fn tag(&mut self, here: &[u8]) -> Result<Token<M>, Malformed> {
        let (number, number_head) = match read_varint(here) {
            Varint::Value(number, head) => (number, head),
            Varint::Incomplete => return self.more(here),
            Varint::Invalid => return Err(Malformed),
        };
        let (size, size_head) = match read_varint(here.get(number_head..).unwrap_or_default()) {
            Varint::Value(size, head) => (size, head),
            Varint::Incomplete => return self.more(here),
            Varint::Invalid => return Err(Malformed),
        };
        let head = number_head + size_head;
        self.take(head as u32)?;
        let body = self.depth == 1;
        let left_after = self.left.checked_sub(size).ok_or(Malformed)?;
        let version = self.version;
        let level = &mut self.level;
        level.tags = level.tags.and_then(|tags| tags.checked_sub(1));
        let known = level.fields.iter().find_map(|field| match field.kind {
            Kind::Tagged(tag, content) if tag == number && (field.first..=field.last).contains(&version) => {
                Some(content)
            }
            _ => None,
        });
        match known {
            Some(fields) => {
                self.enter(Level { fields, elements: 1, tagged: false, left_after: Some(left_after), ..Level::EMPTY })?
            }
            None => self.left = left_after,
        }
        let skip = if known.is_some() { 0 } else { size };
        if body {
            return Ok(Token::Event(Event::Tag { head, number, number_head, size, skip }));
        }
        Ok(Token::Plain(skip.checked_add(head as u32).ok_or(Malformed)?))
    }

    /// An element ends behind `plain` bytes more; where a mark is to be told of it, there are none.
    fn end_element(&mut self, plain: u32) -> Result<Token<M>, Malformed> {
        let level = &mut self.level;
        level.elements = level.elements.saturating_sub(1);
        level.next = 0;
        level.tags = None;
        match level.mark {
            Some(mark) => Ok(Token::Event(Event::ElementEnd { mark })),
            None if level.elements == 0 => self.leave(plain),
            None => Ok(Token::Plain(plain)),
        }
    }

    fn leave(&mut self, plain: u32) -> Result<Token<M>, Malformed> {
        let left = self.level;
        if left.left_after.is_some_and(|after| after != self.left) {
            return Err(Malformed);
        }
        self.depth = self.depth.saturating_sub(1);
        if let Some(level) = self.depth.checked_sub(1).and_then(|at| self.around.get(at)) {
            self.level = *level;
        }
        Ok(match left.mark {
            Some(mark) => Token::Event(Event::ArrayEnd { mark }),
            None => Token::Plain(plain),
        })
    }

    fn enter(&mut self, level: Level<M>) -> Result<(), Malformed> {
        let around = self.depth.checked_sub(1).and_then(|at| self.around.get_mut(at));
        *around.ok_or(Malformed)? = std::mem::replace(&mut self.level, level);
        self.depth += 1;
        Ok(())
    }

    fn field_done(&mut self) {
        self.level.next += 1;
    }

    fn plain_field(&mut self, head: usize, body: u32) -> Result<Token<M>, Malformed> {
        let bytes = body.checked_add(head as u32).ok_or(Malformed)?;
        self.take(bytes)?;
        self.field_done();
        Ok(Token::Plain(bytes))
    }

    fn take(&mut self, bytes: u32) -> Result<(), Malformed> {
        self.left = self.left.checked_sub(bytes).ok_or(Malformed)?;
        Ok(())
    }

    /// A token is cut: by the end of what was received, or, which cannot be, by the end of the frame.
    fn more(&self, here: &[u8]) -> Result<Token<M>, Malformed> {
        if here.len() < self.left as usize { Ok(Token::Event(Event::More)) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests;
