//! What a walk tells of a frame, piece by piece: plain bytes and places that are marked.
//!
//! Owns the words between the walk and the direction that walks. No logic.

use super::shape::Marks;

/// The frame's structure is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What comes next: some bytes without interest, then an event.
pub struct Step<M: Marks> {
    /// Bytes that hold nothing of interest; when there are more of them than were given, the event is `More` (or
    /// `Done`, where nothing follows them).
    pub plain: u32,
    /// What is behind them.
    pub event: Event<M>,
}

/// A place in the frame. `head` bytes of each event are all there, at the front of what follows the plain bytes.
pub enum Event<M: Marks> {
    /// More bytes are needed.
    More,
    /// The frame ends here, as its length says.
    Done,
    /// The last field ended, but not the frame: `skip` plain bytes follow that the walk has already counted off. Kafka's
    /// own readers leave them alone, and librdkafka (seen in 2.12.1: Metadata v12 for all topics) and its mock cluster
    /// do write some.
    Trailing { skip: u32 },
    /// A marked value, `head` bytes long.
    Leaf { mark: M::Leaf, head: usize },
    /// The length of a marked string, or of marked bytes; its `body` bytes follow. Null has none, as empty has.
    Text { mark: M::Text, head: usize, body: u32, null: bool },
    /// The count of a marked array.
    Array { mark: M::Array, head: usize },
    /// An element of a marked array ended.
    ElementEnd { mark: M::Array },
    /// A marked array ended.
    ArrayEnd { mark: M::Array },
    /// The count of the body's tags.
    Tags { head: usize, count: u32 },
    /// Number and size of a tag of the body. Its content follows: as events where the shape knows it, else `skip` plain
    /// bytes that the walk has already counted off.
    Tag { head: usize, number: u32, number_head: usize, size: u32, skip: u32 },
}
