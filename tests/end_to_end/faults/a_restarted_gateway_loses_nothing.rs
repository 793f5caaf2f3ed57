//! The gateway is stopped with SIGTERM and started again under load, three times: it ends with 0, clients recover by
//! themselves, and nothing acknowledged is lost, duplicated or out of order.

use super::load::Load;
use crate::ensure;
use crate::harness::tools::patience;
use crate::harness::{Fallible, World};

const RESTARTS: usize = 3;

pub fn run(world: &World) -> Fallible<()> {
    let gateway = world.own_gateway()?;
    let mut load = Load::start(world, gateway.bootstrap(), "restarted-gateway")?;
    for _ in 0..RESTARTS {
        gateway.signal("TERM")?;
        let code = gateway.wait_end(patience(15))?;
        ensure!(code == Some(0), "exit code {code:?}");
        gateway.start_again()?;
        gateway.wait_ready()?;
        load.wait_for_more(1000)?;
    }
    load.finish()
}
