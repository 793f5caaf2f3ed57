//! What the tests of the walk share: a view, callers that feed in pieces, frames around messages.

pub mod cast;
pub mod samples;
pub mod scenarios;
pub mod tenant;

use klamm::auth::Identity;
use klamm::cluster::{AddressMap, ApiRange, NodeApis, NodePorts, PortMapping};
use klamm::metrics::Cause;
use klamm::rewrite::{
    Output, Progress, REST_BYTES_MAX, Responses, Rule, Segment, SessionView, Side, Transducer, rules,
};
use klamm::wire::{Exchange, InFlight};
use std::ops::Range;

/// Counts and lengths that cannot be, in each way in which they are written.
pub const LIES: [&[u8]; 6] = [
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff; 5],
    &[0x7f, 0xff],
    &[0x80, 0],
];

/// Puts what a count or a length cannot be, or may be, in up to three places behind the head of a response.
pub fn break_somewhere(frame: &mut [u8], dice: &mut Dice) {
    let bombs = [&[0xff; 5][..], &[0x7f, 0xff, 0xff, 0xff], &[0], &[1], &[0x80, 0x80], &[2, 0]];
    for _ in 0..1 + dice.below(3) {
        let at = 8 + usize::try_from(dice.below(frame.len() as u64 - 8)).unwrap();
        let bomb = bombs[usize::try_from(dice.below(6)).unwrap()];
        let end = (at + bomb.len()).min(frame.len());
        frame[at..end].copy_from_slice(&bomb[..end - at]);
    }
}

/// The correlation id that the tests' frames carry.
pub const CORRELATION_ID: i32 = 0x5eed;

/// Nodes 1 to 3 have ports behind `host`, others have none.
pub fn addresses(host: &str) -> AddressMap {
    AddressMap::Ports(PortMapping {
        advertised_host: host.into(),
        bootstrap_port: Some(19092),
        ports: vec![19092, 19093, 19094, 19095].into(),
        min_broker_id: 1,
        node_ports: NodePorts::default(),
    })
}

/// A node that offers every version we serve, and more.
pub fn generous_apis() -> NodeApis {
    NodeApis {
        ranges: (0..100).map(|key| ApiRange { key, min: 0, max: 99 }).collect(),
        supported_features: Vec::new(),
        finalized_features_epoch: -1,
        finalized_features: Vec::new(),
        zk_migration_ready: false,
    }
}

pub fn view<'a>(addresses: &'a AddressMap, apis: &'a NodeApis) -> SessionView<'a> {
    SessionView {
        addresses,
        apis,
        namespace: None,
        frame_bytes_max: 1 << 20,
        hold_bytes_max: 1 << 20,
        in_flight_max: 256,
        identity: &Identity::ANONYMOUS,
        access: None,
    }
}

pub fn rule(key: i16) -> &'static Rule {
    rules().iter().find(|rule| rule.key == key).unwrap()
}

pub fn entry(key: i16, version: i16) -> Exchange {
    Exchange {
        api_key: key,
        api_version: version,
        correlation_id: CORRELATION_ID,
        own: false,
        own_error: 0,
        shown_error: 0,
        asked: klamm::wire::Asked::Nothing,
    }
}

/// Adds the length, and the header of a response to `key` in `version`, before `body`.
pub fn response_frame(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut payload = CORRELATION_ID.to_be_bytes().to_vec();
    if rule(key).flexible(version) {
        payload.push(0);
    }
    payload.extend(body);
    framed(&payload)
}

/// Adds the length, and the header of a request, before `body`.
pub fn request_frame(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let flexible = rules().iter().find(|rule| rule.key == key).is_some_and(|rule| rule.flexible(version));
    let mut payload = key.to_be_bytes().to_vec();
    payload.extend(version.to_be_bytes());
    payload.extend(CORRELATION_ID.to_be_bytes());
    payload.extend(4i16.to_be_bytes());
    payload.extend(b"test");
    if flexible {
        payload.push(0);
    }
    payload.extend(body);
    framed(&payload)
}

pub fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = i32::try_from(payload.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(payload);
    frame
}

/// How a caller moves what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Through `feed`.
    Feed,
    /// By itself, telling `passed`.
    Splice,
}

/// What came out of one direction.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub bytes: Vec<u8>,
    pub frames: u64,
    pub own_answers: u64,
    pub left_out: Vec<i32>,
    pub at_boundary: bool,
    /// Bytes that were left over.
    pub rest: usize,
    pub full: bool,
}

