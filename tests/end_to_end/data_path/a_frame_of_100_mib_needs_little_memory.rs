//! A request and a response of nearly 100 MiB stream through a few hundred KiB, pipes included, also where the client
//! reads slowly.

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Duration;

use super::{mirrored, request, same};
use crate::ensure;
use crate::harness::scripted::Scripted;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

const BYTES: usize = 99 << 20;
/// User memory and pipes of the connection.
const BYTES_MAX: u64 = 512 << 10;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[])?;
    gateway.wait_ready()?;
    // Each shard's own buffers, and a few connections' worth of what the allocator keeps.
    for id in 0..8 {
        let mut wire = Wire::connect_as(&gateway.bootstrap(), "mirror")?;
        let request = request("mirror", id, 4 << 20)?;
        wire.send_bytes(&request);
        mirrored(&mut wire, &request)?;
    }
    let before = gateway.resident_bytes()?;
    let mut wire = Wire::connect_as(&gateway.bootstrap(), "mirror")?;
    let request = request("mirror", 9, BYTES)?;
    let mut writing = wire.stream().try_clone()?;
    let sent = request.clone();
    let writer = thread::spawn(move || writing.write_all(&sent));

    let mut answer = Vec::with_capacity(request.len());
    let mut piece = vec![0; 1 << 20];
    let (mut resident, mut held) = (0, 0);
    while answer.len() < request.len() - 4 {
        let n = wire.stream().read(&mut piece)?;
        ensure!(n > 0, "it ends after {} bytes", answer.len());
        answer.extend_from_slice(&piece[..n]);
        if answer.len() / (10 << 20) != (answer.len() - n) / (10 << 20) {
            // The pipe fills, waits, and is read back.
            thread::sleep(Duration::from_millis(1_200));
            resident = gateway.resident_bytes()?.max(resident);
            held = (gateway.numbers()?.sum("klamm_held_bytes") as u64).max(held);
        }
    }
    writer.join().map_err(|_| "the writer panicked")??;
    same(&answer[4..], &request)?;
    let grown = resident.saturating_sub(before);
    ensure!(grown <= BYTES_MAX, "resident memory grew by {grown} bytes");
    ensure!(held <= BYTES_MAX, "{held} bytes were held");
    Ok(())
}
