//! What is read of a certificate: the names it covers, how long it is valid, whom it names.
//!
//! Owns bytes -> facts, and the rules that make a principal of a name. May not verify a chain (rustls does), do I/O, read
//! the clock, or name another module of Klamm.

mod certificate;
mod covered;
mod der;
mod principal;
mod subject;

pub use certificate::{Facts, NotACertificate};
pub use covered::{CoveredNames, host_name_key, is_host_name_key};
pub use principal::{MappingFault, NoPrincipal, PrincipalMapping};
