//! The layouts of the messages that are walked, in every stable version. Pure tables; see [`super::shape`] for the words.
//!
//! A response is walked because it names nodes by address, a request because its structure is checked before it leaves.

use super::shape::{
    Field, Fields, RequestLeaf, RequestMarks, RequestText, ResponseArray, ResponseLeaf, ResponseMarks, ResponseText,
    array, blob, classic_text, fixed, items, leaf, marked_array, marked_text, structure, tagged, text, texts,
};

type Response = Field<ResponseMarks>;

/// How much of a walked response must be here before its first byte can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nothing: its length does not change.
    Nothing,
    /// All up to the end of its brokers: behind them the length does not change. Where none of them is left out, nothing
    /// does: the rest passes.
    UntilBrokers,
    /// All of it.
    Whole,
}

/// A walked response.
pub struct ResponseShape {
    /// The fields of the body.
    pub body: Fields<ResponseMarks>,
    /// What must be held.
    pub hold: Hold,
}

/// Behind the fixed part of a request header.
pub const REQUEST_HEADER: Fields<RequestMarks> = &[classic_text("ClientId").null_since(0)];

/// Behind the fixed part of a response header (version 1: tags alone).
pub const RESPONSE_HEADER: Fields<ResponseMarks> = &[];

/// Produce, up to the acks; what follows is not looked at.
pub const PRODUCE_REQUEST_FRONT: Fields<RequestMarks> =
    &[text("TransactionalId").null_since(3), leaf("Acks", 2, RequestLeaf::Acks)];

pub const METADATA_REQUEST: Fields<RequestMarks> = &[
    array("Topics", &[fixed("TopicId", 16).since(10), text("Name").null_since(10)]).null_since(1),
    fixed("AllowAutoTopicCreation", 1).since(4),
    fixed("IncludeClusterAuthorizedOperations", 1).since(8).until(10),
    fixed("IncludeTopicAuthorizedOperations", 1).since(8),
];

pub const FIND_COORDINATOR_REQUEST: Fields<RequestMarks> =
    &[text("Key").until(3), fixed("KeyType", 1).since(1), texts("CoordinatorKeys").since(4)];

pub const API_VERSIONS_REQUEST: Fields<RequestMarks> = &[
    marked_text("ClientSoftwareName", RequestText::Software).since(3),
    marked_text("ClientSoftwareVersion", RequestText::Software).since(3),
];

pub const DESCRIBE_QUORUM_REQUEST: Fields<RequestMarks> =
    &[array("Topics", &[text("TopicName"), array("Partitions", &[fixed("PartitionIndex", 4)])])];

pub const DESCRIBE_CLUSTER_REQUEST: Fields<RequestMarks> = &[
    fixed("IncludeClusterAuthorizedOperations", 1),
    fixed("EndpointType", 1).since(1),
    fixed("IncludeFencedBrokers", 1).since(2),
];

const NODE_ENDPOINT: Fields<ResponseMarks> = &[
    leaf("NodeId", 4, ResponseLeaf::EndpointId),
    marked_text("Host", ResponseText::Host),
    leaf("Port", 4, ResponseLeaf::Port),
    marked_text("Rack", ResponseText::EndpointRack).null_since(0),
];

const NODE_ENDPOINTS: Response = marked_array("NodeEndpoints", NODE_ENDPOINT, ResponseArray::Endpoints);

const LEADER_ID_AND_EPOCH: Fields<ResponseMarks> = &[fixed("LeaderId", 4), fixed("LeaderEpoch", 4)];

pub const PRODUCE_RESPONSE: ResponseShape = ResponseShape {
    hold: Hold::Nothing,
    body: &[
        array(
            "Responses",
            &[
                text("Name").until(12),
                fixed("TopicId", 16).since(13),
                array(
                    "PartitionResponses",
                    &[
                        fixed("Index", 4),
                        fixed("ErrorCode", 2),
                        fixed("BaseOffset", 8),
                        fixed("LogAppendTimeMs", 8),
                        fixed("LogStartOffset", 8).since(5),
                        array("RecordErrors", &[fixed("BatchIndex", 4), text("BatchIndexErrorMessage").null_since(8)])
                            .since(8),
                        text("ErrorMessage").since(8).null_since(8),
                    ],
                ),
            ],
        ),
        fixed("ThrottleTimeMs", 4),
        tagged("NodeEndpoints", 0, &[NODE_ENDPOINTS]).since(10),
    ],
};

