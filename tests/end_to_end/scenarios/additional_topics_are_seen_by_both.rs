//! Scenario 4: two virtual clusters with prefixes of their own see one more topic of the backend. Clients of both use it;
//! neither can create, delete, grow or configure it. A topic of their own that it hides is told, and none comes to be. What
//! must be refused where no answer is wanted closes.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    IncrementalAlterConfigsRequest, ProduceRequest, TopicName,
};

use super::{produce, topics, values};
use crate::ensure;
use crate::harness::closes::{Closes, SOON};
use crate::harness::gateway::Gateway;
use crate::harness::records;
use crate::harness::tools::{Tools, patience};
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, until};
use crate::tenants::own_gateway;

const SHARED: &str = "user_actions";
const TOPIC_ALREADY_EXISTS: i16 = 36;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const BACKEND: [&str; 7] = [
    "analytics_pageviews",
    "analytics_clicks",
    "analytics_orders",
    "payments_transactions",
    "payments_refunds",
    "payments_orders",
    SHARED,
];

pub fn run(world: &World) -> Fallible<()> {
    let direct = world.direct_tools()?;
    for topic in BACKEND {
        direct.create_topic(topic, 1, 3)?;
    }
    let names = |prefix: &str| {
        format!(
            "namespace: {{mode: hide_prefix, prefix: {prefix}, additional: {{topics: \
             [{{type: exact_list, exact_list: [{{backend: {SHARED}}}]}}]}}}},"
        )
    };
    let (analytics, payments) = (names("analytics_"), names("payments_"));
    let (gateway, at) = own_gateway(world, &[("analytics", &analytics), ("payments", &payments)])?;
    let [analytics, payments] = at.as_slice() else { return Err("two addresses are needed".into()) };
    let (analytics, payments) = (world.tools_for(analytics.clone())?, world.tools_for(payments.clone())?);
    let seen = topics(&analytics, |_| true)?;
    ensure!(seen == ["clicks", "orders", "pageviews", SHARED], "analytics sees {seen:?}");
    let seen = topics(&payments, |_| true)?;
    ensure!(seen == ["orders", "refunds", "transactions", SHARED], "payments sees {seen:?}");

    produce(&analytics, SHARED, &["from analytics"])?;
    produce(&payments, SHARED, &["from payments"])?;
    produce(&analytics, "orders", &["of analytics"])?;
    produce(&payments, "orders", &["of payments"])?;
    for tools in [&analytics, &payments, &direct] {
        let held = values(tools, SHARED)?;
        ensure!(held == ["from analytics", "from payments"], "{SHARED} holds {held:?}");
    }
    ensure!(values(&direct, "analytics_orders")? == ["of analytics"], "analytics_orders");
    ensure!(values(&direct, "payments_orders")? == ["of payments"], "payments_orders");
    for tools in [&analytics, &payments] {
        untouchable(&tools.bootstrap)?;
    }
    ensure!(values(&direct, SHARED)?.len() == 2, "somebody changed {SHARED}");
    unanswerable(&gateway, &analytics.bootstrap)?;
    hidden_by_names_are_told(&direct, &analytics, &gateway)?;
    hidden_by_globs_are_told(world, &direct)
}

/// A Produce that wants no answer and must be refused: the connection closes, and it is counted.
fn unanswerable(gateway: &Gateway, bootstrap: &str) -> Fallible<()> {
    for version in 3..=12 {
        let closes = Closes::before(gateway, "refused_without_response")?;
        let partition =
            PartitionProduceData::default().with_index(0).with_records(Some(records::batch("lost".into())?));
        let topic =
            TopicProduceData::default().with_name(TopicName(text("no/topic"))).with_partition_data(vec![partition]);
        let request = ProduceRequest::default().with_acks(0).with_timeout_ms(5_000).with_topic_data(vec![topic]);
        let mut wire = Wire::connect(bootstrap)?;
        wire.send(version, &request)?;
        let received = wire.closed(SOON).map_err(|error| format!("acks=0 v{version}: {error}"))?;
        ensure!(received.is_empty(), "acks=0 v{version} is answered {received:02x?}");
        closes.one_more("acks=0 to no topic")?;
    }
    Ok(())
}

/// A topic of the virtual cluster's own with the name of an additional one comes, and goes.
fn hidden_by_names_are_told(direct: &Tools<'_>, analytics: &Tools<'_>, gateway: &Gateway) -> Fallible<()> {
    const HIDDEN: &str = "analytics_user_actions";
    told(gateway, &[])?;
    // Others that begin so and are hidden by nothing.
    for topic in [HIDDEN, "analytics_user_actions_2"] {
        direct.create_topic(topic, 1, 3)?;
    }
    told(gateway, &[("analytics", HIDDEN)])?;
    // What was told is not told again: this one comes at a later refresh.
    direct.create_topic("payments_user_actions", 1, 3)?;
    told(gateway, &[("analytics", HIDDEN), ("payments", "payments_user_actions")])?;
    ensure!(values(analytics, SHARED)?.len() == 2, "{SHARED} means another topic now");
    let mut wire = Wire::connect(direct.bootstrap.split(',').next().ok_or("no address")?)?;
    let names = [HIDDEN, "payments_user_actions"].map(|name| TopicName(text(name)));
    let request = DeleteTopicsRequest::default().with_topic_names(names.into()).with_timeout_ms(5_000);
    ensure!(wire.ask(5, &request)?.body.responses.iter().all(|topic| topic.error_code == 0), "not deleted");
    until("no topic is hidden", patience(20), || {
        let hidden = gateway.numbers()?.sum("klamm_names_hidden");
        ensure!(hidden == 0.0, "klamm_names_hidden is {hidden}");
        Ok(())
    })?;
    // Asking for what is not there made nothing.
    let made = topics(direct, |name| name.ends_with(SHARED))?;
    ensure!(made == [SHARED], "{made:?} came to be");
    Ok(())
}

