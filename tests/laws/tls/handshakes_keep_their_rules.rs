//! Which certificate a client is shown, which clients are let in, and which sessions are resumed.

use std::sync::Arc;

use super::material::{Authority, Folder, Issued, client_config};
use klamm::config::Snapshot;
use klamm::tls::{BackendTlsConfig, CertifiedClient, Fault, ServerTlsConfig, TlsConnection, Wire};
use klamm::x509::Facts;
use rcgen::date_time_ymd;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, version};

/// What a handshake came to, seen from both sides.
struct Outcome {
    server: Result<TlsConnection, Fault>,
    client: Result<ClientConnection, rustls::Error>,
}

impl Outcome {
    fn kind(&self) -> HandshakeKind {
        self.client.as_ref().unwrap().handshake_kind().unwrap()
    }

    fn shown(&self) -> Vec<u8> {
        self.client.as_ref().unwrap().peer_certificates().unwrap()[0].to_vec()
    }
}

/// A handshake in memory, and one byte from the server so that tickets arrive.
fn shake(side: &ServerTlsConfig, client: &Arc<ClientConfig>, name: &str) -> Outcome {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client.clone(), name).unwrap();
    let mut server = TlsConnection::server(side.config.clone()).unwrap();
    let (mut input, mut plain, mut wire) = (Vec::new(), Vec::new(), Wire::default());
    let mut fault = None;
    let mut error = None;
    for _ in 0..10 {
        while client.wants_write() {
            client.write_tls(&mut input).unwrap();
        }
        match server.receive(&mut input, &mut plain, &mut wire) {
            Ok(received) => drop(input.drain(..received.consumed)),
            Err(found) => fault = Some(found),
        }
        let mut sent = wire.filled();
        while !sent.is_empty() {
            client.read_tls(&mut sent).unwrap();
            if let Err(found) = client.process_new_packets() {
                error.get_or_insert(found);
            }
        }
        wire.clear();
        if fault.is_some() || error.is_some() {
            break;
        }
    }
    Outcome { server: fault.map_or(Ok(server), Err), client: error.map_or(Ok(client), Err) }
}

struct Ground {
    folder: Folder,
    authority: Authority,
}

impl Ground {
    fn new() -> Ground {
        let ground = Ground { folder: Folder::new(), authority: Authority::new("test authority") };
        ground.folder.write("ca.pem", &ground.authority.pem());
        ground.write("wild", &ground.authority.issue(&["*.kafka.example"], |_| {}));
        ground
    }

    fn write(&self, name: &str, issued: &Issued) {
        self.folder.write_issued(name, issued);
    }

    /// The settings of a listener with these certificates; `more` stands beside them.
    fn snapshot(&self, certificates: &[&str], more: &str) -> Snapshot {
        let certificate =
            |name: &&str| format!("{{certificate: \"${{file['{name}.pem']}}\", key: \"${{file['{name}.key']}}\"}}");
        let certificates = certificates.iter().map(certificate).collect::<Vec<_>>().join(", ");
        let text = format!(
            "backend_clusters: [{{name: lab, bootstrap_servers: [\"kafka:9092\"]}}]\nlisteners:\n  - name: door\n    addresses: \
             [\"127.0.0.1\"]\n    ports: [9094]\n    policies:\n      - {{type: tls_server, config: {{certificates: \
             [{certificates}]{more}}}}}\n      - {{type: forward_to_virtual_cluster, config: {{type: sni, sni_suffix: \
             \".kafka.example\", broker_host_format: {{type: shared_suffix}}}}}}\n"
        );
        self.folder.load(&text).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    fn side(&self, certificates: &[&str], more: &str, before: Option<&ServerTlsConfig>) -> ServerTlsConfig {
        ServerTlsConfig::new(self.snapshot(certificates, more).listeners[0].tls.as_ref().unwrap(), before).unwrap()
    }

    fn client(&self, identity: Option<&Issued>) -> Arc<ClientConfig> {
        Arc::new(client_config(&self.authority, identity))
    }

    fn shown(&self, name: &str) -> Vec<u8> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        CertificateDer::from_pem_file(self.folder.path().join(format!("{name}.pem"))).unwrap().to_vec()
    }
}

