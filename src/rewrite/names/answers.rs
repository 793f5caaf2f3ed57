//! The shapes of our refusals: which parts of a request stand in its answer. Pure tables; [`super::refusals`] reads them.
//!
//! Each table is in the order of both wires at once: where a request's field has its place in the answer it is an echo,
//! else it is skipped or put. Layouts are those of Kafka 4.3.1's definitions, answers those of its `getErrorResponse`s.

use Part::{
    Each, EachItem, EachOrNull, Echo, EchoNullable, EchoText, Empty, Error, Joined, Joining, NoBytes, NoEntries, Null,
    NullEntries, Over, Put, Since, Skip, SkipBlob, SkipText, Until,
};

/// One part of a request, of its answer, or of both.
pub enum Part {
    /// Bytes of the request that the answer has not.
    Skip(usize),
    /// Bytes that stand in both.
    Echo(usize),
    /// A string of the request that the answer has not.
    SkipText,
    /// Bytes of the request, with their length, that the answer has not.
    SkipBlob,
    /// A string that stands in both and is never null.
    EchoText,
    /// A string that stands in both and may be null.
    EchoNullable,
    /// The error code.
    Error,
    /// Bytes that only the answer has.
    Put(&'static [u8]),
    /// A null string of the answer.
    Null,
    /// An empty string of the answer.
    Empty,
    /// Bytes of the answer: none.
    NoBytes,
    /// An array of the answer: empty.
    NoEntries,
    /// An array of the answer: null.
    NullEntries,
    /// An array of structs in both, element by element.
    Each(&'static [Part]),
    /// The same; one that is null in the request is empty in the answer.
    EachOrNull(&'static [Part]),
    /// An array of plain values in the request, of structs in the answer.
    EachItem(&'static [Part]),
    /// An array of structs of the request; the answer has what the elements' parts put into it.
    Over(&'static [Part]),
    /// An array of the answer whose elements are those of each [`Part::Joining`] within.
    Joined(&'static [Part]),
    /// An array of structs of the request, whose elements go to the array around.
    Joining(&'static [Part]),
    /// From this version on.
    Since(i16, &'static [Part]),
    /// Up to this version.
    Until(i16, &'static [Part]),
}

/// The parts of the answer that refuses `key` in `version`; `None`: it is never refused so.
pub fn parts(key: i16, version: i16) -> Option<&'static [Part]> {
    let serves = |answer: &&Answer| answer.key == key && (answer.versions.0..=answer.versions.1).contains(&version);
    ANSWERS.iter().find(serves).map(|answer| answer.parts)
}

struct Answer {
    key: i16,
    /// The first and the last.
    versions: (i16, i16),
    parts: &'static [Part],
}

const fn answer(key: i16, first: i16, last: i16, parts: &'static [Part]) -> Answer {
    Answer { key, versions: (first, last), parts }
}

const THROTTLE: Part = Put(&[0; 4]);
const NO_NODE: Part = Put(&[0xff; 4]);
const NO_PORT: Part = Put(&[0xff; 4]);
const NO_TIME: Part = Put(&[0xff; 8]);
/// Producer id and epoch.
const NO_PRODUCER: Part = Put(&[0xff; 10]);

/// One error for all, with a message.
const TOP: &[Part] = &[THROTTLE, Error, Null];
/// The same, and no entries.
const TOP_AND_NO_ENTRIES: &[Part] = &[THROTTLE, Error, Null, NoEntries];
/// RenewDelegationToken, ExpireDelegationToken.
const TOKEN: &[Part] = &[Error, NO_TIME, THROTTLE];
/// A topic with an array of partition numbers, each refused with a message.
const TOPIC_AND_PARTITIONS: &[Part] = &[EchoText, EachItem(&[Echo(4), Error, Null])];

/// An ACL or a filter of ACLs: type, name, pattern, principal, host, operation and permission.
const ACL: &[Part] = &[Skip(1), SkipText, Skip(1), SkipText, SkipText, Skip(2), Error, Null];
const ACL_FILTER: &[Part] = &[Skip(1), SkipText, Skip(1), SkipText, SkipText, Skip(2), Error, Null, NoEntries];

const ANSWERS: &[Answer] = &[
    // Fetch: the error of a session; no topics.
    answer(1, 7, 12, &[THROTTLE, Error, Put(&[0; 4]), NoEntries]),
    // FindCoordinator: one coordinator, or one for each key.
    answer(10, 0, 3, &[Since(1, &[THROTTLE]), Error, Since(1, &[Null]), NO_NODE, Empty, NO_PORT]),
    answer(10, 4, 6, &[Skip(1), THROTTLE, EachItem(&[EchoText, NO_NODE, Empty, NO_PORT, Error, Null])]),
    // InitProducerId and, further down, AddOffsetsToTxn and EndTxn: no producer.
    answer(22, 0, 5, &[THROTTLE, Error, NO_PRODUCER]),
    // AddPartitionsToTxn among brokers.
    answer(24, 4, 5, &[THROTTLE, Error, NoEntries]),
    answer(25, 0, 4, &[THROTTLE, Error]),
    answer(26, 0, 5, &[THROTTLE, Error, Since(5, &[NO_PRODUCER])]),
    // WriteTxnMarkers.
    answer(
        27,
        1,
        2,
        &[Each(&[Echo(8), Skip(3), Each(&[EchoText, EachItem(&[Echo(4), Error])]), Skip(4), Since(2, &[Skip(1)])])],
    ),
    // DescribeAcls, CreateAcls, DeleteAcls.
    answer(29, 1, 3, TOP_AND_NO_ENTRIES),
    answer(30, 1, 3, &[THROTTLE, Each(ACL)]),
    answer(31, 1, 3, &[THROTTLE, Each(ACL_FILTER)]),
    // AlterReplicaLogDirs: the topics of all directories.
    answer(34, 1, 2, &[THROTTLE, Joined(&[Over(&[SkipText, Joining(&[EchoText, EachItem(&[Echo(4), Error])])])])]),
    // DescribeLogDirs: below version 3 clients take an empty list for this very error.
    answer(35, 1, 5, &[THROTTLE, Since(3, &[Error]), NoEntries]),
    // CreateDelegationToken: owner, requester, three times, the token's id and its HMAC.
    answer(
        38,
        1,
        3,
        &[Error, Empty, Empty, Since(3, &[Empty, Empty]), NO_TIME, NO_TIME, NO_TIME, Empty, NoBytes, THROTTLE],
    ),
    answer(39, 1, 2, TOKEN),
    answer(40, 1, 2, TOKEN),
    // DescribeDelegationToken.
    answer(41, 1, 3, &[Error, NoEntries, THROTTLE]),
    // ElectLeaders.
    answer(43, 0, 2, &[Since(1, &[Skip(1)]), THROTTLE, Since(1, &[Error]), EachOrNull(TOPIC_AND_PARTITIONS)]),
    // AlterPartitionReassignments (from 1 on it says that the replication factor may change), ListPartitionReassignments.
    answer(45, 0, 1, &[THROTTLE, Since(1, &[Put(&[1])]), Error, Null, NoEntries]),
    answer(46, 0, 0, TOP_AND_NO_ENTRIES),
    // DescribeClientQuotas, AlterClientQuotas.
    answer(48, 0, 1, &[THROTTLE, Error, Null, NullEntries]),
    answer(49, 0, 1, &[THROTTLE, Each(&[Error, Null, Each(&[EchoText, EchoNullable]), Over(&[SkipText, Skip(9)])])]),
    // DescribeUserScramCredentials, AlterUserScramCredentials: deletions and upsertions.
    answer(50, 0, 0, TOP_AND_NO_ENTRIES),
    answer(
        51,
        0,
        0,
        &[
            THROTTLE,
            Joined(&[
                Joining(&[EchoText, Skip(1), Error, Null]),
                Joining(&[EchoText, Skip(5), SkipBlob, SkipBlob, Error, Null]),
            ]),
        ],
    ),
    // DescribeQuorum: no topics, no nodes.
    answer(55, 0, 2, &[Error, Since(2, &[Null]), NoEntries, Since(2, &[NoEntries])]),
    // UpdateFeatures.
    answer(57, 0, 2, &[THROTTLE, Error, Null, Until(1, &[NoEntries])]),
    // UnregisterBroker, AddRaftVoter, RemoveRaftVoter.
    answer(64, 0, 0, TOP),
    answer(80, 0, 1, TOP),
    answer(81, 0, 0, TOP),
    // The state of share groups: initialize, read, write, delete, read the summary.
    answer(83, 0, 0, &[SkipText, Each(&[Echo(16), Each(&[Echo(4), Skip(12), Error, Null])])]),
    answer(84, 0, 0, &[SkipText, Each(&[Echo(16), Each(&[Echo(4), Skip(4), Error, Null, Put(&[0; 12]), NoEntries])])]),
    answer(
        85,
        0,
        1,
        &[
            SkipText,
            Each(&[Echo(16), Each(&[Echo(4), Skip(16), Since(1, &[Skip(4)]), Over(&[Skip(19)]), Error, Null])]),
        ],
    ),
    answer(86, 0, 0, &[SkipText, Each(&[Echo(16), Each(&[Echo(4), Error, Null])])]),
    answer(
        87,
        0,
        1,
        &[
            SkipText,
            Each(&[Echo(16), Each(&[Echo(4), Skip(4), Error, Null, Put(&[0; 16]), Since(1, &[Put(&[0xff; 4])])])]),
        ],
    ),
];
