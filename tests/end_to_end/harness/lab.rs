//! The lab: a real Kafka of three combined KRaft nodes, each on a loopback address of its own.
//!
//! Owns the nodes' processes and files. The addresses 127.0.0.2 and up are what must never reach a client: the gateway
//! advertises 127.0.0.1, so that any of them in an answer is a leak.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use kafka_protocol::messages::MetadataRequest;

use super::hosts::NODES_SUFFIX;
use super::jvms::Call;
use super::lab_tls::Certificates;
use super::process::Process;
use super::tools::{Jars, NODE, patience};
use super::wire::Wire;
use super::{Fallible, locked, ports, until};
use crate::ensure;

/// Nodes of the lab when it starts.
pub const NODES: usize = 3;

/// The cluster id with which all nodes are formatted.
pub const CLUSTER_ID: &str = "a2xhbW0tbGFiLTAwMDAwMQ";

/// What every address of a node, controllers included, begins with, and what their names end with: the canaries of the
/// leak tests.
pub const CANARIES: [&str; 5] = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", NODES_SUFFIX];

/// A running Kafka.
pub struct Lab {
    folder: PathBuf,
    jars: Jars,
    certificates: Certificates,
    nodes: Mutex<Vec<Node>>,
}

struct Node {
    id: usize,
    port: u16,
    process: Option<Process>,
}

