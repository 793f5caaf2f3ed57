//! The layouts of the responses that a namespaced virtual cluster serves, with everything marked that names something.
//! Pure tables; see [`super::super::shape`] for the words and [`super::marks`] for what is marked.
//!
//! The versions are those that a namespace offers: where a higher one has topic ids in place of names, it is not here.

use super::super::shape::{
    Field, Fields, array, blob, fixed, items, leaf, marked_array, marked_blob, marked_text, text, texts,
};
use super::marks::{NameArray, NameLeaf, NameMarks, NameText};

/// A response with names.
pub struct ResponseNames {
    /// The fields of the body.
    pub body: Fields<NameMarks>,
    /// What a name that is not of this virtual cluster means.
    pub foreign: Foreign,
    /// It holds no names, only error codes: it is walked only where another code is to be shown.
    pub codes_only: bool,
}

/// What a name that is not of this virtual cluster means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Its entry is left out: the backend lists what it has.
    LeftOut,
    /// The backend answers exactly what was asked: every name was ours, so that one that is not breaks the response. (A
    /// partition that is missing would be waited for.)
    Refused,
}

/// The layout of the responses of an API; `None` where a namespace does not serve it.
pub fn response_names(key: i16) -> Option<&'static ResponseNames> {
    Some(match key {
        0 => &PRODUCE,
        1 => &FETCH,
        2 => &LIST_OFFSETS,
        3 => &METADATA,
        8 => &OFFSET_COMMIT,
        9 => &OFFSET_FETCH,
        10 => &FIND_COORDINATOR,
        11 => &JOIN_GROUP,
        12 => &HEARTBEAT,
        13 => &LEAVE_GROUP,
        14 => &SYNC_GROUP,
        15 => &DESCRIBE_GROUPS,
        16 => &LIST_GROUPS,
        19 => &CREATE_TOPICS,
        20 => &DELETE_TOPICS,
        21 => &DELETE_RECORDS,
        22 => &INIT_PRODUCER_ID,
        23 => &OFFSET_FOR_LEADER_EPOCH,
        24 => &ADD_PARTITIONS_TO_TXN,
        25 => &ADD_OFFSETS_TO_TXN,
        26 => &END_TXN,
        28 => &TXN_OFFSET_COMMIT,
        32 => &DESCRIBE_CONFIGS,
        33 => &ALTER_CONFIGS,
        37 => &CREATE_PARTITIONS,
        42 => &DELETE_GROUPS,
        // The same layout, flexible from another version.
        44 => &ALTER_CONFIGS,
        47 => &OFFSET_DELETE,
        60 => &DESCRIBE_CLUSTER,
        61 => &DESCRIBE_PRODUCERS,
        65 => &DESCRIBE_TRANSACTIONS,
        66 => &LIST_TRANSACTIONS,
        _ => return None,
    })
}

type Response = Field<NameMarks>;

const THROTTLE: Response = fixed("ThrottleTimeMs", 4);

const fn error(name: &'static str) -> Response {
    leaf(name, 2, NameLeaf::Error)
}

const fn entry_error(name: &'static str) -> Response {
    leaf(name, 2, NameLeaf::EntryError).quiet()
}

const fn topic(name: &'static str) -> Response {
    marked_text(name, NameText::Topic)
}

const fn message(name: &'static str) -> Response {
    marked_text(name, NameText::Message).quiet()
}

const fn operations(name: &'static str) -> Response {
    leaf(name, 4, NameLeaf::AuthorizedOperations)
}

const fn entries(name: &'static str, element: Fields<NameMarks>) -> Response {
    marked_array(name, element, NameArray::Entries).quiet()
}

const fn listed(body: Fields<NameMarks>) -> ResponseNames {
    ResponseNames { body, foreign: Foreign::LeftOut, codes_only: false }
}

const fn exact(body: Fields<NameMarks>) -> ResponseNames {
    ResponseNames { body, foreign: Foreign::Refused, codes_only: false }
}

const fn codes_only(body: Fields<NameMarks>) -> ResponseNames {
    ResponseNames { body, foreign: Foreign::Refused, codes_only: true }
}

