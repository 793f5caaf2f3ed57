//! The requests that a namespace serves, in every version it serves, with everything in them that names something of a
//! tenant. Pure tables; see [`super::super::shape`] for the words and [`super::marks`] for what is marked.
//!
//! A test holds them against Kafka 4.3.1's definitions: each layout field by field, and a mark wherever these say that a
//! string is a topic's name, a group's or a transactional id.

use super::super::shape::{
    Field, Fields, array, blob, fixed, items, leaf, marked_blob, marked_text, marked_texts, tagged, text, texts,
};
use super::marks::{NameLeaf, NameMarks, NameText};

type Request = Field<NameMarks>;

/// The body of a request that a namespace serves; `None` for every other API.
pub fn request_shape(key: i16) -> Option<Fields<NameMarks>> {
    Some(match key {
        0 => PRODUCE,
        1 => FETCH,
        2 => LIST_OFFSETS,
        3 => METADATA,
        8 => OFFSET_COMMIT,
        9 => OFFSET_FETCH,
        10 => FIND_COORDINATOR,
        11 => JOIN_GROUP,
        12 => HEARTBEAT,
        13 => LEAVE_GROUP,
        14 => SYNC_GROUP,
        15 => DESCRIBE_GROUPS,
        16 => LIST_GROUPS,
        19 => CREATE_TOPICS,
        20 => DELETE_TOPICS,
        21 => DELETE_RECORDS,
        22 => INIT_PRODUCER_ID,
        23 => OFFSET_FOR_LEADER_EPOCH,
        24 => ADD_PARTITIONS_TO_TXN,
        25 => ADD_OFFSETS_TO_TXN,
        26 => END_TXN,
        28 => TXN_OFFSET_COMMIT,
        32 => DESCRIBE_CONFIGS,
        33 => ALTER_CONFIGS,
        37 => CREATE_PARTITIONS,
        42 => DELETE_GROUPS,
        44 => INCREMENTAL_ALTER_CONFIGS,
        47 => OFFSET_DELETE,
        60 => DESCRIBE_CLUSTER,
        61 => DESCRIBE_PRODUCERS,
        65 => DESCRIBE_TRANSACTIONS,
        66 => LIST_TRANSACTIONS,
        _ => return None,
    })
}

const GROUP: Request = marked_text("GroupId", NameText::Group);
const GROUP_NOT_EMPTY: Request = marked_text("GroupId", NameText::GroupNotEmpty);
const TRANSACTIONAL_ID: Request = marked_text("TransactionalId", NameText::TransactionalId);
const GROUP_INSTANCE_ID: Request = text("GroupInstanceId").since(3).null_since(3);
const REPLICA_ID: Request = leaf("ReplicaId", 4, NameLeaf::ReplicaId);

/// A topic that is used.
const fn topic(name: &'static str) -> Request {
    marked_text(name, NameText::Topic)
}

/// From version 13 on topics are named by id; not served.
const PRODUCE: Fields<NameMarks> = &[
    TRANSACTIONAL_ID.null_since(3),
    leaf("Acks", 2, NameLeaf::Acks),
    fixed("TimeoutMs", 4),
    array("TopicData", &[topic("Name"), array("PartitionData", &[fixed("Index", 4), blob("Records").null_since(0)])]),
];

/// From version 13 on topics are named by id; not served.
const FETCH: Fields<NameMarks> = &[
    REPLICA_ID,
    fixed("MaxWaitMs", 4),
    fixed("MinBytes", 4),
    fixed("MaxBytes", 4),
    fixed("IsolationLevel", 1),
    leaf("SessionId+SessionEpoch", 8, NameLeaf::FetchSession).since(7),
    array(
        "Topics",
        &[
            topic("Topic"),
            array(
                "Partitions",
                &[
                    fixed("Partition", 4),
                    fixed("CurrentLeaderEpoch", 4).since(9),
                    fixed("FetchOffset", 8),
                    fixed("LastFetchedEpoch", 4).since(12),
                    fixed("LogStartOffset", 8).since(5),
                    fixed("PartitionMaxBytes", 4),
                ],
            ),
        ],
    ),
    array("ForgottenTopicsData", &[topic("Topic"), items("Partitions", 4)]).since(7),
    text("RackId").since(11),
    // Replicas alone say it, to be told when they are not in the cluster they think they are.
    tagged("ClusterId", 0, &[marked_text("ClusterId", NameText::ClusterId).null_since(12)]).since(12),
];

const LIST_OFFSETS: Fields<NameMarks> = &[
    REPLICA_ID,
    fixed("IsolationLevel", 1).since(2),
    array(
        "Topics",
        &[
            topic("Name"),
            array(
                "Partitions",
                &[fixed("PartitionIndex", 4), fixed("CurrentLeaderEpoch", 4).since(4), fixed("Timestamp", 8)],
            ),
        ],
    ),
    fixed("TimeoutMs", 4).since(10),
];

