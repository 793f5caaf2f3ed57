//! What users of such gateways set up first, from their how-tos: each scenario with ordinary tools.

pub mod additional_topics_are_seen_by_both;
pub mod admin_tools_see_one_tenant;
pub mod aliases_replace_their_originals;
pub mod environments_share_a_backend;
pub mod nodes_have_the_ports_that_were_set;
pub mod one_topic_has_a_name_in_each_cluster;
pub mod without_virtual_clusters_everything_is_seen;

use crate::harness::Fallible;
use crate::harness::tools::Tools;

/// The topics that a client is told of, sorted, without Kafka's own and those of other tests: those that `is` accepts.
fn topics(tools: &Tools<'_>, is: impl Fn(&str) -> bool) -> Fallible<Vec<String>> {
    let listed: serde_json::Value = serde_json::from_str(&tools.kcat(&["-L", "-J"], b"")?)?;
    let topics = listed["topics"].as_array().ok_or("kcat lists no topics")?;
    let names = topics.iter().filter_map(|topic| topic["topic"].as_str());
    let mut names: Vec<String> = names.filter(|name| is(name)).map(str::to_owned).collect();
    names.sort_unstable();
    Ok(names)
}

/// The values of a topic, in the order of its one partition.
fn values(tools: &Tools<'_>, topic: &str) -> Fallible<Vec<String>> {
    let consumed = tools.kcat(&["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%s\n"], b"")?;
    Ok(consumed.lines().map(str::to_owned).collect())
}

/// Produces these values.
fn produce(tools: &Tools<'_>, topic: &str, values: &[&str]) -> Fallible<()> {
    tools.kcat(&["-P", "-t", topic], values.join("\n").as_bytes()).map(drop)
}
