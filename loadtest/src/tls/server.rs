//! The servers: rustls with nothing around it, HAProxy, and Klamm.
//!
//! Owns how each is started with TLS before a synthetic broker.

use super::client::Handshake;
use super::material::{Material, SUFFIX};
use crate::child::{Child, Start};
use crate::error::{Context, Result};
use crate::gateway::ready;
use crate::lab::haproxy;
use crate::ports;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where ports are looked for.
const PORTS_FROM: u16 = 18200;
/// How long a server may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// The virtual cluster whose host name clients ask for.
pub const VIRTUAL_CLUSTER: &str = "vc-0000";

/// Which one.
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
}

/// One of them, started.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it is not ready in time, with its last log lines.
    pub fn start(kind: Kind, directory: &Path, material: &Material, broker: SocketAddr, core: usize) -> Result<Self> {
        let klamm = KlammFile::write(directory, material, broker, 1)?;
        let (front, admin) = (klamm.front, klamm.admin);
        let log = directory.join("server.log");
        let start = |name| Start { name, log: &log, core: Some(core), counted: None };
        let child = match kind {
            Kind::Bare => {
                let us = std::env::current_exe().doing(|| "cannot start rustls".to_owned())?;
                let mut command: Vec<OsString> = vec![us.into(), "__tls".into(), "--address".into()];
                command.push(front.to_string().into());
                command.extend(["--certificate".into(), material.certificate.clone().into()]);
                command.extend(["--key".into(), material.key.clone().into()]);
                start("rustls").program(&command)?
            }
            Kind::Haproxy => haproxy::start_tls(directory, front, broker, &material.both, Some(core))?,
            Kind::Klamm => start("Klamm").klamm(&klamm.path)?,
        };
        let mut server = Self { child, address: front };
        server.child.wait_until(PATIENCE, || match kind {
            Kind::Bare | Kind::Haproxy => TcpStream::connect(front).map(drop).map_err(|error| error.to_string()),
            Kind::Klamm => ready(admin),
        })?;
        Ok(server)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it still runs.
    ///
    /// # Errors
    ///
    /// How it ended.
    pub fn check(&mut self) -> Result<()> {
        self.child.check()
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn stop(mut self) -> Result<()> {
        self.child.stop(PATIENCE)
    }
}

/// Klamm's configuration as a file: so many virtual clusters behind one port, each with a host name of its own.
pub struct KlammFile {
    /// Where it is.
    pub path: PathBuf,
    /// Where clients connect. Nobody listens there yet.
    pub front: SocketAddr,
    /// Its admin address.
    pub admin: SocketAddr,
}

impl KlammFile {
    /// Chooses its ports and writes it.
    ///
    /// # Errors
    ///
    /// No port is free, or it cannot be written.
    pub fn write(directory: &Path, material: &Material, broker: SocketAddr, virtual_clusters: u32) -> Result<Self> {
        let first = ports::free_block(PORTS_FROM, 2)?;
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (front, admin) = (address(first), address(first + 1));
        let path = directory.join("klamm-tls.yaml");
        let text = config(front, admin, broker, material, virtual_clusters);
        std::fs::write(&path, text).doing(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, front, admin })
    }
}

fn config(
    front: SocketAddr,
    admin: SocketAddr,
    broker: SocketAddr,
    material: &Material,
    virtual_clusters: u32,
) -> String {
    let mut text = format!(
        "# One client makes a storm here: no limit of an everyday gateway is to end it.
node:
  admin: {{address: \"{admin}\"}}
  drain_duration: 5s
  limits: {{accepts_per_second_max: 1000000}}
backend_clusters:
  - name: backend
    bootstrap_servers: [\"{broker}\"]
    authentication: {{type: anonymous}}
    insecure_allow_anonymous_virtual_cluster_auth: true
virtual_clusters:
"
    );
    for number in 0..virtual_clusters {
        let _ = writeln!(
            text,
            "  - {{name: vc-{number:04}, dns_label: vc-{number:04}, destination: {{name: backend}}, authentication: [{{type: anonymous}}], \
             namespace: {{mode: hide_prefix}}}}"
        );
    }
    let (certificate, key) = (material.certificate.display(), material.key.display());
    let _ = write!(
        text,
        "listeners:
  - name: door
    addresses: [\"{}\"]
    ports: [{}]
    policies:
      - type: tls_server
        config: {{certificates: [{{certificate: \"${{file['{certificate}']}}\", key: \"${{file['{key}']}}\"}}]}}
      - type: forward_to_virtual_cluster
        config: {{type: sni, sni_suffix: \"{SUFFIX}\", broker_host_format: {{type: shared_suffix}}}}
",
        front.ip(),
        front.port()
    );
    text
}
