//! TLS as bytes and decisions: the ClientHello before a handshake, the settings of both sides, the pump of a connection.
//!
//! Owns rustls' configurations, the ClientHello's server name, the principal of a client's certificate. May not know
//! virtual clusters or Kafka, do I/O, or read a file: what it is built from was read with the configuration. rustls
//! brings its own clock and randomness.

mod alert;
mod backend;
mod fault;
mod hello;
mod pump;
mod server;

pub use alert::{Alert, alert_record};
pub use backend::{BackendSide, BackendTlsError};
pub use fault::Fault;
pub use hello::{HELLO_BYTES_MAX, Hello, HelloFault, HelloReader, RequestedName, begins_like_tls};
pub use pump::{CIPHERTEXT_BYTES_MAX, GATHER_BYTES_MAX, Plaintext, Pump, RECORD_BYTES_MAX, Received, Wire};
pub use server::{Certificates, ServerSide, ServerSides, ServerTlsError};
