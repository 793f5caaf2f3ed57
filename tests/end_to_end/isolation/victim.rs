//! The victim: a tenant with a topic and records, a group with a static member that is there, committed offsets, an open
//! transaction and a fetch session, all made through the gateway by raw requests.

use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, BrokerId, ConsumerProtocolAssignment, ConsumerProtocolSubscription, CreateTopicsRequest,
    FetchRequest, FindCoordinatorRequest, GroupId, InitProducerIdRequest, JoinGroupRequest, MetadataRequest,
    OffsetCommitRequest, ProduceRequest, ProducerId, SyncGroupRequest, TopicName, TransactionalId,
};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::ground::Names;
use crate::ensure;
use crate::harness::records;
use crate::harness::tools::{leader, patience};
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, locked, until};

/// Longer than any test.
const SESSION_TIMEOUT_MS: i32 = 1_800_000;
const TRANSACTION_TIMEOUT_MS: i32 = 900_000;

/// What the attacker may have found out about the victim, and the victim's own connection with its fetch session.
pub struct Victim {
    pub member_id: StrBytes,
    pub generation: i32,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub session_id: i32,
    /// The node that leads the victim's partition, and has its fetch session.
    pub leader: i32,
    session: Mutex<(Wire, i32)>,
}

impl Victim {
    /// Makes the victim's world, beginning at its bootstrap address.
    pub fn settle(bootstrap: &str, names: &Names) -> Fallible<Victim> {
        let mut wire = Wire::connect_as(bootstrap, &names.client_id)?;
        let topic = TopicName(text(&names.topic));
        let creatable =
            CreatableTopic::default().with_name(topic.clone()).with_num_partitions(1).with_replication_factor(3);
        let request = CreateTopicsRequest::default().with_topics(vec![creatable]).with_timeout_ms(20_000);
        let created = wire.ask(7, &request)?.body;
        ensure!(created.topics.iter().all(|topic| topic.error_code == 0), "{created:?}");
        let leader = until("the victim's topic is led", patience(20), || leader(&mut wire, &names.topic))?;
        let mut at_leader = connect(&mut wire, leader, &names.client_id)?;
        produce(&mut at_leader, names, None)?;
        let (member_id, generation) = join(bootstrap, names)?;
        let (producer_id, producer_epoch) = begin_transaction(&mut at_leader, bootstrap, names)?;
        let session_id = fetch(&mut at_leader, names, 0, 0)?;
        ensure!(session_id != 0, "the victim got no fetch session");
        let session = Mutex::new((at_leader, 1));
        Ok(Victim { member_id, generation, producer_id, producer_epoch, session_id, leader, session })
    }

    /// Goes on with the fetch session, as if nothing had happened.
    pub fn continue_session(&self, names: &Names) -> Fallible<()> {
        let (wire, epoch) = &mut *locked(&self.session);
        let session_id = fetch(wire, names, self.session_id, *epoch)?;
        ensure!(session_id == self.session_id, "the victim's fetch session is {session_id}");
        *epoch += 1;
        Ok(())
    }
}

/// Connects to a node by the address that Metadata gives for it.
fn connect(wire: &mut Wire, node: i32, client_id: &str) -> Fallible<Wire> {
    let answer = wire.ask(9, &MetadataRequest::default().with_topics(Some(Vec::new())))?.body;
    let found = answer.brokers.iter().find(|broker| broker.node_id.0 == node);
    let found = found.ok_or_else(|| format!("node {node} is not known"))?;
    Wire::connect_as(&format!("{}:{}", &*found.host, found.port), client_id)
}

/// Connects to the coordinator of a group (0) or of a transactional id (1), which is asked for at `bootstrap`.
pub fn connect_coordinator(bootstrap: &str, key_type: i8, key: &str, client_id: &str) -> Fallible<Wire> {
    let mut wire = Wire::connect_as(bootstrap, client_id)?;
    let request = FindCoordinatorRequest::default().with_key_type(key_type).with_key(text(key));
    let node = until("a coordinator", patience(20), || {
        let answer = wire.ask(2, &request)?.body;
        ensure!(answer.error_code == 0, "error {}", answer.error_code);
        Ok(answer.node_id.0)
    })?;
    connect(&mut wire, node, client_id)
}

fn produce(wire: &mut Wire, names: &Names, transaction: Option<(i64, i16)>) -> Fallible<()> {
    let batch = records::batch_of(Bytes::from(names.payload.clone()), transaction)?;
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(batch));
    let topic =
        TopicProduceData::default().with_name(TopicName(text(&names.topic))).with_partition_data(vec![partition]);
    let id = transaction.map(|_| TransactionalId(text(&names.transactional_id)));
    let request = ProduceRequest::default()
        .with_transactional_id(id)
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic]);
    until("the victim produces", patience(20), || {
        let answer = wire.ask(9, &request)?.body;
        let errors: Vec<i16> =
            answer.responses.iter().flat_map(|topic| &topic.partition_responses).map(|one| one.error_code).collect();
        ensure!(errors == [0], "errors {errors:?}");
        Ok(())
    })
}