const METADATA: Fields<NameMarks> = &[
    array("Topics", &[leaf("TopicId", 16, NameLeaf::TopicId).since(10), topic("Name").null_since(10)]).null_since(1),
    leaf("AllowAutoTopicCreation", 1, NameLeaf::AutoCreate).since(4),
    fixed("IncludeClusterAuthorizedOperations", 1).since(8).until(10),
    fixed("IncludeTopicAuthorizedOperations", 1).since(8),
];

/// From version 10 on topics are named by id; not served.
const OFFSET_COMMIT: Fields<NameMarks> = &[
    GROUP,
    fixed("GenerationIdOrMemberEpoch", 4),
    text("MemberId"),
    text("GroupInstanceId").since(7).null_since(7),
    fixed("RetentionTimeMs", 8).since(2).until(4),
    array(
        "Topics",
        &[
            topic("Name"),
            array(
                "Partitions",
                &[
                    fixed("PartitionIndex", 4),
                    fixed("CommittedOffset", 8),
                    fixed("CommittedLeaderEpoch", 4).since(6),
                    text("CommittedMetadata").null_since(0),
                ],
            ),
        ],
    ),
];

const TOPIC_AND_INDEXES: Fields<NameMarks> = &[topic("Name"), items("PartitionIndexes", 4)];

/// From version 10 on topics are named by id; not served.
const OFFSET_FETCH: Fields<NameMarks> = &[
    GROUP.until(7),
    array("Topics", TOPIC_AND_INDEXES).until(7).null_since(2),
    array(
        "Groups",
        &[
            GROUP,
            text("MemberId").since(9).null_since(9),
            fixed("MemberEpoch", 4).since(9),
            array("Topics", TOPIC_AND_INDEXES).null_since(8),
        ],
    )
    .since(8),
    fixed("RequireStable", 1).since(7),
];

const COORDINATOR_KEYS: Fields<NameMarks> = &[marked_text("element", NameText::CoordinatorKey)];

const FIND_COORDINATOR: Fields<NameMarks> = &[
    marked_text("Key", NameText::CoordinatorKey).until(3),
    leaf("KeyType", 1, NameLeaf::KeyType).since(1),
    marked_texts("CoordinatorKeys", COORDINATOR_KEYS).since(4),
];

const JOIN_GROUP: Fields<NameMarks> = &[
    GROUP_NOT_EMPTY,
    fixed("SessionTimeoutMs", 4),
    fixed("RebalanceTimeoutMs", 4).since(1),
    text("MemberId"),
    text("GroupInstanceId").since(5).null_since(5),
    marked_text("ProtocolType", NameText::ProtocolType),
    array("Protocols", &[text("Name"), marked_blob("Metadata", NameText::Subscription)]),
    text("Reason").since(8).null_since(8),
];

const HEARTBEAT: Fields<NameMarks> = &[GROUP_NOT_EMPTY, fixed("GenerationId", 4), text("MemberId"), GROUP_INSTANCE_ID];

const LEAVE_GROUP: Fields<NameMarks> = &[
    GROUP_NOT_EMPTY,
    text("MemberId").until(2),
    array("Members", &[text("MemberId"), GROUP_INSTANCE_ID, text("Reason").since(5).null_since(5)]).since(3),
];

const SYNC_GROUP: Fields<NameMarks> = &[
    GROUP_NOT_EMPTY,
    fixed("GenerationId", 4),
    text("MemberId"),
    GROUP_INSTANCE_ID,
    marked_text("ProtocolType", NameText::ProtocolType).since(5).null_since(5),
    text("ProtocolName").since(5).null_since(5),
    array("Assignments", &[text("MemberId"), marked_blob("Assignment", NameText::Assignment)]),
];

const GROUPS: Fields<NameMarks> = &[marked_text("element", NameText::Group)];

const DESCRIBE_GROUPS: Fields<NameMarks> =
    &[marked_texts("Groups", GROUPS), fixed("IncludeAuthorizedOperations", 1).since(3)];

const LIST_GROUPS: Fields<NameMarks> = &[texts("StatesFilter").since(4), texts("TypesFilter").since(5)];

const CREATE_TOPICS: Fields<NameMarks> = &[
    array(
        "Topics",
        &[
            marked_text("Name", NameText::CreatedTopic),
            fixed("NumPartitions", 4),
            fixed("ReplicationFactor", 2),
            array("Assignments", &[fixed("PartitionIndex", 4), items("BrokerIds", 4)]),
            array("Configs", &[text("Name"), text("Value").null_since(0)]),
        ],
    ),
    fixed("timeoutMs", 4),
    fixed("validateOnly", 1),
];

const CHANGED_TOPICS: Fields<NameMarks> = &[marked_text("element", NameText::ChangedTopic)];

/// From version 6 on topics may be named by id; not served.
const DELETE_TOPICS: Fields<NameMarks> = &[marked_texts("TopicNames", CHANGED_TOPICS), fixed("TimeoutMs", 4)];

const DELETE_RECORDS: Fields<NameMarks> = &[
    array(
        "Topics",
        &[
            marked_text("Name", NameText::ChangedTopic),
            array("Partitions", &[fixed("PartitionIndex", 4), fixed("Offset", 8)]),
        ],
    ),
    fixed("TimeoutMs", 4),
];

