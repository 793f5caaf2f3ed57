//! Klamm as this program starts it: its configuration file, the process, and the addresses it serves.
//!
//! Owns the file's text. The process is the klamm library in a child of this program (see `child`).

use crate::child::{Child, Start};
use crate::error::{Context, Result};
use crate::http;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A node of the backend cluster: its id and its own address, `host:port`.
pub type Nodes = BTreeMap<i32, String>;

/// Node ids may be this far apart before each gets its entry in `node_ports` instead of a place in a row of ports.
const SPREAD_MAX: usize = 64;

/// Ports left out between the bootstrap port and the nodes' where each is listed: a port that follows on the bootstrap
/// port would stand for a node by its place.
const GAP: usize = 1;

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
        let port = |place: usize, id: i32| {
            let offset = if in_a_row { usize::try_from(id - min).unwrap_or(place) } else { place + GAP };
            first.saturating_add(1).saturating_add(u16::try_from(offset).unwrap_or(u16::MAX))
        };
        let nodes = nodes.keys().enumerate().map(|(place, id)| (*id, port(place, *id))).collect();
        Self { first, nodes, in_a_row, bootstraps: true }
    }

    /// One port, which stands for the only node; none for bootstrap.
    pub fn of_node(port: u16, id: i32) -> Self {
        Self { first: port, nodes: BTreeMap::from([(id, port)]), in_a_row: true, bootstraps: false }
    }

    /// The last port.
    fn last(&self) -> u16 {
        self.nodes.values().copied().max().unwrap_or(self.first)
    }

    /// As the configuration writes them.
    fn ports(&self) -> String {
        let (first, last) = (self.first, self.last());
        match self.nodes.values().min() {
            Some(node) if !self.in_a_row => format!("[{first}, \"{node}-{last}\"]"),
            Some(_) | None => format!("[\"{first}-{last}\"]"),
        }
    }

    /// Where clients begin.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.first)
    }

    /// The addresses that a client must be told of, by node.
    pub fn advertised(&self) -> Nodes {
        self.nodes.iter().map(|(id, port)| (*id, format!("127.0.0.1:{port}"))).collect()
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

/// A listener: the ports of one virtual cluster.
pub struct Front<'a> {
    /// The name of a virtual cluster that hides its prefix, which is its name and a dot; `None`: the implicit
    /// passthrough, everything under its own name.
    pub tenant: Option<&'a str>,
    /// Its ports.
    pub layout: &'a Layout,
}

/// Settings of `node` beside those that are always there: `shards`, or `limits.` and a key.
pub type Settings = [(String, String)];

/// Fronts in one file: a file has at most 1 MiB.
const FRONTS_PER_FILE: usize = 1000;

/// The configuration as files with their names: this machine, the backend cluster, and a listener for each front.
fn files(plan: &Plan<'_>, admin: SocketAddr) -> Vec<(String, String)> {
    let mut chunks = plan.fronts.chunks(FRONTS_PER_FILE);
    let mut first = config(chunks.next().unwrap_or_default(), admin, plan.bootstrap, plan.settings);
    if let Some(port) = plan.door {
        first = with_door(&first, plan.fronts, port);
    }
    let others =
        chunks.zip(1..).map(|(fronts, number)| (format!("fronts-{number}.yaml"), clusters_and_listeners(fronts)));
    std::iter::once(("klamm.yaml".to_owned(), first)).chain(others).collect()
}

