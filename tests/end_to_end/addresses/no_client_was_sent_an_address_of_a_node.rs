//! All clients of the shared gateway went through a relay that read along: in nothing that any of them was sent, in any
//! test before this one, is an address of a node.

use std::sync::atomic::Ordering;

use crate::ensure;
use crate::harness::{Fallible, World, locked};

pub fn run(world: &World) -> Fallible<()> {
    // So that there is something to read along, even when this test runs by itself.
    world.tools()?.kcat(&["-L"], b"")?;
    let seen = world.seen()?;
    let leaks = locked(&seen.leaks);
    ensure!(leaks.is_empty(), "{} times, first: {}", leaks.len(), leaks.first().map_or("", |leak| leak));
    let (connections, bytes) = (seen.connections.load(Ordering::Relaxed), seen.bytes.load(Ordering::Relaxed));
    ensure!(connections > 0 && bytes > 0, "nothing was read along: {connections} connections, {bytes} bytes");
    Ok(())
}
