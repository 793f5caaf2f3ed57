//! Where the machine gives no more memory, the session that wants it is closed with its cause, and the process, its
//! neighbours and the accounts stay whole.

use std::io::Write as _;

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest};

use crate::ensure;
use crate::harness::closes::Closes;
use crate::harness::gateway::{ADVERTISED_HOST, DataPath, Gateway};
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, ports, until};
use crate::tenants::{HIDDEN, VirtualCluster, yaml};

const ROUNDS: usize = 3;
/// The length that the frame tells: nothing but its own memory keeps the gateway from holding it.
const FRAME_BYTES: usize = 480 << 20;
/// More than the gateway has: it grows a buffer to 128 MiB within this, and not to 256 MiB. What is left of it serves the
/// small needs of others, and an arena of the allocator (64 MiB).
const MORE_BYTES: u64 = 224 << 20;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let port = ports::ten();
    let own = [VirtualCluster { name: "vc-a", names: HIDDEN, port }];
    let yaml = yaml(&node.address(), ADVERTISED_HOST, port + 9, &own).replace(
        "backend_clusters:",
        "  limits:\n    frame_bytes_max: 512MiB\n    hold_bytes_max: 512MiB\n    memory_bytes_max: 4GiB\nbackend_clusters:",
    );
    let gateway = Gateway::start_with(world.folder(), port, port + 9, &yaml, DataPath::AsUsersHaveIt)?;
    gateway.wait_ready()?;
    let address = format!("{ADVERTISED_HOST}:{port}");
    let mut neighbour = Wire::connect(&address)?;
    ask(&mut neighbour)?;
    let closes = Closes::before(&gateway, "memory_budget")?;
    gateway.with_memory(MORE_BYTES, || {
        for round in 1..=ROUNDS {
            greedy(&address).map_err(|error| format!("round {round}: {error}"))?;
            ask(&mut neighbour)?;
        }
        Ok(())
    })?;
    closes.more("a session that wants more memory than there is", ROUNDS)?;
    until("every connection is accounted for", patience(10), || {
        let (accepted, active, closed) = gateway.numbers()?.connections();
        ensure!(accepted == active + closed && active == 1.0, "{accepted} accepted, {active} active, {closed} closed");
        Ok(())
    })?;
    ask(&mut neighbour)
}

fn ask(wire: &mut Wire) -> Fallible<()> {
    let answer = wire.ask(0, &ApiVersionsRequest::default())?.body;
    ensure!(answer.error_code == 0 && !answer.api_keys.is_empty(), "{answer:?}");
    Ok(())
}

/// Sends a request that must be held whole, until it is closed.
fn greedy(address: &str) -> Fallible<()> {
    let mut wire = Wire::connect(address)?;
    ask(&mut wire)?;
    let length = u32::try_from(FRAME_BYTES)?.to_be_bytes();
    let key = (ApiKey::CreateTopics as i16).to_be_bytes();
    // Version 2, correlation id 1, a client id of one letter.
    let head = [&length[..], &key, &[0, 2, 0, 0, 0, 1, 0, 1, b'g']].concat();
    wire.send_bytes(&Bytes::from(head));
    let chunk = vec![0; 1 << 20];
    let mut sent = 0;
    while wire.stream().write_all(&chunk).is_ok() {
        sent += chunk.len();
        ensure!(sent < FRAME_BYTES, "all of it was taken");
    }
    Ok(())
}