const INIT_PRODUCER_ID: Fields<NameMarks> = &[
    TRANSACTIONAL_ID.null_since(0),
    fixed("TransactionTimeoutMs", 4),
    fixed("ProducerId", 8).since(3),
    fixed("ProducerEpoch", 2).since(3),
];

const OFFSET_FOR_LEADER_EPOCH: Fields<NameMarks> = &[
    leaf("ReplicaId", 4, NameLeaf::ReplicaId).since(3),
    array(
        "Topics",
        &[
            topic("Topic"),
            array("Partitions", &[fixed("Partition", 4), fixed("CurrentLeaderEpoch", 4), fixed("LeaderEpoch", 4)]),
        ],
    ),
];

/// From version 4 on it is for brokers among themselves; not served.
const ADD_PARTITIONS_TO_TXN: Fields<NameMarks> = &[
    marked_text("V3AndBelowTransactionalId", NameText::TransactionalId),
    fixed("V3AndBelowProducerId", 8),
    fixed("V3AndBelowProducerEpoch", 2),
    array("V3AndBelowTopics", &[topic("Name"), items("Partitions", 4)]),
];

const ADD_OFFSETS_TO_TXN: Fields<NameMarks> =
    &[TRANSACTIONAL_ID, fixed("ProducerId", 8), fixed("ProducerEpoch", 2), GROUP_NOT_EMPTY];

const END_TXN: Fields<NameMarks> =
    &[TRANSACTIONAL_ID, fixed("ProducerId", 8), fixed("ProducerEpoch", 2), fixed("Committed", 1)];

const TXN_OFFSET_COMMIT: Fields<NameMarks> = &[
    TRANSACTIONAL_ID,
    GROUP_NOT_EMPTY,
    fixed("ProducerId", 8),
    fixed("ProducerEpoch", 2),
    fixed("GenerationId", 4).since(3),
    text("MemberId").since(3),
    GROUP_INSTANCE_ID,
    array(
        "Topics",
        &[
            topic("Name"),
            array(
                "Partitions",
                &[
                    fixed("PartitionIndex", 4),
                    fixed("CommittedOffset", 8),
                    fixed("CommittedLeaderEpoch", 4).since(2),
                    text("CommittedMetadata").null_since(0),
                ],
            ),
        ],
    ),
];

const RESOURCE_TYPE: Request = leaf("ResourceType", 1, NameLeaf::ResourceType);
const RESOURCE_NAME: Request = marked_text("ResourceName", NameText::Resource);

const DESCRIBE_CONFIGS: Fields<NameMarks> = &[
    array("Resources", &[RESOURCE_TYPE, RESOURCE_NAME, texts("ConfigurationKeys").null_since(0)]),
    fixed("IncludeSynonyms", 1),
    fixed("IncludeDocumentation", 1).since(3),
];

const ALTER_CONFIGS: Fields<NameMarks> = &[
    array("Resources", &[RESOURCE_TYPE, RESOURCE_NAME, array("Configs", &[text("Name"), text("Value").null_since(0)])]),
    fixed("ValidateOnly", 1),
];

const INCREMENTAL_ALTER_CONFIGS: Fields<NameMarks> = &[
    array(
        "Resources",
        &[
            RESOURCE_TYPE,
            RESOURCE_NAME,
            array("Configs", &[text("Name"), fixed("ConfigOperation", 1), text("Value").null_since(0)]),
        ],
    ),
    fixed("ValidateOnly", 1),
];

const CREATE_PARTITIONS: Fields<NameMarks> = &[
    array(
        "Topics",
        &[
            marked_text("Name", NameText::ChangedTopic),
            fixed("Count", 4),
            array("Assignments", &[items("BrokerIds", 4)]).null_since(0),
        ],
    ),
    fixed("TimeoutMs", 4),
    fixed("ValidateOnly", 1),
];

const DELETE_GROUPS: Fields<NameMarks> = &[marked_texts("GroupsNames", GROUPS)];

const OFFSET_DELETE: Fields<NameMarks> =
    &[GROUP_NOT_EMPTY, array("Topics", &[topic("Name"), array("Partitions", &[fixed("PartitionIndex", 4)])])];

const DESCRIBE_CLUSTER: Fields<NameMarks> = &[
    fixed("IncludeClusterAuthorizedOperations", 1),
    fixed("EndpointType", 1).since(1),
    fixed("IncludeFencedBrokers", 1).since(2),
];

const DESCRIBE_PRODUCERS: Fields<NameMarks> = &[array("Topics", &[topic("Name"), items("PartitionIndexes", 4)])];

const TRANSACTIONAL_IDS: Fields<NameMarks> = &[marked_text("element", NameText::TransactionalId)];

const DESCRIBE_TRANSACTIONS: Fields<NameMarks> = &[marked_texts("TransactionalIds", TRANSACTIONAL_IDS)];

const LIST_TRANSACTIONS: Fields<NameMarks> = &[
    texts("StateFilters"),
    items("ProducerIdFilters", 8),
    fixed("DurationFilter", 8).since(1),
    marked_text("TransactionalIdPattern", NameText::Pattern).since(2).null_since(2),
];
