//! A gateway with TLS towards its clients, in front of a scripted node, and clients of rustls that speak to it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, MetadataRequest, MetadataResponse};
use kafka_protocol::protocol::{Decodable as _, Encodable as _};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::material::{Authority, Folder, Issued, client_config};
use crate::ensure;
use crate::harness::gateway::{ADVERTISED_HOST, DataPath, Gateway};
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::request_frame;
use crate::harness::{Fallible, World, ports};

/// What every name ends with; each virtual cluster's label and a dash stand in front of it.
pub const SUFFIX: &str = ".kafka.example";

/// Which listener, by its distance from the first port.
pub mod at {
    /// Host names only.
    pub const NAMES: u16 = 0;
    /// Host names, then a port mapping to `bob` (this is its bootstrap port); plain connections too.
    pub const BOTH: u16 = 1;
    /// The same, the port of node 1.
    pub const BOTH_NODE: u16 = 2;
    /// A plain port mapping.
    pub const PLAIN: u16 = 3;
    /// Host names, and a client certificate is required.
    pub const MUTUAL: u16 = 5;
    /// TLS 1.3 only, and the certificate has an RSA key.
    pub const NEW: u16 = 6;
}

/// A gateway, what it is in front of, and what its clients need.
pub struct Front {
    pub gateway: Gateway,
    pub authority: Authority,
    /// Who says who clients are.
    pub clients: Authority,
    pub port: u16,
    _node: Scripted,
    folder: Folder,
}

/// A connection of rustls.
pub type Secure = StreamOwned<ClientConnection, TcpStream>;

impl Front {
    /// Starts it, with `limits` as `key: value`, a comma and a space between.
    pub fn start(world: &World, limits: &str) -> Fallible<Front> {
        Front::start_for(world, limits, &["*.kafka.example", ADVERTISED_HOST])
    }