pub const FETCH_RESPONSE: ResponseShape = ResponseShape {
    hold: Hold::Nothing,
    body: &[
        fixed("ThrottleTimeMs", 4),
        fixed("ErrorCode", 2).since(7),
        fixed("SessionId", 4).since(7),
        array(
            "Responses",
            &[
                text("Topic").until(12),
                fixed("TopicId", 16).since(13),
                array(
                    "Partitions",
                    &[
                        fixed("PartitionIndex", 4),
                        fixed("ErrorCode", 2),
                        fixed("HighWatermark", 8),
                        fixed("LastStableOffset", 8),
                        fixed("LogStartOffset", 8).since(5),
                        array("AbortedTransactions", &[fixed("ProducerId", 8), fixed("FirstOffset", 8)]).null_since(4),
                        leaf("PreferredReadReplica", 4, ResponseLeaf::PreferredReplica).since(11),
                        blob("Records").null_since(0),
                    ],
                ),
            ],
        ),
        tagged("NodeEndpoints", 0, &[NODE_ENDPOINTS]).since(16),
    ],
};

pub const METADATA_RESPONSE: ResponseShape = ResponseShape {
    hold: Hold::UntilBrokers,
    body: &[
        fixed("ThrottleTimeMs", 4).since(3),
        marked_array(
            "Brokers",
            &[
                leaf("NodeId", 4, ResponseLeaf::BrokerId),
                marked_text("Host", ResponseText::Host),
                leaf("Port", 4, ResponseLeaf::Port),
                text("Rack").since(1).null_since(1),
            ],
            ResponseArray::Brokers,
        ),
        text("ClusterId").since(2).null_since(2),
        leaf("ControllerId", 4, ResponseLeaf::ControllerId).since(1),
        array(
            "Topics",
            &[
                fixed("ErrorCode", 2),
                text("Name").null_since(12),
                fixed("TopicId", 16).since(10),
                fixed("IsInternal", 1).since(1),
                array(
                    "Partitions",
                    &[
                        leaf("ErrorCode+PartitionIndex+LeaderId", 10, ResponseLeaf::PartitionLeader),
                        fixed("LeaderEpoch", 4).since(7),
                        items("ReplicaNodes", 4),
                        items("IsrNodes", 4),
                        items("OfflineReplicas", 4).since(5),
                    ],
                ),
                fixed("TopicAuthorizedOperations", 4).since(8),
            ],
        ),
        fixed("ClusterAuthorizedOperations", 4).since(8).until(10),
        fixed("ErrorCode", 2).since(13),
    ],
};

pub const FIND_COORDINATOR_RESPONSE: ResponseShape = ResponseShape {
    hold: Hold::Whole,
    body: &[
        fixed("ThrottleTimeMs", 4).since(1),
        leaf("ErrorCode", 2, ResponseLeaf::ErrorBefore).until(3),
        text("ErrorMessage").since(1).until(3).null_since(1),
        leaf("NodeId", 4, ResponseLeaf::CoordinatorId).until(3),
        marked_text("Host", ResponseText::Host).until(3),
        leaf("Port", 4, ResponseLeaf::Port).until(3),
        array(
            "Coordinators",
            &[
                text("Key"),
                leaf("NodeId", 4, ResponseLeaf::CoordinatorId),
                marked_text("Host", ResponseText::Host),
                leaf("Port", 4, ResponseLeaf::Port),
                leaf("ErrorCode", 2, ResponseLeaf::ErrorAfter),
                text("ErrorMessage").null_since(4),
            ],
        )
        .since(4),
    ],
};

