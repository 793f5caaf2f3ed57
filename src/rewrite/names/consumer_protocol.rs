//! Topic names inside the blobs of the consumer protocol: what a member of a classic group subscribes to, and what the
//! leader gives it (ConsumerProtocolSubscription, ConsumerProtocolAssignment).
//!
//! Owns the layout of both, in every version: classic lengths, never flexible, an int16 version in front. A broker reads
//! them too (to know which offsets are still wanted), and the version may be newer than any it knows: so the names are
//! mapped wherever they can be read, and what stands behind them is kept as it is. May not know which field a blob stood
//! in, nor who asks.

use super::rejected_name::RejectedName;
use crate::cluster::Namespace;
use crate::wire::{ReadError, Reader};

/// What a blob holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Embedded {
    /// What one member wants: topics, user data; from version 1 on what it has; then more.
    Subscription,
    /// What one member gets: topics with partitions; then user data.
    Assignment,
}

/// Which way a blob goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a client: names become physical.
    In,
    /// To a client: names become those that it knows.
    Out,
}

/// What became of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// Its topics cannot be read: nothing was written, and nobody else can read names in it either.
    Unreadable,
    /// It was written anew.
    Written {
        /// Topics (with their partitions) that were left out, as they are not of this virtual cluster.
        foreign: u32,
    },
    /// A name became longer than its length can say.
    TooLong,
}

/// The version whose readers want nothing behind the user data.
const OLDEST: [u8; 2] = [0, 0];
const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// Appends `blob` with its names mapped to `into`; what was appended is to be used only when it was `Written`.
///
/// A name from a client that stands for no topic is rejected, so that it comes back as it was. The topics a member has
/// already (from version 1 on), when they cannot be read, are left out with all that is behind them, and the version
/// becomes 0: names that nobody mapped must not pass. A broken user data is left out likewise.
pub fn rewrite(
    blob: &[u8],
    kind: Embedded,
    direction: Direction,
    namespace: &Namespace,
    into: &mut Vec<u8>,
) -> Rewritten {
    let mut writer = Writer { reader: Reader::new(blob, false), direction, namespace, into, foreign: 0 };
    let written = match kind {
        Embedded::Subscription => writer.subscription(),
        Embedded::Assignment => writer.assignment(),
    };
    match written {
        Ok(()) => Rewritten::Written { foreign: writer.foreign },
        Err(Fault::Unreadable) => Rewritten::Unreadable,
        Err(Fault::TooLong) => Rewritten::TooLong,
    }
}

enum Fault {
    Unreadable,
    TooLong,
}

impl From<ReadError> for Fault {
    fn from(_: ReadError) -> Fault {
        Fault::Unreadable
    }
}

/// Reads the blob, writes to the end of `into`.
struct Writer<'a> {
    reader: Reader<'a>,
    direction: Direction,
    namespace: &'a Namespace,
    into: &'a mut Vec<u8>,
    foreign: u32,
}

