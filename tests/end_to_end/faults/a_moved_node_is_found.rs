//! Scenario 20: a node that comes back at another port is found within the refresh interval, without a restart of the
//! gateway, by clients of Kafka itself and of both tenants, and the load goes on.

use super::load::Load;
use super::reached;
use crate::ensure;
use crate::harness::lab::NODES;
use crate::harness::{Fallible, World, ports};

const MOVED: usize = 3;

pub fn run(world: &World) -> Fallible<()> {
    let lab = world.lab()?;
    let at_all = reached::bootstraps(world)?;
    let mut load = Load::start(world, world.bootstrap()?, "moved-node")?;
    let before = lab.address(MOVED);
    lab.kill_node(MOVED);
    lab.move_node(MOVED, ports::node_moved() + u16::try_from(MOVED)? - 1)?;
    ensure!(lab.address(MOVED) != before, "it did not move");
    lab.wait_for_nodes(NODES)?;
    at_all.iter().try_for_each(|at| reached::node(at, MOVED, NODES))?;
    load.wait_for_more(1000)?;
    load.finish()
}
