//! `forward_to_virtual_cluster` with `type: sni` as it is written.

use super::listener::PORT;
use super::{is_word, read_destination};
use crate::cluster::HostFormat;
use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::reader::{Fields, Item, Text};

/// The longest suffix that still leaves room for a label and a node's id in 253 bytes.
const SUFFIX_BYTES_MAX: usize = 200;

/// An `sni` policy.
#[derive(Debug)]
pub(in crate::config) struct SniEntry {
    pub spot: Spot,
    /// `None`: left out. `Some(None)`: faulty.
    pub destination: Option<Option<Text>>,
    /// In lower case.
    pub suffix: String,
    /// Where it stands.
    pub suffix_spot: Spot,
    /// `None`: left out.
    pub advertised_port: Option<u16>,
    /// Where it would stand.
    pub port_spot: Spot,
    pub format: HostFormat,
}

impl SniEntry {
    /// Reads on behind `type`.
    pub fn read(mut fields: Fields<'_>, cx: &mut Context) -> Option<SniEntry> {
        let spot = fields.spot();
        let destination = read_destination(&mut fields, cx);
        let item = fields.require("sni_suffix", "\".kafka.example\"", cx);
        let suffix_spot = item.as_ref().map_or_else(|| fields.spot_of("sni_suffix"), Item::spot);
        let suffix = item.and_then(|item| read_suffix(&item, cx));
        let port = fields.take("advertised_port").map(|item| item.number::<u16>(&PORT, cx));
        let port_spot = fields.spot_of("advertised_port");
        let format = match fields.take("broker_host_format") {
            Some(item) => read_format(&item, cx),
            None => Some(HostFormat::PerClusterSuffix),
        };
        fields.done(&["advertised_host", "bootstrap_port", "min_broker_id", "node_ports"], cx);
        let advertised_port = match port {
            Some(port) => Some(port?.value),
            None => None,
        };
        let (suffix, format) = (suffix?, format?);
        Some(SniEntry { spot, destination, suffix, suffix_spot, advertised_port, port_spot, format })
    }
}

fn read_suffix(item: &Item<'_>, cx: &mut Context) -> Option<String> {
    let text = item.text("what the host names end with, such as \".kafka.example\"", cx)?;
    let behind = text.value.get(1..).unwrap_or("");
    let wrong = if !text.value.starts_with(['.', '-']) {
        "does not begin with a dot (or a -), and would run into the label; write \".kafka.example\"".to_owned()
    } else if behind.ends_with('.') {
        "ends with a dot; write it without, names are taken with and without".to_owned()
    } else if !is_word(behind, "-.", SUFFIX_BYTES_MAX) || behind.split('.').any(is_no_label) {
        format!(
            "is no end of a host name; write labels of A-Z a-z 0-9 - with dots between, up to {SUFFIX_BYTES_MAX} bytes"
        )
    } else {
        return Some(text.value.to_ascii_lowercase());
    };
    cx.fault(&text.spot, format!("{} {wrong}", text.shown));
    None
}

fn is_no_label(label: &str) -> bool {
    label.is_empty() || label.starts_with('-') || label.ends_with('-')
}

fn read_format(item: &Item<'_>, cx: &mut Context) -> Option<HostFormat> {
    let formats = [("per_cluster_suffix", HostFormat::PerClusterSuffix), ("shared_suffix", HostFormat::SharedSuffix)];
    let mut fields = item.fields("{type: per_cluster_suffix} or {type: shared_suffix}", cx)?;
    let format = fields.require("type", "per_cluster_suffix, or shared_suffix", cx);
    let format = format.and_then(|item| item.choice(&formats, &[], cx));
    fields.done(&[], cx);
    format
}
