//! What is measured: exchanges of a request and its answer, each half for itself or both, in three ways.
//!
//! Driven as a session drives it, without a ring: whole frames, one in_flight and one output for all of them.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use klamm::auth::Identity;
use klamm::cluster::{Additional, AddressMap, Mode, Namespace, NodeApis, NodePorts, PortMapping};
use klamm::rewrite::{NamespaceView, Output, Requests, Responses, SessionView};
use klamm::wire::InFlight;

use crate::messages::{self, PREFIX, Size};

/// The versions that a namespace offers.
const PRODUCE: (i16, i16) = (0, 12);
const FETCH: (i16, i16) = (1, 12);
const METADATA: (i16, i16) = (3, 12);

const KIB: usize = 1024;

/// Which half of an exchange is measured; of the other one only what it does to what is in flight.
#[derive(Clone, Copy, PartialEq)]
enum Half {
    Request,
    Answer,
    Both,
}

/// How it is dealt with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By Klamm, without a namespace.
    Passthrough,
    /// By Klamm, with a hidden prefix.
    HidePrefix,
    /// Decoded and encoded by kafka-protocol.
    Codec,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Passthrough, Way::HidePrefix, Way::Codec];

    pub fn name(self) -> &'static str {
        match self {
            Way::Passthrough => "passthrough",
            Way::HidePrefix => "hide_prefix",
            Way::Codec => "kafka-protocol",
        }
    }
}

/// One case.
pub struct Case {
    pub name: &'static str,
    half: Half,
    size: Size,
    exchange: fn(Size) -> Exchange,
}

/// All cases.
pub const CASES: [Case; 15] = [
    case("Produce request 1x1 of 1 KiB", Half::Request, (1, 1, KIB), produce),
    case("Produce request 1x1 of 64 KiB", Half::Request, (1, 1, 64 * KIB), produce),
    case("Produce request 10x10 of 1 KiB", Half::Request, (10, 10, KIB), produce),
    case("Produce request 10x10 of 64 KiB", Half::Request, (10, 10, 64 * KIB), produce),
    case("Produce answer 1x1", Half::Answer, (1, 1, 0), produce),
    case("Produce answer 10x10", Half::Answer, (10, 10, 0), produce),
    case("Produce exchange 1x1 of 1 KiB", Half::Both, (1, 1, KIB), produce),
    case("Fetch request 1x1", Half::Request, (1, 1, 0), fetch),
    case("Fetch request 10x10", Half::Request, (10, 10, 0), fetch),
    case("Fetch answer 1x1 of 1 KiB", Half::Answer, (1, 1, KIB), fetch),
    case("Fetch answer 1x1 of 64 KiB", Half::Answer, (1, 1, 64 * KIB), fetch),
    case("Fetch answer 10x10 of 1 KiB", Half::Answer, (10, 10, KIB), fetch),
    case("Fetch answer 10x10 of 64 KiB", Half::Answer, (10, 10, 64 * KIB), fetch),
    case("Fetch exchange 1x1 of 1 KiB", Half::Both, (1, 1, KIB), fetch),
    case("Metadata answer 1000x10", Half::Answer, (1000, 10, 0), metadata),
];

const fn case(
    name: &'static str,
    half: Half,
    (topics, partitions, record_bytes): (usize, usize, usize),
    exchange: fn(Size) -> Exchange,
) -> Case {
    Case { name, half, size: Size { topics, partitions, record_bytes }, exchange }
}

/// Does one exchange, or half of it; tells how many new bytes were written.
type Run = Box<dyn FnMut() -> usize>;

/// An operation that can be repeated.
pub struct Operation {
    /// Bytes of the frames that are measured.
    pub frames: Vec<&'static [u8]>,
    pub run: Run,
}

impl Case {
    /// Makes the frames and whatever is needed to deal with them.
    pub fn operation(&self, way: Way) -> Operation {
        let exchange = (self.exchange)(self.size);
        let (request, answer) = (leaked(exchange.request), leaked(exchange.answer));
        let frames = match self.half {
            Half::Request => vec![request],
            Half::Answer => vec![answer],
            Half::Both => vec![request, answer],
        };
        let run = match way {
            Way::Passthrough => walked(self.half, (request, answer), None),
            Way::HidePrefix => walked(self.half, (request, answer), Some(names())),
            Way::Codec => {
                let (mut request, mut answer) = ((exchange.code_request)(request), (exchange.code_answer)(answer));
                match self.half {
                    Half::Request => request,
                    Half::Answer => answer,
                    Half::Both => Box::new(move || request() + answer()),
                }
            }
        };
        Operation { frames, run }
    }
}

