//! A reload changes what new clients are shown, and which are let in, at once; running sessions stay, a broken file changes
//! nothing, and sessions are resumed until what clients are asked for changes.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, HandshakeKind};
use tempfile::TempDir;

use crate::ensure;
use crate::harness::certificates::{Authority, Issued, Kind};
use crate::harness::closes::Closes;
use crate::harness::gateway::{ADVERTISED_HOST, DataPath, Gateway, Settings};
use crate::harness::scripted::Scripted;
use crate::harness::tls::{Stream, client_config};
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

/// How soon new handshakes use what was read, on a machine that has nothing else to do.
const SOON: u64 = 1;

pub fn run(world: &World) -> Fallible<()> {
    let ground = Ground::new(world)?;
    let (gateway, servers) = (&ground.gateway, &ground.servers);
    let alice = ground.clients.client("alice")?;
    let config = ground.client(&alice)?;

    let (mut running, shown, _) = ground.connect(&config)?;
    ask(&mut running)?;
    let resumes = |expected: HandshakeKind, what: &str| -> Fallible<()> {
        let (mut wire, _, kind) = ground.connect(&config)?;
        // The ticket for the next one comes with the first answer.
        ask(&mut wire)?;
        ensure!(kind == expected, "{what}: {kind:?}");
        Ok(())
    };
    resumes(HandshakeKind::Resumed, "before any reload")?;

    let second = servers.server(Kind::Ecdsa, &[ADVERTISED_HOST])?;
    second.write(ground.folder.path(), "klamm")?;
    gateway.signal("HUP")?;
    let fresh = ground.client(&alice)?;
    until("the new certificate is shown", patience(SOON), || {
        let (_, now, _) = ground.connect(&fresh)?;
        ensure!(now == first(&second)? && now != shown, "the old one is");
        Ok(())
    })?;
    ask(&mut running)?;
    resumes(HandshakeKind::Resumed, "another certificate")?;

    // A key that is not the certificate's.
    fs::write(ground.folder.path().join("klamm.key"), servers.server(Kind::Ecdsa, &[ADVERTISED_HOST])?.key)?;
    ground.reloaded("failed", 1.0)?;
    // The log is written beside the reload.
    until("why is said", patience(SOON), || {
        let log = gateway.log();
        ensure!(log.contains("is not the key of the first certificate"), "it is not:\n{log}");
        Ok(())
    })?;
    let (_, now, _) = ground.connect(&ground.client(&alice)?)?;
    ensure!(now == first(&second)?, "a broken file changes what is shown");
    second.write(ground.folder.path(), "klamm")?;

    let others = Authority::root("Other Clients")?;
    fs::write(ground.folder.path().join("clients.pem"), ground.clients.pem() + &others.pem())?;
    ground.reloaded("ok", 2.0)?;
    resumes(HandshakeKind::Full, "what clients are asked for has changed")?;
    resumes(HandshakeKind::Resumed, "and then again")?;
    ask(&mut ground.connect(&ground.client(&others.client("olga")?)?)?.0)?;

    fs::write(ground.folder.path().join("clients.pem"), others.pem())?;
    ground.reloaded("ok", 3.0)?;
    let closes = Closes::before(gateway, "tls_certificate_untrusted")?;
    // With TLS 1.3 a client is refused after its side of the handshake; what it has of an earlier one does not help.
    let refused = ground.connect(&config).and_then(|(mut wire, _, _)| ask(&mut wire));
    ensure!(refused.is_err(), "a client that is believed no longer is let in");
    closes.one_more("a client that is believed no longer")?;
    ask(&mut running)?;
    ends(gateway, &second)
}

/// A gateway with TLS, and everything around it.
struct Ground {
    folder: TempDir,
    servers: Authority,
    clients: Authority,
    gateway: Gateway,
    address: String,
    _node: Scripted,
}

