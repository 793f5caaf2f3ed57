//! TLS with a node: the handshake, and what its faults mean for whoever must repair them.
//!
//! Owns the sentences, each with the field of the configuration that it is about. May not dial.

use std::io;
use std::time::Instant;

use super::sides::OwnSide;
use super::unreached::Unreached;
use super::{Backend, Upstream};
use crate::cluster::HostPort;
use crate::config::BackendCluster;
use crate::metrics::{Cause, Numbers};
use crate::net::Socket;
use crate::tls::{Fault, Pump};

/// Hosts whose faults are remembered: more than these are told again.
const TOLD_MAX: usize = 1024;

impl Upstream {
    /// Speaks TLS from now on, where the backend cluster does: the certificate must cover the very host that was dialled.
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
    ) -> Result<Socket, Unreached> {
        let Some(side) = backend.side.borrow().as_ref().map(OwnSide::own) else { return Ok(socket) };
        let outcome = match Pump::backend(side.config, &to.host) {
            Ok(pump) => {
                socket.begin_tls(pump, Vec::new());
                self.net.until(deadline, socket.handshake()).await
            }
            Err(fault) => Some(Err(io::Error::new(io::ErrorKind::InvalidData, fault))),
        };
        let problem = match outcome {
            Some(Ok(())) => {
                let resumed = socket.tls().is_some_and(|pump| pump.is_resumed());
                let numbers = &self.numbers;
                Numbers::count(
                    if resumed {
                        &numbers.backend_tls_handshakes_resumed
                    } else {
                        &numbers.backend_tls_handshakes_full
                    },
                    1,
                );
                backend.told.borrow_mut().remove(to);
                return Ok(socket);
            }
            None => Problem::Late,
            Some(Err(error)) => Problem::of(&error, socket.tls().is_some_and(|pump| pump.version().is_some())),
        };
        Numbers::count(&self.numbers.backend_tls_handshake_failures, 1);
        let unreached = problem.told(&backend.shared.config, to);
        tell_once(backend, to, &unreached);
        Err(unreached)
    }

    /// What it means that a connection with a node, on which the handshake was done, broke with `error`. A TLS 1.3 server
    /// looks at our certificate only then.
    pub(super) fn broken(&self, backend: &Backend, to: &HostPort, error: &io::Error) -> Unreached {
        match Fault::inside(error) {
            Some(_) => {
                let unreached = Problem::of(error, true).told(&backend.shared.config, to);
                tell_once(backend, to, &unreached);
                unreached
            }
            None => Unreached::plain(format!("{to}: {error}")),
        }
    }
}

/// A warning when a host fails otherwise than the last time.
fn tell_once(backend: &Backend, to: &HostPort, unreached: &Unreached) {
    let mut told = backend.told.borrow_mut();
    if told.len() >= TOLD_MAX {
        told.clear();
    }
    if told.insert(to.clone(), unreached.cause) != Some(unreached.cause) {
        let backend_cluster = &*backend.shared.config.name;
        tracing::warn!(backend_cluster, cause = unreached.cause.label(), "{unreached}");
    }
}

/// The cause with which a session is closed whose backend connection broke with `error`.
pub fn broken_cause(error: &io::Error) -> Cause {
    match Fault::inside(error) {
        Some(fault) => Problem::Fault(fault).cause(),
        None => Cause::BackendReset,
    }
}

/// What kept a handshake from being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Late,
    /// No byte of TLS came.
    NotTls,
    /// The connection ended, or broke, in the middle.
    Ended,
    Fault(Fault),
}

impl Problem {
    /// `answered`: the other side has begun to speak TLS.
    fn of(error: &io::Error, answered: bool) -> Problem {
        match Fault::inside(error) {
            Some(Fault::RecordInvalid) if !answered => Problem::NotTls,
            Some(fault) => Problem::Fault(fault),
            // A Kafka that expects plain requests takes a hello for a length that cannot be, and says nothing.
            None if !answered => Problem::NotTls,
            None => Problem::Ended,
        }
    }