/// The entries of the five APIs whose partitions hold an index and an error code.
const PARTITION_ERRORS: Fields<NameMarks> =
    &[topic("Name"), array("Partitions", &[fixed("PartitionIndex", 4), entry_error("ErrorCode")])];

const PRODUCE: ResponseNames = exact(&[
    entries(
        "Responses",
        &[
            topic("Name"),
            array(
                "PartitionResponses",
                &[
                    fixed("Index", 4),
                    entry_error("ErrorCode"),
                    fixed("BaseOffset", 8),
                    fixed("LogAppendTimeMs", 8),
                    fixed("LogStartOffset", 8).since(5),
                    array("RecordErrors", &[fixed("BatchIndex", 4), message("BatchIndexErrorMessage").null_since(8)])
                        .since(8),
                    message("ErrorMessage").since(8).null_since(8),
                ],
            ),
        ],
    ),
    THROTTLE,
]);

const FETCH: ResponseNames = exact(&[
    THROTTLE,
    error("ErrorCode").since(7),
    leaf("SessionId", 4, NameLeaf::FetchSession).since(7),
    entries(
        "Responses",
        &[
            topic("Topic"),
            array(
                "Partitions",
                &[
                    fixed("PartitionIndex", 4),
                    entry_error("ErrorCode"),
                    fixed("HighWatermark", 8),
                    fixed("LastStableOffset", 8),
                    fixed("LogStartOffset", 8).since(5),
                    array("AbortedTransactions", &[fixed("ProducerId", 8), fixed("FirstOffset", 8)]).null_since(4),
                    fixed("PreferredReadReplica", 4).since(11),
                    blob("Records").null_since(0),
                ],
            ),
        ],
    ),
]);

const LIST_OFFSETS: ResponseNames = listed(&[
    THROTTLE.since(2),
    entries(
        "Topics",
        &[
            topic("Name"),
            array(
                "Partitions",
                &[
                    fixed("PartitionIndex", 4),
                    entry_error("ErrorCode"),
                    fixed("Timestamp", 8),
                    fixed("Offset", 8),
                    fixed("LeaderEpoch", 4).since(4),
                ],
            ),
        ],
    ),
]);

/// What Metadata begins with: up to the end of the only field that names nodes by address.
pub const METADATA_FRONT: Fields<NameMarks> = &[METADATA_THROTTLE, METADATA_BROKERS];

const METADATA_THROTTLE: Response = THROTTLE.since(3);
const METADATA_BROKERS: Response =
    array("Brokers", &[fixed("NodeId", 4), text("Host"), fixed("Port", 4), text("Rack").since(1).null_since(1)]);

/// The nodes were seen to before.
const METADATA: ResponseNames = listed(&[
    METADATA_THROTTLE,
    METADATA_BROKERS,
    marked_text("ClusterId", NameText::ClusterId).since(2).null_since(2),
    fixed("ControllerId", 4).since(1),
    entries(
        "Topics",
        &[
            entry_error("ErrorCode"),
            topic("Name").null_since(12),
            leaf("TopicId", 16, NameLeaf::TopicId).since(10),
            fixed("IsInternal", 1).since(1),
            array(
                "Partitions",
                &[
                    fixed("ErrorCode", 2),
                    fixed("PartitionIndex", 4),
                    fixed("LeaderId", 4),
                    fixed("LeaderEpoch", 4).since(7),
                    items("ReplicaNodes", 4),
                    items("IsrNodes", 4),
                    items("OfflineReplicas", 4).since(5),
                ],
            ),
            operations("TopicAuthorizedOperations").since(8),
        ],
    ),
    operations("ClusterAuthorizedOperations").since(8).until(10),
    error("ErrorCode").since(13),
]);

const OFFSET_COMMIT: ResponseNames = listed(&[THROTTLE.since(3), entries("Topics", PARTITION_ERRORS)]);

