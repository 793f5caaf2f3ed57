//! Kafka's own Java clients in both tenants at once: records of every kind and codec, large ones among them, arrive as they
//! were sent. Their Produce requests and Fetch responses are larger than the gateway's buffers and stream through, with
//! padded lengths.

use super::setup::{self, Padded};
use crate::ensure;
use crate::harness::relay::long_name;
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    let topic = long_name("bytes");
    setup::both(world, |tenant| {
        tenant.create_topic(&topic, 3)?;
        let said = tenant.tools.program("Roundtrip", &[&tenant.tools.bootstrap, &topic, "classic"])?;
        ensure!(said.starts_with("2000 records of "), "{said}");
        Ok(())
    })?;
    setup::was_padded(world, &topic, Padded::Yes)
}
