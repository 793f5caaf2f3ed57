//! Why a client connection was closed. A cause's label is the metric's label, the log's field and what tests expect.

/// Whose fault a close is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody's: an ordinary end.
    None,
    /// The client's.
    Client,
    /// The backend's.
    Backend,
    /// This machine's: a limit, a lack, a bug.
    Gateway,
}

impl Fault {
    /// The word in logs and tables.
    pub const fn label(self) -> &'static str {
        match self {
            Fault::None => "none",
            Fault::Client => "client",
            Fault::Backend => "backend",
            Fault::Gateway => "gateway",
        }
    }
}

macro_rules! causes {
    ($(#[doc = $meaning:literal] $name:ident $label:literal $fault:ident;)*) => {
        /// Why a client connection was closed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Cause { $(#[doc = $meaning] $name),* }

        impl Cause {
            /// All causes, in the order of their numbers.
            pub const ALL: &'static [Cause] = &[$(Cause::$name),*];

            /// The label in metrics and logs.
            pub const fn label(self) -> &'static str {
                match self { $(Cause::$name => $label),* }
            }

            /// Whose fault it is.
            pub const fn fault(self) -> Fault {
                match self { $(Cause::$name => Fault::$fault),* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Cause::$name => $meaning.trim_ascii()),* }
            }
        }
    };
}

