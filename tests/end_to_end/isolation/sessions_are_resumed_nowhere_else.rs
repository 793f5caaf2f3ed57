//! Family 12, sessions: a ticket is good for the host name, the listener and the rules for clients that it was given
//! under, and for nothing else: not for the victim's name, not where a certificate is asked for, not after the authority
//! has changed. Early data is never taken.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use kafka_protocol::messages::MetadataRequest;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, NamedGroup, SupportedProtocolVersion, version};

use super::ground::{Ground, MUTUAL, MUTUAL_OTHER, OPEN, OTHER};
use crate::ensure;
use crate::harness::certificates::Authority;
use crate::harness::hosts::SUFFIX;
use crate::harness::tls::{Stream, identity};
use crate::harness::tools::patience;
use crate::harness::wire::{Wire, socket};
use crate::harness::{Fallible, World, locked, until};

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::of(world)?;
    ground.attack(world, || {
        for version in [&version::TLS13, &version::TLS12] {
            of_version(world, ground, version).map_err(|error| format!("{:?}: {error}", version.version))?;
        }
        after_the_authority_changed(world, ground)
    })
}

/// Where a connection goes: which listener, which label.
type Place = (u16, &'static str);

fn of_version(world: &World, ground: &Ground, version: &'static SupportedProtocolVersion) -> Fallible<()> {
    let shown = ground.clients_authority.client("attacker")?;
    let thief = || thief(world, version, Some(&shown));
    let resumes = |from: Place, to: Place| -> Fallible<bool> {
        let config = thief()?;
        let first = visit(ground, from, &config).map_err(|error| format!("from {from:?}: {error}"))?;
        ensure!(first.0 != HandshakeKind::Resumed, "a session that there was none of is resumed");
        let (kind, early) = visit(ground, to, &config).map_err(|error| format!("{from:?} to {to:?}: {error}"))?;
        ensure!(!early, "early data may be sent");
        Ok(kind == HandshakeKind::Resumed)
    };
    for place in [(OPEN, "attacker"), (OTHER, "attacker"), (MUTUAL, "attacker")] {
        ensure!(resumes(place, place)?, "{place:?} is not resumed where it was given: this proves nothing");
    }
    for (from, to) in [
        ((OPEN, "attacker"), (OPEN, "victim")),
        ((OPEN, "attacker"), (OTHER, "attacker")),
        ((OPEN, "attacker"), (MUTUAL, "attacker")),
        ((MUTUAL, "attacker"), (OPEN, "attacker")),
        ((MUTUAL, "attacker"), (MUTUAL, "victim")),
    ] {
        ensure!(!resumes(from, to)?, "{from:?} is resumed at {to:?}");
    }
    // Where the certificate is not believed there is no way in, with or without a ticket from where it is.
    let config = thief()?;
    visit(ground, (MUTUAL, "attacker"), &config)?;
    ensure!(visit(ground, (MUTUAL_OTHER, "attacker"), &config).is_err(), "let in by a ticket from elsewhere");
    // And without one, a ticket from where none is asked for does not help.
    let config = self::thief(world, version, None)?;
    visit(ground, (OPEN, "attacker"), &config)?;
    ensure!(visit(ground, (MUTUAL, "attacker"), &config).is_err(), "let in without a certificate");
    Ok(())
}

/// A ticket from before the authority was replaced is not taken afterwards.
fn after_the_authority_changed(world: &World, ground: &Ground) -> Fallible<()> {
    let shown = ground.clients_authority.client("attacker")?;
    let config = thief(world, &version::TLS13, Some(&shown))?;
    let place = (MUTUAL, "attacker");
    visit(ground, place, &config)?;
    let trusted = ground.clients_trust()?;
    let before = std::fs::read_to_string(&trusted)?;
    std::fs::write(&trusted, Authority::root("Another Root")?.pem())?;
    ground.gateway.signal("HUP")?;
    let outcome = until("the certificate is believed no longer, nor the ticket", patience(10), || {
        let visited = visit(ground, place, &config);
        ensure!(visited.is_err(), "let in: {visited:?}");
        Ok(())
    });
    // For the tests behind this one.
    std::fs::write(&trusted, before)?;
    ground.gateway.signal("HUP")?;
    until("it is believed again", patience(10), || visit(ground, place, &config).map(drop))?;
    outcome
}

/// Connects and asks for the nodes, so that tickets arrive. Gives how hands were shaken, and whether early data might
/// have been sent.
fn visit(ground: &Ground, (listener, label): Place, config: &Arc<ClientConfig>) -> Fallible<(HandshakeKind, bool)> {
    let host = format!("bootstrap.{label}{SUFFIX}");
    let stream = socket(&format!("127.0.0.1:{}", ground.names_port + listener))?;
    let mut connection = ClientConnection::new(Arc::clone(config), ServerName::try_from(host)?)?;
    let early = connection.early_data().is_some();
    let stream = Stream::shaken(connection, stream)?;
    let Stream::Tls(connection) = &stream else { return Err("not TLS".into()) };
    let kind = connection.conn.handshake_kind().ok_or("no handshake")?;
    let answer = Wire::over(stream, "attacker").ask(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
    if label == "attacker" {
        ground.inspect("Metadata", &answer.frame)?;
    }
    Ok((kind, early))
}

/// Settings of a client that offers whatever ticket it has, whoever gave it.
fn thief(
    world: &World,
    version: &'static SupportedProtocolVersion,
    shown: Option<&crate::harness::certificates::Issued>,
) -> Fallible<Arc<ClientConfig>> {
    let mut config = identity(&world.material()?.root, &[version], shown)?;
    config.resumption = Resumption::store(Arc::new(Thief::default()));
    config.enable_early_data = true;
    Ok(Arc::new(config))
}

/// Keeps tickets without asking whose they are.
#[derive(Default)]
struct Thief {
    tickets: Mutex<VecDeque<Tls13ClientSessionValue>>,
    session: Mutex<Option<Tls12ClientSessionValue>>,
}

impl fmt::Debug for Thief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thief")
    }
}

impl ClientSessionStore for Thief {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        *locked(&self.session) = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        locked(&self.session).clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        *locked(&self.session) = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        locked(&self.tickets).push_back(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        locked(&self.tickets).pop_back()
    }
}
