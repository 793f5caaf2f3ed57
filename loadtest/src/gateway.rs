//! Klamm as this program starts it: its configuration files, the process, and the addresses it serves.
//!
//! Owns the files' text. The process is the klamm library in a child of this program (see `child`).

use crate::child::{Child, Start};
use crate::error::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Nodes of a cluster: id and `host:port`.
pub type Nodes = BTreeMap<i32, String>;
/// Settings of `node` beside those that are always there: `shards`, or `limits.` and a key.
pub type Settings = [(String, String)];

/// Node ids may be this far apart before each gets its entry in `node_ports` instead of a place in a row of ports.
const SPREAD_MAX: usize = 64;
/// Ports left out between the bootstrap port and the nodes' where each is listed: a port that follows on the bootstrap
/// port would stand for a node by its place.
const GAP: usize = 1;
/// Virtual clusters in one file: a file has at most 1 MiB.
const CLUSTERS_PER_FILE: usize = 1000;
/// How long `/ready` may take to answer.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// The ports of a listener: the bootstrap port, then one for each node.
pub struct Layout {
    /// The bootstrap port; the nodes' ports follow it.
    pub first: u16,
    /// Each node's port.
    pub nodes: BTreeMap<i32, u16>,
    /// Whether a node's port follows from its id alone (`min_broker_id`), or each is listed.
    in_a_row: bool,
    /// Whether the first port is for bootstrap.
    bootstraps: bool,
}

impl Layout {
    /// How many ports a backend cluster with these nodes needs.
    pub fn ports_needed(nodes: &Nodes) -> u16 {
        let places = if is_row(nodes) { spread(nodes) } else { nodes.len() + GAP };
        u16::try_from(places + 1).unwrap_or(u16::MAX)
    }

    /// Gives each node its port.
    pub fn new(first: u16, nodes: &Nodes) -> Self {
        let in_a_row = is_row(nodes);
        let min = nodes.keys().next().copied().unwrap_or(0);
        let port = |(place, id): (usize, &i32)| {
            let offset = if in_a_row { usize::try_from(id - min).unwrap_or(place) } else { place + GAP };
            (*id, first.saturating_add(1).saturating_add(u16::try_from(offset).unwrap_or(u16::MAX)))
        };
        Self { first, nodes: nodes.keys().enumerate().map(port).collect(), in_a_row, bootstraps: true }
    }

    /// One port, which stands for the only node; none for bootstrap.
    pub fn of_node(port: u16, id: i32) -> Self {
        Self { first: port, nodes: BTreeMap::from([(id, port)]), in_a_row: true, bootstraps: false }
    }

    /// Where clients begin.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.first)
    }

    /// The address at which Klamm advertises each node.
    pub fn advertised(&self) -> Nodes {
        self.nodes.iter().map(|(id, port)| (*id, format!("127.0.0.1:{port}"))).collect()
    }

    /// The ports as the configuration writes them, and what maps them to nodes.
    fn config(&self) -> (String, String) {
        let (first, last) = (self.first, self.nodes.values().copied().max().unwrap_or(self.first));
        let min = self.nodes.keys().next().copied().unwrap_or(0);
        let bootstrap = if self.bootstraps { "at_start" } else { "none" };
        let mapping = format!("bootstrap_port: {bootstrap}, min_broker_id: {min}");
        match self.nodes.values().min() {
            Some(node) if !self.in_a_row => {
                let list: Vec<String> = self.nodes.iter().map(|(id, port)| format!("{id}: {port}")).collect();
                let ports = format!("[{first}, \"{node}-{last}\"]");
                (ports, format!("{mapping}, node_ports: {{{}}}", list.join(", ")))
            }
            Some(_) | None => (format!("[\"{first}-{last}\"]"), mapping),
        }
    }
}

fn spread(nodes: &Nodes) -> usize {
    match (nodes.keys().next(), nodes.keys().next_back()) {
        (Some(min), Some(max)) => usize::try_from(i64::from(*max) - i64::from(*min) + 1).unwrap_or(usize::MAX),
        _ => 0,
    }
}

fn is_row(nodes: &Nodes) -> bool {
    spread(nodes) <= SPREAD_MAX
}

/// A virtual cluster and how its clients reach it.
pub struct VirtualCluster<'a> {
    /// The name of one that hides its prefix, which is its name and a dot; `None`: the implicit passthrough.
    pub name: Option<&'a str>,
    /// The ports of its own listener, if it has one.
    pub layout: Option<&'a Layout>,
}

/// One more listener with TLS, on which all virtual clusters are selected by host name.
#[derive(Clone, Copy)]
pub struct Sni<'a> {
    /// Its only port.
    pub port: u16,
    /// What all host names end with.
    pub suffix: &'a str,
    /// `per_cluster_suffix` or `shared_suffix`.
    pub host_format: &'a str,
    /// Its certificate and its key.
    pub files: (&'a str, &'a str),
}