/// A topic with its offsets. Where it stands within a group all its versions have the leader's epoch.
const FETCHED_OFFSETS: Fields<NameMarks> = &[
    topic("Name"),
    array(
        "Partitions",
        &[
            fixed("PartitionIndex", 4),
            fixed("CommittedOffset", 8),
            fixed("CommittedLeaderEpoch", 4).since(5),
            text("Metadata").null_since(0),
            entry_error("ErrorCode"),
        ],
    ),
];

const OFFSET_FETCH: ResponseNames = listed(&[
    THROTTLE.since(3),
    entries("Topics", FETCHED_OFFSETS).until(7),
    error("ErrorCode").since(2).until(7),
    entries(
        "Groups",
        &[marked_text("GroupId", NameText::Group), entries("Topics", FETCHED_OFFSETS), entry_error("ErrorCode")],
    )
    .since(8),
]);

const FIND_COORDINATOR: ResponseNames = listed(&[
    THROTTLE.since(1),
    error("ErrorCode").until(3),
    message("ErrorMessage").since(1).until(3).null_since(1),
    fixed("NodeId", 4).until(3),
    text("Host").until(3),
    fixed("Port", 4).until(3),
    entries(
        "Coordinators",
        &[
            marked_text("Key", NameText::CoordinatorKey),
            fixed("NodeId", 4),
            text("Host"),
            fixed("Port", 4),
            entry_error("ErrorCode"),
            message("ErrorMessage").null_since(4),
        ],
    )
    .since(4),
]);

const JOIN_GROUP: ResponseNames = exact(&[
    THROTTLE.since(2),
    error("ErrorCode"),
    fixed("GenerationId", 4),
    marked_text("ProtocolType", NameText::ProtocolType).since(7).null_since(7),
    text("ProtocolName").null_since(7),
    text("Leader"),
    fixed("SkipAssignment", 1).since(9),
    text("MemberId"),
    array(
        "Members",
        &[
            text("MemberId"),
            text("GroupInstanceId").since(5).null_since(5),
            marked_blob("Metadata", NameText::Subscription),
        ],
    ),
]);

const HEARTBEAT: ResponseNames = codes_only(&[THROTTLE.since(1), error("ErrorCode")]);

const LEAVE_GROUP: ResponseNames = codes_only(&[
    THROTTLE.since(1),
    error("ErrorCode"),
    array("Members", &[text("MemberId"), text("GroupInstanceId").null_since(3), error("ErrorCode")]).since(3),
]);

const SYNC_GROUP: ResponseNames = exact(&[
    THROTTLE.since(1),
    error("ErrorCode"),
    marked_text("ProtocolType", NameText::ProtocolType).since(5).null_since(5),
    text("ProtocolName").since(5).null_since(5),
    marked_blob("Assignment", NameText::Assignment),
]);

const DESCRIBE_GROUPS: ResponseNames = listed(&[
    THROTTLE.since(1),
    entries(
        "Groups",
        &[
            entry_error("ErrorCode"),
            message("ErrorMessage").since(6).null_since(6),
            marked_text("GroupId", NameText::Group),
            text("GroupState"),
            marked_text("ProtocolType", NameText::ProtocolType),
            text("ProtocolData"),
            array(
                "Members",
                &[
                    text("MemberId"),
                    text("GroupInstanceId").since(4).null_since(4),
                    text("ClientId"),
                    text("ClientHost"),
                    marked_blob("MemberMetadata", NameText::Subscription),
                    marked_blob("MemberAssignment", NameText::Assignment),
                ],
            ),
            operations("AuthorizedOperations").since(3),
        ],
    ),
]);

const LIST_GROUPS: ResponseNames = listed(&[
    THROTTLE.since(1),
    error("ErrorCode"),
    entries(
        "Groups",
        &[
            marked_text("GroupId", NameText::Group),
            text("ProtocolType"),
            text("GroupState").since(4),
            text("GroupType").since(5),
        ],
    ),
]);

