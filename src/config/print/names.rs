//! `namespace` and `topic_aliases` as they are printed.

use serde::Serialize;

use crate::cluster::{self, Mode};

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
    ExactList { exact_list: Vec<Exact<'s>> },
    Glob { glob: &'s str },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Exact<'s> {
    Topic {
        backend: &'s str,
        #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
        shown: Option<&'s str>,
    },
    Group {
        value: &'s str,
    },
}

impl<'s> Namespace<'s> {
    /// `None` where the file has none, since only aliases made it.
    pub fn of(names: &'s cluster::Namespace) -> Option<Namespace<'s>> {
        let mode = match names.mode {
            Mode::HidePrefix => "hide_prefix",
            Mode::EnforcePrefix => "enforce_prefix",
            Mode::Open => return None,
        };
        let topic = |exact: &'s cluster::Exact| Exact::Topic {
            backend: &exact.physical,
            shown: (exact.shown != exact.physical).then_some(&exact.shown),
        };
        let group = |exact: &'s cluster::Exact| Exact::Group { value: &exact.physical };
        let additional =
            Additional { topics: lists(&names.topics, topic), consumer_groups: lists(&names.groups, group) };
        Some(Namespace { mode, prefix: &names.prefix, additional })
    }
}

impl Additional<'_> {
    fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.consumer_groups.is_empty()
    }
}

fn lists<'s>(additional: &'s cluster::Additional, exact: impl Fn(&'s cluster::Exact) -> Exact<'s>) -> Vec<List<'s>> {
    let exact_list: Vec<Exact<'s>> = additional.exact.iter().map(exact).collect();
    let exact = (!exact_list.is_empty()).then_some(List::ExactList { exact_list });
    exact.into_iter().chain(additional.globs.iter().map(|glob| List::Glob { glob })).collect()
}

pub(super) fn aliases(names: &cluster::Namespace) -> Vec<Alias<'_>> {
    names.aliases.iter().map(|(alias, topic)| Alias { alias, topic }).collect()
}
