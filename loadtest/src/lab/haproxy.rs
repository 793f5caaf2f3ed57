//! HAProxy in TCP mode with one thread: the plain relay that Klamm is measured against.

use crate::child::{Child, Start};
use crate::error::{Context, Error, Result};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// What to do when it is not there.
pub const INSTALL: &str = "HAProxy is not installed (on Debian: apt-get install haproxy)";

/// Its version, when it is installed.
pub fn version() -> Option<String> {
    let output = Command::new("haproxy").arg("-v").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().next()?.split_ascii_whitespace().nth(2)?;
    Some(version.to_owned())
}

/// Starts it with this configuration.
pub fn start(directory: &Path, config: &str, core: Option<usize>, callgrind: Option<&Path>) -> Result<Child> {
    version().ok_or_else(|| Error::new(INSTALL))?;
    let file = directory.join("haproxy.cfg");
    std::fs::write(&file, config).doing(|| format!("cannot write {}", file.display()))?;
    let log = directory.join("haproxy.log");
    // -db: in the foreground, without a master process: one process to measure.
    let command = ["haproxy".into(), "-db".into(), "-f".into(), file.into_os_string()];
    Start { name: "HAProxy", log: &log, core, callgrind }.program(&command)
}

/// A relay from `bind` (an address, and settings of TLS behind it) to a backend. Debian's defaults otherwise: buffers of
/// 16 KiB.
pub fn config(bind: &str, backend: SocketAddr, splice: bool) -> String {
    // Pipes are counted too: more connections would need more descriptors than many systems allow.
    let maxconn = if splice { 4096 } else { 8192 };
    let splice = if splice { "  option splice-auto\n  option splice-request\n  option splice-response\n" } else { "" };
    format!(
        "global
  nbthread 1
  maxconn {maxconn}
defaults
  mode tcp
{splice}  timeout connect 10s
  timeout client 10m
  timeout server 10m
listen relay
  bind {bind}
  server backend {backend}
"
    )
}
