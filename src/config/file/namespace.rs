//! `namespace` and `topic_aliases` of a virtual cluster as they are written.
//!
//! Owns what a single name, prefix or glob may be. Which of them go together is `check`'s.

use super::read_all;
use crate::cluster::{INTERNAL_TOPICS, Mode, ShadowWarnings, TOPIC_BYTES_MAX, is_topic_byte, is_topic_name};
use crate::config::context::Context;
use crate::config::reader::{Fields, Item, Text};

/// A longer prefix would leave clients too little of the 249 bytes that a topic name has.
const PREFIX_BYTES_MAX: usize = 100;
/// Names and globs are looked through for each name on the wire: a namespace with more of them is slow for everybody.
const EXACT_MAX: usize = 256;
const GLOBS_MAX: usize = 64;
const ALIASES_MAX: usize = 256;

/// `namespace`.
#[derive(Debug)]
pub(in crate::config) struct Namespace {
    /// `None` where a fault about it was reported.
    pub mode: Option<Mode>,
    pub prefix: Prefix,
    pub topics: Additional,
    pub groups: Additional,
}

#[derive(Debug)]
pub(in crate::config) enum Prefix {
    /// Left out: the virtual cluster's name and a dot.
    Default,
    Written(Text),
    /// A fault about it was reported.
    Faulty,
}

/// The items of `additional.topics` or `additional.consumer_groups`, put together.
#[derive(Debug, Default)]
pub(in crate::config) struct Additional {
    pub exact: Vec<Exact>,
    pub globs: Vec<Text>,
    /// Those whose list has `conflict: warn`.
    pub shadow_warnings: ShadowWarnings,
}

/// An item of an exact list.
#[derive(Debug)]
pub(in crate::config) struct Exact {
    /// The physical name.
    pub backend: Text,
    /// `None`: it is the same.
    pub virtual_name: Option<Text>,
}

impl Exact {
    /// The name that clients use.
    pub fn virtual_name(&self) -> &Text {
        self.virtual_name.as_ref().unwrap_or(&self.backend)
    }
}

/// An item of `topic_aliases`.
#[derive(Debug)]
pub(in crate::config) struct Alias {
    pub alias: Text,
    /// The topic that it replaces.
    pub topic: Text,
}

impl Namespace {
    pub fn read(item: &Item<'_>, cx: &mut Context) -> Option<Namespace> {
        let mut fields = item.fields("a map: mode, prefix, additional", cx)?;
        let modes = [("hide_prefix", Mode::HidePrefix), ("enforce_prefix", Mode::EnforcePrefix)];
        let mode = fields.require("mode", "hide_prefix", cx).and_then(|item| item.choice(&modes, &[], cx));
        let prefix = match fields.take("prefix") {
            Some(item) => read_prefix(&item, cx).map_or(Prefix::Faulty, Prefix::Written),
            None => Prefix::Default,
        };
        let additional = fields.take("additional");
        let (topics, groups) = additional.map(|item| read_additional(&item, cx)).unwrap_or_default();
        fields.done(&[], cx);
        Some(Namespace { mode, prefix, topics, groups })
    }
}

fn read_prefix(item: &Item<'_>, cx: &mut Context) -> Option<Text> {
    let text = item.text("a prefix such as team-a.", cx)?;
    let prefix = &*text.value;
    // Kafka takes names that differ only in these two for the same.
    let folded = prefix.replace('.', "_");
    let wrong = if prefix.is_empty() {
        "is empty, so that nothing would be kept apart; write one such as team-a. or remove the key".to_owned()
    } else if prefix.len() > PREFIX_BYTES_MAX {
        format!("is longer than {PREFIX_BYTES_MAX} bytes; a topic name has {TOPIC_BYTES_MAX} with it: shorten it")
    } else if !prefix.bytes().all(is_topic_byte) {
        "has a character that no topic name may have; use A-Z a-z 0-9 . _ -".to_owned()
    } else if folded == "_" || folded.starts_with("__") {
        "leads to the names of Kafka's own topics, which begin with two _ (a . counts as one); begin it otherwise"
            .to_owned()
    } else {
        return Some(text);
    };
    cx.fault(&text.spot, format!("{} {wrong}", text.shown));
    None
}

