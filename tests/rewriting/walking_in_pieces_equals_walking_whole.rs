//! However the bytes of a frame arrive, and whoever moves those that pass, the same bytes leave; and a frame that is
//! cut anywhere is never taken for a whole one.

use crate::support::samples::{WALKED, body};
use crate::support::{
    Dice, Move, addresses, break_somewhere, entry, framed, generous_apis, request_frame, response_frame, run,
    run_response, view,
};
use klamm::cluster::ApiRange;
use klamm::metrics::Cause;
use klamm::rewrite::{RequestRule, Requests, ResponseRule, Responses, rules};
use klamm::wire::InFlight;

const METADATA: i16 = 3;
const HOSTS: [&str; 3] = ["g", "gateway.example", "a-rather-long-advertised-host-name.of-a-gateway.example.org"];

/// Every piece length for short inputs; for long ones those where buffers and fields break, and some between.
fn pieces(length: usize) -> Vec<usize> {
    if length <= 400 {
        (1..=length).collect()
    } else {
        (1..=33).chain([64, 100, 127, 128, 255, 1000, length - 1]).collect()
    }
}

#[test]
fn responses_in_any_pieces_give_the_same_bytes() {
    let apis = generous_apis();
    for (key, min, max) in WALKED {
        for version in min..=max {
            for round in 0..6 {
                let map = addresses(HOSTS[usize::try_from(round % 3).unwrap()]);
                let view = view(&map, &apis);
                let frame = response_frame(key, version, &body(&mut Dice::new(round + 1), key, version));
                let whole = run_response(key, version, &view, &frame, frame.len(), Move::Feed).unwrap();
                assert_eq!(whole.frames, 1);
                for piece in pieces(frame.len()) {
                    for how in [Move::Feed, Move::Splice] {
                        let parts = run_response(key, version, &view, &frame, piece, how).unwrap();
                        assert_eq!(parts, whole, "key {key} version {version} round {round} in {piece} {how:?}");
                    }
                }
            }
        }
    }
}

/// What is written of a frame does not depend on what stands before it in the same bytes.
#[test]
fn responses_behind_each_other_are_what_each_is_alone() {
    let (apis, map) = (generous_apis(), addresses(HOSTS[1]));
    let view = view(&map, &apis);
    for (key, min, max) in WALKED {
        for version in min..=max {
            let frames =
                [1, 2, 3, 4].map(|seed| response_frame(key, version, &body(&mut Dice::new(seed), key, version)));
            let alone = frames
                .each_ref()
                .map(|frame| run_response(key, version, &view, frame, frame.len(), Move::Feed).unwrap().bytes);
            let input = frames.concat();
            for piece in pieces(input.len()).into_iter().rev().chain([input.len()]) {
                let mut in_flight = InFlight::default();
                frames.iter().for_each(|_| in_flight.push(entry(key, version)));
                let came = run(&mut Responses::default(), &mut in_flight, &view, &input, piece, Move::Feed).unwrap();
                assert!(came.bytes == alone.concat(), "key {key} version {version} in {piece}");
            }
        }
    }
}

#[test]
fn a_cut_response_is_never_done() {
    let apis = generous_apis();
    let map = addresses("gateway.example");
    let view = view(&map, &apis);
    let mut passes = 0;
    for (key, min, max) in WALKED {
        // Of Metadata, some that show each of their brokers.
        let seeds = if key == METADATA { 0..8 } else { 4..5 };
        for (version, seed) in (min..=max).flat_map(|version| seeds.clone().map(move |seed| (version, seed))) {
            let frame = response_frame(key, version, &body(&mut Dice::new(seed), key, version));
            let all = run_response(key, version, &view, &frame, frame.len(), Move::Feed).unwrap();
            for cut in 0..frame.len() {
                let part = run_response(key, version, &view, &frame[..cut], cut.max(1), Move::Feed).unwrap();
                assert!(cut == 0 || !part.at_boundary || part.rest > 0, "key {key} version {version} cut at {cut}");
                // The frame says that it is whole, but its content is cut: whatever left, it was not a response.
                if cut < 8 {
                    continue;
                }
                let lying = framed(&frame[4..cut]);
                let refused = run_response(key, version, &view, &lying, lying.len(), Move::Feed);
                // Behind the brokers of Metadata nothing is looked at where each of them is shown: it passes as it is.
                if let (METADATA, Ok(passed)) = (key, &refused) {
                    assert!(passed.left_out.is_empty() && all.bytes[4..].starts_with(&passed.bytes[4..]));
                    passes += 1;
                    continue;
                }
                assert!(
                    matches!(refused, Err(Cause::ResponseMalformed | Cause::ResponseLength)),
                    "key {key} version {version} cut at {cut}: {refused:?}"
                );
            }
            // One that is longer than its content, as librdkafka's mock cluster sends it: that is left alone.
            let longer = framed(&[&frame[4..], &[0xee; 3]].concat());
            let whole = run_response(key, version, &view, &longer, longer.len(), Move::Feed).unwrap();
            assert!(whole.bytes.ends_with(&[0xee; 3]) && whole.frames == 1, "key {key} version {version}");
            for piece in [1, 2, 40] {
                let parts = run_response(key, version, &view, &longer, piece, Move::Splice);
                assert_eq!(parts.as_ref(), Ok(&whole), "key {key} version {version} in {piece}");
            }
        }
    }
    assert!(passes > 0, "no sample of Metadata shows each of its brokers");
}

