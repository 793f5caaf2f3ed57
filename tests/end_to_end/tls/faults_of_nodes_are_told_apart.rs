//! Whatever keeps TLS with a node from being spoken has a cause of its own, also for clients that wait meanwhile, and a
//! sentence that names what to change.

use std::net::TcpListener;
use std::path::Path;

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::certificates::{Authority, Kind};
use crate::harness::closes::{Closes, SOON};
use crate::harness::gateway::{Gateway, Settings};
use crate::harness::lab::NODES;
use crate::harness::lab_tls::Tls;
use crate::harness::scripted::HOST;
use crate::harness::secure_backend::{SecureNode, gateway};
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, hosts, ports, until};

pub fn run(world: &World) -> Fallible<()> {
    hosts::known()?;
    let certificates = world.lab()?.certificates();
    let bundle = |path: &Path| format!("ca_bundle: \"${{file['{}']}}\"", path.display());
    let (trust, strange) = (bundle(&certificates.authority), bundle(&certificates.stranger));
    let other = &certificates.strange_client;
    let [shown, key] = [&other.certificate, &other.key].map(|path| format!("\"${{file['{}']}}\"", path.display()));

    let authority = Authority::root("Past")?;
    let folder = tempfile::tempdir_in(world.folder())?;
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, authority.pem())?;
    let expired = SecureNode::start(&authority.expired_server(Kind::Ecdsa, &[HOST])?)?;
    let silent = (HOST, ports::ten());
    let _silent = TcpListener::bind(silent)?;

    let server = Tls::Server.bootstrap();
    let faults = [
        (
            server.clone(),
            format!("{{{strange}}}"),
            "backend_tls_untrusted",
            "none of the authorities of backend_clusters[lab].tls.ca_bundle",
        ),
        (
            Tls::Misnamed.bootstrap(),
            format!("{{{trust}}}"),
            "backend_tls_name",
            "does not cover the name node-1.backend.test",
        ),
        (
            Tls::Mutual.bootstrap(),
            format!("{{{trust}}}"),
            "backend_tls_refused",
            "write backend_clusters[lab].tls.client_identity",
        ),
        (
            Tls::Mutual.bootstrap(),
            format!("{{{trust}, client_identity: {{certificate: {shown}, key: {key}}}}}"),
            "backend_tls_refused",
            "it refuses the certificate of backend_clusters[lab].tls.client_identity",
        ),
        (
            Tls::Mutual.bootstrap(),
            format!("{{{trust}, tls_versions: [tls12]}}"),
            "backend_tls_refused",
            "write backend_clusters[lab].tls.client_identity",
        ),
        (world.lab()?.bootstrap(), format!("{{{trust}}}"), "backend_not_tls", "it speaks no TLS there"),
        (expired.address(), format!("{{{}}}", bundle(&path)), "backend_tls_expired", "has expired"),
        (
            format!("{}:{}", silent.0, silent.1),
            "{insecure_skip_verify: true}".to_owned(),
            "backend_tls_deadline",
            "the TLS handshake was not done in time",
        ),
    ];
    // Each takes as long as a client waits for a node: all at once.
    std::thread::scope(|scope| {
        let told_apart = faults.map(|(backend, tls, cause, part)| {
            scope.spawn(move || -> Fallible<()> {
                let settings = Settings { limits: &[("connect", "2s")], ..Settings::of(&backend) };
                let gateway = gateway(world, &settings, &tls)?;
                told(&gateway, cause, part)
                    .map_err(|error| format!("{tls} at {backend}: {error}\n{}", gateway.log()).into())
            })
        });
        told_apart.into_iter().try_for_each(|one| one.join().map_err(|_| "it panicked")?)
    })?;
    // Believed where one begins, and then under another name.
    let name = hosts::of_node(NODES + 1);
    let elsewhere = SecureNode::start(&authority.server(Kind::Ecdsa, &[&name])?)?;
    let begin = elsewhere.address().replace(HOST, &name);
    let settings = Settings { limits: &[("connect", "2s")], ..Settings::of(&begin) };
    let part = format!("does not cover the name {HOST}");
    told(&gateway(world, &settings, &format!("{{{}}}", bundle(&path)))?, "backend_tls_name", &part)?;
    // And the other way round.
    let settings = Settings { limits: &[("connect", "2s")], ..Settings::of(&server) };
    told(&world.own(&settings)?, "backend_unavailable", "it speaks TLS there: write backend_clusters[lab].tls")
}

fn told(gateway: &Gateway, cause: &str, part: &str) -> Fallible<()> {
    until("the reason is told", patience(20), || {
        let (status, why) = gateway.admin("/ready")?;
        ensure!(status == 503 && why.contains(part), "/ready says {status}: {why}");
        ensure!(gateway.log().contains(part), "the log does not");
        Ok(())
    })?;
    if cause != "backend_unavailable" {
        let failed = gateway.numbers()?.sum("klamm_backend_tls_handshake_failures_total");
        // A certificate that is refused after the handshake has not failed it.
        ensure!(failed >= 1.0 || cause == "backend_tls_refused", "{failed} handshakes failed");
    }
    let closes = Closes::before(gateway, cause)?;
    let mut client = Wire::connect(&gateway.bootstrap())?;
    client.send(12, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
    client.closed(SOON)?;
    closes.one_more("a client that waits")
}
