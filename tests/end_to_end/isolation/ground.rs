//! The ground of the isolation tests: a gateway with two virtual clusters, a victim and an attacker, whose every name is
//! random, and what the attacker must never be sent.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kafka_protocol::messages::{DescribeGroupsRequest, GroupId, InitProducerIdRequest, ProducerId, TransactionalId};

use klamm::cluster::HostFormat;

use super::digest::{self, Line};
use super::victim::{Victim, connect_coordinator};
use crate::definitions::Definitions;
use crate::ensure;
use crate::harness::certificates::{Authority, Kind};
use crate::harness::gateway::{ADVERTISED_HOST, Gateway, PORTS};
use crate::harness::hosts::{self, SUFFIX};
use crate::harness::lab::{CANARIES, NODES};
use crate::harness::tls::Material;
use crate::harness::tools::patience;
use crate::harness::wire::{find, text};
use crate::harness::{Fallible, World, named, ports, until};
use crate::tenants;

/// What both sides know of each other's names: nothing.
pub struct Ground {
    pub gateway: Gateway,
    pub definitions: Definitions,
    /// What the backend has before the victim's names, and before the attacker's.
    pub victim_prefix: String,
    pub attacker_prefix: String,
    pub names: Names,
    pub victim: Victim,
    /// The bootstrap port of the attacker's listener; node n has this one + n.
    pub attacker_port: u16,
    /// Where both are reached by host names; the listeners [`OPEN`] and so on have this port and that many more.
    pub names_port: u16,
    /// Whose certificates the listener [`MUTUAL`] believes.
    pub clients_authority: Authority,
    folder: PathBuf,
}

/// A listener with TLS that asks for no certificate, and one more.
pub const OPEN: u16 = 0;
pub const OTHER: u16 = 1;
/// One that requires a certificate of the clients' authority, and one that requires one of another.
pub const MUTUAL: u16 = 2;
pub const MUTUAL_OTHER: u16 = 3;

/// The victim's names, as its clients say them. Each is a canary.
pub struct Names {
    pub topic: String,
    pub group: String,
    pub transactional_id: String,
    pub client_id: String,
    pub instance_id: String,
    pub payload: String,
    pub metadata: String,
}

/// A topic of the attacker's own.
pub const OWN_TOPIC: &str = "own-topic";

/// 16 random bytes behind a letter.
pub fn canary(letter: char) -> String {
    let bytes: [u8; 16] = rand::random();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{letter}{hex}")
}

/// The listeners with TLS, which both are behind.
fn listeners(material: &Material, port: u16, clients: &Authority) -> Fallible<String> {
    let format = HostFormat::PerClusterSuffix;
    let names = ["victim", "attacker"].map(|label| format!("*.{label}{SUFFIX}"));
    let issued = material.issuing.server(Kind::Ecdsa, &names.each_ref().map(String::as_str))?;
    let certificates = [issued.write(&material.folder, "isolation")?];
    let mut text = String::new();
    for (listener, believed) in [
        (OPEN, None),
        (OTHER, None),
        (MUTUAL, Some(clients.pem())),
        (MUTUAL_OTHER, Some(Authority::root("Clients of Somebody Else")?.pem())),
    ] {
        let asks = believed.map(|pem| {
            let file = trust_file(&material.folder, listener);
            std::fs::write(&file, pem)?;
            let bundle = format!("\"${{file['{}']}}\"", file.display());
            Fallible::Ok(format!("client_authentication: {{mode: required, tls_trust_bundles: [{bundle}]}}"))
        });
        let asks = asks.transpose()?;
        let tls: Vec<&str> = asks.iter().map(String::as_str).collect();
        let listener_of =
            named::Listener { port: port + listener, format, certificates: &certificates, tls: &tls, policies: &[] };
        text += &listener_of.yaml(&format!("names-{listener}"));
    }
    Ok(text)
}

/// Somebody at the backend itself, outside all virtual clusters, with records and a group that has read them.
fn bystander(world: &World) -> Fallible<()> {
    let (tools, [topic, group]) = (world.direct_tools()?, ['t', 'g'].map(canary));
    tools.create_topic(&topic, 2, 3)?;
    tools.kcat(&["-P", "-t", &topic], b"one\ntwo\nthree\n")?;
    let read = tools.kcat(&["-G", &group, "-e", "-q", "-X", "auto.offset.reset=earliest", &topic], b"")?;
    ensure!(read.lines().count() == 3, "the bystander read {read}");
    Ok(())
}

/// Waits until no coordinator of groups or transactions loads its partition any more, which it would answer names with: the
/// lab may be new. Four names of one letter, next to each other, have one each of the four partitions.
fn coordinators_have_begun(node: &str) -> Fallible<()> {
    for name in ["a", "b", "c", "d"] {
        let mut wire = connect_coordinator(node, 1, name, "bystander")?;
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(TransactionalId(text(name))))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        until("a coordinator of transactions has begun", patience(20), || {
            let error = wire.ask(3, &request)?.body.error_code;
            ensure!(error == 0, "error {error}");
            Ok(())
        })?;
        let mut wire = connect_coordinator(node, 0, name, "bystander")?;
        let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(name))]);
        until("a coordinator of groups has begun", patience(20), || {
            let groups = wire.ask(5, &request)?.body.groups;
            ensure!(groups.iter().all(|group| group.error_code == 0), "{groups:?}");
            Ok(())
        })?;
    }
    Ok(())
}

fn trust_file(folder: &Path, listener: u16) -> PathBuf {
    folder.join(format!("isolation-clients-{listener}.pem"))
}

