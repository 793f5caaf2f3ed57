//! TLS with a node: the handshake, and a sentence for each fault that names the configuration key to change.
//!
//! Owns these sentences. May not dial.

use std::io;
use std::time::Instant;

use super::dial_error::DialError;
use super::tls_configs::ShardTlsConfig;
use super::{Backend, Dialer};
use crate::cluster::HostPort;
use crate::config::BackendCluster;
use crate::metrics::{Cause, Numbers};
use crate::net::Socket;
use crate::tls::{Fault, TlsConnection};

/// Hosts whose logged fault is remembered; beyond that, faults are logged again.
const LOGGED_HOSTS_MAX: usize = 1024;

impl Dialer {
    /// Does the TLS handshake, where the backend cluster has `tls`: the certificate must cover the very host that was dialled.
    ///
    /// # Errors
    ///
    /// What went wrong, `BackendTlsDeadline` at `deadline` at the latest.
    pub(super) async fn secure(
        &self,
        backend: &Backend,
        to: &HostPort,
        mut socket: Socket,
        deadline: Instant,
    ) -> Result<Socket, DialError> {
        let Some(tls_config) = backend.tls_config.borrow().as_ref().map(ShardTlsConfig::own) else { return Ok(socket) };
        let outcome = match TlsConnection::backend(tls_config.config, &to.host) {
            Ok(connection) => {
                socket.begin_tls(connection, Vec::new());
                self.net.until(deadline, socket.handshake()).await
            }
            Err(fault) => Some(Err(io::Error::new(io::ErrorKind::InvalidData, fault))),
        };
        let problem = match outcome {
            Some(Ok(())) => {
                let resumed = socket.tls().is_some_and(|connection| connection.is_resumed());
                let numbers = &self.numbers;
                Numbers::count(
                    if resumed {
                        &numbers.backend_tls_handshakes_resumed
                    } else {
                        &numbers.backend_tls_handshakes_full
                    },
                    1,
                );
                backend.logged_tls_faults.borrow_mut().remove(to);
                return Ok(socket);
            }
            None => TlsProblem::Late,
            Some(Err(error)) => {
                TlsProblem::of(&error, socket.tls().is_some_and(|connection| connection.version().is_some()))
            }
        };
        Numbers::count(&self.numbers.backend_tls_handshake_failures, 1);
        let error = problem.dial_error(&backend.shared.config, to);
        warn_once(backend, to, &error);
        Err(error)
    }

    /// The dial error for a connection with a node that failed with `error` after the handshake. A TLS 1.3 server checks our
    /// certificate only then.
    pub(super) fn connection_error(&self, backend: &Backend, to: &HostPort, error: &io::Error) -> DialError {
        match Fault::inside(error) {
            Some(_) => {
                let error = TlsProblem::of(error, true).dial_error(&backend.shared.config, to);
                warn_once(backend, to, &error);
                error
            }
            None => DialError::unavailable(format!("{to}: {error}")),
        }
    }
}

/// Logs a warning when a host fails with another cause than the last time.
fn warn_once(backend: &Backend, to: &HostPort, error: &DialError) {
    let mut logged = backend.logged_tls_faults.borrow_mut();
    if logged.len() >= LOGGED_HOSTS_MAX {
        logged.clear();
    }
    if logged.insert(to.clone(), error.cause) != Some(error.cause) {
        let backend_cluster = &*backend.shared.config.name;
        tracing::warn!(backend_cluster, cause = error.cause.label(), "{error}");
    }
}

