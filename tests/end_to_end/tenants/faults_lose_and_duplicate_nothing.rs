//! Under load in both tenants a node is killed and comes back at another address, the gateway is restarted, and partitions
//! are moved away from their leaders, twice: no acknowledged record is lost, idempotent and transactional producers duplicate
//! nothing, and consumers go on.

use super::setup::{HIDDEN, own_gateway};
use super::transactions::Transactions;
use crate::ensure;
use crate::faults::load::Load;
use crate::faults::reassignment::{self, Moving};
use crate::harness::lab::NODES;
use crate::harness::tools::patience;
use crate::harness::{Fallible, World, ports};

const TENANTS: [&str; 2] = ["vc-carol", "vc-dave"];
const TOPICS: [&str; 2] = ["faulty", "faulty-transactions"];
const MOVED: usize = 2;

/// The loads of both tenants.
struct Loads {
    plain: Vec<Load>,
    transactions: Vec<Transactions>,
}

impl Loads {
    fn wait_for_more(&mut self) -> Fallible<()> {
        self.plain.iter_mut().try_for_each(|load| load.wait_for_more(500))?;
        self.transactions.iter_mut().try_for_each(|load| load.wait_for_more(20))
    }
}

pub fn run(world: &World) -> Fallible<()> {
    let lab = world.lab()?;
    let (gateway, at) = own_gateway(world, &TENANTS.map(|name| (name, HIDDEN)))?;
    let mut loads = Loads { plain: Vec::new(), transactions: Vec::new() };
    for (name, at) in TENANTS.iter().zip(&at) {
        let tools = world.tools_for(at.clone())?;
        TOPICS.iter().try_for_each(|topic| tools.create_topic(topic, 3, 3))?;
        loads.plain.push(Load::begin(&tools, at, TOPICS[0], &format!("{name}-load"))?);
        loads.transactions.push(Transactions::begin(&tools, TOPICS[1], &format!("{name}-transactions"))?);
    }
    loads.wait_for_more()?;

    lab.kill_node(MOVED);
    loads.wait_for_more()?;
    lab.move_node(MOVED, ports::node_moved() + u16::try_from(MOVED)? - 1)?;
    lab.wait_for_nodes(NODES)?;
    loads.wait_for_more()?;

    gateway.signal("TERM")?;
    let code = gateway.wait_end(patience(15))?;
    ensure!(code == Some(0), "exit code {code:?}");
    gateway.start_again()?;
    gateway.wait_ready()?;
    loads.wait_for_more()?;

    // Away from the leader, and then from the next one to the node that was left: it copies everything anew.
    for _ in 0..2 {
        let topics = TENANTS.iter().flat_map(|name| TOPICS.map(|topic| format!("{name}.{topic}")));
        let others = |leader: i32| -> Vec<i32> { (1..).take(NODES).filter(|node| *node != leader).collect() };
        let moves = topics.map(|topic| reassignment::away_from_leaders(&lab.address(1), topic, others));
        let moves: Vec<Moving> = moves.collect::<Fallible<_>>()?;
        moves.into_iter().try_for_each(Moving::wait)?;
        loads.wait_for_more()?;
    }
    loads.plain.into_iter().try_for_each(Load::finish)?;
    loads.transactions.into_iter().try_for_each(Transactions::finish)
}
