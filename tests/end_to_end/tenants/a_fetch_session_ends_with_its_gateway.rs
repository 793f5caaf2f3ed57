//! Fetch sessions across a restart of the gateway: on the backend they live on, but a session belongs to the connection
//! that got it, so the next incremental fetch is answered FETCH_SESSION_ID_NOT_FOUND by the gateway itself; a Java
//! consumer begins a new session then, and reads every record once.

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, TopicName};

use super::setup::{HIDDEN, own_gateway};
use crate::ensure;
use crate::harness::tools::{leader, patience};
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, until};

const TENANT: &str = "vc-erin";
const TOPIC: &str = "fetched-in-sessions";
/// Records before the restart, and after it.
const RECORDS: usize = 10;
const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;

pub fn run(world: &World) -> Fallible<()> {
    let (gateway, at) = own_gateway(world, &[(TENANT, HIDDEN)])?;
    let tools = world.tools_for(at.first().ok_or("no address")?.clone())?;
    tools.create_topic(TOPIC, 1, 3)?;
    let produce = |from: usize| {
        let values: Vec<String> = (from..from + RECORDS).map(|n| n.to_string()).collect();
        tools.kcat(&["-P", "-t", TOPIC], values.join("\n").as_bytes())
    };
    produce(0)?;
    let leader = until("the topic is led", patience(20), || leader(&mut Wire::connect(&tools.bootstrap)?, TOPIC))?;
    let begun = fetch(&mut Wire::connect(&gateway.node_address(leader)?)?, TOPIC, 0, 0)?;
    ensure!(begun.error_code == 0 && begun.session_id != 0, "no session: {begun:?}");

    let goes_on = world.folder().join("fetch-session.go");
    let last = (2 * RECORDS).to_string();
    let arguments = [TOPIC, &last, &goes_on.display().to_string()];
    let mut consumer = tools.start_program("FetchSession", &arguments, "fetch-session.log")?;
    until("the consumer has a session, and waits", patience(60), || {
        ensure!(consumer.ended()?.is_none(), "it ended:\n{}", consumer.log());
        ensure!(consumer.log().contains("waits"), "it does not yet");
        Ok(())
    })?;
    gateway.signal("TERM")?;
    let code = gateway.wait_end(patience(15))?;
    ensure!(code == Some(0), "exit code {code:?}");
    gateway.start_again()?;
    gateway.wait_ready()?;

    let answer = fetch(&mut Wire::connect(&gateway.node_address(leader)?)?, TOPIC, begun.session_id, 1)?;
    let told = (answer.error_code, answer.session_id, answer.responses.len());
    ensure!(told == (FETCH_SESSION_ID_NOT_FOUND, 0, 0), "the old session is answered {answer:?}");
    // It was the gateway that did not find it: the node still has it.
    let mut direct = Wire::connect(&world.lab()?.address(usize::try_from(leader)?))?;
    let answer = fetch(&mut direct, TOPIC, begun.session_id, 1)?;
    ensure!(answer.error_code == 0 && answer.session_id == begun.session_id, "the node answers {answer:?}");

    produce(RECORDS)?;
    std::fs::write(&goes_on, "")?;
    let status = consumer.wait(patience(60))?;
    let log = consumer.log();
    ensure!(status.success() && log.contains(&format!("{last} records, each once")), "the consumer: {status}\n{log}");
    ensure!(log.contains("FETCH_SESSION_ID_NOT_FOUND"), "the consumer's session went on, or was never used:\n{log}");
    Ok(())
}

/// Fetches within a session; only its first request names the topic.
fn fetch(wire: &mut Wire, topic: &str, session_id: i32, epoch: i32) -> Fallible<FetchResponse> {
    let partition = FetchPartition::default().with_partition(0).with_fetch_offset(0).with_partition_max_bytes(1 << 20);
    let asked = FetchTopic::default().with_topic(TopicName(text(topic))).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_max_bytes(1 << 20)
        .with_session_id(session_id)
        .with_session_epoch(epoch)
        .with_topics(if epoch == 0 { vec![asked] } else { Vec::new() });
    Ok(wire.ask(12, &request)?.body)
}
