//! `virtual_clusters[]` as it is written.

use super::namespace::{Alias, Namespace, read_aliases};
use super::{About, at, read_destination, read_name};
use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::reader::{At, Item, Text};

/// Keys of the model that are not built yet.
const LATER: &[&str] = &["acl_mode", "acls", "policies"];
const AUTHENTICATION_LATER: &[&str] = &["sasl_plain", "sasl_scram", "oauth_bearer", "client_certificate"];

/// One way to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Authentication {
    Anonymous,
}

#[derive(Debug)]
pub(in crate::config) struct VirtualCluster {
    pub name: Text,
    /// `None`: left out. `Some(None)`: faulty.
    pub destination: Option<Option<Text>>,
    /// Where it would stand.
    pub destination_spot: Spot,
    /// `None`: left out, or a fault about it was reported.
    pub dns_label: Option<Text>,
    /// Empty where it is left out: nothing is demanded, nothing is lent, SASL goes through untouched.
    pub authentication: Vec<At<Authentication>>,
    /// `None`: left out, or a fault about the whole of it was reported.
    pub namespace: Option<Namespace>,
    pub topic_aliases: Vec<Alias>,
    pub about: About,
}

impl VirtualCluster {
    pub fn read(item: &Item<'_>, cx: &mut Context) -> Option<VirtualCluster> {
        let mut fields = item.fields("a virtual cluster: name, destination", cx)?;
        let rule = "use 1 to 63 of the characters a-z 0-9 -";
        let name = read_name(&mut fields, is_name, rule, cx);
        let destination = read_destination(&mut fields, cx);
        let destination_spot = fields.spot_of("destination");
        let dns_label = fields.take("dns_label").and_then(|item| read_dns_label(&item, cx));
        let authentication = fields.take("authentication");
        let authentication = authentication.map(|item| read_authentication(&item, cx)).unwrap_or_default();
        let namespace = fields.take("namespace").and_then(|item| Namespace::read(&item, cx));
        let aliases = fields.take("topic_aliases");
        let topic_aliases = aliases.map(|item| read_aliases(&item, cx)).unwrap_or_default();
        let about = About::read(&mut fields, cx);
        fields.done(LATER, cx);
        let name = name?;
        Some(VirtualCluster {
            name,
            destination,
            destination_spot,
            dns_label,
            authentication,
            namespace,
            topic_aliases,
            about,
        })
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(allowed)
}

/// A label of RFC 1035, 2.3.1: a letter in front, so that it is never taken for a node's id.
fn read_dns_label(item: &Item<'_>, cx: &mut Context) -> Option<Text> {
    let text = item.text("a label of a host name, such as alice", cx)?;
    let right = is_name(&text.value) && text.value.starts_with(|c: char| c.is_ascii_lowercase());
    if right && !text.value.ends_with('-') {
        return Some(text);
    }
    let rule = "use 1 to 63 of the characters a-z 0-9 -, a letter first and no - last";
    cx.fault(&text.spot, format!("{} is no label of a host name here: {rule}", text.shown));
    None
}

fn read_authentication(list: &Item<'_>, cx: &mut Context) -> Vec<At<Authentication>> {
    let Some(items) = list.list("a list such as [{type: anonymous}]", cx) else { return Vec::new() };
    if items.is_empty() {
        list.fault(cx, "is empty, so that nobody could connect; write [{type: anonymous}] or remove the key");
    }
    let mut ways: Vec<At<Authentication>> = Vec::new();
    for item in items {
        let Some(way) = read_way(&item, cx) else { continue };
        match ways.iter().find(|other| other.value == way) {
            Some(first) => item.fault(cx, format!("has the type of {} again; keep one", first.spot.path)),
            None => ways.push(at(way, &item)),
        }
    }
    ways
}

fn read_way(item: &Item<'_>, cx: &mut Context) -> Option<Authentication> {
    let mut fields = item.fields("{type: anonymous}", cx)?;
    let built = [("anonymous", Authentication::Anonymous)];
    let way = fields.require("type", "anonymous", cx)?.choice(&built, AUTHENTICATION_LATER, cx)?;
    fields.done(&["mediation", "principals"], cx);
    Some(way)
}