/// What differs between topics and groups.
struct Kind {
    entry: &'static str,
    /// The key of the backend's name in an item of an exact list.
    name: &'static str,
    /// Whether names may be shown as others, and hide some: for topics.
    topics: bool,
    name_fault: fn(&str) -> Option<String>,
    glob_fault: fn(&str) -> Option<String>,
}

const TOPICS: Kind = Kind {
    entry: "{backend: ..., as: ...}, a topic of the backend",
    name: "backend",
    topics: true,
    name_fault: topic_fault,
    glob_fault: topic_glob_fault,
};
const GROUPS: Kind = Kind {
    entry: "{value: ...}, a group of the backend",
    name: "value",
    topics: false,
    name_fault: group_fault,
    glob_fault: group_fault,
};

fn read_additional(item: &Item<'_>, cx: &mut Context) -> (Additional, Additional) {
    let Some(mut fields) = item.fields("a map: topics, consumer_groups", cx) else { return Default::default() };
    let topics = fields.take("topics").map(|item| read_lists(&item, &TOPICS, cx)).unwrap_or_default();
    let groups = fields.take("consumer_groups").map(|item| read_lists(&item, &GROUPS, cx)).unwrap_or_default();
    fields.done(&[], cx);
    (topics, groups)
}

fn read_lists(list: &Item<'_>, kind: &Kind, cx: &mut Context) -> Additional {
    let mut additional = Additional::default();
    let expected = "a list such as [{type: glob, glob: \"shared-*\"}]";
    for item in list.list(expected, cx).unwrap_or_default() {
        read_list(&item, kind, &mut additional, cx);
    }
    if let Some(exact) = additional.exact.get(EXACT_MAX) {
        let message = format!("is one name too many: a virtual cluster has at most {EXACT_MAX}; use a glob");
        cx.fault(&exact.backend.spot, message);
    }
    if let Some(glob) = additional.globs.get(GLOBS_MAX) {
        cx.fault(&glob.spot, format!("is one glob too many: a virtual cluster has at most {GLOBS_MAX}; join some"));
    }
    additional.exact.truncate(EXACT_MAX);
    additional.globs.truncate(GLOBS_MAX);
    additional
}

#[derive(Clone, Copy)]
enum ListType {
    Exact,
    Glob,
}

fn read_list(item: &Item<'_>, kind: &Kind, additional: &mut Additional, cx: &mut Context) {
    let Some(mut fields) = item.fields("{type: exact_list, exact_list: [...]} or {type: glob, glob: ...}", cx) else {
        return;
    };
    let types = [("exact_list", ListType::Exact), ("glob", ListType::Glob)];
    // Under an unknown type the other keys mean something else.
    let Some(chosen) = fields.require("type", "exact_list", cx).and_then(|item| item.choice(&types, &[], cx)) else {
        return;
    };
    let warns = kind.topics && read_conflict(&mut fields, chosen, cx);
    match chosen {
        ListType::Exact => {
            if let Some(list) = fields.require("exact_list", "a list of names", cx) {
                let items = list.list("a list of names", cx).unwrap_or_default();
                let exact = read_all(items, cx, |item, cx| read_exact(item, kind, cx));
                let names = exact.iter().map(|exact| exact.virtual_name().value.as_str().into());
                additional.shadow_warnings.exact.extend(names.filter(|_| warns));
                additional.exact.extend(exact);
            }
        }
        ListType::Glob => {
            let glob = fields.require("glob", "\"shared-*\"", cx).and_then(|item| item.text("a glob", cx));
            let glob = glob.and_then(|text| right(text, kind.glob_fault, cx));
            additional
                .shadow_warnings
                .globs
                .extend(glob.iter().filter(|_| warns).map(|glob| glob.value.as_str().into()));
            additional.globs.extend(glob);
        }
    }
    fields.done(&[], cx);
}

