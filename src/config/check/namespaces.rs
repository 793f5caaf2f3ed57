//! The namespace of one virtual cluster: its prefix, additional names and aliases together.
//!
//! Every name that a client can say must mean one name of the backend, and the other way round.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::prefixes::{Owned, Prefixes};
use crate::cluster::{self, Mode, TOPIC_BYTES_MAX, matches_glob};
use crate::config::context::Context;
use crate::config::file::{Additional, Alias, Exact, Namespace, VirtualCluster};
use crate::config::reader::Text;

/// The namespace of `cluster`, beside the `prefixes` of its backend cluster. `None` where it has none, and where it is
/// faulty, which is reported.
pub(super) fn namespace(
    cluster: &VirtualCluster,
    prefixes: &Prefixes<'_>,
    cx: &mut Context,
) -> Option<Arc<cluster::Namespace>> {
    let Some(written) = &cluster.namespace else {
        let open = with_prefix(Mode::Open, "", prefixes);
        return (!cluster.topic_aliases.is_empty()).then(|| with_aliases(open, cluster, cx));
    };
    for (additional, what) in [(&written.topics, "topic"), (&written.groups, "group")] {
        let check = Check { cluster, prefixes, what };
        check.exact(&additional.exact, cx);
        check.globs(additional, cx);
    }
    let prefix = Owned::of(cluster);
    let (Some(mode), Some(prefix)) = (written.mode, prefix) else {
        check_once(&cluster.topic_aliases, cx);
        return None;
    };
    let mut names = with_prefix(mode, &prefix.text, prefixes);
    (names.topics, names.groups) = (additional(&written.topics), additional(&written.groups));
    for alias in &cluster.topic_aliases {
        check_alias_name(&alias.alias, written, &names, cx);
        check_aliased_topic(&alias.topic, &prefix, &names, cx);
    }
    Some(with_aliases(names, cluster, cx))
}

fn with_prefix(mode: Mode, prefix: &str, prefixes: &Prefixes<'_>) -> cluster::Namespace {
    cluster::Namespace {
        mode,
        prefix: prefix.into(),
        topics: cluster::Additional::default(),
        groups: cluster::Additional::default(),
        aliases: Vec::new(),
        all_prefixes: prefixes.all.clone(),
    }
}

fn with_aliases(names: cluster::Namespace, cluster: &VirtualCluster, cx: &mut Context) -> Arc<cluster::Namespace> {
    check_once(&cluster.topic_aliases, cx);
    let pair = |alias: &Alias| (alias.alias.value.as_str().into(), alias.topic.value.as_str().into());
    Arc::new(cluster::Namespace { aliases: cluster.topic_aliases.iter().map(pair).collect(), ..names })
}

fn additional(written: &Additional) -> cluster::Additional {
    let exact = |exact: &Exact| cluster::Exact {
        physical: exact.backend.value.as_str().into(),
        virtual_name: exact.virtual_name().value.as_str().into(),
    };
    cluster::Additional {
        exact: written.exact.iter().map(exact).collect(),
        globs: written.globs.iter().map(|glob| glob.value.as_str().into()).collect(),
    }
}

/// The checks of additional topics or groups.
struct Check<'c, 'f> {
    cluster: &'f VirtualCluster,
    prefixes: &'c Prefixes<'f>,
    /// `topic` or `group`.
    what: &'static str,
}

impl Check<'_, '_> {
    /// Each physical name once, each virtual name once, and none of them another virtual cluster's.
    fn exact(&self, exact: &[Exact], cx: &mut Context) {
        let what = self.what;
        let mut backend: BTreeMap<&str, &Text> = BTreeMap::new();
        let mut shown: BTreeMap<&str, &Text> = BTreeMap::new();
        for entry in exact {
            self.not_prefixed(&entry.backend, cx);
            if let Some(first) = backend.get(&*entry.backend.value) {
                let message = format!(
                    "the backend's {what} {} stands already in {}, and a {what} has one name; keep one",
                    entry.backend.shown, first.spot.path
                );
                cx.fault(&entry.backend.spot, message);
                continue;
            }
            backend.insert(&entry.backend.value, &entry.backend);
            let name = entry.virtual_name();
            match shown.get(&*name.value) {
                Some(first) => {
                    let message = format!(
                        "{} is what {} is shown as already, and a name means one {what}; choose another",
                        name.shown, first.spot.path
                    );
                    cx.fault(&name.spot, message);
                }
                None => drop(shown.insert(&name.value, name)),
            }
        }
    }

