//! Plain clients, and nodes that take TLS alone: every byte arrives, with and without a certificate of our own, sessions are
//! resumed, and a node may be known by its address.

use std::path::Path;

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::certificates::{Authority, Kind};
use crate::harness::gateway::{Gateway, Settings};
use crate::harness::lab_tls::Tls;
use crate::harness::scripted::HOST;
use crate::harness::secure_backend::{SecureNode, gateway};
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, hosts, until};

pub fn run(world: &World) -> Fallible<()> {
    hosts::known()?;
    let certificates = world.lab()?.certificates();
    let trust = format!("ca_bundle: \"{}\"", file(&certificates.authority));
    let [shown, key] = [&certificates.client.certificate, &certificates.client.key].map(|path| file(path));
    let identity = format!("client_identity: {{certificate: \"{shown}\", key: \"{key}\"}}");
    let direct = world.direct_tools()?.bootstrap;
    for (nodes, topic, tls) in [
        (Tls::Server, "tls-backend", format!("{{{trust}}}")),
        (Tls::Server, "tls12-backend", format!("{{{trust}, tls_versions: [tls12]}}")),
        (Tls::Mutual, "mutual-backend", format!("{{{trust}, {identity}}}")),
        (Tls::Misnamed, "blind-backend", "{insecure_skip_verify: true}".to_owned()),
    ] {
        let gateway = gateway(world, &Settings::of(&nodes.bootstrap()), &tls)?;
        gateway.wait_ready()?;
        let tools = world.tools_for(gateway.bootstrap())?;
        tools.create_topic(topic, 3, 3)?;
        let said = tools.program("Roundtrip", &[&direct, topic, "classic"])?;
        ensure!(said.starts_with("2000 records of "), "{topic}: {said}");
        handshakes(&gateway, topic)?;
        let warned = gateway.log().contains("insecure_skip_verify looks at no certificate");
        ensure!(warned == (nodes == Tls::Misnamed), "{topic}: warned of blind trust: {warned}");
    }
    addresses(world)
}

/// Waits until sessions were resumed. Kafka's nodes resume none that is two seconds old, whoever asks (OpenSSL's client finds
/// the same): hence a few connections at once, again and again.
fn handshakes(gateway: &Gateway, what: &str) -> Fallible<()> {
    until(&format!("{what}: sessions are resumed"), patience(15), || {
        for _ in 0..4 {
            ask(gateway)?;
        }
        let numbers = gateway.numbers()?;
        let [full, resumed, failed] = ["handshakes_full", "handshakes_resumed", "handshake_failures"]
            .map(|name| numbers.sum(&format!("klamm_backend_tls_{name}_total")) as u64);
        ensure!(failed == 0, "{failed} handshakes failed");
        ensure!(full >= 3 && resumed >= 3, "{full} full, {resumed} resumed");
        let spliced = numbers.sum("klamm_spliced_bytes_total") as u64;
        ensure!(spliced == 0, "{spliced} bytes passed unread");
        Ok(())
    })
}

/// A node without a name, whose certificate has its address.
fn addresses(world: &World) -> Fallible<()> {
    let authority = Authority::root("Addresses")?;
    let node = SecureNode::start(&authority.server(Kind::Ecdsa, &[HOST])?)?;
    let folder = tempfile::tempdir_in(world.folder())?;
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, authority.pem())?;
    let gateway = gateway(world, &Settings::of(&node.address()), &format!("{{ca_bundle: \"{}\"}}", file(&path)))?;
    gateway.wait_ready()?;
    ask(&gateway)
}

/// A client of the first node asks something.
fn ask(gateway: &Gateway) -> Fallible<()> {
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    Wire::connect(&gateway.node_address(1)?)?.ask(12, &request)?;
    Ok(())
}

fn file(path: &Path) -> String {
    format!("${{file['{}']}}", path.display())
}
