//! Responses to administrators.

use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

use super::super::cast::Role;
use super::super::samples::string;
use super::{Side, Teller, entry, kafka_uuid, make};

impl Teller<'_> {
    pub fn create_topics(&mut self) -> CreateTopicsResponse {
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let (code, message) = t.fault(role.refused);
            let mut one =
                entry!(t, create_topics_response::CreatableTopicResult { error_code: code, error_message: message });
            if t.version >= 5 {
                let config = make!(create_topics_response::CreatableTopicConfigs { name: string("c"), value: None });
                (one.num_partitions, one.replication_factor, one.configs) = (6, 3, Some(vec![config]));
            }
            if t.version >= 7 {
                one.topic_id = kafka_uuid([7; 16]);
            }
            name.map(|name| one.with_name(name))
        });
        make!(CreateTopicsResponse { topics: topics, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn delete_topics(&mut self) -> DeleteTopicsResponse {
        let responses = self.entries(|t| {
            let (role, name) = t.topic();
            let (code, message) = t.fault(role.refused);
            let one = entry!(
                t,
                delete_topics_response::DeletableTopicResult { error_code: code, error_message: t.since(5, message) }
            );
            name.map(|name| one.with_name(Some(name)))
        });
        make!(DeleteTopicsResponse { responses: responses, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn delete_records(&mut self) -> DeleteRecordsResponse {
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions = t.few(|t| {
                entry!(t, delete_records_response::DeleteRecordsPartitionResult { error_code: t.code(role.refused) })
            });
            let one = entry!(t, delete_records_response::DeleteRecordsTopicResult { partitions: partitions });
            name.map(|name| one.with_name(name))
        });
        make!(DeleteRecordsResponse { topics: topics, unknown_tagged_fields: self.unknown_tags() })
    }

    /// Type and name of a resource, with its role.
    fn resource(&mut self) -> (Role, i8, Option<StrBytes>) {
        let (kind, role) = self.cast.resource(&mut self.dice);
        let shown = if self.side == Side::Client { role.kind } else { kind };
        let name = self.name(&role);
        (role, shown, name)
    }

    pub fn describe_configs(&mut self) -> DescribeConfigsResponse {
        use describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym};
        let results = self.entries(|t| {
            let (role, kind, name) = t.resource();
            let (code, message) = t.fault(role.refused);
            let configs = t.few(|t| {
                let synonyms = t.few(|t| entry!(t, DescribeConfigsSynonym { name: string("s"), value: None }));
                entry!(
                    t,
                    DescribeConfigsResourceResult {
                        name: string("cleanup.policy"),
                        value: Some(string("compact")),
                        synonyms: synonyms,
                        config_type: t.since(3, 2),
                        documentation: t.since(3, Some(string("what it is"))),
                    }
                )
            });
            let one = entry!(
                t,
                DescribeConfigsResult {
                    error_code: code,
                    error_message: message,
                    resource_type: kind,
                    configs: configs,
                }
            );
            name.map(|name| one.with_resource_name(name))
        });
        make!(DescribeConfigsResponse { results: results, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn alter_configs(&mut self) -> AlterConfigsResponse {
        let responses = self.entries(|t| {
            let (role, kind, name) = t.resource();
            let (code, message) = t.fault(role.refused);
            let one = entry!(
                t,
                alter_configs_response::AlterConfigsResourceResponse {
                    error_code: code,
                    error_message: message,
                    resource_type: kind,
                }
            );
            name.map(|name| one.with_resource_name(name))
        });
        make!(AlterConfigsResponse { responses: responses, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn incremental_alter_configs(&mut self) -> IncrementalAlterConfigsResponse {
        let responses = self.entries(|t| {
            let (role, kind, name) = t.resource();
            let (code, message) = t.fault(role.refused);
            let one = entry!(
                t,
                incremental_alter_configs_response::AlterConfigsResourceResponse {
                    error_code: code,
                    error_message: message,
                    resource_type: kind,
                }
            );
            name.map(|name| one.with_resource_name(name))
        });
        make!(IncrementalAlterConfigsResponse { responses: responses, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn create_partitions(&mut self) -> CreatePartitionsResponse {
        let results = self.entries(|t| {
            let (role, name) = t.topic();
            let (code, message) = t.fault(role.refused);
            let one = entry!(
                t,
                create_partitions_response::CreatePartitionsTopicResult { error_code: code, error_message: message }
            );
            name.map(|name| one.with_name(name))
        });
        make!(CreatePartitionsResponse { results: results, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn describe_cluster(&mut self) -> DescribeClusterResponse {
        let (code, message) = self.fault(0);
        let broker = make!(describe_cluster_response::DescribeClusterBroker {
            broker_id: BrokerId(1),
            host: self.host(),
            port: self.port(),
        });
        make!(DescribeClusterResponse {
            error_code: code,
            error_message: message,
            cluster_id: self.cluster_id(),
            controller_id: BrokerId(1),
            brokers: vec![broker],
            cluster_authorized_operations: self.operations(),
            unknown_tagged_fields: self.unknown_tags(),
        })
    }
}
