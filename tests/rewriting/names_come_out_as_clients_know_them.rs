//! Names come out of a namespace as its clients know them: what the backend says, with physical names of every kind in it,
//! reaches the client byte for byte as the scenarios say, and as an encoder writes it that owes nothing to the product.

use crate::support::cast::{FOREIGN, PREFIX, namespace, namespaces};
use crate::support::scenarios::{CLIENT_HOST, Case, FETCH_SESSION, Scenarios, view};
use crate::support::tenant::served;
use crate::support::{Dice, Move, Outcome, addresses, break_somewhere, contains, framed, generous_apis, run};
use klamm::cluster::{Mode, Namespace};
use klamm::metrics::Cause;
use klamm::rewrite::{HELD_RESPONSE_FACTOR, Responses, SessionView};
use klamm::wire::{Direction, Exchange, InFlight, Role, api, roles_of};

const METADATA: i16 = 3;

fn hidden() -> [(&'static str, Namespace); 1] {
    [("hide_prefix", namespace(Mode::HidePrefix))]
}

fn rewrite(case: &Case, view: &SessionView<'_>, frame: &[u8], piece: usize, how: Move) -> Result<Outcome, Cause> {
    let mut in_flight = InFlight::default();
    in_flight.push(case.entry);
    let outcome = run(&mut Responses::default(), &mut in_flight, view, frame, piece, how)?;
    assert_eq!(in_flight.is_empty(), outcome.frames == 1);
    if case.key == 1 && case.version >= 7 && outcome.frames == 1 {
        assert!(in_flight.session_ids.contains(FETCH_SESSION), "the session is the client's");
    }
    Ok(outcome)
}

/// What comes out for the client of a namespace, fed in pieces of so many bytes.
fn out(case: &Case, names: &Namespace, frame: &[u8], piece: usize, how: Move) -> Result<Outcome, Cause> {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    rewrite(case, &view(&map, &apis, names), frame, piece, how)
}

#[test]
fn every_response_comes_out_as_the_client_is_to_read_it() {
    let scenarios = Scenarios::read();
    let mut played = 0;
    scenarios.each(Direction::Response, &namespaces(), 0..30, 0, |names, case| {
        let outcome = out(case, names, &case.given, case.given.len(), Move::Feed);
        let outcome = outcome.unwrap_or_else(|cause| panic!("{}: {cause:?}", case.name));
        case.check(&scenarios.definitions, Direction::Response, &outcome.bytes);
        assert_eq!((outcome.frames, outcome.rest, outcome.at_boundary), (1, 0, true), "{}", case.name);
        played += 1;
    });
    assert!(played > 10_000, "{played}");
}

#[test]
fn a_refused_request_shows_its_error_everywhere() {
    let scenarios = Scenarios::read();
    let namespaces = [("enforce_prefix", namespace(Mode::EnforcePrefix))];
    scenarios.each(Direction::Response, &namespaces, 0..20, 24, |names, case| {
        // No request of Metadata is refused as a whole.
        if case.key != METADATA {
            let outcome = out(case, names, &case.given, case.given.len(), Move::Feed);
            let outcome = outcome.unwrap_or_else(|cause| panic!("{}: {cause:?}", case.name));
            case.check(&scenarios.definitions, Direction::Response, &outcome.bytes);
        }
    });
}

/// The names of other tenants, and the own prefix, are in no byte that leaves, wherever they stood.
#[test]
fn no_byte_of_a_physical_name_is_seen() {
    let mut seen = 0;
    Scenarios::read().each(Direction::Response, &hidden(), 100..130, 0, |names, case| {
        seen += usize::from(contains(&case.given, FOREIGN.as_bytes()));
        let outcome = out(case, names, &case.given, case.given.len(), Move::Feed).unwrap();
        for hidden in [FOREIGN, PREFIX] {
            assert!(!contains(&outcome.bytes, hidden.as_bytes()), "{}", case.name);
        }
    });
    assert!(seen > 1000, "{seen} responses held the canary");
}

#[test]
fn responses_in_any_pieces_give_the_same_bytes() {
    let scenarios = Scenarios::read();
    let [hidden, _, _, alone] = namespaces();
    scenarios.each(Direction::Response, &[hidden, alone], 0..6, 0, |names, case| {
        let all = case.given.len();
        let whole = out(case, names, &case.given, all, Move::Feed).unwrap();
        for piece in [1, 2, 7, 8, 9, 61, 400, 4096].into_iter().filter(|piece| *piece < all && all < piece * 10_000) {
            let outcome = out(case, names, &case.given, piece, Move::Splice);
            let outcome = outcome.unwrap_or_else(|cause| panic!("{} in {piece}: {cause:?}", case.name));
            assert!(outcome.bytes == whole.bytes, "{} in {piece}", case.name);
        }
        case.check(&scenarios.definitions, Direction::Response, &whole.bytes);
    });
}

/// What is written of a frame does not depend on what stands before it in the same bytes.
#[test]
fn responses_behind_each_other_are_what_each_is_alone() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let [hidden, _, _, alone] = namespaces();
    let (mut before, mut played) = (None::<(Vec<u8>, Exchange)>, 0);
    Scenarios::read().each(Direction::Response, &[hidden, alone], 0..8, 0, |names, case| {
        let expected = out(case, names, &case.given, case.given.len(), Move::Feed).unwrap().bytes;
        // The one before may be of another namespace: then it comes out otherwise here.
        let view = view(&map, &apis, names);
        if let Some((given, entry)) = before.take() {
            let mut in_flight = InFlight::default();
            in_flight.push(entry);
            let first = run(&mut Responses::default(), &mut in_flight, &view, &given, given.len(), Move::Feed);
            if let Ok(first) = first {
                let both = [&given[..], &case.given].concat();
                for piece in [both.len(), both.len() - 1, given.len() + 30, 100].into_iter().filter(|at| *at < 100_000)
                {
                    let mut in_flight = InFlight::default();
                    [entry, case.entry].into_iter().for_each(|entry| in_flight.push(entry));
                    let came = run(&mut Responses::default(), &mut in_flight, &view, &both, piece, Move::Feed).unwrap();
                    assert!(came.bytes == [&first.bytes[..], &expected].concat(), "{} in {piece}", case.name);
                    assert_eq!((came.frames, came.at_boundary), (2, true));
                }
                played += 1;
            }
        }
        before = Some((case.given.clone(), case.entry));
    });
    assert!(played > 2_000, "{played}");
}

