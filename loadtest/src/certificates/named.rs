//! What a configuration names: the files of its certificates, keys and authorities, and the host names it advertises.
//!
//! Owns a reading of the YAML that is looser than Klamm's: the files that are missing would stop that one. Klamm itself
//! checks the whole in the end.

use crate::error::{Context as _, Error, Result};
use klamm::cluster::{HostFormat, HostNames};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The label of the virtual cluster that is there without `virtual_clusters`.
const PASSTHROUGH: &str = "passthrough";

/// All that is named.
#[derive(Default)]
pub struct Named {
    /// Certificates that listeners show.
    pub servers: Vec<Server>,
    /// Bundles of authorities that clients' certificates come from.
    pub clients_trust: BTreeSet<PathBuf>,
    /// Lists of revoked certificates.
    pub revocation: BTreeSet<PathBuf>,
    /// Backend clusters that are spoken to with TLS.
    pub backends: Vec<Backend>,
    /// Listeners with TLS, as clients reach them.
    pub doors: Vec<Door>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// With its chain.
    pub certificate: PathBuf,
    /// Of the certificate.
    pub key: PathBuf,
}

/// A certificate that a listener shows.
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
    /// The authority that Klamm believes, where a file is named.
    pub trust: Option<PathBuf>,
    /// What Klamm shows, where files are named.
    pub identity: Option<Pair>,
    /// Hosts of its bootstrap servers.
    pub hosts: BTreeSet<String>,
}

/// A listener with TLS.
pub struct Door {
    /// Its name.
    pub listener: String,
    /// Where it can be reached from this machine.
    pub address: IpAddr,
    /// The names of each virtual cluster behind it, with its label.
    pub fronts: Vec<(String, HostNames)>,
    /// What clients show of themselves; `None`: nothing.
    pub clients: Option<Principal>,
}

/// Which name of a client's certificate says who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// The subject.
    #[default]
    Subject,
    /// A host name.
    SanDns,
    /// A URI.
    SanUri,
    /// A mail address.
    SanEmail,
}

/// Reads a file, or every `*.yaml` of a directory.
pub fn read(config: &Path, nodes: Option<&[i32]>) -> Result<Named> {
    let mut document = Document::default();
    for file in files(config)? {
        let text = std::fs::read_to_string(&file).doing(|| format!("cannot read {}", file.display()))?;
        let doing = || format!("{} is not a configuration that can be read", file.display());
        document.add(serde_yaml::from_str(&text).doing(doing)?);
    }
    let folder = if config.is_dir() { config } else { config.parent().unwrap_or(Path::new("")) };
    Reader { folder, nodes }.named(&document)
}

fn files(config: &Path) -> Result<Vec<PathBuf>> {
    if !config.is_dir() {
        return Ok(vec![config.to_owned()]);
    }
    let doing = || format!("cannot read {}", config.display());
    let entries = std::fs::read_dir(config).doing(doing)?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    found.sort();
    Ok(found)
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
            let Some(tls) = listener.policies.iter().find(|policy| policy.kind == "tls_server") else { continue };
            let fronts = fronts(document, listener);
            let mut door =
                Door { listener: listener.name.clone(), address: reached_at(listener), fronts, clients: None };
            let certificates = tls.config.certificates.iter().flatten();
            for pair in certificates.filter_map(|identity| self.pair(identity)) {
                let names = self.names(listener, &door, &pair)?;
                named.servers.push(Server { pair, names });
            }
            if let Some(clients) = &tls.config.client_authentication {
                door.clients = Some(clients.principal_source);
                named.clients_trust.extend(clients.tls_trust_bundles.iter().filter_map(|text| self.file(text)));
                named.revocation.extend(clients.crls.iter().filter_map(|text| self.file(text)));
            }
            named.doors.push(door);
        }
        for backend in &document.backend_clusters {
            let Some(tls) = backend.tls.as_ref().filter(|tls| tls.enabled != Some(false)) else { continue };
            let host = |server: &String| Some(server.rsplit_once(':')?.0.trim_matches(['[', ']']).to_owned());
            named.backends.push(Backend {
                name: backend.name.clone(),
                trust: tls.ca_bundle.as_deref().and_then(|text| self.file(text)),
                identity: tls.client_identity.as_ref().and_then(|identity| self.pair(identity)),
                hosts: backend.bootstrap_servers.iter().filter_map(host).collect(),
            });
        }
        Ok(named)
    }

    /// What a certificate must cover: all names of its listener. One that is called after a virtual cluster's label
    /// (`alice.pem`) covers the names of that one alone, where they have a domain of their own.
    fn names(&self, listener: &Listener, door: &Door, pair: &Pair) -> Result<BTreeSet<String>> {
        let stem = pair.certificate.file_stem().unwrap_or_default();
        let own: Vec<_> = door.fronts.iter().filter(|(label, _)| stem == label.as_str()).collect();
        if !own.is_empty() {
            return self.of_fronts(own.into_iter());
        }
        let mut names = self.of_fronts(door.fronts.iter())?;
        names.extend(listener.policies.iter().filter_map(|policy| policy.config.advertised_host.clone()));
        Ok(names)
    }

    fn of_fronts<'f>(&self, fronts: impl Iterator<Item = &'f (String, HostNames)>) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for (_, front) in fronts {
            match self.nodes {
                Some(nodes) => names.extend(of_nodes(front, nodes)),
                None => {
                    names.insert(wildcard(front)?);
                }
            }
        }
        Ok(names)
    }

    fn pair(&self, identity: &Identity) -> Option<Pair> {
        let (certificate, key) = (identity.certificate.as_deref()?, identity.key.as_deref()?);
        Some(Pair { certificate: self.file(certificate)?, key: self.file(key)? })
    }

    /// The file that a value is, as a whole: `${file['PATH']}`.
    fn file(&self, text: &str) -> Option<PathBuf> {
        let inside = text.trim().strip_prefix("${file[")?.strip_suffix("]}")?;
        Some(self.folder.join(inside.trim_matches(['\'', '"'])))
    }
}

