//! What the walk costs: nanoseconds a frame and a byte, beside decoding and encoding the same frame by kafka-protocol.
//!
//! `cargo bench --locked --bench walk`. Plain timing: the best of several rounds, on whatever core it runs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    BrokerId, FetchResponse, MetadataResponse, ProduceResponse, TopicName, fetch_response, metadata_response,
    produce_response,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use klamm::cluster::{Additional, AddressMap, Mode, Namespace, NodeApis, NodePorts, PortMapping};
use klamm::frame::{Asked, Entry, Ledger};
use klamm::rewrite::{Named, NamedRule, Output, Responses, View, rules};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(200);

fn main() {
    println!(
        "{:<44} {:>9} {:>12} {:>9} {:>13} {:>14}",
        "frame", "bytes", "walk ns/op", "ns/byte", "named ns/op", "codec ns/op"
    );
    let partitions = (1000, 10);
    compare::<MetadataResponse>("Metadata v12, 1000 topics x 10", 3, 12, &metadata(partitions));
    compare::<FetchResponse>("Fetch v17, 1 topic x 1, 1 KiB each", 1, 17, &fetch((1, 1), 1024));
    compare::<FetchResponse>("Fetch v17, 10 topics x 10, 1 KiB each", 1, 17, &fetch((10, 10), 1024));
    compare::<FetchResponse>("Fetch v17, 10 topics x 10, no records", 1, 17, &fetch((10, 10), 0));
    compare::<FetchResponse>("Fetch v12, 1 topic x 1, 1 KiB each", 1, 12, &fetch_by_name((1, 1), 1024));
    compare::<FetchResponse>("Fetch v12, 10 topics x 10, 1 KiB each", 1, 12, &fetch_by_name((10, 10), 1024));
    compare::<ProduceResponse>("Produce v12, 1 topic x 1", 0, 12, &produce((1, 1)));
    compare::<ProduceResponse>("Produce v12, 10 topics x 10", 0, 12, &produce((10, 10)));
    println!("state of a session's responses: {} bytes", size_of::<Responses>());
    println!("state of a session's requests: {} bytes", size_of::<klamm::rewrite::Requests>());
}

/// Prints one line for `message`.
fn compare<M: Encodable + Decodable>(name: &str, key: i16, version: i16, message: &M) {
    let mut body = BytesMut::new();
    message.encode(&mut body, version).expect("a message of this version");
    let mut frame = u32::try_from(body.len() + 5).expect("a small frame").to_be_bytes().to_vec();
    frame.extend(7i32.to_be_bytes());
    frame.push(0);
    frame.extend(&body);
    let body = body.freeze();

    let (map, apis) = (addresses(), apis());
    let view = View {
        addresses: &map,
        apis: &apis,
        namespace: None,
        frame_bytes_max: 100 << 20,
        hold_bytes_max: 4 << 20,
        in_flight_max: 256,
    };
    let walk = walked(&view, key, version, &frame);
    let names = names();
    let named = Named { names: &names, cluster_id: "dmlydHVhbC1jbHVzdGVyLQ", id_mask: [7; 16] };
    let named_view = View { namespace: Some(named), ..view };
    // Versions with topic ids are not offered in a namespace.
    let served = rules().iter().any(|rule| match rule.named {
        NamedRule::Served(max) => rule.key == key && version <= max,
        _ => false,
    });
    let named = if served { format!("{:.0}", walked(&named_view, key, version, &frame)) } else { "-".into() };
    let mut again = BytesMut::with_capacity(frame.len());
    let codec = best(|| {
        let message = M::decode(&mut body.clone(), version).expect("a sound frame");
        again.clear();
        message.encode(&mut again, version).expect("a message of this version");
        black_box(&again);
    });
    let per_byte = walk / frame.len() as f64;
    println!("{name:<44} {:>9} {walk:>12.0} {per_byte:>9.3} {named:>13} {codec:>14.0}", frame.len());
}

