//! Scenario 20: a fourth node joins while clients of Kafka itself and of both tenants are at work: nobody is disturbed, all
//! are told of it at the gateway's port for it, or by its host name, and that leads to it, so that all tenants read and write
//! partitions that only it leads. No configuration knows of it.

use super::{reached, reassignment};
use crate::ensure;
use crate::harness::door::Door;
use crate::harness::lab::NODES;
use crate::harness::neighbour::Neighbour;
use crate::harness::{Fallible, World};
use crate::tenants::{self, Tenant};

const JOINS: usize = NODES + 1;
const TOPIC: &str = "joined";
const RECORDS: usize = 100;

pub fn run(world: &World) -> Fallible<()> {
    let lab = world.lab()?;
    let at_all = reached::bootstraps(world)?;
    let by_names = world.at(Door::OWN_DOMAINS);
    let named = tenants::tenants(&by_names)?;
    let named_at = named.iter().map(|tenant| tenant.tools.bootstrap.clone());
    let tenants: Vec<Tenant<'_>> = tenants::tenants(world)?.into_iter().chain(tenants::tenants(&by_names)?).collect();
    let values = |tag: &str, what: &str| (0..RECORDS).map(|n| format!("{tag}-{what}-{n}")).collect::<Vec<String>>();
    for tenant in &tenants {
        tenant.create_topic(TOPIC, 1)?;
        tenant.tools.kcat(&["-P", "-t", TOPIC], values(tenant.tag, "before").join("\n").as_bytes())?;
    }
    let neighbours = at_all.iter().cloned().chain(named_at).map(|at| Neighbour::start(&at));
    let neighbours: Vec<Neighbour> = neighbours.collect::<Fallible<_>>()?;
    lab.add_node(JOINS)?;
    lab.wait_for_nodes(JOINS)?;
    at_all.iter().try_for_each(|at| reached::node(at, JOINS, JOINS))?;
    named.iter().try_for_each(|tenant| reached::named_node(&tenant.tools.bootstrap, JOINS, JOINS))?;

    let joins = i32::try_from(JOINS)?;
    for tenant in &tenants {
        // The first that is not the leader of before leads.
        let to = |leader: i32| vec![joins, if leader == 1 { 2 } else { 1 }];
        reassignment::away_from_leaders(&lab.address(1), format!("{}{TOPIC}", tenant.prefix), to)?.wait()?;
        tenant.tools.kcat(&["-P", "-t", TOPIC], values(tenant.tag, "after").join("\n").as_bytes())?;
        let format = ["-o", "beginning", "-e", "-q", "-f", "%s\n"];
        let read = tenant.tools.kcat(&[&["-C", "-t", TOPIC], &format[..]].concat(), b"")?;
        let expected = [values(tenant.tag, "before"), values(tenant.tag, "after")].concat();
        ensure!(read.lines().eq(&expected), "{}: {} records were read", tenant.tag, read.lines().count());
    }
    neighbours.into_iter().try_for_each(Neighbour::stop)
}
