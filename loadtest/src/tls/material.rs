//! The certificate of every server here: ECDSA P-256, signed by itself, for each host name that is asked for.
//!
//! Owns its files.

use crate::error::{Context, Result};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::RootCertStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the host names end with.
pub const SUFFIX: &str = ".loadtest.example";

/// The host name of the bootstrap of a virtual cluster (shared_suffix).
pub fn host_name(virtual_cluster: &str) -> String {
    format!("bootstrap-{virtual_cluster}{SUFFIX}")
}

/// The certificate, its key, and who believes it.
pub struct Material {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM, PKCS#8.
    pub key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub both: PathBuf,
    /// For clients.
    pub roots: Arc<RootCertStore>,
}

impl Material {
    /// Makes them.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn make(directory: &Path) -> Result<Self> {
        let doing = || "cannot make a certificate".to_owned();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).doing(doing)?;
        let params = CertificateParams::new(vec![format!("*{SUFFIX}")]).doing(doing)?;
        let certificate = params.self_signed(&key).doing(doing)?;
        let write = |name: &str, text: String| -> Result<PathBuf> {
            let file = directory.join(name);
            std::fs::write(&file, text).doing(|| format!("cannot write {}", file.display()))?;
            Ok(file)
        };
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).doing(doing)?;
        Ok(Self {
            certificate: write("server.pem", certificate.pem())?,
            key: write("server.key", key.serialize_pem())?,
            both: write("server.both", certificate.pem() + &key.serialize_pem())?,
            roots: Arc::new(roots),
        })
    }
}
