//! confluent-kafka for Python, which is a newer librdkafka than kcat's.

use super::languages::{Padded, Program, run_in_both};
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    run_in_both(world, Program::ConfluentPython, "confluent-python", 400, Padded::Yes)
}
