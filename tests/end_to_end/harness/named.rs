//! Gateways whose clients come through TLS and say by host name what they want: their configuration and certificates.

use klamm::cluster::{HostFormat, HostNames};

use super::Fallible;
use super::certificates::{Files, KeyForm, Kind};
use super::door::Door;
use super::gateway::ADVERTISED_HOST;
use super::hosts::{self, SUFFIX};
use super::tls::Material;

/// A listener with TLS.
pub struct Listener<'a> {
    pub port: u16,
    pub format: HostFormat,
    /// What it shows.
    pub certificates: &'a [Files],
    /// More keys of `tls_server`, each a line without its indentation.
    pub tls: &'a [&'a str],
    /// More policies behind that of the host names, each a line without its indentation.
    pub policies: &'a [&'a str],
}

impl Listener<'_> {
    /// As an entry of `listeners`, which it is called in.
    pub fn yaml(&self, name: &str) -> String {
        self.yaml_at(ADVERTISED_HOST, name)
    }

    /// The same at another address of this machine.
    pub fn yaml_at(&self, address: &str, name: &str) -> String {
        let Listener { port, format, certificates, tls, policies } = self;
        let mut text = format!(
            "  - name: {name}\n    addresses: [\"{address}\"]\n    ports: [{port}]\n    policies:\n      \
             - type: tls_server\n        config:\n          certificates:\n"
        );
        for Files { certificate, key } in *certificates {
            text += &format!(
                "            - {{certificate: \"${{file['{}']}}\", key: \"${{file['{}']}}\"}}\n",
                certificate.display(),
                key.display()
            );
        }
        tls.iter().for_each(|line| text += &format!("          {line}\n"));
        text += &format!(
            "      - {{type: forward_to_virtual_cluster, config: {{type: sni, sni_suffix: \"{SUFFIX}\", \
             broker_host_format: {{type: {}}}}}}}\n",
            Door::Names(*format).name()
        );
        policies.iter().for_each(|line| text += &format!("      - {line}\n"));
        text
    }
}

/// The host names of a virtual cluster.
pub fn names(format: HostFormat, label: &str, port: u16) -> HostNames {
    HostNames::new(format, label, SUFFIX, port)
}

/// Where clients of a virtual cluster begin.
pub fn bootstrap(format: HostFormat, label: &str, port: u16) -> String {
    format!("{}:{port}", names(format, label, port).bootstrap())
}

/// What a gateway shows that all clients share: with domains of their own, an ECDSA certificate for the first label and RSA
/// ones for the others; with a shared domain, one for all whose key is written as OpenSSL did long ago.
pub fn certificates(material: &Material, format: HostFormat, labels: &[&str]) -> Fallible<Vec<Files>> {
    hosts::known()?;
    let one = |kind, form, covers: &str, name: &str| {
        let issued = material.issuing.server(kind, &[covers])?.with_key_as(form, &material.folder)?;
        issued.write(&material.folder, name)
    };
    match format {
        HostFormat::SharedSuffix => {
            Ok(vec![one(Kind::Ecdsa, KeyForm::Traditional, &format!("*{SUFFIX}"), "wildcard")?])
        }
        HostFormat::PerClusterSuffix => {
            let kinds = std::iter::once((Kind::Ecdsa, KeyForm::Pkcs8))
                .chain(std::iter::repeat((Kind::Rsa, KeyForm::Traditional)));
            let own = labels.iter().zip(kinds);
            own.map(|(label, (kind, form))| one(kind, form, &format!("*.{label}{SUFFIX}"), label)).collect()
        }
    }
}
