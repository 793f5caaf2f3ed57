//! A real Kafka of three nodes, on loopback, in a temporary directory.
//!
//! Owns its jars, the nodes' settings, their start and their end. Each node is broker and controller (KRaft).

use crate::child::{Child, Start};
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::ports;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is started: the end-to-end tests have the same jars.
const POM: &str = include_str!("../../../tests/lab/pom.xml");
const KAFKA_VERSION: &str = "4.3.1";
/// Where jars are that somebody else fetched, as `tests/run fetch` prints it.
const JARS_VARIABLE: &str = "KLAMM_LAB_JARS";
/// What it takes.
const INSTALL: &str = "Java 17 or newer is needed, and Maven once, to fetch Kafka's jars. On Debian: apt-get install \
                       openjdk-17-jre-headless maven";
/// Nodes of the cluster.
const NODES: u16 = 3;
/// Where free ports are looked for: six are needed.
const PORTS_FROM: u16 = 19392;
/// Any 22 characters of base64url are a cluster id (StorageTool random-uuid writes such).
const CLUSTER_ID: &str = "S2xhbW1RdWlja3N0YXJ0MQ";
/// What a node may take; three of them fit in 1.2 GB.
const JVM: [&str; 3] = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
/// How long the cluster may take to be there, on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// How long a node may take to end in order.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// The running cluster. Dropping it kills the nodes.
pub struct Lab {
    jars: PathBuf,
    ports: u16,
    nodes: Vec<Child>,
}

impl Lab {
    /// Brings the jars, formats the nodes' directories, and starts them.
    pub fn start(directory: &Path) -> Result<Self> {
        let jars = jars()?;
        let ports = ports::free_block(PORTS_FROM, 2 * NODES)?;
        let mut lab = Self { jars, ports, nodes: Vec::new() };
        let settings: Vec<PathBuf> = (1..=NODES).map(|id| lab.configure(directory, id)).collect::<Result<_>>()?;
        for (id, settings) in (1..=NODES).zip(&settings) {
            let log = directory.join(format!("kafka-{id}.log"));
            let mut command = vec![OsString::from("java")];
            command.extend(lab.java("kafka.Kafka"));
            command.push(settings.into());
            lab.nodes.push(Start { name: "a Kafka node", log: &log, core: None, callgrind: None }.program(&command)?);
        }
        lab.wait()?;
        Ok(lab)
    }

    /// The nodes' addresses.
    pub fn bootstrap(&self) -> Vec<String> {
        (1..=NODES).map(|id| format!("127.0.0.1:{}", self.broker_port(id))).collect()
    }

    /// Where Kafka's jars are: its tools are in them.
    pub fn jars(&self) -> &Path {
        &self.jars
    }

    /// Ends the nodes in order, as long as the rest can take over; the last one, which would wait for minutes for
    /// somebody to hand its partitions to, is killed: its data is thrown away anyway.
    pub fn stop(mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some(mut node) = self.nodes.pop() {
            let majority = self.nodes.len() + 1 > usize::from(NODES) / 2;
            outcome = outcome.and(if majority { node.stop(STOP_PATIENCE) } else { node.kill() });
        }
        outcome
    }

    fn broker_port(&self, id: u16) -> u16 {
        self.ports + id - 1
    }

    fn controller_port(&self, id: u16) -> u16 {
        self.ports + NODES + id - 1
    }

    fn java(&self, class: &str) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = JVM.iter().map(OsString::from).collect();
        arguments.extend(["-cp".into(), self.jars.join("*").into_os_string(), class.into()]);
        arguments
    }

    /// Writes a node's settings and formats its directory.
    fn configure(&self, directory: &Path, id: u16) -> Result<PathBuf> {
        interrupt::check()?;
        let file = directory.join(format!("kafka-{id}.properties"));
        let data = directory.join(format!("kafka-{id}.data"));
        std::fs::write(&file, self.properties(id, &data)).doing(|| format!("cannot write {}", file.display()))?;
        let mut format = Command::new("java");
        format.args(self.java("kafka.tools.StorageTool")).args(["format", "-t", CLUSTER_ID, "-c"]).arg(&file);
        run(&mut format, "format a directory with java")?;
        Ok(file)
    }

    fn properties(&self, id: u16, data: &Path) -> String {
        let voters: Vec<String> =
            (1..=NODES).map(|id| format!("{id}@127.0.0.1:{}", self.controller_port(id))).collect();
        format!(
            "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=4
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
",
            voters = voters.join(","),
            broker = self.broker_port(id),
            controller = self.controller_port(id),
            data = data.display(),
        )
    }

    /// Waits until every node listens. Whether the cluster answers, the caller's first request finds out.
    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_PATIENCE;
        for id in 1..=NODES {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.broker_port(id)));
            let index = usize::from(id - 1);
            let Some(node) = self.nodes.get_mut(index) else { continue };
            node.wait_until(deadline.saturating_duration_since(Instant::now()), || {
                TcpStream::connect_timeout(&address, Duration::from_secs(1))
                    .map(drop)
                    .map_err(|error| error.to_string())
            })?;
        }
        Ok(())
    }
}

/// The jars' directory; Maven fetches them into the user's cache, once.
fn jars() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(jars) = set(JARS_VARIABLE) {
        return Ok(jars);
    }
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache =
        cache.ok_or_else(|| Error::new("neither XDG_CACHE_HOME nor HOME is set: there is no place for jars"))?;
    let home = cache.join(format!("klamm/kafka-{KAFKA_VERSION}"));
    let (jars, complete) = (home.join("libs"), home.join("complete"));
    if complete.exists() {
        return Ok(jars);
    }
    std::fs::create_dir_all(&jars).doing(|| format!("cannot create {}", jars.display()))?;
    let pom = home.join("pom.xml");
    std::fs::write(&pom, POM).doing(|| format!("cannot write {}", pom.display()))?;
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "dependency:copy-dependencies", "--file"]).arg(&pom);
    run(maven.arg(format!("-DoutputDirectory={}", jars.display())), "fetch Kafka's jars with Maven")?;
    std::fs::write(&complete, "").doing(|| format!("cannot write {}", complete.display()))?;
    Ok(jars)
}

/// Runs a program to its end.
fn run(command: &mut Command, what: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Error::new(format!("cannot {what}: {error}")).try_this(INSTALL))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let lines = String::from_utf8_lossy(&text).lines().take(10).map(str::to_owned).collect();
    Err(Error::new(format!("cannot {what} ({})", output.status)).with_log(lines).try_this(INSTALL))
}

impl Drop for Lab {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // The way out after a failure: that one is what the user must read, so this one stays silent.
            let _ = node.kill();
        }
    }
}
