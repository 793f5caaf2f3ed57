//! The servers: rustls with nothing around it, HAProxy, and Klamm.
//!
//! Owns how each is started with TLS before a synthetic broker, and the certificate that they share: ECDSA P-256, signed by
//! itself, for each host name that is asked for.

use super::client::Handshake;
use crate::child::Start;
use crate::error::{Context, Result};
use crate::gateway::{Gateway, Plan, Sni, VirtualCluster};
use crate::lab::haproxy;
use crate::target::{Target, cluster_name, free_ports};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::RootCertStore;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the host names end with.
const SUFFIX: &str = ".loadtest.example";
/// The host name that clients ask for: the bootstrap of the first virtual cluster (shared_suffix).
pub const HOST: &str = "bootstrap-vc-0000.loadtest.example";

/// The certificate, its key, and who trusts it.
pub struct Material {
    certificate: PathBuf,
    key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    both: PathBuf,
    /// For clients.
    pub roots: Arc<RootCertStore>,
}

impl Material {
    /// Makes them.
    pub fn make(directory: &Path) -> Result<Self> {
        let doing = "cannot make a certificate";
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

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// See [`super::bare`].
    Bare,
    /// HAProxy, `mode tcp`, one thread.
    Haproxy,
    /// Klamm, sni.
    Klamm,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 3] = [Self::Bare, Self::Haproxy, Self::Klamm];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "rustls",
            Self::Haproxy => "haproxy",
            Self::Klamm => "klamm",
        }
    }

    /// Whether it can be measured on this machine.
    pub fn is_there(self) -> bool {
        self != Self::Haproxy || haproxy::version().is_some()
    }

    /// Whether it takes part: nobody answers requests behind the bare server, and OpenSSL knows X25519MLKEM768 from 3.5 on.
    pub fn can(self, handshake: Handshake) -> bool {
        match handshake {
            Handshake::FullAndRequest => self != Self::Bare,
            Handshake::Hybrid => self != Self::Haproxy,
            Handshake::Full | Handshake::Resumed | Handshake::Full12 | Handshake::Resumed12 => true,
        }
    }

    /// Starts it without waiting for it.
    pub fn start(self, directory: &Path, material: &Material, broker: SocketAddr, core: usize) -> Result<Target> {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match self {
            Self::Bare => {
                let address = loopback(free_ports(1)?);
                let us = std::env::current_exe().doing("cannot start rustls")?;
                let mut command: Vec<OsString> = vec![us.into(), "__tls".into(), "--address".into()];
                command.push(address.to_string().into());
                command.extend(["--certificate".into(), material.certificate.clone().into()]);
                command.extend(["--key".into(), material.key.clone().into()]);
                let log = directory.join("rustls.log");
                let start = Start { name: "rustls", log: &log, core: Some(core), callgrind: None };
                Ok(Target::relay(start.program(&command)?, address))
            }
            Self::Haproxy => {
                let address = loopback(free_ports(1)?);
                let bind = format!("{address} ssl crt {} curves X25519:P-256", material.both.display());
                let config = haproxy::config(&bind, broker, false);
                Ok(Target::relay(haproxy::start(directory, &config, Some(core), None)?, address))
            }
            Self::Klamm => start_klamm(directory, material, broker, Some(core), 1, || ()),
        }
    }
}

/// Starts Klamm with so many virtual clusters behind one port, each with a host name of its own. `prepared` is called right
/// before its process is started.
pub fn start_klamm(
    directory: &Path,
    material: &Material,
    broker: SocketAddr,
    core: Option<usize>,
    virtual_clusters: usize,
    prepared: impl FnOnce(),
) -> Result<Target> {
    let first = free_ports(2)?;
    let names: Vec<String> = (0..virtual_clusters).map(cluster_name).collect();
    let clusters: Vec<_> = names.iter().map(|name| VirtualCluster { name: Some(name), layout: None }).collect();
    let (certificate, key) = (material.certificate.display().to_string(), material.key.display().to_string());
    let sni = Sni { port: first, suffix: SUFFIX, host_format: "shared_suffix", files: (&certificate, &key) };
    let plan = Plan {
        directory,
        clusters: &clusters,
        sni: Some(sni),
        admin_port: first + 1,
        bootstrap: &[broker.to_string()],
        // One client makes a storm here: no limit of an everyday gateway is to end it.
        settings: &[("limits.accepts_per_second_max".to_owned(), "1000000".to_owned())],
        core,
        binary: None,
        callgrind: None,
    };
    let gateway = Gateway::spawn(&plan, |_| {
        prepared();
        Ok(())
    })?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, first));
    Ok(Target::klamm(gateway, address, vec![address]))
}