#[test]
fn what_follows_the_brokers_of_metadata_passes_unless_one_is_left_out() {
    let apis = generous_apis();
    let map = addresses("gateway.example");
    let view = view(&map, &apis);
    let (mut promised, mut walked) = (0, 0);
    for version in 0..=13 {
        for round in 0..12 {
            let frame = response_frame(METADATA, version, &body(&mut Dice::new(round), METADATA, version));
            let whole = run_response(METADATA, version, &view, &frame, frame.len(), Move::Feed).unwrap();
            // Up to the first byte of which there is a promise: from there on it is one for all of the rest.
            let first = (1..frame.len()).find_map(|bytes| {
                let (mut in_flight, mut out) = (InFlight::default(), klamm::rewrite::Output::default());
                in_flight.push(entry(METADATA, version));
                let fed = Responses::default().feed(&frame[..bytes], &view, &mut in_flight, &mut out).unwrap();
                (fed.pass > 0).then_some((bytes, fed.pass))
            });
            if !whole.left_out.is_empty() {
                walked += 1;
                continue;
            }
            let (bytes, pass) = first.unwrap();
            assert_eq!(bytes as u64 + pass, frame.len() as u64, "version {version} round {round}");
            assert!(whole.bytes.ends_with(&frame[bytes..]), "version {version} round {round}");
            promised += 1;
        }
    }
    assert!(promised > 10 && walked > 10, "{promised} pass, {walked} are walked");
}

#[test]
fn every_forwarded_version_passes_untouched_and_is_promised_after_its_head() {
    let apis = generous_apis();
    let map = addresses("gateway.example");
    let view = view(&map, &apis);
    for rule in rules() {
        for version in rule.min..=rule.max {
            let walked = match rule.response {
                ResponseRule::Forward => false,
                ResponseRule::Walk(from, _) => version >= from,
                ResponseRule::Own => true,
            };
            if !walked {
                let frame = response_frame(rule.key, version, &[0xab; 300]);
                for piece in [1, 7, 8, 9, 64, 400] {
                    for how in [Move::Feed, Move::Splice] {
                        let outcome = run_response(rule.key, version, &view, &frame, piece, how).unwrap();
                        assert_eq!((&outcome.bytes, outcome.frames), (&frame, 1));
                    }
                }
                let mut in_flight = InFlight::default();
                in_flight.push(entry(rule.key, version));
                let mut out = klamm::rewrite::Output::default();
                let fed = Responses::default().feed(&frame[..8], &view, &mut in_flight, &mut out).unwrap();
                assert_eq!((fed.consumed, fed.pass), (8, frame.len() as u64 - 8));
            }
            if matches!(rule.request, RequestRule::Forward) {
                let frame = request_frame(rule.key, version, &[0xab; 300]);
                for piece in [1, 7, 12, 13, 64, 400] {
                    for how in [Move::Feed, Move::Splice] {
                        let mut in_flight = InFlight::default();
                        let outcome = run(&mut Requests::default(), &mut in_flight, &view, &frame, piece, how).unwrap();
                        assert_eq!((&outcome.bytes, outcome.frames, outcome.at_boundary), (&frame, 1, true));
                        assert_eq!(in_flight.oldest(), Some(entry(rule.key, version)));
                    }
                }
            }
        }
    }
}

