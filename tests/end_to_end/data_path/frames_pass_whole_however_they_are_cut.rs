//! Frames that are cut at every byte, and frames of all sizes one behind the other, come out as they went in: when
//! everything that can pass unread does, when nothing does, and with the limits that users have.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use super::{mirrored, request};
use crate::ensure;
use crate::harness::gateway::Gateway;
use crate::harness::scripted::Scripted;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

const SPLICED: &[(&str, &str)] = &[("read_bytes_max", "64"), ("splice_bytes_min", "1"), ("pipes_max", "32")];
const COPIED: &[(&str, &str)] = &[("read_bytes_max", "64"), ("pipes_max", "0")];
const AS_USERS_HAVE_IT: &[(&str, &str)] =
    &[("read_bytes_max", "128KiB"), ("splice_bytes_min", "32KiB"), ("pipes_max", "32")];

/// Bytes of the bodies that follow each other: around what is read at once, what passes, and what a pipe takes.
const SIZES: [usize; 14] = [
    0,
    1,
    7,
    63,
    64,
    65,
    1_000,
    8 << 10,
    (32 << 10) - 1,
    (40 << 10) + 1,
    (128 << 10) + 1,
    256 << 10,
    (1 << 20) + 13,
    3 << 20,
];
/// Connections that do this at once: what belongs to one must not come to another.
const TOGETHER: i32 = 4;

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    for (limits, splices) in [(SPLICED, true), (COPIED, false), (AS_USERS_HAVE_IT, true)] {
        let gateway = world.own_gateway_to(&node.address(), limits)?;
        gateway.wait_ready()?;
        cut_at_every_byte(&gateway)?;
        let spliced = || Fallible::Ok(gateway.numbers()?.sum("klamm_spliced_bytes_total") as u64);
        let before = spliced()?;
        thread::scope(|scope| {
            let gateway = &gateway;
            let all: Vec<_> = (1..=TOGETHER).map(|n| scope.spawn(move || all_sizes(gateway, n * 1_000))).collect();
            all.into_iter().try_for_each(|one| one.join().map_err(|_| "a connection panicked")?)
        })?;
        let spliced = spliced()? - before;
        // Both ways, nearly all of the largest frame at least.
        let expected = if splices { 2 * TOGETHER as u64 * 3_000_000..u64::MAX } else { 0..1 };
        ensure!(expected.contains(&spliced), "{spliced} bytes passed unread with {limits:?}");
    }
    Ok(())
}

fn cut_at_every_byte(gateway: &Gateway) -> Fallible<()> {
    let mut wire = Wire::connect_as(&gateway.bootstrap(), "mirror")?;
    let bytes = request("mirror", 1, 90)?.len();
    for cut in 1..bytes {
        let request = request("mirror", cut as i32, 90)?;
        wire.stream().write_all(&request[..cut])?;
        // Long enough that the gateway nearly always sees two pieces; right in any case.
        thread::sleep(Duration::from_millis(1));
        wire.stream().write_all(&request[cut..])?;
        mirrored(&mut wire, &request).map_err(|error| format!("cut at {cut} of {bytes}: {error}"))?;
    }
    Ok(())
}

/// All requests are sent, in pieces, before their answers are looked at.
fn all_sizes(gateway: &Gateway, first: i32) -> Fallible<()> {
    let mut wire = Wire::connect_as(&gateway.bootstrap(), "mirror")?;
    let requests = SIZES.iter().zip(first..).map(|(bytes, id)| request("mirror", id, *bytes));
    let requests = requests.collect::<Fallible<Vec<_>>>()?;
    let mut writing = wire.stream().try_clone()?;
    let sent = requests.concat();
    let writer = thread::spawn(move || sent.chunks(100_003).try_for_each(|piece| writing.write_all(piece)));
    for request in &requests {
        mirrored(&mut wire, request).map_err(|error| format!("a request of {} bytes: {error}", request.len()))?;
    }
    Ok(writer.join().map_err(|_| "the writer panicked")??)
}