    fn cause(self) -> Cause {
        match self {
            Problem::Late => Cause::BackendTlsDeadline,
            Problem::NotTls => Cause::BackendNotTls,
            Problem::Ended => Cause::BackendTlsFailed,
            Problem::Fault(fault) => match fault {
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

    /// A sentence for whoever must repair it.
    fn told(self, cluster: &BackendCluster, to: &HostPort) -> Unreached {
        let tls = format!("backend_clusters[{}].tls", cluster.name);
        let has_identity = cluster.tls.as_ref().is_some_and(|tls| tls.client_identity.is_some());
        let what = match self {
            Problem::Late => "the connection was taken, and no TLS handshake was done in time".to_owned(),
            Problem::NotTls => format!(
                "it speaks no TLS there: write a port of the node's that does in bootstrap_servers, and have the nodes \
                 advertise one, or remove {tls}"
            ),
            Problem::Ended => "the connection ended in the middle of the TLS handshake".to_owned(),
            Problem::Fault(Fault::CertificateUntrusted) => format!(
                "its certificate is signed by none of the authorities of {tls}.ca_bundle, or of this machine where that is \
                 left out: add the authority's certificate there"
            ),
            Problem::Fault(Fault::CertificateInvalid) => {
                "its certificate is broken, for another purpose, or an authority's own (as self-signed ones often are): give \
                 the node one that an authority has signed for a server"
                    .to_owned()
            }
            Problem::Fault(Fault::CertificateForAnotherName) => format!(
                "its certificate does not cover the name {}: have the node advertise a host that its certificate covers, or \
                 give it a certificate for this one",
                to.host
            ),
            Problem::Fault(Fault::CertificateExpired) => {
                "its certificate has expired, or is not valid yet: renew it, or look at this machine's clock".to_owned()
            }
            Problem::Fault(Fault::CertificateRefused) if has_identity => format!(
                "it refuses the certificate of {tls}.client_identity: the node must believe its issuer, and it must be valid"
            ),
            Problem::Fault(Fault::CertificateRefused) => {
                format!("it wants a client's certificate: write {tls}.client_identity")
            }
            Problem::Fault(Fault::NoCommonVersion) => format!("no version of TLS in common: see {tls}.tls_versions"),
            Problem::Fault(Fault::NoCommonCipher) => {
                "no cipher suite, key exchange or signature scheme in common".to_owned()
            }
            Problem::Fault(
                fault @ (Fault::CertificateMissing
                | Fault::CertificateRevoked
                | Fault::RefusedByPeer
                | Fault::RecordInvalid
                | Fault::DecryptionFailed
                | Fault::Internal),
            ) => format!("TLS failed ({fault})"),
        };
        Unreached { cause: self.cause(), message: format!("{to}: {what}") }
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
            (Problem::of(&error(Fault::CertificateUntrusted), true), Cause::BackendTlsUntrusted, "[lab].tls.ca_bundle"),
            (Problem::of(&error(Fault::CertificateForAnotherName), true), Cause::BackendTlsName, "the name kafka:"),
            (Problem::of(&error(Fault::CertificateInvalid), true), Cause::BackendTlsUntrusted, "self-signed"),
            (Problem::of(&error(Fault::CertificateExpired), true), Cause::BackendTlsExpired, "has expired"),
            (
                Problem::of(&error(Fault::CertificateRefused), true),
                Cause::BackendTlsRefused,
                "[lab].tls.client_identity",
            ),
            (Problem::of(&error(Fault::NoCommonVersion), false), Cause::BackendTlsFailed, "[lab].tls.tls_versions"),
            (
                Problem::of(&error(Fault::RecordInvalid), false),
                Cause::BackendNotTls,
                "remove backend_clusters[lab].tls",
            ),
            (Problem::of(&error(Fault::RecordInvalid), true), Cause::BackendTlsFailed, "tls_record_invalid"),
            (Problem::of(&io::ErrorKind::UnexpectedEof.into(), false), Cause::BackendNotTls, "speaks no TLS"),
            (Problem::of(&io::ErrorKind::ConnectionReset.into(), true), Cause::BackendTlsFailed, "in the middle"),
            (Problem::Late, Cause::BackendTlsDeadline, "in time"),
        ] {
            let told = problem.told(&cluster(), &to);
            assert!(told.message.starts_with("kafka:9093: ") && told.message.contains(part), "{told}");
            assert_eq!(told.cause, cause, "{told}");
        }
    }

    #[test]
    fn a_connection_that_breaks_later_has_a_cause_of_its_own_where_tls_broke_it() {
        assert_eq!(broken_cause(&error(Fault::CertificateRefused)), Cause::BackendTlsRefused);
        assert_eq!(broken_cause(&error(Fault::DecryptionFailed)), Cause::BackendTlsFailed);
        assert_eq!(broken_cause(&io::ErrorKind::ConnectionReset.into()), Cause::BackendReset);
    }
}