const NAME: &str = "bootstrap-passthrough.kafka.example";

#[test]
fn the_certificate_is_chosen_by_name_and_by_what_the_client_verifies() {
    let ground = Ground::new();
    ground.write("exact", &ground.authority.issue(&["broker-1-passthrough.kafka.example", "other.example"], |_| {}));
    ground.write("rsa", &ground.authority.issue_rsa(&["*.kafka.example"]));
    let side = ground.side(&["rsa", "wild", "exact"], "", None);
    assert!(side.covers("a.kafka.example") && !side.covers("a.b.kafka.example"));
    let any = ground.client(None);
    for (name, shown) in [(NAME, "rsa"), ("broker-1-passthrough.kafka.example", "exact"), ("Other.Example", "exact")] {
        assert_eq!(shake(&side, &any, name).shown(), ground.shown(shown), "{name}");
    }
    // A client that verifies ECDSA alone is shown what it can verify.
    let mut provider = aws_lc_rs::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let ecdsa: Vec<_> =
        algorithms.mapping.iter().filter(|(scheme, _)| format!("{scheme:?}").starts_with("ECDSA")).copied().collect();
    provider.signature_verification_algorithms.mapping = Box::leak(ecdsa.into());
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates([ground.shown("ca").into()]);
    let picky = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions().unwrap();
    let picky = Arc::new(picky.with_root_certificates(roots).with_no_client_auth());
    assert_eq!(shake(&side, &picky, NAME).shown(), ground.shown("wild"));
    // None that it can verify.
    let rsa = ground.side(&["rsa"], "", None);
    let outcome = shake(&rsa, &picky, NAME);
    assert_eq!((outcome.server.err(), outcome.client.is_err()), (Some(Fault::NoCommonCipher), true));
    // Without a name, the first; the client finds then that it is for another.
    assert!(shake(&side, &any, "127.0.0.1").client.is_err());
}

#[test]
fn only_the_chosen_versions_are_spoken() {
    let ground = Ground::new();
    let old = |versions: &[&'static rustls::SupportedProtocolVersion]| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates([ground.shown("ca").into()]);
        let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        Arc::new(builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots).with_no_client_auth())
    };
    for (more, tls12, tls13) in
        [("", true, true), (", versions: {min: TLSv1.3}", false, true), (", versions: {max: TLSv1.2}", true, false)]
    {
        let side = ground.side(&["wild"], more, None);
        for (client, on) in [(old(&[&version::TLS12]), tls12), (old(&[&version::TLS13]), tls13)] {
            let outcome = shake(&side, &client, NAME);
            assert_eq!((outcome.server.is_ok(), outcome.client.is_ok()), (on, on), "{more}");
            assert!(on || outcome.server.err() == Some(Fault::NoCommonVersion), "{more}");
        }
    }
}

const REQUIRED: &str = ", client_authentication: {mode: required, tls_trust_bundles: [\"${file['ca.pem']}\"]";

