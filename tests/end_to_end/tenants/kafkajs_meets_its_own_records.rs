//! kafkajs, which speaks the oldest versions of all.

use super::languages::{Padded, Program, run_in_both};
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    run_in_both(world, Program::KafkaJs, "kafkajs", 300, Padded::No)
}
