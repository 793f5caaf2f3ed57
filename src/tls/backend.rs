//! The TLS configuration of a backend cluster: whom to trust, which certificate to present, which sessions to resume.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::server::{certified, versions};
use crate::config::{BackendTls, BackendTrust};

/// Sessions that one shard keeps for one backend cluster: one for each of its nodes, and more.
const SESSIONS_MAX: usize = 256;

/// What one backend cluster's handshakes use.
///
/// Sessions are resumed within it only, and there by the node's name: never with another cluster or client identity, whose
/// settings are others. Each shard has its own, since the store of sessions is behind a lock.
#[derive(Clone, Debug)]
pub struct BackendTlsConfig {
    /// For [`super::TlsConnection::backend`].
    pub config: Arc<ClientConfig>,
}

/// Why no handshake could be done with these settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendTlsError(String);

impl fmt::Display for BackendTlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS towards the backend cluster cannot be set up: {}", self.0)
    }
}

impl std::error::Error for BackendTlsError {}

impl BackendTlsConfig {
    /// Settings for `tls`.
    ///
    /// # Errors
    ///
    /// Where rustls refuses them.
    pub fn new(tls: &BackendTls) -> Result<BackendTlsConfig, BackendTlsError> {
        let refused = |error: &dyn fmt::Display| BackendTlsError(error.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(tls.versions))
            .map_err(|error| refused(&error))?;
        let builder = match &tls.trust {
            BackendTrust::System(bundle) | BackendTrust::Bundle(bundle) => {
                let mut roots = RootCertStore::empty();
                for certificate in bundle.certificates.iter() {
                    roots.add(certificate.clone()).map_err(|error| refused(&error))?;
                }
                builder.with_root_certificates(roots)
            }
            BackendTrust::InsecureSkipVerify => {
                let anybody = Arc::new(Anybody { provider });
                builder.dangerous().with_custom_certificate_verifier(anybody)
            }
        };
        let mut config = match &tls.client_identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let key = certified(identity).map_err(|error| refused(&error))?;
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)))
            }
        };
        config.enable_early_data = false;
        config.resumption = resumption();
        Ok(BackendTlsConfig { config: Arc::new(config) })
    }

    /// The same settings with a store of sessions of its own, for another shard.
    pub fn for_shard(&self) -> BackendTlsConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = resumption();
        BackendTlsConfig { config: Arc::new(config) }
    }
}

fn resumption() -> Resumption {
    Resumption::in_memory_sessions(SESSIONS_MAX).tls12_resumption(Tls12Resumption::SessionIdOrTickets)
}

/// Believes every certificate, whatever its name: `insecure_skip_verify`. That the other side has the certificate's key
/// is verified all the same.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
