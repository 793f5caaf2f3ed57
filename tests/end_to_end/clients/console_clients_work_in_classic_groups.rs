//! Java's console clients with a group of the classic protocol: every line arrives once, with key and headers.

use super::console;
use crate::harness::{Fallible, World};

pub fn run(world: &World) -> Fallible<()> {
    console::exchange(world, "console-classic", "classic")
}
