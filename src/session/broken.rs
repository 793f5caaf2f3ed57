//! What an error of a client's connection is called.

use std::io;

use crate::metrics::Cause;
use crate::tls::{Fault, HelloFault};

/// The cause of an error of reading or writing.
pub(super) fn client(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::OutOfMemory => Cause::MemoryBudget,
        _ => Fault::inside(error).map_or(Cause::ClientReset, of_fault),
    }
}

/// The cause of a handshake that failed.
pub(super) fn handshake(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Cause::TlsHandshakeCut,
        _ => client(error),
    }
}

/// The cause of bytes that are no ClientHello.
pub(super) fn hello(fault: HelloFault) -> Cause {
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

/// The cause of what went wrong on our side of a connection.
pub(super) fn of_fault(fault: Fault) -> Cause {
    match fault {
        Fault::NoCommonVersion => Cause::TlsNoCommonVersion,
        Fault::NoCommonCipher => Cause::TlsNoCommonCipher,
        Fault::CertificateMissing => Cause::TlsCertificateMissing,
        Fault::CertificateUntrusted => Cause::TlsCertificateUntrusted,
        Fault::CertificateExpired => Cause::TlsCertificateExpired,
        Fault::CertificateRevoked => Cause::TlsCertificateRevoked,
        // Clients have no host name that they would have to show.
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
    fn causes_are_called_as_the_faults_are() {
        for fault in Fault::ALL {
            let expected = match fault {
                Fault::CertificateForAnotherName => "tls_certificate_invalid",
                Fault::CertificateRefused | Fault::RefusedByPeer => "tls_refused_by_client",
                fault => fault.label(),
            };
            assert_eq!(of_fault(fault).label(), expected);
            let error = io::Error::new(io::ErrorKind::InvalidData, fault);
            assert_eq!((client(&error), handshake(&error)), (of_fault(fault), of_fault(fault)));
        }
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!((client(&reset), handshake(&reset)), (Cause::ClientReset, Cause::ClientReset));
    }
}
