//! Node addresses at the end of a frame whose length has already left: replaced in the same number of bytes.
//!
//! In Produce v10+ and Fetch v16+ they are the content of the body's tag 0, in ShareFetch and ShareAcknowledge the
//! last field of the body; behind both stand the body's tags. They are a hint (KIP-951): a client without it asks for
//! metadata. So an entry that has no address for the client, or no room, is left out, and what is saved is filled with
//! one more tag of zeros, whose number no Kafka uses and which readers skip (KIP-482). A gap too small for a tag is
//! taken up by a padded count. No byte of the backend's addresses leaves, not even in a skipped tag.

use super::engine::patch::Patch;
use super::engine::token::Token;
use super::engine::walk::Frame;
use crate::cluster::{Advertised, NodeId};
use crate::wire::{VARINT_BYTES_MAX, push_varint, varint_bytes};

/// The number of the filling tag: the highest that takes two bytes, far above any in use, so that tags stay in order.
const FILLER: u32 = 0x3fff;
const FILLER_BYTES: usize = 2;
/// The smallest filling tag: its number and a size of 0.
const FILLER_BYTES_MIN: usize = FILLER_BYTES + 1;
/// Most tags a body may have beside addresses: with one more, their count still takes one byte. Kafka has none.
const TAGS_MAX: u32 = 100;

/// The end of the frame cannot be what it says.
pub struct Impossible;

/// What was read of the tag that holds the addresses: in front of it, nothing may leave until its content is known.
#[derive(Clone, Copy, Debug, Default)]
struct TagFront {
    count: u32,
    count_bytes: usize,
    number_bytes: usize,
    size_bytes: usize,
    size: usize,
}

/// One frame's addresses, from their count to the end of the frame.
#[derive(Debug, Default)]
pub struct Endpoints {
    tag: Option<TagFront>,
    /// The body's tags, counted but not yet given out, and the bytes their count took.
    tags: Option<(u32, usize)>,
    /// The number of the last tag.
    last_tag: Option<u32>,
    /// Bytes that the array's count took.
    count_bytes: usize,
    /// Bytes of the frame behind the array's count.
    left_at_start: u32,
    /// Bytes that the entries may take.
    room: usize,
    kept: u32,
    entries: Vec<u8>,
    /// Where the current entry, and its rack, begin in `entries`; `None` when it is left out.
    entry_at: Option<usize>,
    rack_at: usize,
    /// Bytes to fill at the end of the body.
    owed: usize,
}

