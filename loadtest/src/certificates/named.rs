//! What a configuration names: the files of its certificates, keys and authorities, and the host names it advertises.
//!
//! Owns a reading of the YAML that is looser than Klamm's: the files that are missing would stop that one. Klamm itself
//! checks the whole in the end.

use crate::error::{Context as _, Error, Result};
use klamm::cluster::{HostFormat, HostNames};
use serde::Deserialize;
use serde_yaml::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The label of the virtual cluster that is there without `virtual_clusters`.
const PASSTHROUGH: &str = "passthrough";

/// All that is named.
#[derive(Default)]
pub struct Named {
    /// Certificates of listeners.
    pub servers: Vec<Server>,
    /// Bundles of authorities that clients' certificates come from.
    pub clients_trust: BTreeSet<PathBuf>,
    /// Lists of revoked certificates.
    pub revocation: BTreeSet<PathBuf>,
    /// Backend clusters that are spoken to with TLS.
    pub backends: Vec<Backend>,
    /// Listeners with TLS, as clients reach them.
    pub listeners: Vec<TlsListener>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// With its chain.
    pub certificate: PathBuf,
    /// Of the certificate.
    pub key: PathBuf,
}

/// A certificate of a listener.
pub struct Server {
    /// Its files.
    pub pair: Pair,
    /// Host names and addresses that it must cover.
    pub names: BTreeSet<String>,
}

/// A backend cluster with TLS.
pub struct Backend {
    /// Its name.
    pub name: String,
    /// The authority that Klamm trusts, where a file is named.
    pub trust: Option<PathBuf>,
    /// Klamm's own certificate, where files are named.
    pub identity: Option<Pair>,
    /// Hosts of its bootstrap servers.
    pub hosts: BTreeSet<String>,
}

/// A listener with TLS.
pub struct TlsListener {
    /// Its name.
    pub name: String,
    /// Where it can be reached from this machine.
    pub address: IpAddr,
    /// The names of each virtual cluster behind it, with its label.
    pub hosts: Vec<(String, HostNames)>,
    /// How clients are identified by their certificates; `None`: they have none.
    pub clients: Option<Principal>,
}

/// Which name of a client's certificate is its principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The subject.
    Subject,
    /// A host name.
    SanDns,
    /// A URI.
    SanUri,
    /// A mail address.
    SanEmail,
}

/// What is read here; what is in it Klamm checks.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    backend_clusters: Vec<Value>,
    virtual_clusters: Vec<Value>,
    listeners: Vec<Value>,
}

/// Reads a file, or every `*.yaml` of a directory.
pub fn read(config: &Path, nodes: Option<&[i32]>) -> Result<Named> {
    let mut files = vec![config.to_owned()];
    if config.is_dir() {
        let entries = std::fs::read_dir(config).doing(|| format!("cannot read {}", config.display()))?;
        files = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
        files.sort();
    }
    let mut all = Document::default();
    for file in files {
        let text = std::fs::read_to_string(&file).doing(|| format!("cannot read {}", file.display()))?;
        let doing = || format!("{} is not a configuration that can be read", file.display());
        let one: Document = serde_yaml::from_str(&text).doing(doing)?;
        all.backend_clusters.extend(one.backend_clusters);
        all.virtual_clusters.extend(one.virtual_clusters);
        all.listeners.extend(one.listeners);
    }
    let folder = if config.is_dir() { config } else { config.parent().unwrap_or(Path::new("")) };
    Reader { folder, nodes }.named(&all)
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

struct Reader<'a> {
    /// What the paths in the file are relative to.
    folder: &'a Path,
    nodes: Option<&'a [i32]>,
}

