//! What a fuzzer feeds, and the laws that hold whatever it is: no panic, no endless loop, bounded output, and a frame that
//! comes in pieces is dealt with as one that comes whole.
//!
//! Shared by the targets of cargo-fuzz and by the stable test that replays and mutates the seeds. Knows the product only by
//! its public interface.

use std::sync::Arc;

use klamm::auth::Identity;
use klamm::cluster::{
    Additional, AddressMap, ApiRange, BackendId, Exact, HostFormat, HostNames, Mode, Namespace, NodeApis, NodePorts,
    PortMapping, VirtualClusterId,
};
use klamm::metrics::Cause;
use klamm::rewrite::{NamespaceView, Output, Progress, Requests, Responses, Segment, SessionView, rules};
use klamm::route::{HostTable, Route};
use klamm::tls::HelloReader;
use klamm::wire::{
    Asked, Exchange, InFlight, RequestHead, ResponseHead, Varint, length, padded_varint, read_varint, stranger,
    varint_bytes,
};

/// The prefix of the namespace whose frames are walked.
pub const PREFIX: &str = "vc-a.";
/// Another tenant's.
pub const FOREIGN: &str = "vc-b.";

/// A target: its name, and what it does with the fuzzer's bytes. It tells whether they were taken for what they should be.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets.
pub const TARGETS: [Target; 7] = [
    ("frame", frame),
    ("hello", hello),
    ("host_name", host_name),
    ("requests", |data| requests(data, false)),
    ("requests_of_a_namespace", |data| requests(data, true)),
    ("responses", |data| responses(data, false)),
    ("responses_of_a_namespace", |data| responses(data, true)),
];

/// Bytes before the message in the input of the targets of requests and responses: how it is fed, which namespace, api
/// key, version.
pub const HEAD_BYTES: usize = 4;
const CORRELATION_ID: i32 = 0x5eed;
/// Output beyond this for each byte of input is out of all proportion: the shortest name takes a prefix, the shortest
/// node an address.
const OUTPUT_FACTOR: usize = 64;
const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Heads, lengths and varints.
pub fn frame(data: &[u8]) -> bool {
    let _ = (length(data), RequestHead::read(data), ResponseHead::read(data));
    let _ = data.first_chunk().map(|first| stranger(*first));
    let Varint::Value(value, bytes) = read_varint(data) else { return false };
    assert!(bytes <= data.len() && varint_bytes(value) <= bytes);
    assert_eq!(read_varint(&padded_varint(value, bytes)[..bytes]), Varint::Value(value, bytes));
    true
}