impl Endpoints {
    /// Bytes held in memory.
    pub fn held_bytes(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of the array that were read when `left` bytes of the frame follow: what may have to be filled at once.
    pub fn read_bytes(&self, left: u32) -> usize {
        self.left_at_start.saturating_sub(left) as usize
    }

    /// The count of the body's tags came: as many bytes take its place, now or later.
    pub fn tags(&mut self, count: u32, token: &Token<'_>, patch: &mut Patch<'_>) -> Result<(), Impossible> {
        if count > TAGS_MAX && (self.owed > 0 || self.left_at_start == 0) {
            return Err(Impossible);
        }
        if self.owed > 0 {
            patch.replace(token.at, &[]);
            patch.add_varint(count + 1, token.bytes.len());
        } else if count > 0 {
            patch.replace(token.at, &[]);
            self.tags = Some((count, token.bytes.len()));
        }
        Ok(())
    }

    /// A tag of the body came: its number, with the bytes that it takes, and its size.
    pub fn tag(
        &mut self,
        (number, number_bytes): (u32, usize),
        size: u32,
        token: &Token<'_>,
        patch: &mut Patch<'_>,
    ) -> Result<(), Impossible> {
        if self.last_tag.is_some_and(|last| last >= number) {
            return Err(Impossible);
        }
        self.last_tag = Some(number);
        let Some((count, count_bytes)) = self.tags.take() else { return Ok(()) };
        // A frame with addresses in an array has its own way to end; this is the tag of the other kind.
        if number == 0 && self.left_at_start == 0 {
            let size_bytes = token.bytes.len() - number_bytes;
            self.tag = Some(TagFront { count, count_bytes, number_bytes, size_bytes, size: size as usize });
            patch.replace(token.at, &[]);
            return Ok(());
        }
        patch.keep_until(token.at.0);
        patch.add_varint(count, count_bytes);
        Ok(())
    }

    /// The array's count came, in `head` bytes; `left` bytes of the frame follow.
    pub fn start(&mut self, head: usize, left: u32) {
        self.count_bytes = head;
        self.left_at_start = left;
        // An array in the body is followed by the count of tags, one byte at least.
        self.room = match self.tag {
            Some(tag) => tag.size.saturating_sub(head),
            None => (left as usize).saturating_sub(1),
        };
    }

    /// An entry begins that has an address for the client.
    pub fn entry(&mut self, node: NodeId, to: &Advertised<'_>) {
        self.entry_at = Some(self.entries.len());
        self.entries.extend(node.0.to_be_bytes());
        let length = u32::try_from(to.host_bytes() + 1).unwrap_or(u32::MAX);
        push_varint(&mut self.entries, length, varint_bytes(length));
        to.push_host(&mut self.entries);
        self.entries.extend(i32::from(to.port).to_be_bytes());
        self.rack_at = self.entries.len();
    }

    /// Bytes of the current entry's rack, its length first.
    pub fn rack(&mut self, bytes: &[u8]) {
        if self.entry_at.is_some() {
            self.entries.extend_from_slice(bytes);
        }
    }

    /// The entry ended: it stays if there is room for it, at least without its rack.
    pub fn entry_end(&mut self) {
        let Some(entry_at) = self.entry_at.take() else { return };
        self.entries.push(0);
        if self.entries.len() > self.room {
            self.entries.truncate(self.rack_at);
            self.entries.extend([0, 0]);
        }
        if self.entries.len() > self.room {
            self.entries.truncate(entry_at);
        } else {
            self.kept += 1;
        }
    }

    /// The array ended, with `left` bytes of the frame behind it: gives out what takes its place.
    pub fn end(&mut self, left: u32, patch: &mut Patch<'_>) {
        let room = (self.left_at_start - left) as usize;
        if self.entries.len() > room || !self.fits(room) {
            self.entries.clear();
            self.kept = 0;
        }
        match self.tag {
            Some(tag) if self.kept == 0 => {
                // The whole tag gives way to the filling one: the count of tags stays.
                self.owed = tag.number_bytes + tag.size_bytes + tag.size;
                patch.add_varint(tag.count, tag.count_bytes);
            }
            Some(tag) => {
                let (count_bytes, owed) = self.gap(room);
                self.owed = owed;
                patch.add_varint(tag.count + u32::from(owed > 0), tag.count_bytes);
                patch.add_varint(0, tag.number_bytes);
                patch.add_varint(size_of_tag(count_bytes + self.entries.len()), tag.size_bytes);
                self.push_array(count_bytes, patch);
            }
            None => {
                let (count_bytes, owed) = self.gap(room);
                self.owed = owed;
                self.push_array(count_bytes, patch);
            }
        }
        self.entries = Vec::new();
    }

    /// The body ends: gives out what is still to be filled.
    pub fn finish(&mut self, frame: &mut Frame<'_>) {
        if self.owed < FILLER_BYTES_MIN {
            return;
        }
        let rest = self.owed - FILLER_BYTES;
        self.owed = 0;
        // The size takes as few bytes as hold what is left behind them.
        let size_bytes =
            (1..VARINT_BYTES_MAX).find(|bytes| rest - bytes < 1 << (7 * bytes)).unwrap_or(VARINT_BYTES_MAX);
        let at = frame.at();
        let patch = frame.patch();
        patch.keep_until(at);
        patch.add_varint(FILLER, FILLER_BYTES);
        patch.add_varint(size_of_tag(rest - size_bytes), size_bytes);
        patch.add_zeros(rest - size_bytes);
    }

    fn fits(&self, room: usize) -> bool {
        let gap = room - self.entries.len();
        gap >= FILLER_BYTES_MIN || self.count_bytes + gap <= VARINT_BYTES_MAX
    }

    /// How the bytes saved are filled: the bytes of the array's count, and those owed to a tag.
    fn gap(&self, room: usize) -> (usize, usize) {
        let gap = room - self.entries.len();
        if gap < FILLER_BYTES_MIN { (self.count_bytes + gap, 0) } else { (self.count_bytes, gap) }
    }

    fn push_array(&self, count_bytes: usize, patch: &mut Patch<'_>) {
        patch.add_varint(self.kept + 1, count_bytes);
        patch.add(&self.entries);
    }
}

fn size_of_tag(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
