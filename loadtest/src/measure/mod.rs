//! What a process costs, as the kernel counts it.

pub mod cpu;
pub mod entries;
pub mod instructions;
pub mod latency;
pub mod machine;
pub mod memory;
