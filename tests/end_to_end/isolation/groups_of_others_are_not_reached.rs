//! Groups: one's own of the same name, with the same static member, is another; member ids of the victim's are unknown;
//! topics of others in subscriptions and assignments come back as they were said and reach the backend behind the own
//! prefix only; members that joined at the backend with names of others show none of them.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, DescribeGroupsRequest, GroupId, JoinGroupRequest,
    JoinGroupResponse, OffsetDeleteRequest, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::{Decodable, StrBytes};

use super::attacker::{Attacker, Filling};
use super::ground::{Ground, OWN_TOPIC};
use super::victim::{connect_coordinator, embedded};
use crate::definitions::codec::Value;
use crate::ensure;
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World};

/// Versions of JoinGroup that want a member id before they let a member in.
const MEMBER_ID_REQUIRED: i16 = 79;
const LIST_GROUPS: i16 = 16;
const GROUP_SUBSCRIBED_TO_TOPIC: i16 = 86;
/// Heartbeat, LeaveGroup, SyncGroup, OffsetCommit, TxnOffsetCommit.
const OF_MEMBERS: [i16; 5] = [12, 13, 14, 8, 28];

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        members_of_others(ground)?;
        for version in 0..=9 {
            names_within(world, ground, version)?;
        }
        joined_at_the_backend(world, ground)?;
        filters(ground)
    })
}

