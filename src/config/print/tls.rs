//! TLS of a checked configuration as YAML: certificates and keys as the insertions that were written, never what they hold.

use serde::Serialize;

use crate::config::tls::{self, BackendTrust, ClientAuthentication, PrincipalSource, TlsVersions};

#[derive(Serialize)]
pub(super) struct TlsServer<'s> {
    certificates: Vec<Identity<'s>>,
    versions: Versions,
    allow_plaintext: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_authentication: Option<Client<'s>>,
}

#[derive(Serialize)]
struct Identity<'s> {
    certificate: &'s str,
    key: &'s str,
}

#[derive(Serialize)]
struct Versions {
    min: &'static str,
    max: &'static str,
}

#[derive(Serialize)]
struct Client<'s> {
    mode: &'static str,
    tls_trust_bundles: Vec<&'s str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    crls: Vec<&'s str>,
    principal_source: &'static str,
    principal_mapping: &'s str,
}

#[derive(Serialize)]
pub(super) struct BackendTls<'s> {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_bundle: Option<&'s str>,
    insecure_skip_verify: bool,
    tls_versions: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_identity: Option<Identity<'s>>,
}

impl<'s> TlsServer<'s> {
    pub fn of(server: &'s tls::TlsServer) -> TlsServer<'s> {
        TlsServer {
            certificates: server.certificates.iter().map(Identity::of).collect(),
            versions: Versions {
                min: if server.versions.tls12 { "TLSv1.2" } else { "TLSv1.3" },
                max: if server.versions.tls13 { "TLSv1.3" } else { "TLSv1.2" },
            },
            allow_plaintext: server.allow_plaintext,
            client_authentication: server.client_authentication.as_ref().map(Client::of),
        }
    }
}

impl<'s> Identity<'s> {
    fn of(identity: &'s tls::Identity) -> Identity<'s> {
        Identity { certificate: &identity.certificate_written, key: &identity.key_written }
    }
}

impl<'s> Client<'s> {
    fn of(client: &'s ClientAuthentication) -> Client<'s> {
        Client {
            mode: if client.required { "required" } else { "requested" },
            tls_trust_bundles: client.trust.iter().map(|bundle| &*bundle.written).collect(),
            crls: client.revocation.iter().map(|lists| &*lists.written).collect(),
            principal_source: match client.principal_source {
                PrincipalSource::Subject => "subject",
                PrincipalSource::SanDns => "san_dns",
                PrincipalSource::SanUri => "san_uri",
                PrincipalSource::SanEmail => "san_email",
            },
            principal_mapping: client.principal_mapping.text(),
        }
    }
}

impl<'s> BackendTls<'s> {
    pub fn of(backend: &'s tls::BackendTls) -> BackendTls<'s> {
        let ca_bundle = match &backend.trust {
            BackendTrust::System(_) | BackendTrust::InsecureSkipVerify => None,
            BackendTrust::Bundle(bundle) => Some(&*bundle.written),
        };
        let TlsVersions { tls12, tls13 } = backend.versions;
        BackendTls {
            enabled: true,
            ca_bundle,
            insecure_skip_verify: backend.trust == BackendTrust::InsecureSkipVerify,
            tls_versions: [("tls12", tls12), ("tls13", tls13)]
                .into_iter()
                .filter_map(|(word, on)| on.then_some(word))
                .collect(),
            client_identity: backend.client_identity.as_ref().map(Identity::of),
        }
    }
}
