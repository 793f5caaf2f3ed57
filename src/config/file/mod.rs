//! The types that mirror the YAML, each read from the tree where its type stands.
//!
//! Owns the keys of the model, what may be written for each, and which are not built yet. What follows from several
//! entities together is `check`'s.

mod backend_cluster;
mod limits;
mod listener;
mod namespace;
mod node;
mod pem;
mod policies;
mod sni;
mod tls;
mod virtual_cluster;

pub(super) use backend_cluster::BackendCluster;
pub(super) use listener::{BootstrapPort, Listener, Numbering, PortMapping, PortRange};
pub(super) use namespace::{Additional, Alias, Exact, Namespace, Prefix};
pub(super) use node::{DRAIN_DURATION_DEFAULT, NodeEntry, admin_default};
pub(super) use policies::ForwardEntry;
pub(super) use sni::SniEntry;
pub(super) use virtual_cluster::{Authentication, VirtualCluster};

use std::collections::BTreeMap;

use super::context::Context;
use super::faults::Spot;
use super::reader::{At, Fields, Item, Source, Text};

/// All files together, as they were written.
#[derive(Debug, Default)]
pub(super) struct File {
    /// `None` where no file has it.
    pub node: Option<NodeEntry>,
    pub backend_clusters: Vec<BackendCluster>,
    pub virtual_clusters: Vec<VirtualCluster>,
    pub listeners: Vec<Listener>,
    /// Where a list that is missing would stand: the top of the first file that could be read.
    pub top: Option<Spot>,
}

impl File {
    /// Reads `source` and adds its entities to those of the files before it.
    pub fn add(&mut self, source: &Source, cx: &mut Context) {
        let Some(root) = Item::root(source) else { return };
        let Some(mut fields) = root.fields("the keys node, backend_clusters, virtual_clusters and listeners", cx)
        else {
            cx.names_incomplete = true;
            return;
        };
        self.top.get_or_insert_with(|| root.spot());
        if let Some(item) = fields.take("node") {
            self.add_node(&item, cx);
        }
        let lists = "a list of entities, each beginning with \"- name:\"";
        for item in entities(fields.take("backend_clusters"), lists, cx) {
            self.backend_clusters.extend(whole(BackendCluster::read(&item, cx), cx));
        }
        for item in entities(fields.take("virtual_clusters"), lists, cx) {
            self.virtual_clusters.extend(whole(VirtualCluster::read(&item, cx), cx));
        }
        for item in entities(fields.take("listeners"), lists, cx) {
            self.listeners.extend(whole(Listener::read(&item, cx), cx));
        }
        cx.names_incomplete |= fields.done(&[], cx);
    }

    fn add_node(&mut self, item: &Item<'_>, cx: &mut Context) {
        let Some(node) = NodeEntry::read(item, cx) else { return };
        match &self.node {
            Some(first) => {
                let message = format!("is defined already at {}; keep one", first.spot.file_and_line());
                cx.fault(&node.spot, message);
            }
            None => self.node = Some(node),
        }
    }
}

fn entities<'t>(list: Option<Item<'t>>, expected: &str, cx: &mut Context) -> Vec<Item<'t>> {
    match list {
        Some(list) => whole(list.list(expected, cx), cx).unwrap_or_default(),
        None => Vec::new(),
    }
}

/// Remembers that an entity could not be read.
fn whole<T>(read: Option<T>, cx: &mut Context) -> Option<T> {
    cx.names_incomplete |= read.is_none();
    read
}

/// What every entity may carry for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct About {
    pub description: Option<String>,
    pub labels: BTreeMap<String, String>,
}

const DESCRIPTION_CHARS_MAX: usize = 1024;
const LABELS_MAX: usize = 64;
const LABEL_CHARS_MAX: usize = 256;

impl About {
    fn read(fields: &mut Fields<'_>, cx: &mut Context) -> About {
        let description = fields.take("description").and_then(|item| item.text("text", cx));
        let labels = fields.take("labels").and_then(|item| item.entries("a map of words to text", cx));
        About {
            description: description.and_then(|text| people_text(text, DESCRIPTION_CHARS_MAX, &['\n', '\t'], cx)),
            labels: labels.map(|labels| read_labels(labels, cx)).unwrap_or_default(),
        }
    }
}

