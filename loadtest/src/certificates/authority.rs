//! The development authority, and what it signs.
//!
//! Owns the forms of certificates: keys are PKCS#8, certificates of servers are for server authentication,
//! those of clients for client authentication.

use super::named::Principal;
use crate::error::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What the subjects of all certificates have.
const ORGANIZATION: &str = "Klamm Development";
/// A clock that is a little behind still takes them.
const BEFORE: Duration = DAY;

/// How certificates are to be.
#[derive(Clone, Copy)]
pub struct Form {
    /// RSA of 2048 bits instead of ECDSA on P-256.
    pub rsa: bool,
    /// How long they are valid.
    pub days: u32,
}

/// A certificate and its key, in PEM.
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

/// Who signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    form: Form,
}

impl Authority {
    /// A new one's certificate and key.
    pub fn new_pair(form: Form) -> Result<Issued> {
        let key = key(form)?;
        let certificate = own_params(form)?.self_signed(&key).doing("cannot make an authority")?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// The one that has this key.
    pub fn new(key: &str, form: Form) -> Result<Authority> {
        let key = KeyPair::from_pem(key).doing("the authority's key cannot be read")?;
        Ok(Authority { issuer: Issuer::new(own_params(form)?, key), form })
    }

    /// For a server with these host names and addresses.
    pub fn server(&self, names: &BTreeSet<String>) -> Result<Issued> {
        let first = names.first().map_or("server", String::as_str);
        let params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())
            .doing(|| format!("no certificate can have one of the names {names:?}"))?;
        self.issue(params, first, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a client of this name, which also stands where `principal` looks for it.
    pub fn client(&self, name: &str, principal: Principal) -> Result<Issued> {
        let doing = || format!("no certificate can have the name {name:?}");
        let mut params = CertificateParams::new(Vec::new()).doing(doing)?;
        match principal {
            Principal::Subject => {}
            Principal::SanDns => params.subject_alt_names.push(SanType::DnsName(name.try_into().doing(doing)?)),
            Principal::SanUri => {
                let uri = format!("urn:klamm:client:{name}");
                params.subject_alt_names.push(SanType::URI(uri.try_into().doing(doing)?));
            }
            Principal::SanEmail => {
                let mail = format!("{name}@clients.example");
                params.subject_alt_names.push(SanType::Rfc822Name(mail.try_into().doing(doing)?));
            }
        }
        self.issue(params, name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A list that revokes nothing.
    pub fn nothing_revoked(&self) -> Result<String> {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + begin(),
            next_update: date_time_ymd(1970, 1, 1) + end(self.form),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let doing = "cannot sign a revocation list";
        params.signed_by(&self.issuer).doing(doing)?.pem().doing(doing)
    }

    fn issue(&self, mut params: CertificateParams, name: &str, usage: ExtendedKeyUsagePurpose) -> Result<Issued> {
        let key = key(self.form)?;
        set_validity(&mut params, self.form);
        params.distinguished_name = subject(name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).doing(|| format!("cannot sign for {name}"))?.pem();
        Ok(Issued { certificate, key: key.serialize_pem() })
    }
}

fn key(form: Form) -> Result<KeyPair> {
    let kind = if form.rsa { &rcgen::PKCS_RSA_SHA256 } else { &rcgen::PKCS_ECDSA_P256_SHA256 };
    KeyPair::generate_for(kind).doing("cannot make a key")
}

/// The same each time, so that the key alone brings the authority back.
fn own_params(form: Form) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).doing("cannot make an authority")?;
    set_validity(&mut params, form);
    params.distinguished_name = subject("Klamm Development Authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// Rendered as Java and Klamm do it: `CN=<name>,O=Klamm Development`.
fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, ORGANIZATION);
    subject.push(DnType::CommonName, name);
    subject
}

fn set_validity(params: &mut CertificateParams, form: Form) {
    params.not_before = date_time_ymd(1970, 1, 1) + begin();
    params.not_after = date_time_ymd(1970, 1, 1) + end(form);
}

/// When certificates begin to be valid, since 1970.
fn begin() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(BEFORE)
}

/// When they end.
fn end(form: Form) -> Duration {
    begin() + BEFORE + DAY * form.days
}
