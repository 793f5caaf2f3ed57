//! The TLS configuration of a listener: certificates chosen by host name, versions, client certificates, tickets.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, Ticketer};
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::cluster::ListenerId;
use crate::config::{ClientAuthentication, Identity, PrincipalSource, TlsServer, TlsVersions};
use crate::x509::{CoveredNames, Facts, NoPrincipal};

/// Tickets sent with a TLS 1.3 handshake: Kafka's clients hold one connection to each node and use one again at most.
const TICKETS: usize = 1;

/// What one listener's handshakes use: made once, shared by all shards, replaced as a whole when files change.
#[derive(Clone, Debug)]
pub struct ServerTlsConfig {
    /// For [`super::TlsConnection::server`].
    pub config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    client_authentication: Option<ClientAuthentication>,
}

/// The TLS configurations of all listeners that speak TLS.
pub type ServerTlsConfigs = Arc<HashMap<ListenerId, Arc<ServerTlsConfig>>>;

/// What a client's certificate says of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedClient {
    /// Its principal, by the listener's rules.
    pub principal: String,
    /// The last second of the certificate's validity, in Unix time.
    pub not_after: i64,
}

/// Why no handshake could be done with these settings. The configuration's check makes it impossible, but for memory and
/// randomness that are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTlsError(String);

impl fmt::Display for ServerTlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS cannot be set up: {}", self.0)
    }
}

impl std::error::Error for ServerTlsError {}

impl ServerTlsConfig {
    /// Settings for `tls`. Where `before` asks clients for the same, its ticket keys go on, so that sessions can be resumed
    /// after a reload; any change of it begins with new ones: a resumed client is not verified again.
    ///
    /// # Errors
    ///
    /// Where rustls refuses them.
    pub fn new(tls: &TlsServer, before: Option<&ServerTlsConfig>) -> Result<ServerTlsConfig, ServerTlsError> {
        let refused = |error: &dyn fmt::Display| ServerTlsError(error.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = Arc::new(Certificates::new(&tls.certificates).map_err(|error| refused(&error))?);
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(tls.versions))
            .map_err(|error| refused(&error))?;
        let builder = match &tls.client_authentication {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let mut roots = RootCertStore::empty();
                for certificate in client.trust.iter().flat_map(|bundle| bundle.certificates.iter()) {
                    roots.add(certificate.clone()).map_err(|error| refused(&error))?;
                }
                let lists = client.revocation.iter().flat_map(|lists| lists.lists.iter().cloned());
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).with_crls(lists);
                // Where lists are given, a certificate that none of them knows about is refused: rustls' default.
                let verifier = verifier.only_check_end_entity_revocation();
                let verifier = if client.required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| refused(&error))?)
            }
        };
        let mut config = builder.with_cert_resolver(certificates.clone());
        // The default one is a cache behind a lock, which tickets make needless.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = match before.filter(|before| before.client_authentication == tls.client_authentication) {
            Some(before) => before.config.ticketer.clone(),
            None => Ticketer::new().map_err(|error| refused(&error))?,
        };
        config.send_tls13_tickets = TICKETS;
        config.max_early_data_size = 0;
        Ok(ServerTlsConfig {
            config: Arc::new(config),
            certificates,
            client_authentication: tls.client_authentication.clone(),
        })
    }

    /// Whether a certificate covers the host name (in lower case, without a dot at the end).
    pub fn covers(&self, name: &str) -> bool {
        self.certificates.names.covers(name)
    }

    /// When the certificate ends that ends first, in Unix time: for a metric.
    pub fn earliest_expiry(&self) -> Option<i64> {
        self.certificates.not_after.iter().min().copied()
    }

    /// The client that showed this certificate in a handshake of this listener.
    ///
    /// # Errors
    ///
    /// Where the certificate has no such name, or no rule makes a principal of it; and where none is asked for.
    pub fn client(&self, certificate: &CertificateDer<'_>) -> Result<CertifiedClient, NoPrincipal> {
        let client = self.client_authentication.as_ref().ok_or(NoPrincipal)?;
        let facts = Facts::read(certificate).map_err(|_| NoPrincipal)?;
        let name = match client.principal_source {
            PrincipalSource::Subject => Some(&facts.subject),
            PrincipalSource::SanDns => facts.dns_names.first(),
            PrincipalSource::SanUri => facts.uris.first(),
            PrincipalSource::SanEmail => facts.emails.first(),
        };
        let principal = client.principal_mapping.principal(name.ok_or(NoPrincipal)?)?;
        Ok(CertifiedClient { principal, not_after: facts.not_after })
    }
}

/// The versions as rustls takes them.
pub(super) fn versions(of: TlsVersions) -> Vec<&'static SupportedProtocolVersion> {
    [(of.tls13, &version::TLS13), (of.tls12, &version::TLS12)]
        .into_iter()
        .filter_map(|(on, version)| on.then_some(version))
        .collect()
}

/// A certificate with its chain, ready to sign.
pub(super) fn certified(identity: &Identity) -> Result<CertifiedKey, rustls::Error> {
    let key = aws_lc_rs::sign::any_supported_type(&identity.key)?;
    Ok(CertifiedKey::new(identity.chain.to_vec(), key))
}

/// The certificates of a listener, found by host name.
#[derive(Debug)]
pub struct Certificates {
    keys: Vec<Arc<CertifiedKey>>,
    names: CoveredNames,
    not_after: Vec<i64>,
}

impl Certificates {
    fn new(identities: &[Identity]) -> Result<Certificates, rustls::Error> {
        let mut names = CoveredNames::default();
        let mut keys = Vec::with_capacity(identities.len());
        for (index, identity) in identities.iter().enumerate() {
            keys.push(Arc::new(certified(identity)?));
            identity.facts.dns_names.iter().for_each(|name| names.add(name, index));
        }
        Ok(Certificates {
            keys,
            names,
            not_after: identities.iter().map(|identity| identity.facts.not_after).collect(),
        })
    }

    /// The first certificate for `name` whose signatures the client can verify; where none covers the name, or there is
    /// no name, the first of all: such clients come by a port mapping, or verify no name.
    fn choose(&self, name: Option<&str>, fits: impl Fn(&CertifiedKey) -> bool) -> Option<Arc<CertifiedKey>> {
        let key = |index: usize| self.keys.get(index);
        let name = name.map(|name| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase());
        let mut covering = name.iter().flat_map(|name| self.names.covering(name)).filter_map(key);
        covering.find(|key| fits(key)).or_else(|| self.keys.iter().find(|key| fits(key))).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        self.choose(hello.server_name(), |key| key.key.choose_scheme(schemes).is_some())
    }
}
