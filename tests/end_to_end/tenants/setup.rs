//! Virtual clusters in front of the lab: their configuration, and what a test needs of each.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::thread;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};

use klamm::cluster::HostFormat;

use crate::ensure;
use crate::harness::door::Door;
use crate::harness::gateway::{ADVERTISED_HOST, DataPath, Gateway, PORTS};
use crate::harness::relay::{self, Seen};
use crate::harness::tls::{self, is_named};
use crate::harness::tools::{Tools, patience};
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World, locked, named, ports, process, until};

/// The labels of the two virtual clusters that most tests share.
const SHARED: [&str; 2] = ["alice", "bob"];

/// Tells clients in other languages to speak TLS, and whom to believe.
const AUTHORITY: &str = "KLAMM_E2E_CA";

/// A virtual cluster, with a listener of its own.
pub struct VirtualCluster<'a> {
    pub name: &'a str,
    /// More keys of the virtual cluster, each with a comma behind it.
    pub names: &'a str,
    /// The bootstrap port; node n has this one + n.
    pub port: u16,
}

/// A virtual cluster as a test's client sees it.
pub struct Tenant<'a> {
    /// Its own word, in every payload.
    pub tag: &'a str,
    /// What the backend has before each of its names.
    pub prefix: String,
    /// Tools that go through the gateway.
    pub tools: Tools<'a>,
    /// Tools that go to the backend.
    pub direct: Tools<'a>,
}

