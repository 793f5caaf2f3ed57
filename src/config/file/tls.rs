//! `tls_server` of a listener and `tls` of a backend cluster as they are written.

use rustls::RootCertStore;

use super::pem::{read_identity, read_revocation, read_trust};
use super::read_all;
use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::reader::{Fields, Item};
use crate::config::tls::{
    BackendTls, BackendTrust, ClientAuthentication, Identity, PrincipalSource, RevocationLists, TlsServer, TlsVersions,
    TrustBundle,
};
use crate::x509::PrincipalMapping;

/// Certificates of one listener: one for each of its virtual clusters, and more.
const CERTIFICATES_MAX: usize = 16_384;
/// Trust bundles, and items of `crls`: each may hold many certificates or lists.
const BUNDLES_MAX: usize = 64;
const BUNDLES: &str = "[\"${file['tls/clients-ca.pem']}\"]";

/// A `tls_server` policy.
#[derive(Debug)]
pub(in crate::config) struct TlsServerEntry {
    pub spot: Spot,
    /// Where `allow_plaintext: true` stands.
    pub plaintext_spot: Option<Spot>,
    /// `None` where a fault about it was reported.
    pub server: Option<TlsServer>,
}

impl TlsServerEntry {
    /// Reads the policy's `config`.
    pub fn read(item: &Item<'_>, cx: &mut Context) -> Option<TlsServerEntry> {
        let mut fields = item.fields("a map: certificates, versions, ...", cx)?;
        let list = fields.require("certificates", "[{certificate: ..., key: ...}]", cx);
        let certificates = list.and_then(|item| read_certificates(&item, cx));
        let versions = match fields.take("versions") {
            Some(item) => read_range(&item, cx),
            None => Some(TlsVersions::ALL),
        };
        let plaintext = fields.take("allow_plaintext");
        let allow_plaintext = plaintext.as_ref().and_then(|item| item.boolean(cx)).unwrap_or(false);
        let client = match fields.take("client_authentication") {
            Some(item) => read_client_authentication(&item, cx).map(Some),
            None => Some(None),
        };
        let spot = fields.spot();
        fields.done(&[], cx);
        let plaintext_spot = plaintext.filter(|_| allow_plaintext).map(|item| item.spot());
        let server = match (certificates, versions, client) {
            (Some(certificates), Some(versions), Some(client_authentication)) => {
                Some(TlsServer { certificates, versions, allow_plaintext, client_authentication })
            }
            (_, _, _) => None,
        };
        Some(TlsServerEntry { spot, plaintext_spot, server })
    }
}

fn read_certificates(list: &Item<'_>, cx: &mut Context) -> Option<Vec<Identity>> {
    let items = list.list("a list such as [{certificate: ..., key: ...}]", cx)?;
    if items.is_empty() {
        list.fault(
            cx,
            "is empty, and without a certificate no client can be answered; write [{certificate: ..., key: ...}]",
        );
        return None;
    }
    if let Some(item) = items.get(CERTIFICATES_MAX) {
        item.fault(
            cx,
            format!("is one certificate too many: at most {CERTIFICATES_MAX}; a wildcard stands for many names"),
        );
        return None;
    }
    let count = items.len();
    let read = read_all(items, cx, |item, cx| {
        let mut fields = item.fields("a certificate and its key: {certificate: ..., key: ...}", cx)?;
        let identity = read_identity(&mut fields, cx);
        fields.done(&[], cx);
        identity
    });
    (read.len() == count).then_some(read)
}

/// `{min: TLSv1.2, max: TLSv1.3}`.
fn read_range(item: &Item<'_>, cx: &mut Context) -> Option<TlsVersions> {
    let words = [("TLSv1.2", 12u8), ("TLSv1.3", 13)];
    let mut fields = item.fields("{min: TLSv1.2, max: TLSv1.3}", cx)?;
    let mut bound = |key, default| match fields.take(key) {
        Some(item) => item.choice(&words, &[], cx),
        None => Some(default),
    };
    let (min, max) = (bound("min", 12), bound("max", 13));
    fields.done(&[], cx);
    let (min, max) = (min?, max?);
    if min > max {
        item.fault(cx, "has a min above its max, so that no version is left; write {min: TLSv1.2, max: TLSv1.3}");
        return None;
    }
    Some(TlsVersions { tls12: min == 12, tls13: max == 13 })
}