/// The configuration as one file.
pub fn config(fronts: &[Front<'_>], admin: SocketAddr, bootstrap: &[String], settings: &Settings) -> String {
    let servers: Vec<String> = bootstrap.iter().map(|server| format!("\"{server}\"")).collect();
    let mut text = format!(
        "# Clients connect to a listener's first port, and are then told of one port for each node.
# Klamm dials the node that the port stands for.
node:
  admin: {{address: \"{admin}\"}}
  drain_duration: 5s
{}backend_clusters:
  - name: backend
    bootstrap_servers: [{}]
    authentication: {{type: anonymous}}
",
        node(settings),
        servers.join(", ")
    );
    if fronts.iter().any(|front| front.tenant.is_some()) {
        text.push_str("    insecure_allow_anonymous_virtual_cluster_auth: true\n");
    }
    text.push_str(&clusters_and_listeners(fronts));
    text
}

/// What the host names of the port with TLS end with. A public DNS knows that each of them is this machine.
pub const DOOR_SUFFIX: &str = ".127-0-0-1.sslip.io";

/// The configuration with one more listener: all virtual clusters on one port with TLS, each by its own host names.
fn with_door(config: &str, fronts: &[Front<'_>], port: u16) -> String {
    let mut text = config.to_owned();
    for tenant in fronts.iter().filter_map(|front| front.tenant) {
        let name = format!("  - name: {tenant}\n    destination:");
        text = text.replace(&name, &format!("  - name: {tenant}\n    dns_label: {tenant}\n    destination:"));
    }
    let _ = write!(
        text,
        "  # One port for all: the host name that a client asks for says which virtual cluster and node it wants.
  - name: door
    addresses: [\"127.0.0.1\"]
    ports: [{port}]
    policies:
      - type: tls_server
        config: {{certificates: [{{certificate: \"${{file['tls/klamm.pem']}}\", key: \"${{file['tls/klamm.key']}}\"}}]}}
      - type: forward_to_virtual_cluster
        config: {{type: sni, sni_suffix: \"{DOOR_SUFFIX}\", broker_host_format: {{type: per_cluster_suffix}}}}
"
    );
    text
}

fn node(settings: &Settings) -> String {
    let limit = |(key, value): &(String, String)| Some(format!("{}: {value}", key.strip_prefix("limits.")?));
    let limits: Vec<String> = settings.iter().filter_map(limit).collect();
    let other = |(key, value): &(String, String)| (!key.starts_with("limits.")).then(|| format!("  {key}: {value}\n"));
    let mut text: String = settings.iter().filter_map(other).collect();
    if !limits.is_empty() {
        let _ = writeln!(text, "  limits: {{{}}}", limits.join(", "));
    }
    text
}

fn clusters_and_listeners(fronts: &[Front<'_>]) -> String {
    let mut text = String::new();
    let tenants: Vec<&str> = fronts.iter().filter_map(|front| front.tenant).collect();
    if !tenants.is_empty() {
        text.push_str("virtual_clusters:\n");
    }
    for name in tenants {
        let _ = write!(
            text,
            "  - name: {name}
    destination: {{name: backend}}
    authentication: [{{type: anonymous}}]
    namespace: {{mode: hide_prefix, prefix: \"{name}.\"}}
"
        );
    }
    text.push_str("listeners:\n");
    fronts.iter().for_each(|front| text.push_str(&listener(front)));
    text
}

fn listener(front: &Front<'_>) -> String {
    let layout = front.layout;
    let min = layout.nodes.keys().next().copied().unwrap_or(0);
    let bootstrap = if layout.bootstraps { "at_start" } else { "none" };
    let mut mapping = format!("bootstrap_port: {bootstrap}, min_broker_id: {min}");
    if !layout.in_a_row {
        let list: Vec<String> = layout.nodes.iter().map(|(id, port)| format!("{id}: {port}")).collect();
        let _ = write!(mapping, ", node_ports: {{{}}}", list.join(", "));
    }
    format!(
        "  - name: {name}
    addresses: [\"127.0.0.1\"]
    ports: {ports}
    policies:
      - type: forward_to_virtual_cluster
        config: {{type: port_mapping, destination: {{name: {cluster}}}, advertised_host: \"127.0.0.1\",
                 {mapping}}}
",
        name = front.tenant.unwrap_or("front"),
        cluster = front.tenant.unwrap_or("passthrough"),
        ports = layout.ports(),
    )
}

/// A running Klamm.
pub struct Gateway {
    /// The process.
    pub child: Child,
    /// Its admin address.
    pub admin: SocketAddr,
    /// Its configuration file.
    pub config: PathBuf,
}

/// How Klamm is started.
pub struct Plan<'a> {
    /// Where its file and its log go.
    pub directory: &'a Path,
    /// Who connects to which ports.
    pub fronts: &'a [Front<'a>],
    /// The port of its admin address.
    pub admin_port: u16,
    /// The backend cluster's addresses.
    pub bootstrap: &'a [String],
    /// The only core it may use.
    pub core: Option<usize>,
    /// Settings of `node`.
    pub settings: &'a Settings,
    /// A port on which all virtual clusters are reached with TLS, by host name. The certificates that it needs are made
    /// by whoever asks for it, before Klamm starts.
    pub door: Option<u16>,
    /// The klamm program to run; nothing: the library that is in this one.
    pub binary: Option<&'a Path>,
    /// Where callgrind writes what it counts; nothing: it is not counted.
    pub counted: Option<&'a Path>,
}

impl Gateway {
    /// Starts Klamm without waiting for it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written or the process cannot be started.
    pub fn spawn(plan: &Plan<'_>) -> Result<Self> {
        Self::spawn_prepared(plan, |_| Ok(()))
    }

    /// The same, with something to do between the configuration, whose path is given, and the start.
    ///
    /// # Errors
    ///
    /// As [`Gateway::spawn`], and what `prepare` gives.
    pub fn spawn_prepared(plan: &Plan<'_>, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, plan.admin_port));
        let folder = plan.directory.join("klamm");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).doing(|| format!("cannot clear {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).doing(|| format!("cannot create {}", folder.display()))?;
        let files = files(plan, admin);
        for (name, text) in &files {
            let file = folder.join(name);
            std::fs::write(&file, text).doing(|| format!("cannot write {}", file.display()))?;
        }
        let config = if files.len() == 1 { folder.join("klamm.yaml") } else { folder };
        prepare(&config)?;
        let log = plan.directory.join("klamm.log");
        let start = Start { name: "Klamm", log: &log, core: plan.core, counted: plan.counted };
        let child = match plan.binary {
            None => start.klamm(&config)?,
            Some(binary) => start.program(&[binary.into(), "run".into(), config.clone().into()])?,
        };
        Ok(Self { child, admin, config })
    }

    /// Waits until Klamm says that it is ready: its listeners accept and it knows its backend cluster.
    ///
    /// # Errors
    ///
    /// It ended, or was not ready in time; with what it said of it and the last lines of its log.
    pub fn wait_ready(&mut self, time: Duration) -> Result<()> {
        let admin = self.admin;
        self.child.wait_until(time, || ready(admin))
    }

    /// Stops it in order.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn stop(mut self) -> Result<()> {
        self.child.stop(Duration::from_secs(15))
    }
}

/// Whether the Klamm at this admin address says that it is ready; if not, with what it says.
///
/// # Errors
///
/// It is not.
pub fn ready(admin: SocketAddr) -> std::result::Result<(), String> {
    match http::get(admin, "/ready", Duration::from_secs(2))? {
        (200, _) => Ok(()),
        (status, body) => Err(format!("/ready answers {status}: {body}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[i32]) -> Nodes {
        ids.iter().map(|id| (*id, format!("10.0.0.{id}:9092"))).collect()
    }

    /// The file, which Klamm accepts.
    fn text(fronts: &[Front<'_>]) -> String {
        let text = config(fronts, SocketAddr::from(([127, 0, 0, 1], 22010)), &["a:1".to_owned()], &[]);
        let loaded = klamm::config::load_bytes(Path::new("klamm.yaml"), text.as_bytes());
        loaded.unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        text
    }

    #[test]
    fn ids_that_stand_close_take_ports_in_a_row_with_gaps() {
        let nodes = nodes(&[3, 4, 6]);
        assert_eq!(Layout::ports_needed(&nodes), 5);
        let layout = Layout::new(22000, &nodes);
        assert_eq!(layout.nodes, BTreeMap::from([(3, 22001), (4, 22002), (6, 22004)]));
        let text = text(&[Front { tenant: None, layout: &layout }]);
        assert!(text.contains("min_broker_id: 3}"), "{text}");
        assert!(text.contains("ports: [\"22000-22004\"]"), "{text}");
    }

    #[test]
    fn ids_far_apart_are_listed_one_by_one() {
        let nodes = nodes(&[1, 1001]);
        assert_eq!(Layout::ports_needed(&nodes), 4);
        let layout = Layout::new(22000, &nodes);
        let text = text(&[Front { tenant: None, layout: &layout }]);
        assert!(text.contains("node_ports: {1: 22002, 1001: 22003}"), "{text}");
    }

    #[test]
    fn many_fronts_are_spread_over_files_and_settings_are_written() {
        let names: Vec<String> = (0..FRONTS_PER_FILE + 1).map(|number| format!("vc-{number}")).collect();
        let layouts: Vec<Layout> = (20_000..).take(names.len()).map(|port| Layout::of_node(port, 1)).collect();
        let fronts: Vec<Front<'_>> =
            names.iter().zip(&layouts).map(|(name, layout)| Front { tenant: Some(name), layout }).collect();
        let settings = [("shards", "2"), ("limits.hold_bytes_max", "1MiB"), ("limits.in_flight_max", "7")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let directory = tempfile::tempdir().unwrap();
        let bootstrap = ["127.0.0.1:9092".to_owned()];
        let (core, binary) = (None, None);
        let plan = Plan {
            directory: directory.path(),
            fronts: &fronts,
            admin_port: 19_999,
            bootstrap: &bootstrap,
            core,
            settings: &settings,
            door: None,
            binary,
            counted: None,
        };
        let files = files(&plan, SocketAddr::from(([127, 0, 0, 1], 19_999)));
        for (name, text) in &files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let snapshot = klamm::config::load(directory.path()).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(snapshot.listeners.len(), FRONTS_PER_FILE + 1);
        assert_eq!(snapshot.node.limits.in_flight_max, 7);
    }

    #[test]
    fn each_tenant_has_a_namespace_and_a_listener() {
        let nodes = nodes(&[1, 2]);
        let layouts = [Layout::new(22000, &nodes), Layout::new(22003, &nodes)];
        let text = text(&[
            Front { tenant: Some("vc-alice"), layout: &layouts[0] },
            Front { tenant: Some("vc-bob"), layout: &layouts[1] },
        ]);
        let snapshot = klamm::config::load_bytes(Path::new("klamm.yaml"), text.as_bytes()).unwrap();
        let prefixes: Vec<&str> =
            snapshot.virtual_clusters.iter().filter_map(|cluster| Some(&*cluster.namespace.as_ref()?.prefix)).collect();
        assert_eq!(prefixes, ["vc-alice.", "vc-bob."]);
        assert_eq!(snapshot.listeners[1].ports, [22003, 22004, 22005]);
    }
}
