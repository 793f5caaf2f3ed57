//! A gateway under test: its configuration file, its process, its ports and its admin address.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use super::numbers::Numbers;
use super::process::{Process, tail};
use super::tools::patience;
use super::{Fallible, locked, ports, until};
use crate::ensure;

/// The binary that Cargo built for this test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_klamm");

/// What clients are told: never an address of a node.
pub const ADVERTISED_HOST: &str = "127.0.0.1";

/// What a test's gateway is to be like.
pub struct Settings<'a> {
    /// host:port, comma between.
    pub backend: &'a str,
    /// Where it listens.
    pub address: &'a str,
    /// The bootstrap port; node n has this one + n.
    pub port: u16,
    /// How many ports the listener has, the bootstrap port included.
    pub ports: u16,
    pub admin_port: u16,
    /// Lines of `node.limits`.
    pub limits: &'a [(&'a str, &'a str)],
    pub drain_duration: &'a str,
}

/// Which way bytes take through a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataPath {
    /// Small frames are copied, large ones pass unread.
    AsUsersHaveIt,
    /// All bytes that may pass unread do.
    Splice,
    /// No byte passes unread.
    Copy,
}

/// Forces one way, `splice` or `copy`, through every gateway under test; unset, each takes the one that its test chose.
const DATA_PATH: &str = "KLAMM_E2E_DATA_PATH";

impl DataPath {
    fn forced_or(self) -> Fallible<DataPath> {
        match std::env::var(DATA_PATH).as_deref() {
            Ok("splice") => Ok(DataPath::Splice),
            Ok("copy") => Ok(DataPath::Copy),
            Ok("") | Err(std::env::VarError::NotPresent) => Ok(self),
            _ => Err(format!("{DATA_PATH} is splice, copy, or not set").into()),
        }
    }

    /// The limits that bring it about. Frames come in small pieces then, so that their rest is promised unread however
    /// short it is.
    fn limits(self) -> &'static str {
        match self {
            DataPath::AsUsersHaveIt => "",
            DataPath::Splice => "read_bytes_max: 512, splice_bytes_min: 1",
            DataPath::Copy => "read_bytes_max: 512, pipes_max: 0",
        }
    }
}

/// Adds these limits to a configuration, where it does not set them itself.
fn with_limits(yaml: &str, limits: &str) -> Fallible<String> {
    let added: String = limits
        .split(", ")
        .filter(|limit| !limit.is_empty() && !yaml.contains(key(limit)))
        .fold(String::new(), |lines, limit| format!("{lines}    {limit}\n"));
    if added.is_empty() {
        return Ok(yaml.to_owned());
    }
    let (after, added) = match yaml.contains("\n  limits:\n") {
        true => ("\n  limits:\n", added),
        false => ("node:\n", format!("  limits:\n{added}")),
    };
    ensure!(yaml.matches(after).count() == 1, "no place for limits in\n{yaml}");
    Ok(yaml.replace(after, &format!("{after}{added}")))
}

fn key(limit: &str) -> &str {
    limit.split(':').next().unwrap_or(limit)
}

/// Ports of a listener: for bootstrap, and for four nodes.
pub const PORTS: u16 = 5;

/// A gateway that runs.
pub struct Gateway {
    process: Mutex<Process>,
    file: PathBuf,
    log: PathBuf,
    port: u16,
    admin_port: u16,
    data_path: DataPath,
}

impl Gateway {
    /// Writes the configuration and starts the process; does not wait for anything.
    pub fn start(folder: &Path, settings: &Settings<'_>) -> Fallible<Gateway> {
        Gateway::start_with(folder, settings.port, settings.admin_port, &settings.yaml(), DataPath::AsUsersHaveIt)
    }

    /// The same with a configuration of the test's own, in which these are the first bootstrap port and the admin port.
    pub fn start_with(folder: &Path, port: u16, admin_port: u16, yaml: &str, data_path: DataPath) -> Fallible<Gateway> {
        let file = folder.join(format!("klamm-{port}.yaml"));
        let log = folder.join(format!("klamm-{port}.log"));
        let data_path = data_path.forced_or()?;
        fs::write(&file, with_limits(yaml, data_path.limits())?)?;
        let process = Mutex::new(run(&file, &log)?);
        Ok(Gateway { process, file, log, port, admin_port, data_path })
    }

    /// Waits until `/ready` says 200.
    pub fn wait_ready(&self) -> Fallible<()> {
        until("the gateway is ready", patience(20), || {
            self.check_alive()?;
            let (status, body) = self.admin("/ready")?;
            ensure!(status == 200, "/ready says {status}: {body}");
            Ok(())
        })
    }

    /// The bootstrap address.
    pub fn bootstrap(&self) -> String {
        format!("{ADVERTISED_HOST}:{}", self.port)
    }

    /// The port that stands for a node.
    pub fn node_port(&self, node: i32) -> Fallible<u16> {
        Ok(self.port + u16::try_from(node)?)
    }

    /// The address that stands for a node.
    pub fn node_address(&self, node: i32) -> Fallible<String> {
        Ok(format!("{ADVERTISED_HOST}:{}", self.node_port(node)?))
    }

