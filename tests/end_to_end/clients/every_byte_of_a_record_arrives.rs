//! Keys, values, headers, timestamps, partitions and offsets arrive as they were sent: produced through the gateway and
//! consumed through it, by both group protocols, and consumed from the backend itself.

use crate::ensure;
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    let through = world.tools()?;
    let direct = world.direct_tools()?;
    let ways = [
        ("bytes-classic", &through.bootstrap, "classic"),
        ("bytes-new", &through.bootstrap, "consumer"),
        ("bytes-direct", &direct.bootstrap, "classic"),
    ];
    for (topic, consume_at, protocol) in ways {
        through.create_topic(topic, 3, 3)?;
        let said = through.program("Roundtrip", &[consume_at, topic, protocol])?;
        ensure!(said.starts_with("2000 records of "), "{topic}: {said}");
    }
    Ok(())
}