/// Nanoseconds that a response takes.
fn walked(view: &View<'_>, key: i16, version: i16, frame: &[u8]) -> f64 {
    let (mut responses, mut ledger, mut out) = (Responses::default(), Ledger::default(), Output::default());
    best(|| {
        ledger.push(Entry {
            api_key: key,
            api_version: version,
            correlation_id: 7,
            own: false,
            own_error: 0,
            shown_error: 0,
            asked: Asked::Nothing,
        });
        out.clear();
        let fed = responses.feed(black_box(frame), view, &mut ledger, &mut out).expect("a sound frame");
        assert_eq!((fed.consumed, out.frames), (frame.len(), 1));
        black_box(&out);
    })
}

/// Nanoseconds an operation takes in the best round.
fn best(mut operation: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (begun, mut count) = (Instant::now(), 0u64);
        while begun.elapsed() < ROUND {
            for _ in 0..16 {
                operation();
            }
            count += 16;
        }
        best = best.min(begun.elapsed().as_nanos() as f64 / count as f64);
    }
    best
}

fn addresses() -> AddressMap {
    AddressMap::Ports(PortMapping {
        advertised_host: "gateway.example".into(),
        bootstrap_port: Some(19092),
        ports: (19092..19102).collect(),
        min_broker_id: 1,
        node_ports: NodePorts::default(),
    })
}

/// Names whose prefix the frames' topics have.
fn names() -> Namespace {
    Namespace {
        mode: Mode::HidePrefix,
        prefix: "a-".into(),
        topics: Additional::default(),
        groups: Additional::default(),
        aliases: Vec::new(),
        all_prefixes: ["a-".into()].into(),
    }
}

fn apis() -> NodeApis {
    NodeApis {
        ranges: Vec::new(),
        supported_features: Vec::new(),
        finalized_features_epoch: -1,
        finalized_features: Vec::new(),
        zk_migration_ready: false,
    }
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn metadata((topics, partitions): (usize, i32)) -> MetadataResponse {
    let mut all = MetadataResponse::default();
    for id in 1..=3 {
        let mut broker = metadata_response::MetadataResponseBroker::default();
        (broker.node_id, broker.host, broker.port) = (BrokerId(id), text("broker.internal.example"), 9092);
        all.brokers.push(broker);
    }
    (all.cluster_id, all.controller_id) = (Some(text("a-cluster-id-of-22-char")), BrokerId(1));
    let mut topic = metadata_response::MetadataResponseTopic::default();
    topic.name = Some(TopicName(text("a-topic-of-ordinary-length")));
    for index in 0..partitions {
        let mut partition = metadata_response::MetadataResponsePartition::default();
        (partition.partition_index, partition.leader_id) = (index, BrokerId(1 + index % 3));
        partition.replica_nodes = vec![BrokerId(1), BrokerId(2), BrokerId(3)];
        partition.isr_nodes.clone_from(&partition.replica_nodes);
        topic.partitions.push(partition);
    }
    all.topics = vec![topic; topics];
    all
}

fn fetch((topics, partitions): (usize, usize), record_bytes: usize) -> FetchResponse {
    let mut partition = fetch_response::PartitionData::default();
    partition.records = Some(Bytes::from(vec![7; record_bytes]));
    let mut topic = fetch_response::FetchableTopicResponse::default();
    topic.partitions = vec![partition; partitions];
    let mut all = FetchResponse::default();
    all.responses = vec![topic; topics];
    all
}

/// Of a version that names topics.
fn fetch_by_name(size: (usize, usize), record_bytes: usize) -> FetchResponse {
    let mut all = fetch(size, record_bytes);
    for topic in &mut all.responses {
        topic.topic = TopicName(text("a-topic-of-ordinary-length"));
    }
    all
}

fn produce((topics, partitions): (usize, usize)) -> ProduceResponse {
    let mut topic = produce_response::TopicProduceResponse::default();
    topic.name = TopicName(text("a-topic-of-ordinary-length"));
    topic.partition_responses = vec![produce_response::PartitionProduceResponse::default(); partitions];
    let mut all = ProduceResponse::default();
    all.responses = vec![topic; topics];
    all
}