/// The close cause of a session whose backend connection failed with `error`.
pub fn cause_of_error(error: &io::Error) -> Cause {
    match Fault::inside(error) {
        Some(fault) => TlsProblem::Fault(fault).cause(),
        None => Cause::BackendReset,
    }
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TlsProblem {
    Late,
    /// The other side does not speak TLS.
    NotTls,
    /// The connection ended, or failed, in the middle.
    Ended,
    Fault(Fault),
}

impl TlsProblem {
    /// `answered`: the other side has begun to speak TLS.
    fn of(error: &io::Error, answered: bool) -> TlsProblem {
        match Fault::inside(error) {
            Some(Fault::RecordInvalid) if !answered => TlsProblem::NotTls,
            Some(fault) => TlsProblem::Fault(fault),
            // A Kafka that expects plain requests reads a ClientHello as an impossible length, and ends the connection.
            None if !answered => TlsProblem::NotTls,
            None => TlsProblem::Ended,
        }
    }

    fn cause(self) -> Cause {
        match self {
            TlsProblem::Late => Cause::BackendTlsDeadline,
            TlsProblem::NotTls => Cause::BackendNotTls,
            TlsProblem::Ended => Cause::BackendTlsFailed,
            TlsProblem::Fault(fault) => match fault {
                Fault::CertificateUntrusted | Fault::CertificateRevoked | Fault::CertificateInvalid => {
                    Cause::BackendTlsUntrusted
                }
                Fault::CertificateForAnotherName => Cause::BackendTlsName,
                Fault::CertificateExpired => Cause::BackendTlsExpired,
                Fault::CertificateRefused => Cause::BackendTlsRefused,
                Fault::NoCommonVersion
                | Fault::NoCommonCipher
                | Fault::CertificateMissing
                | Fault::RefusedByPeer
                | Fault::RecordInvalid
                | Fault::DecryptionFailed
                | Fault::Internal => Cause::BackendTlsFailed,
            },
        }
    }

    /// The error with a sentence that names the node and the configuration key to change.
    fn dial_error(self, cluster: &BackendCluster, to: &HostPort) -> DialError {
        let tls = format!("backend_clusters[{}].tls", cluster.name);
        let has_identity = cluster.tls.as_ref().is_some_and(|tls| tls.client_identity.is_some());
        let what = match self {
            TlsProblem::Late => "the connection was accepted, and the TLS handshake was not done in time".to_owned(),
            TlsProblem::NotTls => format!(
                "it speaks no TLS there: write a port of the node's that does in bootstrap_servers, and have the nodes \
                 advertise one, or remove {tls}"
            ),
            TlsProblem::Ended => "the connection ended in the middle of the TLS handshake".to_owned(),
            TlsProblem::Fault(Fault::CertificateUntrusted) => format!(
                "its certificate is signed by none of the authorities of {tls}.ca_bundle, or of this machine where that is \
                 left out: add the authority's certificate there"
            ),
            TlsProblem::Fault(Fault::CertificateInvalid) => {
                "its certificate is broken, for another purpose, or an authority's own (as self-signed ones often are): give \
                 the node one that an authority has signed for a server"
                    .to_owned()
            }
            TlsProblem::Fault(Fault::CertificateForAnotherName) => format!(
                "its certificate does not cover the name {}: have the node advertise a host that its certificate covers, or \
                 give it a certificate for this one",
                to.host
            ),
            TlsProblem::Fault(Fault::CertificateExpired) => {
                "its certificate has expired, or is not valid yet: renew it, or look at this machine's clock".to_owned()
            }
            TlsProblem::Fault(Fault::CertificateRefused) if has_identity => format!(
                "it refuses the certificate of {tls}.client_identity: the node must believe its issuer, and it must be valid"
            ),
            TlsProblem::Fault(Fault::CertificateRefused) => {
                format!("it wants a client's certificate: write {tls}.client_identity")
            }
            TlsProblem::Fault(Fault::NoCommonVersion) => format!("no version of TLS in common: see {tls}.tls_versions"),
            TlsProblem::Fault(Fault::NoCommonCipher) => {
                "no cipher suite, key exchange or signature scheme in common".to_owned()
            }
            TlsProblem::Fault(
                fault @ (Fault::CertificateMissing
                | Fault::CertificateRevoked
                | Fault::RefusedByPeer
                | Fault::RecordInvalid
                | Fault::DecryptionFailed
                | Fault::Internal),
            ) => format!("TLS failed ({fault})"),
        };
        DialError { cause: self.cause(), message: format!("{to}: {what}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> BackendCluster {
        let file = b"backend_clusters: [{name: lab, bootstrap_servers: [\"kafka:9093\"]}]\nlisteners: [{name: desk, addresses: \
                     [\"127.0.0.1\"], ports: [\"1-9\"], policies: [{type: forward_to_virtual_cluster, config: {type: port_mapping, \
                     advertised_host: here}}]}]\n";
        let read = crate::config::load_bytes(std::path::Path::new("klamm.yaml"), file);
        read.unwrap_or_else(|faults| panic!("{faults}")).backend_clusters.remove(0)
    }

    fn error(fault: Fault) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, fault)
    }

    #[test]
    fn each_fault_names_the_node_and_most_the_field() {
        let to: HostPort = "kafka:9093".parse().unwrap();
        for (problem, cause, part) in [
            (
                TlsProblem::of(&error(Fault::CertificateUntrusted), true),
                Cause::BackendTlsUntrusted,
                "[lab].tls.ca_bundle",
            ),
            (TlsProblem::of(&error(Fault::CertificateForAnotherName), true), Cause::BackendTlsName, "the name kafka:"),
            (TlsProblem::of(&error(Fault::CertificateInvalid), true), Cause::BackendTlsUntrusted, "self-signed"),
            (TlsProblem::of(&error(Fault::CertificateExpired), true), Cause::BackendTlsExpired, "has expired"),
            (
                TlsProblem::of(&error(Fault::CertificateRefused), true),
                Cause::BackendTlsRefused,
                "[lab].tls.client_identity",
            ),
            (TlsProblem::of(&error(Fault::NoCommonVersion), false), Cause::BackendTlsFailed, "[lab].tls.tls_versions"),
            (
                TlsProblem::of(&error(Fault::RecordInvalid), false),
                Cause::BackendNotTls,
                "remove backend_clusters[lab].tls",
            ),
            (TlsProblem::of(&error(Fault::RecordInvalid), true), Cause::BackendTlsFailed, "tls_record_invalid"),
            (TlsProblem::of(&io::ErrorKind::UnexpectedEof.into(), false), Cause::BackendNotTls, "speaks no TLS"),
            (TlsProblem::of(&io::ErrorKind::ConnectionReset.into(), true), Cause::BackendTlsFailed, "in the middle"),
            (TlsProblem::Late, Cause::BackendTlsDeadline, "in time"),
        ] {
            let error = problem.dial_error(&cluster(), &to);
            assert!(error.message.starts_with("kafka:9093: ") && error.message.contains(part), "{error}");
            assert_eq!(error.cause, cause, "{error}");
        }
    }

    #[test]
    fn a_connection_that_breaks_later_has_a_cause_of_its_own_where_tls_broke_it() {
        assert_eq!(cause_of_error(&error(Fault::CertificateRefused)), Cause::BackendTlsRefused);
        assert_eq!(cause_of_error(&error(Fault::DecryptionFailed)), Cause::BackendTlsFailed);
        assert_eq!(cause_of_error(&io::ErrorKind::ConnectionReset.into()), Cause::BackendReset);
    }
}