    /// The same, with a certificate that covers these names; `new` has its own.
    pub fn start_for(world: &World, limits: &str, covered: &[&str]) -> Fallible<Front> {
        let node = Scripted::start()?;
        let (folder, port) = (Folder::new(), ports::ten());
        let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
        folder.write_issued("wild", &authority.issue(covered, |_| {}));
        folder.write_issued("rsa", &authority.issue_rsa(&["*.kafka.example"]));
        folder.write("clients.pem", &clients.pem());
        folder.write("clients.crl", &clients.revoke(&[REVOKED]));
        let file = |name: &str| format!("\"${{file['{}']}}\"", folder.path().join(name).display());
        let server = |name: &str, more: &str| {
            let (certificate, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
            format!(
                "      - {{type: tls_server, config: {{certificates: [{{certificate: {certificate}, key: {key}}}]{more}}}}}\n"
            )
        };
        let names = format!(
            "      - {{type: forward_to_virtual_cluster, config: {{type: sni, sni_suffix: {SUFFIX}, advertised_port: 9094, \
             broker_host_format: {{type: shared_suffix}}}}}}\n"
        );
        let mapping = |cluster: &str| {
            format!(
                "      - {{type: forward_to_virtual_cluster, config: {{type: port_mapping, destination: {{name: {cluster}}}, \
                 advertised_host: \"{ADVERTISED_HOST}\", bootstrap_port: at_start, min_broker_id: 1}}}}\n"
            )
        };
        let mutual = format!(
            ", client_authentication: {{mode: required, tls_trust_bundles: [{}], crls: [{}], principal_mapping: \
             \"RULE:^CN=(.*?),O=Example$/$1/L\"}}",
            file("clients.pem"),
            file("clients.crl"),
        );
        let listener = |name: &str, offset: u16, count: u16, policies: String| {
            let (first, last) = (port + offset, port + offset + count - 1);
            format!(
                "  - name: {name}\n    addresses: [\"{ADVERTISED_HOST}\"]\n    ports: [\"{first}-{last}\"]\n    policies:\n{policies}"
            )
        };
        let listeners = [
            listener("names", at::NAMES, 1, server("wild", "") + &names),
            listener("both", at::BOTH, 2, server("wild", ", allow_plaintext: true") + &names + &mapping("bob")),
            listener("plain", at::PLAIN, 2, mapping("alice")),
            listener("mutual", at::MUTUAL, 1, server("wild", &mutual) + &names),
            listener("new", at::NEW, 1, server("rsa", ", versions: {min: TLSv1.3, max: TLSv1.3}") + &names),
        ];
        let limits: String =
            limits.split(", ").filter(|limit| !limit.is_empty()).fold(String::new(), |lines, limit| {
                let head = if lines.is_empty() { "  limits:\n" } else { "" };
                format!("{lines}{head}    {limit}\n")
            });
        let yaml = format!(
            "node:\n  shards: 1\n  admin: {{address: \"{ADVERTISED_HOST}:{}\"}}\n{limits}backend_clusters:\n  - name: \
             lab\n    bootstrap_servers: [\"{}\"]\nvirtual_clusters:\n  - {{name: alice, destination: {{name: lab}}, dns_label: \
             alice}}\n  - {{name: bob, destination: {{name: lab}}, dns_label: bob}}\nlisteners:\n{}",
            port + 9,
            node.address(),
            listeners.concat(),
        );
        let gateway = Gateway::start_with(world.folder(), port, port + 9, &yaml, DataPath::AsUsersHaveIt)?;
        gateway.wait_ready()?;
        Ok(Front { gateway, authority, clients, port, _node: node, folder })
    }

    /// host:port of a listener.
    pub fn address(&self, offset: u16) -> String {
        format!("{ADVERTISED_HOST}:{}", self.port + offset)
    }

    /// The bundle of [`Front::authority`], for other programs.
    pub fn ca_file(&self) -> Fallible<String> {
        self.folder.write("ca.pem", &self.authority.pem());
        Ok(self.folder.path().join("ca.pem").display().to_string())
    }

    /// A TCP connection.
    pub fn dial(&self, offset: u16) -> Fallible<TcpStream> {
        let stream = TcpStream::connect(self.address(offset))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience(40)))?;
        Ok(stream)
    }

    /// Settings of a client that believes the gateway, with a certificate of its own or none.
    pub fn settings(&self, identity: Option<&Issued>) -> Arc<ClientConfig> {
        Arc::new(client_config(&self.authority, identity))
    }

    /// A client that has yet to shake hands: it does so when it first speaks.
    pub fn client(&self, offset: u16, name: &str, settings: &Arc<ClientConfig>) -> Fallible<Secure> {
        let client = ClientConnection::new(settings.clone(), ServerName::try_from(name.to_owned())?)?;
        Ok(StreamOwned::new(client, self.dial(offset)?))
    }

    /// The hosts of all nodes, as a client learns them that asks for this name.
    pub fn hosts(&self, offset: u16, name: &str) -> Fallible<Vec<String>> {
        hosts(&mut self.client(offset, name, &self.settings(None))?)
    }
}

/// A serial number of a client that was revoked.
pub const REVOKED: u64 = 666;

/// Asks for the nodes; gives their hosts.
pub fn hosts(stream: &mut (impl std::io::Read + std::io::Write)) -> Fallible<Vec<String>> {
    stream.write_all(&metadata_request()?)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length))?;
    ensure!(length < 100_000, "an answer of {length} bytes");
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame)?;
    // The correlation id, and no tagged fields.
    let mut body = Bytes::from(frame).split_off(5);
    let answer = MetadataResponse::decode(&mut body, 12)?;
    ensure!(!body.has_remaining(), "{} bytes too many", body.remaining());
    Ok(answer.brokers.iter().map(|broker| broker.host.to_string()).collect())
}

/// A request that every node answers.
pub fn metadata_request() -> Fallible<Bytes> {
    let mut body = BytesMut::new();
    MetadataRequest::default().with_topics(Some(Vec::new())).encode(&mut body, 12)?;
    request_frame(ApiKey::Metadata as i16, 12, 2, 1, "front", &body)
}

/// What came until the other side ended or reset the connection.
pub fn rest(mut stream: TcpStream) -> Fallible<Vec<u8>> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let (mut rest, mut some) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut some) {
            Ok(0) => return Ok(rest),
            Ok(n) => rest.extend(&some[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(rest),
            Err(error) => return Err(format!("still open: {error}").into()),
        }
    }
}

/// Sends, and lets the other side have closed already.
pub fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}
