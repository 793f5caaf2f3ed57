//! What is about one transaction alone goes nowhere when its transactional id or its group is refused: it is answered here,
//! with that error and no producer. (A backend might give a producer id, or take offsets into the transaction.)

use crate::support::samples::{decode, encode, string};
use crate::support::tenant::{hiding, named_view};
use crate::support::{Move, addresses, generous_apis, request_frame, rule, run};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable};
use klamm::cluster::{Mode, Namespace};
use klamm::rewrite::{Requests, Responses};
use klamm::wire::{InFlight, request_body};

const INVALID_GROUP_ID: i16 = 24;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;

fn names() -> Namespace {
    Namespace { mode: Mode::EnforcePrefix, ..hiding("a.") }
}

/// What the backend gets, or what the client is answered at once.
#[derive(Debug, PartialEq)]
enum Went<Q, A> {
    Out(Q),
    Back(A),
}

fn ask<Q: Encodable + Decodable, A: Encodable + Decodable>(key: i16, version: i16, request: &Q) -> Went<Q, A> {
    let (map, apis, names) = (addresses("gateway.example"), generous_apis(), names());
    let view = named_view(&map, &apis, &names);
    let frame = request_frame(key, version, &encode(request, version));
    let mut in_flight = InFlight::default();
    let out = run(&mut Requests::default(), &mut in_flight, &view, &frame, frame.len(), Move::Feed).unwrap();
    let flexible = rule(key).flexible(version);
    if !out.bytes.is_empty() {
        assert_eq!(in_flight.pop().map(|entry| (entry.own, entry.shown_error)), Some((false, 0)));
        return Went::Out(decode(request_body(&out.bytes, flexible).unwrap(), version));
    }
    let answer = run(&mut Responses::default(), &mut in_flight, &view, &[], 1, Move::Feed).unwrap();
    assert_eq!((answer.own_answers, in_flight.is_empty()), (1, true));
    let body = &answer.bytes[if flexible { 9 } else { 8 }..];
    let read: A = decode(body, version);
    assert_eq!(body, encode(&read, version), "key {key} version {version}");
    Went::Back(read)
}

fn id(name: &str) -> TransactionalId {
    TransactionalId(string(name))
}

#[test]
fn no_producer_id_comes_with_a_refusal() {
    for version in 0..=5 {
        for refused in ["t", "a./tt", "a./t"] {
            let request = InitProducerIdRequest::default().with_transactional_id(Some(id(refused)));
            let told = InitProducerIdResponse::default()
                .with_error_code(TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1);
            assert_eq!(ask(22, version, &request), Went::Back(told), "version {version} {refused}");

            let request = EndTxnRequest::default().with_transactional_id(id(refused)).with_producer_id(7.into());
            let mut told = EndTxnResponse::default().with_error_code(TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
            if version >= 5 {
                (told.producer_id, told.producer_epoch) = ((-1).into(), -1);
            }
            assert_eq!(ask(26, version, &request), Went::Back(told), "version {version} {refused}");
        }
        let own = InitProducerIdRequest::default().with_transactional_id(Some(id("a.t")));
        assert_eq!(ask::<_, InitProducerIdResponse>(22, version, &own), Went::Out(own.clone()));
        let own = EndTxnRequest::default().with_transactional_id(id("a.t")).with_producer_id(7.into());
        assert_eq!(ask::<_, EndTxnResponse>(26, version, &own), Went::Out(own.clone()));
    }
}

#[test]
fn a_refused_group_adds_no_offsets_to_a_transaction() {
    for version in 0..=4 {
        for (transaction, group, refused) in [
            ("a.t", "a.g", None),
            ("a.t", "", None),
            ("a.t", "g", Some(INVALID_GROUP_ID)),
            ("a.t", "a./gg", Some(INVALID_GROUP_ID)),
            ("t", "a.g", Some(TRANSACTIONAL_ID_AUTHORIZATION_FAILED)),
            // The first of two reasons is told.
            ("t", "g", Some(TRANSACTIONAL_ID_AUTHORIZATION_FAILED)),
        ] {
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(id(transaction))
                .with_group_id(GroupId(string(group)));
            let expected = match refused {
                None => Went::Out(request.clone()),
                Some(error) => Went::Back(AddOffsetsToTxnResponse::default().with_error_code(error)),
            };
            assert_eq!(ask(25, version, &request), expected, "version {version} {transaction} {group}");
        }
    }
}