/// The host names of a virtual cluster, for these nodes.
pub fn of_nodes(front: &HostNames, nodes: &[i32]) -> Vec<String> {
    let nodes = nodes.iter().map(|node| format!("broker-{node}{}", front.own));
    std::iter::once(front.bootstrap()).chain(nodes).collect()
}

/// What covers the names of a virtual cluster, whatever its nodes are.
fn wildcard(front: &HostNames) -> Result<String> {
    let domain = front.own.find('.').and_then(|dot| front.own.get(dot..)).unwrap_or_default();
    if domain.matches('.').count() < 2 {
        let what =
            format!("no wildcard that clients take covers {}: it would stand right below the top", front.bootstrap());
        return Err(Error::new(what).try_this("Choose an sni_suffix of two labels, or name the nodes: --nodes 1-3."));
    }
    Ok(format!("*{domain}"))
}

fn reached_at(listener: &Listener) -> IpAddr {
    let first = listener.addresses.iter().find_map(|address| address.parse::<IpAddr>().ok());
    match first {
        Some(IpAddr::V6(address)) if address.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        Some(address) if !address.is_unspecified() => address,
        Some(_) | None => std::net::Ipv4Addr::LOCALHOST.into(),
    }
}

/// The virtual clusters that a listener reaches by name.
fn fronts(document: &Document, listener: &Listener) -> Vec<(String, HostNames)> {
    let implicit = document.virtual_clusters.is_empty().then_some((PASSTHROUGH, PASSTHROUGH));
    let written = document.virtual_clusters.iter();
    let labelled = written.filter_map(|cluster| Some((cluster.name.as_str(), cluster.dns_label.as_deref()?)));
    let all: Vec<(&str, &str)> = implicit.into_iter().chain(labelled).collect();
    let mut fronts = Vec::new();
    for Policy { config, .. } in &listener.policies {
        let Some(suffix) = &config.sni_suffix else { continue };
        let only_port = match listener.ports.as_slice() {
            [Port::Number(port)] => Some(*port),
            [Port::Text(port)] => port.parse().ok(),
            _ => None,
        };
        let port = config.advertised_port.or(only_port).unwrap_or_default();
        let format = match config.broker_host_format.as_ref().map(|format| format.kind.as_str()) {
            Some("shared_suffix") => HostFormat::SharedSuffix,
            Some(_) | None => HostFormat::PerClusterSuffix,
        };
        let meant = |name: &str| config.destination.as_ref().is_none_or(|destination| destination.name == name);
        let reached = all.iter().filter(|(name, _)| meant(name));
        fronts.extend(reached.map(|(_, label)| ((*label).to_owned(), HostNames::new(format, label, suffix, port))));
    }
    fronts
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    backend_clusters: Vec<BackendCluster>,
    virtual_clusters: Vec<VirtualCluster>,
    listeners: Vec<Listener>,
}

impl Document {
    fn add(&mut self, other: Document) {
        self.backend_clusters.extend(other.backend_clusters);
        self.virtual_clusters.extend(other.virtual_clusters);
        self.listeners.extend(other.listeners);
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BackendCluster {
    name: String,
    bootstrap_servers: Vec<String>,
    tls: Option<BackendTls>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BackendTls {
    enabled: Option<bool>,
    ca_bundle: Option<String>,
    client_identity: Option<Identity>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct VirtualCluster {
    name: String,
    dns_label: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Listener {
    name: String,
    addresses: Vec<String>,
    ports: Vec<Port>,
    policies: Vec<Policy>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Policy {
    #[serde(rename = "type")]
    kind: String,
    config: PolicyConfig,
}

/// The keys of all policies that are read here: each policy has some.
#[derive(Deserialize, Default)]
#[serde(default)]
struct PolicyConfig {
    certificates: Option<Vec<Identity>>,
    client_authentication: Option<ClientAuthentication>,
    destination: Option<Destination>,
    sni_suffix: Option<String>,
    advertised_port: Option<u16>,
    broker_host_format: Option<Format>,
    advertised_host: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Identity {
    certificate: Option<String>,
    key: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ClientAuthentication {
    tls_trust_bundles: Vec<String>,
    crls: Vec<String>,
    principal_source: Principal,
}

#[derive(Deserialize)]
struct Destination {
    name: String,
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
}