const CREATE_TOPICS: ResponseNames = listed(&[
    THROTTLE,
    entries(
        "Topics",
        &[
            topic("Name"),
            fixed("TopicId", 16).since(7),
            entry_error("ErrorCode"),
            message("ErrorMessage").null_since(0),
            fixed("NumPartitions", 4).since(5),
            fixed("ReplicationFactor", 2).since(5),
            array(
                "Configs",
                &[
                    text("Name"),
                    text("Value").null_since(5),
                    fixed("ReadOnly", 1),
                    fixed("ConfigSource", 1),
                    fixed("IsSensitive", 1),
                ],
            )
            .since(5)
            .null_since(5),
        ],
    ),
]);

const DELETE_TOPICS: ResponseNames = listed(&[
    THROTTLE,
    entries("Responses", &[topic("Name"), entry_error("ErrorCode"), message("ErrorMessage").since(5).null_since(5)]),
]);

const DELETE_RECORDS: ResponseNames = listed(&[
    THROTTLE,
    entries(
        "Topics",
        &[
            topic("Name"),
            array("Partitions", &[fixed("PartitionIndex", 4), fixed("LowWatermark", 8), entry_error("ErrorCode")]),
        ],
    ),
]);

const INIT_PRODUCER_ID: ResponseNames =
    codes_only(&[THROTTLE, error("ErrorCode"), fixed("ProducerId", 8), fixed("ProducerEpoch", 2)]);

const OFFSET_FOR_LEADER_EPOCH: ResponseNames = listed(&[
    THROTTLE,
    entries(
        "Topics",
        &[
            topic("Topic"),
            array(
                "Partitions",
                &[entry_error("ErrorCode"), fixed("Partition", 4), fixed("LeaderEpoch", 4), fixed("EndOffset", 8)],
            ),
        ],
    ),
]);

const ADD_PARTITIONS_TO_TXN: ResponseNames = listed(&[
    THROTTLE,
    entries(
        "ResultsByTopicV3AndBelow",
        &[topic("Name"), array("ResultsByPartition", &[fixed("PartitionIndex", 4), entry_error("PartitionErrorCode")])],
    ),
]);

const ADD_OFFSETS_TO_TXN: ResponseNames = codes_only(&[THROTTLE, error("ErrorCode")]);

const END_TXN: ResponseNames =
    codes_only(&[THROTTLE, error("ErrorCode"), fixed("ProducerId", 8).since(5), fixed("ProducerEpoch", 2).since(5)]);

const TXN_OFFSET_COMMIT: ResponseNames = listed(&[THROTTLE, entries("Topics", PARTITION_ERRORS)]);

const DESCRIBE_CONFIGS: ResponseNames = listed(&[
    THROTTLE,
    entries(
        "Results",
        &[
            entry_error("ErrorCode"),
            message("ErrorMessage").null_since(0),
            leaf("ResourceType", 1, NameLeaf::ShownResourceType),
            marked_text("ResourceName", NameText::Resource),
            array(
                "Configs",
                &[
                    text("Name"),
                    text("Value").null_since(0),
                    fixed("ReadOnly", 1),
                    fixed("ConfigSource", 1),
                    fixed("IsSensitive", 1),
                    array("Synonyms", &[text("Name"), text("Value").null_since(0), fixed("Source", 1)]),
                    fixed("ConfigType", 1).since(3),
                    text("Documentation").since(3).null_since(0),
                ],
            ),
        ],
    ),
]);

/// AlterConfigs and IncrementalAlterConfigs.
const ALTER_CONFIGS: ResponseNames = listed(&[
    THROTTLE,
    entries(
        "Responses",
        &[
            entry_error("ErrorCode"),
            message("ErrorMessage").null_since(0),
            leaf("ResourceType", 1, NameLeaf::ShownResourceType),
            marked_text("ResourceName", NameText::Resource),
        ],
    ),
]);

const CREATE_PARTITIONS: ResponseNames = listed(&[
    THROTTLE,
    entries("Results", &[topic("Name"), entry_error("ErrorCode"), message("ErrorMessage").null_since(0)]),
]);

const DELETE_GROUPS: ResponseNames =
    listed(&[THROTTLE, entries("Results", &[marked_text("GroupId", NameText::Group), entry_error("ErrorCode")])]);

