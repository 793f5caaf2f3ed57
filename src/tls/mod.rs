//! TLS as bytes and decisions: the ClientHello before a handshake, the configuration of both sides, the TLS connection.
//!
//! Owns rustls' configurations, the ClientHello's server name, the principal of a client's certificate. May not know
//! virtual clusters or Kafka, do I/O, or read a file: what it is built from was read with the configuration. rustls
//! brings its own clock and randomness.

mod alert;
mod backend;
mod connection;
mod fault;
mod hello;
mod server;

pub use alert::{Alert, alert_record};
pub use backend::{BackendTlsConfig, BackendTlsError};
pub use connection::{
    CIPHERTEXT_BYTES_MAX, GATHER_BYTES_MAX, Plaintext, RECORD_BYTES_MAX, Received, TlsConnection, Wire,
};
pub use fault::Fault;
pub use hello::{HELLO_BYTES_MAX, Hello, HelloFault, HelloReader, RequestedName, begins_like_tls};
pub use server::{Certificates, CertifiedClient, ServerTlsConfig, ServerTlsConfigs, ServerTlsError};
