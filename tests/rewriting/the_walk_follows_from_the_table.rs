//! What is walked follows from the layouts and the table, with the exceptions that stand in its rows; and what a frame costs
//! follows from its bytes, whatever it holds and however many virtual clusters there are.

use std::time::Duration;

use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use kafka_protocol::messages::{MetadataResponse, ProduceRequest, TopicName, produce_request};
use klamm::cluster::Namespace;
use klamm::metrics::Cause;
use klamm::rewrite::{FaultAt, Output, Requests, ResponseRule, Responses, SessionView, rules};
use klamm::wire::{APIS, Direction, InFlight, Role, roles_of};

use crate::support::samples::{WALKED, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{addresses, entry, generous_apis, request_frame, response_frame};

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const METADATA: i16 = 3;

#[test]
fn responses_are_walked_where_they_name_nodes_and_nowhere_else() {
    let by_address = [Role::Host, Role::CoordinatorId, Role::PreferredReplica, Role::ControllerNodes];
    let mut walked = Vec::new();
    for rule in rules() {
        let api = APIS.iter().find(|api| api.key == rule.key).unwrap();
        let mut first = None;
        for version in rule.min..=rule.max {
            let roles = roles_of(api, Direction::Response, version);
            let names_nodes = roles.iter().any(|(_, role)| by_address.contains(role));
            // Its row says why: of nodes it holds an id that a client can do without.
            let excepted = rule.key == FETCH && (11..=15).contains(&version);
            let is = matches!(rule.response, ResponseRule::Walk(from, _) if version >= from);
            assert_eq!(is, names_nodes && !excepted, "{} version {version}: {roles:?}", rule.name);
            first = first.or(is.then_some(version));
        }
        walked.extend(first.map(|first| (rule.key, first, rule.max)));
    }
    let mut listed = WALKED.to_vec();
    listed.sort_unstable();
    assert_eq!(walked, listed, "what the other laws try");
}

/// In a whole frame: what was before it in the same read leaves, of itself nothing does.
#[test]
fn what_closes_the_connection_leaves_nothing_and_has_a_place() {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding("vc-a."));
    let request = |at: usize| {
        let mut topic = produce_request::TopicProduceData::default();
        topic.name = TopicName(string(&"x".repeat(at)));
        let mut request = ProduceRequest::default();
        (request.acks, request.topic_data) = (-1, vec![topic]);
        request_frame(PRODUCE, 9, &encode(&request, 9))
    };
    // The second is as long as a frame may be, and the prefix makes it longer.
    let (first, second) = (request(1), request(99));
    let frame_bytes_max = u32::try_from(second.len() - 4).unwrap();
    let view = SessionView { frame_bytes_max, ..named_view(&map, &apis, &names) };
    let (mut requests, mut in_flight, mut out) = (Requests::default(), InFlight::default(), Output::default());
    let fed = requests.feed(&[&first[..], &second].concat(), &view, &mut in_flight, &mut out);
    assert_eq!((fed, out.frames, in_flight.len()), (Err(Cause::FrameLength), 1, 1));
    assert_eq!(out.len(), first.len() + "vc-a.".len() + 1, "only the first");
    let at = |fault: Option<FaultAt>| fault.map(|fault| (fault.api_key, fault.api_version, fault.offset));
    assert_eq!(at(requests.fault()), Some((PRODUCE, 9, second.len() as u64)));
    // A response whose tags are looked at only in passing.
    let mut responses = Responses::default();
    in_flight.pop();
    in_flight.push(entry(PRODUCE, 10));
    out.clear();
    let view = SessionView { namespace: None, ..view };
    let fed = responses.feed(&response_frame(PRODUCE, 10, &[0xff; 9]), &view, &mut in_flight, &mut out);
    assert_eq!((fed, out.len()), (Err(Cause::ResponseMalformed), 0));
    assert!(matches!(at(responses.fault()), Some((PRODUCE, 10, 8..))));
}

