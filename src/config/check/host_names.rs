//! The host names of all virtual clusters: each means one, and each has a certificate.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::Names;
use crate::cluster::{AddressMap, HostFormat, HostNames};
use crate::config::context::Context;
use crate::config::faults::{counted, quoted};
use crate::config::file::{self, File, Listener, SniEntry};
use crate::config::snapshot::Sni;
use crate::config::tls::TlsServer;

/// Names that a message gives as examples.
const EXAMPLES: usize = 3;
/// The label of the implicit virtual cluster.
const PASSTHROUGH_LABEL: &str = "passthrough";

/// The label of each virtual cluster; one that stands twice is reported.
pub(super) struct Labels<'f>(Vec<Option<&'f str>>);

impl<'f> Labels<'f> {
    pub fn of(file: &'f File, cx: &mut Context) -> Labels<'f> {
        if file.virtual_clusters.is_empty() {
            return Labels(vec![Some(PASSTHROUGH_LABEL)]);
        }
        let written = file.virtual_clusters.iter().map(|cluster| cluster.dns_label.as_ref());
        Names::of("dns_label", "virtual cluster with the dns_label", written.clone().flatten(), cx);
        Labels(written.map(|label| label.map(|label| &*label.value)).collect())
    }

    fn get(&self, cluster: usize) -> Option<&'f str> {
        self.0.get(cluster).copied().flatten()
    }
}

/// The names of one listener so far: what is each virtual cluster's own, and where that was said.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<Arc<str>, (usize, String)>);

/// What `entry` leads to; `None` where something about it is wrong, which is reported.
pub(super) fn sni(
    listener: &Listener,
    entry: &SniEntry,
    ports: Option<&[u16]>,
    (clusters, labels): (&Names<'_>, &Labels<'_>),
    taken: &mut Taken,
    cx: &mut Context,
) -> Option<Sni> {
    let advertised_port = advertised_port(entry, ports, cx);
    let destination = match &entry.destination {
        Some(Some(name)) => Some(clusters.resolve(name, cx)?),
        Some(None) => return None,
        None => None,
    };
    let reached = match destination {
        Some(cluster) => vec![cluster],
        None => (0..labels.0.len()).collect(),
    };
    let reached: Vec<(usize, &str)> =
        reached.into_iter().filter_map(|cluster| Some((cluster, labels.get(cluster)?))).collect();
    if reached.is_empty() {
        let message = "reaches no virtual cluster: none of them has a dns_label; write one, such as dns_label: alice";
        if !cx.names_incomplete {
            cx.fault(&entry.spot, message);
        }
        return None;
    }
    // Where the port is faulty the names are still looked at.
    let names = |label: &str| HostNames::new(entry.format, label, &entry.suffix, advertised_port.unwrap_or(1));
    let all: Vec<(usize, HostNames)> = reached.iter().map(|(cluster, label)| (*cluster, names(label))).collect();
    let right = check_are_names(entry, &all, cx) & check_unique(entry, &all, clusters, taken, cx);
    let covered = match &listener.policies.tls {
        Some(tls) => tls.server.as_ref().is_none_or(|server| check_covered(entry, &all, server, cx)),
        None => true,
    };
    (right && covered).then_some(Sni {
        suffix: entry.suffix.as_str().into(),
        advertised_port: advertised_port?,
        format: entry.format,
        destination,
        targets: all.into_iter().map(|(cluster, names)| (cluster, Arc::new(AddressMap::Names(names)))).collect(),
    })
}

/// As written, or the listener's only port.
fn advertised_port(entry: &SniEntry, ports: Option<&[u16]>, cx: &mut Context) -> Option<u16> {
    match (entry.advertised_port, ports) {
        (Some(port), _) => Some(port),
        (None, Some([only])) => Some(*only),
        (None, Some(_)) => {
            let message = "is missing, and the listener has several ports; write the one port that clients reach it by";
            cx.fault(&entry.port_spot, message);
            None
        }
        (None, None) => None,
    }
}