fn read_client_authentication(item: &Item<'_>, cx: &mut Context) -> Option<ClientAuthentication> {
    let mut fields = item.fields("a map: mode, tls_trust_bundles, ...", cx)?;
    let modes = [("required", true), ("requested", false)];
    let required = fields.require("mode", "required, or requested", cx).and_then(|item| item.choice(&modes, &[], cx));
    let trust = fields.require("tls_trust_bundles", BUNDLES, cx);
    let trust: Option<Vec<TrustBundle>> = trust.and_then(|item| read_bundles(&item, cx, read_trust));
    let mut roots = RootCertStore::empty();
    let trusted = trust.iter().flatten().flat_map(|bundle| bundle.certificates.iter().cloned());
    roots.add_parsable_certificates(trusted);
    let revocation = match fields.take("crls") {
        Some(item) => read_bundles(&item, cx, |item, cx| read_revocation(item, &roots, cx)),
        None => Some(Vec::<RevocationLists>::new()),
    };
    let sources = [
        ("subject", PrincipalSource::Subject),
        ("san_dns", PrincipalSource::SanDns),
        ("san_uri", PrincipalSource::SanUri),
        ("san_email", PrincipalSource::SanEmail),
    ];
    let principal_source = match fields.take("principal_source") {
        Some(item) => item.choice(&sources, &[], cx),
        None => Some(PrincipalSource::Subject),
    };
    let principal_mapping = match fields.take("principal_mapping") {
        Some(item) => read_mapping(&item, cx),
        None => Some(PrincipalMapping::default()),
    };
    fields.done(&[], cx);
    Some(ClientAuthentication {
        required: required?,
        trust: trust?,
        revocation: revocation?,
        principal_source: principal_source?,
        principal_mapping: principal_mapping?,
    })
}

/// The items of a list that must not be empty, all of them or none.
fn read_bundles<T>(
    list: &Item<'_>,
    cx: &mut Context,
    read: impl Fn(&Item<'_>, &mut Context) -> Option<T>,
) -> Option<Vec<T>> {
    let items = list.list("a list of PEM texts, such as [\"${file['tls/clients-ca.pem']}\"]", cx)?;
    if items.is_empty() {
        list.fault(cx, "is empty; name one at least, or remove the key where it may be left out");
        return None;
    }
    if let Some(item) = items.get(BUNDLES_MAX) {
        item.fault(cx, format!("is one too many: at most {BUNDLES_MAX}; one item may hold many"));
        return None;
    }
    let count = items.len();
    let read = read_all(items, cx, read);
    (read.len() == count).then_some(read)
}

fn read_mapping(item: &Item<'_>, cx: &mut Context) -> Option<PrincipalMapping> {
    let text = item.text("rules such as RULE:^CN=(.*?),.*$/$1/L, DEFAULT", cx)?;
    match PrincipalMapping::parse(&text.value) {
        Ok(mapping) => Some(mapping),
        Err(fault) => {
            cx.fault(&text.spot, format!("{} {fault}", text.shown));
            None
        }
    }
}

/// `tls` of a backend cluster. `None` where it is switched off, and where a fault about it was reported.
pub(in crate::config) fn read_backend_tls(item: &Item<'_>, cx: &mut Context) -> Option<BackendTls> {
    let mut fields = item.fields("a map: enabled, ca_bundle, ...; {} for TLS as it is by default", cx)?;
    let enabled = fields.take("enabled").map(|item| item.boolean(cx));
    let bundle = fields.take("ca_bundle");
    let trust = bundle.as_ref().map(|item| read_trust(item, cx));
    let skip = fields.take("insecure_skip_verify");
    let skips = skip.as_ref().and_then(|item| item.boolean(cx)).unwrap_or(false);
    if let (Some(skip), Some(bundle), true) = (&skip, &bundle, skips) {
        let place = bundle.spot().path;
        skip.fault(cx, format!("believes everybody, and {place} would never be looked at; keep one of them"));
    }
    let versions = match fields.take("tls_versions") {
        Some(item) => read_versions(&item, cx),
        None => Some(TlsVersions::ALL),
    };
    let identity = fields.take("client_identity").map(|item| read_client_identity(&item, cx));
    fields.done(&[], cx);
    if enabled == Some(Some(false)) {
        return None;
    }
    let trust = match trust {
        _ if skips => BackendTrust::InsecureSkipVerify,
        Some(bundle) => BackendTrust::Bundle(bundle?),
        None => match cx.system_trust() {
            Ok(bundle) => BackendTrust::System(bundle),
            Err(message) => {
                item.fault(cx, message);
                return None;
            }
        },
    };
    let client_identity = match identity {
        Some(identity) => Some(identity?),
        None => None,
    };
    Some(BackendTls { trust, versions: versions?, client_identity })
}

fn read_client_identity(item: &Item<'_>, cx: &mut Context) -> Option<Identity> {
    let mut fields: Fields<'_> = item.fields("{certificate: ..., key: ...}", cx)?;
    let identity = read_identity(&mut fields, cx);
    fields.done(&[], cx);
    identity
}

/// `[tls12, tls13]`.
fn read_versions(list: &Item<'_>, cx: &mut Context) -> Option<TlsVersions> {
    const NONE: TlsVersions = TlsVersions { tls12: false, tls13: false };
    let words = [("tls12", TlsVersions { tls12: true, ..NONE }), ("tls13", TlsVersions { tls13: true, ..NONE })];
    let items = list.list("a list such as [tls12, tls13]", cx)?;
    if items.is_empty() {
        list.fault(cx, "is empty, so that no version is left; write [tls12, tls13] or remove the key");
    }
    let mut versions = NONE;
    for item in items {
        let one = item.choice(&words, &[], cx)?;
        versions = TlsVersions { tls12: versions.tls12 | one.tls12, tls13: versions.tls13 | one.tls13 };
    }
    (versions != NONE).then_some(versions)
}