impl Lab {
    /// Formats and starts three nodes, and waits until each names all three.
    pub fn start(folder: &Path, jars: &Jars) -> Fallible<Lab> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("log4j2.properties"), LOGGING)?;
        let nodes = (1..=NODES).map(|id| Node { id, port: node_port(id), process: None }).collect();
        let certificates = Certificates::make(&folder.join("tls"))?;
        let lab = Lab { folder: folder.to_owned(), jars: jars.clone(), certificates, nodes: Mutex::new(nodes) };
        std::thread::scope(|scope| -> Fallible<()> {
            let lab = &lab;
            let format = |id| scope.spawn(move || lab.format(id, "broker,controller"));
            let formats: Vec<_> = (1..=NODES).map(format).collect();
            formats.into_iter().try_for_each(|format| format.join().map_err(|_| "it panicked")?)
        })?;
        for id in 1..=NODES {
            lab.start_node(id)?;
        }
        lab.wait_for_nodes(NODES)?;
        Ok(lab)
    }

    /// Addresses to begin with, as clients take them.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = (1..=NODES).map(|id| self.address(id)).collect();
        addresses.join(",")
    }

    /// host:port of a node.
    pub fn address(&self, id: usize) -> String {
        let port = locked(&self.nodes).iter().find(|node| node.id == id).map_or(0, |node| node.port);
        format!("{}:{port}", node_host(id))
    }

    /// The files that speaking TLS to the nodes needs; `Tls` has the addresses.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// SIGKILL.
    pub fn kill_node(&self, id: usize) {
        for node in locked(&self.nodes).iter_mut().filter(|node| node.id == id) {
            node.process = None;
        }
    }

    /// Starts a node that is down, at its port of before.
    pub fn start_node(&self, id: usize) -> Fallible<()> {
        let log = self.folder.join(format!("node{id}.log"));
        let logging = format!("-Dlog4j2.configurationFile={}", self.folder.join("log4j2.properties").display());
        let mut command = self.jars.java(NODE, &["-Xmx256m", &logging]);
        command.arg(self.properties_file(id));
        for node in locked(&self.nodes).iter_mut().filter(|node| node.id == id) {
            node.process = Some(Process::start(&mut command, &log)?);
        }
        Ok(())
    }

    /// Starts a node that is down, at another port than before.
    pub fn move_node(&self, id: usize, port: u16) -> Fallible<()> {
        for node in locked(&self.nodes).iter_mut().filter(|node| node.id == id) {
            node.port = port;
        }
        let file = self.properties_file(id);
        let role = if id <= NODES { "broker,controller" } else { "broker" };
        fs::write(file, self.properties(id, role))?;
        self.start_node(id)
    }

    /// Adds a node, which is a broker only.
    pub fn add_node(&self, id: usize) -> Fallible<()> {
        locked(&self.nodes).push(Node { id, port: node_port(id), process: None });
        self.format(id, "broker")?;
        self.start_node(id)
    }

    /// Waits until each of nodes 1 to 3 names `count` nodes.
    pub fn wait_for_nodes(&self, count: usize) -> Fallible<()> {
        for id in 1..=NODES {
            until(&format!("node {id} names {count} nodes"), patience(90), || {
                self.check_alive()?;
                let mut wire = Wire::connect(&self.address(id))?;
                let answer = wire.ask(12, &MetadataRequest::default().with_topics(None))?;
                ensure!(answer.body.brokers.len() == count, "it names {}", answer.body.brokers.len());
                Ok(())
            })?;
        }
        Ok(())
    }

    fn check_alive(&self) -> Fallible<()> {
        for node in locked(&self.nodes).iter_mut() {
            if let Some(process) = &mut node.process
                && let Some(status) = process.ended()?
            {
                return Err(
                    format!("node {} ended: {status}\n{}", node.id, super::process::tail(&process.log())).into()
                );
            }
        }
        Ok(())
    }

    fn format(&self, id: usize, roles: &str) -> Fallible<()> {
        let file = self.properties_file(id);
        fs::write(&file, self.properties(id, roles))?;
        let arguments = ["format", "-t", CLUSTER_ID, "-c", &file.display().to_string()];
        let call = Call { class: "kafka.tools.StorageTool", arguments: &arguments, properties: "", input: b"" };
        let formatted = self.jars.run(call, &self.folder, patience(60))?.success();
        formatted.map(drop).map_err(|error| format!("formatting node {id}: {error}").into())
    }

    fn properties_file(&self, id: usize) -> PathBuf {
        self.folder.join(format!("node{id}.properties"))
    }

    fn properties(&self, id: usize, roles: &str) -> String {
        let voters: Vec<String> =
            (1..=NODES).map(|id| format!("{id}@{}:{}", controller_host(id), controller_port(id))).collect();
        let plain = format!("PLAINTEXT://{}", self.address(id));
        let broker = format!("{plain},{}", Certificates::listeners(id, &node_host(id)));
        let advertised = format!("{plain},{}", Certificates::advertised(id));
        let controller = format!("CONTROLLER://{}:{}", controller_host(id), controller_port(id));
        let listeners = if roles.contains("controller") { format!("{broker},{controller}") } else { broker };
        format!(
            "process.roles={roles}\nnode.id={id}\nlisteners={listeners}\nadvertised.listeners={advertised}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{}\n{}\
             controller.quorum.voters={}\nlog.dirs={}\n{PROPERTIES}{}\n",
            Certificates::protocols(),
            self.certificates.properties(id),
            voters.join(","),
            self.folder.join(format!("data{id}")).display(),
            std::env::var(MORE_PROPERTIES).unwrap_or_default().replace(',', "\n"),
        )
    }
}

/// Where a node listens.
pub fn node_address(id: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(id + 1).expect("few nodes"))
}

fn node_host(id: usize) -> String {
    node_address(id).to_string()
}

fn controller_host(id: usize) -> String {
    format!("127.0.0.{}", 20 + id + 1)
}

fn node_port(id: usize) -> u16 {
    ports::node() + u16::try_from(id - 1).expect("few nodes")
}

fn controller_port(id: usize) -> u16 {
    ports::controller() + u16::try_from(id - 1).expect("few nodes")
}

/// More properties of all nodes, comma between; of two of one name the last is used.
const MORE_PROPERTIES: &str = "KLAMM_LAB_PROPERTIES";

/// Common to all nodes. A node may be unheard of for 5 s before its partitions move (9 s unless set): tests kill nodes.
/// Records are kept however old their timestamps say they are: tests choose those.
const PROPERTIES: &str = "\
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=5000
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
num.partitions=3
default.replication.factor=3
min.insync.replicas=2
log.retention.ms=-1
num.io.threads=2
num.network.threads=2
log.cleaner.dedupe.buffer.size=2097152
log.flush.offset.checkpoint.interval.ms=60000
";

const LOGGING: &str = "\
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
";
