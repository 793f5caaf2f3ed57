//! What went wrong in a handshake or with a record, as a cause of its own each.

use std::{fmt, io};

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// A counted cause. The other side's faults are distinguished from ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The other side speaks no version of TLS that is served.
    NoCommonVersion,
    /// No cipher suite, key exchange or signature scheme in common, or no certificate that the client can verify.
    NoCommonCipher,
    /// A client certificate is required and none came.
    CertificateMissing,
    /// The certificate has another issuer than those believed.
    CertificateUntrusted,
    /// The certificate has expired, or is not valid yet.
    CertificateExpired,
    /// The certificate was revoked, or no list says that it was not.
    CertificateRevoked,
    /// The certificate is for another name.
    CertificateForAnotherName,
    /// The certificate is broken, or for another purpose.
    CertificateInvalid,
    /// The other side refused the certificate that we showed, or that we showed none.
    CertificateRefused,
    /// The other side sent another alert: it refused us.
    RefusedByPeer,
    /// A record or message that cannot be.
    RecordInvalid,
    /// Bytes that do not decrypt.
    DecryptionFailed,
    /// Something else, which the log describes.
    Internal,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 13] = [
        Fault::NoCommonVersion,
        Fault::NoCommonCipher,
        Fault::CertificateMissing,
        Fault::CertificateUntrusted,
        Fault::CertificateExpired,
        Fault::CertificateRevoked,
        Fault::CertificateForAnotherName,
        Fault::CertificateInvalid,
        Fault::CertificateRefused,
        Fault::RefusedByPeer,
        Fault::RecordInvalid,
        Fault::DecryptionFailed,
        Fault::Internal,
    ];

    /// The cause in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Fault::NoCommonVersion => "tls_no_common_version",
            Fault::NoCommonCipher => "tls_no_common_cipher",
            Fault::CertificateMissing => "tls_certificate_missing",
            Fault::CertificateUntrusted => "tls_certificate_untrusted",
            Fault::CertificateExpired => "tls_certificate_expired",
            Fault::CertificateRevoked => "tls_certificate_revoked",
            Fault::CertificateForAnotherName => "tls_certificate_for_another_name",
            Fault::CertificateInvalid => "tls_certificate_invalid",
            Fault::CertificateRefused => "tls_certificate_refused",
            Fault::RefusedByPeer => "tls_refused_by_peer",
            Fault::RecordInvalid => "tls_record_invalid",
            Fault::DecryptionFailed => "tls_decryption_failed",
            Fault::Internal => "tls_internal",
        }
    }

    /// The fault inside an error of a socket; `None` where it is the socket's own.
    pub fn inside(error: &io::Error) -> Option<Fault> {
        error.get_ref()?.downcast_ref().copied()
    }

    /// The cause of an error of rustls.
    pub fn of(error: &Error) -> Fault {
        match error {
            Error::PeerIncompatible(reason) => incompatible(reason),
            Error::NoCertificatesPresented => Fault::CertificateMissing,
            Error::InvalidCertificate(reason) => certificate(reason),
            Error::InvalidCertRevocationList(_) => Fault::CertificateRevoked,
            Error::AlertReceived(AlertDescription::ProtocolVersion) => Fault::NoCommonVersion,
            Error::AlertReceived(AlertDescription::HandshakeFailure) => Fault::NoCommonCipher,
            Error::AlertReceived(alert) if is_of_certificate(*alert) => Fault::CertificateRefused,
            Error::AlertReceived(_) => Fault::RefusedByPeer,
            Error::DecryptError => Fault::DecryptionFailed,
            Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::PeerMisbehaved(_)
            | Error::PeerSentOversizedRecord => Fault::RecordInvalid,
            // What rustls returns where the certificate resolver finds nothing: the signature schemes that the resolver is given
            // are those that go with the client's cipher suites.
            Error::General(text) if text.contains("no server certificate chain resolved") => Fault::NoCommonCipher,
            _ => Fault::Internal,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl std::error::Error for Fault {}

fn incompatible(reason: &PeerIncompatible) -> Fault {
    match reason {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        // Came with TLS 1.2, and is asked for by rustls before it looks at the version.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => Fault::NoCommonVersion,
        PeerIncompatible::NoCipherSuitesInCommon
        | PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoEcPointFormatsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired => Fault::NoCommonCipher,
        _ => Fault::RecordInvalid,
    }
}

/// RFC 8446, 6.2: alerts about a certificate. Servers that know `certificate_required` send it where none came, others
/// send `bad_certificate`.
fn is_of_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

fn certificate(reason: &CertificateError) -> Fault {
    match reason {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Fault::CertificateUntrusted,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Fault::CertificateExpired,
        CertificateError::Revoked
        | CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => Fault::CertificateRevoked,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Fault::CertificateForAnotherName
        }
        _ => Fault::CertificateInvalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_label_of_its_own() {
        for (at, fault) in Fault::ALL.iter().enumerate() {
            assert!(fault.label().starts_with("tls_"));
            assert!(Fault::ALL.iter().skip(at + 1).all(|other| other.label() != fault.label()));
        }
    }
}
