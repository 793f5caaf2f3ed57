//! Certificates, keys, trust bundles and revocation lists as PEM text.
//!
//! A message names the field, and the file where `${file['P']}` stands for it; never what is in it.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;

use crate::config::context::Context;
use crate::config::reader::{Fields, Item, Text};
use crate::config::tls::{Identity, RevocationLists, TrustBundle};
use crate::x509::Facts;

/// Certificates of one chain or trust bundle, and lists of one item.
const SECTIONS_MAX: usize = 1024;
const CERTIFICATE: &str = "\"${file['tls/certificate.pem']}\"";
const KEY: &str = "\"${file['tls/key.pem']}\"";

/// The fields `certificate` and `key`, which belong together.
pub(super) fn read_identity(fields: &mut Fields<'_>, cx: &mut Context) -> Option<Identity> {
    let certificate = fields.require("certificate", CERTIFICATE, cx);
    let key = fields.require("key", KEY, cx);
    let chain = certificate.and_then(|item| read_chain(&item, cx));
    let key = key.and_then(|item| read_key(&item, cx));
    let ((chain, facts, certificate_written), (key, key_text, key_written)) = (chain?, key?);
    if !belong_together(&chain, &key) {
        let message = format!(
            "{} is not the key of the first certificate in {certificate_written}; name the key that belongs to it, and \
             write that certificate before the rest of its chain",
            key_text.shown
        );
        cx.fault(&key_text.spot, message);
        return None;
    }
    Some(Identity {
        chain: chain.into(),
        key: Arc::new(key),
        facts: Arc::new(facts),
        certificate_written: certificate_written.into(),
        key_written: key_written.into(),
    })
}

type Chain = (Vec<CertificateDer<'static>>, Facts, String);

fn read_chain(item: &Item<'_>, cx: &mut Context) -> Option<Chain> {
    let (text, certificates) = read_certificates(item, cx)?;
    let Some(Ok(facts)) = certificates.first().map(|first| Facts::read(first)) else {
        cx.fault(&text.spot, format!("{} begins with a certificate that is not X.509; replace it", text.shown));
        return None;
    };
    Some((certificates, facts, item.written().to_owned()))
}

fn read_key(item: &Item<'_>, cx: &mut Context) -> Option<(PrivateKeyDer<'static>, Text, String)> {
    let text = item.text("a private key in PEM", cx)?;
    let supported = |key: &PrivateKeyDer<'static>| aws_lc_rs::sign::any_supported_type(key).is_ok();
    let wrong = match PrivateKeyDer::from_pem_slice(text.value.as_bytes()) {
        // So that the file may be shown, and that printing the configuration never prints a key.
        Ok(_) if !text.inserted => "holds a private key itself; write it to a file and insert it with ${file['PATH']}",
        Ok(key) if supported(&key) => return Some((key, text, item.written().to_owned())),
        Ok(_) => "is a private key of a kind that is not served; use ECDSA (P-256, P-384, P-521), RSA or Ed25519",
        Err(_) if text.value.contains("ENCRYPTED") => {
            "is an encrypted private key, and nobody is there to type its password; store it decrypted, readable for \
             this process alone"
        }
        Err(_) => "holds no private key; write one in PEM (PKCS#8, PKCS#1 or SEC1)",
    };
    // Without the text where the key itself stands there.
    let shown = if text.inserted { text.shown.as_str() } else { "this" };
    cx.fault(&text.spot, format!("{shown} {wrong}"));
    None
}

fn belong_together(chain: &[CertificateDer<'static>], key: &PrivateKeyDer<'static>) -> bool {
    let Ok(key) = aws_lc_rs::sign::any_supported_type(key) else { return false };
    CertifiedKey::new(chain.to_vec(), key).keys_match().is_ok()
}

/// Certificates that are believed.
pub(super) fn read_trust(item: &Item<'_>, cx: &mut Context) -> Option<TrustBundle> {
    let (text, certificates) = read_certificates(item, cx)?;
    for (index, certificate) in certificates.iter().enumerate() {
        if RootCertStore::empty().add(certificate.clone()).is_err() {
            let number = index + 1;
            let message =
                format!("{} has a certificate, number {number}, that cannot be one of an authority", text.shown);
            cx.fault(&text.spot, message);
            return None;
        }
    }
    Some(TrustBundle { certificates: certificates.into(), written: item.written().into() })
}

fn read_certificates(item: &Item<'_>, cx: &mut Context) -> Option<(Text, Vec<CertificateDer<'static>>)> {
    let text = item.text("certificates in PEM", cx)?;
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.value.as_bytes()).take(SECTIONS_MAX + 1).collect();
    let wrong = match read {
        Ok(certificates) if certificates.is_empty() => {
            "holds no certificate; write PEM text, which begins with -----BEGIN CERTIFICATE-----".to_owned()
        }
        Ok(certificates) if certificates.len() > SECTIONS_MAX => {
            format!("holds more than {SECTIONS_MAX} certificates; name fewer")
        }
        Ok(certificates) => return Some((text, certificates)),
        Err(_) => "is broken PEM text; replace it by a whole file".to_owned(),
    };
    cx.fault(&text.spot, format!("{} {wrong}", text.shown));
    None
}

/// Revocation lists, beside the `roots` whose certificates they are about.
pub(super) fn read_revocation(item: &Item<'_>, roots: &RootCertStore, cx: &mut Context) -> Option<RevocationLists> {
    let text = item.text("revocation lists in PEM", cx)?;
    let read: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(text.value.as_bytes()).take(SECTIONS_MAX + 1).collect();
    let whole = |lists: &Vec<_>| (1..=SECTIONS_MAX).contains(&lists.len()) && are_lists(lists, roots);
    if let Some(lists) = read.ok().filter(whole) {
        return Some(RevocationLists { lists: lists.into(), written: item.written().into() });
    }
    let message = format!(
        "{} holds no revocation list, or a broken one; write PEM text, which begins with -----BEGIN X509 CRL-----",
        text.shown
    );
    cx.fault(&text.spot, message);
    None
}

/// Whether they can be used; nothing is said of lists without any `roots`, which have a fault of their own.
fn are_lists(lists: &[CertificateRevocationListDer<'static>], roots: &RootCertStore) -> bool {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider);
    let built = verifier.with_crls(lists.iter().cloned()).build();
    !matches!(built, Err(VerifierBuilderError::InvalidCrl(_)))
}
