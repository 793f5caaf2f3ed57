//! A Kafka Streams application with exactly-once v2 in both tenants at once, one application id, and so one group, one
//! name for each transactional id and internal topic: each counts every word of its own tenant once, across a restart.

use super::setup;
use crate::ensure;
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    setup::both(world, |tenant| {
        tenant.create_topic("lines", 2)?;
        tenant.create_topic("counts", 2)?;
        let folder = tenant.tools.folder.display().to_string();
        let said = tenant.tools.program("StreamsCount", &[tenant.tag, "lines", "counts", "counter", &folder])?;
        ensure!(said.starts_with("600 lines of 9 words counted"), "{said}");
        tenant.backend_holds("lines", 600)
    })
}
