//! Scenario 16: an alias without a namespace: a listing shows `wares` in place of the backend's name, what is produced to
//! the alias is in the backend's topic, and the original name is unknown.

use super::{produce, topics, values};
use crate::ensure;
use crate::harness::{Fallible, World};
use crate::tenants::own_gateway;

const ALIAS: &str = "wares";
const ORIGINAL: &str = "team-alpha-wares-v2";

pub fn run(world: &World) -> Fallible<()> {
    let direct = world.direct_tools()?;
    direct.create_topic(ORIGINAL, 1, 3)?;
    let names = format!("topic_aliases: [{{alias: {ALIAS}, topic: {ORIGINAL}}}],");
    let (_gateway, at) = own_gateway(world, &[("shop", &names)])?;
    let shop = world.tools_for(at[0].clone())?;
    let seen = topics(&shop, |name| name.contains(ALIAS))?;
    ensure!(seen == [ALIAS], "the shop sees {seen:?}");
    produce(&shop, ALIAS, &["one", "two"])?;
    ensure!(values(&direct, ORIGINAL)? == ["one", "two"], "the backend's topic holds something else");
    ensure!(values(&shop, ALIAS)? == ["one", "two"], "the alias holds something else");
    let joined = ["-G", "shop", "-e", "-q", "-X", "auto.offset.reset=earliest", "-f", "%t %s\n", ALIAS];
    let joined = shop.kcat(&joined, b"")?;
    ensure!(joined == "wares one\nwares two\n", "a member of a group reads {joined:?}");
    let original = shop.kcat(&["-L", "-t", ORIGINAL, "-X", "allow.auto.create.topics=false"], b"")?;
    ensure!(original.contains("Unknown topic or partition"), "the original is still known: {original}");
    Ok(())
}
