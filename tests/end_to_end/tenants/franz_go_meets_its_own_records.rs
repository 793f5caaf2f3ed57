//! franz-go, with groups and GroupTransactSession.

use super::languages::{Padded, Program, run_in_both};
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    run_in_both(world, Program::FranzGo, "franz-go", 600, Padded::Yes)
}
