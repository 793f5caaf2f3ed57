//! librdkafka's kcat in both tenants at once, one topic, one group: each reads the records of its own tenant, byte for byte:
//! more of them than the gateway has buffers for.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::setup;
use crate::ensure;
use crate::harness::{Fallible, World};

const TOPIC: &str = "kcat";
const RECORDS: usize = 500;

pub fn run(world: &World) -> Fallible<()> {
    setup::both(world, |tenant| {
        tenant.create_topic(TOPIC, 1)?;
        let produced: Vec<String> =
            (0..RECORDS).map(|n| format!("key-{n}:{}-{n}-{}", tenant.tag, letters(n))).collect();
        let arguments = ["-P", "-t", TOPIC, "-K", ":", "-H", "origin=kcat", "-z", "lz4"];
        let arguments = [&arguments[..], &["-X", "enable.idempotence=true"]].concat();
        tenant.tools.kcat(&arguments, produced.join("\n").as_bytes())?;

        let format = ["-e", "-q", "-f", "%k:%s\n"];
        let alone = tenant.tools.kcat(&[&["-C", "-t", TOPIC, "-o", "beginning"], &format[..]].concat(), b"")?;
        ensure!(alone.lines().eq(&produced), "{} records came, not the {RECORDS} produced", alone.lines().count());
        let member = ["-G", "app", "-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000"];
        let member = [&member[..], &format, &[TOPIC]].concat();
        let joined = tenant.tools.kcat(&member, b"")?;
        ensure!(joined == alone, "the group's member read {} records", joined.lines().count());
        let again = tenant.tools.kcat(&member, b"")?;
        ensure!(again.is_empty(), "the group's offsets were not kept: {} records again", again.lines().count());
        tenant.backend_holds(TOPIC, RECORDS)
    })
}

/// Letters that no codec makes much smaller.
fn letters(n: usize) -> String {
    let mut random = StdRng::seed_from_u64(n as u64);
    (0..1000 + n).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}
