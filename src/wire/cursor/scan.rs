//! The messages that carry records, in straight code: one look at a whole frame that is as most are, which lists the values that
//! a namespace deals with.
//!
//! Owns what a frame must be for that: whole, sound, without tags and error messages. A walk deals with all others, and says
//! what is wrong with them. May not take a frame for anything but what the walk by its layout takes it for: a test holds that.

use super::super::layout::Direction;
use super::super::layouts::key::{FETCH, PRODUCE};
use super::super::roles::Role;
use super::lengths::{more_than, short, varint};
use super::{TEXT_BYTES_MAX, here_until};

/// Most values of one frame that are listed: a frame with more is walked.
const VALUES_MAX: usize = 1024;

/// A value with a role, of which all is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Where it stands, its length in front included: so many bytes behind the fixed part of the frame's head.
    pub at: u32,
    /// Bytes of the length in front of a string; a value of fixed size has none.
    pub head: u8,
    /// Bytes behind it.
    pub body: u32,
    /// What it is.
    pub role: Role,
}

/// Looks at a whole frame, given the bytes behind the fixed part of its head, and lists its values. False where it must be
/// walked.
pub type Scan = fn(&[u8], &mut Vec<Value>) -> bool;

/// How a message in one version is looked at; `None` where it is walked at once.
pub fn scan(key: i16, direction: Direction, version: i16) -> Option<Scan> {
    match (key, direction, version) {
        (PRODUCE, Direction::Request, 9..=12) => {
            Some(|bytes, values| Row::scan(bytes, values, |row| row.produce_request()))
        }
        (PRODUCE, Direction::Response, 9..=12) => {
            Some(|bytes, values| Row::scan(bytes, values, |row| row.produce_response()))
        }
        (FETCH, Direction::Request, 12) => Some(|bytes, values| Row::scan(bytes, values, |row| row.fetch_request())),
        (FETCH, Direction::Response, 12) => Some(|bytes, values| Row::scan(bytes, values, |row| row.fetch_response())),
        _ => None,
    }
}

/// The bytes of a message, and how far they were looked at.
struct Row<'a> {
    here: &'a [u8],
    /// A sum of a few values below 2^48: it wraps nowhere, and need not be checked.
    at: usize,
    values: &'a mut Vec<Value>,
}