/// Feeds `input` in pieces of `piece` bytes as a session does: what is left over comes again with more behind it.
pub fn run<S: Side>(
    direction: &mut Transducer<S>,
    in_flight: &mut InFlight,
    view: &SessionView<'_>,
    input: &[u8],
    piece: usize,
    how: Move,
) -> Result<Outcome, Cause> {
    let mut outcome = Outcome {
        bytes: Vec::new(),
        frames: 0,
        own_answers: 0,
        left_out: Vec::new(),
        at_boundary: true,
        rest: 0,
        full: false,
    };
    let mut carry: Vec<u8> = Vec::new();
    let mut out = Output::default();
    let mut came = 0;
    loop {
        out.clear();
        let begun = came - carry.len();
        let fed = direction.feed(&carry, view, in_flight, &mut out)?;
        assert!(fed.consumed <= carry.len());
        for segment in &out.segments {
            if let Segment::Input(range) = segment {
                assert!(range.end <= fed.consumed && !range.is_empty());
            }
        }
        outcome.bytes.extend(given_out(&out, &carry));
        for pair in out.segments.windows(2) {
            if let [Segment::Input(a), Segment::Input(b)] = pair {
                assert_ne!(a.end, b.start, "neighbours are merged");
            }
        }
        assert_eq!(
            out.len(),
            out.segments
                .iter()
                .map(|s| match s {
                    Segment::Input(r) | Segment::New(r) => r.len(),
                })
                .sum::<usize>()
        );
        outcome.frames += out.frames;
        outcome.own_answers += out.own_answers;
        outcome.left_out.extend(out.left_out.iter().map(|node| node.0));
        carry.drain(..fed.consumed);
        outcome.full = fed.waits.is_some();
        if fed.pass > 0 {
            assert!(carry.is_empty(), "promised bytes behind others that wait");
            assert!(!direction.at_boundary());
            what_passes_is_told_as_it_is(&fed, &out, begun, frame_at(input, came - 1), came);
        }
        assert!(fed.waits.is_some() || carry.len() <= REST_BYTES_MAX, "{} bytes left over", carry.len());
        if came == input.len() {
            outcome.at_boundary = direction.at_boundary();
            outcome.rest = carry.len();
            return Ok(outcome);
        }
        let mut next = &input[came..(came + piece).min(input.len())];
        came += next.len();
        if how == Move::Splice && fed.pass > 0 {
            let n = next.len().min(usize::try_from(fed.pass).unwrap());
            direction.passed(n as u64);
            outcome.bytes.extend(&next[..n]);
            next = &next[n..];
        }
        carry.extend(next);
    }
}

/// The bytes that a call of `feed` with this input gave out.
pub fn given_out(out: &Output, input: &[u8]) -> Vec<u8> {
    let bytes = |segment: &Segment| match segment {
        Segment::Input(range) => input[range.clone()].to_vec(),
        Segment::New(range) => out.new_bytes[range.clone()].to_vec(),
    };
    out.segments.iter().flat_map(bytes).collect()
}

/// Where the frame begins and ends that byte `at` is in.
fn frame_at(input: &[u8], at: usize) -> Range<usize> {
    let mut start = 0;
    loop {
        let length = i32::from_be_bytes(input[start..start + 4].try_into().unwrap());
        let end = start + 4 + usize::try_from(length).unwrap();
        if at < end {
            return start..end;
        }
        start = end;
    }
}

/// Bytes of `frame` pass, from `at` on; what was given out was read from `begun` on.
fn what_passes_is_told_as_it_is(fed: &Progress, out: &Output, begun: usize, frame: Range<usize>, at: usize) {
    let behind = at as u64 + fed.pass;
    assert_eq!(fed.goes_on, behind < frame.end as u64, "{frame:?} has {} from {at} on to pass", fed.pass);
    let earlier = |segment: &Segment| matches!(segment, Segment::Input(range) if begun + range.start < frame.start);
    if fed.alone {
        assert!(out.own_answers == 0 && !out.segments.iter().any(earlier), "more than {frame:?} left");
    } else {
        assert!(out.own_answers > 0 || begun < frame.start, "nothing but {frame:?} left");
    }
}

/// Runs one response through a fresh session.
pub fn run_response(
    key: i16,
    version: i16,
    view: &SessionView<'_>,
    frame: &[u8],
    piece: usize,
    how: Move,
) -> Result<Outcome, Cause> {
    let mut in_flight = InFlight::default();
    in_flight.push(entry(key, version));
    let outcome = run(&mut Responses::default(), &mut in_flight, view, frame, piece, how)?;
    assert_eq!(in_flight.is_empty(), outcome.frames == 1);
    Ok(outcome)
}

/// A small deterministic source of choices.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to `n` - 1.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }
}

pub fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