#[test]
fn clients_are_let_in_by_the_rules_and_have_a_principal() {
    let ground = Ground::new();
    let stranger = Authority::new("another authority");
    ground.folder.write("ca.crl", &ground.authority.revoke(&[13]));
    let mapped = format!(
        "{REQUIRED}, crls: [\"${{file['ca.crl']}}\"], principal_mapping: \"RULE:^CN=(.*?),.*$/$1/L, DEFAULT\"}}"
    );
    let required = ground.side(&["wild"], &mapped, None);
    let expired = ground.authority.issue(&[], |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    for (identity, meant) in [
        (Some(ground.authority.client("Alice", 7)), Ok("alice")),
        (None, Err(Fault::CertificateMissing)),
        (Some(stranger.client("Alice", 7)), Err(Fault::CertificateUntrusted)),
        (Some(ground.authority.client("Alice", 13)), Err(Fault::CertificateRevoked)),
        (Some(expired), Err(Fault::CertificateExpired)),
    ] {
        let outcome = shake(&required, &ground.client(identity.as_ref()), NAME);
        let principal = outcome.server.map(|pump| required.client(pump.peer_certificate().unwrap()).unwrap().principal);
        assert_eq!(principal.as_deref().map_err(|fault| *fault), meant);
        assert_eq!(outcome.client.is_ok(), meant.is_ok());
    }
    let requested = ground.side(&["wild"], &format!("{}}}", REQUIRED.replace("required", "requested")), None);
    let outcome = shake(&requested, &ground.client(None), NAME);
    assert!(outcome.client.is_ok() && outcome.server.unwrap().peer_certificate().is_none());
    let outcome = shake(&requested, &ground.client(Some(&stranger.client("Alice", 7))), NAME);
    assert_eq!(outcome.server.err(), Some(Fault::CertificateUntrusted));
    let outcome = shake(&requested, &ground.client(Some(&ground.authority.client("Alice", 7))), NAME);
    let pump = outcome.server.unwrap();
    let client = requested.client(pump.peer_certificate().unwrap()).unwrap();
    let not_after = Facts::read(pump.peer_certificate().unwrap()).unwrap().not_after;
    assert_eq!(client, CertifiedClient { principal: "CN=Alice,O=Example".into(), not_after });
}

/// The battery of nginx' CVE-2025-23419 and of a CA that is taken away.
#[test]
fn sessions_are_resumed_under_the_same_name_and_rules_only() {
    let ground = Ground::new();
    let kinds = |side: &ServerTlsConfig, client: &Arc<ClientConfig>, name: &str| shake(side, client, name).kind();
    let open = ground.side(&["wild"], "", None);
    let client = ground.client(None);
    assert_eq!(kinds(&open, &client, NAME), HandshakeKind::Full);
    assert_eq!(kinds(&open, &client, NAME), HandshakeKind::Resumed);
    // Another shard has the same settings; another name is another session.
    assert_eq!(kinds(&open.clone(), &client, NAME), HandshakeKind::Resumed);
    assert_eq!(kinds(&open, &client, "broker-1-passthrough.kafka.example"), HandshakeKind::Full);
    // A reload with new certificates goes on with the same ticket keys.
    ground.write("wild", &ground.authority.issue(&["*.kafka.example"], |_| {}));
    let reloaded = ground.side(&["wild"], "", Some(&open));
    assert_eq!(kinds(&reloaded, &client, NAME), HandshakeKind::Resumed);
    // Another listener, or the same one once it asks for certificates, does not take the ticket.
    assert_eq!(kinds(&ground.side(&["wild"], "", None), &client, NAME), HandshakeKind::Full);
    let required = ground.side(&["wild"], &format!("{REQUIRED}}}"), Some(&reloaded));
    let outcome = shake(&required, &client, NAME);
    assert_eq!(outcome.server.err(), Some(Fault::CertificateMissing));

    // A client that was verified by an authority that is believed no longer.
    let alice = ground.client(Some(&ground.authority.client("Alice", 7)));
    assert_eq!(kinds(&required, &alice, NAME), HandshakeKind::Full);
    assert_eq!(kinds(&required, &alice, NAME), HandshakeKind::Resumed);
    let certificate = ground.authority.pem();
    ground.folder.write("ca.pem", &Authority::new("another authority").pem());
    let changed = ground.side(&["wild"], &format!("{REQUIRED}}}"), Some(&required));
    assert_eq!(shake(&changed, &alice, NAME).server.err(), Some(Fault::CertificateUntrusted));
    ground.folder.write("ca.pem", &certificate);
}

#[test]
fn early_data_is_never_offered_and_expiry_is_known() {
    let ground = Ground::new();
    ground.write(
        "soon",
        &ground.authority.issue(&["soon.example"], |params| params.not_after = date_time_ymd(2049, 12, 31)),
    );
    let side = ground.side(&["wild", "soon"], "", None);
    assert_eq!((side.config.max_early_data_size, side.earliest_expiry()), (0, Some(2_524_521_600)));
    let mut config = client_config(&ground.authority, None);
    config.enable_early_data = true;
    let client = Arc::new(config);
    assert_eq!(shake(&side, &client, NAME).kind(), HandshakeKind::Full);
    let name = ServerName::try_from(NAME).unwrap();
    assert!(ClientConnection::new(client, name).unwrap().early_data().is_none());
}

/// Klamm towards a node: it believes the bundle, and checks the node's name.
#[test]
fn a_node_must_show_a_certificate_for_its_own_name() {
    let ground = Ground::new();
    let server = ground.side(&["wild"], &format!("{REQUIRED}}}"), None);
    ground.write("klamm", &ground.authority.client("klamm", 5));
    ground.folder.write("other.pem", &Authority::new("another authority").pem());
    let side = |tls: &str| {
        let text = format!(
            "backend_clusters: [{{name: lab, bootstrap_servers: [\"kafka:9092\"], tls: {{client_identity: {{certificate: \
             \"${{file['klamm.pem']}}\", key: \"${{file['klamm.key']}}\"}}, {tls}}}}}]\nlisteners: [{{name: desk, addresses: \
             [\"127.0.0.1\"], ports: [\"1-2\"], policies: [{{type: forward_to_virtual_cluster, config: {{type: port_mapping}}}}]}}]\n"
        );
        let snapshot = ground.folder.load(&text).unwrap_or_else(|faults| panic!("{faults}"));
        BackendTlsConfig::new(snapshot.backend_clusters[0].tls.as_ref().unwrap())
    };
    let bundle = side("ca_bundle: \"${file['ca.pem']}\"").unwrap();
    let blind = side("insecure_skip_verify: true").unwrap();
    let stranger = side("ca_bundle: \"${file['other.pem']}\"").unwrap();
    for (side, name, meant) in [
        (&bundle, "kafka-1.kafka.example", Ok("CN=klamm,O=Example")),
        (&bundle, "kafka-1.other.example", Err(Fault::CertificateForAnotherName)),
        (&blind, "kafka-1.other.example", Ok("CN=klamm,O=Example")),
        (&stranger, "kafka-1.kafka.example", Err(Fault::CertificateUntrusted)),
    ] {
        let (mut backend, mut node) = (
            TlsConnection::backend(side.config.clone(), name).unwrap(),
            TlsConnection::server(server.config.clone()).unwrap(),
        );
        let result = talk(&mut backend, &mut node);
        let principal = result.map(|()| server.client(node.peer_certificate().unwrap()).unwrap().principal);
        assert_eq!(principal.as_deref().map_err(|fault| *fault), meant, "{name}");
    }
    assert_eq!(TlsConnection::backend(bundle.config.clone(), "no host").unwrap_err(), Fault::CertificateForAnotherName);
    let other = bundle.for_shard();
    assert!(!Arc::ptr_eq(&bundle.config, &other.config));
}

/// Both pumps against each other until neither has more to say; the fault is the backend's side's.
fn talk(backend: &mut TlsConnection, node: &mut TlsConnection) -> Result<(), Fault> {
    let (mut to_node, mut to_backend) = (Vec::new(), Vec::new());
    let (mut plain, mut wire) = (Vec::new(), Wire::default());
    for _ in 0..10 {
        let received = backend.receive(&mut to_backend, &mut plain, &mut wire)?;
        to_backend.drain(..received.consumed);
        to_node.extend_from_slice(wire.filled());
        wire.clear();
        let Ok(received) = node.receive(&mut to_node, &mut plain, &mut wire) else { break };
        to_node.drain(..received.consumed);
        to_backend.extend_from_slice(wire.filled());
        wire.clear();
    }
    assert!(!backend.is_handshaking() && !node.is_handshaking() && plain.is_empty());
    Ok(())
}
