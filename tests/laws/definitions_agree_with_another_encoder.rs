//! The encoder and decoder that follow from Kafka's definitions are right: each message of each version, made up from the
//! definitions, is read by kafka-protocol and written by it again as the same bytes, and truncations are refused.

use crate::definitions::codec::Value;
use crate::definitions::{Definitions, Field, Kind, Message};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable};

/// Texts of every field, numbers of every kind, two elements in each array.
struct Rich(i64);

impl crate::definitions::make::Choose for Rich {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value> {
        if field.tagged.has(version) {
            return None;
        }
        self.0 += 1;
        match &field.kind {
            // Booleans are written as 0 or 1, and codes stay what they are.
            Kind::Fixed(1) => Some(Value::number(self.0 % 2, 1)),
            Kind::Fixed(16) => Some(Value::Fixed(vec![7; 16])),
            Kind::Fixed(length) => Some(Value::number(self.0, *length)),
            Kind::Text => Some(Value::text(&"n".repeat(usize::try_from(self.0 % 200).unwrap()))),
            Kind::Bytes | Kind::Records => Some(Value::Bytes(vec![9; usize::try_from(self.0 % 150).unwrap()])),
            Kind::Array(_) | Kind::Struct(_) => None,
        }
    }

    fn count(&mut self, _field: &Field) -> usize {
        2
    }
}

/// Requests that kafka-protocol names in its ranges and cannot read: key and version.
const UNREADABLE: [(i16, i16); 3] = [(8, 10), (9, 10), (22, 6)];

/// Whether kafka-protocol has this version.
fn known_to(key: ApiKey, version: i16) -> bool {
    key.valid_versions().min <= version && version <= key.valid_versions().max
}

/// Reads a message with kafka-protocol, and what that writes of it. A new API does not compile until it stands here.
macro_rules! read_and_written {
    ($($api:ident: $request:ident, $response:ident;)*) => {
        fn read_and_written(key: ApiKey, request: bool, bytes: &mut Bytes, version: i16) -> Result<BytesMut, String> {
            match key {
                $(ApiKey::$api if request => again::<$request>(bytes, version),
                ApiKey::$api => again::<$response>(bytes, version),)*
            }
        }
    };
}

fn again<M: Decodable + Encodable>(bytes: &mut Bytes, version: i16) -> Result<BytesMut, String> {
    let message = M::decode(bytes, version).map_err(|error| error.to_string())?;
    let mut written = BytesMut::new();
    message.encode(&mut written, version).map_err(|error| error.to_string())?;
    Ok(written)
}

