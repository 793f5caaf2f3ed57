//! `namespace` and `topic_aliases` as they are printed.

use serde::Serialize;

use crate::cluster::{self, Mode, ShadowWarnings};

#[derive(Serialize)]
pub(super) struct Namespace<'s> {
    mode: &'static str,
    prefix: &'s str,
    #[serde(skip_serializing_if = "Additional::is_empty")]
    additional: Additional<'s>,
}

#[derive(Serialize)]
pub(super) struct Alias<'s> {
    alias: &'s str,
    topic: &'s str,
}

#[derive(Serialize)]
struct Additional<'s> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<List<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumer_groups: Vec<List<'s>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum List<'s> {
    ExactList {
        exact_list: Vec<Exact<'s>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        conflict: Option<&'static str>,
    },
    Glob {
        glob: &'s str,
        #[serde(skip_serializing_if = "Option::is_none")]
        conflict: Option<&'static str>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Exact<'s> {
    Topic {
        backend: &'s str,
        #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
        virtual_name: Option<&'s str>,
    },
    Group {
        value: &'s str,
    },
}

impl<'s> Namespace<'s> {
    /// `None` where the file has none, since only aliases made it.
    pub fn of(names: &'s cluster::Namespace, warnings: &ShadowWarnings) -> Option<Namespace<'s>> {
        let mode = match names.mode {
            Mode::HidePrefix => "hide_prefix",
            Mode::EnforcePrefix => "enforce_prefix",
            Mode::Open => return None,
        };
        let topic = |exact: &'s cluster::Exact| Exact::Topic {
            backend: &exact.physical,
            virtual_name: (exact.virtual_name != exact.physical).then_some(&exact.virtual_name),
        };
        let group = |exact: &'s cluster::Exact| Exact::Group { value: &exact.physical };
        let additional = Additional {
            topics: lists(&names.topics, Some(warnings), topic),
            consumer_groups: lists(&names.groups, None, group),
        };
        Some(Namespace { mode, prefix: &names.prefix, additional })
    }
}

impl Additional<'_> {
    fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.consumer_groups.is_empty()
    }
}

/// In the order of the file, names in as few lists as that allows. `warned` is said of topics.
fn lists<'s>(
    additional: &'s cluster::Additional,
    warnings: Option<&ShadowWarnings>,
    exact: impl Fn(&'s cluster::Exact) -> Exact<'s>,
) -> Vec<List<'s>> {
    let conflict = |warns: bool| if warns { "warn" } else { "ignore" };
    let of_exact =
        |exact: &cluster::Exact| warnings.map(|warnings| conflict(warnings.exact.contains(&exact.virtual_name)));
    let of_glob = |glob: &str| warnings.map(|warnings| conflict(warnings.globs.iter().any(|one| **one == *glob)));
    let runs = additional.exact.chunk_by(|one, next| of_exact(one) == of_exact(next));
    let exact = runs.map(|run| List::ExactList {
        conflict: run.first().and_then(of_exact),
        exact_list: run.iter().map(&exact).collect(),
    });
    exact.chain(additional.globs.iter().map(|glob| List::Glob { glob, conflict: of_glob(glob) })).collect()
}

pub(super) fn aliases(names: &cluster::Namespace) -> Vec<Alias<'_>> {
    names.aliases.iter().map(|(alias, topic)| Alias { alias, topic }).collect()
}