/// Where the head of a frame is at fault, it says what the frame is, if that is known.
#[test]
fn a_fault_in_a_head_says_whose_it_is() {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding("vc-a."));
    let view = named_view(&map, &apis, &names);
    let at = |fault: Option<FaultAt>| fault.map(|fault| (fault.api_key, fault.api_version, fault.offset));
    for (key, version, cause) in
        [(METADATA, 99, Cause::UnknownVersion), (4, 7, Cause::InternalApi), (999, -2, Cause::UnknownApi)]
    {
        let (mut requests, mut out) = (Requests::default(), Output::default());
        let fed = requests.feed(&request_frame(key, version, &[0; 9]), &view, &mut InFlight::default(), &mut out);
        assert_eq!((fed, at(requests.fault())), (Err(cause), Some((key, version, 0))));
    }
    let (mut responses, mut in_flight, mut out) = (Responses::default(), InFlight::default(), Output::default());
    in_flight.push(klamm::wire::Exchange { correlation_id: 7, ..entry(METADATA, 12) });
    let fed = responses.feed(&response_frame(METADATA, 12, &[0; 9]), &view, &mut in_flight, &mut out);
    assert_eq!((fed, at(responses.fault())), (Err(Cause::ResponseUnexpected), Some((METADATA, 12, 0))));
    // Nothing is in flight: it is nobody's.
    let mut responses = Responses::default();
    let fed = responses.feed(&response_frame(METADATA, 12, &[0; 9]), &view, &mut InFlight::default(), &mut out);
    assert_eq!((fed, at(responses.fault())), (Err(Cause::ResponseUnexpected), None));
}

/// Processor time of this thread: what other programs do meanwhile is not in it.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// Metadata of so many topics, every second of which is another tenant's.
fn metadata(topics: usize) -> Vec<u8> {
    let topic = |at: usize| {
        let mut topic = MetadataResponseTopic::default();
        topic.name = Some(TopicName(string(&format!("{}topic-{at}", ["vc-a.", "vc-b."][at % 2]))));
        topic.partitions = vec![MetadataResponsePartition::default(); 3];
        topic
    };
    let mut response = MetadataResponse::default();
    response.topics = (0..topics).map(topic).collect();
    response_frame(METADATA, 9, &encode(&response, 9))
}

/// What it takes to deal with a frame in pieces of so many bytes: the least of some tries.
fn cost(view: &SessionView<'_>, frame: &[u8], piece: usize) -> Duration {
    let once = || {
        let (mut responses, mut in_flight, mut out) = (Responses::default(), InFlight::default(), Output::default());
        in_flight.push(entry(METADATA, 9));
        let began = cpu();
        for part in frame.chunks(piece) {
            out.clear();
            let fed = responses.feed(part, view, &mut in_flight, &mut out).unwrap();
            assert_eq!(fed.consumed, part.len());
        }
        assert!(in_flight.is_empty());
        cpu() - began
    };
    (0..5).map(|_| once()).min().unwrap()
}

#[test]
fn cost_is_linear_in_a_frames_bytes_and_does_not_know_other_virtual_clusters() {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let few = hiding("vc-a.");
    let prefixes = (0..5000).map(|at| format!("vc-{at:04}.").into()).collect();
    let many = Namespace { all_prefixes: prefixes, ..few.clone() };
    let (small, large) = (metadata(400), metadata(400 * 8));
    for piece in [64, 4096, usize::MAX] {
        let cost = |names, frame| {
            cost(&SessionView { hold_bytes_max: 1 << 20, ..named_view(&map, &apis, names) }, frame, piece)
        };
        let (once, eight) = (cost(&few, &small), cost(&few, &large));
        // Eight times as much; a cost that grew with the square would be sixty-four.
        assert!(eight < once * 24, "{once:?} for one, {eight:?} for eight of it, in {piece}");
        let among_many = cost(&many, &large);
        assert!(among_many < eight * 3, "{eight:?} alone, {among_many:?} among 5000 virtual clusters, in {piece}");
    }
}
