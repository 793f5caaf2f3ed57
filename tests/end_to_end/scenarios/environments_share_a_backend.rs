//! Scenario 19: dev, test and prod behind the prefixes `dev-`, `test-` and `prod-`, each with a topic `orders`: three
//! topics; groups and transactions of one name do not meet.

use super::{produce, topics, values};
use crate::ensure;
use crate::harness::{Fallible, World};
use crate::tenants::own_gateway;

const CLUSTERS: [&str; 3] = ["dev", "test", "prod"];

pub fn run(world: &World) -> Fallible<()> {
    let direct = world.direct_tools()?;
    let names = CLUSTERS.map(|name| format!("namespace: {{mode: hide_prefix, prefix: {name}-}},"));
    let clusters: Vec<(&str, &str)> = CLUSTERS.into_iter().zip(names.iter().map(String::as_str)).collect();
    let (_gateway, at) = own_gateway(world, &clusters)?;
    for (name, at) in CLUSTERS.iter().zip(&at) {
        let tools = world.tools_for(at.clone())?;
        tools.create_topic("orders", 1, 3)?;
        produce(&tools, "orders", &[name])?;
        // Each of the same transactional id: none fences another, whose transaction is complete.
        tools.kcat(&["-P", "-t", "orders", "-X", "transactional.id=shipping"], format!("{name} shipped").as_bytes())?;
    }
    for (name, at) in CLUSTERS.iter().zip(&at) {
        let tools = world.tools_for(at.clone())?;
        ensure!(topics(&tools, |_| true)? == ["orders"], "{name} sees {:?}", topics(&tools, |_| true)?);
        let expected = [(*name).to_owned(), format!("{name} shipped")];
        ensure!(values(&direct, &format!("{name}-orders"))? == expected, "{name}-orders holds something else");
        // The group that has read its topic to the end in one environment begins anew in the next.
        let joined =
            tools.kcat(&["-G", "app", "-e", "-q", "-X", "auto.offset.reset=earliest", "-f", "%s\n", "orders"], b"")?;
        ensure!(joined.lines().eq(&expected), "{name}: the group reads {joined:?}");
    }
    Ok(())
}