impl Reader<'_> {
    fn named(&self, document: &Document) -> Result<Named> {
        let mut named = Named::default();
        for listener in &document.listeners {
            let policies = || list(listener, "policies").iter().filter_map(|policy| policy.get("config"));
            let is_tls = |policy: &&Value| text(policy, "type") == Some("tls_server");
            let Some(tls) = list(listener, "policies").iter().find(is_tls) else { continue };
            let tls = tls.get("config").unwrap_or(&Value::Null);
            let hosts: Vec<_> = policies().flat_map(|policy| hosts(document, listener, policy)).collect();
            for pair in list(tls, "certificates").iter().filter_map(|identity| self.pair(identity)) {
                // A file that is called after a virtual cluster's label (`alice.pem`) covers the names of that one alone,
                // where they have a domain of their own; others cover all names of the listener.
                let stem = pair.certificate.file_stem().unwrap_or_default();
                let own: Vec<_> = hosts.iter().filter(|(label, _)| stem == label.as_str()).collect();
                let mut names = BTreeSet::new();
                if own.is_empty() {
                    names = self.cover(hosts.iter())?;
                    names.extend(policies().filter_map(|policy| text(policy, "advertised_host")).map(str::to_owned));
                } else {
                    names.append(&mut self.cover(own.into_iter())?);
                }
                named.servers.push(Server { pair, names });
            }
            let clients = tls.get("client_authentication").filter(|clients| clients.is_mapping());
            if let Some(clients) = clients {
                named.clients_trust.extend(self.files(clients, "tls_trust_bundles"));
                named.revocation.extend(self.files(clients, "crls"));
            }
            let principal = |clients| match text(clients, "principal_source") {
                Some("san_dns") => Principal::SanDns,
                Some("san_uri") => Principal::SanUri,
                Some("san_email") => Principal::SanEmail,
                Some(_) | None => Principal::Subject,
            };
            let name = text(listener, "name").unwrap_or_default().to_owned();
            let (address, clients) = (reached_at(listener), clients.map(principal));
            named.listeners.push(TlsListener { name, address, hosts, clients });
        }
        for backend in &document.backend_clusters {
            let is_on = |tls: &&Value| tls.is_mapping() && tls.get("enabled") != Some(&Value::Bool(false));
            let Some(tls) = backend.get("tls").filter(is_on) else {
                continue;
            };
            let host = |server: &str| Some(server.rsplit_once(':')?.0.trim_matches(['[', ']']).to_owned());
            named.backends.push(Backend {
                name: text(backend, "name").unwrap_or_default().to_owned(),
                trust: text(tls, "ca_bundle").and_then(|text| self.file(text)),
                identity: tls.get("client_identity").and_then(|identity| self.pair(identity)),
                hosts: list(backend, "bootstrap_servers").iter().filter_map(Value::as_str).filter_map(host).collect(),
            });
        }
        Ok(named)
    }

    fn cover<'f>(&self, hosts: impl Iterator<Item = &'f (String, HostNames)>) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for (_, host) in hosts {
            match self.nodes {
                Some(nodes) => names.extend(of_nodes(host, nodes)),
                None => {
                    names.insert(wildcard(host)?);
                }
            }
        }
        Ok(names)
    }

    fn pair(&self, identity: &Value) -> Option<Pair> {
        let file = |key| self.file(text(identity, key)?);
        Some(Pair { certificate: file("certificate")?, key: file("key")? })
    }

    fn files(&self, value: &Value, key: &str) -> impl Iterator<Item = PathBuf> {
        list(value, key).iter().filter_map(Value::as_str).filter_map(|text| self.file(text))
    }

    /// The file that a value is, as a whole: `${file['PATH']}`.
    fn file(&self, text: &str) -> Option<PathBuf> {
        let inside = text.trim().strip_prefix("${file[")?.strip_suffix("]}")?;
        Some(self.folder.join(inside.trim_matches(['\'', '"'])))
    }
}

/// The host names of a virtual cluster, for these nodes.
pub fn of_nodes(names: &HostNames, nodes: &[i32]) -> Vec<String> {
    let nodes = nodes.iter().map(|node| format!("broker-{node}{}", names.own));
    std::iter::once(names.bootstrap()).chain(nodes).collect()
}

/// What covers the names of a virtual cluster, whatever its nodes are.
fn wildcard(names: &HostNames) -> Result<String> {
    let domain = names.own.find('.').and_then(|dot| names.own.get(dot..)).unwrap_or_default();
    if domain.matches('.').count() < 2 {
        let what =
            format!("no wildcard that clients take covers {}: it would stand right below the top", names.bootstrap());
        return Err(Error::new(what).try_this("Choose an sni_suffix of two labels, or name the nodes: --nodes 1-3."));
    }
    Ok(format!("*{domain}"))
}

fn reached_at(listener: &Value) -> IpAddr {
    let addresses = list(listener, "addresses").iter().filter_map(Value::as_str);
    match addresses.filter_map(|address| address.parse().ok()).next() {
        Some(IpAddr::V6(address)) if address.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        Some(address) if !address.is_unspecified() => address,
        Some(_) | None => std::net::Ipv4Addr::LOCALHOST.into(),
    }
}

/// The virtual clusters that a policy of a listener reaches by name: label and names.
fn hosts(document: &Document, listener: &Value, policy: &Value) -> Vec<(String, HostNames)> {
    let Some(suffix) = text(policy, "sni_suffix") else { return Vec::new() };
    let port = |value: &Value| match value.as_u64() {
        Some(port) => u16::try_from(port).ok(),
        None => value.as_str()?.parse().ok(),
    };
    let only_port = match list(listener, "ports") {
        [only] => port(only),
        _ => None,
    };
    let port = policy.get("advertised_port").and_then(port).or(only_port).unwrap_or_default();
    let format = match policy.get("broker_host_format").and_then(|format| text(format, "type")) {
        Some("shared_suffix") => HostFormat::SharedSuffix,
        Some(_) | None => HostFormat::PerClusterSuffix,
    };
    let implicit = document.virtual_clusters.is_empty().then_some((PASSTHROUGH, PASSTHROUGH));
    let written = document.virtual_clusters.iter();
    let labelled = written.filter_map(|cluster| Some((text(cluster, "name")?, text(cluster, "dns_label")?)));
    let destination = policy.get("destination").and_then(|destination| text(destination, "name"));
    let reached = implicit.into_iter().chain(labelled).filter(|(name, _)| destination.is_none_or(|only| only == *name));
    reached.map(|(_, label)| (label.to_owned(), HostNames::new(format, label, suffix, port))).collect()
}
