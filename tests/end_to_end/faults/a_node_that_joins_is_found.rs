//! Scenario 20: a fourth node joins while clients of Kafka itself and of both tenants are at work: nobody is disturbed, all
//! are told of it at the gateway's port for it, and that port leads to it, so that both tenants read and write partitions
//! that only it leads.

use super::{reached, reassignment};
use crate::ensure;
use crate::harness::lab::NODES;
use crate::harness::neighbour::Neighbour;
use crate::harness::{Fallible, World};
use crate::tenants;

const JOINS: usize = NODES + 1;
const TOPIC: &str = "joined";
const RECORDS: usize = 100;

pub fn run(world: &World) -> Fallible<()> {
    let lab = world.lab()?;
    let at_all = reached::bootstraps(world)?;
    let tenants = tenants::tenants(world)?;
    let values = |tag: &str, what: &str| (0..RECORDS).map(|n| format!("{tag}-{what}-{n}")).collect::<Vec<String>>();
    for tenant in &tenants {
        tenant.create_topic(TOPIC, 1)?;
        tenant.tools.kcat(&["-P", "-t", TOPIC], values(tenant.tag, "before").join("\n").as_bytes())?;
    }
    let neighbours: Vec<Neighbour> = at_all.iter().map(|at| Neighbour::start(at)).collect::<Fallible<_>>()?;
    lab.add_node(JOINS)?;
    lab.wait_for_nodes(JOINS)?;
    at_all.iter().try_for_each(|at| reached::node(at, JOINS, JOINS))?;

    let joins = i32::try_from(JOINS)?;
    for tenant in &tenants {
        // The first that is not the leader of before leads.
        let to = |leader: i32| vec![joins, if leader == 1 { 2 } else { 1 }];
        reassignment::away_from_leaders(&lab.address(1), &format!("{}{TOPIC}", tenant.prefix), to)?;
        tenant.tools.kcat(&["-P", "-t", TOPIC], values(tenant.tag, "after").join("\n").as_bytes())?;
        let format = ["-o", "beginning", "-e", "-q", "-f", "%s\n"];
        let read = tenant.tools.kcat(&[&["-C", "-t", TOPIC], &format[..]].concat(), b"")?;
        let expected = [values(tenant.tag, "before"), values(tenant.tag, "after")].concat();
        ensure!(read.lines().eq(&expected), "{}: {} records were read", tenant.tag, read.lines().count());
    }
    neighbours.into_iter().try_for_each(Neighbour::stop)
}
