//! TLS as clients of the gateways speak it in a run: one authority, and the rule that an address below
//! [`hosts::SUFFIX`] is spoken to with TLS, by every client of every language.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, StreamOwned, SupportedProtocolVersion};

use super::certificates::{Authority, Files, Issued};
use super::{Fallible, hosts};

/// The authority of the gateways under test, and what clients need of it.
pub struct Material {
    /// Where its files are; more may be written there.
    pub folder: PathBuf,
    /// What clients believe.
    pub root: Authority,
    /// Signs the gateways' certificates: their chains have two certificates.
    pub issuing: Authority,
    /// The root's certificate.
    pub authority: PathBuf,
    /// Settings of Java's clients.
    pub properties: PathBuf,
    config: Arc<ClientConfig>,
}

/// Whether an address is spoken to with TLS: one of an address list, comma between, says it for all.
pub fn is_named(address: &str) -> bool {
    address.split(',').any(|one| one.rsplit_once(':').is_some_and(|(host, _)| host.ends_with(hosts::SUFFIX)))
}

/// That of this run. `folder` is the run's own.
pub fn material(folder: &Path) -> Fallible<&'static Material> {
    static MATERIAL: OnceLock<Result<Material, String>> = OnceLock::new();
    let made = MATERIAL.get_or_init(|| Material::make(&folder.join("tls")).map_err(|error| error.to_string()));
    MADE.get_or_init(|| made.as_ref().ok());
    made.as_ref().map_err(|error| format!("no certificates are made: {error}").into())
}

/// The same, for those who know no folder.
static MADE: OnceLock<Option<&'static Material>> = OnceLock::new();

/// That of this run, which a gateway with TLS has made before.
pub fn made() -> Fallible<&'static Material> {
    MADE.get().copied().flatten().ok_or_else(|| "no gateway with TLS was started yet".into())
}

impl Material {
    fn make(folder: &Path) -> Fallible<Material> {
        fs::create_dir_all(folder)?;
        let root = Authority::root("Gateways Root")?;
        let issuing = root.intermediate("Gateways Issuing")?;
        let authority = folder.join("ca.pem");
        fs::write(&authority, root.pem())?;
        let properties = folder.join("client.properties");
        fs::write(&properties, java_settings(&authority, None))?;
        let config = identity(&root, rustls::ALL_VERSIONS, None)?;
        Ok(Material { folder: folder.to_owned(), root, issuing, authority, properties, config: Arc::new(config) })
    }

    /// Settings of a client that shows nothing.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Settings of Java's clients that show this certificate; also gives the file.
    pub fn java_settings_of(&self, name: &str, files: &Files) -> Fallible<PathBuf> {
        let keystore = self.folder.join(format!("{name}.keystore.pem"));
        fs::write(&keystore, fs::read_to_string(&files.key)? + &fs::read_to_string(&files.certificate)?)?;
        let path = self.folder.join(format!("{name}.properties"));
        fs::write(&path, java_settings(&self.authority, Some(&keystore)))?;
        Ok(path)
    }

    /// kcat's arguments.
    pub fn kcat(&self) -> [String; 4] {
        let authority = format!("ssl.ca.location={}", self.authority.display());
        ["-X".to_owned(), "security.protocol=ssl".to_owned(), "-X".to_owned(), authority]
    }
}

/// A client's settings that believe `root`, still without what it shows.
pub fn client_config(root: &Authority) -> Fallible<ConfigBuilder<ClientConfig, WantsClientCert>> {
    client_config_of(root, rustls::ALL_VERSIONS)
}

/// A client's settings that believe `root`, with versions of TLS and a certificate to show.
pub fn identity(
    root: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    shown: Option<&Issued>,
) -> Fallible<ClientConfig> {
    let builder = client_config_of(root, versions)?;
    let Some(shown) = shown else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = shown.parsed()?;
    Ok(builder.with_client_auth_cert(chain, key)?)
}

fn client_config_of(
    root: &Authority,
    versions: &[&'static SupportedProtocolVersion],
) -> Fallible<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let mut roots = RootCertStore::empty();
    let told = |error| format!("PEM of a test: {error}");
    roots.add(CertificateDer::from_pem_slice(root.pem().as_bytes()).map_err(told)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
    Ok(builder.with_root_certificates(roots))
}

fn java_settings(authority: &Path, keystore: Option<&Path>) -> String {
    let own = keystore.map(|path| format!("ssl.keystore.type=PEM\nssl.keystore.location={}\n", path.display()));
    format!(
        "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location={}\n{}",
        authority.display(),
        own.unwrap_or_default()
    )
}

/// A connection, plain or with TLS.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// With TLS, asking for `host` where it is below the gateways' suffix; plain otherwise.
    pub fn to(host: &str, socket: TcpStream) -> Fallible<Stream> {
        if !host.ends_with(hosts::SUFFIX) {
            return Ok(Stream::Plain(socket));
        }
        Stream::tls(host, socket, made()?.config())
    }

    /// With TLS; the handshake is over when it returns.
    pub fn tls(host: &str, socket: TcpStream, config: Arc<ClientConfig>) -> Fallible<Stream> {
        let connection = ClientConnection::new(config, ServerName::try_from(host.to_owned())?)?;
        Stream::shaken(connection, socket).map_err(|error| format!("{host}: {error}").into())
    }

    /// With TLS that has sent nothing yet; the handshake is over when it returns.
    pub fn shaken(mut connection: ClientConnection, mut socket: TcpStream) -> Fallible<Stream> {
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Stream::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    /// The socket below.
    pub fn socket(&mut self) -> &mut TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}
