//! A reload changes which nodes are believed, and what they are shown, for new connections; running ones stay, and a broken
//! file changes nothing.

use std::fs;

use kafka_protocol::messages::MetadataRequest;

use crate::ensure;
use crate::harness::certificates::Files;
use crate::harness::closes::{Closes, SOON};
use crate::harness::gateway::Settings;
use crate::harness::lab_tls::Tls;
use crate::harness::secure_backend::gateway;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, hosts, until};

pub fn run(world: &World) -> Fallible<()> {
    hosts::known()?;
    let certificates = world.lab()?.certificates();
    let folder = tempfile::tempdir_in(world.folder())?;
    let [ca, pem, key] = ["ca.pem", "klamm.pem", "klamm.key"].map(|name| folder.path().join(name));
    let show = |files: &Files| -> Fallible<()> {
        fs::copy(&files.certificate, &pem)?;
        fs::copy(&files.key, &key)?;
        Ok(())
    };
    fs::copy(&certificates.stranger, &ca)?;
    show(&certificates.strange_client)?;
    let tls = format!(
        "{{ca_bundle: \"${{file['{}']}}\", client_identity: {{certificate: \"${{file['{}']}}\", key: \"${{file['{}']}}\"}}}}",
        ca.display(),
        pem.display(),
        key.display()
    );
    let bootstrap = Tls::Mutual.bootstrap();
    let gateway = gateway(world, &Settings { limits: &[("connect", "3s")], ..Settings::of(&bootstrap) }, &tls)?;
    let says = |part: &str| {
        until(&format!("/ready says {part:?}"), patience(20), || {
            let (_, why) = gateway.admin("/ready")?;
            ensure!(why.contains(part), "it says {why}\n{}", gateway.log());
            Ok(())
        })
    };
    let reloaded = |result: &str, count: f64| {
        gateway.signal("HUP")?;
        until("the files are read again", patience(10), || {
            let found = gateway.numbers()?.sum_where("klamm_reloads_total", &format!("result=\"{result}\""));
            ensure!(found == count, "{found} reloads are {result}\n{}", gateway.log());
            Ok(())
        })
    };

    says("none of the authorities of backend_clusters[lab].tls.ca_bundle")?;
    fs::copy(&certificates.authority, &ca)?;
    reloaded("ok", 1.0)?;
    says("it refuses the certificate of backend_clusters[lab].tls.client_identity")?;
    show(&certificates.client)?;
    reloaded("ok", 2.0)?;
    gateway.wait_ready()?;
    let numbers = gateway.numbers()?;
    let ends = numbers.sum_where("klamm_certificates_expiry_timestamp_seconds", "side=\"backend\",name=\"lab\"");
    ensure!(ends as u64 > 1_800_000_000, "the end of our own certificate is told as {ends}");

    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let mut running = Wire::connect(&gateway.node_address(1)?)?;
    running.ask(12, &request)?;
    fs::write(&ca, "no certificate")?;
    reloaded("failed", 1.0)?;
    Wire::connect(&gateway.node_address(2)?)?.ask(12, &request)?;

    fs::copy(&certificates.stranger, &ca)?;
    reloaded("ok", 3.0)?;
    let closes = Closes::before(&gateway, "backend_tls_untrusted")?;
    let mut new = Wire::connect(&gateway.node_address(1)?)?;
    new.send(12, &request)?;
    new.closed(SOON)?;
    closes.one_more("a client for which the node is not believed")?;
    running.ask(12, &request)?;
    ensure!(!gateway.log().contains("differs from what runs"), "files are no difference:\n{}", gateway.log());
    Ok(())
}