causes! {
    /// The client ended the connection between two requests.
    ClientClosed "client_closed" None;
    /// The client's connection was reset.
    ClientReset "client_reset" Client;
    /// The client ended the connection in the middle of a request.
    RequestCut "request_cut" Client;
    /// Nothing came within the first-byte deadline.
    FirstByteDeadline "first_byte_deadline" Client;
    /// A request advanced slower than the minimum rate.
    RequestTooSlow "request_too_slow" Client;
    /// Nothing was in flight and nothing came within the idle deadline.
    Idle "idle" None;
    /// The client took no answer bytes within the stalled-write deadline.
    StalledWrite "stalled_write" Client;
    /// A request's length is negative, shorter than a header, or above the limit.
    FrameLength "frame_length" Client;
    /// A TLS record on a plain port.
    TlsOnPlainPort "tls_on_plain_port" Client;
    /// An HTTP request on a Kafka port.
    HttpOnKafkaPort "http_on_kafka_port" Client;
    /// An SSH banner on a Kafka port.
    SshOnKafkaPort "ssh_on_kafka_port" Client;
    /// A PROXY protocol header, which is not served.
    ProxyHeader "proxy_header" Client;
    /// No TLS on a port that serves nothing else.
    PlainOnTlsPort "plain_on_tls_port" Client;
    /// What begins like TLS is no ClientHello, or a broken one.
    TlsHelloMalformed "tls_hello_malformed" Client;
    /// A ClientHello longer than 64 KiB.
    TlsHelloTooLong "tls_hello_too_long" Client;
    /// A ClientHello that was not whole within the hello deadline.
    TlsHelloDeadline "tls_hello_deadline" Client;
    /// A TLS handshake that was not done within the handshake deadline.
    TlsHandshakeDeadline "tls_handshake_deadline" Client;
    /// The client ended the connection in the middle of the TLS handshake.
    TlsHandshakeCut "tls_handshake_cut" Client;
    /// The client asks for no host name, and only host names lead somewhere.
    TlsNoServerName "tls_no_server_name" Client;
    /// The client asks for a host name that is nobody's.
    TlsUnknownServerName "tls_unknown_server_name" Client;
    /// The client speaks no version of TLS that is served.
    TlsNoCommonVersion "tls_no_common_version" Client;
    /// The client has no cipher suite, key exchange or signature scheme that is served.
    TlsNoCommonCipher "tls_no_common_cipher" Client;
    /// A client certificate is required, and none came.
    TlsCertificateMissing "tls_certificate_missing" Client;
    /// The client's certificate has an issuer that is not believed.
    TlsCertificateUntrusted "tls_certificate_untrusted" Client;
    /// The client's certificate has expired, or is not valid yet.
    TlsCertificateExpired "tls_certificate_expired" Client;
    /// The client's certificate was revoked, or no list says that it was not.
    TlsCertificateRevoked "tls_certificate_revoked" Client;
    /// The client's certificate is broken, or for another purpose.
    TlsCertificateInvalid "tls_certificate_invalid" Client;
    /// The client's certificate has no name of which the rules make a principal.
    TlsNoPrincipal "tls_no_principal" Client;
    /// The client refused us with a TLS alert: it does not believe the certificate, mostly.
    TlsRefusedByClient "tls_refused_by_client" Client;
    /// A TLS record or message that cannot be.
    TlsRecordInvalid "tls_record_invalid" Client;
    /// A TLS record that does not decrypt.
    TlsDecryptionFailed "tls_decryption_failed" Client;
    /// TLS failed for a reason of its own.
    TlsInternal "tls_internal" Gateway;
    /// An api key that no Kafka client uses.
    UnknownApi "unknown_api" Client;
    /// An api key of brokers and controllers among themselves.
    InternalApi "internal_api" Client;
    /// A version of a known api key that is not served.
    UnknownVersion "unknown_version" Client;
    /// A request's structure is broken: a count, a length or a depth that cannot be.
    RequestMalformed "request_malformed" Client;
    /// A Produce with acks=0 that must be refused: there is no response to refuse it with.
    RefusedWithoutResponse "refused_without_response" Client;
    /// No catalogue, or no node took the connection, within the connect deadline.
    BackendUnavailable "backend_unavailable" Backend;
    /// The node of this port is not among the backend's nodes.
    NodeUnknown "node_unknown" Backend;
    /// A node's certificate is not believed: of another authority, broken, or for another purpose.
    BackendTlsUntrusted "backend_tls_untrusted" Backend;
    /// A node's certificate is for another name than the node's host.
    BackendTlsName "backend_tls_name" Backend;
    /// A node's certificate has expired, or is not valid yet.
    BackendTlsExpired "backend_tls_expired" Backend;
    /// A node refused Klamm's certificate, or that it showed none.
    BackendTlsRefused "backend_tls_refused" Backend;
    /// A node took the connection, and no TLS handshake was done within the connect deadline.
    BackendTlsDeadline "backend_tls_deadline" Backend;
    /// A node does not speak TLS.
    BackendNotTls "backend_not_tls" Backend;
    /// Any other fault of TLS with a node: no version or cipher in common, a broken record, another alert.
    BackendTlsFailed "backend_tls_failed" Backend;
    /// The backend ended the connection after 10 s or more with nothing on its way, as brokers do with idle ones.
    BackendIdle "backend_idle" None;
    /// The backend ended the connection between two responses.
    BackendClosed "backend_closed" Backend;
    /// The backend's connection was reset.
    BackendReset "backend_reset" Backend;
    /// The backend ended the connection in the middle of a response.
    ResponseCut "response_cut" Backend;
    /// A response's length is impossible.
    ResponseLength "response_length" Backend;
    /// A response's structure is broken.
    ResponseMalformed "response_malformed" Backend;
    /// A response that answers no request, or not the oldest one in flight.
    ResponseUnexpected "response_unexpected" Backend;
    /// A frame that must be held whole is larger than `hold_bytes_max`.
    HeldFrameTooLarge "held_frame_too_large" Gateway;
    /// No listener has the address any more: the configuration has changed since it was opened.
    ListenerGone "listener_gone" None;
    /// The limit of connections was reached.
    ConnectionsMax "connections_max" Gateway;
    /// The limit of connections from one source address was reached.
    SourceConnectionsMax "source_connections_max" Client;
    /// The accept rate was exceeded.
    AcceptRate "accept_rate" Client;
    /// The shard's memory budget is spent, or the machine gives no more memory.
    MemoryBudget "memory_budget" Gateway;
    /// No descriptor was left.
    Descriptors "descriptors" Gateway;
    /// Closed by an orderly drain with nothing in flight.
    Drained "drained" None;
    /// Still in flight when `drain_duration` ended.
    DrainDeadline "drain_deadline" Gateway;
    /// Whether a request may begin was not decided within the connect deadline.
    DecisionDeadline "decision_deadline" Gateway;
    /// A rule of Klamm's own was broken in this session, which no peer can do: please report it.
    Internal "internal" Gateway;
    /// A panic in this session.
    Panic "panic" Gateway;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_labels_are_unique() {
        for (at, cause) in Cause::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, at);
            assert!(Cause::ALL.iter().filter(|other| other.label() == cause.label()).count() == 1);
            assert!(cause.meaning().ends_with('.') && !cause.meaning().starts_with(' '), "{}", cause.meaning());
        }
    }
}
