//! A fetch session belongs to the connection that got it: any other one's id is answered as unknown, or goes out as none.

use crate::support::samples::{decode, encode};
use crate::support::tenant::{hiding, named_view};
use crate::support::{Move, addresses, generous_apis, request_frame, response_frame, run};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use klamm::rewrite::{Requests, Responses, SessionView};
use klamm::wire::InFlight;

/// The versions of Fetch with sessions that a namespace serves.
const VERSIONS: std::ops::RangeInclusive<i16> = 7..=12;

fn with_view(test: impl FnOnce(&SessionView<'_>)) {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), hiding("a."));
    test(&named_view(&map, &apis, &names));
}

fn request(version: i16, session: i32, epoch: i32) -> Vec<u8> {
    let mut request = FetchRequest::default();
    (request.session_id, request.session_epoch, request.max_wait_ms) = (session, epoch, 1);
    request_frame(1, version, &encode(&request, version))
}

#[test]
fn a_session_of_somebody_else_is_answered_as_unknown() {
    with_view(|view| {
        for version in VERSIONS {
            for (session, epoch) in [(0, 1), (4711, 1), (-1, i32::MAX), (4711, -2)] {
                let frame = request(version, session, epoch);
                for piece in [1, 9, frame.len()] {
                    let mut in_flight = InFlight::default();
                    let taken = run(&mut Requests::default(), &mut in_flight, view, &frame, piece, Move::Feed).unwrap();
                    assert_eq!((taken.bytes.len(), taken.frames, in_flight.len()), (0, 1, 1));
                    let answer = run(&mut Responses::default(), &mut in_flight, view, &[], 1, Move::Feed).unwrap();
                    let header = response_frame(1, version, &[]).len();
                    let told: FetchResponse = decode(&answer.bytes[header..], version);
                    assert_eq!((told.error_code, told.session_id, told.responses.len()), (70, 0, 0));
                }
            }
        }
    });
}

#[test]
fn a_session_is_known_on_the_connection_that_got_it_until_it_ends() {
    with_view(|view| {
        for version in VERSIONS {
            // However the response comes: whole, or streamed.
            for piece in [5, 1 << 20] {
                let (mut requests, mut responses) = (Requests::default(), Responses::default());
                let mut in_flight = InFlight::default();
                let mut send = |session, epoch, in_flight: &mut InFlight| {
                    let frame = request(version, session, epoch);
                    run(&mut requests, in_flight, view, &frame, frame.len(), Move::Feed).unwrap().bytes
                };
                let (first, as_new) = (send(0, 0, &mut in_flight), send(99, 0, &mut in_flight));
                assert_eq!(first, request(version, 0, 0));
                assert_eq!(as_new, first, "an unknown session goes out as none");
                let mut told = FetchResponse::default();
                told.session_id = 4711;
                let frame = response_frame(1, version, &encode(&told, version));
                for _ in 0..2 {
                    let came = run(&mut responses, &mut in_flight, view, &frame, piece, Move::Feed).unwrap();
                    assert_eq!(came.bytes, frame);
                }
                for epoch in [1, 2, -1] {
                    assert_eq!(send(4711, epoch, &mut in_flight), request(version, 4711, epoch));
                }
                assert_eq!((send(4711, 3, &mut in_flight).len(), in_flight.len()), (0, 4), "it was ended");
            }
        }
    });
}
