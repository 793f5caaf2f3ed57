//! What is measured: nothing between client and broker, HAProxy, or Klamm.
//!
//! Owns how each is started before a synthetic broker, and where its clients connect.

mod variant;

pub use variant::{Kind, Variant, setting};

use crate::child::{Child, pin_process};
use crate::error::Result;
use crate::gateway::{Front, Gateway, Layout, Nodes, Plan};
use crate::lab::haproxy;
use crate::load::Place;
use crate::ports;
use crate::wire::cluster::NODE;
use crate::wire::{TOPIC, fetch};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where ports are looked for: so many blocks of so many, of which a process begins with one of its own, so that two
/// measurements on one machine do not run for the same port.
const PORTS_FROM: u16 = 19192;
const PORT_BLOCKS: u16 = 64;
const PORTS_PER_BLOCK: u16 = 32;
/// With more virtual clusters than this, none has a bootstrap port: there would not be ports enough.
const BOOTSTRAPS_MAX: usize = 1000;
/// How long a proxy may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same under callgrind.
const PATIENCE_COUNTED: Duration = Duration::from_secs(600);
/// Between two connections that wake a counted gateway.
const NUDGE_EVERY: Duration = Duration::from_millis(5);

/// One of them, started.
pub struct Target {
    process: Process,
    /// Where clients of the broker's node connect, one for each virtual cluster.
    nodes: Vec<SocketAddr>,
    bootstrap: SocketAddr,
    counted: bool,
}

enum Process {
    None,
    Haproxy(Child),
    Klamm(Gateway),
}

fn ports_from() -> u16 {
    let block = std::process::id() % u32::from(PORT_BLOCKS);
    PORTS_FROM + PORTS_PER_BLOCK * u16::try_from(block).unwrap_or(0)
}

impl Target {
    /// Starts it before the broker and returns at once.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn(variant: &Variant, directory: &Path, broker: SocketAddr, core: Option<usize>) -> Result<Self> {
        let splice = variant.kind == Kind::HaproxySplice;
        match variant.kind {
            Kind::Direct => Ok(Self { process: Process::None, nodes: vec![broker], bootstrap: broker, counted: false }),
            Kind::Haproxy | Kind::HaproxySplice => {
                let front = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_block(ports_from(), 1)?));
                let child = haproxy::start(directory, front, broker, splice, core, variant.counted)?;
                let counted = variant.counted;
                Ok(Self { process: Process::Haproxy(child), nodes: vec![front], bootstrap: front, counted })
            }
            Kind::Klamm | Kind::KlammHide => Self::klamm(variant, directory, broker, core),
        }
    }

    fn klamm(variant: &Variant, directory: &Path, broker: SocketAddr, core: Option<usize>) -> Result<Self> {
        let clusters = variant.clusters();
        let each: u16 = if clusters > BOOTSTRAPS_MAX { 1 } else { 2 };
        let needed = u16::try_from(clusters).unwrap_or(u16::MAX).saturating_mul(each);
        let first = ports::free_block(ports_from(), needed.saturating_add(1))?;
        let nodes = Nodes::from([(NODE, broker.to_string())]);
        let layout = |port| if each == 1 { Layout::of_node(port, NODE) } else { Layout::new(port, &nodes) };
        let layouts: Vec<Layout> = (first..).step_by(usize::from(each)).take(clusters).map(layout).collect();
        let names: Vec<String> = (0..clusters).map(variant::cluster_name).collect();
        let hidden = variant.kind == Kind::KlammHide;
        let front = |(name, layout)| Front { tenant: hidden.then_some(name), layout };
        let fronts: Vec<Front<'_>> = names.iter().map(String::as_str).zip(&layouts).map(front).collect();
        let plan = Plan {
            directory,
            fronts: &fronts,
            admin_port: first + needed,
            bootstrap: &[broker.to_string()],
            core,
            settings: &variant.settings,
            door: None,
            binary: variant.binary.as_deref(),
            counted: variant.counted.then_some(directory),
        };
        let gateway = Gateway::spawn(&plan)?;
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let nodes = layouts.iter().flat_map(|layout| layout.nodes.values()).map(|port| address(*port)).collect();
        Ok(Self { process: Process::Klamm(gateway), nodes, bootstrap: address(first), counted: variant.counted })
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it is not ready in time, with its last log lines.
    pub fn start(variant: &Variant, directory: &Path, broker: SocketAddr, core: Option<usize>) -> Result<Self> {
        // Klamm refuses more shards than cores; all its threads are sent to the one core once it runs.
        let pinned_later = core.filter(|_| variant.settings.iter().any(|(key, _)| key == "shards"));
        let at_start = if pinned_later.is_some() { None } else { core };
        let mut target = Self::spawn(variant, directory, broker, at_start)?;
        let front = target.bootstrap;
        let patience = if variant.counted { PATIENCE_COUNTED } else { PATIENCE };
        match &mut target.process {
            Process::None => {}
            Process::Haproxy(child) => {
                child.wait_until(patience, || TcpStream::connect(front).map(drop).map_err(|error| error.to_string()))?
            }
            Process::Klamm(gateway) if variant.counted => nudging(front, || gateway.wait_ready(patience))?,
            Process::Klamm(gateway) => gateway.wait_ready(patience)?,
        }
        if let Some((pid, core)) = target.pid().zip(pinned_later) {
            pin_process(pid, core)?;
        }
        Ok(target)
    }

    /// Where clients of the broker's node connect.
    pub fn node_address(&self) -> SocketAddr {
        self.nodes.first().copied().unwrap_or(self.bootstrap)
    }

    /// Where clients work: the only partition of the topic, in each virtual cluster.
    pub fn places(&self) -> Vec<Place> {
        let topic = || fetch::Topic { name: TOPIC.as_bytes().to_vec(), id: [0; 16] };
        self.nodes.iter().map(|address| Place { address: *address, topic: topic(), partition: 0 }).collect()
    }

    /// Where clients begin.
    pub fn bootstrap_address(&self) -> SocketAddr {
        self.bootstrap
    }

    /// The process, if there is one.
    pub fn pid(&self) -> Option<u32> {
        match &self.process {
            Process::None => None,
            Process::Haproxy(child) => Some(child.pid()),
            Process::Klamm(gateway) => Some(gateway.child.pid()),
        }
    }

    /// Whether it still runs; if not, with its last log lines.
    ///
    /// # Errors
    ///
    /// How it ended.
    pub fn check(&mut self) -> Result<()> {
        match &mut self.process {
            Process::None => Ok(()),
            Process::Haproxy(child) => child.check(),
            Process::Klamm(gateway) => gateway.child.check(),
        }
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn stop(self) -> Result<()> {
        match self.process {
            Process::None => Ok(()),
            Process::Haproxy(mut child) => child.stop(PATIENCE),
            Process::Klamm(gateway) if self.counted => nudging(self.bootstrap, || gateway.stop()),
            Process::Klamm(gateway) => gateway.stop(),
        }
    }
}

/// Does something while connections come and go. Valgrind runs one thread at a time, and takes io_uring_enter(2) for a
/// call that does not block: while a shard waits in it, no other thread runs. What wakes the shard lets them.
fn nudging<T>(front: SocketAddr, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // Before the socket listens, and after, nobody is there: that is no fault.
                let _ = TcpStream::connect(front);
                std::thread::sleep(NUDGE_EVERY);
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}