/// A ClientHello: what is read of it does not depend on how it arrives, and a name is one.
pub fn hello(data: &[u8]) -> bool {
    let whole = HelloReader::default().read(data);
    let mut reader = HelloReader::default();
    let step = (data.len() / 64).max(1);
    let pieces = (0..=data.len()).step_by(step).chain([data.len()]);
    let first = pieces.map(|end| reader.read(&data[..end])).find(|read| !matches!(read, Ok(None)));
    // A fault may be seen in a later part than the one where the message was whole; it is told where it is seen first.
    match (&whole, &first) {
        (Ok(Some(_)), _) | (_, Some(Ok(_))) => assert_eq!(first, Some(whole)),
        (Ok(None), _) => assert_eq!(first, None),
        (Err(_), _) => assert!(matches!(first, Some(Err(_)))),
    }
    let Ok(Some(hello)) = whole else { return false };
    let Some(name) = hello.server_name else { return true };
    assert!(!name.as_str().is_empty() && name.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    true
}

/// A host name: what means a node is, but for case and a dot at its end, the name that clients are told of it.
pub fn host_name(data: &[u8]) -> bool {
    thread_local!(static TABLE: HostTable = host_table());
    TABLE.with(|table| {
        let Ok(matched) = table.look_up(data) else { return false };
        let AddressMap::Names(names) = &*matched.route.addresses else { panic!("a route without names") };
        let told = match matched.node {
            Some(node) => matched.route.addresses.advertised(node).map(|to| to.host()).unwrap_or_default(),
            None => names.bootstrap(),
        };
        let name = data.strip_suffix(b".").unwrap_or(data).to_ascii_lowercase();
        assert_eq!(told.as_bytes(), name);
        true
    })
}

/// Names in both formats, under suffixes that end alike.
pub fn host_table() -> HostTable {
    let suffixes = [".k.example", "-b.k.example", ".a.k.example"];
    let formats = [HostFormat::SharedSuffix, HostFormat::PerClusterSuffix];
    let names = suffixes.iter().flat_map(|suffix| {
        let of = |label: &'static str| formats.map(|format| HostNames::new(format, label, suffix, 9094));
        ["a", "b", "a-b", "broker-1-a"].into_iter().flat_map(of)
    });
    let route = |names| Route {
        listener: "door".into(),
        virtual_cluster: "vc".into(),
        id: VirtualClusterId::of("vc"),
        backend: BackendId::of("lab"),
        addresses: Arc::new(AddressMap::Names(names)),
        namespace: None,
    };
    HostTable::new(names.map(route).map(Arc::new).collect(), suffixes.map(Arc::from).to_vec())
}

/// Requests of a client.
pub fn requests(data: &[u8], namespaced: bool) -> bool {
    let Some((head, rest)) = data.split_first_chunk::<HEAD_BYTES>() else { return false };
    let [feeding, names, key, version] = *head;
    let stream = if feeding & 0x80 != 0 {
        rest.to_vec()
    } else {
        let (key, version) = (i16::from(key), i16::from(version));
        let mut content = [key.to_be_bytes(), version.to_be_bytes()].concat();
        content.extend(CORRELATION_ID.to_be_bytes());
        content.extend(rest);
        framed(&content)
    };
    let names = namespaced.then(|| namespace(names));
    let outcomes = pieces(feeding, stream.len()).map(|piece| {
        let mut requests = Requests::default();
        run(&stream, piece, names.as_ref(), &mut InFlight::default(), |input, view, in_flight, out| {
            let fed = requests.feed(input, view, in_flight, out);
            (fed, requests.at_boundary())
        })
    });
    compare(&outcomes)
}

/// A response of a node.
pub fn responses(data: &[u8], namespaced: bool) -> bool {
    let Some((head, rest)) = data.split_first_chunk::<HEAD_BYTES>() else { return false };
    let [feeding, names, key, version] = *head;
    let (api_key, api_version) = (i16::from(key), i16::from(version));
    let Some(rule) = rules().iter().find(|rule| rule.key == api_key && rule.serves(api_version)) else { return false };
    let stream = if feeding & 0x80 != 0 {
        rest.to_vec()
    } else {
        let mut content = CORRELATION_ID.to_be_bytes().to_vec();
        content.extend(rest);
        framed(&content)
    };
    let asked = match names >> 4 {
        0 | 1 => Asked::Nothing,
        2 => Asked::Groups,
        3 => Asked::TransactionalIds,
        4 => Asked::TopicIds,
        _ => Asked::OtherProtocol,
    };
    // A Fetch names nothing whose refusal would be that of the whole request.
    let shown_error = if names & 0x08 != 0 && rule.key != 1 { 29 } else { 0 };
    let entry = Exchange {
        api_key: rule.key,
        api_version,
        correlation_id: CORRELATION_ID,
        asked,
        shown_error,
        ..Exchange::default()
    };
    let names = namespaced.then(|| namespace(names));
    let outcomes = pieces(feeding, stream.len()).map(|piece| {
        let mut responses = Responses::default();
        let mut in_flight = InFlight::default();
        in_flight.push(entry);
        run(&stream, piece, names.as_ref(), &mut in_flight, |input, view, in_flight, out| {
            let fed = responses.feed(input, view, in_flight, out);
            (fed, responses.at_boundary())
        })
    });
    compare(&outcomes)
}

/// Whole, and in pieces of the size that the fuzzer chose.
fn pieces(feeding: u8, bytes: usize) -> [usize; 2] {
    [bytes.max(1), usize::from(feeding & 0x7f) + 1]
}

/// What came of one feeding: the bytes, or the cause of a close; and whether the last frame was whole.
type Outcome = (Result<Vec<u8>, Cause>, bool);

fn compare([whole, parts]: &[Outcome; 2]) -> bool {
    assert_eq!(whole, parts, "a frame in pieces is dealt with otherwise than a whole one");
    whole.0.is_ok() && whole.1
}

/// Feeds as a session does: what is left over comes again with more behind it.
fn run(
    stream: &[u8],
    piece: usize,
    names: Option<&Namespace>,
    in_flight: &mut InFlight,
    mut feed: impl FnMut(&[u8], &SessionView<'_>, &mut InFlight, &mut Output) -> (Result<Progress, Cause>, bool),
) -> Outcome {
    let (addresses, apis) = (addresses(), apis());
    let named = names.map(|names| NamespaceView { names, cluster_id: "AAAAAAAAAAAAAAAAAAAAAA", id_mask: [0x5a; 16] });
    let view = SessionView {
        addresses: &addresses,
        apis: &apis,
        namespace: named,
        frame_bytes_max: 1 << 20,
        hold_bytes_max: 1 << 20,
        in_flight_max: 64,
        identity: &Identity::ANONYMOUS,
        access: None,
    };
    let (mut carry, mut bytes, mut out) = (Vec::new(), Vec::new(), Output::default());
    let mut rest = stream.chunks(piece);
    loop {
        out.clear();
        let (fed, at_boundary) = feed(&carry, &view, in_flight, &mut out);
        let fed = match fed {
            Ok(fed) => fed,
            Err(cause) => return (Err(cause), true),
        };
        assert!(fed.consumed <= carry.len(), "more is consumed than there is");
        for segment in &out.segments {
            match segment {
                Segment::Input(range) => bytes.extend_from_slice(&carry[range.clone()]),
                Segment::New(range) => bytes.extend_from_slice(&out.new_bytes[range.clone()]),
            }
        }
        assert!(bytes.len() <= OUTPUT_BYTES_MAX + OUTPUT_FACTOR * stream.len(), "{} bytes came out", bytes.len());
        carry.drain(..fed.consumed);
        let Some(next) = rest.next().filter(|_| fed.waits.is_none()) else { return (Ok(bytes), at_boundary) };
        carry.extend_from_slice(next);
    }
}

fn framed(content: &[u8]) -> Vec<u8> {
    let length = i32::try_from(content.len()).unwrap_or(i32::MAX);
    [&length.to_be_bytes()[..], content].concat()
}

/// Namespaces of every kind.
fn namespace(choice: u8) -> Namespace {
    let plain = Namespace {
        mode: Mode::HidePrefix,
        prefix: PREFIX.into(),
        topics: Additional::default(),
        groups: Additional::default(),
        aliases: Vec::new(),
        all_prefixes: [PREFIX.into(), FOREIGN.into()].into(),
    };
    match choice & 0x03 {
        0 | 1 => plain,
        2 => Namespace { mode: Mode::EnforcePrefix, ..plain },
        _ => Namespace {
            topics: Additional {
                exact: vec![Exact { physical: "events".into(), virtual_name: "all-events".into() }],
                globs: vec!["shared-*".into()],
            },
            groups: Additional {
                exact: vec![Exact { physical: "old".into(), virtual_name: "old".into() }],
                globs: Vec::new(),
            },
            aliases: vec![("orders".into(), "orders-v2".into())],
            ..plain
        },
    }
}

fn addresses() -> AddressMap {
    AddressMap::Ports(PortMapping {
        advertised_host: "gateway.example".into(),
        bootstrap_port: Some(19092),
        ports: vec![19092, 19093, 19094, 19095].into(),
        min_broker_id: 1,
        node_ports: NodePorts::default(),
    })
}

fn apis() -> NodeApis {
    NodeApis {
        ranges: (0..100).map(|key| ApiRange { key, min: 0, max: 99 }).collect(),
        supported_features: Vec::new(),
        finalized_features_epoch: -1,
        finalized_features: Vec::new(),
        zk_migration_ready: false,
    }
}
