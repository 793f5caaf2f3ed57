//! Alerts that are sent without a handshake: rustls has no connection yet that could.

/// Why a handshake is refused before rustls sees it; RFC 8446, 6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// What came is not the message that belongs here.
    UnexpectedMessage = 10,
    /// A field has a value that cannot be.
    IllegalParameter = 47,
    /// A length or a structure is broken.
    DecodeError = 50,
    /// No version of TLS that is served.
    ProtocolVersion = 70,
    /// No virtual cluster has the host name that was asked for.
    UnrecognizedName = 112,
}

/// A fatal alert as one record, as every version of TLS reads it before encryption.
pub fn alert_record(alert: Alert) -> [u8; 7] {
    const FATAL: u8 = 2;
    const ALERT: u8 = 21;
    [ALERT, 3, 3, 0, 2, FATAL, alert as u8]
}
