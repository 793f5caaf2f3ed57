//! What is measured: nothing between client and broker, HAProxy, or Klamm.
//!
//! Owns how each is started before a synthetic broker, and where its clients connect.

use crate::child::Child;
use crate::error::Result;
use crate::gateway::{Front, Gateway, Layout, Nodes, Plan};
use crate::lab::haproxy;
use crate::{ports, wire};
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Klamm's ports here: bootstrap, one node, admin.
const PORTS_NEEDED: u16 = 3;
/// Where they are looked for.
const PORTS_FROM: u16 = 19192;
/// How long a proxy may take to be ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// What stands between client and broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing: what generator and broker can do.
    Direct,
    /// HAProxy, `mode tcp`, one thread.
    Haproxy,
    /// Klamm, passthrough.
    Klamm,
}

impl Kind {
    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Haproxy => "HAProxy",
            Self::Klamm => "Klamm",
        }
    }

    /// What is wanted (all, when nothing is named) and can be measured on this machine; says what is missing.
    pub fn wanted(named: &[Self]) -> Vec<Self> {
        let all = [Self::Direct, Self::Haproxy, Self::Klamm];
        let mut wanted: Vec<Self> = all.into_iter().filter(|kind| named.is_empty() || named.contains(kind)).collect();
        if wanted.contains(&Self::Haproxy) && haproxy::version().is_none() {
            println!("\n{}: it is left out.", haproxy::INSTALL);
            wanted.retain(|kind| *kind != Self::Haproxy);
        }
        wanted
    }
}

/// One of them, started.
pub enum Target {
    /// No process.
    Direct(SocketAddr),
    /// The process and its address.
    Haproxy(Child, SocketAddr),
    /// Klamm and its ports.
    Klamm(Gateway, Layout),
}

impl Target {
    /// Starts it before the broker and returns at once.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn(kind: Kind, directory: &Path, broker: SocketAddr, core: Option<usize>) -> Result<Self> {
        let first = ports::free_block(PORTS_FROM, PORTS_NEEDED)?;
        match kind {
            Kind::Direct => Ok(Self::Direct(broker)),
            Kind::Haproxy => {
                let front = SocketAddr::from((Ipv4Addr::LOCALHOST, first));
                Ok(Self::Haproxy(haproxy::start(directory, front, broker, core)?, front))
            }
            Kind::Klamm => {
                let nodes = Nodes::from([(wire::NODE, broker.to_string())]);
                let layout = Layout::new(first, &nodes);
                let bootstrap = [broker.to_string()];
                let fronts = [Front { tenant: None, layout: &layout }];
                let plan = Plan { directory, fronts: &fronts, admin_port: first + 2, bootstrap: &bootstrap, core };
                Gateway::spawn(&plan).map(|gateway| Self::Klamm(gateway, layout))
            }
        }
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it is not ready in time, with its last log lines.
    pub fn start(kind: Kind, directory: &Path, broker: SocketAddr, core: Option<usize>) -> Result<Self> {
        let mut target = Self::spawn(kind, directory, broker, core)?;
        match &mut target {
            Self::Direct(_) => {}
            Self::Haproxy(child, front) => {
                let front = *front;
                child
                    .wait_until(PATIENCE, || TcpStream::connect(front).map(drop).map_err(|error| error.to_string()))?;
            }
            Self::Klamm(gateway, _) => gateway.wait_ready(PATIENCE)?,
        }
        Ok(target)
    }

    /// Where clients of the broker's node connect.
    pub fn node_address(&self) -> SocketAddr {
        match self {
            Self::Direct(address) | Self::Haproxy(_, address) => *address,
            Self::Klamm(_, layout) => {
                let port = layout.nodes.get(&wire::NODE).copied().unwrap_or(layout.first);
                SocketAddr::from((Ipv4Addr::LOCALHOST, port))
            }
        }
    }

    /// Where clients begin.
    pub fn bootstrap_address(&self) -> SocketAddr {
        match self {
            Self::Direct(address) | Self::Haproxy(_, address) => *address,
            Self::Klamm(_, layout) => SocketAddr::from((Ipv4Addr::LOCALHOST, layout.first)),
        }
    }

    /// The process, if there is one.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Direct(_) => None,
            Self::Haproxy(child, _) => Some(child.pid()),
            Self::Klamm(gateway, _) => Some(gateway.child.pid()),
        }
    }

    /// Whether it still runs; if not, with its last log lines.
    ///
    /// # Errors
    ///
    /// How it ended.
    pub fn check(&mut self) -> Result<()> {
        match self {
            Self::Direct(_) => Ok(()),
            Self::Haproxy(child, _) => child.check(),
            Self::Klamm(gateway, _) => gateway.child.check(),
        }
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn stop(self) -> Result<()> {
        match self {
            Self::Direct(_) => Ok(()),
            Self::Haproxy(mut child, _) => child.stop(PATIENCE),
            Self::Klamm(gateway, _) => gateway.stop(),
        }
    }
}
