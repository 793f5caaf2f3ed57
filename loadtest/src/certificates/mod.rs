//! A development authority and certificates for a configuration: whatever files it names and nobody made yet.
//!
//! Owns which files there are. For one machine and its owner: the authority's key lies beside what it signed.

mod authority;
mod files;
mod named;
mod report;

use crate::console::headline;
use crate::error::{Error, Result};
use authority::{Authority, Form};
use files::{Files, read};
pub use named::of_nodes as names_of_nodes;
use named::{Backend, Named, Pair, Principal};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The authority's own files, beside the first certificate that the configuration names.
const AUTHORITY: &str = "dev-ca";
/// What stands before the names of clients' files.
const CLIENT: &str = "client-";
/// Longest validity: ten years.
const DAYS_MAX: i64 = 3650;

/// Make the certificates and keys that a configuration names and that are missing.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A listener with tls_server needs a certificate that covers every host name that Klamm advertises:

  broker_host_format   names                                      what covers them
  per_cluster_suffix   bootstrap.alice.klamm.test, broker-1...    *.alice.klamm.test, for each label
  shared_suffix        bootstrap-alice.klamm.test, broker-1-...   *.klamm.test
  (port_mapping)       its advertised_host                        that name or address

This command reads the configuration, makes an authority (dev-ca.pem and dev-ca.key, beside the
first certificate), and signs with it whatever is named as ${file['PATH']} and is not there:

  certificate and key            cover all names of the listener; a file called after a dns_label
                                 (alice.pem) covers the names of that virtual cluster alone
  tls_trust_bundles, ca_bundle   the authority's certificate
  crls                           a list that revokes nothing
  client_identity                a client's certificate for Klamm (CN=klamm)

Beside them it writes what clients need: client.properties for Java's tools and, where a listener
asks clients for certificates, a certificate for each client. Where Klamm speaks TLS to a backend
cluster, it writes a keystore for the nodes too. In the end Klamm's own check reads the whole.

Examples:
  loadtest certificates --config config/sni-two-tenants.yaml
  loadtest certificates --config config/mtls.yaml --client alice --client bob
  loadtest certificates --config klamm.yaml --nodes 1-3    exact names of these nodes, no wildcard

For development only: the authority's key lies beside the certificates. In production the files
come from your own authority, under the same names.")]
pub struct Args {
    /// The configuration: a file, or a directory of them.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Replace everything, the authority included. Without it, what is there stays as it is.
    #[arg(long)]
    force: bool,
    /// Cover the exact names of the nodes with these ids, instead of wildcards.
    #[arg(long, value_name = "FIRST-LAST", value_parser = node_ids)]
    nodes: Option<NodeIds>,
    /// A client that gets a certificate, where a listener asks for them; may be repeated. Without it, one for each label.
    #[arg(long, value_name = "NAME", value_parser = client_name)]
    client: Vec<String>,
    /// RSA keys of 2048 bits instead of ECDSA on P-256.
    #[arg(long)]
    rsa: bool,
    /// How many days the certificates are valid.
    #[arg(long, value_name = "N", default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
    days: u32,
}

/// Ids of nodes, in order.
#[derive(Clone, Debug)]
struct NodeIds(Vec<i32>);

/// `1-3`, or one number.
fn node_ids(text: &str) -> std::result::Result<NodeIds, String> {
    const RIGHT: &str = "right would be FIRST-LAST, as in 1-3, of at most 1000 ids";
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |digits: &str| digits.parse::<i32>().map_err(|_| RIGHT.to_owned());
    let (first, last) = (number(first)?, number(last)?);
    if first < 0 || last < first || last - first >= 1000 {
        return Err(RIGHT.to_owned());
    }
    Ok(NodeIds((first..=last).collect()))
}

/// What can be part of a file's name and of a certificate's.
fn client_name(text: &str) -> std::result::Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > 63 || !text.chars().all(fits) || text.starts_with('.') {
        return Err("right would be 1 to 63 letters, digits, '-', '_' or '.'".to_owned());
    }
    Ok(text.to_owned())
}

/// Makes what is missing.
pub fn run(args: &Args) -> Result<()> {
    let nodes = args.nodes.as_ref().map(|nodes| nodes.0.as_slice());
    let named = named::read(&args.config, nodes)?;
    let folder = named.folder().ok_or_else(|| {
        let what =
            format!("{} names no file of a certificate, so that there is nothing to make", args.config.display());
        Error::new(what).try_this(
            "A listener with tls_server names them: certificates: [{certificate: \"${file['tls/klamm.pem']}\", key: \
             \"${file['tls/klamm.key']}\"}]. See config/sni-two-tenants.yaml.",
        )
    })?;
    let mut files = Files::new(args.force);
    let form = Form { rsa: args.rsa, days: args.days };
    let made = make(&named, folder, &args.client, form, &mut files);
    if made.is_ok() || !files.written.is_empty() {
        report::written(&files);
    }
    let made = made?;
    check(&args.config)?;
    report::what_now(args.config.as_path(), &named, nodes, &made);
    Ok(())
}

