//! What a namespace makes longer than a length can say, than may be held, or than a frame may be, is refused.

use crate::support::samples::{encode, string};
use crate::support::tenant::{feed, hiding, named_view};
use crate::support::{Move, addresses, generous_apis, request_frame, run};
use kafka_protocol::messages::{DescribeGroupsRequest, GroupId, HeartbeatRequest};
use klamm::metrics::Cause;
use klamm::rewrite::{Requests, SessionView};
use klamm::wire::InFlight;

fn group(name: &str) -> GroupId {
    GroupId(string(name))
}

#[test]
fn what_grows_too_long_is_refused() {
    let (names, mut in_flight) = (hiding("a."), InFlight::default());
    // A name that no length can tell.
    for (bytes, refused) in [(32_765, false), (32_766, true)] {
        let request = HeartbeatRequest::default().with_group_id(group(&"g".repeat(bytes)));
        for version in [0, 4] {
            let outcome =
                feed(&names, &mut in_flight, 1 << 20, &request_frame(12, version, &encode(&request, version)));
            assert_eq!(outcome.err(), refused.then_some(Cause::RequestMalformed));
        }
    }
    // Many short names that become many long ones.
    let long = hiding(&"p".repeat(200));
    let request = DescribeGroupsRequest::default().with_groups(vec![group(""); 1000]);
    let frame = request_frame(15, 6, &encode(&request, 6));
    assert!(frame.len() < 2000);
    let sent = feed(&long, &mut in_flight, 1 << 20, &frame).unwrap().bytes;
    assert_eq!(feed(&long, &mut in_flight, 100_000, &frame).err(), Some(Cause::HeldFrameTooLarge));
    // The backend has a limit, too.
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let length = u32::try_from(sent.len() - 4).unwrap();
    for (frame_bytes_max, expected) in [(length, None), (length - 1, Some(Cause::FrameLength))] {
        let view = SessionView { frame_bytes_max, ..named_view(&map, &apis, &long) };
        let fed = run(&mut Requests::default(), &mut InFlight::default(), &view, &frame, frame.len(), Move::Feed);
        assert_eq!(fed.err(), expected);
    }
}

#[test]
fn a_request_that_is_not_whole_is_held_up_to_the_limit() {
    let request = DescribeGroupsRequest::default().with_groups(vec![group("a-group-of-many"); 10]);
    let frame = request_frame(15, 6, &encode(&request, 6));
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding("a."));
    let at_limit = SessionView { hold_bytes_max: frame.len() as u32, ..named_view(&map, &apis, &names) };
    let below = SessionView { hold_bytes_max: frame.len() as u32 - 1, ..named_view(&map, &apis, &names) };
    let (mut requests, mut in_flight, mut out) = Default::default();
    let held = |requests: &mut Requests, in_flight: &mut InFlight, out: &mut _, view| {
        requests.feed(&frame[..50], view, in_flight, out)
    };
    assert_eq!(held(&mut requests, &mut in_flight, &mut out, &below), Err(Cause::HeldFrameTooLarge));
    let mut requests = Requests::default();
    assert_eq!(requests.held_bytes(), 0);
    let fed = held(&mut requests, &mut in_flight, &mut out, &at_limit).unwrap();
    assert_eq!((fed.consumed, fed.pass, out.is_empty(), requests.at_boundary()), (50, 0, true, false));
    assert!((50..=frame.len()).contains(&requests.held_bytes()) && in_flight.is_empty());
    requests.feed(&frame[50..], &at_limit, &mut in_flight, &mut out).unwrap();
    assert_eq!((requests.held_bytes(), requests.at_boundary(), in_flight.len(), out.frames), (0, true, 1, 1));
}