    /// GET on the admin address: status and body.
    pub fn admin(&self, path: &str) -> Fallible<(u16, String)> {
        let mut stream = TcpStream::connect((ADVERTISED_HOST, self.admin_port))?;
        stream.set_read_timeout(Some(patience(20)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no end of the HTTP header")?;
        let status = head.split(' ').nth(1).ok_or("no HTTP status")?.parse()?;
        Ok((status, body.to_owned()))
    }

    /// The numbers of this moment.
    pub fn numbers(&self) -> Fallible<Numbers> {
        let (status, body) = self.admin("/metrics")?;
        ensure!(status == 200, "/metrics says {status}");
        Numbers::read(&body)
    }

    /// Waits until it has read that many requests since its start: those that a client sent before are in flight, or done.
    pub fn wait_requests(&self, count: u64) -> Fallible<()> {
        until(&format!("{count} requests are read"), patience(10), || {
            let read = self.numbers()?.sum("klamm_requests_total") as u64;
            ensure!(read >= count, "{read} were read");
            Ok(())
        })
    }

    /// Replaces the configuration file of the running process; only a SIGHUP makes it look.
    pub fn rewrite(&self, yaml: &str) -> Fallible<()> {
        Ok(fs::write(&self.file, with_limits(yaml, self.data_path.limits())?)?)
    }

    /// The log so far, all runs of this gateway.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal, by its name without SIG.
    pub fn signal(&self, name: &str) -> Fallible<()> {
        locked(&self.process).signal(name)
    }

    /// Waits for the end; gives the exit code.
    pub fn wait_end(&self, limit: Duration) -> Fallible<Option<i32>> {
        Ok(locked(&self.process).wait(limit)?.code())
    }

    /// Starts it again after its end.
    pub fn start_again(&self) -> Fallible<()> {
        *locked(&self.process) = run(&self.file, &self.log)?;
        Ok(())
    }

    /// Resident memory, in bytes.
    pub fn resident_bytes(&self) -> Fallible<u64> {
        locked(&self.process).resident_bytes()
    }

    /// Lets it open no descriptor more while `work` is done.
    ///
    /// An accept that the ring has keeps the limit that it began with: it still brings connections.
    pub fn without_descriptors<T>(&self, work: impl FnOnce() -> Fallible<T>) -> Fallible<T> {
        let process = locked(&self.process).id();
        let limits = fs::read_to_string(format!("/proc/{process}/limits"))?;
        let line = limits.lines().find(|line| line.starts_with("Max open files")).ok_or("no limit of descriptors")?;
        let soft = line.split_whitespace().nth(3).ok_or("no soft limit")?;
        // Those below are taken for as long as it lives.
        limit(process, "nofile", "3")?;
        let done = work();
        limit(process, "nofile", soft)?;
        done
    }

    /// Lets it have only so many bytes of memory more while `work` is done.
    pub fn with_memory<T>(&self, more_bytes: u64, work: impl FnOnce() -> Fallible<T>) -> Fallible<T> {
        let process = locked(&self.process).id();
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).ok_or("no size of its memory")?;
        let kib: u64 = line.split_whitespace().next().ok_or("no size of its memory")?.parse()?;
        limit(process, "as", &(kib * 1024 + more_bytes).to_string())?;
        let done = work();
        limit(process, "as", "unlimited")?;
        done
    }

    fn check_alive(&self) -> Fallible<()> {
        if let Some(status) = locked(&self.process).ended()? {
            return Err(format!("the gateway ended: {status}\n{}", tail(&self.log())).into());
        }
        Ok(())
    }
}

impl<'a> Settings<'a> {
    /// In front of that backend, at ten ports that nobody else has; the last of them is the admin port.
    pub fn of(backend: &'a str) -> Settings<'a> {
        let port = ports::ten();
        Settings {
            backend,
            address: ADVERTISED_HOST,
            port,
            ports: PORTS,
            admin_port: port + 9,
            limits: &[],
            drain_duration: "10s",
        }
    }

    /// The configuration file.
    pub fn yaml(&self) -> String {
        self.yaml_with(&format!(
            "  - name: desk\n    addresses: [\"{}\"]\n    ports: [\"{}-{}\"]\n    policies:\n      \
             - {{type: forward_to_virtual_cluster, config: {{type: port_mapping, destination: {{name: passthrough}}, \
             advertised_host: \"{ADVERTISED_HOST}\", bootstrap_port: at_start, min_broker_id: 1}}}}\n",
            self.address,
            self.port,
            self.port + self.ports - 1,
        ))
    }

    /// The same with listeners of the test's own.
    pub fn yaml_with(&self, listeners: &str) -> String {
        let servers: Vec<String> = self.backend.split(',').map(|server| format!("\"{server}\"")).collect();
        let limits: Vec<String> = self.limits.iter().map(|(name, value)| format!("    {name}: {value}\n")).collect();
        let limits = if limits.is_empty() { String::new() } else { format!("  limits:\n{}", limits.concat()) };
        format!(
            "node:\n  shards: 2\n  admin: {{address: \"{ADVERTISED_HOST}:{}\"}}\n  drain_duration: {}\n{limits}\
             backend_clusters:\n  - name: lab\n    bootstrap_servers: [{}]\n    authentication: {{type: anonymous}}\n    \
             metadata_update_interval_seconds: 2\nlisteners:\n{listeners}",
            self.admin_port,
            self.drain_duration,
            servers.join(", "),
        )
    }
}

/// Sets a soft limit of a process.
fn limit(process: u32, name: &str, soft: &str) -> Fallible<()> {
    let limit = format!("--{name}={soft}:");
    let set = Command::new("prlimit").args(["--pid", &process.to_string(), &limit]).status()?;
    ensure!(set.success(), "prlimit {limit} of process {process}: {set}");
    Ok(())
}

fn run(file: &Path, log: &Path) -> Fallible<Process> {
    Process::start(Command::new(BINARY).arg("run").arg(file), log)
}