const QUORUM_REPLICAS: Fields<ResponseMarks> = &[
    fixed("ReplicaId", 4),
    fixed("ReplicaDirectoryId", 16).since(2),
    fixed("LogEndOffset", 8),
    fixed("LastFetchTimestamp", 8).since(1),
    fixed("LastCaughtUpTimestamp", 8).since(1),
];

pub const DESCRIBE_QUORUM_RESPONSE: ResponseShape = ResponseShape {
    hold: Hold::Whole,
    body: &[
        fixed("ErrorCode", 2),
        text("ErrorMessage").since(2).null_since(2),
        array(
            "Topics",
            &[
                text("TopicName"),
                array(
                    "Partitions",
                    &[
                        fixed("PartitionIndex", 4),
                        fixed("ErrorCode", 2),
                        text("ErrorMessage").since(2).null_since(2),
                        fixed("LeaderId", 4),
                        fixed("LeaderEpoch", 4),
                        fixed("HighWatermark", 8),
                        array("CurrentVoters", QUORUM_REPLICAS),
                        array("Observers", QUORUM_REPLICAS),
                    ],
                ),
            ],
        ),
        marked_array(
            "Nodes",
            &[fixed("NodeId", 4), array("Listeners", &[text("Name"), text("Host"), fixed("Port", 2)])],
            ResponseArray::Hidden,
        )
        .since(2),
    ],
};

pub const DESCRIBE_CLUSTER_RESPONSE: ResponseShape = ResponseShape {
    hold: Hold::Whole,
    body: &[
        fixed("ThrottleTimeMs", 4),
        fixed("ErrorCode", 2),
        text("ErrorMessage").null_since(0),
        fixed("EndpointType", 1).since(1),
        text("ClusterId"),
        leaf("ControllerId", 4, ResponseLeaf::ControllerId),
        marked_array(
            "Brokers",
            &[
                leaf("BrokerId", 4, ResponseLeaf::BrokerId),
                marked_text("Host", ResponseText::Host),
                leaf("Port", 4, ResponseLeaf::Port),
                text("Rack").null_since(0),
                fixed("IsFenced", 1).since(2),
            ],
            ResponseArray::Brokers,
        ),
        fixed("ClusterAuthorizedOperations", 4),
    ],
};

pub const SHARE_FETCH_RESPONSE: ResponseShape = ResponseShape {
    hold: Hold::Nothing,
    body: &[
        fixed("ThrottleTimeMs", 4),
        fixed("ErrorCode", 2),
        text("ErrorMessage").null_since(0),
        fixed("AcquisitionLockTimeoutMs", 4).since(1),
        array(
            "Responses",
            &[
                fixed("TopicId", 16),
                array(
                    "Partitions",
                    &[
                        fixed("PartitionIndex", 4),
                        fixed("ErrorCode", 2),
                        text("ErrorMessage").null_since(0),
                        fixed("AcknowledgeErrorCode", 2),
                        text("AcknowledgeErrorMessage").null_since(0),
                        structure("CurrentLeader", LEADER_ID_AND_EPOCH),
                        blob("Records"),
                        array(
                            "AcquiredRecords",
                            &[fixed("FirstOffset", 8), fixed("LastOffset", 8), fixed("DeliveryCount", 2)],
                        ),
                    ],
                ),
            ],
        ),
        NODE_ENDPOINTS,
    ],
};

pub const SHARE_ACKNOWLEDGE_RESPONSE: ResponseShape = ResponseShape {
    hold: Hold::Nothing,
    body: &[
        fixed("ThrottleTimeMs", 4),
        fixed("ErrorCode", 2),
        text("ErrorMessage").null_since(0),
        fixed("AcquisitionLockTimeoutMs", 4).since(2),
        array(
            "Responses",
            &[
                fixed("TopicId", 16),
                array(
                    "Partitions",
                    &[
                        fixed("PartitionIndex", 4),
                        fixed("ErrorCode", 2),
                        text("ErrorMessage").null_since(0),
                        structure("CurrentLeader", LEADER_ID_AND_EPOCH),
                    ],
                ),
            ],
        ),
        NODE_ENDPOINTS,
    ],
};
