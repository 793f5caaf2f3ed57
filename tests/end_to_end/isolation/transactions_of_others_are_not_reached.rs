//! Transactions: a producer with the victim's transactional id, producer id and epoch does nothing to the victim's, and no
//! filter lists them; markers, and the versions for brokers among themselves, are refused.

use super::attacker::{Attacker, Filling, Reply};
use super::ground::{Ground, OWN_TOPIC};
use super::made_up_names_stay_inside_the_prefix::errors;
use crate::definitions::codec::Value;
use crate::ensure;
use crate::harness::lab::NODES;
use crate::harness::wire::find;
use crate::harness::{Fallible, World};

const ADD_PARTITIONS: i16 = 24;
const WRITE_MARKERS: i16 = 27;
const LIST: i16 = 66;
const CLUSTER_AUTHORIZATION_FAILED: i64 = 31;
/// InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit.
const OF_PRODUCERS: [i16; 5] = [22, 24, 25, 26, 28];

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        for node in 1..=NODES {
            let mut attacker = Attacker::connect(ground, node)?;
            as_the_victim(ground, &mut attacker)?;
            filters(ground, &mut attacker)?;
            markers(ground, &mut attacker)?;
        }
        Ok(())
    })
}

/// Every step of a transaction in every version, with each pair of producer id and epoch that could fence the victim.
fn as_the_victim(ground: &Ground, attacker: &mut Attacker<'_>) -> Fallible<()> {
    let victim = &ground.victim;
    let ids = [(victim.producer_id, victim.producer_epoch), (victim.producer_id, victim.producer_epoch + 1), (-1, -1)];
    let names = &ground.names;
    let physical =
        [&names.topic, &names.group, &names.transactional_id].map(|name| format!("{}{name}", ground.victim_prefix));
    let [topic, group, transaction] = physical.each_ref().map(String::as_str);
    let said = (names.topic.as_str(), names.group.as_str(), names.transactional_id.as_str());
    for (key, min, max) in attacker.offered()?.into_iter().filter(|(key, _, _)| OF_PRODUCERS.contains(key)) {
        for version in min..=max {
            for (id, epoch) in ids {
                for (topic, group, transaction) in [said, (topic, group, transaction)] {
                    for committed in [0, 1] {
                        let filling = Filling::of(topic, group, transaction)
                            .with("ProducerId", Value::number(id, 8))
                            .with("ProducerEpoch", Value::number(i64::from(epoch), 2))
                            .with("Committed", Value::number(committed, 1))
                            .with("MemberId", Value::Text(victim.member_id.as_bytes().to_vec()))
                            .with("GenerationId", Value::number(i64::from(victim.generation), 4));
                        let body = ground.filled(key, version, &filling)?;
                        if let Reply::Body(body) = attacker.ask_unseen(key, version, &body)? {
                            let what = format!("api {key} v{version}");
                            ground.inspect_but(&what, &body, &[topic, group, transaction])?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// ListTransactions with filters that the victim's transaction would satisfy.
fn filters(ground: &Ground, attacker: &mut Attacker<'_>) -> Fallible<()> {
    let offered = attacker.offered()?;
    let (_, min, max) = *offered.iter().find(|(key, _, _)| *key == LIST).ok_or("ListTransactions is not offered")?;
    let physical = format!("{}.*", ground.victim_prefix);
    for version in min..=max {
        for states in [vec![], vec![Value::text("Ongoing")]] {
            for ids in [vec![], vec![Value::number(ground.victim.producer_id, 8)]] {
                for pattern in [Value::Null, Value::text(".*"), Value::text("x.*"), Value::text(&physical)] {
                    let filling = Filling::of("", "", "")
                        .with("StateFilters", Value::Array(states.clone()))
                        .with("ProducerIdFilters", Value::Array(ids.clone()))
                        .with("TransactionalIdPattern", pattern.clone());
                    let body = ground.filled(LIST, version, &filling)?;
                    if let Reply::Body(body) = attacker.ask_unseen(LIST, version, &body)? {
                        let what = format!("ListTransactions v{version}, {pattern:?}");
                        // One's own transactions of the same names are listed, the victim's producer never.
                        ground.inspect_but(&what, &body, &[&ground.names.transactional_id, &ground.victim_prefix])?;
                        let producer = ground.victim.producer_id.to_be_bytes();
                        ensure!(
                            find(&body, &producer).is_none(),
                            "{what}: the victim's producer is listed: {body:02x?}"
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

/// Markers that would end the victim's transaction, and partitions added for another producer by a broker.
fn markers(ground: &Ground, attacker: &mut Attacker<'_>) -> Fallible<()> {
    let physical = format!("{}{}", ground.victim_prefix, ground.names.topic);
    let transaction = format!("{}{}", ground.victim_prefix, ground.names.transactional_id);
    for (key, version) in [(WRITE_MARKERS, 1), (WRITE_MARKERS, 2), (ADD_PARTITIONS, 4), (ADD_PARTITIONS, 5)] {
        for topic in [physical.as_str(), OWN_TOPIC] {
            let filling = Filling::of(topic, "", &transaction)
                .with("ProducerId", Value::number(ground.victim.producer_id, 8))
                .with("ProducerEpoch", Value::number(i64::from(ground.victim.producer_epoch), 2));
            let body = ground.filled(key, version, &filling)?;
            let Reply::Body(body) = attacker.ask_unseen(key, version, &body)? else {
                return Err(format!("api {key} v{version} closes").into());
            };
            ground.inspect_but("markers", &body, &[topic])?;
            let answer = ground.response(key)?.decode(version, &body)?;
            ensure!(errors(&answer).contains(&CLUSTER_AUTHORIZATION_FAILED), "api {key} v{version}: {answer:?}");
        }
    }
    Ok(())
}