read_and_written! {
    Produce: ProduceRequest, ProduceResponse;
    Fetch: FetchRequest, FetchResponse;
    ListOffsets: ListOffsetsRequest, ListOffsetsResponse;
    Metadata: MetadataRequest, MetadataResponse;
    OffsetCommit: OffsetCommitRequest, OffsetCommitResponse;
    OffsetFetch: OffsetFetchRequest, OffsetFetchResponse;
    FindCoordinator: FindCoordinatorRequest, FindCoordinatorResponse;
    JoinGroup: JoinGroupRequest, JoinGroupResponse;
    Heartbeat: HeartbeatRequest, HeartbeatResponse;
    LeaveGroup: LeaveGroupRequest, LeaveGroupResponse;
    SyncGroup: SyncGroupRequest, SyncGroupResponse;
    DescribeGroups: DescribeGroupsRequest, DescribeGroupsResponse;
    ListGroups: ListGroupsRequest, ListGroupsResponse;
    SaslHandshake: SaslHandshakeRequest, SaslHandshakeResponse;
    ApiVersions: ApiVersionsRequest, ApiVersionsResponse;
    CreateTopics: CreateTopicsRequest, CreateTopicsResponse;
    DeleteTopics: DeleteTopicsRequest, DeleteTopicsResponse;
    DeleteRecords: DeleteRecordsRequest, DeleteRecordsResponse;
    InitProducerId: InitProducerIdRequest, InitProducerIdResponse;
    OffsetForLeaderEpoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    AddPartitionsToTxn: AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
    AddOffsetsToTxn: AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
    EndTxn: EndTxnRequest, EndTxnResponse;
    WriteTxnMarkers: WriteTxnMarkersRequest, WriteTxnMarkersResponse;
    TxnOffsetCommit: TxnOffsetCommitRequest, TxnOffsetCommitResponse;
    DescribeAcls: DescribeAclsRequest, DescribeAclsResponse;
    CreateAcls: CreateAclsRequest, CreateAclsResponse;
    DeleteAcls: DeleteAclsRequest, DeleteAclsResponse;
    DescribeConfigs: DescribeConfigsRequest, DescribeConfigsResponse;
    AlterConfigs: AlterConfigsRequest, AlterConfigsResponse;
    AlterReplicaLogDirs: AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
    DescribeLogDirs: DescribeLogDirsRequest, DescribeLogDirsResponse;
    SaslAuthenticate: SaslAuthenticateRequest, SaslAuthenticateResponse;
    CreatePartitions: CreatePartitionsRequest, CreatePartitionsResponse;
    CreateDelegationToken: CreateDelegationTokenRequest, CreateDelegationTokenResponse;
    RenewDelegationToken: RenewDelegationTokenRequest, RenewDelegationTokenResponse;
    ExpireDelegationToken: ExpireDelegationTokenRequest, ExpireDelegationTokenResponse;
    DescribeDelegationToken: DescribeDelegationTokenRequest, DescribeDelegationTokenResponse;
    DeleteGroups: DeleteGroupsRequest, DeleteGroupsResponse;
    ElectLeaders: ElectLeadersRequest, ElectLeadersResponse;
    IncrementalAlterConfigs: IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    AlterPartitionReassignments: AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
    ListPartitionReassignments: ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
    OffsetDelete: OffsetDeleteRequest, OffsetDeleteResponse;
    DescribeClientQuotas: DescribeClientQuotasRequest, DescribeClientQuotasResponse;
    AlterClientQuotas: AlterClientQuotasRequest, AlterClientQuotasResponse;
    DescribeUserScramCredentials: DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
    AlterUserScramCredentials: AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse;
    Vote: VoteRequest, VoteResponse;
    BeginQuorumEpoch: BeginQuorumEpochRequest, BeginQuorumEpochResponse;
    EndQuorumEpoch: EndQuorumEpochRequest, EndQuorumEpochResponse;
    DescribeQuorum: DescribeQuorumRequest, DescribeQuorumResponse;
    AlterPartition: AlterPartitionRequest, AlterPartitionResponse;
    UpdateFeatures: UpdateFeaturesRequest, UpdateFeaturesResponse;
    Envelope: EnvelopeRequest, EnvelopeResponse;
    FetchSnapshot: FetchSnapshotRequest, FetchSnapshotResponse;
    DescribeCluster: DescribeClusterRequest, DescribeClusterResponse;
    DescribeProducers: DescribeProducersRequest, DescribeProducersResponse;
    BrokerRegistration: BrokerRegistrationRequest, BrokerRegistrationResponse;
    BrokerHeartbeat: BrokerHeartbeatRequest, BrokerHeartbeatResponse;
    UnregisterBroker: UnregisterBrokerRequest, UnregisterBrokerResponse;
    DescribeTransactions: DescribeTransactionsRequest, DescribeTransactionsResponse;
    ListTransactions: ListTransactionsRequest, ListTransactionsResponse;
    AllocateProducerIds: AllocateProducerIdsRequest, AllocateProducerIdsResponse;
    ConsumerGroupHeartbeat: ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe: ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
    ControllerRegistration: ControllerRegistrationRequest, ControllerRegistrationResponse;
    GetTelemetrySubscriptions: GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse;
    PushTelemetry: PushTelemetryRequest, PushTelemetryResponse;
    AssignReplicasToDirs: AssignReplicasToDirsRequest, AssignReplicasToDirsResponse;
    ListConfigResources: ListConfigResourcesRequest, ListConfigResourcesResponse;
    DescribeTopicPartitions: DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    ShareGroupHeartbeat: ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse;
    ShareGroupDescribe: ShareGroupDescribeRequest, ShareGroupDescribeResponse;
    ShareFetch: ShareFetchRequest, ShareFetchResponse;
    ShareAcknowledge: ShareAcknowledgeRequest, ShareAcknowledgeResponse;
    AddRaftVoter: AddRaftVoterRequest, AddRaftVoterResponse;
    RemoveRaftVoter: RemoveRaftVoterRequest, RemoveRaftVoterResponse;
    UpdateRaftVoter: UpdateRaftVoterRequest, UpdateRaftVoterResponse;
    InitializeShareGroupState: InitializeShareGroupStateRequest, InitializeShareGroupStateResponse;
    ReadShareGroupState: ReadShareGroupStateRequest, ReadShareGroupStateResponse;
    WriteShareGroupState: WriteShareGroupStateRequest, WriteShareGroupStateResponse;
    DeleteShareGroupState: DeleteShareGroupStateRequest, DeleteShareGroupStateResponse;
    ReadShareGroupStateSummary: ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse;
    DescribeShareGroupOffsets: DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse;
    AlterShareGroupOffsets: AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse;
    DeleteShareGroupOffsets: DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse;
}

fn all(mut each: impl FnMut(&Message, i16, bool, ApiKey)) -> usize {
    let definitions = Definitions::read().unwrap();
    let mut count = 0;
    for (messages, request) in [(&definitions.requests, true), (&definitions.responses, false)] {
        for message in messages.values() {
            let Ok(key) = ApiKey::try_from(message.key) else { continue };
            for version in (message.valid.first..=message.valid.last).filter(|version| known_to(key, *version)) {
                each(message, version, request, key);
                count += 1;
            }
        }
    }
    count
}

#[test]
fn what_it_writes_another_reads_and_writes_alike() {
    let mut differ = Vec::new();
    let count = all(|message, version, request, key| {
        if request && UNREADABLE.contains(&(message.key, version)) {
            return;
        }
        let value = message.make(version, &mut Rich(0));
        let ours = message.encode(version, &value).bytes;
        assert_eq!(message.decode(version, &ours), Ok(value), "{} v{version}", message.name);
        let mut rest = Bytes::from(ours.clone());
        match read_and_written(key, request, &mut rest, version) {
            Ok(theirs) if theirs == ours && rest.is_empty() => {}
            Ok(theirs) => differ.push(format!("{} v{version}: {ours:02x?} became {:02x?}", message.name, &theirs[..])),
            Err(error) => differ.push(format!("{} v{version}: {error}", message.name)),
        }
    });
    assert!(differ.is_empty(), "{} of {count}:\n{}", differ.len(), differ.join("\n"));
    assert!(count > 500, "{count} messages only");
}

#[test]
fn every_truncation_is_refused() {
    all(|message, version, _, _| {
        let bytes = message.encode(version, &message.make(version, &mut Rich(0))).bytes;
        for end in 0..bytes.len() {
            assert!(message.decode(version, &bytes[..end]).is_err(), "{} v{version} ends at {end}", message.name);
        }
    });
}
