//! What stands around Klamm in a test: a real Kafka, a synthetic broker, the relay to compare with.

pub mod haproxy;
pub mod kafka;
pub mod sink;
