//! The messages of Kafka 4.3.1, in every stable version that a broker takes from clients.
//!
//! Made from Kafka's own definitions by the test `layouts_are_kafkas_own`, which says how; not to be edited by hand.

use super::layout::*;

/// The keys of all APIs in [`APIS`].
pub mod key {
    /// Produce.
    pub const PRODUCE: i16 = 0;
    /// Fetch.
    pub const FETCH: i16 = 1;
    /// ListOffsets.
    pub const LIST_OFFSETS: i16 = 2;
    /// Metadata.
    pub const METADATA: i16 = 3;
    /// OffsetCommit.
    pub const OFFSET_COMMIT: i16 = 8;
    /// OffsetFetch.
    pub const OFFSET_FETCH: i16 = 9;
    /// FindCoordinator.
    pub const FIND_COORDINATOR: i16 = 10;
    /// JoinGroup.
    pub const JOIN_GROUP: i16 = 11;
    /// Heartbeat.
    pub const HEARTBEAT: i16 = 12;
    /// LeaveGroup.
    pub const LEAVE_GROUP: i16 = 13;
    /// SyncGroup.
    pub const SYNC_GROUP: i16 = 14;
    /// DescribeGroups.
    pub const DESCRIBE_GROUPS: i16 = 15;
    /// ListGroups.
    pub const LIST_GROUPS: i16 = 16;
    /// SaslHandshake.
    pub const SASL_HANDSHAKE: i16 = 17;
    /// ApiVersions.
    pub const API_VERSIONS: i16 = 18;
    /// CreateTopics.
    pub const CREATE_TOPICS: i16 = 19;
    /// DeleteTopics.
    pub const DELETE_TOPICS: i16 = 20;
    /// DeleteRecords.
    pub const DELETE_RECORDS: i16 = 21;
    /// InitProducerId.
    pub const INIT_PRODUCER_ID: i16 = 22;
    /// OffsetForLeaderEpoch.
    pub const OFFSET_FOR_LEADER_EPOCH: i16 = 23;
    /// AddPartitionsToTxn.
    pub const ADD_PARTITIONS_TO_TXN: i16 = 24;
    /// AddOffsetsToTxn.
    pub const ADD_OFFSETS_TO_TXN: i16 = 25;
    /// EndTxn.
    pub const END_TXN: i16 = 26;
    /// WriteTxnMarkers.
    pub const WRITE_TXN_MARKERS: i16 = 27;
    /// TxnOffsetCommit.
    pub const TXN_OFFSET_COMMIT: i16 = 28;
    /// DescribeAcls.
    pub const DESCRIBE_ACLS: i16 = 29;
    /// CreateAcls.
    pub const CREATE_ACLS: i16 = 30;
    /// DeleteAcls.
    pub const DELETE_ACLS: i16 = 31;
    /// DescribeConfigs.
    pub const DESCRIBE_CONFIGS: i16 = 32;
    /// AlterConfigs.
    pub const ALTER_CONFIGS: i16 = 33;
    /// AlterReplicaLogDirs.
    pub const ALTER_REPLICA_LOG_DIRS: i16 = 34;
    /// DescribeLogDirs.
    pub const DESCRIBE_LOG_DIRS: i16 = 35;
    /// SaslAuthenticate.
    pub const SASL_AUTHENTICATE: i16 = 36;
    /// CreatePartitions.
    pub const CREATE_PARTITIONS: i16 = 37;
    /// CreateDelegationToken.
    pub const CREATE_DELEGATION_TOKEN: i16 = 38;
    /// RenewDelegationToken.
    pub const RENEW_DELEGATION_TOKEN: i16 = 39;
    /// ExpireDelegationToken.
    pub const EXPIRE_DELEGATION_TOKEN: i16 = 40;
    /// DescribeDelegationToken.
    pub const DESCRIBE_DELEGATION_TOKEN: i16 = 41;
    /// DeleteGroups.
    pub const DELETE_GROUPS: i16 = 42;
    /// ElectLeaders.
    pub const ELECT_LEADERS: i16 = 43;
    /// IncrementalAlterConfigs.
    pub const INCREMENTAL_ALTER_CONFIGS: i16 = 44;
    /// AlterPartitionReassignments.
    pub const ALTER_PARTITION_REASSIGNMENTS: i16 = 45;
    /// ListPartitionReassignments.
    pub const LIST_PARTITION_REASSIGNMENTS: i16 = 46;
    /// OffsetDelete.
    pub const OFFSET_DELETE: i16 = 47;
    /// DescribeClientQuotas.
    pub const DESCRIBE_CLIENT_QUOTAS: i16 = 48;
    /// AlterClientQuotas.
    pub const ALTER_CLIENT_QUOTAS: i16 = 49;
    /// DescribeUserScramCredentials.
    pub const DESCRIBE_USER_SCRAM_CREDENTIALS: i16 = 50;
    /// AlterUserScramCredentials.
    pub const ALTER_USER_SCRAM_CREDENTIALS: i16 = 51;
    /// DescribeQuorum.
    pub const DESCRIBE_QUORUM: i16 = 55;
    /// UpdateFeatures.
    pub const UPDATE_FEATURES: i16 = 57;
    /// DescribeCluster.
    pub const DESCRIBE_CLUSTER: i16 = 60;
    /// DescribeProducers.
    pub const DESCRIBE_PRODUCERS: i16 = 61;
    /// UnregisterBroker.
    pub const UNREGISTER_BROKER: i16 = 64;
    /// DescribeTransactions.
    pub const DESCRIBE_TRANSACTIONS: i16 = 65;
    /// ListTransactions.
    pub const LIST_TRANSACTIONS: i16 = 66;
    /// ConsumerGroupHeartbeat.
    pub const CONSUMER_GROUP_HEARTBEAT: i16 = 68;
    /// ConsumerGroupDescribe.
    pub const CONSUMER_GROUP_DESCRIBE: i16 = 69;
    /// GetTelemetrySubscriptions.
    pub const GET_TELEMETRY_SUBSCRIPTIONS: i16 = 71;
    /// PushTelemetry.
    pub const PUSH_TELEMETRY: i16 = 72;
    /// ListConfigResources.
    pub const LIST_CONFIG_RESOURCES: i16 = 74;
    /// DescribeTopicPartitions.
    pub const DESCRIBE_TOPIC_PARTITIONS: i16 = 75;
    /// ShareGroupHeartbeat.
    pub const SHARE_GROUP_HEARTBEAT: i16 = 76;
    /// ShareGroupDescribe.
    pub const SHARE_GROUP_DESCRIBE: i16 = 77;
    /// ShareFetch.
    pub const SHARE_FETCH: i16 = 78;
    /// ShareAcknowledge.
    pub const SHARE_ACKNOWLEDGE: i16 = 79;
    /// AddRaftVoter.
    pub const ADD_RAFT_VOTER: i16 = 80;
    /// RemoveRaftVoter.
    pub const REMOVE_RAFT_VOTER: i16 = 81;
    /// InitializeShareGroupState.
    pub const INITIALIZE_SHARE_GROUP_STATE: i16 = 83;
    /// ReadShareGroupState.
    pub const READ_SHARE_GROUP_STATE: i16 = 84;
    /// WriteShareGroupState.
    pub const WRITE_SHARE_GROUP_STATE: i16 = 85;
    /// DeleteShareGroupState.
    pub const DELETE_SHARE_GROUP_STATE: i16 = 86;
    /// ReadShareGroupStateSummary.
    pub const READ_SHARE_GROUP_STATE_SUMMARY: i16 = 87;
    /// StreamsGroupHeartbeat.
    pub const STREAMS_GROUP_HEARTBEAT: i16 = 88;
    /// StreamsGroupDescribe.
    pub const STREAMS_GROUP_DESCRIBE: i16 = 89;
    /// DescribeShareGroupOffsets.
    pub const DESCRIBE_SHARE_GROUP_OFFSETS: i16 = 90;
    /// AlterShareGroupOffsets.
    pub const ALTER_SHARE_GROUP_OFFSETS: i16 = 91;
    /// DeleteShareGroupOffsets.
    pub const DELETE_SHARE_GROUP_OFFSETS: i16 = 92;
}

