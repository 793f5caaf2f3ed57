//! Scenario 14 without ACLs: clients show certificates. The one whose certificate is believed is let in with its
//! principal in the log; none, a stranger's, one for servers, and one of whose name the rules make nothing are refused,
//! each with its cause. Where a certificate is only asked for, a client without one has no principal.

use std::sync::Arc;

use klamm::cluster::HostFormat;
use rustls::ClientConfig;

use super::tenants;
use crate::ensure;
use crate::harness::certificates::{Authority, Issued, Kind};
use crate::harness::closes::Closes;
use crate::harness::tls::{Material, identity};
use crate::harness::tools::{TOPICS, patience};
use crate::harness::{Fallible, World, named, ports, until};

const FORMAT: HostFormat = HostFormat::PerClusterSuffix;
/// Of `CN=Alice,O=Klamm Test` it makes `alice`; of a name that begins otherwise, nothing.
const MAPPING: &str = "principal_mapping: \"RULE:^CN=([A-Z][a-z]*),O=.*$/$1/L\"}";

pub fn run(world: &World) -> Fallible<()> {
    let (material, port) = (world.material()?, ports::ten());
    let (clients, stranger) = (Authority::root("Clients Root")?, Authority::root("Nobody's Root")?);
    let trust = material.folder.join("clients-ca.pem");
    std::fs::write(&trust, clients.pem())?;
    let certificates = named::certificates(material, FORMAT, &tenants::LABELS)?;
    let listener = |mode: &str, port| {
        let trust = trust.display();
        let asks =
            format!("client_authentication: {{mode: {mode}, tls_trust_bundles: [\"${{file['{trust}']}}\"], {MAPPING}");
        named::Listener { port, format: FORMAT, certificates: &certificates, tls: &[&asks], policies: &[] }.yaml(mode)
    };
    let gateway =
        tenants::start(world, "mutual", port, &(listener("required", port) + &listener("requested", port + 1)))?;
    let host = named::names(FORMAT, "alice", port).bootstrap();
    let enter = |port, shown: Option<&Issued>| tenants::connect(port, &host, &showing(material, shown)?);

    // Ordinary clients: Java's, with a keystore in PEM, and librdkafka's.
    let alice = clients.client("Alice")?;
    let files = alice.write(&material.folder, "alice-client")?;
    let properties = material.java_settings_of("alice-client", &files)?.display().to_string();
    let at = named::bootstrap(FORMAT, "alice", port);
    let tools = world.tools_for(at.clone())?;
    let arguments = ["--bootstrap-server", &at, "--command-config", &properties, "--list"];
    tools.java(TOPICS, &arguments, b"")?.success()?;
    let shown = [("certificate", &files.certificate), ("key", &files.key)];
    let shown = shown.map(|(what, path)| format!("ssl.{what}.location={}", path.display()));
    tools.kcat(&["-L", "-X", &shown[0], "-X", &shown[1]], b"")?;
    let logged = |what: &str| gateway.log().lines().any(|line| line.contains("session open") && line.contains(what));
    ensure!(logged("principal=alice"), "alice's principal is not in the log");

    // What is refused, and told why.
    let for_servers = clients.server(Kind::Ecdsa, &["Carol"])?;
    let refused = [
        ("none", None, "tls_certificate_missing", "CertificateRequired"),
        ("a stranger's", Some(stranger.client("Alice")?), "tls_certificate_untrusted", "UnknownCA"),
        ("a server's", Some(for_servers), "tls_certificate_invalid", "Certificate"),
        ("one without a principal", Some(clients.client("4711")?), "tls_no_principal", "no answer"),
    ];
    for (what, shown, cause, alert) in &refused {
        let closes = Closes::before(&gateway, cause)?;
        tenants::refused(what, alert, enter(port, shown.as_ref()))?;
        closes.one_more(what)?;
    }

    // Where a certificate is only asked for: none is as good as one, but a stranger's is not.
    ensure!(tenants::nodes(&mut enter(port + 1, None)?)?.len() == 3, "not told of three nodes");
    let bob = clients.client("Bob")?;
    tenants::nodes(&mut enter(port + 1, Some(&bob))?)?;
    until("bob's principal is in the log", patience(5), || {
        ensure!(logged("principal=bob"), "it is not");
        Ok(())
    })?;
    let (what, shown, cause, alert) = &refused[1];
    let closes = Closes::before(&gateway, cause)?;
    tenants::refused(what, alert, enter(port + 1, shown.as_ref()))?;
    closes.one_more(what)
}

fn showing(material: &Material, shown: Option<&Issued>) -> Fallible<Arc<ClientConfig>> {
    Ok(Arc::new(identity(&material.root, rustls::ALL_VERSIONS, shown)?))
}