impl Ground {
    /// The ground that all isolation tests of a run share.
    pub fn of(world: &World) -> Fallible<&'static Ground> {
        static GROUND: OnceLock<Result<Ground, String>> = OnceLock::new();
        let ground = GROUND.get_or_init(|| Ground::prepare(world).map_err(|error| error.to_string()));
        ground.as_ref().map_err(|error| format!("the ground is not prepared: {error}").into())
    }

    fn prepare(world: &World) -> Fallible<Ground> {
        hosts::known()?;
        let definitions = Definitions::read()?;
        let (victim_prefix, attacker_prefix) = (format!("{}.", canary('v')), format!("{}.", canary('a')));
        let names = Names {
            topic: canary('t'),
            group: canary('g'),
            transactional_id: canary('x'),
            client_id: canary('c'),
            instance_id: canary('i'),
            payload: canary('p'),
            metadata: canary('m'),
        };
        let hidden = |label: &str, prefix: &str| {
            format!("dns_label: {label}, namespace: {{mode: hide_prefix, prefix: \"{prefix}\"}},")
        };
        let (ours, theirs) = (hidden("victim", &victim_prefix), hidden("attacker", &attacker_prefix));
        let (names_port, clients_authority) = (ports::ten(), Authority::root("Clients of the Isolation Tests")?);
        let listeners = listeners(world.material()?, names_port, &clients_authority)?;
        let clusters = [("victim", ours.as_str()), ("attacker", theirs.as_str())];
        let (gateway, bootstraps) = tenants::own_gateway_with(world, &clusters, &listeners)?;
        let [victim_at, attacker_at] = bootstraps.as_slice() else { return Err("two listeners are needed".into()) };
        coordinators_have_begun(&world.lab()?.address(1))?;
        let victim = Victim::settle(victim_at, &names)?;
        bystander(world)?;
        world.tools_for(attacker_at.clone())?.create_topic(OWN_TOPIC, 1, 3)?;
        let attacker_port = attacker_at.rsplit(':').next().unwrap_or_default().parse()?;
        let folder = world.material()?.folder.clone();
        Ok(Ground {
            gateway,
            definitions,
            victim_prefix,
            attacker_prefix,
            names,
            victim,
            attacker_port,
            names_port,
            clients_authority,
            folder,
        })
    }

    /// The file with the authority of [`MUTUAL`].
    pub fn clients_trust(&self) -> Fallible<PathBuf> {
        Ok(trust_file(&self.folder, MUTUAL))
    }

    /// The attacker's host name of a node, with its port; 0 is the bootstrap name.
    pub fn named(&self, node: usize) -> String {
        let front = if node == 0 { "bootstrap".to_owned() } else { format!("broker-{node}") };
        format!("{front}.attacker{SUFFIX}:{}", self.names_port)
    }

    /// The attacker's address of a node; 0 is the bootstrap address.
    pub fn address(&self, node: usize) -> Fallible<String> {
        ensure!(node < usize::from(PORTS), "node {node} has no port");
        Ok(format!("{ADVERTISED_HOST}:{}", self.attacker_port + u16::try_from(node)?))
    }

    /// Runs an attack; fails when the victim's world is not afterwards what it was, or when the attacker made anything
    /// outside its own prefix.
    pub fn attack(&self, world: &World, attack: impl FnOnce() -> Fallible<()>) -> Fallible<()> {
        let lab = world.lab()?;
        let addresses: Vec<String> = (1..=NODES).map(|node| lab.address(node)).collect();
        let before = digest::of_all_but(&addresses, &self.attacker_prefix)?;
        for canary in [&self.names.topic, &self.names.group, &self.names.transactional_id, &self.names.client_id] {
            ensure!(
                before.iter().any(|line| line.text.contains(canary)),
                "{canary} is not in the digest: it proves nothing"
            );
        }
        let outcome = attack();
        let after = digest::of_all_but(&addresses, &self.attacker_prefix)?;
        let lost: Vec<&Line> = before.iter().filter(|line| !after.contains(line)).collect();
        let new: Vec<&Line> = after.iter().filter(|line| !before.contains(line)).collect();
        outcome?;
        ensure!(lost.is_empty() && new.is_empty(), "the world outside changed:\nbefore: {lost:#?}\nafter: {new:#?}");
        Ok(())
    }

    /// Fails when bytes that the attacker was sent hold anything of the victim, a prefix, or an address of a node.
    pub fn inspect(&self, what: &str, bytes: &[u8]) -> Fallible<()> {
        self.inspect_but(what, bytes, &[])
    }

    /// The same after a request in which the attacker itself had typed some of the victim's names, and so may be told
    /// them again.
    pub fn inspect_but(&self, what: &str, bytes: &[u8], typed: &[&str]) -> Fallible<()> {
        let Names { topic, group, transactional_id, client_id, instance_id, payload, metadata } = &self.names;
        let names = [topic, group, transactional_id, client_id, instance_id, payload, metadata];
        let names = names.into_iter().chain([&self.victim_prefix, &self.attacker_prefix]).map(String::as_str);
        let known = |canary: &&str| typed.iter().any(|typed| typed.contains(canary));
        let mut canaries = names.filter(|canary| !known(canary)).chain(CANARIES);
        match canaries.find(|canary| find(bytes, canary.as_bytes()).is_some()) {
            None => Ok(()),
            Some(canary) => Err(format!("{what}: {canary} is in the answer: {}", bytes.escape_ascii()).into()),
        }
    }
}