/// A glob hides what only a list of all topics can show; names whose list says so are not told.
fn hidden_by_globs_are_told(world: &World, direct: &Tools<'_>) -> Fallible<()> {
    for topic in ["reports_view_1", "reports_view_2", "reports_quiet", "reports_other"] {
        direct.create_topic(topic, 1, 3)?;
    }
    let names = "namespace: {mode: hide_prefix, prefix: reports_, additional: {topics: [\
                 {type: glob, glob: \"view_*\", conflict: warn}, {type: glob, glob: \"oth*\"}, \
                 {type: exact_list, exact_list: [{backend: quiet}], conflict: ignore}]}},";
    let (gateway, at) = own_gateway(world, &[("reports", names)])?;
    told(&gateway, &[("reports", "reports_view_1"), ("reports", "reports_view_2")])?;
    let reports = world.tools_for(at.into_iter().next().ok_or("no address")?)?;
    let seen = topics(&reports, |name| ["view_1", "view_2", "quiet", "other"].contains(&name))?;
    ensure!(seen.is_empty(), "reports sees {seen:?}");
    Ok(())
}

/// Waits until the gateway has counted and told of exactly these hidden topics, each once.
fn told(gateway: &Gateway, expected: &[(&str, &str)]) -> Fallible<()> {
    until("hidden topics are told", patience(20), || {
        let hidden = gateway.numbers()?.sum("klamm_names_hidden");
        ensure!(hidden == expected.len() as f64, "klamm_names_hidden is {hidden}, not {}", expected.len());
        let log = gateway.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("an additional topic has its name")).collect();
        let is_of = |line: &str, (cluster, topic): &(&str, &str)| {
            line.split(|byte: char| byte.is_whitespace() || byte == '"')
                .any(|word| word == *topic || word == format!("topic={topic}"))
                && line.contains(cluster)
        };
        let once = expected.iter().all(|one| lines.iter().filter(|line| is_of(line, one)).count() == 1);
        ensure!(once && lines.len() == expected.len(), "the log tells {lines:#?}");
        Ok(())
    })
}

/// What may not be done to a topic that is not one's own.
fn untouchable(bootstrap: &str) -> Fallible<()> {
    let mut wire = Wire::connect(bootstrap)?;
    let name = TopicName(text(SHARED));
    let own = TopicName(text("beside"));
    for version in 2..=7 {
        let creatable = |name: &TopicName| {
            CreatableTopic::default().with_name(name.clone()).with_num_partitions(1).with_replication_factor(1)
        };
        let request = CreateTopicsRequest::default()
            .with_topics(vec![creatable(&name), creatable(&own)])
            .with_timeout_ms(5_000)
            .with_validate_only(true);
        let topics = wire.ask(version, &request)?.body.topics;
        let errors: Vec<(&str, i16)> = topics.iter().map(|topic| (&**topic.name, topic.error_code)).collect();
        let expected = [(SHARED, TOPIC_ALREADY_EXISTS), ("beside", 0)];
        ensure!(expected.iter().all(|one| errors.contains(one)) && errors.len() == 2, "create v{version}: {errors:?}");
    }
    for version in 1..=5 {
        let request = DeleteTopicsRequest::default().with_topic_names(vec![name.clone()]).with_timeout_ms(5_000);
        let answer = wire.ask(version, &request)?.body;
        let errors: Vec<i16> = answer.responses.iter().map(|topic| topic.error_code).collect();
        ensure!(errors == [TOPIC_AUTHORIZATION_FAILED], "delete v{version}: {errors:?}");
    }
    for version in 0..=3 {
        let topic = CreatePartitionsTopic::default().with_name(name.clone()).with_count(9);
        let request = CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000);
        let answer = wire.ask(version, &request)?.body;
        let errors: Vec<i16> = answer.results.iter().map(|topic| topic.error_code).collect();
        ensure!(errors == [TOPIC_AUTHORIZATION_FAILED], "partitions v{version}: {errors:?}");
    }
    for version in 0..=2 {
        let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(-1);
        let topic = DeleteRecordsTopic::default().with_name(name.clone()).with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000);
        let answer = wire.ask(version, &request)?.body;
        let partitions = answer.topics.iter().flat_map(|topic| topic.partitions.iter());
        let errors: Vec<i16> = partitions.map(|partition| partition.error_code).collect();
        ensure!(errors == [TOPIC_AUTHORIZATION_FAILED], "records v{version}: {errors:?}");
    }
    for version in 0..=1 {
        let config = AlterableConfig::default().with_name(text("retention.ms")).with_value(Some(text("1")));
        let resource = AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(SHARED))
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let answer = wire.ask(version, &request)?.body;
        let errors: Vec<i16> = answer.responses.iter().map(|resource| resource.error_code).collect();
        ensure!(errors == [TOPIC_AUTHORIZATION_FAILED], "configs v{version}: {errors:?}");
    }
    Ok(())
}
