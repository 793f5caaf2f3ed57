//! What is measured: nothing between client and broker, HAProxy, or Klamm.
//!
//! Owns how each is started before a synthetic broker, and where its clients connect.

mod variant;

pub use variant::{Kind, Variant, cluster_name, setting};

use crate::child::{Child, pin_process};
use crate::error::Result;
use crate::gateway::{Gateway, Layout, Nodes, Plan, VirtualCluster, ready};
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
const PATIENCE_CALLGRIND: Duration = Duration::from_secs(600);
/// Between two connections that wake a gateway under callgrind.
const NUDGE_EVERY: Duration = Duration::from_millis(5);

/// One of them, started.
pub struct Target {
    /// The process; `None`: clients go straight to the broker.
    child: Option<Child>,
    /// Klamm's admin address.
    admin: Option<SocketAddr>,
    /// Where clients begin.
    bootstrap: SocketAddr,
    /// Where clients of the broker's node connect, one for each virtual cluster.
    nodes: Vec<SocketAddr>,
    /// A Klamm under callgrind.
    nudged: bool,
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The first of some free ports.
pub fn free_ports(count: u16) -> Result<u16> {
    let block = u16::try_from(std::process::id() % u32::from(PORT_BLOCKS)).unwrap_or(0);
    ports::free_block(PORTS_FROM + PORTS_PER_BLOCK * block, count)
}

impl Target {
    /// A relay that listens on one address.
    pub fn relay(child: Child, address: SocketAddr) -> Self {
        Self { child: Some(child), admin: None, bootstrap: address, nodes: vec![address], nudged: false }
    }

    /// A Klamm, with the addresses where its clients begin and work.
    pub fn klamm(gateway: Gateway, bootstrap: SocketAddr, nodes: Vec<SocketAddr>) -> Self {
        Self { child: Some(gateway.child), admin: Some(gateway.admin), bootstrap, nodes, nudged: false }
    }

    /// Starts it before the broker and returns at once.
    pub fn spawn(variant: &Variant, directory: &Path, broker: SocketAddr, core: Option<usize>) -> Result<Self> {
        let callgrind = variant.counted.then_some(directory);
        match variant.kind {
            Kind::Direct => {
                Ok(Self { child: None, admin: None, bootstrap: broker, nodes: vec![broker], nudged: false })
            }
            Kind::Haproxy | Kind::HaproxySplice => {
                let address = loopback(free_ports(1)?);
                let splice = variant.kind == Kind::HaproxySplice;
                let config = haproxy::config(&address.to_string(), broker, splice);
                Ok(Self::relay(haproxy::start(directory, &config, core, callgrind)?, address))
            }
            Kind::Klamm | Kind::KlammHide => Self::spawn_klamm(variant, directory, broker, core, callgrind),
        }
    }

    fn spawn_klamm(
        variant: &Variant,
        directory: &Path,
        broker: SocketAddr,
        core: Option<usize>,
        callgrind: Option<&Path>,
    ) -> Result<Self> {
        let count = variant.clusters();
        let each: u16 = if count > BOOTSTRAPS_MAX { 1 } else { 2 };
        let needed = u16::try_from(count).unwrap_or(u16::MAX).saturating_mul(each);
        let first = free_ports(needed.saturating_add(1))?;
        let nodes = Nodes::from([(NODE, broker.to_string())]);
        let layout = |port| if each == 1 { Layout::of_node(port, NODE) } else { Layout::new(port, &nodes) };
        let layouts: Vec<Layout> = (first..).step_by(usize::from(each)).take(count).map(layout).collect();
        let names: Vec<String> = (0..count).map(cluster_name).collect();
        let hides = variant.kind == Kind::KlammHide;
        let cluster = |(name, layout)| VirtualCluster { name: hides.then_some(name), layout: Some(layout) };
        let clusters: Vec<_> = names.iter().map(String::as_str).zip(&layouts).map(cluster).collect();
        let plan = Plan {
            directory,
            clusters: &clusters,
            sni: None,
            admin_port: first + needed,
            bootstrap: &[broker.to_string()],
            settings: &variant.settings,
            core,
            binary: variant.binary.as_deref(),
            callgrind,
        };
        let gateway = Gateway::spawn(&plan, |_| Ok(()))?;
        let nodes = layouts.iter().flat_map(|layout| layout.nodes.values()).map(|port| loopback(*port)).collect();
        Ok(Self { nudged: callgrind.is_some(), ..Self::klamm(gateway, loopback(first), nodes) })
    }

    /// Starts it and waits until it is ready.
    pub fn start(variant: &Variant, directory: &Path, broker: SocketAddr, core: Option<usize>) -> Result<Self> {
        // Klamm refuses more shards than cores; all its threads are sent to the one core once it runs.
        let pinned_later = core.filter(|_| variant.settings.iter().any(|(key, _)| key == "shards"));
        let at_start = if pinned_later.is_some() { None } else { core };
        let mut target = Self::spawn(variant, directory, broker, at_start)?;
        target.wait_ready(if variant.counted { PATIENCE_CALLGRIND } else { PATIENCE })?;
        if let Some((pid, core)) = target.pid().zip(pinned_later) {
            pin_process(pid, core)?;
        }
        Ok(target)
    }

    /// Waits until it is ready.
    pub fn wait_ready(&mut self, patience: Duration) -> Result<()> {
        let (admin, address) = (self.admin, self.bootstrap);
        let Some(child) = &mut self.child else { return Ok(()) };
        nudging(self.nudged.then_some(address), || {
            child.wait_until(patience, || match admin {
                Some(admin) => ready(admin),
                None => TcpStream::connect(address).map(drop).map_err(|error| error.to_string()),
            })
        })
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
        self.child.as_ref().map(Child::pid)
    }

    /// Fails when it does not run any more, with the last lines of its log.
    pub fn check(&mut self) -> Result<()> {
        self.child.as_mut().map_or(Ok(()), Child::check)
    }

    /// Stops it. Fails when it does not end by itself.
    pub fn stop(self) -> Result<()> {
        let Some(mut child) = self.child else { return Ok(()) };
        nudging(self.nudged.then_some(self.bootstrap), || child.stop(PATIENCE))
    }
}

/// Works while connections to this address come and go. Valgrind runs one thread at a time, and takes io_uring_enter(2)
/// for a call that does not block: while a shard waits in it, no other thread runs. What wakes the shard lets them.
fn nudging<T>(address: Option<SocketAddr>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let Some(address) = address else { return work() };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // Before the socket listens, and after, nobody is there: that is no fault.
                let _ = TcpStream::connect(address);
                std::thread::sleep(NUDGE_EVERY);
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}