/// Whether a shadowed topic is logged. For names that costs a small request now and then; for a glob the backend must list
/// all its topics, so that it must be switched on.
fn read_conflict(fields: &mut Fields<'_>, list: ListType, cx: &mut Context) -> bool {
    let choices = [("warn", true), ("ignore", false)];
    let written = fields.take("conflict").and_then(|item| item.choice(&choices, &[], cx));
    written.unwrap_or(match list {
        ListType::Exact => true,
        ListType::Glob => false,
    })
}

fn read_exact(item: &Item<'_>, kind: &Kind, cx: &mut Context) -> Option<Exact> {
    let mut fields = item.fields(kind.entry, cx)?;
    let backend = fields.require(kind.name, "a name", cx).and_then(|item| read_name(&item, kind.name_fault, cx));
    let virtual_name = match kind.topics.then(|| fields.take("as")).flatten() {
        Some(item) => read_name(&item, kind.name_fault, cx).map(Some),
        None => Some(None),
    };
    fields.done(&[], cx);
    Some(Exact { backend: backend?, virtual_name: virtual_name? })
}

/// `topic_aliases`.
pub(super) fn read_aliases(list: &Item<'_>, cx: &mut Context) -> Vec<Alias> {
    let items = list.list("a list such as [{alias: orders, topic: team-a-orders-v2}]", cx).unwrap_or_default();
    if let Some(item) = items.get(ALIASES_MAX) {
        item.fault(cx, format!("is one alias too many: a virtual cluster has at most {ALIASES_MAX}"));
    }
    read_all(items.into_iter().take(ALIASES_MAX).collect(), cx, read_alias)
}

fn read_alias(item: &Item<'_>, cx: &mut Context) -> Option<Alias> {
    let mut fields = item.fields("{alias: ..., topic: ...}", cx)?;
    let alias = fields.require("alias", "the name that clients say", cx);
    let alias = alias.and_then(|item| read_name(&item, topic_fault, cx));
    let topic = fields.require("topic", "the topic that it replaces", cx);
    let topic = topic.and_then(|item| read_name(&item, topic_fault, cx));
    fields.done(&["condition"], cx);
    Some(Alias { alias: alias?, topic: topic? })
}

fn read_name(item: &Item<'_>, fault: fn(&str) -> Option<String>, cx: &mut Context) -> Option<Text> {
    let text = item.text("a name", cx)?;
    right(text, fault, cx)
}

fn right(text: Text, fault: fn(&str) -> Option<String>, cx: &mut Context) -> Option<Text> {
    match fault(&text.value) {
        None => Some(text),
        Some(wrong) => {
            cx.fault(&text.spot, format!("{} {wrong}", text.shown));
            None
        }
    }
}

/// What is wrong with `name` as a topic.
fn topic_fault(name: &str) -> Option<String> {
    if INTERNAL_TOPICS.contains(&name) {
        return Some("is one of Kafka's own topics, which no client of a namespace sees; remove it".to_owned());
    }
    let rule = || format!("is no topic name; use 1 to {TOPIC_BYTES_MAX} of A-Z a-z 0-9 . _ -, and not . or .. alone");
    (!is_topic_name(name.as_bytes())).then(rule)
}

fn topic_glob_fault(glob: &str) -> Option<String> {
    if !glob.contains(['*', '?']) {
        return topic_fault(glob);
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-*?".contains(&byte);
    let right = glob.len() <= TOPIC_BYTES_MAX && glob.bytes().all(legal);
    let rule = || format!("matches no topic name; use 1 to {TOPIC_BYTES_MAX} of A-Z a-z 0-9 . _ - and of * and ?");
    (!right).then(rule)
}

/// What is wrong with `name` as a group, or a glob for groups: Kafka allows any text there.
fn group_fault(name: &str) -> Option<String> {
    const GROUP_BYTES_MAX: usize = 255;
    let right = (1..=GROUP_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    (!right).then(|| format!("is no group name here; use 1 to {GROUP_BYTES_MAX} bytes without control characters"))
}