const OFFSET_DELETE: ResponseNames = listed(&[error("ErrorCode"), THROTTLE, entries("Topics", PARTITION_ERRORS)]);

/// The nodes were seen to before.
const DESCRIBE_CLUSTER: ResponseNames = listed(&[
    THROTTLE,
    error("ErrorCode"),
    message("ErrorMessage").null_since(0),
    fixed("EndpointType", 1).since(1),
    marked_text("ClusterId", NameText::ClusterId),
    fixed("ControllerId", 4),
    array(
        "Brokers",
        &[
            fixed("BrokerId", 4),
            text("Host"),
            fixed("Port", 4),
            text("Rack").null_since(0),
            fixed("IsFenced", 1).since(2),
        ],
    ),
    operations("ClusterAuthorizedOperations"),
]);

const DESCRIBE_PRODUCERS: ResponseNames = listed(&[
    THROTTLE,
    entries(
        "Topics",
        &[
            topic("Name"),
            array(
                "Partitions",
                &[
                    fixed("PartitionIndex", 4),
                    entry_error("ErrorCode"),
                    message("ErrorMessage").null_since(0),
                    array(
                        "ActiveProducers",
                        &[
                            fixed("ProducerId", 8),
                            fixed("ProducerEpoch", 4),
                            fixed("LastSequence", 4),
                            fixed("LastTimestamp", 8),
                            fixed("CoordinatorEpoch", 4),
                            fixed("CurrentTxnStartOffset", 8),
                        ],
                    ),
                ],
            ),
        ],
    ),
]);

/// Kafka's own topics are among those of a transaction: they are left out.
const DESCRIBE_TRANSACTIONS: ResponseNames = listed(&[
    THROTTLE,
    entries(
        "TransactionStates",
        &[
            entry_error("ErrorCode"),
            marked_text("TransactionalId", NameText::TransactionalId),
            text("TransactionState"),
            fixed("TransactionTimeoutMs", 4),
            fixed("TransactionStartTimeMs", 8),
            fixed("ProducerId", 8),
            fixed("ProducerEpoch", 2),
            entries("Topics", &[topic("Topic"), items("Partitions", 4)]),
        ],
    ),
]);

const LIST_TRANSACTIONS: ResponseNames = listed(&[
    THROTTLE,
    error("ErrorCode"),
    texts("UnknownStateFilters"),
    entries(
        "TransactionStates",
        &[marked_text("TransactionalId", NameText::TransactionalId), fixed("ProducerId", 8), text("TransactionState")],
    ),
]);

#[cfg(test)]
mod tests {
    use super::super::super::rules::rules;
    use super::super::super::shape::Kind;
    use super::super::super::walk::DEPTH_MAX;
    use super::super::entries::LEVELS_MAX;
    use super::*;

    /// Deepest nesting of all fields, and of arrays of entries.
    fn depth(fields: Fields<NameMarks>) -> (usize, usize) {
        let inner = fields.iter().map(|field| match field.kind {
            Kind::Array(inner, mark) => {
                let (all, entries) = depth(inner);
                (all, entries + usize::from(mark.is_some()))
            }
            Kind::Struct(inner) | Kind::Tagged(_, inner) => depth(inner),
            Kind::Texts(_) => (1, 0),
            Kind::Fixed(..) | Kind::Text(_) | Kind::ClassicText | Kind::Blob(_) | Kind::Items(_) => (0, 0),
        });
        let deepest = inner.fold((0, 0), |(a, b), (c, d)| (a.max(c), b.max(d)));
        (deepest.0 + 1, deepest.1)
    }

    #[test]
    fn no_shape_is_deeper_than_its_walk_can_take() {
        let shapes = rules().iter().filter_map(|rule| Some((rule.name, response_names(rule.key)?)));
        let deepest: Vec<_> = shapes.map(|(name, shape)| (name, depth(shape.body))).collect();
        assert!(deepest.iter().all(|(_, (all, entries))| *all <= DEPTH_MAX && *entries <= LEVELS_MAX), "{deepest:?}");
        assert!(deepest.iter().any(|(_, (_, entries))| *entries == LEVELS_MAX));
    }
}
