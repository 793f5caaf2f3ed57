//! Responses about transactions.

use kafka_protocol::messages::*;

use super::super::samples::string;
use super::{Teller, entry, make};

impl Teller<'_> {
    pub fn add_partitions_to_txn(&mut self) -> AddPartitionsToTxnResponse {
        use add_partitions_to_txn_response::{AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult};
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions =
                t.few(|t| entry!(t, AddPartitionsToTxnPartitionResult { partition_error_code: t.code(role.refused) }));
            let one = entry!(t, AddPartitionsToTxnTopicResult { results_by_partition: partitions });
            name.map(|name| one.with_name(name))
        });
        make!(AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: topics,
            unknown_tagged_fields: self.unknown_tags(),
        })
    }

    pub fn txn_offset_commit(&mut self) -> TxnOffsetCommitResponse {
        use txn_offset_commit_response::{TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic};
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions =
                t.few(|t| entry!(t, TxnOffsetCommitResponsePartition { error_code: t.code(role.refused) }));
            let one = entry!(t, TxnOffsetCommitResponseTopic { partitions: partitions });
            name.map(|name| one.with_name(name))
        });
        make!(TxnOffsetCommitResponse { topics: topics, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn describe_transactions(&mut self) -> DescribeTransactionsResponse {
        use describe_transactions_response::{TopicData, TransactionState};
        let states = self.entries(|t| {
            let (role, id) = t.transactional_id(false);
            let topics = t.entries(|t| {
                let (_, name) = t.topic();
                let one = entry!(t, TopicData { partitions: vec![1, 2] });
                name.map(|name| one.with_topic(name))
            });
            let one = entry!(
                t,
                TransactionState {
                    error_code: t.code(role.refused),
                    transaction_state: string("Ongoing"),
                    topics: topics,
                }
            );
            id.map(|id| one.with_transactional_id(id))
        });
        make!(DescribeTransactionsResponse { transaction_states: states, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn list_transactions(&mut self) -> ListTransactionsResponse {
        let error_code = self.code(0);
        let states = self.entries(|t| {
            let (_, id) = t.transactional_id(true);
            let one = entry!(
                t,
                list_transactions_response::TransactionState {
                    producer_id: 6.into(),
                    transaction_state: string("Ongoing"),
                }
            );
            id.map(|id| one.with_transactional_id(id))
        });
        make!(ListTransactionsResponse {
            error_code: error_code,
            unknown_state_filters: vec![string("Odd")],
            transaction_states: states,
            unknown_tagged_fields: self.unknown_tags(),
        })
    }
}