/// How Klamm is started.
pub struct Plan<'a> {
    /// Where its files and its log go.
    pub directory: &'a Path,
    /// Its virtual clusters.
    pub clusters: &'a [VirtualCluster<'a>],
    /// A listener with TLS. Whoever asks for it makes its certificate, before Klamm starts.
    pub sni: Option<Sni<'a>>,
    /// The port of its admin address.
    pub admin_port: u16,
    /// The backend cluster's addresses.
    pub bootstrap: &'a [String],
    /// Settings of `node`.
    pub settings: &'a Settings,
    /// The only core it may use.
    pub core: Option<usize>,
    /// The klamm program to run; `None`: the library that is in this one.
    pub binary: Option<&'a Path>,
    /// Where callgrind writes its count, if it counts.
    pub callgrind: Option<&'a Path>,
}

impl Plan<'_> {
    /// The configuration as files with their names.
    fn files(&self) -> Vec<(String, String)> {
        let mut chunks = self.clusters.chunks(CLUSTERS_PER_FILE);
        let first = self.node() + &self.clusters_and_listeners(chunks.next().unwrap_or_default(), self.sni);
        let others = chunks
            .zip(1..)
            .map(|(part, number)| (format!("part-{number}.yaml"), self.clusters_and_listeners(part, None)));
        std::iter::once(("klamm.yaml".to_owned(), first)).chain(others).collect()
    }

    fn node(&self) -> String {
        let servers: Vec<String> = self.bootstrap.iter().map(|server| format!("\"{server}\"")).collect();
        let mut settings = String::new();
        let mut limits = Vec::new();
        for (key, value) in self.settings {
            match key.strip_prefix("limits.") {
                Some(limit) => limits.push(format!("{limit}: {value}")),
                None => settings += &format!("  {key}: {value}\n"),
            }
        }
        if !limits.is_empty() {
            settings += &format!("  limits: {{{}}}\n", limits.join(", "));
        }
        let mut text = format!(
            "# Clients connect to a listener's first port; Metadata then names one port for each node.
# Klamm dials the node that the port stands for.
node:
  admin: {{address: \"127.0.0.1:{}\"}}
  drain_duration: 5s
{settings}backend_clusters:
  - name: backend
    bootstrap_servers: [{}]
    authentication: {{type: anonymous}}
",
            self.admin_port,
            servers.join(", ")
        );
        if self.clusters.iter().any(|cluster| cluster.name.is_some()) {
            text += "    insecure_allow_anonymous_virtual_cluster_auth: true\n";
        }
        text
    }

    fn clusters_and_listeners(&self, clusters: &[VirtualCluster<'_>], sni: Option<Sni<'_>>) -> String {
        let mut text = String::new();
        for name in clusters.iter().filter_map(|cluster| cluster.name) {
            text += if text.is_empty() { "virtual_clusters:\n" } else { "" };
            let label = self.sni.map_or(String::new(), |_| format!("    dns_label: {name}\n"));
            let _ = write!(
                text,
                "  - name: {name}
{label}    destination: {{name: backend}}
    authentication: [{{type: anonymous}}]
    namespace: {{mode: hide_prefix, prefix: \"{name}.\"}}
"
            );
        }
        if sni.is_some() || clusters.iter().any(|cluster| cluster.layout.is_some()) {
            text += "listeners:\n";
        }
        for cluster in clusters {
            let Some((ports, mapping)) = cluster.layout.map(Layout::config) else { continue };
            let (listener, destination) = (cluster.name.unwrap_or("main"), cluster.name.unwrap_or("passthrough"));
            let _ = write!(
                text,
                "  - name: {listener}
    addresses: [\"127.0.0.1\"]
    ports: {ports}
    policies:
      - type: forward_to_virtual_cluster
        config: {{type: port_mapping, destination: {{name: {destination}}}, advertised_host: \"127.0.0.1\",
                 {mapping}}}
"
            );
        }
        if let Some(Sni { port, suffix, host_format, files: (certificate, key) }) = sni {
            let _ = write!(
                text,
                "  # One port for all: the host name selects the virtual cluster and the node.
  - name: sni
    addresses: [\"127.0.0.1\"]
    ports: [{port}]
    policies:
      - type: tls_server
        config: {{certificates: [{{certificate: \"${{file['{certificate}']}}\", key: \"${{file['{key}']}}\"}}]}}
      - type: forward_to_virtual_cluster
        config: {{type: sni, sni_suffix: \"{suffix}\", broker_host_format: {{type: {host_format}}}}}
"
            );
        }
        text
    }
}

/// A running Klamm.
pub struct Gateway {
    /// The process.
    pub child: Child,
    /// Its admin address.
    pub admin: SocketAddr,
    /// Its configuration: a file, or a directory of them.
    pub config: PathBuf,
}

impl Gateway {
    /// Starts Klamm without waiting for it. `prepare` gets the configuration's path before the start.
    pub fn spawn(plan: &Plan<'_>, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, plan.admin_port));
        let folder = plan.directory.join("klamm");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).doing(|| format!("cannot clear {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).doing(|| format!("cannot create {}", folder.display()))?;
        let files = plan.files();
        for (name, text) in &files {
            let file = folder.join(name);
            std::fs::write(&file, text).doing(|| format!("cannot write {}", file.display()))?;
        }
        let config = if files.len() == 1 { folder.join("klamm.yaml") } else { folder };
        prepare(&config)?;
        let log = plan.directory.join("klamm.log");
        let start = Start { name: "Klamm", log: &log, core: plan.core, callgrind: plan.callgrind };
        let child = match plan.binary {
            None => start.klamm(&config)?,
            Some(binary) => start.program(&[binary.into(), "run".into(), config.clone().into()])?,
        };
        Ok(Self { child, admin, config })
    }

    /// Waits until Klamm is ready: its listeners accept and it knows its backend cluster.
    pub fn wait_ready(&mut self, time: Duration) -> Result<()> {
        self.child.wait_until(time, || ready(self.admin))
    }
}

/// Asks the Klamm at this admin address whether it is ready. The error is its reason, or why it does not answer.
pub fn ready(admin: SocketAddr) -> std::result::Result<(), String> {
    let get = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&admin, READY_TIMEOUT)?;
        stream.set_read_timeout(Some(READY_TIMEOUT))?;
        write!(stream, "GET /ready HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.take(1 << 16).read_to_string(&mut response)?;
        Ok(response)
    };
    let response = get().map_err(|error| format!("http://{admin}/ready: {error}"))?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    match head.lines().next() {
        Some("HTTP/1.1 200 OK") => Ok(()),
        status => Err(format!("/ready answers {}: {}", status.unwrap_or("nothing"), body.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[i32]) -> Nodes {
        ids.iter().map(|id| (*id, format!("10.0.0.{id}:9092"))).collect()
    }

    /// The files, which Klamm accepts.
    fn loaded(clusters: &[VirtualCluster<'_>], settings: &Settings) -> (String, klamm::config::Snapshot) {
        let directory = tempfile::tempdir().unwrap();
        let (sni, core, binary, callgrind) = (None, None, None, None);
        let (directory, bootstrap) = (directory.path(), &["127.0.0.1:9092".to_owned()]);
        let plan = Plan { directory, clusters, sni, admin_port: 19_999, bootstrap, settings, core, binary, callgrind };
        let files = plan.files();
        for (name, text) in &files {
            std::fs::write(directory.join(name), text).unwrap();
        }
        let snapshot = klamm::config::load(directory).unwrap_or_else(|faults| panic!("{faults}"));
        (files[0].1.clone(), snapshot)
    }

    #[test]
    fn ids_that_stand_close_take_ports_in_a_row_and_others_are_listed() {
        let close = nodes(&[3, 4, 6]);
        assert_eq!(Layout::ports_needed(&close), 5);
        let layout = Layout::new(22000, &close);
        assert_eq!(layout.nodes, BTreeMap::from([(3, 22001), (4, 22002), (6, 22004)]));
        let (text, _) = loaded(&[VirtualCluster { name: None, layout: Some(&layout) }], &[]);
        assert!(text.contains("min_broker_id: 3}") && text.contains("ports: [\"22000-22004\"]"), "{text}");
        let far = nodes(&[1, 1001]);
        assert_eq!(Layout::ports_needed(&far), 4);
        let layout = Layout::new(22000, &far);
        let (text, _) = loaded(&[VirtualCluster { name: None, layout: Some(&layout) }], &[]);
        assert!(text.contains("node_ports: {1: 22002, 1001: 22003}"), "{text}");
    }

    #[test]
    fn many_virtual_clusters_are_spread_over_files_and_settings_are_written() {
        let names: Vec<String> = (0..CLUSTERS_PER_FILE + 1).map(|number| format!("vc-{number}")).collect();
        let layouts: Vec<Layout> = (20_000..).take(names.len()).map(|port| Layout::of_node(port, 1)).collect();
        let cluster = |(name, layout)| VirtualCluster { name: Some(name), layout: Some(layout) };
        let clusters: Vec<_> = names.iter().map(String::as_str).zip(&layouts).map(cluster).collect();
        let settings = [("shards", "1"), ("limits.hold_bytes_max", "1MiB"), ("limits.in_flight_max", "7")];
        let (_, snapshot) = loaded(&clusters, &settings.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!((snapshot.listeners.len(), snapshot.node.limits.in_flight_max), (CLUSTERS_PER_FILE + 1, 7));
    }

    #[test]
    fn each_virtual_cluster_has_a_namespace_and_a_listener() {
        let nodes = nodes(&[1, 2]);
        let layouts = [Layout::new(22000, &nodes), Layout::new(22003, &nodes)];
        let cluster = |name, layout| VirtualCluster { name: Some(name), layout: Some(layout) };
        let (_, snapshot) = loaded(&[cluster("vc-alice", &layouts[0]), cluster("vc-bob", &layouts[1])], &[]);
        let prefixes: Vec<&str> =
            snapshot.virtual_clusters.iter().filter_map(|cluster| Some(&*cluster.namespace.as_ref()?.prefix)).collect();
        assert_eq!(prefixes, ["vc-alice.", "vc-bob."]);
        assert_eq!(snapshot.listeners[1].ports, [22003, 22004, 22005]);
    }
}
