//! TLS on both sides, and host names that say which virtual cluster and node is meant.

pub mod the_lab_speaks_tls;