/// The first case of each version, from some scenario, with a response that is short.
fn short(mut play: impl FnMut(&Namespace, &Case)) {
    let mut shown = std::collections::BTreeSet::new();
    Scenarios::read().each(Direction::Response, &hidden(), 1..25, 0, |names, case| {
        if case.given.len() < 2500 && shown.insert((case.key, case.version)) {
            play(names, case);
        }
    });
    assert_eq!(shown.len(), served().count());
}

/// Where a frame is cut, and says that it is whole, it is refused.
#[test]
fn a_cut_response_is_refused() {
    let scenarios = Scenarios::read();
    short(|names, case| {
        let roles = roles_of(api(case.key).unwrap(), Direction::Response, case.version);
        if roles.iter().all(|(_, role)| *role == Role::Error) {
            // Not looked at unless something is to be shown in it.
            return;
        }
        for cut in 8..case.given.len() {
            let lying = framed(&case.given[4..cut]);
            let refused = out(case, names, &lying, lying.len(), Move::Feed);
            let is = matches!(refused, Err(Cause::ResponseMalformed | Cause::ResponseLength));
            assert!(is, "{} cut at {cut}: {refused:?}", case.name);
        }
        // What is behind the last field may hold names: it is left out.
        let longer = framed(&[&case.given[4..], FOREIGN.as_bytes()].concat());
        let outcome = out(case, names, &longer, longer.len(), Move::Feed).unwrap();
        case.check(&scenarios.definitions, Direction::Response, &outcome.bytes);
    });
}

/// Whatever stands where a count or a length was: a typed cause, or a frame of the length that it says.
#[test]
fn broken_responses_never_panic_and_end_alike_in_any_pieces() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let (mut refused, mut passed) = (0, 0);
    let mut dice = Dice::new(77);
    Scenarios::read().each(Direction::Response, &hidden(), 0..40, 0, |names, case| {
        let view = view(&map, &apis, names);
        let mut frame = case.given.clone();
        break_somewhere(&mut frame, &mut dice);
        let [whole, small, large] = [frame.len(), 61, 4096].map(|piece| {
            let mut in_flight = InFlight::default();
            in_flight.push(case.entry);
            run(&mut Responses::default(), &mut in_flight, &view, &frame, piece, Move::Feed)
        });
        assert!(small == whole && large == whole, "{}", case.name);
        match whole {
            Ok(outcome) => {
                let length = i32::from_be_bytes(*outcome.bytes.first_chunk().unwrap());
                assert_eq!(usize::try_from(length).unwrap() + 4, outcome.bytes.len());
                passed += 1;
            }
            Err(cause) => {
                assert!(matches!(cause, Cause::ResponseMalformed | Cause::ResponseLength), "{cause:?}");
                refused += 1;
            }
        }
    });
    assert!(refused > 1000 && passed > 1000, "{refused} {passed}");
}

#[test]
fn a_held_response_is_bounded() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let mut large = 0;
    Scenarios::read().of(METADATA).each(Direction::Response, &hidden(), 0..60, 0, |names, case| {
        // More than with 100 bytes may be held, and less than with 2000.
        let [too_long, fits] = [100, 2000].map(|bytes| bytes * HELD_RESPONSE_FACTOR);
        if case.version != 9 || !(too_long + 500..fits).contains(&case.given.len()) {
            return;
        }
        for (hold_bytes_max, expected) in [(2000, None), (100, Some(Cause::HeldFrameTooLarge))] {
            let hold_bytes_max = u32::try_from(hold_bytes_max).unwrap();
            let view = SessionView { hold_bytes_max, ..view(&map, &apis, names) };
            let mut in_flight = InFlight::default();
            in_flight.push(case.entry);
            let mut responses = Responses::default();
            let outcome = run(&mut responses, &mut in_flight, &view, &case.given, 700, Move::Feed);
            assert_eq!(outcome.err(), expected);
            assert_eq!(responses.held_bytes(), 0, "nothing stays");
        }
        large += 1;
    });
    assert!(large > 0, "no response is large");
}
