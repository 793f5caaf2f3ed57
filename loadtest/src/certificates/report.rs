//! What the user reads in the end: the files, how the names are resolved, and commands to try.

use super::files::Files;
use super::named::{self, Named, TlsListener};
use super::{Made, Pair};
use crate::console::headline;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The nodes whose names are listed where the user named none.
const EXAMPLES: [i32; 4] = [0, 1, 2, 3];

/// Lists the files.
pub fn written(files: &Files) {
    let width = files.written.iter().map(|(path, _)| path.display().to_string().len()).max().unwrap_or(0);
    if files.written.is_empty() {
        headline("Nothing is missing; nothing was written.");
    } else {
        headline("Written:");
    }
    for (path, what) in &files.written {
        println!("  {:<width$}  {what}", path.display().to_string());
    }
    if !files.kept.is_empty() {
        headline("There before, and left as they are (--force replaces them):");
        files.kept.iter().for_each(|path| println!("  {}", path.display()));
    }
}

/// Prints what to do next.
pub fn what_now(config: &Path, named: &Named, nodes: Option<&[i32]>, made: &Made) {
    resolve(named, nodes.unwrap_or(&EXAMPLES));
    headline("Start Klamm:");
    println!("  klamm run {}", config.display());
    for (backend, keystore) in &made.keystores {
        headline(&format!(
            "The nodes of {backend} need certificates for the hosts that they advertise. One for its bootstrap servers:"
        ));
        println!("  ssl.keystore.type=PEM\n  ssl.keystore.location={}", absolute(keystore).display());
        println!("  ssl.truststore.type=PEM\n  ssl.truststore.location={}", absolute(&made.authority).display());
    }
    for listener in &named.listeners {
        commands(listener, made);
    }
}

/// How this machine can find the names.
fn resolve(named: &Named, nodes: &[i32]) {
    let lines: Vec<String> = named
        .listeners
        .iter()
        .flat_map(|listener| {
            let line = |names: Vec<String>| format!("{} {}", listener.address, names.join(" "));
            listener.hosts.iter().map(move |(_, names)| line(named::of_nodes(names, nodes)))
        })
        .collect();
    if lines.is_empty() {
        return;
    }
    let ids: Vec<String> = nodes.iter().map(i32::to_string).collect();
    headline(&format!("So that the names are found, add to /etc/hosts (for the nodes {}):", ids.join(", ")));
    lines.iter().for_each(|line| println!("  {line}"));
    println!(
        "  (Java alone can be given such a file: -Djdk.net.hosts.file=FILE. In a network a DNS wildcard does it.)"
    );
}

fn commands(listener: &TlsListener, made: &Made) {
    let Some((label, names)) = listener.hosts.first() else { return };
    let (name, port) = (names.bootstrap(), names.port);
    headline(&format!("Try the listener {} (here as a client of {label}):", listener.name));
    let authority = made.authority.display();
    let own = made.clients.iter().find(|(name, _)| name == label).or(made.clients.first());
    let own = own.filter(|_| listener.clients.is_some());
    let identity = own.map(|(_, Pair { certificate, key })| (certificate.display(), key.display()));
    let openssl = identity.as_ref().map_or(String::new(), |(cert, key)| format!(" -cert {cert} -key {key}"));
    let address = listener.address;
    let connect = if address.is_ipv6() { format!("[{address}]:{port}") } else { format!("{address}:{port}") };
    println!("  openssl s_client -connect {connect} -servername {name} -CAfile {authority}{openssl} </dev/null");
    let kcat = identity
        .as_ref()
        .map_or(String::new(), |(cert, key)| format!(" -X ssl.certificate.location={cert} -X ssl.key.location={key}"));
    println!("  kcat -L -b {name}:{port} -X security.protocol=ssl -X ssl.ca.location={authority}{kcat}");
    let properties = own.map_or(made.properties.clone(), |(_, pair)| pair.certificate.with_extension("properties"));
    println!("  kafka-topics.sh --list --bootstrap-server {name}:{port} --command-config {}", properties.display());
}

/// Settings of Java's clients.
pub fn properties(authority: &Path, keystore: Option<&PathBuf>) -> String {
    let authority = absolute(authority);
    let mut text =
        format!("security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location={}\n", authority.display());
    if let Some(keystore) = keystore {
        let _ = write!(text, "ssl.keystore.type=PEM\nssl.keystore.location={}\n", absolute(keystore).display());
    }
    text
}

/// As a program finds it that runs elsewhere.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
