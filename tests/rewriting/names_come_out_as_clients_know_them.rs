//! Names come out of a namespace as its clients know them: what the backend tells, with physical names of every kind in
//! it, reaches the client byte for byte as kafka-protocol encodes what it may read.

use crate::support::cast::{Cast, FOREIGN, PREFIX, namespace};
use crate::support::samples::decode;
use crate::support::told::{CLIENT_HOST, CLUSTER_ID, FETCH_SESSION, ID_MASK, Side, Teller};
use crate::support::{
    Dice, Move, Outcome, addresses, contains, entry, framed, generous_apis, response_frame, rule, run,
};
use kafka_protocol::messages::ProduceResponse;
use klamm::cluster::{AddressMap, Mode, Namespace, NodeApis};
use klamm::metrics::Cause;
use klamm::rewrite::{HELD_RESPONSE_FACTOR, NamespaceRule, NamespaceView, Responses, SessionView, rules};
use klamm::wire::{Asked, Exchange, InFlight};
use klamm::wire::{Direction, Role, api, roles_of};

const MODES: [Mode; 3] = [Mode::HidePrefix, Mode::EnforcePrefix, Mode::Open];

/// Every (key, version) that a namespace serves and whose responses are rewritten.
fn served() -> Vec<(i16, i16)> {
    let with_names = rules().iter().filter_map(|rule| match rule.named {
        NamespaceRule::Served(max) => Some((rule.key, rule.min, max)),
        _ => None,
    });
    with_names.flat_map(|(key, min, max)| (min..=max).map(move |version| (key, version))).collect()
}

/// The backend answers exactly what was asked: no name of others can be.
fn exact(key: i16) -> bool {
    matches!(key, 0 | 1 | 11 | 14)
}

fn view<'a>(map: &'a AddressMap, apis: &'a NodeApis, names: &'a Namespace) -> SessionView<'a> {
    let named = NamespaceView { names, cluster_id: CLUSTER_ID, id_mask: ID_MASK };
    SessionView { namespace: Some(named), ..crate::support::view(map, apis) }
}

/// One response, as the backend tells it and as the client is to read it.
struct Told {
    entry: Exchange,
    backend: Vec<u8>,
    client: Vec<u8>,
}

fn tell(names: &Namespace, key: i16, version: i16, seed: u64, shown_error: i16) -> Told {
    tell_with(names, (key, version), seed, shown_error, false)
}

fn tell_with(names: &Namespace, (key, version): (i16, i16), seed: u64, shown_error: i16, endpoints: bool) -> Told {
    let asked = match (key, seed % 2) {
        (10, 0) => Asked::Groups,
        (10, _) => Asked::TransactionalIds,
        _ => Asked::Nothing,
    };
    let cast = Cast { names, foreign: !exact(key) };
    let [backend, client] = [Side::Backend, Side::Client].map(|side| {
        let mut teller = Teller {
            cast: &cast,
            side,
            dice: Dice::new(seed),
            version,
            flexible: rule(key).flexible(version),
            shown_error,
            asked,
            endpoints,
        };
        response_frame(key, version, &teller.body(key))
    });
    Told { entry: Exchange { shown_error, asked, ..entry(key, version) }, backend, client }
}

fn rewrite(told: &Told, view: &SessionView<'_>, frame: &[u8], piece: usize, how: Move) -> Result<Outcome, Cause> {
    let mut in_flight = InFlight::default();
    in_flight.push(told.entry);
    let outcome = run(&mut Responses::default(), &mut in_flight, view, frame, piece, how)?;
    assert_eq!(in_flight.is_empty(), outcome.frames == 1);
    if told.entry.api_key == 1 && told.entry.api_version >= 7 && outcome.frames == 1 {
        assert!(in_flight.session_ids.contains(FETCH_SESSION), "the session is the client's");
    }
    Ok(outcome)
}

#[test]
fn every_response_comes_out_as_the_client_is_to_read_it() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    for mode in MODES {
        let names = namespace(mode);
        let view = view(&map, &apis, &names);
        for (key, version) in served() {
            for seed in 0..60 {
                let told = tell(&names, key, version, seed, 0);
                let outcome = rewrite(&told, &view, &told.backend, told.backend.len(), Move::Feed);
                let outcome = outcome.unwrap_or_else(|cause| panic!("{mode:?} {key} {version} {seed}: {cause:?}"));
                assert!(outcome.bytes == told.client, "{mode:?} key {key} version {version} seed {seed}");
                assert_eq!((outcome.frames, outcome.rest, outcome.at_boundary), (1, 0, true));
            }
        }
    }
}

#[test]
fn a_refused_request_shows_its_error_everywhere() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let names = namespace(Mode::EnforcePrefix);
    let view = view(&map, &apis, &names);
    for (key, version) in served().into_iter().filter(|(key, _)| *key != 3) {
        for seed in 0..20 {
            let told = tell(&names, key, version, seed, 24);
            let outcome = rewrite(&told, &view, &told.backend, told.backend.len(), Move::Feed).unwrap();
            assert!(outcome.bytes == told.client, "key {key} version {version} seed {seed}");
        }
    }
}

/// The addresses of nodes behind a response keep its length: there kafka-protocol must read the same.
#[test]
fn names_and_nodes_in_one_response() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let view = view(&map, &apis, &names);
    for version in 10..=12 {
        for seed in 0..40 {
            let told = tell_with(&names, (0, version), seed, 0, true);
            for piece in [told.backend.len(), 100] {
                let outcome = rewrite(&told, &view, &told.backend, piece, Move::Feed).unwrap();
                // The header has no tags.
                let mut read: ProduceResponse = decode(&outcome.bytes[9..], version);
                let expected: ProduceResponse = decode(&told.client[9..], version);
                // One more, that fills what the addresses left.
                read.unknown_tagged_fields.retain(|tag, _| expected.unknown_tagged_fields.contains_key(tag));
                assert_eq!(read, expected, "version {version} seed {seed}");
                assert_eq!(read.node_endpoints.len(), 1);
            }
        }
    }
}

