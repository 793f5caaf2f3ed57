//! A host name leads to its virtual cluster and node, whatever its case; the port mapping behind takes what has no name of
//! ours; all that a client is told are names of its own virtual cluster.

use std::process::{Command, Stdio};
use std::sync::Arc;

use klamm::config::{BackendTls, BackendTrust, TlsVersions};
use klamm::tls::BackendTlsConfig;

use super::front::{Front, at, hosts, metadata_request};
use crate::ensure;
use crate::harness::closes::Closes;
use crate::harness::tools::patience;
use crate::harness::{Fallible, World, until};

pub fn run(world: &World) -> Fallible<()> {
    let front = Front::start(world, "connect: 2s")?;
    let names =
        |cluster: &str| vec![format!("broker-1-{cluster}.kafka.example"), format!("broker-2-{cluster}.kafka.example")];
    let ports = vec!["127.0.0.1".to_owned()];
    for (offset, name, meant) in [
        (at::NAMES, "bootstrap-alice.kafka.example", names("alice")),
        (at::NAMES, "BOOTSTRAP-Bob.Kafka.Example", names("bob")),
        (at::NAMES, "broker-1-bob.kafka.example", names("bob")),
        (at::NEW, "broker-1-alice.kafka.example", names("alice")),
        (at::BOTH, "broker-1-alice.kafka.example", names("alice")),
    ] {
        let found = front.hosts(offset, name).map_err(|error| format!("{name}: {error}"))?;
        ensure!(found == meant, "{name} leads to {found:?}");
    }

    // What is no name of ours goes where the port says, and is verified by the client for what it is.
    let mut anybody = client_that_verifies_no_name()?;
    for name in ["localhost", "gateway.example", "127.0.0.1"] {
        for offset in [at::BOTH, at::BOTH_NODE] {
            let found =
                hosts(&mut front.client(offset, name, &anybody)?).map_err(|error| format!("{name}: {error}"))?;
            ensure!(found == ports, "{name} leads to {found:?}");
        }
    }
    Arc::make_mut(&mut anybody).enable_sni = false;
    let found = hosts(&mut front.client(at::BOTH, "bootstrap-alice.kafka.example", &anybody)?)?;
    ensure!(found == ports, "no name leads to {found:?}");
    let found = hosts(&mut front.dial(at::BOTH)?)?;
    ensure!(found == ports, "a plain connection leads to {found:?}");
    trailing_dot(&front)?;

    // A node that is down, and one that is none: their names reach nobody else.
    for (name, cause) in
        [("broker-2-alice.kafka.example", "backend_unavailable"), ("broker-77-alice.kafka.example", "node_unknown")]
    {
        let closes = Closes::before(&front.gateway, cause)?;
        ensure!(front.hosts(at::NAMES, name).is_err(), "{name} is answered");
        closes.one_more(name)?;
    }

    the_log_tells(&front)
}

/// Believes whatever name is shown, as Klamm does towards a node where it is told to.
fn client_that_verifies_no_name() -> Fallible<Arc<rustls::ClientConfig>> {
    let trust = BackendTrust::InsecureSkipVerify;
    let settings = BackendTls { trust, versions: TlsVersions::ALL, client_identity: None };
    Ok(BackendTlsConfig::new(&settings)?.config)
}

/// rustls sends no name with a dot at its end; OpenSSL sends what it is given.
fn trailing_dot(front: &Front) -> Fallible<()> {
    use std::io::{Read as _, Write as _};
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-connect",
            &front.address(at::NAMES),
            "-servername",
            "bootstrap-bob.kafka.example.",
        ])
        .args(["-CAfile", &front.ca_file()?])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = client.stdin.take().ok_or("no stdin")?;
    stdin.write_all(&metadata_request()?)?;
    let mut answer = [0; 100];
    let read = client.stdout.take().ok_or("no stdout")?.read_exact(&mut answer);
    client.kill()?;
    client.wait()?;
    read?;
    ensure!(answer.windows(12).any(|part| part == b"broker-1-bob"), "a dot at the end leads elsewhere");
    Ok(())
}

/// A session of TLS says what was asked for and agreed on; the second one of a client is resumed.
fn the_log_tells(front: &Front) -> Fallible<()> {
    let settings = front.settings(None);
    let before = front.gateway.numbers()?;
    for resumed in [false, true] {
        hosts(&mut front.client(at::NAMES, "bootstrap-alice.kafka.example", &settings)?)?;
        let told = format!(
            "virtual_cluster=alice client=127.0.0.1:* server_name=bootstrap-alice.kafka.example tls=TLSv1.3 resumed={resumed} session open"
        );
        let fields: Vec<&str> = told.split(' ').filter(|field| !field.contains('*')).collect();
        until(&format!("the log tells {told}"), patience(10), || {
            let log = front.gateway.log();
            let found = log.lines().any(|line| fields.iter().all(|field| line.contains(field)));
            ensure!(found, "{}", log.lines().rfind(|line| line.contains("session open")).unwrap_or_default());
            Ok(())
        })?;
    }
    until("handshakes are counted", patience(10), || {
        let now = front.gateway.numbers()?;
        let more = |name: &str| now.sum(name) - before.sum(name);
        let (full, resumed) = (more("klamm_tls_handshakes_full_total"), more("klamm_tls_handshakes_resumed_total"));
        ensure!((full, resumed) == (1.0, 1.0), "{full} full, {resumed} resumed");
        Ok(())
    })
}