    fn not_prefixed(&self, name: &Text, cx: &mut Context) {
        if let Some(owner) = self.prefixes.begins(&name.value) {
            let message = format!(
                "the virtual cluster {} cannot be given {}: it begins with {owner}, whose {}s no other one sees; remove it",
                self.cluster.name.shown, name.shown, self.what
            );
            cx.fault(&name.spot, message);
        }
    }

    /// Each glob once, and none that matches nothing.
    fn globs(&self, additional: &Additional, cx: &mut Context) {
        let what = self.what;
        let mut seen: BTreeMap<&str, &Text> = BTreeMap::new();
        for glob in &additional.globs {
            if let Some(first) = seen.insert(&glob.value, glob) {
                let message = format!("the glob {} stands already in {}; keep one", glob.shown, first.spot.path);
                cx.fault(&glob.spot, message);
            }
            let beginning = glob.value.split(['*', '?']).next().unwrap_or_default();
            if let Some(owner) = self.prefixes.begins(beginning) {
                let message = format!(
                    "the glob {} of the virtual cluster {} matches no {what}: all begin with {owner}, into which no glob \
                     reaches; remove it",
                    glob.shown, self.cluster.name.shown
                );
                cx.fault(&glob.spot, message);
            }
            if let Some(exact) = additional.exact.iter().find(|exact| exact.backend.value == glob.value) {
                let message = format!(
                    "the glob {} matches only the {what} of {}, which has its name there; keep one",
                    glob.shown, exact.backend.spot.path
                );
                cx.fault(&glob.spot, message);
            }
        }
    }
}

/// Each alias and each aliased topic once, and no chain.
fn check_once(aliases: &[Alias], cx: &mut Context) {
    let mut by_alias: BTreeMap<&str, &Text> = BTreeMap::new();
    let mut by_topic: BTreeMap<&str, &Text> = BTreeMap::new();
    for Alias { alias, topic } in aliases {
        if let Some(first) = by_alias.get(&*alias.value) {
            let message = format!("{} is an alias already in {}; choose another", alias.shown, first.spot.path);
            cx.fault(&alias.spot, message);
        }
        if let Some(first) = by_topic.get(&*topic.value) {
            let message = format!(
                "the topic {} has an alias already in {}, and an alias replaces the name; keep one",
                topic.shown, first.spot.path
            );
            cx.fault(&topic.spot, message);
        }
        by_alias.entry(&alias.value).or_insert(alias);
        by_topic.entry(&topic.value).or_insert(topic);
    }
    for Alias { alias, topic } in aliases {
        if alias.value == topic.value {
            cx.fault(&alias.spot, format!("{} is the topic's own name; choose another, or remove it", alias.shown));
        } else if let Some(other) = by_topic.get(&*alias.value) {
            let message = format!(
                "{} is the topic of another alias, {}: an alias cannot stand for an alias; choose another",
                alias.shown, other.spot.path
            );
            cx.fault(&alias.spot, message);
        }
    }
}

/// An alias may not be the name of an additional topic. `names` has no alias yet.
fn check_alias_name(alias: &Text, written: &Namespace, names: &cluster::Namespace, cx: &mut Context) {
    let name = alias.value.as_bytes();
    if !names.topic_in(name).is_ok_and(|physical| physical.additional) {
        return;
    }
    let exact = written.topics.exact.iter().map(Exact::virtual_name).find(|shown| shown.value == alias.value);
    let glob = || written.topics.globs.iter().find(|glob| matches_glob(glob.value.as_bytes(), name));
    if let Some(other) = exact.or_else(glob) {
        let message = format!(
            "{} means a topic of the backend already, by {} in {}; choose another alias",
            alias.shown, other.shown, other.spot.path
        );
        cx.fault(&alias.spot, message);
    }
}

/// The topic of an alias must be one that the namespace can have. `names` has no alias yet.
fn check_aliased_topic(topic: &Text, prefix: &Owned<'_>, names: &cluster::Namespace, cx: &mut Context) {
    if names.topic_in(topic.value.as_bytes()).is_ok() {
        return;
    }
    let wrong = match names.mode {
        // A topic's name was looked at when it was read: only its length is left.
        Mode::HidePrefix | Mode::Open => {
            format!("is longer than the {TOPIC_BYTES_MAX} bytes of a topic name with {prefix} before it; shorten it")
        }
        Mode::EnforcePrefix => {
            format!("is no topic of this virtual cluster: it does not go on behind {prefix}; write the whole name")
        }
    };
    cx.fault(&topic.spot, format!("{} {wrong}", topic.shown));
}
