//! A node is killed and started again under load, each node once: an idempotent producer loses and duplicates nothing,
//! order holds, and a group's member goes on.

use super::load::Load;
use crate::harness::lab::NODES;
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    let lab = world.lab()?;
    let mut load = Load::start(world, world.bootstrap()?, "killed-nodes")?;
    for id in [2, 3] {
        lab.kill_node(id);
        load.wait_for_more(1500)?;
        lab.start_node(id)?;
        lab.wait_for_nodes(NODES)?;
        load.wait_for_more(1000)?;
    }
    load.finish()
}
