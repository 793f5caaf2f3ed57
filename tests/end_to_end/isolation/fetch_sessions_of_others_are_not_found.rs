//! A fetch session belongs to the connection that got it: one of the victim's, guessed, and one of the attacker's own on
//! another connection, are not found; closing or replacing one that is not one's own does nothing to it; topics forgotten
//! or added under foreign names bring nothing.

use super::attacker::{Attacker, Filling, Reply};
use super::ground::{Ground, OWN_TOPIC};
use super::made_up_names_stay_inside_the_prefix::errors;
use crate::definitions::codec::{Struct, Value};
use crate::ensure;
use crate::harness::{Fallible, World};

const FETCH: i16 = 1;
/// The first version with sessions.
const SESSIONS_FROM: i16 = 7;
const SESSION_NOT_FOUND: i64 = 70;
/// Epochs that begin a session, and that close one.
const BEGIN: i64 = 0;
const CLOSE: i64 = -1;

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        let node = usize::try_from(ground.victim.leader)?;
        let mut attacker = Attacker::connect(ground, node)?;
        let offered = attacker.offered()?;
        let (_, _, max) = offered.iter().find(|(key, _, _)| *key == FETCH).ok_or("Fetch is not offered")?;
        for version in SESSIONS_FROM..=*max {
            victims(ground, &mut attacker, version)?;
            ground.victim.continue_session(&ground.names)?;
            own_elsewhere(ground, node, version)?;
        }
        Ok(())
    })
}

/// The victim's session, in every epoch that could be its next one.
fn victims(ground: &Ground, attacker: &mut Attacker<'_>, version: i16) -> Fallible<()> {
    let physical = format!("{}{}", ground.victim_prefix, ground.names.topic);
    let id = i64::from(ground.victim.session_id);
    for id in [id, id - 1, id + 1] {
        for epoch in (1..20).chain([i64::from(i32::MAX)]) {
            for forgotten in [false, true] {
                let answer = fetch(ground, attacker, version, &physical, id, epoch, forgotten)?;
                let error = answer.fields.get("ErrorCode").and_then(Value::as_number);
                ensure!(error == Some(SESSION_NOT_FOUND), "v{version}: session {id}, epoch {epoch}: error {error:?}");
            }
        }
    }
    for epoch in [BEGIN, CLOSE] {
        let answer = fetch(ground, attacker, version, &physical, id, epoch, false)?;
        let got = answer.fields.get("SessionId").and_then(Value::as_number);
        ensure!(got != Some(id), "v{version}: the attacker got the victim's session with epoch {epoch}");
        let errors = errors(&answer);
        ensure!(!errors.contains(&SESSION_NOT_FOUND), "v{version}: a session cannot be begun with epoch {epoch}");
    }
    Ok(())
}

/// A session of one's own works on its connection, and on no other.
fn own_elsewhere(ground: &Ground, node: usize, version: i16) -> Fallible<()> {
    let (mut one, mut other) = (Attacker::connect(ground, node)?, Attacker::connect(ground, node)?);
    let begun = fetch(ground, &mut one, version, OWN_TOPIC, 0, BEGIN, false)?;
    let id = begun.fields.get("SessionId").and_then(Value::as_number).unwrap_or_default();
    ensure!(id != 0, "v{version}: the attacker gets no session of its own");
    let stolen = fetch(ground, &mut other, version, OWN_TOPIC, id, 1, false)?;
    ensure!(
        stolen.fields.get("ErrorCode").and_then(Value::as_number) == Some(SESSION_NOT_FOUND),
        "v{version}: a session works on another connection"
    );
    let goes_on = fetch(ground, &mut one, version, OWN_TOPIC, id, 1, false)?;
    let error = goes_on.fields.get("ErrorCode").and_then(Value::as_number);
    ensure!(error == Some(0), "v{version}: a session does not work on its own connection: error {error:?}");
    Ok(())
}

/// Fetches within a session.
fn fetch(
    ground: &Ground,
    attacker: &mut Attacker<'_>,
    version: i16,
    topic: &str,
    session: i64,
    epoch: i64,
    forgotten: bool,
) -> Fallible<Struct> {
    let mut filling = Filling::of(topic, "", "")
        .with("SessionId", Value::number(session, 4))
        .with("SessionEpoch", Value::number(epoch, 4));
    if forgotten {
        filling.others.remove("ForgottenTopicsData");
    }
    let body = ground.filled(FETCH, version, &filling)?;
    let Reply::Body(body) = attacker.ask_unseen(FETCH, version, &body)? else {
        return Err(format!("v{version}: closed with session {session}, epoch {epoch}").into());
    };
    let answer = ground.response(FETCH)?.decode(version, &body)?;
    ground.inspect_but("a fetch session", &body, &[topic])?;
    Ok(answer)
}
