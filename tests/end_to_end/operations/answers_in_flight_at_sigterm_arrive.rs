//! SIGTERM: no new connection, no new request, but what is in flight is answered; then the process ends with 0.

use std::net::TcpStream;
use std::time::Duration;

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, MetadataRequest, TopicName};

use crate::ensure;
use crate::harness::tools::patience;
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, until};

const TOPIC: &str = "waited-for";
/// How long the node waits for records that never come, before it answers.
const WAIT_MS: i32 = 6000;
/// Less than that: what is done within it was done while answers were waited for.
const EARLIER: Duration = Duration::from_millis(4500);
const CLIENTS: usize = 5;

pub fn run(world: &World) -> Fallible<()> {
    world.direct_tools()?.create_topic(TOPIC, 1, 3)?;
    let gateway = world.own_gateway()?;
    let partition = FetchPartition::default().with_partition(0).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(TopicName(text(TOPIC))).with_partitions(vec![partition]);
    let fetch = FetchRequest::default().with_max_wait_ms(WAIT_MS).with_min_bytes(1).with_topics(vec![topic]);

    let mut waiting = Vec::new();
    for _ in 0..CLIENTS {
        let mut wire = Wire::connect(&gateway.bootstrap())?;
        wire.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
        let id = wire.send(11, &fetch)?;
        waiting.push((wire, id));
    }
    let mut idle = Wire::connect(&gateway.bootstrap())?;
    idle.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
    gateway.wait_requests(CLIENTS as u64 * 2 + 1)?;
    gateway.signal("TERM")?;

    idle.closed(EARLIER).map_err(|error| format!("a connection with nothing in flight: {error}"))?;
    // Each shard closes its listening sockets when it hears of the drain: the last may be later than the idle one's.
    until("refused connections during the drain", EARLIER, || {
        ensure!(TcpStream::connect(gateway.bootstrap()).is_err(), "a connection is still accepted during the drain");
        Ok(())
    })?;
    for (wire, id) in &mut waiting {
        wire.answer::<FetchRequest>(11, *id).map_err(|error| format!("an answer in flight at SIGTERM: {error}"))?;
        wire.closed(patience(10))?;
    }
    let code = gateway.wait_end(patience(10))?;
    ensure!(code == Some(0), "exit code {code:?}");
    Ok(())
}