/// Own answers, forwarded and walked responses, in one stream in any pieces: order and bytes stay.
#[test]
fn own_answers_wait_for_what_is_older_and_for_what_was_promised() {
    let mut apis = generous_apis();
    apis.ranges = vec![ApiRange { key: 0, min: 0, max: 13 }];
    let map = addresses("gateway.example");
    let view = view(&map, &apis);
    let fetch = response_frame(1, 17, &body(&mut Dice::new(11), 1, 17));
    let heartbeat = response_frame(12, 4, &[0; 20]);
    let metadata = response_frame(3, 9, &body(&mut Dice::new(12), 3, 9));
    let own = klamm::wire::Exchange { own: true, ..entry(18, 0) };
    let fill = |in_flight: &mut InFlight| {
        for entry in [own, entry(1, 17), own, own, entry(12, 4), entry(3, 9), own] {
            in_flight.push(entry);
        }
    };
    let input = [&fetch[..], &heartbeat, &metadata].concat();
    let mut in_flight = InFlight::default();
    fill(&mut in_flight);
    let mut responses = Responses::default();
    assert!(responses.owes(&in_flight), "the oldest is to be answered, and nothing need come for that");
    let whole = run(&mut responses, &mut in_flight, &view, &input, input.len(), Move::Feed).unwrap();
    assert_eq!((whole.frames, whole.own_answers, in_flight.len()), (7, 4, 0));
    assert!(!responses.owes(&in_flight) && !Requests::default().owes(&in_flight));
    // The frames, cut apart by their own lengths, are in the order of the exchanges.
    let mut rest = &whole.bytes[..];
    let mut lengths = Vec::new();
    while let Some(length) = rest.first_chunk() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap() + 4;
        lengths.push(length);
        rest = &rest[length..];
    }
    // Two keys are offered: Produce, and ApiVersions itself.
    let answer = 4 + 4 + 2 + 4 + 2 * 6;
    assert_eq!(lengths[..5], [answer, fetch.len(), answer, answer, heartbeat.len()]);
    assert_eq!((lengths.len(), lengths[6]), (7, answer));
    for piece in pieces(input.len()) {
        for how in [Move::Feed, Move::Splice] {
            let mut in_flight = InFlight::default();
            fill(&mut in_flight);
            let parts = run(&mut Responses::default(), &mut in_flight, &view, &input, piece, how).unwrap();
            assert_eq!(parts, whole, "in {piece} {how:?}");
        }
    }
}