/// Whether every name keeps the bounds of DNS, whatever the node's id.
fn check_are_names(entry: &SniEntry, all: &[(usize, HostNames)], cx: &mut Context) -> bool {
    let Some((_, names)) = all.iter().find(|(_, names)| !names.are_names()) else { return true };
    let message = format!(
        "makes names that are too long, such as {}: a label has at most 63 bytes and a name 253, with room for a node's \
         id of 10 digits; shorten the dns_label or the suffix, or use per_cluster_suffix",
        quoted(&format!("broker-{}{}", i32::MAX, names.own))
    );
    cx.fault(&entry.suffix_spot, message);
    false
}

/// Whether no name means two virtual clusters, and no policy stands behind one that takes all it would.
fn check_unique(
    entry: &SniEntry,
    all: &[(usize, HostNames)],
    clusters: &Names<'_>,
    taken: &mut Taken,
    cx: &mut Context,
) -> bool {
    let (mut other, mut again) = (None, None);
    let mut new = 0usize;
    for (cluster, names) in all {
        match taken.0.get(&names.own) {
            Some((first, path)) if first == cluster => again = Some(path.clone()),
            Some((first, path)) => {
                other.get_or_insert_with(|| (*first, *cluster, path.clone(), names.bootstrap()));
            }
            None => {
                new += 1;
                taken.0.insert(names.own.clone(), (*cluster, entry.spot.path.clone()));
            }
        }
    }
    if let Some((first, second, path, name)) = &other {
        let shown = |cluster: &usize| clusters.shown(*cluster);
        let message = format!(
            "makes the name {} for the virtual cluster {}, which {path} makes for the virtual cluster {}; choose another \
             suffix or dns_label",
            quoted(name),
            shown(second),
            shown(first)
        );
        cx.fault(&entry.suffix_spot, message);
    }
    if let (Some(path), None, 0) = (&again, &other, new) {
        let message = format!("is never reached: {path} makes all of its names; change the suffix or remove it");
        cx.fault(&entry.spot, message);
    }
    other.is_none() && (new > 0 || again.is_none())
}

/// Whether a certificate covers each bootstrap name: without one no client would get in.
fn check_covered(entry: &SniEntry, all: &[(usize, HostNames)], server: &TlsServer, cx: &mut Context) -> bool {
    let covered = server.coverage();
    let bare: Vec<String> =
        all.iter().map(|(_, names)| names.bootstrap()).filter(|name| !covered.covers(name)).collect();
    let Some(first) = bare.first() else { return true };
    let examples: Vec<String> = bare.iter().take(EXAMPLES).map(|name| quoted(name)).collect();
    let missing = first.split_once('.').map_or(first.as_str(), |(_, behind)| behind);
    let hint = match entry.format {
        HostFormat::SharedSuffix => "one wildcard covers them all",
        HostFormat::PerClusterSuffix => "a wildcard stands for one label, so that each virtual cluster needs its own",
    };
    let message = format!(
        "{} no certificate of this listener covers, such as {}: add a certificate with the alternative name {}; {hint}",
        counted(bare.len(), "bootstrap name"),
        examples.join(", "),
        quoted(&format!("*.{missing}")),
    );
    cx.fault(&entry.suffix_spot, message);
    false
}

/// Whether a certificate covers the host that a port mapping advertises, and no other policy takes it.
pub(super) fn check_mapped_host(
    listener: &Listener,
    mapping: &file::PortMapping,
    host: &str,
    taken: &Taken,
    cx: &mut Context,
) -> bool {
    let Some(server) = listener.policies.tls.as_ref().and_then(|tls| tls.server.as_ref()) else { return true };
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let own = HostNames::split(name.as_bytes()).and_then(|(_, own)| std::str::from_utf8(own).ok());
    let wrong = if let Some((_, path)) = own.and_then(|own| taken.0.get(own)) {
        format!("{} is a name that {path} takes for a virtual cluster of its own; choose another", quoted(host))
    } else {
        if server.coverage().covers(host) {
            return true;
        }
        let what = quoted(host);
        format!("{what} is covered by no certificate of this listener: add one with the alternative name {what}")
    };
    cx.fault(&mapping.advertised_host_spot, wrong);
    false
}
