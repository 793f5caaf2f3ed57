//! Responses about groups.

use kafka_protocol::messages::*;
use klamm::rewrite::RejectedName;
use klamm::wire::Asked;

use super::super::cast::Role;
use super::super::samples::string;
use super::{Teller, entry, make};

/// With offsets a Kafka does not ask whether there is such a topic: what it says of one that was refused is told.
fn told_of(topic: &Role) -> i16 {
    if [RejectedName::Invalid, RejectedName::Absent].iter().any(|rejection| rejection.error() == topic.refused) {
        0
    } else {
        topic.refused
    }
}

impl Teller<'_> {
    pub fn offset_commit(&mut self) -> OffsetCommitResponse {
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions = t.few(|t| {
                entry!(t, offset_commit_response::OffsetCommitResponsePartition { error_code: t.code(role.refused) })
            });
            let one = entry!(t, offset_commit_response::OffsetCommitResponseTopic { partitions: partitions });
            name.map(|name| one.with_name(name))
        });
        make!(OffsetCommitResponse { topics: topics, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn offset_fetch(&mut self) -> OffsetFetchResponse {
        if self.version < 8 {
            let topics = self.entries(|t| {
                let (role, name) = t.topic();
                let partitions = t.few(|t| {
                    entry!(
                        t,
                        offset_fetch_response::OffsetFetchResponsePartition {
                            committed_offset: 4,
                            metadata: Some(string("m")),
                            error_code: t.code(told_of(&role)),
                        }
                    )
                });
                let one = entry!(t, offset_fetch_response::OffsetFetchResponseTopic { partitions: partitions });
                name.map(|name| one.with_name(name))
            });
            let error_code = if self.version >= 2 { self.code(0) } else { 0 };
            return make!(OffsetFetchResponse {
                topics: topics,
                error_code: error_code,
                unknown_tagged_fields: self.unknown_tags(),
            });
        }
        let groups = self.entries(|t| {
            let (group, id) = t.group(false);
            let topics = t.entries(|t| {
                let (role, name) = t.topic();
                let refused = if told_of(&role) != 0 { told_of(&role) } else { group.refused };
                let partitions = t.few(|t| {
                    entry!(
                        t,
                        offset_fetch_response::OffsetFetchResponsePartitions {
                            metadata: None,
                            error_code: t.code(refused),
                        }
                    )
                });
                let one = entry!(t, offset_fetch_response::OffsetFetchResponseTopics { partitions: partitions });
                name.map(|name| one.with_name(name))
            });
            let one = entry!(
                t,
                offset_fetch_response::OffsetFetchResponseGroup { topics: topics, error_code: t.code(group.refused) }
            );
            id.map(|id| one.with_group_id(id))
        });
        make!(OffsetFetchResponse { groups: groups, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn find_coordinator(&mut self) -> FindCoordinatorResponse {
        if self.version < 4 {
            let (code, message) = self.fault(0);
            return make!(FindCoordinatorResponse {
                error_code: code,
                error_message: self.since(1, message),
                node_id: BrokerId(1),
                host: self.host(),
                port: self.port(),
                unknown_tagged_fields: self.unknown_tags(),
            });
        }
        let coordinators = self.entries(|t| {
            let groups = t.asked == Asked::Groups;
            let role = if groups { t.cast.group(&mut t.dice) } else { t.cast.transactional_id(&mut t.dice) };
            let (code, message) = t.fault(role.refused);
            let one = entry!(
                t,
                find_coordinator_response::Coordinator {
                    node_id: BrokerId(1),
                    host: t.host(),
                    port: t.port(),
                    error_code: code,
                    error_message: message,
                }
            );
            t.name(&role).map(|key| one.with_key(key))
        });
        make!(FindCoordinatorResponse { coordinators: coordinators, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn join_group(&mut self) -> JoinGroupResponse {
        let error_code = self.code(0);
        let kind = self.protocol_type();
        let consumer = kind == "consumer";
        let members = self.few(|t| {
            entry!(
                t,
                join_group_response::JoinGroupResponseMember {
                    member_id: string("member"),
                    group_instance_id: t.since(5, Some(string("i"))),
                    metadata: t.subscription(consumer),
                }
            )
        });
        make!(JoinGroupResponse {
            error_code: error_code,
            generation_id: 4,
            protocol_type: self.since(7, Some(string(kind))),
            protocol_name: Some(string("range")),
            leader: string("member"),
            member_id: string("member"),
            members: members,
            unknown_tagged_fields: self.unknown_tags(),
        })
    }

    pub fn leave_group(&mut self) -> LeaveGroupResponse {
        let error_code = self.code(0);
        let members = self
            .few(|t| entry!(t, leave_group_response::MemberResponse { member_id: string("m"), error_code: t.code(0) }));
        make!(LeaveGroupResponse { error_code: error_code, members: self.since(3, members) })
    }

    pub fn sync_group(&mut self) -> SyncGroupResponse {
        let error_code = self.code(0);
        let kind = self.protocol_type();
        let assignment = self.assignment(kind == "consumer");
        make!(SyncGroupResponse {
            error_code: error_code,
            protocol_type: self.since(5, Some(string(kind))),
            protocol_name: self.since(5, Some(string("range"))),
            assignment: assignment,
            unknown_tagged_fields: self.unknown_tags(),
        })
    }

    pub fn describe_groups(&mut self) -> DescribeGroupsResponse {
        let groups = self.entries(|t| {
            let (role, id) = t.group(false);
            let (code, message) = t.fault(role.refused);
            let kind = t.protocol_type();
            let consumer = kind == "consumer";
            let members = t.few(|t| {
                entry!(
                    t,
                    describe_groups_response::DescribedGroupMember {
                        member_id: string("member"),
                        client_id: string("client"),
                        client_host: string("/127.0.0.1"),
                        member_metadata: t.subscription(consumer),
                        member_assignment: t.assignment(consumer),
                    }
                )
            });
            let operations = t.operations();
            let one = entry!(
                t,
                describe_groups_response::DescribedGroup {
                    error_code: code,
                    error_message: t.since(6, message),
                    group_state: string("Stable"),
                    protocol_type: string(kind),
                    members: members,
                    authorized_operations: if t.version >= 3 { operations } else { i32::MIN },
                }
            );
            id.map(|id| one.with_group_id(id))
        });
        make!(DescribeGroupsResponse { groups: groups, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn list_groups(&mut self) -> ListGroupsResponse {
        let error_code = self.code(0);
        let groups = self.entries(|t| {
            let (_, id) = t.group(true);
            let one = entry!(
                t,
                list_groups_response::ListedGroup {
                    protocol_type: string("consumer"),
                    group_state: t.since(4, string("Stable")),
                    group_type: t.since(5, string("classic")),
                }
            );
            id.map(|id| one.with_group_id(id))
        });
        make!(ListGroupsResponse { error_code: error_code, groups: groups, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn delete_groups(&mut self) -> DeleteGroupsResponse {
        let results = self.entries(|t| {
            let (role, id) = t.group(false);
            let one = entry!(t, delete_groups_response::DeletableGroupResult { error_code: t.code(role.refused) });
            id.map(|id| one.with_group_id(id))
        });
        make!(DeleteGroupsResponse { results: results, unknown_tagged_fields: self.unknown_tags() })
    }

    pub fn offset_delete(&mut self) -> OffsetDeleteResponse {
        use offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
        let error_code = self.code(0);
        let topics = self.entries(|t| {
            let (role, name) = t.topic();
            let partitions = t.few(|t| make!(OffsetDeleteResponsePartition { error_code: t.code(role.refused) }));
            let one = make!(OffsetDeleteResponseTopic { partitions: partitions });
            name.map(|name| one.with_name(name))
        });
        make!(OffsetDeleteResponse { error_code: error_code, topics: topics })
    }
}
