//! The close cause that an error of a client's connection is logged and counted with.

use std::io;

use crate::metrics::Cause;
use crate::tls::{Fault, HelloFault};

/// The cause of an error in reading or writing.
pub(super) fn of_client_error(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::OutOfMemory => Cause::MemoryBudget,
        _ => Fault::inside(error).map_or(Cause::ClientReset, of_tls_fault),
    }
}

/// The cause of a handshake that failed.
pub(super) fn of_handshake_error(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Cause::TlsHandshakeCut,
        _ => of_client_error(error),
    }
}

/// The cause of bytes that are not a valid ClientHello.
pub(super) fn of_hello_fault(fault: HelloFault) -> Cause {
    match fault {
        HelloFault::TooLong => Cause::TlsHelloTooLong,
        HelloFault::NotTls
        | HelloFault::RecordLength
        | HelloFault::Interrupted
        | HelloFault::NotAHello
        | HelloFault::Malformed
        | HelloFault::ServerName => Cause::TlsHelloMalformed,
    }
}

/// The cause of a TLS fault on the connection with a client.
pub(super) fn of_tls_fault(fault: Fault) -> Cause {
    match fault {
        Fault::NoCommonVersion => Cause::TlsNoCommonVersion,
        Fault::NoCommonCipher => Cause::TlsNoCommonCipher,
        Fault::CertificateMissing => Cause::TlsCertificateMissing,
        Fault::CertificateUntrusted => Cause::TlsCertificateUntrusted,
        Fault::CertificateExpired => Cause::TlsCertificateExpired,
        Fault::CertificateRevoked => Cause::TlsCertificateRevoked,
        // A client certificate is not compared with a host name.
        Fault::CertificateForAnotherName | Fault::CertificateInvalid => Cause::TlsCertificateInvalid,
        Fault::CertificateRefused | Fault::RefusedByPeer => Cause::TlsRefusedByClient,
        Fault::RecordInvalid => Cause::TlsRecordInvalid,
        Fault::DecryptionFailed => Cause::TlsDecryptionFailed,
        Fault::Internal => Cause::TlsInternal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_the_cause_of_its_own_name() {
        for fault in Fault::ALL {
            let expected = match fault {
                Fault::CertificateForAnotherName => "tls_certificate_invalid",
                Fault::CertificateRefused | Fault::RefusedByPeer => "tls_refused_by_client",
                fault => fault.label(),
            };
            assert_eq!(of_tls_fault(fault).label(), expected);
            let error = io::Error::new(io::ErrorKind::InvalidData, fault);
            let cause = of_tls_fault(fault);
            assert_eq!((of_client_error(&error), of_handshake_error(&error)), (cause, cause));
        }
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!((of_client_error(&reset), of_handshake_error(&reset)), (Cause::ClientReset, Cause::ClientReset));
    }
}
