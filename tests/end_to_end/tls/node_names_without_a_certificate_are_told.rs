//! A node whose names no certificate covers is warned of, once for each listener, and its names are counted.

use super::front::Front;
use crate::ensure;
use crate::harness::tools::patience;
use crate::harness::{Fallible, World, until};

const WARNING: &str = "no certificate of the listener covers this node's names";
/// The listeners with that certificate.
const LISTENERS: [&str; 3] = ["names", "both", "mutual"];

pub fn run(world: &World) -> Fallible<()> {
    let covered =
        ["bootstrap-alice.kafka.example", "bootstrap-bob.kafka.example", "broker-1-alice.kafka.example", "127.0.0.1"];
    let front = Front::start_for(world, "", &covered)?;
    until("names are counted", patience(10), || {
        let count = front.gateway.numbers()?.sum("klamm_node_names_uncovered");
        // Of node 1 bob's, of node 2 both.
        ensure!(count == 3.0 * LISTENERS.len() as f64, "{count}");
        Ok(())
    })?;
    until("nodes are warned of", patience(10), || {
        let log = front.gateway.log();
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains(WARNING)).collect();
        ensure!(warnings.len() == 2 * LISTENERS.len(), "{warnings:#?}");
        for listener in LISTENERS {
            for (node, names, first) in [(1, 1, "broker-1-bob.kafka.example"), (2, 2, "broker-2-alice.kafka.example")] {
                let fields = [format!("listener={listener} "), format!("node={node} "), format!("names={names} ")];
                let told = |line: &&&str| fields.iter().all(|field| line.contains(field)) && line.contains(first);
                ensure!(warnings.iter().filter(told).count() == 1, "{fields:?}: {warnings:#?}");
            }
        }
        Ok(())
    })
}
