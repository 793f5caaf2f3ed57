//! Klamm: a Kafka gateway appliance. A client connection runs through the modules in this order; see README.md.
//!
//! Imports point down only; `tests/tidy.rs` holds the list of what each module may name.
//!
//! The lints below are laws: hostile input ends in a typed error and a close, never in a panic; unsafe code has
//! one small place to audit; nothing on the data path blocks its shard (`clippy.toml` has the list).

#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used))]

pub mod boot;

pub mod admin;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod shard;

#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod listener;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod session;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod table;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod upstream;

#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod net;

#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod auth;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod rewrite;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod route;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod tls;

pub mod config;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod wire;

pub mod cluster;
pub mod metrics;
#[allow(unsafe_code, reason = "system calls that no crate wraps")]
pub mod sys;
#[cfg_attr(not(test), deny(clippy::disallowed_methods))]
pub mod x509;