/// Joins with a static member and commits an offset; gives the member's id and the generation.
fn join(bootstrap: &str, names: &Names) -> Fallible<(StrBytes, i32)> {
    let mut wire = connect_coordinator(bootstrap, 0, &names.group, &names.client_id)?;
    let group = GroupId(text(&names.group));
    let subscription = ConsumerProtocolSubscription::default().with_topics(vec![text(&names.topic)]);
    let request = JoinGroupRequest::default()
        .with_group_id(group.clone())
        .with_group_instance_id(Some(text(&names.instance_id)))
        .with_protocol_type(text("consumer"))
        .with_session_timeout_ms(SESSION_TIMEOUT_MS)
        .with_rebalance_timeout_ms(SESSION_TIMEOUT_MS)
        .with_protocols(vec![
            JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(embedded(&subscription, 1)?),
        ]);
    let joined = until("the victim joins", patience(20), || {
        let joined = wire.ask(7, &request)?.body;
        ensure!(joined.error_code == 0, "error {}", joined.error_code);
        Ok(joined)
    })?;
    let assigned = kafka_protocol::messages::consumer_protocol_assignment::TopicPartition::default()
        .with_topic(TopicName(text(&names.topic)))
        .with_partitions(vec![0]);
    let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![assigned]);
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(embedded(&assignment, 1)?);
    let request = SyncGroupRequest::default()
        .with_group_id(group.clone())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_group_instance_id(Some(text(&names.instance_id)))
        .with_assignments(vec![assignment]);
    let synced = wire.ask(3, &request)?.body;
    ensure!(synced.error_code == 0, "the victim cannot sync: {}", synced.error_code);
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(1)
        .with_committed_metadata(Some(text(&names.metadata)));
    let topic =
        OffsetCommitRequestTopic::default().with_name(TopicName(text(&names.topic))).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group)
        .with_generation_id_or_member_epoch(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_group_instance_id(Some(text(&names.instance_id)))
        .with_topics(vec![topic]);
    let committed = wire.ask(7, &request)?.body;
    let error = committed.topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code).max();
    ensure!(error == Some(0), "the victim cannot commit: {committed:?}");
    Ok((joined.member_id, joined.generation_id))
}

/// Begins a transaction with a record in it, and leaves it open; gives the producer's id and epoch.
fn begin_transaction(at_leader: &mut Wire, bootstrap: &str, names: &Names) -> Fallible<(i64, i16)> {
    let mut wire = connect_coordinator(bootstrap, 1, &names.transactional_id, &names.client_id)?;
    let id = TransactionalId(text(&names.transactional_id));
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id.clone()))
        .with_transaction_timeout_ms(TRANSACTION_TIMEOUT_MS)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    let producer = until("the victim's producer", patience(20), || {
        let answer = wire.ask(3, &request)?.body;
        ensure!(answer.error_code == 0, "error {}", answer.error_code);
        Ok(answer)
    })?;
    let topic = AddPartitionsToTxnTopic::default().with_name(TopicName(text(&names.topic))).with_partitions(vec![0]);
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(id)
        .with_v3_and_below_producer_id(producer.producer_id)
        .with_v3_and_below_producer_epoch(producer.producer_epoch)
        .with_v3_and_below_topics(vec![topic]);
    let added = wire.ask(3, &request)?.body;
    let error = added.results_by_topic_v3_and_below.iter().flat_map(|topic| &topic.results_by_partition);
    ensure!(error.map(|one| one.partition_error_code).max() == Some(0), "the victim's transaction: {added:?}");
    let producer = (producer.producer_id.0, producer.producer_epoch);
    produce(at_leader, names, Some(producer))?;
    Ok(producer)
}

/// Fetches within a session; gives the session's id.
fn fetch(wire: &mut Wire, names: &Names, session_id: i32, epoch: i32) -> Fallible<i32> {
    let partition = FetchPartition::default().with_partition(0).with_fetch_offset(0).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(TopicName(text(&names.topic))).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_max_bytes(1 << 20)
        .with_session_id(session_id)
        .with_session_epoch(epoch)
        .with_topics(if epoch == 0 { vec![topic] } else { Vec::new() });
    let answer = wire.ask(12, &request)?.body;
    ensure!(answer.error_code == 0, "the victim cannot fetch: error {}", answer.error_code);
    Ok(answer.session_id)
}

/// A struct of the consumer protocol behind its version.
pub fn embedded<M: Encodable>(message: &M, version: i16) -> Fallible<Bytes> {
    let mut bytes = BytesMut::from(&version.to_be_bytes()[..]);
    message.encode(&mut bytes, version).map_err(|error| error.to_string())?;
    Ok(bytes.freeze())
}