/// Whatever a backend sends, the walk ends in a typed cause or in a frame of the length it says, the same in any pieces.
#[test]
fn broken_responses_never_panic_and_end_alike_in_any_pieces() {
    let apis = generous_apis();
    let map = addresses("gateway.example");
    let view = view(&map, &apis);
    let mut dice = Dice::new(5);
    let (mut refused, mut passed) = (0, 0);
    for (key, min, max) in WALKED {
        for version in min..=max {
            for _ in 0..400 {
                let seed = dice.below(40);
                let mut frame = response_frame(key, version, &body(&mut Dice::new(seed), key, version));
                break_somewhere(&mut frame, &mut dice);
                let whole = run_response(key, version, &view, &frame, frame.len(), Move::Feed);
                for piece in [1, 5, 61] {
                    let parts = run_response(key, version, &view, &frame, piece, Move::Splice);
                    assert_eq!(parts, whole, "key {key} version {version}");
                }
                match whole {
                    Ok(outcome) => {
                        let length = i32::from_be_bytes(*outcome.bytes.first_chunk().unwrap());
                        assert_eq!(usize::try_from(length).unwrap() + 4, outcome.bytes.len());
                        passed += 1;
                    }
                    Err(cause) => {
                        assert_eq!(cause, Cause::ResponseMalformed);
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(refused > 1000 && passed > 1000, "{refused} {passed}");
}

#[test]
fn responses_out_of_order_or_of_impossible_length_are_refused() {
    let apis = generous_apis();
    let map = addresses("gateway.example");
    let view = view(&map, &apis);
    let feed = |entries: &[klamm::wire::Exchange], input: &[u8]| {
        [1, input.len()].map(|piece| {
            let mut in_flight = InFlight::default();
            entries.iter().for_each(|entry| in_flight.push(*entry));
            run(&mut Responses::default(), &mut in_flight, &view, input, piece, Move::Feed).map(|outcome| outcome.bytes)
        })
    };
    let heartbeat = response_frame(12, 4, &[0; 6]);
    assert_eq!(feed(&[], &heartbeat), [Err(Cause::ResponseUnexpected), Err(Cause::ResponseUnexpected)]);
    let other = klamm::wire::Exchange { correlation_id: 1, ..entry(12, 4) };
    assert_eq!(feed(&[other, entry(12, 4)], &heartbeat)[0], Err(Cause::ResponseUnexpected));
    // The same id twice in flight is the client's own affair.
    assert_eq!(feed(&[entry(12, 4); 2], &heartbeat.repeat(2))[0], Ok(heartbeat.repeat(2)));
    for length in [i32::MIN, -1, 0, 3] {
        let frame = [&length.to_be_bytes()[..], &[0; 8]].concat();
        assert_eq!(feed(&[entry(12, 4)], &frame)[1], Err(Cause::ResponseLength), "{length}");
    }
    // A flexible version's header is one byte longer.
    let bare = framed(&crate::support::CORRELATION_ID.to_be_bytes());
    assert_eq!(feed(&[entry(12, 4)], &bare)[0], Err(Cause::ResponseLength));
    assert_eq!(feed(&[entry(12, 3)], &bare)[0], Ok(bare));
}

#[test]
fn a_held_frame_is_bounded() {
    let apis = generous_apis();
    let map = addresses("gateway.example");
    for (key, min, max) in WALKED {
        for version in min..=max {
            // A round that names a node with a long host.
            let frame = response_frame(key, version, &body(&mut Dice::new(7), key, version));
            for limit in [8, 60] {
                let view = klamm::rewrite::SessionView { hold_bytes_max: limit, ..view(&map, &apis) };
                for piece in [1, 13, frame.len()] {
                    let mut in_flight = InFlight::default();
                    in_flight.push(entry(key, version));
                    let mut responses = Responses::default();
                    let outcome = run(&mut responses, &mut in_flight, &view, &frame, piece, Move::Feed);
                    assert!(matches!(outcome, Ok(_) | Err(Cause::HeldFrameTooLarge)), "key {key}: {outcome:?}");
                    assert!(responses.held_bytes() <= limit as usize + 512, "{}", responses.held_bytes());
                }
            }
        }
    }
    let view = klamm::rewrite::SessionView { hold_bytes_max: 64, ..view(&map, &apis) };
    // Some of many brokers are left out.
    let left_out = |frame: &Vec<u8>| {
        let all = klamm::rewrite::SessionView { hold_bytes_max: 1 << 20, ..view };
        run_response(3, 9, &all, frame, 1 << 20, Move::Feed).unwrap().left_out.len()
    };
    let metadata =
        (1..).map(|seed| response_frame(3, 9, &body(&mut Dice::new(seed), 3, 9))).find(|frame| left_out(frame) > 20);
    let metadata = metadata.unwrap();
    let outcome = run_response(3, 9, &view, &metadata, 1 << 20, Move::Feed);
    assert_eq!(outcome, Err(Cause::HeldFrameTooLarge));
    // Where the brokers have not all come yet, what is held of them is bounded too.
    let mut in_flight = InFlight::default();
    in_flight.push(entry(3, 9));
    let fed =
        Responses::default().feed(&metadata[..400], &view, &mut in_flight, &mut klamm::rewrite::Output::default());
    assert_eq!(fed, Err(Cause::HeldFrameTooLarge));
    // And a frame that must be whole is bounded also where it came whole by chance.
    let whole = response_frame(60, 1, &body(&mut Dice::new(7), 60, 1));
    for (less, expected) in [(0, None), (1, Some(Cause::HeldFrameTooLarge))] {
        let hold_bytes_max = u32::try_from(whole.len() - less).unwrap();
        let view = klamm::rewrite::SessionView { hold_bytes_max, ..view };
        assert_eq!(run_response(60, 1, &view, &whole, whole.len(), Move::Feed).err(), expected);
    }
}