impl Writer<'_> {
    fn subscription(&mut self) -> Result<(), Fault> {
        let start = self.into.len();
        let version = self.version()?;
        self.topics(false)?;
        if self.reader.is_empty() {
            return Ok(());
        }
        let Ok(user_data) = self.reader.raw(Reader::nullable_bytes) else {
            self.close_as_oldest(start);
            self.into.extend_from_slice(&NULL);
            return Ok(());
        };
        self.into.extend_from_slice(user_data);
        // Some clients write version 1 and nothing behind the user data: that stays as it is.
        if version >= 1 && !self.reader.is_empty() {
            let (end, foreign) = (self.into.len(), self.foreign);
            match self.topics(true) {
                Ok(()) => {}
                Err(Fault::Unreadable) => {
                    self.into.truncate(end);
                    self.foreign = foreign;
                    self.close_as_oldest(start);
                }
                Err(Fault::TooLong) => return Err(Fault::TooLong),
            }
        }
        self.into.extend_from_slice(self.reader.rest());
        Ok(())
    }

    fn assignment(&mut self) -> Result<(), Fault> {
        self.version()?;
        self.topics(true)?;
        self.into.extend_from_slice(self.reader.rest());
        Ok(())
    }

    /// Drops the rest; what was written since `start` says the version that has no such rest.
    fn close_as_oldest(&mut self, start: usize) {
        self.reader = Reader::new(&[], false);
        if let Some(version) = self.into.get_mut(start..start + OLDEST.len()) {
            version.copy_from_slice(&OLDEST);
        }
    }

    fn version(&mut self) -> Result<i16, Fault> {
        let version = self.reader.i16()?;
        if version < 0 {
            return Err(Fault::Unreadable);
        }
        self.into.extend_from_slice(&version.to_be_bytes());
        Ok(version)
    }

    /// An array of topics, each with its partitions where it has them.
    fn topics(&mut self, partitions: bool) -> Result<(), Fault> {
        // The shortest element is an empty name, and no partitions.
        let count = self.reader.count(if partitions { 6 } else { 2 })?;
        let count_at = self.into.len();
        self.into.extend_from_slice(&[0; 4]);
        let mut kept = 0u32;
        for _ in 0..count {
            let name = self.reader.string()?;
            let known = self.name(name)?;
            if partitions {
                let indexes = self.reader.raw(|reader| reader.fixed_array(4))?;
                if known {
                    self.into.extend_from_slice(indexes);
                }
            }
            if known {
                kept += 1;
            } else {
                self.foreign += 1;
            }
        }
        if let Some(place) = self.into.get_mut(count_at..count_at + 4) {
            place.copy_from_slice(&kept.to_be_bytes());
        }
        Ok(())
    }

    /// Writes the mapped name with its length; false when there is none.
    fn name(&mut self, name: &[u8]) -> Result<bool, Fault> {
        let length_at = self.into.len();
        self.into.extend_from_slice(&[0; 2]);
        let name_at = self.into.len();
        match self.direction {
            Direction::In => match self.namespace.topic_in(name) {
                Ok(physical) => physical.write(self.into),
                Err(refusal) => RejectedName::from(refusal).write(self.namespace, name, self.into),
            },
            Direction::Out => {
                let said = RejectedName::read(self.namespace, name).map(|(_, said)| said);
                let Some(shown) = said.or_else(|| self.namespace.topic_out(name)) else {
                    self.into.truncate(length_at);
                    return Ok(false);
                };
                self.into.extend_from_slice(shown);
            }
        }
        let length = i16::try_from(self.into.len() - name_at).map_err(|_| Fault::TooLong)?;
        if let Some(place) = self.into.get_mut(length_at..name_at) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Additional, Mode};

    fn namespace() -> Namespace {
        Namespace {
            mode: Mode::HidePrefix,
            prefix: "a.".into(),
            topics: Additional::default(),
            groups: Additional::default(),
            aliases: vec![("short".into(), "long".into())],
            all_prefixes: ["a.".into()].into(),
        }
    }

    fn run(blob: &[u8], kind: Embedded, direction: Direction) -> Option<(Vec<u8>, u32)> {
        let mut bytes = b"before".to_vec();
        match rewrite(blob, kind, direction, &namespace(), &mut bytes) {
            Rewritten::Written { foreign } => Some((bytes.split_off(6), foreign)),
            Rewritten::Unreadable => None,
            Rewritten::TooLong => panic!("too long"),
        }
    }

    fn name(name: &str) -> Vec<u8> {
        [&(name.len() as i16).to_be_bytes()[..], name.as_bytes()].concat()
    }

    /// Version 3 with two topics, user data, an owned topic, generation and rack.
    fn subscription(version: u8, first: &str, second: &str, owned: &str) -> Vec<u8> {
        let mut blob = vec![0, version, 0, 0, 0, 2];
        blob.extend(name(first));
        blob.extend(name(second));
        blob.extend([0, 0, 0, 1, b'u']);
        blob.extend([0, 0, 0, 1]);
        blob.extend(name(owned));
        blob.extend([0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8]);
        blob.extend([0, 0, 0, 5, 0, 1, b'r']);
        blob
    }

    use Direction::{In, Out};
    use Embedded::{Assignment, Subscription};

    #[test]
    fn names_go_in_and_come_out_and_all_else_is_kept() {
        for version in [1, 2, 3, 9] {
            let shown = subscription(version, "x", "short", "y");
            let physical = subscription(version, "a.x", "a.long", "a.y");
            assert_eq!(run(&shown, Subscription, In), Some((physical.clone(), 0)));
            assert_eq!(run(&physical, Subscription, Out), Some((shown, 0)));
        }
        // Refused names come back as they were: the original of an alias, an illegal one, none at all.
        let shown = subscription(3, "long", "a/b", "");
        let physical = subscription(3, "a./along", "a./ia/b", "a./i");
        assert_eq!(run(&shown, Subscription, In), Some((physical.clone(), 0)));
        assert_eq!(run(&physical, Subscription, Out), Some((shown, 0)));
    }

    #[test]
    fn foreign_names_are_left_out_with_their_partitions_and_counted() {
        let physical = subscription(3, "b.x", "a.x", "b.y");
        let mut shown = vec![0, 3, 0, 0, 0, 1];
        shown.extend(name("x"));
        shown.extend([0, 0, 0, 1, b'u', 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, b'r']);
        assert_eq!(run(&physical, Subscription, Out), Some((shown, 2)));
        let element = |topic: &str| [name(topic), vec![0, 0, 0, 1, 0, 0, 0, 9]].concat();
        let physical = [&[0, 1, 0, 0, 0, 2][..], &element("b.x"), &element("a.x"), &[0xff; 4]].concat();
        let shown = [&[0, 1, 0, 0, 0, 1][..], &element("x"), &[0xff; 4]].concat();
        assert_eq!(run(&physical, Assignment, Out), Some((shown, 1)));
    }

    #[test]
    fn what_cannot_be_read_behind_the_topics_is_left_out() {
        let whole = subscription(3, "x", "y", "z");
        let user_data_at = 6 + 3 + 3;
        let names = [&[0, 0, 0, 0, 0, 2][..], &name("a.x"), &name("a.y")].concat();
        // The topics alone: kept. A cut user data: null.
        let mut topics = names.clone();
        topics[1] = 3;
        assert_eq!(run(&whole[..user_data_at], Subscription, In), Some((topics.clone(), 0)));
        for cut in user_data_at + 1..user_data_at + 5 {
            assert_eq!(run(&whole[..cut], Subscription, In), Some(([&names[..], &NULL].concat(), 0)), "{cut}");
        }
        // The end of the user data is an end; cut owned topics are left out; behind them everything is kept.
        topics.extend([0, 0, 0, 1, b'u']);
        assert_eq!(run(&whole[..user_data_at + 5], Subscription, In), Some((topics, 0)));
        let oldest = [&names[..], &[0, 0, 0, 1, b'u']].concat();
        let owned_end = whole.len() - 7;
        for cut in user_data_at + 6..owned_end {
            assert_eq!(run(&whole[..cut], Subscription, In), Some((oldest.clone(), 0)), "{cut}");
        }
        let physical = subscription(3, "a.x", "a.y", "a.z");
        for behind in 0..7 {
            let expected = physical[..physical.len() - behind].to_vec();
            assert_eq!(run(&whole[..whole.len() - behind], Subscription, In), Some((expected, 0)), "{behind}");
        }
    }

    #[test]
    fn what_is_no_such_blob_stays_unread() {
        let whole = subscription(3, "x", "y", "z");
        for cut in 0..6 + 3 + 3 {
            assert_eq!(run(&whole[..cut], Subscription, In), None, "{cut}");
        }
        for blob in [&b"{\"json\":\"of a schema registry\"}"[..], &[0xff; 40], &[0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0]] {
            assert_eq!(run(blob, Subscription, In), None);
            assert_eq!(run(blob, Assignment, Out), None);
        }
        let bomb = [&[0, 0, 0x7f, 0xff, 0xff, 0xff][..], &[0; 60]].concat();
        assert_eq!(run(&bomb, Assignment, Out), None);
        let partitions = [&[0, 0, 0, 0, 0, 1][..], &name("x"), &[0x40, 0, 0, 0], &[0; 60]].concat();
        assert_eq!(run(&partitions, Assignment, In), None);
    }

    #[test]
    fn a_name_that_outgrows_its_length_is_told() {
        let mut blob = vec![0, 0, 0, 0, 0, 1, 0x7f, 0xff];
        blob.extend([b'x'; 0x7fff]);
        let mut bytes = Vec::new();
        assert_eq!(rewrite(&blob, Subscription, In, &namespace(), &mut bytes), Rewritten::TooLong);
    }
}
