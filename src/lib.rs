//! Klamm: a Kafka gateway appliance. A client connection runs through the modules in this order; see README.md.
//!
//! Imports point down only; `tests/tidy.rs` holds the list of what each module may name.

pub mod boot;

pub mod admin;
pub mod shard;

pub mod listener;
pub mod session;
pub mod upstream;

pub mod net;

pub mod rewrite;
pub mod route;
pub mod tls;

pub mod config;
pub mod frame;
pub mod wire;

pub mod cluster;
pub mod metrics;
pub mod sys;
pub mod x509;