/// What the victim's member could do, in the group of the same name and in that of the backend.
fn members_of_others(ground: &Ground) -> Fallible<()> {
    let victim = &ground.victim;
    let physical = format!("{}{}", ground.victim_prefix, ground.names.group);
    for node in 1..=3 {
        let mut attacker = Attacker::connect(ground, node)?;
        for (key, min, max) in attacker.offered()?.into_iter().filter(|(key, _, _)| OF_MEMBERS.contains(key)) {
            for version in min..=max {
                for group in [&ground.names.group, &physical] {
                    let filling = Filling::of(&ground.names.topic, group, "own-transaction")
                        .with("MemberId", Value::Text(victim.member_id.as_bytes().to_vec()))
                        .with("GenerationId", Value::number(i64::from(victim.generation), 4))
                        .with("GenerationIdOrMemberEpoch", Value::number(i64::from(victim.generation), 4))
                        .with("GroupInstanceId", Value::text(&ground.names.instance_id));
                    let body = ground.filled(key, version, &filling)?;
                    if let super::attacker::Reply::Body(body) = attacker.ask_unseen(key, version, &body)? {
                        let typed = [&ground.names.topic, group, &*victim.member_id, &ground.names.instance_id];
                        ground.inspect_but(&format!("api {key} v{version}"), &body, &typed)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A subscription and an assignment with the victim's topic, as it is said and as the backend has it.
fn names_within(world: &World, ground: &Ground, version: i16) -> Fallible<()> {
    let group = format!("names-within-{version}");
    let mut wire = connect_coordinator(&ground.address(0)?, 0, &group, "attacker")?;
    let said = [OWN_TOPIC.to_owned(), ground.names.topic.clone(), ground.victim_prefix.clone() + &ground.names.topic];
    let topics: Vec<StrBytes> = said.iter().map(|name| text(name)).collect();
    let subscription = ConsumerProtocolSubscription::default().with_topics(topics.clone());
    let subscription = embedded(&subscription, 0)?;
    // The same static member as the victim's, where there are any.
    let instance = (version >= 5).then(|| text(&ground.names.instance_id));
    let joined = join(&mut wire, version, &group, instance.clone(), &subscription)?;
    let told = joined.members.iter().find(|member| member.member_id == joined.member_id);
    let told = told.ok_or_else(|| format!("v{version}: the leader is not told of itself: {joined:?}"))?;
    ensure!(told.metadata == subscription, "v{version}: the subscription came back as {:02x?}", told.metadata);
    ensure!(joined.members.len() == 1, "v{version}: somebody else is in the group: {joined:?}");

    let assigned = |name: &StrBytes| {
        kafka_protocol::messages::consumer_protocol_assignment::TopicPartition::default()
            .with_topic(TopicName(name.clone()))
            .with_partitions(vec![0])
    };
    let assignment = ConsumerProtocolAssignment::default();
    let assignment = embedded(&assignment.with_assigned_partitions(topics.iter().map(assigned).collect()), 0)?;
    let mut request = SyncGroupRequest::default()
        .with_group_id(GroupId(text(&group)))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(vec![
            SyncGroupRequestAssignment::default()
                .with_member_id(joined.member_id.clone())
                .with_assignment(assignment.clone()),
        ]);
    let version = version.min(5);
    if version >= 3 {
        request.group_instance_id = instance;
    }
    if version >= 5 {
        request.protocol_type = Some(text("consumer"));
        request.protocol_name = Some(text("range"));
    }
    let synced = wire.ask(version, &request)?.body;
    ensure!(synced.error_code == 0, "v{version}: SyncGroup: error {}", synced.error_code);
    ensure!(synced.assignment == assignment, "v{version}: the assignment came back as {:02x?}", synced.assignment);
    subscribed(&mut wire, &group)?;
    backend_has_prefixed(world, ground, &group, said.len())
}

/// The backend knows what the group subscribes to, by the names that it has: offsets of those topics are kept.
fn subscribed(wire: &mut Wire, group: &str) -> Fallible<()> {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
    let topic =
        OffsetDeleteRequestTopic::default().with_name(TopicName(text(OWN_TOPIC))).with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic]);
    let answer = wire.ask(0, &request)?.body;
    let errors: Vec<i16> =
        answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
    ensure!(errors == [GROUP_SUBSCRIBED_TO_TOPIC], "OffsetDelete in {group}: {answer:?}");
    Ok(())
}

/// On the backend every name in the group's blobs is behind the attacker's prefix.
fn backend_has_prefixed(world: &World, ground: &Ground, group: &str, count: usize) -> Fallible<()> {
    let physical = format!("{}{group}", ground.attacker_prefix);
    let mut wire = connect_coordinator(&world.lab()?.address(1), 0, &physical, "prover")?;
    let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(&physical))]);
    let described = wire.ask(5, &request)?.body;
    let member = described.groups.iter().flat_map(|group| &group.members).next().ok_or("no member")?;
    let mut subscription = Bytes::copy_from_slice(member.member_metadata.get(2..).unwrap_or_default());
    let subscription = ConsumerProtocolSubscription::decode(&mut subscription, 0).map_err(|error| error.to_string())?;
    let mut assignment = Bytes::copy_from_slice(member.member_assignment.get(2..).unwrap_or_default());
    let assignment = ConsumerProtocolAssignment::decode(&mut assignment, 0).map_err(|error| error.to_string())?;
    let assigned = assignment.assigned_partitions.iter().map(|one| &**one.topic);
    let names: Vec<&str> = subscription.topics.iter().map(|name| &**name).chain(assigned).collect();
    let prefixed = names.iter().filter(|name| name.starts_with(&ground.attacker_prefix)).count();
    ensure!(prefixed == 2 * count && names.len() == prefixed, "on the backend {physical} has {names:?}");
    Ok(())
}

/// Joins, twice where a member id must be asked for first.
fn join(
    wire: &mut Wire,
    version: i16,
    group: &str,
    instance: Option<StrBytes>,
    subscription: &Bytes,
) -> Fallible<JoinGroupResponse> {
    let mut request = JoinGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_group_instance_id(instance)
        .with_protocol_type(text("consumer"))
        .with_session_timeout_ms(10_000)
        .with_protocols(vec![
            JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(subscription.clone()),
        ]);
    if version >= 1 {
        request.rebalance_timeout_ms = 10_000;
    }
    let mut joined = wire.ask(version, &request)?.body;
    if joined.error_code == MEMBER_ID_REQUIRED {
        request.member_id = joined.member_id;
        joined = wire.ask(version, &request)?.body;
    }
    ensure!(joined.error_code == 0, "JoinGroup v{version}: error {}", joined.error_code);
    Ok(joined)
}

/// A member that joined at the backend itself, in a group of the attacker's prefix, with names of the victim's.
fn joined_at_the_backend(world: &World, ground: &Ground) -> Fallible<()> {
    let physical = format!("{}mixed", ground.attacker_prefix);
    let foreign = format!("{}{}", ground.victim_prefix, ground.names.topic);
    let own = format!("{}{OWN_TOPIC}", ground.attacker_prefix);
    let topics = vec![text(&foreign), text(&own)];
    let owned = |name: &str| {
        kafka_protocol::messages::consumer_protocol_subscription::TopicPartition::default()
            .with_topic(TopicName(text(name)))
            .with_partitions(vec![0])
    };
    let subscription = ConsumerProtocolSubscription::default()
        .with_topics(topics)
        .with_owned_partitions(vec![owned(&foreign), owned(&own)]);
    let mut inside = connect_coordinator(&world.lab()?.address(1), 0, &physical, "inside")?;
    let joined = join(&mut inside, 5, &physical, None, &embedded(&subscription, 1)?)?;
    let assigned = |name: &str| {
        kafka_protocol::messages::consumer_protocol_assignment::TopicPartition::default()
            .with_topic(TopicName(text(name)))
            .with_partitions(vec![0])
    };
    let assignment =
        ConsumerProtocolAssignment::default().with_assigned_partitions(vec![assigned(&foreign), assigned(&own)]);
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(embedded(&assignment, 1)?);
    let request = SyncGroupRequest::default()
        .with_group_id(GroupId(text(&physical)))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(vec![assignment]);
    let synced = inside.ask(3, &request)?.body;
    ensure!(synced.error_code == 0, "the member inside: error {}", synced.error_code);

    let mut outside = connect_coordinator(&ground.address(0)?, 0, "mixed", "attacker")?;
    for version in 0..=6 {
        let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text("mixed"))]);
        let answer = outside.ask(version, &request)?;
        let members = answer.body.groups.iter().flat_map(|group| &group.members);
        let shown = members
            .filter(|member| crate::harness::wire::find(&member.member_metadata, OWN_TOPIC.as_bytes()).is_some());
        ensure!(shown.count() == 1, "DescribeGroups v{version} does not show the member's own topic");
        ground.inspect(&format!("DescribeGroups v{version} of a mixed group"), &answer.frame)?;
    }
    Ok(())
}

/// ListGroups with every filter.
fn filters(ground: &Ground) -> Fallible<()> {
    let states = ["Stable", "Empty", "Dead", "PreparingRebalance", "CompletingRebalance", "Unknown", "*"];
    let types = ["classic", "consumer", "share", "streams", "*"];
    for node in 1..=3 {
        let mut attacker = Attacker::connect(ground, node)?;
        let offered = attacker.offered()?;
        let (_, min, max) =
            *offered.iter().find(|(key, _, _)| *key == LIST_GROUPS).ok_or("ListGroups is not offered")?;
        for version in min..=max {
            for (state, kind) in states.iter().flat_map(|state| types.map(|kind| (state, kind))) {
                let filling = Filling::of("", "", "")
                    .with("StatesFilter", Value::Array(vec![Value::text(state)]))
                    .with("TypesFilter", Value::Array(vec![Value::text(kind)]));
                attacker.ask_filled(LIST_GROUPS, version, &filling)?;
            }
        }
    }
    Ok(())
}
