//! Who a client is: the identity of a connection, with its proof.
//!
//! Owns what an identity is. May not do I/O, read a clock, see a topic, or log a secret.

use std::borrow::Cow;

/// Who is on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name, as Kafka has it behind `User:`.
    pub principal: Cow<'static, str>,
    /// How it was proven.
    pub proof: Proof,
    /// The last second of the proof's validity, in Unix time; `None`: it holds as long as the connection.
    pub until: Option<i64>,
}

/// How an identity was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Not at all: anybody may be it.
    Anonymous,
    /// By a certificate in the TLS handshake.
    ClientCertificate,
}

impl Identity {
    /// Whoever has proven nothing; Kafka has the same name for it.
    pub const ANONYMOUS: Identity =
        Identity { principal: Cow::Borrowed("ANONYMOUS"), proof: Proof::Anonymous, until: None };

    /// The client whose certificate, valid until `not_after` (in Unix time), stands for this principal.
    pub fn of_certificate(principal: String, not_after: i64) -> Identity {
        Identity { principal: principal.into(), proof: Proof::ClientCertificate, until: Some(not_after) }
    }

    /// The principal, where it was proven.
    pub fn proven_principal(&self) -> Option<&str> {
        match self.proof {
            Proof::Anonymous => None,
            Proof::ClientCertificate => Some(&self.principal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_anonymous_by_proof_even_under_that_name() {
        let named = Identity::of_certificate("ANONYMOUS".into(), 1);
        assert_eq!((named.proven_principal(), named.until), (Some("ANONYMOUS"), Some(1)));
        assert_eq!((Identity::ANONYMOUS.proven_principal(), Identity::ANONYMOUS.until), (None, None));
        assert_ne!(named, Identity::ANONYMOUS);
    }
}
