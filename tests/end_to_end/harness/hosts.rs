//! Host names without a DNS: the tests run in a mount namespace of their own, in which `/etc/hosts` is a file that
//! knows every name that they use. All clients of all languages ask there, and nobody outside sees it.
//!
//! A namespace needs root, or a kernel that lets everybody make one (`unshare --map-root-user`). Where neither holds, the
//! names must stand in the machine's own `/etc/hosts`; a test that needs them fails with that sentence until they do.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Fallible;
use super::lab::{NODES, node_address};
use crate::ensure;

/// What the gateways' host names end with.
pub const SUFFIX: &str = ".klamm.test";
/// The labels of virtual clusters that clients reach by name.
pub const LABELS: [&str; 5] = ["alice", "bob", "passthrough", "victim", "attacker"];
/// What the host names of the lab's nodes end with.
pub const NODES_SUFFIX: &str = ".backend.test";

const HOSTS: &str = "/etc/hosts";
/// Set inside the namespace.
const INSIDE: &str = "KLAMM_E2E_HOSTS";

/// The host name of a node of the lab, for its listeners with TLS.
pub fn of_node(id: usize) -> String {
    format!("node-{id}{NODES_SUFFIX}")
}

/// Runs this very program again, in its place and with its process id, where the names are known. Returns inside, or
/// where no namespace can be made.
pub fn enter(folder: &Path) {
    if std::env::var_os(INSIDE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let file = folder.join("hosts");
    // In one step: another run may be reading it.
    let new = folder.join(format!("hosts.{}", std::process::id()));
    let before = fs::read_to_string(HOSTS).unwrap_or_default();
    if fs::write(&new, before + "\n" + &lines()).and_then(|()| fs::rename(&new, &file)).is_err() {
        return;
    }
    for way in [&["--mount"][..], &["--mount", "--map-root-user"]] {
        let within = |rest: &str| {
            let mut command = Command::new("unshare");
            command.args(way).args(["sh", "-c", &format!("mount --bind \"$0\" {HOSTS} && {rest}")]).arg(&file);
            command
        };
        let works = within("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if works.is_ok_and(|status| status.success()) {
            // Returns only when it fails.
            let _ = within("exec \"$@\"").arg(&program).args(std::env::args_os().skip(1)).env(INSIDE, &file).exec();
        }
    }
}

/// Fails unless the names are known.
pub fn known() -> Fallible<()> {
    for (address, name) in names() {
        let found = (&*name, 0).to_socket_addrs().ok().and_then(|mut found| found.next());
        ensure!(
            found.is_some_and(|found| found.ip() == IpAddr::V4(address)),
            "{name} is not known here as {address}. This user may make no mount namespace, with or without a user \
             namespace (unshare --mount --map-root-user true): allow it, or add these lines to {HOSTS}:\n{}",
            lines()
        );
    }
    Ok(())
}

fn lines() -> String {
    names().iter().fold(String::new(), |mut lines, (address, name)| {
        let _ = writeln!(lines, "{address} {name}");
        lines
    })
}

/// Every name, with its address: of the nodes, of one more that joins, and of the gateways in both formats.
fn names() -> Vec<(Ipv4Addr, String)> {
    let nodes = (1..=NODES + 1).map(|id| (node_address(id), of_node(id)));
    let fronts = std::iter::once("bootstrap".to_owned()).chain((1..=NODES + 1).map(|id| format!("broker-{id}")));
    let of_labels = fronts.flat_map(|front| {
        LABELS.into_iter().flat_map(move |label| ['.', '-'].map(|join| format!("{front}{join}{label}{SUFFIX}")))
    });
    nodes.chain(of_labels.map(|name| (Ipv4Addr::LOCALHOST, name))).collect()
}