fn read_labels(labels: Vec<(Text, Item<'_>)>, cx: &mut Context) -> BTreeMap<String, String> {
    if let Some((key, _)) = labels.get(LABELS_MAX) {
        cx.fault(&key.spot, format!("is one label too many: an entity has at most {LABELS_MAX}"));
    }
    let mut read = BTreeMap::new();
    for (key, item) in labels.into_iter().take(LABELS_MAX) {
        if !is_word(&key.value, "._/-", 63) {
            cx.fault(&key.spot, "a label's key is 1 to 63 of the characters A-Z a-z 0-9 . _ / -");
        }
        let value = item.text("text", cx).and_then(|text| people_text(text, LABEL_CHARS_MAX, &[], cx));
        if let Some(value) = value {
            read.insert(key.value, value);
        }
    }
    read
}

/// Text that is shown in logs and metrics: bounded, without control characters but those of `allowed`.
fn people_text(text: Text, chars_max: usize, allowed: &[char], cx: &mut Context) -> Option<String> {
    if text.value.chars().nth(chars_max).is_some() {
        cx.fault(&text.spot, format!("is longer than {chars_max} characters; shorten it"));
        return None;
    }
    if text.value.chars().any(|c| c.is_control() && !allowed.contains(&c)) {
        cx.fault(&text.spot, "has control characters, which would garble a log; remove them");
        return None;
    }
    Some(text.value)
}

/// 1 to `chars_max` ASCII letters, digits and characters of `others`.
fn is_word(text: &str, others: &str, chars_max: usize) -> bool {
    let fits = (1..=chars_max).contains(&text.len());
    fits && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// The required `name` of an entity. A name with wrong characters is reported, and kept so that references to it hold.
fn read_name(fields: &mut Fields<'_>, allowed: impl Fn(&str) -> bool, rule: &str, cx: &mut Context) -> Option<Text> {
    let name = fields.require("name", "lab, or another name", cx)?.text("a name", cx)?;
    if !allowed(&name.value) {
        cx.fault(&name.spot, format!("{} is not a name here: {rule}", name.shown));
    }
    Some(name)
}

/// The name of a backend cluster or a listener: it stands in logs and metrics.
fn read_plain_name(fields: &mut Fields<'_>, cx: &mut Context) -> Option<Text> {
    let rule = "use 1 to 63 of the characters A-Z a-z 0-9 . _ -";
    read_name(fields, |name| is_word(name, "._-", 63), rule, cx)
}

/// A reference by name, `{name: lab}`. `Some(None)`: it is there, and a fault about it was reported.
fn read_destination(fields: &mut Fields<'_>, cx: &mut Context) -> Option<Option<Text>> {
    let item = fields.take("destination")?;
    let Some(mut inner) = item.fields("{name: ...}, the name of an entity", cx) else { return Some(None) };
    let name = inner.require("name", "the name of an entity", cx).and_then(|item| item.text("a name", cx));
    inner.done(&[], cx);
    Some(name)
}

/// What is wrong with `host` as a name or address that is dialled or advertised to clients; an IPv6 address has no brackets.
fn host_fault(host: &str) -> Option<&'static str> {
    const HOST_CHARS_MAX: usize = 255;
    if host.contains(':') && host.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c)) {
        let address = host.parse::<std::net::Ipv6Addr>();
        return address.is_err().then_some("is not an IPv6 address, and a host has no port");
    }
    if !is_word(host, "._-", HOST_CHARS_MAX) || host.starts_with(['.', '-']) || host.contains("..") {
        return Some("is not a host: write a name or an address, without scheme, port, path or spaces");
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or(host);
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
    let address = host.parse::<std::net::Ipv4Addr>();
    (numeric && address.is_err()).then_some("is not an IPv4 address: write four numbers from 0 to 255")
}

/// The items that could be read.
fn read_all<T>(items: Vec<Item<'_>>, cx: &mut Context, read: impl Fn(&Item<'_>, &mut Context) -> Option<T>) -> Vec<T> {
    items.iter().filter_map(|item| read(item, cx)).collect()
}

/// `value` with the place of `item`.
fn at<T>(value: T, item: &Item<'_>) -> At<T> {
    At { value, spot: item.spot() }
}
