//! The nodes themselves, without the gateway: what a client of theirs must show and may believe. Without it, a test of
//! the gateway's connections to them would prove nothing.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::tenants;
use crate::ensure;
use crate::harness::certificates::Files;
use crate::harness::hosts::{self, NODES_SUFFIX};
use crate::harness::lab_tls::Tls;
use crate::harness::tls::Stream;
use crate::harness::wire::{Wire, socket};
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    hosts::known()?;
    let certificates = world.lab()?.certificates();
    let (own, strange) = (&certificates.authority, &certificates.stranger);
    let enter = |tls: Tls, authority: &Path, shown: Option<&Files>| {
        let stream = Stream::tls(&hosts::of_node(2), socket(&tls.address(2))?, config(authority, shown)?)?;
        Ok(Wire::over(stream, "tls"))
    };
    let listed = world
        .tools_for(Tls::Server.bootstrap())?
        .kcat(&["-L", "-X", "security.protocol=ssl", "-X", &format!("ssl.ca.location={}", own.display())], b"")?;
    ensure!(listed.matches(NODES_SUFFIX).count() >= 3, "the nodes are told without their names:\n{listed}");
    tenants::nodes(&mut enter(Tls::Mutual, own, Some(&certificates.client))?)?;
    tenants::refused("an authority of somebody else", "UnknownIssuer", enter(Tls::Server, strange, None))?;
    tenants::refused("no certificate", "alert", enter(Tls::Mutual, own, None))?;
    let shown = Some(&certificates.strange_client);
    tenants::refused("a certificate of somebody else", "alert", enter(Tls::Mutual, own, shown))?;
    tenants::refused("another name", "not valid for name", enter(Tls::Misnamed, own, None))
}

fn config(authority: &Path, shown: Option<&Files>) -> Fallible<Arc<ClientConfig>> {
    let certificate =
        |path: &Path| CertificateDer::from_pem_file(path).map_err(|error| format!("{}: {error}", path.display()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate(authority)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    Ok(Arc::new(match shown {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| format!("a key: {error}"))?;
            builder.with_client_auth_cert(vec![certificate(&files.certificate)?], key)?
        }
    }))
}
