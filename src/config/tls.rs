//! Certificates, keys and trust as the layer of TLS takes them: read, checked, and not yet part of a handshake.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::x509::{CoveredNames, Facts, PrincipalMapping};

/// What a listener does to speak TLS.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsServer {
    /// At least one; the first is shown to clients that name no host.
    pub certificates: Vec<Identity>,
    /// Which versions are spoken.
    pub versions: TlsVersions,
    /// Connections that do not begin with TLS are let in too.
    pub allow_plaintext: bool,
    /// `None`: clients are asked for no certificate.
    pub client_authentication: Option<ClientAuthentication>,
}

impl TlsServer {
    /// The hosts that the certificates cover.
    pub fn coverage(&self) -> Coverage<'_> {
        let mut names = CoveredNames::default();
        for (index, identity) in self.certificates.iter().enumerate() {
            identity.facts.dns_names.iter().for_each(|name| names.add(name, index));
        }
        Coverage { names, certificates: &self.certificates }
    }
}

/// The hosts that a listener's certificates cover.
#[derive(Debug)]
pub struct Coverage<'t> {
    names: CoveredNames,
    certificates: &'t [Identity],
}

impl Coverage<'_> {
    /// Whether a client that asks for `host`, an address or a name in any case, with or without a dot at its end, and looks
    /// at the certificate, is content.
    pub fn covers(&self, host: &str) -> bool {
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        match name.parse::<IpAddr>() {
            Ok(address) => self.certificates.iter().any(|identity| identity.facts.addresses.contains(&address)),
            Err(_) => self.names.covers(&name),
        }
    }
}

/// Versions of TLS; at least one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsVersions {
    /// TLS 1.2.
    pub tls12: bool,
    /// TLS 1.3.
    pub tls13: bool,
}

impl TlsVersions {
    /// TLS 1.2 and 1.3.
    pub const ALL: TlsVersions = TlsVersions { tls12: true, tls13: true };
}

/// What stands in the file for bytes that come from elsewhere, `${file['P']}` for example: what may be shown of them.
pub type Written = Arc<str>;

/// A certificate with its chain and its key.
#[derive(Clone, PartialEq)]
pub struct Identity {
    /// The certificate itself first.
    pub chain: Arc<[CertificateDer<'static>]>,
    /// Belongs to the first certificate.
    pub key: Arc<PrivateKeyDer<'static>>,
    /// Of the first certificate.
    pub facts: Arc<Facts>,
    /// Where the chain came from.
    pub certificate_written: Written,
    /// Where the key came from.
    pub key_written: Written,
}

/// Without the key, and without kilobytes of certificate.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate_written).field("facts", &self.facts).finish()
    }
}

/// Certificates whose signature is believed.
#[derive(Clone, PartialEq)]
pub struct TrustBundle {
    /// At least one.
    pub certificates: Arc<[CertificateDer<'static>]>,
    /// Where they came from.
    pub written: Written,
}

impl fmt::Debug for TrustBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustBundle({}, {} certificates)", self.written, self.certificates.len())
    }
}

/// Lists of certificates that are believed no longer.
#[derive(Clone, PartialEq)]
pub struct RevocationLists {
    /// At least one.
    pub lists: Arc<[CertificateRevocationListDer<'static>]>,
    /// Where they came from.
    pub written: Written,
}

impl fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationLists({}, {} lists)", self.written, self.lists.len())
    }
}

/// What clients show of themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientAuthentication {
    /// A client without a certificate is refused.
    pub required: bool,
    /// At least one.
    pub trust: Vec<TrustBundle>,
    /// May be empty: then nothing is looked up.
    pub revocation: Vec<RevocationLists>,
    /// Which name of the certificate makes the principal.
    pub principal_source: PrincipalSource,
    /// What is made of it.
    pub principal_mapping: PrincipalMapping,
}

/// A name in a client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalSource {
    /// The subject, as Java renders it.
    Subject,
    /// The first alternative name that is a host name.
    SanDns,
    /// The first alternative name that is a URI.
    SanUri,
    /// The first alternative name that is a mail address.
    SanEmail,
}

/// How the nodes of a backend cluster are spoken to.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendTls {
    /// Whose certificates are believed.
    pub trust: BackendTrust,
    /// Which versions are spoken.
    pub versions: TlsVersions,
    /// What Klamm shows of itself.
    pub client_identity: Option<Identity>,
}

/// Whose certificates of nodes are believed.
#[derive(Clone, Debug, PartialEq)]
pub enum BackendTrust {
    /// Those that this machine believes; read with the configuration.
    System(TrustBundle),
    /// Those that a bundle holds, and no others.
    Bundle(TrustBundle),
    /// Everybody's: neither chain nor name is looked at.
    InsecureSkipVerify,
}