/// The configuration of a gateway at `address` with these virtual clusters. Metadata is refreshed every two seconds.
pub fn yaml(backend: &str, address: &str, admin_port: u16, clusters: &[VirtualCluster<'_>]) -> String {
    let mut text = head(backend, admin_port, clusters);
    for VirtualCluster { name, port, .. } in clusters {
        text += &format!(
            "  - name: {name}\n    addresses: [\"{address}\"]\n    ports: [\"{port}-{}\"]\n    policies:\n      \
             - {{type: forward_to_virtual_cluster, config: {{type: port_mapping, destination: {{name: {name}}}, \
             advertised_host: \"{ADVERTISED_HOST}\", bootstrap_port: at_start, min_broker_id: 1}}}}\n",
            port + PORTS - 1,
        );
    }
    text
}

/// The configuration up to its first listener.
pub fn head(backend: &str, admin_port: u16, clusters: &[VirtualCluster<'_>]) -> String {
    let servers: Vec<String> = backend.split(',').map(|server| format!("\"{server}\"")).collect();
    let mut text = format!(
        "node:\n  shards: 2\n  admin: {{address: \"{ADVERTISED_HOST}:{admin_port}\"}}\n  drain_duration: 10s\n\
         backend_clusters:\n  - name: lab\n    bootstrap_servers: [{}]\n    authentication: {{type: anonymous}}\n    \
         insecure_allow_anonymous_virtual_cluster_auth: true\n    metadata_update_interval_seconds: 2\n\
         virtual_clusters:\n",
        servers.join(", "),
    );
    for VirtualCluster { name, names, .. } in clusters {
        text += &format!(
            "  - {{name: {name}, destination: {{name: lab}}, {names} authentication: [{{type: anonymous}}]}}\n"
        );
    }
    text + "listeners:\n"
}

/// A gateway of the test's own in front of the lab, with these virtual clusters: name and more keys of each. Gives the
/// bootstrap address of each. All bytes that may pass it unread do: through the shared gateways only those of large frames.
pub fn own_gateway(world: &World, clusters: &[(&str, &str)]) -> Fallible<(Gateway, Vec<String>)> {
    own_gateway_with(world, clusters, "")
}

/// The same with more listeners.
pub fn own_gateway_with(world: &World, clusters: &[(&str, &str)], listeners: &str) -> Fallible<(Gateway, Vec<String>)> {
    let of = |(name, names)| VirtualCluster { name, names, port: ports::ten() };
    let clusters: Vec<VirtualCluster<'_>> = clusters.iter().copied().map(of).collect();
    let port = clusters.first().ok_or("no virtual cluster")?.port;
    let yaml = yaml(&world.lab()?.bootstrap(), ADVERTISED_HOST, port + 9, &clusters) + listeners;
    let gateway = Gateway::start_with(world.folder(), port, port + 9, &yaml, DataPath::Splice)?;
    gateway.wait_ready()?;
    let bootstraps = clusters.iter().map(|cluster| format!("{ADVERTISED_HOST}:{}", cluster.port)).collect();
    Ok((gateway, bootstraps))
}

/// What all clients of the shared tenants were sent.
pub fn seen(world: &World) -> Fallible<Arc<Seen>> {
    Ok(Arc::clone(&shared(world)?.seen))
}

/// Whether a client asks for the version of Fetch whose lengths are padded where they stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padded {
    /// It speaks the flexible version, 12.
    Yes,
    /// It speaks older ones alone.
    No,
}

/// Fails unless responses with that long name were padded, or were not, as expected.
pub fn was_padded(world: &World, long_name: &str, expected: Padded) -> Fallible<()> {
    if world.is_direct() || world.door() != Door::Ports {
        return Ok(());
    }
    let seen = locked(&seen(world)?.padded).contains(long_name);
    ensure!(seen == (expected == Padded::Yes), "{long_name}, padded: {expected:?}, was seen padded: {seen}");
    Ok(())
}

/// Does the same in all shared tenants at once. Directly at Kafka there is one tenant, whose names are as they are.
pub fn both(world: &World, work: impl Fn(&Tenant<'_>) -> Fallible<()> + Sync) -> Fallible<()> {
    let tenants = tenants(world)?;
    let work = &work;
    thread::scope(|scope| {
        let at_work: Vec<_> = tenants.iter().map(|tenant| scope.spawn(move || work(tenant))).collect();
        for (tenant, ended) in tenants.iter().zip(at_work) {
            let outcome = ended.join().map_err(|_| format!("{} panicked", tenant.tag))?;
            outcome.map_err(|error| format!("{}: {error}", tenant.tag))?;
        }
        Ok(())
    })
}

/// The shared tenants of the door that the test's clients come through.
pub fn tenants(world: &World) -> Fallible<Vec<Tenant<'_>>> {
    let tenant = |tag, prefix: &str, bootstrap| {
        let (tools, direct) = (world.tools_for(bootstrap)?, world.direct_tools()?);
        Fallible::Ok(Tenant { tag, prefix: prefix.to_owned(), tools, direct })
    };
    if world.is_direct() {
        return Ok(vec![tenant("alone", "", world.lab()?.bootstrap())?]);
    }
    let door = world.door();
    let bootstraps = &shared(world)?.bootstraps;
    SHARED.iter().zip(bootstraps).map(|(label, at)| tenant(label, &prefix(door, label), at.clone())).collect()
}

/// A virtual cluster: those of all doors share one backend.
fn name(door: Door, label: &str) -> String {
    match door {
        Door::Ports => format!("vc-{label}"),
        Door::Names(_) => format!("vc-{label}-{}", door.name().replace('_', "-")),
    }
}

/// What the backend has before the names of a virtual cluster.
fn prefix(door: Door, label: &str) -> String {
    format!("{}.", name(door, label))
}

struct Shared {
    /// Ends when it is dropped.
    _gateway: Gateway,
    bootstraps: Vec<String>,
    seen: Arc<Seen>,
}

fn shared(world: &World) -> Fallible<&'static Shared> {
    static SHARED_GATEWAYS: [OnceLock<Result<Shared, String>>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
    let [at_ports, own_domains, shared_domain] = &SHARED_GATEWAYS;
    let once = match world.door() {
        Door::Ports => at_ports,
        Door::Names(HostFormat::PerClusterSuffix) => own_domains,
        Door::Names(HostFormat::SharedSuffix) => shared_domain,
    };
    let start = || match world.door() {
        Door::Ports => shared_at_ports(world),
        Door::Names(format) => shared_by_names(world, format),
    };
    let started = once.get_or_init(|| start().map_err(|error| error.to_string()));
    started.as_ref().map_err(|error| format!("the tenants' gateway does not start: {error}").into())
}

/// The gateway stands behind a relay that reads along: the name of a virtual cluster with its dot is on the backend only.
fn shared_at_ports(world: &World) -> Fallible<Shared> {
    let backend = world.lab()?.bootstrap();
    let names = SHARED.map(|label| name(Door::Ports, label));
    let clusters = names.each_ref().map(|name| VirtualCluster { name, names: HIDDEN, port: ports::ten() });
    let prefixes = SHARED.map(|label| prefix(Door::Ports, label));
    let listening = clusters.iter().flat_map(|cluster| cluster.port..cluster.port + PORTS);
    let seen = relay::start_with(ADVERTISED_HOST, listening, &prefixes.each_ref().map(String::as_str))?;
    let port = clusters[0].port;
    let yaml = yaml(&backend, relay::BEHIND, port + 9, &clusters);
    let gateway = Gateway::start_with(world.folder(), port, port + 9, &yaml, DataPath::AsUsersHaveIt)?;
    gateway.wait_ready()?;
    let bootstraps = clusters.iter().map(|cluster| format!("{ADVERTISED_HOST}:{}", cluster.port)).collect();
    Ok(Shared { _gateway: gateway, bootstraps, seen })
}

/// Both on one port, with nothing between a client and the gateway: what is said in TLS is theirs.
fn shared_by_names(world: &World, format: HostFormat) -> Fallible<Shared> {
    let (backend, port) = (world.lab()?.bootstrap(), ports::ten());
    let names = SHARED.map(|label| (name(Door::Names(format), label), format!("dns_label: {label}, {HIDDEN}")));
    let clusters = names.each_ref().map(|(name, names)| VirtualCluster { name, names, port });
    let certificates = named::certificates(world.material()?, format, &SHARED)?;
    let listener = named::Listener { port, format, certificates: &certificates, tls: &[], policies: &[] };
    let yaml = head(&backend, port + 9, &clusters) + &listener.yaml("door");
    let gateway = Gateway::start_with(world.folder(), port, port + 9, &yaml, DataPath::AsUsersHaveIt)?;
    gateway.wait_ready()?;
    let bootstraps = SHARED.map(|label| named::bootstrap(format, label, port)).to_vec();
    Ok(Shared { _gateway: gateway, bootstraps, seen: Arc::default() })
}

/// A namespace with the default prefix.
pub const HIDDEN: &str = "namespace: {mode: hide_prefix},";

impl Tenant<'_> {
    /// Creates a topic and waits until every node knows who leads it: some clients give up when one does not yet.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Fallible<()> {
        self.tools.create_topic(name, partitions, 3)?;
        let physical = format!("{}{name}", self.prefix);
        let asked = MetadataRequestTopic::default().with_name(Some(TopicName(text(&physical))));
        let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(false);
        for node in self.direct.bootstrap.split(',') {
            until(&format!("{node} knows {physical}"), patience(20), || {
                for topic in Wire::connect(node)?.ask(12, &request)?.body.topics {
                    let led = topic.partitions.iter().filter(|partition| partition.leader_id.0 >= 0).count();
                    ensure!(led == usize::try_from(partitions)?, "error {}, {led} are led", topic.error_code);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Fails unless the backend holds exactly that many committed records in this topic, each of this tenant.
    pub fn backend_holds(&self, topic: &str, records: usize) -> Fallible<()> {
        let physical = format!("{}{topic}", self.prefix);
        let arguments = ["-C", "-t", &physical, "-o", "beginning", "-e", "-q", "-X", "isolation.level=read_committed"];
        let held = self.direct.kcat(&[&arguments[..], &["-f", "%s\n"]].concat(), b"")?;
        let own = held.lines().filter(|value| value.contains(self.tag)).count();
        ensure!(own == held.lines().count(), "{physical} holds records of others:\n{}", process::tail(&held));
        ensure!(own == records, "{physical} holds {own} records, not {records}");
        Ok(())
    }

    /// Runs a client that another language's tools built or interpret, and gives what it said.
    pub fn client(&self, program: Program, arguments: &[&str]) -> Fallible<String> {
        let mut command = program.command()?;
        command.arg(&self.tools.bootstrap).arg(self.tag).args(arguments);
        if is_named(&self.tools.bootstrap) {
            command.env(AUTHORITY, &tls::made()?.authority);
        }
        let finished = process::run(&mut command, b"", self.tools.folder, patience(55))?;
        finished.success().map_err(|error| format!("{program:?}: {error}").into())
    }
}

/// A client in another language, below `tests/end_to_end`.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    FranzGo,
    AioKafka,
    ConfluentPython,
    KafkaJs,
}

impl Program {
    fn command(self) -> Fallible<Command> {
        let clients = match std::env::var_os("KLAMM_LAB_CLIENTS") {
            Some(clients) => PathBuf::from(clients),
            None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/lab/clients"),
        };
        ensure!(clients.is_dir(), "no clients in {}: tests/run fetches them", clients.display());
        let source = |path| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end").join(path);
        let python = |path| {
            let mut command = Command::new(clients.join("python/bin/python"));
            command.arg(source(path));
            command
        };
        Ok(match self {
            Program::FranzGo => Command::new(clients.join("franz-go")),
            Program::AioKafka => python("python/aio.py"),
            Program::ConfluentPython => python("python/confluent.py"),
            Program::KafkaJs => {
                let mut command = Command::new("node");
                command.arg(source("node/client.js")).env("NODE_PATH", clients.join("node/node_modules"));
                command
            }
        })
    }
}