/// What brokers and controllers say, or said, among themselves alone: key and name.
pub const INTERNAL: &[(i16, &str)] = &[
    (4, "LeaderAndIsr"),
    (5, "StopReplica"),
    (6, "UpdateMetadata"),
    (7, "ControlledShutdown"),
    (52, "Vote"),
    (53, "BeginQuorumEpoch"),
    (54, "EndQuorumEpoch"),
    (56, "AlterPartition"),
    (58, "Envelope"),
    (59, "FetchSnapshot"),
    (62, "BrokerRegistration"),
    (63, "BrokerHeartbeat"),
    (67, "AllocateProducerIds"),
    (70, "ControllerRegistration"),
    (73, "AssignReplicasToDirs"),
    (82, "UpdateRaftVoter"),
];

/// Every API that brokers take from clients, by key.
pub const APIS: &[Api] = &[
    Api {
        key: 0,
        name: "Produce",
        versions: Versions { first: 3, last: 13 },
        flexible_from: 9,
        request: &[
            string("TransactionalId").transactional_id().nullable(),
            int16("Acks"),
            int32("TimeoutMs"),
            array("TopicData", &[
                string("Name").topic().until(12),
                uuid("TopicId").since(13),
                array("PartitionData", &[
                    int32("Index"),
                    records("Records").nullable(),
                ]),
            ]),
        ],
        response: &[
            array("Responses", &[
                string("Name").topic().until(12),
                uuid("TopicId").since(13),
                array("PartitionResponses", &[
                    int32("Index"),
                    int16("ErrorCode"),
                    int64("BaseOffset"),
                    int64("LogAppendTimeMs"),
                    int64("LogStartOffset").since(5),
                    array("RecordErrors", &[
                        int32("BatchIndex"),
                        string("BatchIndexErrorMessage").nullable(),
                    ]).since(8),
                    string("ErrorMessage").since(8).nullable(),
                    structure("CurrentLeader", &[
                        int32("LeaderId").node(),
                        int32("LeaderEpoch"),
                    ]).since(10).tag(0, 10),
                ]),
            ]),
            int32("ThrottleTimeMs"),
            array("NodeEndpoints", &[
                int32("NodeId").node(),
                string("Host"),
                int32("Port"),
                string("Rack").nullable(),
            ]).since(10).tag(0, 10),
        ],
    },
    Api {
        key: 1,
        name: "Fetch",
        versions: Versions { first: 4, last: 18 },
        flexible_from: 12,
        request: &[
            string("ClusterId").since(12).nullable().tag(0, 12),
            int32("ReplicaId").node().until(14),
            structure("ReplicaState", &[
                int32("ReplicaId").node(),
                int64("ReplicaEpoch"),
            ]).since(15).tag(1, 15),
            int32("MaxWaitMs"),
            int32("MinBytes"),
            int32("MaxBytes"),
            int8("IsolationLevel"),
            int32("SessionId").since(7),
            int32("SessionEpoch").since(7),
            array("Topics", &[
                string("Topic").topic().until(12),
                uuid("TopicId").since(13),
                array("Partitions", &[
                    int32("Partition"),
                    int32("CurrentLeaderEpoch").since(9),
                    int64("FetchOffset"),
                    int32("LastFetchedEpoch").since(12),
                    int64("LogStartOffset").since(5),
                    int32("PartitionMaxBytes"),
                    uuid("ReplicaDirectoryId").since(17).tag(0, 17),
                    int64("HighWatermark").since(18).tag(1, 18),
                ]),
            ]),
            array("ForgottenTopicsData", &[
                string("Topic").topic().until(12),
                uuid("TopicId").since(13),
                int32_array("Partitions"),
            ]).since(7),
            string("RackId").since(11),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode").since(7),
            int32("SessionId").since(7),
            array("Responses", &[
                string("Topic").topic().until(12),
                uuid("TopicId").since(13),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                    int64("HighWatermark"),
                    int64("LastStableOffset"),
                    int64("LogStartOffset").since(5),
                    structure("DivergingEpoch", &[
                        int32("Epoch"),
                        int64("EndOffset"),
                    ]).since(12).tag(0, 12),
                    structure("CurrentLeader", &[
                        int32("LeaderId").node(),
                        int32("LeaderEpoch"),
                    ]).since(12).tag(1, 12),
                    structure("SnapshotId", &[
                        int64("EndOffset"),
                        int32("Epoch"),
                    ]).since(12).tag(2, 12),
                    array("AbortedTransactions", &[
                        int64("ProducerId").producer_id(),
                        int64("FirstOffset"),
                    ]).nullable(),
                    int32("PreferredReadReplica").node().since(11),
                    records("Records").nullable(),
                ]),
            ]),
            array("NodeEndpoints", &[
                int32("NodeId").node(),
                string("Host"),
                int32("Port"),
                string("Rack").nullable(),
            ]).since(16).tag(0, 16),
        ],
    },
    Api {
        key: 2,
        name: "ListOffsets",
        versions: Versions { first: 1, last: 11 },
        flexible_from: 6,
        request: &[
            int32("ReplicaId").node(),
            int8("IsolationLevel").since(2),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int32("CurrentLeaderEpoch").since(4),
                    int64("Timestamp"),
                ]),
            ]),
            int32("TimeoutMs").since(10),
        ],
        response: &[
            int32("ThrottleTimeMs").since(2),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                    int64("Timestamp"),
                    int64("Offset"),
                    int32("LeaderEpoch").since(4),
                ]),
            ]),
        ],
    },
    Api {
        key: 3,
        name: "Metadata",
        versions: Versions { first: 0, last: 13 },
        flexible_from: 9,
        request: &[
            array("Topics", &[
                uuid("TopicId").since(10),
                string("Name").topic().null_since(10),
            ]).null_since(1),
            boolean("AllowAutoTopicCreation").since(4),
            boolean("IncludeClusterAuthorizedOperations").since(8).until(10),
            boolean("IncludeTopicAuthorizedOperations").since(8),
        ],
        response: &[
            int32("ThrottleTimeMs").since(3),
            array("Brokers", &[
                int32("NodeId").node(),
                string("Host"),
                int32("Port"),
                string("Rack").since(1).nullable(),
            ]),
            string("ClusterId").since(2).nullable(),
            int32("ControllerId").node().since(1),
            array("Topics", &[
                int16("ErrorCode"),
                string("Name").topic().null_since(12),
                uuid("TopicId").since(10),
                boolean("IsInternal").since(1),
                array("Partitions", &[
                    int16("ErrorCode"),
                    int32("PartitionIndex"),
                    int32("LeaderId").node(),
                    int32("LeaderEpoch").since(7),
                    int32_array("ReplicaNodes").node(),
                    int32_array("IsrNodes").node(),
                    int32_array("OfflineReplicas").node().since(5),
                ]),
                int32("TopicAuthorizedOperations").since(8),
            ]),
            int32("ClusterAuthorizedOperations").since(8).until(10),
            int16("ErrorCode").since(13),
        ],
    },
    Api {
        key: 8,
        name: "OffsetCommit",
        versions: Versions { first: 2, last: 10 },
        flexible_from: 8,
        request: &[
            string("GroupId").group(),
            int32("GenerationIdOrMemberEpoch"),
            string("MemberId"),
            string("GroupInstanceId").since(7).nullable(),
            int64("RetentionTimeMs").until(4),
            array("Topics", &[
                string("Name").topic().until(9),
                uuid("TopicId").since(10),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int64("CommittedOffset"),
                    int32("CommittedLeaderEpoch").since(6),
                    string("CommittedMetadata").nullable(),
                ]),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs").since(3),
            array("Topics", &[
                string("Name").topic().until(9),
                uuid("TopicId").since(10),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                ]),
            ]),
        ],
    },
    Api {
        key: 9,
        name: "OffsetFetch",
        versions: Versions { first: 1, last: 10 },
        flexible_from: 6,
        request: &[
            string("GroupId").group().until(7),
            array("Topics", &[
                string("Name").topic(),
                int32_array("PartitionIndexes"),
            ]).until(7).null_since(2),
            array("Groups", &[
                string("GroupId").group(),
                string("MemberId").since(9).nullable(),
                int32("MemberEpoch").since(9),
                array("Topics", &[
                    string("Name").topic().until(9),
                    uuid("TopicId").since(10),
                    int32_array("PartitionIndexes"),
                ]).nullable(),
            ]).since(8),
            boolean("RequireStable").since(7),
        ],
        response: &[
            int32("ThrottleTimeMs").since(3),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int64("CommittedOffset"),
                    int32("CommittedLeaderEpoch").since(5),
                    string("Metadata").nullable(),
                    int16("ErrorCode"),
                ]),
            ]).until(7),
            int16("ErrorCode").since(2).until(7),
            array("Groups", &[
                string("GroupId").group(),
                array("Topics", &[
                    string("Name").topic().until(9),
                    uuid("TopicId").since(10),
                    array("Partitions", &[
                        int32("PartitionIndex"),
                        int64("CommittedOffset"),
                        int32("CommittedLeaderEpoch"),
                        string("Metadata").nullable(),
                        int16("ErrorCode"),
                    ]),
                ]),
                int16("ErrorCode"),
            ]).since(8),
        ],
    },
    Api {
        key: 10,
        name: "FindCoordinator",
        versions: Versions { first: 0, last: 6 },
        flexible_from: 3,
        request: &[
            string("Key").until(3),
            int8("KeyType").since(1),
            string_array("CoordinatorKeys").since(4),
        ],
        response: &[
            int32("ThrottleTimeMs").since(1),
            int16("ErrorCode").until(3),
            string("ErrorMessage").since(1).until(3).nullable(),
            int32("NodeId").node().until(3),
            string("Host").until(3),
            int32("Port").until(3),
            array("Coordinators", &[
                string("Key"),
                int32("NodeId").node(),
                string("Host"),
                int32("Port"),
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
            ]).since(4),
        ],
    },
    Api {
        key: 11,
        name: "JoinGroup",
        versions: Versions { first: 0, last: 9 },
        flexible_from: 6,
        request: &[
            string("GroupId").group(),
            int32("SessionTimeoutMs"),
            int32("RebalanceTimeoutMs").since(1),
            string("MemberId"),
            string("GroupInstanceId").since(5).nullable(),
            string("ProtocolType"),
            array("Protocols", &[
                string("Name"),
                bytes("Metadata"),
            ]),
            string("Reason").since(8).nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs").since(2),
            int16("ErrorCode"),
            int32("GenerationId"),
            string("ProtocolType").since(7).nullable(),
            string("ProtocolName").null_since(7),
            string("Leader"),
            boolean("SkipAssignment").since(9),
            string("MemberId"),
            array("Members", &[
                string("MemberId"),
                string("GroupInstanceId").since(5).nullable(),
                bytes("Metadata"),
            ]),
        ],
    },
    Api {
        key: 12,
        name: "Heartbeat",
        versions: Versions { first: 0, last: 4 },
        flexible_from: 4,
        request: &[
            string("GroupId").group(),
            int32("GenerationId"),
            string("MemberId"),
            string("GroupInstanceId").since(3).nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs").since(1),
            int16("ErrorCode"),
        ],
    },
    Api {
        key: 13,
        name: "LeaveGroup",
        versions: Versions { first: 0, last: 5 },
        flexible_from: 4,
        request: &[
            string("GroupId").group(),
            string("MemberId").until(2),
            array("Members", &[
                string("MemberId"),
                string("GroupInstanceId").nullable(),
                string("Reason").since(5).nullable(),
            ]).since(3),
        ],
        response: &[
            int32("ThrottleTimeMs").since(1),
            int16("ErrorCode"),
            array("Members", &[
                string("MemberId"),
                string("GroupInstanceId").nullable(),
                int16("ErrorCode"),
            ]).since(3),
        ],
    },
    Api {
        key: 14,
        name: "SyncGroup",
        versions: Versions { first: 0, last: 5 },
        flexible_from: 4,
        request: &[
            string("GroupId").group(),
            int32("GenerationId"),
            string("MemberId"),
            string("GroupInstanceId").since(3).nullable(),
            string("ProtocolType").since(5).nullable(),
            string("ProtocolName").since(5).nullable(),
            array("Assignments", &[
                string("MemberId"),
                bytes("Assignment"),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs").since(1),
            int16("ErrorCode"),
            string("ProtocolType").since(5).nullable(),
            string("ProtocolName").since(5).nullable(),
            bytes("Assignment"),
        ],
    },
    Api {
        key: 15,
        name: "DescribeGroups",
        versions: Versions { first: 0, last: 6 },
        flexible_from: 5,
        request: &[
            string_array("Groups").group(),
            boolean("IncludeAuthorizedOperations").since(3),
        ],
        response: &[
            int32("ThrottleTimeMs").since(1),
            array("Groups", &[
                int16("ErrorCode"),
                string("ErrorMessage").since(6).nullable(),
                string("GroupId").group(),
                string("GroupState"),
                string("ProtocolType"),
                string("ProtocolData"),
                array("Members", &[
                    string("MemberId"),
                    string("GroupInstanceId").since(4).nullable(),
                    string("ClientId"),
                    string("ClientHost"),
                    bytes("MemberMetadata"),
                    bytes("MemberAssignment"),
                ]),
                int32("AuthorizedOperations").since(3),
            ]),
        ],
    },
    Api {
        key: 16,
        name: "ListGroups",
        versions: Versions { first: 0, last: 5 },
        flexible_from: 3,
        request: &[
            string_array("StatesFilter").since(4),
            string_array("TypesFilter").since(5),
        ],
        response: &[
            int32("ThrottleTimeMs").since(1),
            int16("ErrorCode"),
            array("Groups", &[
                string("GroupId").group(),
                string("ProtocolType"),
                string("GroupState").since(4),
                string("GroupType").since(5),
            ]),
        ],
    },
    Api {
        key: 17,
        name: "SaslHandshake",
        versions: Versions { first: 1, last: 1 },
        flexible_from: NEVER,
        request: &[
            string("Mechanism"),
        ],
        response: &[
            int16("ErrorCode"),
            string_array("Mechanisms"),
        ],
    },
    Api {
        key: 18,
        name: "ApiVersions",
        versions: Versions { first: 0, last: 4 },
        flexible_from: 3,
        request: &[
            string("ClientSoftwareName").since(3),
            string("ClientSoftwareVersion").since(3),
        ],
        response: &[
            int16("ErrorCode"),
            array("ApiKeys", &[
                int16("ApiKey"),
                int16("MinVersion"),
                int16("MaxVersion"),
            ]),
            int32("ThrottleTimeMs").since(1),
            array("SupportedFeatures", &[
                string("Name"),
                int16("MinVersion"),
                int16("MaxVersion"),
            ]).since(3).tag(0, 3),
            int64("FinalizedFeaturesEpoch").since(3).tag(1, 3),
            array("FinalizedFeatures", &[
                string("Name"),
                int16("MaxVersionLevel"),
                int16("MinVersionLevel"),
            ]).since(3).tag(2, 3),
            boolean("ZkMigrationReady").since(3).tag(3, 3),
        ],
    },
    Api {
        key: 19,
        name: "CreateTopics",
        versions: Versions { first: 2, last: 7 },
        flexible_from: 5,
        request: &[
            array("Topics", &[
                string("Name").topic(),
                int32("NumPartitions"),
                int16("ReplicationFactor"),
                array("Assignments", &[
                    int32("PartitionIndex"),
                    int32_array("BrokerIds").node(),
                ]),
                array("Configs", &[
                    string("Name"),
                    string("Value").nullable(),
                ]),
            ]),
            int32("timeoutMs"),
            boolean("validateOnly"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Topics", &[
                string("Name").topic(),
                uuid("TopicId").since(7),
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                int16("TopicConfigErrorCode").since(5).tag(0, 5),
                int32("NumPartitions").since(5),
                int16("ReplicationFactor").since(5),
                array("Configs", &[
                    string("Name"),
                    string("Value").nullable(),
                    boolean("ReadOnly"),
                    int8("ConfigSource"),
                    boolean("IsSensitive"),
                ]).since(5).nullable(),
            ]),
        ],
    },
    Api {
        key: 20,
        name: "DeleteTopics",
        versions: Versions { first: 1, last: 6 },
        flexible_from: 4,
        request: &[
            array("Topics", &[
                string("Name").topic().nullable(),
                uuid("TopicId"),
            ]).since(6),
            string_array("TopicNames").topic().until(5),
            int32("TimeoutMs"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Responses", &[
                string("Name").topic().null_since(6),
                uuid("TopicId").since(6),
                int16("ErrorCode"),
                string("ErrorMessage").since(5).nullable(),
            ]),
        ],
    },
    Api {
        key: 21,
        name: "DeleteRecords",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 2,
        request: &[
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int64("Offset"),
                ]),
            ]),
            int32("TimeoutMs"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int64("LowWatermark"),
                    int16("ErrorCode"),
                ]),
            ]),
        ],
    },
    Api {
        key: 22,
        name: "InitProducerId",
        versions: Versions { first: 0, last: 5 },
        flexible_from: 2,
        request: &[
            string("TransactionalId").transactional_id().nullable(),
            int32("TransactionTimeoutMs"),
            int64("ProducerId").producer_id().since(3),
            int16("ProducerEpoch").since(3),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            int64("ProducerId").producer_id(),
            int16("ProducerEpoch"),
        ],
    },
    Api {
        key: 23,
        name: "OffsetForLeaderEpoch",
        versions: Versions { first: 2, last: 4 },
        flexible_from: 4,
        request: &[
            int32("ReplicaId").node().since(3),
            array("Topics", &[
                string("Topic").topic(),
                array("Partitions", &[
                    int32("Partition"),
                    int32("CurrentLeaderEpoch"),
                    int32("LeaderEpoch"),
                ]),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Topics", &[
                string("Topic").topic(),
                array("Partitions", &[
                    int16("ErrorCode"),
                    int32("Partition"),
                    int32("LeaderEpoch"),
                    int64("EndOffset"),
                ]),
            ]),
        ],
    },
    Api {
        key: 24,
        name: "AddPartitionsToTxn",
        versions: Versions { first: 0, last: 5 },
        flexible_from: 3,
        request: &[
            array("Transactions", &[
                string("TransactionalId").transactional_id(),
                int64("ProducerId").producer_id(),
                int16("ProducerEpoch"),
                boolean("VerifyOnly"),
                array("Topics", &[
                    string("Name").topic(),
                    int32_array("Partitions"),
                ]),
            ]).since(4),
            string("V3AndBelowTransactionalId").transactional_id().until(3),
            int64("V3AndBelowProducerId").producer_id().until(3),
            int16("V3AndBelowProducerEpoch").until(3),
            array("V3AndBelowTopics", &[
                string("Name").topic(),
                int32_array("Partitions"),
            ]).until(3),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode").since(4),
            array("ResultsByTransaction", &[
                string("TransactionalId").transactional_id(),
                array("TopicResults", &[
                    string("Name").topic(),
                    array("ResultsByPartition", &[
                        int32("PartitionIndex"),
                        int16("PartitionErrorCode"),
                    ]),
                ]),
            ]).since(4),
            array("ResultsByTopicV3AndBelow", &[
                string("Name").topic(),
                array("ResultsByPartition", &[
                    int32("PartitionIndex"),
                    int16("PartitionErrorCode"),
                ]),
            ]).until(3),
        ],
    },
    Api {
        key: 25,
        name: "AddOffsetsToTxn",
        versions: Versions { first: 0, last: 4 },
        flexible_from: 3,
        request: &[
            string("TransactionalId").transactional_id(),
            int64("ProducerId").producer_id(),
            int16("ProducerEpoch"),
            string("GroupId").group(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
        ],
    },
    Api {
        key: 26,
        name: "EndTxn",
        versions: Versions { first: 0, last: 5 },
        flexible_from: 3,
        request: &[
            string("TransactionalId").transactional_id(),
            int64("ProducerId").producer_id(),
            int16("ProducerEpoch"),
            boolean("Committed"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            int64("ProducerId").producer_id().since(5),
            int16("ProducerEpoch").since(5),
        ],
    },
    Api {
        key: 27,
        name: "WriteTxnMarkers",
        versions: Versions { first: 1, last: 2 },
        flexible_from: 1,
        request: &[
            array("Markers", &[
                int64("ProducerId").producer_id(),
                int16("ProducerEpoch"),
                boolean("TransactionResult"),
                array("Topics", &[
                    string("Name").topic(),
                    int32_array("PartitionIndexes"),
                ]),
                int32("CoordinatorEpoch"),
                int8("TransactionVersion").since(2),
            ]),
        ],
        response: &[
            array("Markers", &[
                int64("ProducerId").producer_id(),
                array("Topics", &[
                    string("Name").topic(),
                    array("Partitions", &[
                        int32("PartitionIndex"),
                        int16("ErrorCode"),
                    ]),
                ]),
            ]),
        ],
    },
    Api {
        key: 28,
        name: "TxnOffsetCommit",
        versions: Versions { first: 0, last: 5 },
        flexible_from: 3,
        request: &[
            string("TransactionalId").transactional_id(),
            string("GroupId").group(),
            int64("ProducerId").producer_id(),
            int16("ProducerEpoch"),
            int32("GenerationId").since(3),
            string("MemberId").since(3),
            string("GroupInstanceId").since(3).nullable(),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int64("CommittedOffset"),
                    int32("CommittedLeaderEpoch").since(2),
                    string("CommittedMetadata").nullable(),
                ]),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                ]),
            ]),
        ],
    },
    Api {
        key: 29,
        name: "DescribeAcls",
        versions: Versions { first: 1, last: 3 },
        flexible_from: 2,
        request: &[
            int8("ResourceTypeFilter"),
            string("ResourceNameFilter").nullable(),
            int8("PatternTypeFilter"),
            string("PrincipalFilter").nullable(),
            string("HostFilter").nullable(),
            int8("Operation"),
            int8("PermissionType"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            array("Resources", &[
                int8("ResourceType"),
                string("ResourceName"),
                int8("PatternType"),
                array("Acls", &[
                    string("Principal"),
                    string("Host"),
                    int8("Operation"),
                    int8("PermissionType"),
                ]),
            ]),
        ],
    },
    Api {
        key: 30,
        name: "CreateAcls",
        versions: Versions { first: 1, last: 3 },
        flexible_from: 2,
        request: &[
            array("Creations", &[
                int8("ResourceType"),
                string("ResourceName"),
                int8("ResourcePatternType"),
                string("Principal"),
                string("Host"),
                int8("Operation"),
                int8("PermissionType"),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Results", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
            ]),
        ],
    },
    Api {
        key: 31,
        name: "DeleteAcls",
        versions: Versions { first: 1, last: 3 },
        flexible_from: 2,
        request: &[
            array("Filters", &[
                int8("ResourceTypeFilter"),
                string("ResourceNameFilter").nullable(),
                int8("PatternTypeFilter"),
                string("PrincipalFilter").nullable(),
                string("HostFilter").nullable(),
                int8("Operation"),
                int8("PermissionType"),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("FilterResults", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                array("MatchingAcls", &[
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                    int8("ResourceType"),
                    string("ResourceName"),
                    int8("PatternType"),
                    string("Principal"),
                    string("Host"),
                    int8("Operation"),
                    int8("PermissionType"),
                ]),
            ]),
        ],
    },
    Api {
        key: 32,
        name: "DescribeConfigs",
        versions: Versions { first: 1, last: 4 },
        flexible_from: 4,
        request: &[
            array("Resources", &[
                int8("ResourceType"),
                string("ResourceName"),
                string_array("ConfigurationKeys").nullable(),
            ]),
            boolean("IncludeSynonyms"),
            boolean("IncludeDocumentation").since(3),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Results", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                int8("ResourceType"),
                string("ResourceName"),
                array("Configs", &[
                    string("Name"),
                    string("Value").nullable(),
                    boolean("ReadOnly"),
                    int8("ConfigSource"),
                    boolean("IsSensitive"),
                    array("Synonyms", &[
                        string("Name"),
                        string("Value").nullable(),
                        int8("Source"),
                    ]),
                    int8("ConfigType").since(3),
                    string("Documentation").since(3).nullable(),
                ]),
            ]),
        ],
    },
    Api {
        key: 33,
        name: "AlterConfigs",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 2,
        request: &[
            array("Resources", &[
                int8("ResourceType"),
                string("ResourceName"),
                array("Configs", &[
                    string("Name"),
                    string("Value").nullable(),
                ]),
            ]),
            boolean("ValidateOnly"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Responses", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                int8("ResourceType"),
                string("ResourceName"),
            ]),
        ],
    },
    Api {
        key: 34,
        name: "AlterReplicaLogDirs",
        versions: Versions { first: 1, last: 2 },
        flexible_from: 2,
        request: &[
            array("Dirs", &[
                string("Path"),
                array("Topics", &[
                    string("Name").topic(),
                    int32_array("Partitions"),
                ]),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Results", &[
                string("TopicName").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                ]),
            ]),
        ],
    },
    Api {
        key: 35,
        name: "DescribeLogDirs",
        versions: Versions { first: 1, last: 5 },
        flexible_from: 2,
        request: &[
            array("Topics", &[
                string("Topic").topic(),
                int32_array("Partitions"),
            ]).nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode").since(3),
            array("Results", &[
                int16("ErrorCode"),
                string("LogDir"),
                array("Topics", &[
                    string("Name").topic(),
                    array("Partitions", &[
                        int32("PartitionIndex"),
                        int64("PartitionSize"),
                        int64("OffsetLag"),
                        boolean("IsFutureKey"),
                    ]),
                ]),
                int64("TotalBytes").since(4),
                int64("UsableBytes").since(4),
                boolean("IsCordoned").since(5),
            ]),
        ],
    },
    Api {
        key: 36,
        name: "SaslAuthenticate",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 2,
        request: &[
            bytes("AuthBytes"),
        ],
        response: &[
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            bytes("AuthBytes"),
            int64("SessionLifetimeMs").since(1),
        ],
    },
    Api {
        key: 37,
        name: "CreatePartitions",
        versions: Versions { first: 0, last: 3 },
        flexible_from: 2,
        request: &[
            array("Topics", &[
                string("Name").topic(),
                int32("Count"),
                array("Assignments", &[
                    int32_array("BrokerIds").node(),
                ]).nullable(),
            ]),
            int32("TimeoutMs"),
            boolean("ValidateOnly"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Results", &[
                string("Name").topic(),
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
            ]),
        ],
    },
    Api {
        key: 38,
        name: "CreateDelegationToken",
        versions: Versions { first: 1, last: 3 },
        flexible_from: 2,
        request: &[
            string("OwnerPrincipalType").since(3).nullable(),
            string("OwnerPrincipalName").since(3).nullable(),
            array("Renewers", &[
                string("PrincipalType"),
                string("PrincipalName"),
            ]),
            int64("MaxLifetimeMs"),
        ],
        response: &[
            int16("ErrorCode"),
            string("PrincipalType"),
            string("PrincipalName"),
            string("TokenRequesterPrincipalType").since(3),
            string("TokenRequesterPrincipalName").since(3),
            int64("IssueTimestampMs"),
            int64("ExpiryTimestampMs"),
            int64("MaxTimestampMs"),
            string("TokenId"),
            bytes("Hmac"),
            int32("ThrottleTimeMs"),
        ],
    },
    Api {
        key: 39,
        name: "RenewDelegationToken",
        versions: Versions { first: 1, last: 2 },
        flexible_from: 2,
        request: &[
            bytes("Hmac"),
            int64("RenewPeriodMs"),
        ],
        response: &[
            int16("ErrorCode"),
            int64("ExpiryTimestampMs"),
            int32("ThrottleTimeMs"),
        ],
    },
    Api {
        key: 40,
        name: "ExpireDelegationToken",
        versions: Versions { first: 1, last: 2 },
        flexible_from: 2,
        request: &[
            bytes("Hmac"),
            int64("ExpiryTimePeriodMs"),
        ],
        response: &[
            int16("ErrorCode"),
            int64("ExpiryTimestampMs"),
            int32("ThrottleTimeMs"),
        ],
    },
    Api {
        key: 41,
        name: "DescribeDelegationToken",
        versions: Versions { first: 1, last: 3 },
        flexible_from: 2,
        request: &[
            array("Owners", &[
                string("PrincipalType"),
                string("PrincipalName"),
            ]).nullable(),
        ],
        response: &[
            int16("ErrorCode"),
            array("Tokens", &[
                string("PrincipalType"),
                string("PrincipalName"),
                string("TokenRequesterPrincipalType").since(3),
                string("TokenRequesterPrincipalName").since(3),
                int64("IssueTimestamp"),
                int64("ExpiryTimestamp"),
                int64("MaxTimestamp"),
                string("TokenId"),
                bytes("Hmac"),
                array("Renewers", &[
                    string("PrincipalType"),
                    string("PrincipalName"),
                ]),
            ]),
            int32("ThrottleTimeMs"),
        ],
    },
    Api {
        key: 42,
        name: "DeleteGroups",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 2,
        request: &[
            string_array("GroupsNames").group(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Results", &[
                string("GroupId").group(),
                int16("ErrorCode"),
            ]),
        ],
    },
    Api {
        key: 43,
        name: "ElectLeaders",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 2,
        request: &[
            int8("ElectionType").since(1),
            array("TopicPartitions", &[
                string("Topic").topic(),
                int32_array("Partitions"),
            ]).nullable(),
            int32("TimeoutMs"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode").since(1),
            array("ReplicaElectionResults", &[
                string("Topic").topic(),
                array("PartitionResult", &[
                    int32("PartitionId"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                ]),
            ]),
        ],
    },
    Api {
        key: 44,
        name: "IncrementalAlterConfigs",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 1,
        request: &[
            array("Resources", &[
                int8("ResourceType"),
                string("ResourceName"),
                array("Configs", &[
                    string("Name"),
                    int8("ConfigOperation"),
                    string("Value").nullable(),
                ]),
            ]),
            boolean("ValidateOnly"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Responses", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                int8("ResourceType"),
                string("ResourceName"),
            ]),
        ],
    },
    Api {
        key: 45,
        name: "AlterPartitionReassignments",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 0,
        request: &[
            int32("TimeoutMs"),
            boolean("AllowReplicationFactorChange").since(1),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int32_array("Replicas").node().nullable(),
                ]),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            boolean("AllowReplicationFactorChange").since(1),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            array("Responses", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                ]),
            ]),
        ],
    },
    Api {
        key: 46,
        name: "ListPartitionReassignments",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            int32("TimeoutMs"),
            array("Topics", &[
                string("Name").topic(),
                int32_array("PartitionIndexes"),
            ]).nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int32_array("Replicas").node(),
                    int32_array("AddingReplicas").node(),
                    int32_array("RemovingReplicas").node(),
                ]),
            ]),
        ],
    },
    Api {
        key: 47,
        name: "OffsetDelete",
        versions: Versions { first: 0, last: 0 },
        flexible_from: NEVER,
        request: &[
            string("GroupId").group(),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                ]),
            ]),
        ],
        response: &[
            int16("ErrorCode"),
            int32("ThrottleTimeMs"),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                ]),
            ]),
        ],
    },
    Api {
        key: 48,
        name: "DescribeClientQuotas",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 1,
        request: &[
            array("Components", &[
                string("EntityType"),
                int8("MatchType"),
                string("Match").nullable(),
            ]),
            boolean("Strict"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            array("Entries", &[
                array("Entity", &[
                    string("EntityType"),
                    string("EntityName").nullable(),
                ]),
                array("Values", &[
                    string("Key"),
                    float64("Value"),
                ]),
            ]).nullable(),
        ],
    },
    Api {
        key: 49,
        name: "AlterClientQuotas",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 1,
        request: &[
            array("Entries", &[
                array("Entity", &[
                    string("EntityType"),
                    string("EntityName").nullable(),
                ]),
                array("Ops", &[
                    string("Key"),
                    float64("Value"),
                    boolean("Remove"),
                ]),
            ]),
            boolean("ValidateOnly"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Entries", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                array("Entity", &[
                    string("EntityType"),
                    string("EntityName").nullable(),
                ]),
            ]),
        ],
    },
    Api {
        key: 50,
        name: "DescribeUserScramCredentials",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            array("Users", &[
                string("Name"),
            ]).nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            array("Results", &[
                string("User"),
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                array("CredentialInfos", &[
                    int8("Mechanism"),
                    int32("Iterations"),
                ]),
            ]),
        ],
    },
    Api {
        key: 51,
        name: "AlterUserScramCredentials",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            array("Deletions", &[
                string("Name"),
                int8("Mechanism"),
            ]),
            array("Upsertions", &[
                string("Name"),
                int8("Mechanism"),
                int32("Iterations"),
                bytes("Salt"),
                bytes("SaltedPassword"),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Results", &[
                string("User"),
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
            ]),
        ],
    },
    Api {
        key: 55,
        name: "DescribeQuorum",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 0,
        request: &[
            array("Topics", &[
                string("TopicName").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                ]),
            ]),
        ],
        response: &[
            int16("ErrorCode"),
            string("ErrorMessage").since(2).nullable(),
            array("Topics", &[
                string("TopicName").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                    string("ErrorMessage").since(2).nullable(),
                    int32("LeaderId").node(),
                    int32("LeaderEpoch"),
                    int64("HighWatermark"),
                    array("CurrentVoters", &[
                        int32("ReplicaId").node(),
                        uuid("ReplicaDirectoryId").since(2),
                        int64("LogEndOffset"),
                        int64("LastFetchTimestamp").since(1),
                        int64("LastCaughtUpTimestamp").since(1),
                    ]),
                    array("Observers", &[
                        int32("ReplicaId").node(),
                        uuid("ReplicaDirectoryId").since(2),
                        int64("LogEndOffset"),
                        int64("LastFetchTimestamp").since(1),
                        int64("LastCaughtUpTimestamp").since(1),
                    ]),
                ]),
            ]),
            array("Nodes", &[
                int32("NodeId").node(),
                array("Listeners", &[
                    string("Name"),
                    string("Host"),
                    uint16("Port"),
                ]),
            ]).since(2),
        ],
    },
    Api {
        key: 57,
        name: "UpdateFeatures",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 0,
        request: &[
            int32("timeoutMs"),
            array("FeatureUpdates", &[
                string("Feature"),
                int16("MaxVersionLevel"),
                boolean("AllowDowngrade").until(0),
                int8("UpgradeType").since(1),
            ]),
            boolean("ValidateOnly").since(1),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            array("Results", &[
                string("Feature"),
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
            ]).until(1),
        ],
    },
    Api {
        key: 60,
        name: "DescribeCluster",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 0,
        request: &[
            boolean("IncludeClusterAuthorizedOperations"),
            int8("EndpointType").since(1),
            boolean("IncludeFencedBrokers").since(2),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            int8("EndpointType").since(1),
            string("ClusterId"),
            int32("ControllerId").node(),
            array("Brokers", &[
                int32("BrokerId").node(),
                string("Host"),
                int32("Port"),
                string("Rack").nullable(),
                boolean("IsFenced").since(2),
            ]),
            int32("ClusterAuthorizedOperations"),
        ],
    },
    Api {
        key: 61,
        name: "DescribeProducers",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            array("Topics", &[
                string("Name").topic(),
                int32_array("PartitionIndexes"),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Topics", &[
                string("Name").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                    array("ActiveProducers", &[
                        int64("ProducerId").producer_id(),
                        int32("ProducerEpoch"),
                        int32("LastSequence"),
                        int64("LastTimestamp"),
                        int32("CoordinatorEpoch"),
                        int64("CurrentTxnStartOffset"),
                    ]),
                ]),
            ]),
        ],
    },
    Api {
        key: 64,
        name: "UnregisterBroker",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            int32("BrokerId").node(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
        ],
    },
    Api {
        key: 65,
        name: "DescribeTransactions",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string_array("TransactionalIds").transactional_id(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("TransactionStates", &[
                int16("ErrorCode"),
                string("TransactionalId").transactional_id(),
                string("TransactionState"),
                int32("TransactionTimeoutMs"),
                int64("TransactionStartTimeMs"),
                int64("ProducerId").producer_id(),
                int16("ProducerEpoch"),
                array("Topics", &[
                    string("Topic").topic(),
                    int32_array("Partitions"),
                ]),
            ]),
        ],
    },
    Api {
        key: 66,
        name: "ListTransactions",
        versions: Versions { first: 0, last: 2 },
        flexible_from: 0,
        request: &[
            string_array("StateFilters"),
            int64_array("ProducerIdFilters").producer_id(),
            int64("DurationFilter").since(1),
            string("TransactionalIdPattern").since(2).nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string_array("UnknownStateFilters"),
            array("TransactionStates", &[
                string("TransactionalId").transactional_id(),
                int64("ProducerId").producer_id(),
                string("TransactionState"),
            ]),
        ],
    },
    Api {
        key: 68,
        name: "ConsumerGroupHeartbeat",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 0,
        request: &[
            string("GroupId").group(),
            string("MemberId"),
            int32("MemberEpoch"),
            string("InstanceId").nullable(),
            string("RackId").nullable(),
            int32("RebalanceTimeoutMs"),
            string_array("SubscribedTopicNames").topic().nullable(),
            string("SubscribedTopicRegex").since(1).nullable(),
            string("ServerAssignor").nullable(),
            array("TopicPartitions", &[
                uuid("TopicId"),
                int32_array("Partitions"),
            ]).nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            string("MemberId").nullable(),
            int32("MemberEpoch"),
            int32("HeartbeatIntervalMs"),
            structure("Assignment", &[
                array("TopicPartitions", &[
                    uuid("TopicId"),
                    int32_array("Partitions"),
                ]),
            ]).nullable(),
        ],
    },
    Api {
        key: 69,
        name: "ConsumerGroupDescribe",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 0,
        request: &[
            string_array("GroupIds").group(),
            boolean("IncludeAuthorizedOperations"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Groups", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                string("GroupId").group(),
                string("GroupState"),
                int32("GroupEpoch"),
                int32("AssignmentEpoch"),
                string("AssignorName"),
                array("Members", &[
                    string("MemberId"),
                    string("InstanceId").nullable(),
                    string("RackId").nullable(),
                    int32("MemberEpoch"),
                    string("ClientId"),
                    string("ClientHost"),
                    string_array("SubscribedTopicNames").topic(),
                    string("SubscribedTopicRegex").nullable(),
                    structure("Assignment", &[
                        array("TopicPartitions", &[
                            uuid("TopicId"),
                            string("TopicName").topic(),
                            int32_array("Partitions"),
                        ]),
                    ]),
                    structure("TargetAssignment", &[
                        array("TopicPartitions", &[
                            uuid("TopicId"),
                            string("TopicName").topic(),
                            int32_array("Partitions"),
                        ]),
                    ]),
                    int8("MemberType").since(1),
                ]),
                int32("AuthorizedOperations"),
            ]),
        ],
    },
    Api {
        key: 71,
        name: "GetTelemetrySubscriptions",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            uuid("ClientInstanceId"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            uuid("ClientInstanceId"),
            int32("SubscriptionId"),
            int8_array("AcceptedCompressionTypes"),
            int32("PushIntervalMs"),
            int32("TelemetryMaxBytes"),
            boolean("DeltaTemporality"),
            string_array("RequestedMetrics"),
        ],
    },
    Api {
        key: 72,
        name: "PushTelemetry",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            uuid("ClientInstanceId"),
            int32("SubscriptionId"),
            boolean("Terminating"),
            int8("CompressionType"),
            bytes("Metrics"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
        ],
    },
    Api {
        key: 74,
        name: "ListConfigResources",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 0,
        request: &[
            int8_array("ResourceTypes").since(1),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            array("ConfigResources", &[
                string("ResourceName"),
                int8("ResourceType").since(1),
            ]),
        ],
    },
    Api {
        key: 75,
        name: "DescribeTopicPartitions",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            array("Topics", &[
                string("Name").topic(),
            ]),
            int32("ResponsePartitionLimit"),
            structure("Cursor", &[
                string("TopicName").topic(),
                int32("PartitionIndex"),
            ]).nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Topics", &[
                int16("ErrorCode"),
                string("Name").topic().nullable(),
                uuid("TopicId"),
                boolean("IsInternal"),
                array("Partitions", &[
                    int16("ErrorCode"),
                    int32("PartitionIndex"),
                    int32("LeaderId").node(),
                    int32("LeaderEpoch"),
                    int32_array("ReplicaNodes").node(),
                    int32_array("IsrNodes").node(),
                    int32_array("EligibleLeaderReplicas").node().nullable(),
                    int32_array("LastKnownElr").node().nullable(),
                    int32_array("OfflineReplicas").node(),
                ]),
                int32("TopicAuthorizedOperations"),
            ]),
            structure("NextCursor", &[
                string("TopicName").topic(),
                int32("PartitionIndex"),
            ]).nullable(),
        ],
    },
    Api {
        key: 76,
        name: "ShareGroupHeartbeat",
        versions: Versions { first: 1, last: 1 },
        flexible_from: 0,
        request: &[
            string("GroupId").group(),
            string("MemberId"),
            int32("MemberEpoch"),
            string("RackId").nullable(),
            string_array("SubscribedTopicNames").topic().nullable(),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            string("MemberId").nullable(),
            int32("MemberEpoch"),
            int32("HeartbeatIntervalMs"),
            structure("Assignment", &[
                array("TopicPartitions", &[
                    uuid("TopicId"),
                    int32_array("Partitions"),
                ]),
            ]).nullable(),
        ],
    },
    Api {
        key: 77,
        name: "ShareGroupDescribe",
        versions: Versions { first: 1, last: 1 },
        flexible_from: 0,
        request: &[
            string_array("GroupIds").group(),
            boolean("IncludeAuthorizedOperations"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Groups", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                string("GroupId").group(),
                string("GroupState"),
                int32("GroupEpoch"),
                int32("AssignmentEpoch"),
                string("AssignorName"),
                array("Members", &[
                    string("MemberId"),
                    string("RackId").nullable(),
                    int32("MemberEpoch"),
                    string("ClientId"),
                    string("ClientHost"),
                    string_array("SubscribedTopicNames").topic(),
                    structure("Assignment", &[
                        array("TopicPartitions", &[
                            uuid("TopicId"),
                            string("TopicName").topic(),
                            int32_array("Partitions"),
                        ]),
                    ]),
                ]),
                int32("AuthorizedOperations"),
            ]),
        ],
    },
    Api {
        key: 78,
        name: "ShareFetch",
        versions: Versions { first: 1, last: 2 },
        flexible_from: 0,
        request: &[
            string("GroupId").group().nullable(),
            string("MemberId").nullable(),
            int32("ShareSessionEpoch"),
            int32("MaxWaitMs"),
            int32("MinBytes"),
            int32("MaxBytes"),
            int32("MaxRecords"),
            int32("BatchSize"),
            int8("ShareAcquireMode").since(2),
            boolean("IsRenewAck").since(2),
            array("Topics", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    array("AcknowledgementBatches", &[
                        int64("FirstOffset"),
                        int64("LastOffset"),
                        int8_array("AcknowledgeTypes"),
                    ]),
                ]),
            ]),
            array("ForgottenTopicsData", &[
                uuid("TopicId"),
                int32_array("Partitions"),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            int32("AcquisitionLockTimeoutMs"),
            array("Responses", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                    int16("AcknowledgeErrorCode"),
                    string("AcknowledgeErrorMessage").nullable(),
                    structure("CurrentLeader", &[
                        int32("LeaderId"),
                        int32("LeaderEpoch"),
                    ]),
                    records("Records"),
                    array("AcquiredRecords", &[
                        int64("FirstOffset"),
                        int64("LastOffset"),
                        int16("DeliveryCount"),
                    ]),
                ]),
            ]),
            array("NodeEndpoints", &[
                int32("NodeId").node(),
                string("Host"),
                int32("Port"),
                string("Rack").nullable(),
            ]),
        ],
    },
    Api {
        key: 79,
        name: "ShareAcknowledge",
        versions: Versions { first: 1, last: 2 },
        flexible_from: 0,
        request: &[
            string("GroupId").group().nullable(),
            string("MemberId").nullable(),
            int32("ShareSessionEpoch"),
            boolean("IsRenewAck").since(2),
            array("Topics", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    array("AcknowledgementBatches", &[
                        int64("FirstOffset"),
                        int64("LastOffset"),
                        int8_array("AcknowledgeTypes"),
                    ]),
                ]),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            int32("AcquisitionLockTimeoutMs").since(2),
            array("Responses", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                    structure("CurrentLeader", &[
                        int32("LeaderId"),
                        int32("LeaderEpoch"),
                    ]),
                ]),
            ]),
            array("NodeEndpoints", &[
                int32("NodeId").node(),
                string("Host"),
                int32("Port"),
                string("Rack").nullable(),
            ]),
        ],
    },
    Api {
        key: 80,
        name: "AddRaftVoter",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 0,
        request: &[
            string("ClusterId").nullable(),
            int32("TimeoutMs"),
            int32("VoterId"),
            uuid("VoterDirectoryId"),
            array("Listeners", &[
                string("Name"),
                string("Host"),
                uint16("Port"),
            ]),
            boolean("AckWhenCommitted").since(1),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
        ],
    },
    Api {
        key: 81,
        name: "RemoveRaftVoter",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string("ClusterId").nullable(),
            int32("VoterId"),
            uuid("VoterDirectoryId"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
        ],
    },
    Api {
        key: 83,
        name: "InitializeShareGroupState",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string("GroupId"),
            array("Topics", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int32("StateEpoch"),
                    int64("StartOffset"),
                ]),
            ]),
        ],
        response: &[
            array("Results", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                ]),
            ]),
        ],
    },
    Api {
        key: 84,
        name: "ReadShareGroupState",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string("GroupId"),
            array("Topics", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int32("LeaderEpoch"),
                ]),
            ]),
        ],
        response: &[
            array("Results", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                    int32("StateEpoch"),
                    int64("StartOffset"),
                    array("StateBatches", &[
                        int64("FirstOffset"),
                        int64("LastOffset"),
                        int8("DeliveryState"),
                        int16("DeliveryCount"),
                    ]),
                ]),
            ]),
        ],
    },
    Api {
        key: 85,
        name: "WriteShareGroupState",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 0,
        request: &[
            string("GroupId"),
            array("Topics", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int32("StateEpoch"),
                    int32("LeaderEpoch"),
                    int64("StartOffset"),
                    int32("DeliveryCompleteCount").since(1),
                    array("StateBatches", &[
                        int64("FirstOffset"),
                        int64("LastOffset"),
                        int8("DeliveryState"),
                        int16("DeliveryCount"),
                    ]),
                ]),
            ]),
        ],
        response: &[
            array("Results", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                ]),
            ]),
        ],
    },
    Api {
        key: 86,
        name: "DeleteShareGroupState",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string("GroupId"),
            array("Topics", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                ]),
            ]),
        ],
        response: &[
            array("Results", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                ]),
            ]),
        ],
    },
    Api {
        key: 87,
        name: "ReadShareGroupStateSummary",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 0,
        request: &[
            string("GroupId"),
            array("Topics", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int32("LeaderEpoch"),
                ]),
            ]),
        ],
        response: &[
            array("Results", &[
                uuid("TopicId"),
                array("Partitions", &[
                    int32("Partition"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                    int32("StateEpoch"),
                    int32("LeaderEpoch"),
                    int64("StartOffset"),
                    int32("DeliveryCompleteCount").since(1),
                ]),
            ]),
        ],
    },
    Api {
        key: 88,
        name: "StreamsGroupHeartbeat",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string("GroupId").group(),
            string("MemberId"),
            int32("MemberEpoch"),
            int32("EndpointInformationEpoch"),
            string("InstanceId").nullable(),
            string("RackId").nullable(),
            int32("RebalanceTimeoutMs"),
            structure("Topology", &[
                int32("Epoch"),
                array("Subtopologies", &[
                    string("SubtopologyId"),
                    string_array("SourceTopics").topic(),
                    string_array("SourceTopicRegex"),
                    array("StateChangelogTopics", &[
                        string("Name").topic(),
                        int32("Partitions"),
                        int16("ReplicationFactor"),
                        array("TopicConfigs", &[
                            string("Key"),
                            string("Value"),
                        ]),
                    ]),
                    string_array("RepartitionSinkTopics").topic(),
                    array("RepartitionSourceTopics", &[
                        string("Name").topic(),
                        int32("Partitions"),
                        int16("ReplicationFactor"),
                        array("TopicConfigs", &[
                            string("Key"),
                            string("Value"),
                        ]),
                    ]),
                    array("CopartitionGroups", &[
                        int16_array("SourceTopics"),
                        int16_array("SourceTopicRegex"),
                        int16_array("RepartitionSourceTopics"),
                    ]),
                ]),
            ]).nullable(),
            array("ActiveTasks", &[
                string("SubtopologyId"),
                int32_array("Partitions"),
            ]).nullable(),
            array("StandbyTasks", &[
                string("SubtopologyId"),
                int32_array("Partitions"),
            ]).nullable(),
            array("WarmupTasks", &[
                string("SubtopologyId"),
                int32_array("Partitions"),
            ]).nullable(),
            string("ProcessId").nullable(),
            structure("UserEndpoint", &[
                string("Host"),
                uint16("Port"),
            ]).nullable(),
            array("ClientTags", &[
                string("Key"),
                string("Value"),
            ]).nullable(),
            array("TaskOffsets", &[
                string("SubtopologyId"),
                int32("Partition"),
                int64("Offset"),
            ]).nullable(),
            array("TaskEndOffsets", &[
                string("SubtopologyId"),
                int32("Partition"),
                int64("Offset"),
            ]).nullable(),
            boolean("ShutdownApplication"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            string("MemberId"),
            int32("MemberEpoch"),
            int32("HeartbeatIntervalMs"),
            int32("AcceptableRecoveryLag"),
            int32("TaskOffsetIntervalMs"),
            array("Status", &[
                int8("StatusCode"),
                string("StatusDetail"),
            ]).nullable(),
            array("ActiveTasks", &[
                string("SubtopologyId"),
                int32_array("Partitions"),
            ]).nullable(),
            array("StandbyTasks", &[
                string("SubtopologyId"),
                int32_array("Partitions"),
            ]).nullable(),
            array("WarmupTasks", &[
                string("SubtopologyId"),
                int32_array("Partitions"),
            ]).nullable(),
            int32("EndpointInformationEpoch"),
            array("PartitionsByUserEndpoint", &[
                structure("UserEndpoint", &[
                    string("Host"),
                    uint16("Port"),
                ]),
                array("ActivePartitions", &[
                    string("Topic").topic(),
                    int32_array("Partitions"),
                ]),
                array("StandbyPartitions", &[
                    string("Topic").topic(),
                    int32_array("Partitions"),
                ]),
            ]).nullable(),
        ],
    },
    Api {
        key: 89,
        name: "StreamsGroupDescribe",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string_array("GroupIds").group(),
            boolean("IncludeAuthorizedOperations"),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Groups", &[
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
                string("GroupId").group(),
                string("GroupState"),
                int32("GroupEpoch"),
                int32("AssignmentEpoch"),
                structure("Topology", &[
                    int32("Epoch"),
                    array("Subtopologies", &[
                        string("SubtopologyId"),
                        string_array("SourceTopics").topic(),
                        string_array("RepartitionSinkTopics").topic(),
                        array("StateChangelogTopics", &[
                            string("Name").topic(),
                            int32("Partitions"),
                            int16("ReplicationFactor"),
                            array("TopicConfigs", &[
                                string("Key"),
                                string("Value"),
                            ]),
                        ]),
                        array("RepartitionSourceTopics", &[
                            string("Name").topic(),
                            int32("Partitions"),
                            int16("ReplicationFactor"),
                            array("TopicConfigs", &[
                                string("Key"),
                                string("Value"),
                            ]),
                        ]),
                    ]).nullable(),
                ]).nullable(),
                array("Members", &[
                    string("MemberId"),
                    int32("MemberEpoch"),
                    string("InstanceId").nullable(),
                    string("RackId").nullable(),
                    string("ClientId"),
                    string("ClientHost"),
                    int32("TopologyEpoch"),
                    string("ProcessId"),
                    structure("UserEndpoint", &[
                        string("Host"),
                        uint16("Port"),
                    ]).nullable(),
                    array("ClientTags", &[
                        string("Key"),
                        string("Value"),
                    ]),
                    array("TaskOffsets", &[
                        string("SubtopologyId"),
                        int32("Partition"),
                        int64("Offset"),
                    ]),
                    array("TaskEndOffsets", &[
                        string("SubtopologyId"),
                        int32("Partition"),
                        int64("Offset"),
                    ]),
                    structure("Assignment", &[
                        array("ActiveTasks", &[
                            string("SubtopologyId"),
                            int32_array("Partitions"),
                        ]),
                        array("StandbyTasks", &[
                            string("SubtopologyId"),
                            int32_array("Partitions"),
                        ]),
                        array("WarmupTasks", &[
                            string("SubtopologyId"),
                            int32_array("Partitions"),
                        ]),
                    ]),
                    structure("TargetAssignment", &[
                        array("ActiveTasks", &[
                            string("SubtopologyId"),
                            int32_array("Partitions"),
                        ]),
                        array("StandbyTasks", &[
                            string("SubtopologyId"),
                            int32_array("Partitions"),
                        ]),
                        array("WarmupTasks", &[
                            string("SubtopologyId"),
                            int32_array("Partitions"),
                        ]),
                    ]),
                    boolean("IsClassic"),
                ]),
                int32("AuthorizedOperations"),
            ]),
        ],
    },
    Api {
        key: 90,
        name: "DescribeShareGroupOffsets",
        versions: Versions { first: 0, last: 1 },
        flexible_from: 0,
        request: &[
            array("Groups", &[
                string("GroupId").group(),
                array("Topics", &[
                    string("TopicName").topic(),
                    int32_array("Partitions"),
                ]).nullable(),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            array("Groups", &[
                string("GroupId").group(),
                array("Topics", &[
                    string("TopicName").topic(),
                    uuid("TopicId"),
                    array("Partitions", &[
                        int32("PartitionIndex"),
                        int64("StartOffset"),
                        int32("LeaderEpoch"),
                        int64("Lag").since(1),
                        int16("ErrorCode"),
                        string("ErrorMessage").nullable(),
                    ]),
                ]),
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
            ]),
        ],
    },
    Api {
        key: 91,
        name: "AlterShareGroupOffsets",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string("GroupId").group(),
            array("Topics", &[
                string("TopicName").topic(),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int64("StartOffset"),
                ]),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            array("Responses", &[
                string("TopicName").topic(),
                uuid("TopicId"),
                array("Partitions", &[
                    int32("PartitionIndex"),
                    int16("ErrorCode"),
                    string("ErrorMessage").nullable(),
                ]),
            ]),
        ],
    },
    Api {
        key: 92,
        name: "DeleteShareGroupOffsets",
        versions: Versions { first: 0, last: 0 },
        flexible_from: 0,
        request: &[
            string("GroupId").group(),
            array("Topics", &[
                string("TopicName").topic(),
            ]),
        ],
        response: &[
            int32("ThrottleTimeMs"),
            int16("ErrorCode"),
            string("ErrorMessage").nullable(),
            array("Responses", &[
                string("TopicName").topic(),
                uuid("TopicId"),
                int16("ErrorCode"),
                string("ErrorMessage").nullable(),
            ]),
        ],
    },
];
