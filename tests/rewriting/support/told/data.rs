//! Responses about topics, their records and offsets.

use kafka_protocol::messages::*;

use super::{FETCH_SESSION, ID_MASK, Side, Teller, entry, kafka_uuid, make};

impl Teller<'_> {
    pub fn produce(&mut self) -> ProduceResponse {
        let responses = self.entries(|t| {
            let (role, name) = t.topic();
            let partition_responses = t.few(|t| {
                let code = t.raw_code();
                let record_errors = t.few(|t| {
                    let text = t.text(code, role.refused);
                    make!(produce_response::BatchIndexAndErrorMessage { batch_index_error_message: text })
                });
                let message = t.text(code, role.refused);
                let code = t.shown_code(code, role.refused);
                entry!(
                    t,
                    produce_response::PartitionProduceResponse {
                        index: 3,
                        error_code: code,
                        base_offset: 9,
                        record_errors: t.since(8, record_errors),
                        error_message: t.since(8, message),
                    }
                )
            });
            let one = entry!(t, produce_response::TopicProduceResponse { partition_responses: partition_responses });
            name.map(|name| one.with_name(name))
        });
        let node_endpoints = if self.version >= 10 && self.endpoints {
            let (host, port) = (self.host(), self.port());
            vec![make!(produce_response::NodeEndpoint { node_id: BrokerId(1), host: host, port: port })]
        } else {
            Vec::new()
        };
        make!(ProduceResponse {
            responses: responses,
            throttle_time_ms: 3,
            node_endpoints: node_endpoints,
            unknown_tagged_fields: self.unknown_tags(),
        })
    }

    pub fn fetch(&mut self) -> FetchResponse {
        let error_code = if self.version >= 7 { self.code(0) } else { 0 };
        let responses = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions = t.few(|t| {
                entry!(
                    t,
                    fetch_response::PartitionData {
                        partition_index: 1,
                        error_code: t.code(role.refused),
                        high_watermark: 5,
                        aborted_transactions: None,
                        records: t.records(),
                    }
                )
            });
            let one = entry!(t, fetch_response::FetchableTopicResponse { partitions: partitions });
            name.map(|name| one.with_topic(name))
        });
        make!(FetchResponse {
            throttle_time_ms: 1,
            error_code: error_code,
            session_id: self.since(7, FETCH_SESSION),
            responses: responses,
            unknown_tagged_fields: self.unknown_tags(),
        })
    }

    pub fn list_offsets(&mut self) -> ListOffsetsResponse {
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions = t.few(|t| {
                entry!(
                    t,
                    list_offsets_response::ListOffsetsPartitionResponse {
                        error_code: t.code(role.refused),
                        timestamp: 8,
                        offset: 9,
                    }
                )
            });
            let one = entry!(t, list_offsets_response::ListOffsetsTopicResponse { partitions: partitions });
            name.map(|name| one.with_name(name))
        });
        make!(ListOffsetsResponse { topics: topics, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn metadata(&mut self) -> MetadataResponse {
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let by_id = t.version >= 12 && t.dice.below(6) == 0;
            let id: [u8; 16] = [u8::try_from(t.dice.below(256)).unwrap(); 16];
            let masked = if by_id && t.side == Side::Backend { id.map(|byte| byte ^ ID_MASK[0]) } else { id };
            let code = t.code(if by_id { 0 } else { role.refused });
            let partitions = t.few(|t| {
                entry!(
                    t,
                    metadata_response::MetadataResponsePartition {
                        error_code: 9,
                        leader_id: BrokerId(1),
                        replica_nodes: vec![BrokerId(1); 3],
                    }
                )
            });
            let operations = t.operations();
            let one = entry!(
                t,
                metadata_response::MetadataResponseTopic {
                    error_code: if by_id { 100 } else { code },
                    partitions: partitions,
                    topic_authorized_operations: if t.version >= 8 { operations } else { i32::MIN },
                }
            );
            let mut one = one;
            if t.version >= 10 {
                one.topic_id = kafka_uuid(masked);
            }
            if by_id {
                return Some(one.with_name(None));
            }
            name.map(|name| one.with_name(Some(name)))
        });
        let operations = self.operations();
        let broker = make!(metadata_response::MetadataResponseBroker {
            node_id: BrokerId(1),
            host: self.host(),
            port: self.port(),
        });
        make!(MetadataResponse {
            brokers: vec![broker],
            cluster_id: self.since(2, Some(self.cluster_id())),
            controller_id: if self.version >= 1 { BrokerId(1) } else { BrokerId(-1) },
            topics: topics,
            cluster_authorized_operations: if (8..=10).contains(&self.version) { operations } else { i32::MIN },
            error_code: if self.version >= 13 { self.code(0) } else { 0 },
            unknown_tagged_fields: self.unknown_tags(),
        })
    }

    pub fn offset_for_leader_epoch(&mut self) -> OffsetForLeaderEpochResponse {
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions = t.few(|t| {
                entry!(t, offset_for_leader_epoch_response::EpochEndOffset { error_code: t.code(role.refused) })
            });
            let one =
                entry!(t, offset_for_leader_epoch_response::OffsetForLeaderTopicResult { partitions: partitions });
            name.map(|name| one.with_topic(name))
        });
        make!(OffsetForLeaderEpochResponse { topics: topics, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn describe_producers(&mut self) -> DescribeProducersResponse {
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions = t.few(|t| {
                let (code, message) = t.fault(role.refused);
                let active = t.few(|t| entry!(t, describe_producers_response::ProducerState { producer_id: 5.into() }));
                entry!(
                    t,
                    describe_producers_response::PartitionResponse {
                        error_code: code,
                        error_message: message,
                        active_producers: active,
                    }
                )
            });
            let one = entry!(t, describe_producers_response::TopicResponse { partitions: partitions });
            name.map(|name| one.with_name(name))
        });
        make!(DescribeProducersResponse { topics: topics, unknown_tagged_fields: self.unknown_tags() })
    }
}
