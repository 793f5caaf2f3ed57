//! `backend_clusters[]` as it is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::tls::read_backend_tls;
use super::{About, host_fault, read_plain_name};
use crate::cluster::HostPort;
use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::reader::{Item, Text};
use crate::config::tls::BackendTls;
use crate::config::units::{Bounds, Unit};

const METADATA_UPDATE_INTERVAL: Bounds = Bounds {
    unit: Unit::Count,
    min: 1,
    max: 43_200,
    why: "seconds between two refreshes of the catalogue, without a unit; hints refresh it earlier",
};
const METADATA_UPDATE_INTERVAL_DEFAULT: u64 = 60;
/// Bootstrap servers are tried in turn: more of them only make a start against a dead backend slower.
const BOOTSTRAP_SERVERS_MAX: usize = 64;

#[derive(Debug)]
pub(in crate::config) struct BackendCluster {
    pub name: Text,
    pub bootstrap_servers: Vec<HostPort>,
    pub metadata_update_interval: Duration,
    pub insecure_allow_anonymous_virtual_cluster_auth: bool,
    /// Where that flag stands or would stand.
    pub flag_spot: Spot,
    pub tls: Option<Arc<BackendTls>>,
    pub about: About,
}

impl BackendCluster {
    pub fn read(item: &Item<'_>, cx: &mut Context) -> Option<BackendCluster> {
        let mut fields = item.fields("a backend cluster: name, bootstrap_servers", cx)?;
        let name = read_plain_name(&mut fields, cx);
        let servers = fields.require("bootstrap_servers", "[\"127.0.0.1:9092\"]", cx);
        let bootstrap_servers = servers.map(|item| read_servers(&item, cx)).unwrap_or_default();
        if let Some(item) = fields.take("authentication") {
            read_authentication(&item, cx);
        }
        const FLAG: &str = "insecure_allow_anonymous_virtual_cluster_auth";
        let flag = fields.take(FLAG);
        let flag_spot = flag.as_ref().map_or_else(|| fields.spot_of(FLAG), Item::spot);
        let seconds = fields
            .take("metadata_update_interval_seconds")
            .and_then(|item| item.number::<u64>(&METADATA_UPDATE_INTERVAL, cx))
            .map_or(METADATA_UPDATE_INTERVAL_DEFAULT, |seconds| seconds.value);
        let tls = fields.take("tls").and_then(|item| read_backend_tls(&item, cx));
        let about = About::read(&mut fields, cx);
        fields.done(&[], cx);
        Some(BackendCluster {
            name: name?,
            bootstrap_servers,
            metadata_update_interval: Duration::from_secs(seconds),
            insecure_allow_anonymous_virtual_cluster_auth: flag.and_then(|item| item.boolean(cx)).unwrap_or(false),
            flag_spot,
            tls: tls.map(Arc::new),
            about,
        })
    }
}

/// Klamm's own login to the backend; only `anonymous` is built.
fn read_authentication(item: &Item<'_>, cx: &mut Context) {
    let Some(mut fields) = item.fields("{type: anonymous}", cx) else { return };
    let types = [("anonymous", ())];
    let later = ["sasl_plain", "sasl_scram", "oauth_bearer"];
    let chosen = fields.require("type", "anonymous", cx).and_then(|item| item.choice(&types, &later, cx));
    // The keys of a type that cannot be used are no faults of their own.
    if chosen.is_some() {
        fields.done(&[], cx);
    }
}

fn read_servers(list: &Item<'_>, cx: &mut Context) -> Vec<HostPort> {
    let Some(items) = list.list("a list of host:port", cx) else { return Vec::new() };
    if items.is_empty() {
        list.fault(cx, "is empty; name at least one server of the backend cluster, such as \"127.0.0.1:9092\"");
    }
    if let Some(item) = items.get(BOOTSTRAP_SERVERS_MAX) {
        item.fault(cx, format!("is one server too many: at most {BOOTSTRAP_SERVERS_MAX}; the others are learnt"));
    }
    let mut seen: BTreeMap<HostPort, Spot> = BTreeMap::new();
    let mut servers = Vec::new();
    for item in items.iter().take(BOOTSTRAP_SERVERS_MAX) {
        let Some((server, text)) = read_server(item, cx) else { continue };
        match seen.insert(server.clone(), item.spot()) {
            Some(first) => cx.fault(&text.spot, format!("{} stands there twice, see {}", text.shown, first.path)),
            None => servers.push(server),
        }
    }
    servers
}

fn read_server(item: &Item<'_>, cx: &mut Context) -> Option<(HostPort, Text)> {
    let text = item.text("host:port", cx)?;
    let wrong = match text.value.parse::<HostPort>() {
        Ok(server) => match host_fault(&server.host) {
            None => return Some((server, text)),
            Some(wrong) => wrong.to_owned(),
        },
        Err(_) if text.value.contains(',') => "holds several servers; write a list, one item for each".to_owned(),
        Err(_) if text.value.contains("://") => "has a scheme; write only host:port".to_owned(),
        Err(error) => format!("is not a server: {error}"),
    };
    cx.fault(&text.spot, format!("{} {wrong}", text.shown));
    None
}
