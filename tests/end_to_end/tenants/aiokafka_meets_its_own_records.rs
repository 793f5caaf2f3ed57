//! aiokafka, with groups, transactions and its admin client.

use super::languages::{Padded, Program, run_in_both};
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    run_in_both(world, Program::AioKafka, "aiokafka", 400, Padded::No)
}
