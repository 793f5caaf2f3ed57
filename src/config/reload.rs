//! What a reload takes of a configuration that was read again: certificates, keys, trust, revocation lists. All else stays
//! as it runs, and is named.
//!
//! May not read anything: both configurations were checked.

use std::sync::Arc;

use serde_yaml::{Mapping, Value};

use super::print;
use super::snapshot::{BackendCluster, Forward, Listener, Snapshot};
use super::tls::{BackendTls, BackendTrust, ClientAuthentication, TlsServer};
use crate::cluster::AddressMap;

/// A running configuration with what was taken of one that was read again.
#[derive(Clone, Debug, PartialEq)]
pub struct Reloaded {
    /// What runs now.
    pub snapshot: Snapshot,
    /// The paths where what was read says otherwise than what runs, `listeners[door].ports` for example: a restart would
    /// change them.
    pub differing: Vec<String>,
    /// Host names that the running configuration advertises and that no certificate covers any more, each with its listener. The check
    /// saw the names of what was read.
    pub uncovered: Vec<(Arc<str>, String)>,
}

/// Takes of `read` what needs no restart.
pub fn reload(running: &Snapshot, read: &Snapshot) -> Reloaded {
    let mut snapshot = running.clone();
    for listener in &mut snapshot.listeners {
        let read = read.listeners.iter().find(|read| read.name == listener.name).and_then(|read| read.tls.as_deref());
        if let (Some(running), Some(read)) = (&mut listener.tls, read) {
            *running = Arc::new(listener_side(running, read));
        }
    }
    for backend in &mut snapshot.backend_clusters {
        let of_name = |read: &&BackendCluster| read.name == backend.name;
        let read = read.backend_clusters.iter().find(of_name).and_then(|read| read.tls.as_deref());
        if let (Some(running), Some(read)) = (&mut backend.tls, read) {
            *running = Arc::new(backend_side(running, read));
        }
    }
    let mut differing = Vec::new();
    differences(&print::tree(&snapshot), &print::tree(read), "", &mut differing);
    let uncovered = snapshot.listeners.iter().flat_map(uncovered).collect();
    Reloaded { snapshot, differing, uncovered }
}

/// Which versions are spoken, and how clients are asked, are decisions and not material: they stay.
fn listener_side(running: &TlsServer, read: &TlsServer) -> TlsServer {
    let client = |running: &ClientAuthentication| match &read.client_authentication {
        Some(read) => {
            ClientAuthentication { trust: read.trust.clone(), revocation: read.revocation.clone(), ..running.clone() }
        }
        None => running.clone(),
    };
    TlsServer {
        certificates: read.certificates.clone(),
        client_authentication: running.client_authentication.as_ref().map(client),
        ..*running
    }
}

/// Whether certificates are looked at at all is a decision: it stays.
fn backend_side(running: &BackendTls, read: &BackendTls) -> BackendTls {
    let trust = match (&running.trust, &read.trust) {
        (BackendTrust::InsecureSkipVerify, _) | (_, BackendTrust::InsecureSkipVerify) => &running.trust,
        (BackendTrust::System(_) | BackendTrust::Bundle(_), read) => read,
    };
    BackendTls { trust: trust.clone(), versions: running.versions, client_identity: read.client_identity.clone() }
}

/// The paths at which two printed configurations differ; entities are distinguished by their names.
fn differences(running: &Value, read: &Value, path: &str, found: &mut Vec<String>) {
    match (running, read) {
        (Value::Mapping(running), Value::Mapping(read)) => {
            for key in keys(running, read) {
                let place = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                either(running.get(key), read.get(key), &place, found);
            }
        }
        (Value::Sequence(running), Value::Sequence(read))
            if running.iter().chain(read).all(|it| name(it).is_some()) =>
        {
            let of = |list: &[Value], wanted| list.iter().find(|it| name(it) == Some(wanted)).cloned();
            for named in in_order(running.iter().filter_map(name), read.iter().filter_map(name)) {
                let place = format!("{path}[{named}]");
                either(of(running, named).as_ref(), of(read, named).as_ref(), &place, found);
            }
        }
        (Value::Sequence(running), Value::Sequence(read)) if running.len() == read.len() => {
            for (at, (running, read)) in running.iter().zip(read).enumerate() {
                differences(running, read, &format!("{path}[{at}]"), found);
            }
        }
        (running, read) if running == read => {}
        (_, _) => found.push(path.to_owned()),
    }
}

fn either(running: Option<&Value>, read: Option<&Value>, path: &str, found: &mut Vec<String>) {
    match (running, read) {
        (Some(running), Some(read)) => differences(running, read, path, found),
        (None, None) => {}
        (_, _) => found.push(path.to_owned()),
    }
}

