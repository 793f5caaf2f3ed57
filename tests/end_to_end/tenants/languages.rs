//! Clients in other languages, in both tenants at once with the same names. Each produces, consumes with two members of a
//! group and copies in transactions, some of them aborted, and fails when it reads anything but what it produced. There is
//! so much of it, in a topic of so long a name, that Fetch responses stream through, in the flexible version with padded
//! lengths.

use super::setup;
pub use super::setup::{Padded, Program};
use crate::ensure;
use crate::harness::relay::long_name;
use crate::harness::{Fallible, World};

/// Runs the program in all tenants: its names begin with `name`.
pub fn run_in_both(world: &World, program: Program, name: &str, records: usize, padded: Padded) -> Fallible<()> {
    let names = ["from", "to", "group", "transaction"].map(|what| format!("{name}-{what}"));
    let names = [long_name(&names[0]), names[1].clone(), names[2].clone(), names[3].clone()];
    let [from, to, group, transaction] = names.each_ref().map(String::as_str);
    setup::both(world, |tenant| {
        tenant.create_topic(from, 3)?;
        tenant.create_topic(to, 3)?;
        let said = tenant.client(program, &[from, to, group, transaction])?;
        ensure!(said.starts_with(&format!("{records} records")), "{said}");
        tenant.backend_holds(from, records)?;
        tenant.backend_holds(to, records)
    })?;
    setup::was_padded(world, from, padded)
}