impl Ground {
    fn new(world: &World) -> Fallible<Ground> {
        let node = Scripted::start()?;
        let backend = node.address();
        let (servers, clients) = (Authority::root("Servers")?, Authority::root("Clients")?);
        let folder = tempfile::tempdir_in(world.folder())?;
        servers.server(Kind::Ecdsa, &[ADVERTISED_HOST])?.write(folder.path(), "klamm")?;
        fs::write(folder.path().join("clients.pem"), clients.pem())?;
        let settings = Settings::of(&backend);
        let file = |name: &str| -> PathBuf { folder.path().join(name) };
        let listener = format!(
            "  - name: door\n    addresses: [\"{ADVERTISED_HOST}\"]\n    ports: [\"{}-{}\"]\n    policies:\n      - type: \
             tls_server\n        config:\n          certificates: [{{certificate: \"${{file['{}']}}\", key: \
             \"${{file['{}']}}\"}}]\n          client_authentication: {{mode: required, tls_trust_bundles: \
             [\"${{file['{}']}}\"]}}\n      - {{type: forward_to_virtual_cluster, config: {{type: port_mapping, \
             advertised_host: \"{ADVERTISED_HOST}\", min_broker_id: 1}}}}\n",
            settings.port,
            settings.port + settings.ports - 1,
            file("klamm.pem").display(),
            file("klamm.key").display(),
            file("clients.pem").display(),
        );
        let yaml = settings.yaml_with(&listener);
        let (port, admin_port) = (settings.port, settings.admin_port);
        let gateway = Gateway::start_with(world.folder(), port, admin_port, &yaml, DataPath::AsUsersHaveIt)?;
        gateway.wait_ready()?;
        Ok(Ground { folder, servers, clients, gateway, address: format!("{ADVERTISED_HOST}:{port}"), _node: node })
    }

    /// Settings of a client that believes the servers and shows this; nothing to resume yet.
    fn client(&self, shown: &Issued) -> Fallible<Arc<ClientConfig>> {
        let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).map_err(|error| format!("a key: {error}"))?;
        Ok(Arc::new(client_config(&self.servers)?.with_client_auth_cert(vec![first(shown)?], key)?))
    }

    /// A connection, what it was shown, and how the handshake went.
    fn connect(&self, config: &Arc<ClientConfig>) -> Fallible<(Wire, CertificateDer<'static>, HandshakeKind)> {
        let socket = TcpStream::connect(&self.address)?;
        socket.set_read_timeout(Some(Duration::from_secs(40)))?;
        let stream = Stream::tls(ADVERTISED_HOST, socket, Arc::clone(config))?;
        let Stream::Tls(tls) = &stream else { return Err("plain".into()) };
        let shown = tls.conn.peer_certificates().and_then(|chain| chain.first()).ok_or("nothing is shown")?;
        let (shown, kind) = (shown.clone().into_owned(), tls.conn.handshake_kind().ok_or("no handshake")?);
        Ok((Wire::over(stream, "reloader"), shown, kind))
    }

    /// Sends SIGHUP and waits until so many reloads have this result.
    fn reloaded(&self, result: &str, count: f64) -> Fallible<()> {
        self.gateway.signal("HUP")?;
        until("the files are read again", patience(10), || {
            let found = self.gateway.numbers()?.sum_where("klamm_reloads_total", &format!("result=\"{result}\""));
            ensure!(found == count, "{found} reloads are {result}\n{}", self.gateway.log());
            Ok(())
        })
    }
}

fn ask(wire: &mut Wire) -> Fallible<()> {
    wire.ask(12, &MetadataRequest::default().with_topics(Some(Vec::new()))).map(drop)
}

fn first(issued: &Issued) -> Fallible<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(issued.chain.as_bytes()).map_err(|error| format!("a certificate: {error}").into())
}

/// The end of what is shown is told, under its subject and for the whole listener.
fn ends(gateway: &Gateway, shown: &Issued) -> Fallible<()> {
    let facts = klamm::x509::Facts::read(&first(shown)?).map_err(|error| error.to_string())?;
    let numbers = gateway.numbers()?;
    let listener = "side=\"client\",name=\"door\"";
    let subject = format!("{listener},subject=\"{}\"", facts.subject);
    for (metric, labels) in [("klamm_certificates_expiry", listener), ("klamm_certificate_expiry", &*subject)] {
        let told = numbers.sum_where(&format!("{metric}_timestamp_seconds"), labels) as i64;
        ensure!(told == facts.not_after, "{metric} is {told}, not {}", facts.not_after);
    }
    Ok(())
}
