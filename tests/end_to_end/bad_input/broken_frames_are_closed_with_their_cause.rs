//! Kafka's framing, broken: lengths that cannot be, keys and versions that are not served, frames cut short, and counts
//! that promise more than the frame holds. Each as the first thing on a connection, and again behind a good request.

use std::ops::Range;

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::closes::{Closes, SOON};
use crate::harness::neighbour::Neighbour;
use crate::harness::scripted::Scripted;
use crate::harness::wire::{Wire, request_frame};
use crate::harness::{Fallible, World};

/// One broken input.
struct Broken {
    what: String,
    bytes: Vec<u8>,
    /// Whether the client ends its direction behind the bytes.
    ends: bool,
    cause: &'static str,
    /// Key and version of the API, and the bytes of the frame before the fault, as far as the log has them.
    fault: Option<(i16, i16, Range<u64>)>,
}

/// In the head, and behind it.
const IN_HEAD: Range<u64> = 0..1;
const IN_BODY: Range<u64> = 12..64;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[])?;
    gateway.wait_ready()?;
    let neighbour = Neighbour::start(&gateway.bootstrap())?;
    for broken in [lengths(), keys()?, cut()?, bombs()?].into_iter().flatten() {
        for behind_a_good_one in [false, true] {
            let what =
                format!("{}, {} connection", broken.what, if behind_a_good_one { "on a used" } else { "on a fresh" });
            let closes = Closes::before(&gateway, broken.cause)?;
            let mut wire = Wire::connect(&gateway.bootstrap())?;
            if behind_a_good_one {
                wire.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
            }
            wire.send_bytes(&broken.bytes);
            if broken.ends {
                wire.finish();
            }
            let answer = wire.closed(SOON).map_err(|error| format!("{what}: {error}"))?;
            ensure!(answer.is_empty(), "{what} is answered {answer:02x?}");
            closes.one_more(&what)?;
            let logged = closes.last_fault()?;
            let as_expected = match (&broken.fault, logged) {
                (None, None) => true,
                (Some((key, version, offsets)), Some((logged_key, logged_version, offset))) => {
                    (*key, *version) == (logged_key, logged_version) && offsets.contains(&offset)
                }
                _ => false,
            };
            ensure!(as_expected, "{what}: {logged:?} is logged, not {:?}", broken.fault);
        }
    }
    neighbour.stop()
}

fn lengths() -> Vec<Broken> {
    let above_max = (100 << 20) + 1;
    let lengths = [-1, i32::MIN, 0, 1, 3, 7, above_max, i32::MAX];
    let broken = |length: i32| Broken {
        what: format!("length {length}"),
        bytes: [&length.to_be_bytes()[..], &[0, 3, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0, 0]].concat(),
        ends: false,
        cause: "frame_length",
        fault: Some((3, 12, IN_HEAD)),
    };
    lengths.into_iter().map(broken).collect()
}

fn keys() -> Fallible<Vec<Broken>> {
    let requests: [(i16, i16, &str); 16] = [
        (0x7fff, 0, "unknown_api"),
        (-1, 0, "unknown_api"),
        (93, 0, "unknown_api"),
        (999, 1, "unknown_api"),
        (4, 7, "internal_api"),
        (7, 3, "internal_api"),
        (52, 2, "internal_api"),
        (58, 0, "internal_api"),
        (63, 1, "internal_api"),
        (67, 0, "internal_api"),
        (3, 14, "unknown_version"),
        (3, -1, "unknown_version"),
        (0, 2, "unknown_version"),
        (1, 3, "unknown_version"),
        (17, 0, "unknown_version"),
        (18, -1, "unknown_version"),
    ];
    let broken = |(key, version, cause)| {
        let bytes = request_frame(key, version, 1, 1, "broken", &[0; 8])?.to_vec();
        Ok(Broken {
            what: format!("api {key} v{version}"),
            bytes,
            ends: false,
            cause,
            fault: Some((key, version, IN_HEAD)),
        })
    };
    requests.into_iter().map(broken).collect()
}

/// A Metadata request that ends early, at every byte.
fn cut() -> Fallible<Vec<Broken>> {
    let whole = request_frame(3, 1, 1, 1, "cut", &[0, 0, 0, 0])?;
    let broken = |bytes: usize| Broken {
        what: format!("a request cut after {bytes} bytes"),
        bytes: whole[..bytes].to_vec(),
        ends: true,
        cause: "request_cut",
        fault: None,
    };
    Ok((1..whole.len()).map(broken).collect())
}

/// Counts and lengths that promise what the frame does not hold, in the requests that are walked.
fn bombs() -> Fallible<Vec<Broken>> {
    const HUGE_COMPACT: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];
    const ENDLESS_VARINT: [u8; 11] = [0xff; 11];
    let compact = |tail: &[u8]| [&[0][..], &HUGE_COMPACT, tail].concat();
    let requests: [(&str, i16, i16, i16, Vec<u8>); 11] = [
        ("Metadata v1, 2^31-1 topics", 3, 1, 1, i32::MAX.to_be_bytes().to_vec()),
        ("Metadata v1, -2 topics", 3, 1, 1, (-2i32).to_be_bytes().to_vec()),
        ("Metadata v4, a topic of -2 bytes", 3, 4, 1, [&1i32.to_be_bytes()[..], &[0xff, 0xfe, 0]].concat()),
        ("Metadata v4, a topic longer than the frame", 3, 4, 1, [&1i32.to_be_bytes()[..], &[0x7f, 0xff, 0]].concat()),
        ("Metadata v9, 2^32-1 topics", 3, 9, 2, compact(&[0, 0, 0])[1..].to_vec()),
        ("Metadata v12, a count without end", 3, 12, 2, ENDLESS_VARINT.to_vec()),
        ("Metadata v9, 2^32-1 tags", 3, 9, 2, [&[1, 0, 0, 0][..], &HUGE_COMPACT].concat()),
        ("FindCoordinator v4, 2^32-1 keys", 10, 4, 2, compact(&[0])),
        ("FindCoordinator v0, a key longer than the frame", 10, 0, 1, vec![0x7f, 0xff]),
        ("DescribeCluster v0, 2^32-1 tags", 60, 0, 2, compact(&[])),
        ("DescribeCluster v1, nothing in it", 60, 1, 2, Vec::new()),
    ];
    let broken = |(what, key, version, header_version, body): (&str, i16, i16, i16, Vec<u8>)| {
        let bytes = request_frame(key, version, header_version, 1, "bomb", &body)?.to_vec();
        let fault = Some((key, version, IN_BODY));
        Ok(Broken { what: what.to_owned(), bytes, ends: false, cause: "request_malformed", fault })
    };
    requests.into_iter().map(broken).collect()
}
