//! Scenario 17, without filters: one backend topic is shown under a name of its own in each of three virtual clusters.

use super::{produce, topics, values};
use crate::ensure;
use crate::harness::{Fallible, World};
use crate::tenants::own_gateway;

const TOPIC: &str = "everybodys-orders";
const CLUSTERS: [&str; 3] = ["dev", "test", "prod"];

pub fn run(world: &World) -> Fallible<()> {
    let direct = world.direct_tools()?;
    direct.create_topic(TOPIC, 1, 3)?;
    let names = CLUSTERS.map(|name| {
        format!(
            "namespace: {{mode: hide_prefix, prefix: \"own-{name}.\", additional: {{topics: \
             [{{type: exact_list, exact_list: [{{backend: {TOPIC}, as: {name}-orders}}]}}]}}}},"
        )
    });
    let clusters: Vec<(&str, &str)> = CLUSTERS.into_iter().zip(names.iter().map(String::as_str)).collect();
    let (_gateway, at) = own_gateway(world, &clusters)?;
    for (name, at) in CLUSTERS.iter().zip(&at) {
        let tools = world.tools_for(at.clone())?;
        let shown = format!("{name}-orders");
        let seen = topics(&tools, |_| true)?;
        ensure!(seen == [shown.clone()], "{name} sees {seen:?}");
        produce(&tools, &shown, &[name])?;
    }
    for (name, at) in CLUSTERS.iter().zip(&at) {
        let held = values(&world.tools_for(at.clone())?, &format!("{name}-orders"))?;
        ensure!(held == CLUSTERS, "{name} reads {held:?}");
    }
    ensure!(values(&direct, TOPIC)? == CLUSTERS, "the backend's topic holds something else");
    Ok(())
}
