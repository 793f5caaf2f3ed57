//! The two tenants by host name, on one port with TLS: what a client of a name sees.
//!
//! Owns a client that speaks TLS. The other clients here are built without it, and go to the tenants' own ports.

use super::tenants::{TOPIC, Tenant, Tenants};
use crate::certificates;
use crate::error::{Context, Error, Result};
use crate::gateway::Nodes;
use crate::load::handshake;
use crate::tls::client::{open, plain_config};
use crate::wire::cluster::TopicMetadata;
use klamm::cluster::{HostFormat, HostNames};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// What the host names end with. A public DNS knows that each of them is this machine.
pub const SUFFIX: &str = ".127-0-0-1.sslip.io";
/// A label that no tenant has.
const NOBODY: &str = "vc-carol";

/// The port with TLS.
pub struct Names {
    /// The one port of both tenants.
    pub port: u16,
    /// The authority that clients trust.
    pub authority: PathBuf,
    /// Settings of Java's clients.
    pub properties: PathBuf,
}

impl Names {
    /// Where a tenant's clients begin.
    pub fn bootstrap(&self, tenant: &Tenant) -> String {
        format!("{}:{}", self.of(&tenant.cluster).bootstrap(), self.port)
    }

    /// The names of a virtual cluster.
    pub fn of(&self, label: &str) -> HostNames {
        HostNames::new(HostFormat::PerClusterSuffix, label, SUFFIX, self.port)
    }

    /// A tenant sees its own names, and its own topic.
    pub fn tenant_sees(&self, tenant: &Tenant, nodes: &Nodes) -> Result<((), String)> {
        let names = self.of(&tenant.cluster);
        let seen = self.ask(&names.bootstrap())?;
        let expected = nodes.keys().map(|id| (*id, format!("broker-{id}{}", names.own), self.port));
        if !seen.nodes.iter().cloned().eq(expected) {
            return Err(Error::new(format!("{} sees {:?}", tenant.name, seen.nodes)));
        }
        if seen.error != 0 || seen.topic != TOPIC {
            let (topic, error) = (&seen.topic, seen.error);
            return Err(Error::new(format!("{} sees {topic} with error {error}", tenant.name)));
        }
        // Each node's own name leads to it, too.
        for (_, host, _) in &seen.nodes {
            self.ask(host)?;
        }
        let hosts: Vec<&str> = seen.nodes.iter().map(|(_, host, _)| host.as_str()).collect();
        Ok(((), format!("port {}, and the nodes {}", self.port, hosts.join(", "))))
    }

    /// A name that is nobody's is refused.
    pub fn nobody(&self) -> Result<((), String)> {
        let name = self.of(NOBODY).bootstrap();
        match self.ask(&name) {
            Err(error) if error.what().contains("UnrecognisedName") => {
                Ok(((), format!("{name} gets the TLS alert unrecognized_name")))
            }
            Err(error) => Err(error.during(&format!("{name} should be refused by an alert"))),
            Ok(_) => Err(Error::new(format!("{name} leads somewhere"))),
        }
    }

    /// Asks for Metadata of the tenants' topic as a client that wants this host. It is not looked up: it is here.
    fn ask(&self, host: &str) -> Result<TopicMetadata> {
        let doing = || format!("cannot trust {}", self.authority.display());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.authority).doing(doing)?).doing(doing)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        handshake::metadata(&mut open(address, host, &plain_config(&Arc::new(roots))?)?, TOPIC)
    }

    /// Lines for /etc/hosts.
    pub fn hosts(&self, tenants: &Tenants, nodes: &Nodes) -> Vec<String> {
        let ids: Vec<i32> = nodes.keys().copied().collect();
        let line = |tenant: &Tenant| {
            let names = certificates::names_of_nodes(&self.of(&tenant.cluster), &ids);
            format!("127.0.0.1 {}", names.join(" "))
        };
        tenants.both().map(line).to_vec()
    }
}