/// A request and its answer, and what decodes and encodes them.
struct Exchange {
    request: Vec<u8>,
    answer: Vec<u8>,
    code_request: Box<dyn Fn(&'static [u8]) -> Run>,
    code_answer: Box<dyn Fn(&'static [u8]) -> Run>,
}

fn produce(size: Size) -> Exchange {
    exchange(PRODUCE, &messages::produce_request(size), &messages::produce_response(size))
}

fn fetch(size: Size) -> Exchange {
    exchange(FETCH, &messages::fetch_request(size), &messages::fetch_response(size))
}

fn metadata(size: Size) -> Exchange {
    exchange(METADATA, &messages::metadata_request(size), &messages::metadata_response(size))
}

fn exchange<A, B>((key, version): (i16, i16), request: &A, answer: &B) -> Exchange
where
    A: Encodable + Decodable + HeaderVersion,
    B: Encodable + Decodable + HeaderVersion,
{
    Exchange {
        request: messages::request_frame(key, version, request),
        answer: messages::response_frame(version, answer),
        code_request: Box::new(move |frame| coded::<RequestHeader, A>(frame, version)),
        code_answer: Box::new(move |frame| coded::<ResponseHeader, B>(frame, version)),
    }
}

/// They are there for as long as the process: the operation and who watches it both look at them.
fn leaked(frame: Vec<u8>) -> &'static [u8] {
    frame.leak()
}

/// Klamm's way.
fn walked(half: Half, (request, answer): (&'static [u8], &'static [u8]), names: Option<Namespace>) -> Run {
    let (addresses, apis) = (addresses(), apis());
    let (mut requests, mut responses) = (Requests::default(), Responses::default());
    let (mut in_flight, mut out) = (InFlight::default(), Output::default());
    let mut entry = None;
    Box::new(move || {
        let named = |names| NamespaceView { names, cluster_id: "dmlydHVhbC1jbHVzdGVyLQ", id_mask: [7; 16] };
        let view = SessionView {
            addresses: &addresses,
            apis: &apis,
            namespace: names.as_ref().map(named),
            frame_bytes_max: 100 << 20,
            hold_bytes_max: 4 << 20,
            in_flight_max: 256,
            identity: &Identity::ANONYMOUS,
            access: None,
        };
        let mut written = 0;
        match entry.filter(|_| half == Half::Answer) {
            Some(entry) => in_flight.push(entry),
            None => {
                out.clear();
                let fed = requests.feed(black_box(request), &view, &mut in_flight, &mut out).expect("a sound request");
                assert!((fed.consumed, out.frames) == (request.len(), 1));
                written += black_box(&out).new_bytes.len();
            }
        }
        // What the answer is told of its request is learnt once.
        entry = in_flight.oldest();
        if half == Half::Request {
            in_flight.pop();
            return written;
        }
        out.clear();
        let fed = responses.feed(black_box(answer), &view, &mut in_flight, &mut out).expect("a sound answer");
        assert!((fed.consumed, out.frames, in_flight.len()) == (answer.len(), 1, 0));
        written + black_box(&out).new_bytes.len()
    })
}

/// The other way: header and message decoded, and encoded again.
fn coded<H: Encodable + Decodable, M: Encodable + Decodable + HeaderVersion>(
    frame: &'static [u8],
    version: i16,
) -> Run {
    let mut again = BytesMut::with_capacity(frame.len());
    let (content, header_version) = (Bytes::from_static(&frame[4..]), M::header_version(version));
    Box::new(move || {
        let mut content = black_box(&content).clone();
        let header = H::decode(&mut content, header_version).expect("a sound header");
        let message = M::decode(&mut content, version).expect("a sound message");
        again.clear();
        header.encode(&mut again, header_version).expect("a header of this version");
        message.encode(&mut again, version).expect("a message of this version");
        black_box(&again).len()
    })
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

fn names() -> Namespace {
    Namespace {
        mode: Mode::HidePrefix,
        prefix: PREFIX.into(),
        topics: Additional::default(),
        groups: Additional::default(),
        aliases: Vec::new(),
        all_prefixes: [PREFIX.into(), "vc-bob.".into()].into(),
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
