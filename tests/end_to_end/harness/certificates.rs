//! Authorities and certificates that a run makes for itself, in PEM and in every form that a user may have them in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::tools::patience;
use super::{Fallible, process};

/// Whoever signs certificates: a root, or an intermediate below one.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What stands behind a certificate of this authority in a chain: intermediates, not the root.
    chain: String,
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ecdsa,
    Rsa,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// `BEGIN PRIVATE KEY`.
    Pkcs8,
    /// `BEGIN EC PRIVATE KEY` (SEC1) or `BEGIN RSA PRIVATE KEY` (PKCS#1), as the kind is.
    Traditional,
}

/// A certificate with its chain, and its key.
#[derive(Clone)]
pub struct Issued {
    pub chain: String,
    pub key: String,
}

/// Where an [`Issued`] was written.
#[derive(Clone, Debug)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// A root.
    pub fn root(name: &str) -> Fallible<Authority> {
        let issuer = CertifiedIssuer::self_signed(authority(name)?, KeyPair::generate()?)?;
        Ok(Authority { issuer, chain: String::new() })
    }

    /// An intermediate below this one.
    pub fn intermediate(&self, name: &str) -> Fallible<Authority> {
        let issuer = CertifiedIssuer::signed_by(authority(name)?, KeyPair::generate()?, &self.issuer)?;
        let chain = issuer.pem() + &self.chain;
        Ok(Authority { issuer, chain })
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate of a server with these host names and addresses.
    pub fn server(&self, kind: Kind, names: &[&str]) -> Fallible<Issued> {
        self.issue(kind, None, names, ExtendedKeyUsagePurpose::ServerAuth, |_| {})
    }

    /// The same, of a year that is over.
    pub fn expired_server(&self, kind: Kind, names: &[&str]) -> Fallible<Issued> {
        self.issue(kind, None, names, ExtendedKeyUsagePurpose::ServerAuth, |params| {
            (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        })
    }

    /// A client's certificate: `CN=<name>,O=Klamm Test`.
    pub fn client(&self, name: &str) -> Fallible<Issued> {
        self.issue(Kind::Ecdsa, Some(name), &[], ExtendedKeyUsagePurpose::ClientAuth, |_| {})
    }

    fn issue(
        &self,
        kind: Kind,
        name: Option<&str>,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Fallible<Issued> {
        let key = KeyPair::generate_for(match kind {
            Kind::Ecdsa => &rcgen::PKCS_ECDSA_P256_SHA256,
            Kind::Rsa => &rcgen::PKCS_RSA_SHA256,
        })?;
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Klamm Test");
        params.distinguished_name.push(DnType::CommonName, name.or(names.first().copied()).unwrap_or("nobody"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { chain: certificate + &self.chain, key: key.serialize_pem() })
    }
}

fn authority(name: &str) -> Fallible<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

impl Issued {
    /// As rustls takes it.
    pub fn parsed(&self) -> Fallible<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        let told = |error| format!("PEM of a test: {error}");
        Ok((chain.map_err(told)?, key.map_err(told)?))
    }

    /// Settings of a server that shows it, and wants to see nothing.
    pub fn server_config(&self) -> Fallible<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let (chain, key) = self.parsed()?;
        Ok(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key)?))
    }

    /// The same with its key written in another way.
    pub fn with_key_as(mut self, form: KeyForm, folder: &Path) -> Fallible<Issued> {
        if form == KeyForm::Traditional {
            let mut openssl = Command::new("openssl");
            openssl.args(["pkey", "-traditional"]);
            self.key = process::run(&mut openssl, self.key.as_bytes(), folder, patience(10))?.success()?;
        }
        Ok(self)
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub fn write(&self, folder: &Path, name: &str) -> Fallible<Files> {
        let [certificate, key] = ["pem", "key"].map(|end| folder.join(format!("{name}.{end}")));
        fs::write(&certificate, &self.chain)?;
        fs::write(&key, &self.key)?;
        Ok(Files { certificate, key })
    }
}