fn keys<'v>(running: &'v Mapping, read: &'v Mapping) -> Vec<&'v str> {
    in_order(running.keys().filter_map(Value::as_str), read.keys().filter_map(Value::as_str))
}

fn name(entity: &Value) -> Option<&str> {
    entity.get("name")?.as_str()
}

/// Those of the first, then those that only the second has.
fn in_order<'v>(running: impl Iterator<Item = &'v str>, read: impl Iterator<Item = &'v str>) -> Vec<&'v str> {
    let mut all: Vec<&str> = running.collect();
    let known = all.len();
    all.extend(read);
    let only_read = all.split_off(known).into_iter().filter(|name| !all.contains(name)).collect::<Vec<_>>();
    all.extend(only_read);
    all
}

/// The bootstrap names that `listener` advertises, and no certificate of its covers.
fn uncovered(listener: &Listener) -> Vec<(Arc<str>, String)> {
    let Some(tls) = &listener.tls else { return Vec::new() };
    let covered = tls.coverage();
    let advertised = listener.forwards.iter().flat_map(Forward::targets).map(|(_, addresses)| match &**addresses {
        AddressMap::Ports(mapping) => mapping.advertised_host.to_string(),
        AddressMap::Names(names) => names.bootstrap(),
    });
    advertised.filter(|host| !covered.covers(host)).map(|host| (listener.name.clone(), host)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_bytes;
    use std::path::Path;

    fn read(text: &str) -> Snapshot {
        load_bytes(Path::new("klamm.yaml"), text.as_bytes()).unwrap_or_else(|faults| panic!("{faults}"))
    }

    const RUNNING: &str = "node: {limits: {connect: 5s}}
backend_clusters:
  - {name: a, bootstrap_servers: [\"kafka:9092\"]}
virtual_clusters:
  - {name: one, destination: {name: a}}
  - {name: two, destination: {name: a}, namespace: {mode: hide_prefix}}
listeners:
  - name: desk
    addresses: [\"127.0.0.1\"]
    ports: [\"19092-19095\"]
    policies:
      - {type: forward_to_virtual_cluster, config: {type: port_mapping, destination: {name: one}, advertised_host: here}}
  - name: door
    addresses: [\"127.0.0.1\"]
    ports: [\"19192-19195\"]
    policies:
      - {type: forward_to_virtual_cluster, config: {type: port_mapping, destination: {name: two}, advertised_host: here}}
";

    fn differing(changes: &[(&str, &str)]) -> Vec<String> {
        let text = changes.iter().fold(RUNNING.to_owned(), |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text.replace(from, to)
        });
        let running = read(RUNNING);
        let reloaded = reload(&running, &read(&text));
        assert_eq!(reloaded.snapshot, running, "without TLS nothing is taken");
        reloaded.differing
    }

    #[test]
    fn each_difference_is_named_where_it_stands() {
        assert_eq!(differing(&[]), [""; 0]);
        for (from, to, path) in [
            ("connect: 5s", "connect: 6s", "node.limits.connect"),
            ("kafka:9092", "kafka:9093", "backend_clusters[a].bootstrap_servers[0]"),
            ("19092-19095", "19092-19096", "listeners[desk].ports[0]"),
            ("\"19092-19095\"", "\"19092-19095\", 19099", "listeners[desk].ports"),
            ("hide_prefix", "enforce_prefix", "virtual_clusters[two].namespace.mode"),
            (", namespace: {mode: hide_prefix}", "", "virtual_clusters[two].namespace"),
            (
                "destination: {name: one}, advertised_host: here",
                "destination: {name: one}, advertised_host: there",
                "listeners[desk].policies[0].config.advertised_host",
            ),
        ] {
            assert_eq!(differing(&[(from, to)]), [path], "{from}");
        }
        let many = differing(&[("name: desk", "name: hall"), ("connect: 5s", "idle: 700s")]);
        assert_eq!(many, ["node.limits.connect", "node.limits.idle", "listeners[desk]", "listeners[hall]"]);
    }

    #[test]
    fn the_order_of_entities_and_the_way_defaults_are_written_do_not_matter() {
        let running = read(RUNNING);
        let (head, door) = RUNNING.split_at(RUNNING.find("  - name: door").unwrap());
        let (head, desk) = head.split_at(head.find("  - name: desk").unwrap());
        let turned = format!("{head}{door}{desk}").replace("connect: 5s", "connect: 5000ms, idle: 11m");
        assert_eq!(reload(&running, &read(&turned)).differing, [""; 0]);
    }
}