/// Makes all that a configuration of this program's own names, without a word. Gives the authority's certificate and the
/// settings of Java's clients.
pub fn for_quickstart(config: &Path) -> Result<(PathBuf, PathBuf)> {
    let named = named::read(config, None)?;
    let folder = named.folder().ok_or_else(|| Error::new("the configuration names no certificate"))?;
    let form = Form { rsa: false, days: 1 };
    let made = make(&named, folder, &[], form, &mut Files::new(false))?;
    Ok((made.authority, made.properties))
}

/// What clients and nodes need beside what the configuration names.
struct Made {
    /// The authority's certificate.
    authority: PathBuf,
    /// Settings of Java's clients without a certificate.
    properties: PathBuf,
    /// A client's name, and its certificate with its key.
    clients: Vec<(String, Pair)>,
    /// For each backend cluster that is spoken to with TLS, what its nodes need.
    keystores: Vec<(String, PathBuf)>,
}

fn make(named: &Named, folder: &Path, clients: &[String], form: Form, files: &mut Files) -> Result<Made> {
    let file = |name: &str, end: &str| folder.join(format!("{name}.{end}"));
    let own = Pair { certificate: file(AUTHORITY, "pem"), key: file(AUTHORITY, "key") };
    files.pair(&own, "the authority that clients trust; whoever has its key can sign for anybody here", || {
        Authority::new_pair(form)
    })?;
    let (authority, pem) = (Authority::new(&read(&own.key)?, form)?, read(&own.certificate)?);
    for server in &named.servers {
        let names: Vec<&str> = server.names.iter().map(String::as_str).collect();
        files.pair(&server.pair, format!("covers {}", names.join(", ")), || authority.server(&server.names))?;
    }
    let trusted = named.clients_trust.iter().chain(named.backends.iter().filter_map(|backend| backend.trust.as_ref()));
    for bundle in trusted.filter(|bundle| **bundle != own.certificate) {
        files.public(bundle, "the authority's certificate", || Ok(pem.clone()))?;
    }
    for list in &named.revocation {
        files.public(list, "a list that revokes nothing", || authority.nothing_revoked())?;
    }
    let mut keystores = Vec::new();
    for Backend { name, identity, hosts, .. } in &named.backends {
        if let Some(identity) = identity {
            let issue = || authority.client("klamm", Principal::Subject);
            files.pair(identity, "Klamm's certificate for the nodes", issue)?;
        }
        let keystore = folder.join(format!("{name}-nodes.keystore.pem"));
        let what = format!("for the nodes of {name}: covers its bootstrap servers' hosts");
        files.secret(&keystore, what, || authority.server(hosts).map(|issued| issued.key + &issued.certificate))?;
        keystores.push((name.clone(), keystore));
    }
    let mut made = Vec::new();
    for (name, principal) in clients_of(named, clients) {
        let file = |end: &str| file(&format!("{CLIENT}{name}"), end);
        let pair = Pair { certificate: file("pem"), key: file("key") };
        files.pair(&pair, format!("of the client {name}"), || authority.client(&name, principal))?;
        let both = || Ok(read(&pair.key)? + &read(&pair.certificate)?);
        let keystore = file("keystore.pem");
        files.secret(&keystore, "both in one file, as Java takes them", both)?;
        let text = || Ok(report::properties(&own.certificate, Some(&keystore)));
        files.public(&file("properties"), format!("settings of Java's clients for {name}"), text)?;
        made.push((name, pair));
    }
    let properties = file("client", "properties");
    let text = || Ok(report::properties(&own.certificate, None));
    files.public(&properties, "settings of Java's clients", text)?;
    Ok(Made { authority: own.certificate, properties, clients: made, keystores })
}

/// Who gets a certificate: where a listener asks for them, those whom the user named, or one for each label.
fn clients_of(named: &Named, clients: &[String]) -> Vec<(String, Principal)> {
    let Some(principal) = named.listeners.iter().find_map(|listener| listener.clients) else { return Vec::new() };
    let asking = named.listeners.iter().filter(|listener| listener.clients.is_some());
    let labels: BTreeSet<&String> = asking.flat_map(|listener| listener.hosts.iter().map(|(label, _)| label)).collect();
    let names: Vec<String> = match (clients, labels.is_empty()) {
        ([], true) => vec!["someone".to_owned()],
        ([], false) => labels.into_iter().cloned().collect(),
        (named, _) => named.to_vec(),
    };
    names.into_iter().map(|name| (name, principal)).collect()
}

/// Klamm's own check of the configuration, now that its files are there.
fn check(config: &Path) -> Result<()> {
    klamm::config::load(config).map(drop).map_err(|faults| {
        let what = format!("what is missing was made, and the configuration has faults all the same:\n{faults}");
        Error::new(what).try_this("Files that were there before are never changed without --force.")
    })?;
    headline(&format!("{} has no fault.", config.display()));
    Ok(())
}

impl Named {
    /// Where the first file that is named is, or will be.
    fn folder(&self) -> Option<&Path> {
        let servers = self.servers.iter().map(|server| &server.pair.certificate);
        let backends = self
            .backends
            .iter()
            .filter_map(|backend| backend.trust.as_ref().or(backend.identity.as_ref().map(|pair| &pair.certificate)));
        servers.chain(&self.clients_trust).chain(backends).next()?.parent()
    }
}