impl Row<'_> {
    fn produce_request(&mut self) -> Option<()> {
        self.request_header()?;
        self.named_or_null(Role::TransactionalId)?;
        self.value_where(Role::Acks, |acks| *acks == [0; 2])?;
        // TimeoutMs.
        self.skip(4);
        for _ in 0..self.count()? {
            self.named(Role::Topic)?;
            for _ in 0..self.count()? {
                // Index.
                self.skip(4);
                self.bytes_or_null()?;
                self.no_tags()?;
            }
            self.no_tags()?;
        }
        self.no_tags()
    }

    fn produce_response(&mut self) -> Option<()> {
        // Of the header.
        self.no_tags()?;
        for _ in 0..self.count()? {
            self.named(Role::Topic)?;
            for _ in 0..self.count()? {
                // Index, ErrorCode, BaseOffset, LogAppendTimeMs, LogStartOffset.
                self.skip(4 + 2 + 8 + 8 + 8);
                // RecordErrors: none.
                self.is(1)?;
                // ErrorMessage: null.
                self.is(0)?;
                self.no_tags()?;
            }
            self.no_tags()?;
        }
        // ThrottleTimeMs.
        self.skip(4);
        self.no_tags()
    }

    fn fetch_request(&mut self) -> Option<()> {
        self.request_header()?;
        self.value_where(Role::ReplicaId, |id| *id != [0xff; 4])?;
        // MaxWaitMs, MinBytes, MaxBytes, IsolationLevel.
        self.skip(4 + 4 + 4 + 1);
        // SessionId, SessionEpoch.
        self.value(Role::FetchSession, 4 + 4)?;
        for _ in 0..self.count()? {
            self.named(Role::Topic)?;
            for _ in 0..self.count()? {
                // Partition, CurrentLeaderEpoch, FetchOffset, LastFetchedEpoch, LogStartOffset, PartitionMaxBytes.
                self.skip(4 + 4 + 8 + 4 + 8 + 4);
                self.no_tags()?;
            }
            self.no_tags()?;
        }
        // ForgottenTopicsData.
        for _ in 0..self.count()? {
            self.named(Role::Topic)?;
            let partitions = self.count()?;
            self.skip((partitions as usize).wrapping_mul(4));
            self.no_tags()?;
        }
        // RackId.
        self.string()?;
        self.no_tags()
    }

    fn fetch_response(&mut self) -> Option<()> {
        // Of the header.
        self.no_tags()?;
        // ThrottleTimeMs, ErrorCode.
        self.skip(4 + 2);
        self.value(Role::FetchSession, 4)?;
        for _ in 0..self.count()? {
            self.named(Role::Topic)?;
            for _ in 0..self.count()? {
                // PartitionIndex, ErrorCode, HighWatermark, LastStableOffset, LogStartOffset.
                self.skip(4 + 2 + 8 + 8 + 8);
                // AbortedTransactions: null or none.
                self.at_most(1)?;
                // PreferredReadReplica.
                self.skip(4);
                self.bytes_or_null()?;
                self.no_tags()?;
            }
            self.no_tags()?;
        }
        self.no_tags()
    }

    #[inline(always)]
    fn scan(here: &[u8], values: &mut Vec<Value>, message: impl FnOnce(&mut Row<'_>) -> Option<()>) -> bool {
        values.clear();
        let mut row = Row { here, at: 0, values };
        message(&mut row).is_some() && row.at == here.len()
    }

    /// The client id of a request, and the tags behind it.
    #[inline(always)]
    fn request_header(&mut self) -> Option<()> {
        let client_id = short(self.here, self.at, true).ok()?;
        self.skip(2);
        self.skip(client_id as usize);
        self.no_tags()
    }

    #[inline(always)]
    fn skip(&mut self, bytes: usize) {
        self.at = self.at.wrapping_add(bytes);
    }

    /// One byte, of at most this value.
    #[inline(always)]
    fn at_most(&mut self, most: u8) -> Option<()> {
        let byte = *self.here.get(self.at)?;
        self.skip(1);
        (byte <= most).then_some(())
    }

    /// One byte of this value.
    #[inline(always)]
    fn is(&mut self, value: u8) -> Option<()> {
        let byte = *self.here.get(self.at)?;
        self.skip(1);
        (byte == value).then_some(())
    }

    #[inline(always)]
    fn no_tags(&mut self) -> Option<()> {
        self.is(0)
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<u32> {
        let (value, bytes) = varint(self.here, self.at).ok()?;
        self.skip(bytes as usize);
        Some(value)
    }

    /// Of elements, each of which takes a byte at least: there are not more than bytes.
    #[inline(always)]
    fn count(&mut self) -> Option<u32> {
        let more = self.varint()?;
        more_than(more, false).ok()
    }

    #[inline(always)]
    fn bytes_or_null(&mut self) -> Option<()> {
        let more = self.varint()?;
        self.skip(more.saturating_sub(1) as usize);
        Some(())
    }

    #[inline(always)]
    fn string(&mut self) -> Option<()> {
        let length = self.count()?;
        self.skip(length as usize);
        (length <= TEXT_BYTES_MAX).then_some(())
    }

    #[inline(always)]
    fn add(&mut self, at: usize, head: usize, body: usize, role: Role) -> Option<()> {
        let end = at.wrapping_add(head).wrapping_add(body);
        here_until(self.here, end).ok()?;
        if self.values.len() >= VALUES_MAX {
            return None;
        }
        self.values.push(Value { at: at as u32, head: head as u8, body: body as u32, role });
        self.at = end;
        Some(())
    }

    /// A string with a role.
    #[inline(always)]
    fn named(&mut self, role: Role) -> Option<()> {
        let (more, head) = varint(self.here, self.at).ok()?;
        let body = more_than(more, false).ok()?;
        if body > TEXT_BYTES_MAX {
            return None;
        }
        self.add(self.at, head as usize, body as usize, role)
    }

    /// The same, where it is not null.
    #[inline(always)]
    fn named_or_null(&mut self, role: Role) -> Option<()> {
        if self.here.get(self.at) == Some(&0) {
            self.skip(1);
            return Some(());
        }
        self.named(role)
    }

    /// A value of fixed size with a role.
    #[inline(always)]
    fn value(&mut self, role: Role, bytes: usize) -> Option<()> {
        self.add(self.at, 0, bytes, role)
    }

    /// The same, where it means something.
    #[inline(always)]
    fn value_where<const BYTES: usize>(&mut self, role: Role, means: impl FnOnce(&[u8; BYTES]) -> bool) -> Option<()> {
        if means(self.here.get(self.at..)?.first_chunk()?) {
            return self.value(role, BYTES);
        }
        self.skip(BYTES);
        Some(())
    }
}