/// The names of other tenants, and the own prefix, are in no byte that leaves, wherever they stood.
#[test]
fn no_byte_of_a_physical_name_is_seen() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let view = view(&map, &apis, &names);
    let mut seen = 0;
    for (key, version) in served() {
        for seed in 100..130 {
            let told = tell(&names, key, version, seed, 0);
            seen += usize::from(contains(&told.backend, FOREIGN.as_bytes()));
            let outcome = rewrite(&told, &view, &told.backend, told.backend.len(), Move::Feed).unwrap();
            for hidden in [FOREIGN, PREFIX] {
                assert!(!contains(&outcome.bytes, hidden.as_bytes()), "key {key} version {version} seed {seed}");
            }
        }
    }
    assert!(seen > 1000, "{seen} responses held the canary");
}

#[test]
fn responses_in_any_pieces_give_the_same_bytes() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let view = view(&map, &apis, &names);
    for (key, version) in served() {
        for seed in 0..6 {
            let told = tell(&names, key, version, seed, 0);
            let few: Vec<_> = [1, 2, 7, 8, 9, 61, 400, 4096].into_iter().filter(|n| *n < told.backend.len()).collect();
            for piece in few {
                let outcome = rewrite(&told, &view, &told.backend, piece, Move::Splice).unwrap();
                assert!(outcome.bytes == told.client, "key {key} version {version} seed {seed} in {piece}");
            }
        }
    }
}

/// Where a frame is cut, and says that it is whole, it is refused.
#[test]
fn a_cut_response_is_refused() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let view = view(&map, &apis, &names);
    for (key, version) in served() {
        let roles = roles_of(api(key).unwrap(), Direction::Response, version);
        if roles.iter().all(|(_, role)| *role == Role::Error) {
            // Not looked at unless something is to be shown in it.
            continue;
        }
        let told =
            (1..).map(|seed| tell(&names, key, version, seed, 0)).find(|told| told.backend.len() < 3000).unwrap();
        for cut in 8..told.backend.len() {
            let lying = framed(&told.backend[4..cut]);
            let refused = rewrite(&told, &view, &lying, lying.len(), Move::Feed);
            let cut_at = format!("key {key} version {version} cut at {cut}: {refused:?}");
            assert!(matches!(refused, Err(Cause::ResponseMalformed | Cause::ResponseLength)), "{cut_at}");
        }
        // What is behind the last field may hold names: it is left out.
        let longer = framed(&[&told.backend[4..], FOREIGN.as_bytes()].concat());
        let outcome = rewrite(&told, &view, &longer, longer.len(), Move::Feed).unwrap();
        assert!(outcome.bytes == told.client, "key {key} version {version}");
    }
}

/// Whatever stands where a count or a length was: a typed cause, or a frame of the length that it says.
#[test]
fn broken_responses_never_panic_and_end_alike_in_any_pieces() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let view = view(&map, &apis, &names);
    let (mut refused, mut passed) = (0, 0);
    let mut dice = Dice::new(77);
    for (key, version) in served() {
        for _ in 0..150 {
            let mut told = tell(&names, key, version, dice.below(40), 0);
            for _ in 0..1 + dice.below(3) {
                let at = 8 + usize::try_from(dice.below(told.backend.len() as u64 - 8)).unwrap();
                let bombs = [&[0xff; 5][..], &[0x7f, 0xff, 0xff, 0xff], &[0], &[1], &[0x80, 0x80], &[2, 0]];
                let bomb = bombs[usize::try_from(dice.below(6)).unwrap()];
                let end = (at + bomb.len()).min(told.backend.len());
                told.backend[at..end].copy_from_slice(&bomb[..end - at]);
            }
            let mut in_flight = InFlight::default();
            in_flight.push(told.entry);
            let all = told.backend.len();
            let whole = run(&mut Responses::default(), &mut in_flight, &view, &told.backend, all, Move::Feed);
            for piece in [61, 4096] {
                let mut in_flight = InFlight::default();
                in_flight.push(told.entry);
                let parts = run(&mut Responses::default(), &mut in_flight, &view, &told.backend, piece, Move::Feed);
                assert_eq!(parts, whole, "key {key} version {version}");
            }
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
        }
    }
    assert!(refused > 1000 && passed > 1000, "{refused} {passed}");
}

#[test]
fn a_held_response_is_bounded() {
    let (map, apis) = (addresses(CLIENT_HOST), generous_apis());
    let names = namespace(Mode::HidePrefix);
    let told = (1..).map(|seed| tell(&names, 3, 9, seed, 0)).find(|told| told.backend.len() > 3000).unwrap();
    for (hold_bytes_max, expected) in [(2000, None), (100, Some(Cause::HeldFrameTooLarge))] {
        assert!(100 * HELD_RESPONSE_FACTOR < 3000 && told.backend.len() < 2000 * HELD_RESPONSE_FACTOR);
        let view = SessionView { hold_bytes_max, ..view(&map, &apis, &names) };
        let mut in_flight = InFlight::default();
        in_flight.push(told.entry);
        let mut responses = Responses::default();
        let outcome = run(&mut responses, &mut in_flight, &view, &told.backend, 700, Move::Feed);
        assert_eq!(outcome.err(), expected);
        assert_eq!(responses.held_bytes(), 0, "nothing stays");
    }
}
