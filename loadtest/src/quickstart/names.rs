//! The two tenants by host name, on one port with TLS: what a client that asks for a name is told.
//!
//! Owns the certificates of the quick start and a client that speaks TLS. The other clients here are built without it, and
//! go to the tenants' own ports.

use super::tenants::{TOPIC, Tenant, Tenants};
use crate::certificates;
use crate::error::{Context, Error, Result};
use crate::gateway::{DOOR_SUFFIX, Nodes};
use crate::load::handshake;
use crate::wire::cluster;
use klamm::cluster::{HostFormat, HostNames};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A label that no tenant has.
const NOBODY: &str = "vc-carol";

/// The port with TLS.
pub struct Names {
    /// The one port of both tenants.
    pub port: u16,
    /// What clients believe.
    pub authority: PathBuf,
    /// Settings of Java's clients.
    pub properties: PathBuf,
}

impl Names {
    /// Makes the certificates that the configuration names.
    ///
    /// # Errors
    ///
    /// When they cannot be made.
    pub fn prepare(config: &Path, port: u16) -> Result<Names> {
        let (authority, properties) = certificates::for_quickstart(config)?;
        Ok(Names { port, authority, properties })
    }

    /// Where a tenant's clients begin.
    pub fn bootstrap(&self, tenant: &Tenant) -> String {
        format!("{}:{}", self.of(&tenant.cluster).bootstrap(), self.port)
    }

    /// The names of a virtual cluster.
    pub fn of(&self, label: &str) -> HostNames {
        HostNames::new(HostFormat::PerClusterSuffix, label, DOOR_SUFFIX, self.port)
    }

    /// A tenant is told of its own names, and of its own topic.
    ///
    /// # Errors
    ///
    /// What it is told instead.
    pub fn told(&self, tenant: &Tenant, nodes: &Nodes) -> Result<((), String)> {
        let names = self.of(&tenant.cluster);
        let seen = self.ask(&names.bootstrap())?;
        let expected = nodes.keys().map(|id| (*id, format!("broker-{id}{}", names.own), self.port));
        if !seen.nodes.iter().cloned().eq(expected) {
            return Err(Error::new(format!("{} is told of {:?}", tenant.name, seen.nodes)));
        }
        if seen.topic_error != 0 || seen.topic != TOPIC {
            let (topic, error) = (&seen.topic, seen.topic_error);
            return Err(Error::new(format!("{} is told of {topic} with error {error}", tenant.name)));
        }
        // Each node's own name leads to it, too.
        for (_, host, _) in &seen.nodes {
            self.ask(host)?;
        }
        let hosts: Vec<&str> = seen.nodes.iter().map(|(_, host, _)| host.as_str()).collect();
        Ok(((), format!("port {}, and the nodes {}", self.port, hosts.join(", "))))
    }

    /// A name that is nobody's is refused.
    ///
    /// # Errors
    ///
    /// That it is not.
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
    fn ask(&self, host: &str) -> Result<cluster::Seen> {
        let doing = || format!("no answer in TLS from {host}:{}", self.port);
        let socket = handshake::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))?;
        let name = ServerName::try_from(host.to_owned()).doing(doing)?;
        let connection = ClientConnection::new(self.config()?, name).doing(doing)?;
        let answer = handshake::ask(&mut StreamOwned::new(connection, socket), cluster::metadata_request(TOPIC));
        cluster::metadata(&answer.map_err(|error| error.during(&doing()))?).map_err(Error::new)
    }

    fn config(&self) -> Result<Arc<ClientConfig>> {
        let doing = || format!("cannot believe {}", self.authority.display());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.authority).doing(doing)?).doing(doing)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().doing(doing)?;
        Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
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
