//! The authorities that this machine believes.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::tls::TrustBundle;

/// The certificates where Linux distributions, or `SSL_CERT_FILE` and `SSL_CERT_DIR`, have them.
///
/// # Errors
///
/// A sentence: there are none, and what to do.
pub(super) fn read() -> Result<TrustBundle, String> {
    let found = rustls_native_certs::load_native_certs();
    // Distributions carry some that are too old to be read: they are passed over, as everywhere.
    let usable = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
    let certificates: Vec<_> = found.certs.into_iter().filter(usable).collect();
    if certificates.is_empty() {
        let reason = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        let hint = "install them (the package ca-certificates), or write ca_bundle";
        return Err(format!("this machine has no certificates of authorities{reason}; {hint}"));
    }
    Ok(TrustBundle { certificates: certificates.into(), written: "system".into() })
}
