//! Why a node could not be reached: a close cause for the session, a sentence for the log.

use std::fmt;

use crate::cluster::NodeId;
use crate::metrics::Cause;

/// Why a node, or a backend cluster, could not be reached, or did not answer as it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DialError {
    /// The close cause of a session that needed it.
    pub cause: Cause,
    /// Names the node; where the configuration is wrong, the field.
    pub message: String,
}

impl DialError {
    /// With the cause `BackendUnavailable`.
    pub fn unavailable(message: impl Into<String>) -> DialError {
        DialError { cause: Cause::BackendUnavailable, message: message.into() }
    }

    /// All of them as one, with the most specific cause.
    pub fn all(errors: &[DialError]) -> DialError {
        let messages: Vec<&str> = errors.iter().map(|error| &*error.message).collect();
        DialError { cause: most_specific(errors.iter().map(|error| error.cause)), message: messages.join("; ") }
    }
}

/// What the last attempt to refresh a catalogue failed to reach, for sessions that wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Why the attempt failed as a whole.
    pub(super) all: Option<Cause>,
    /// Nodes that could not be asked.
    pub(super) nodes: Vec<(NodeId, Cause)>,
}

impl Failures {
    /// The close cause of a session for which there was no node.
    pub(super) fn cause(&self) -> Cause {
        self.all.unwrap_or_else(|| most_specific(self.nodes.iter().map(|(_, cause)| *cause)))
    }

    /// The close cause of a session that needed this node.
    pub(super) fn of(&self, id: NodeId) -> Cause {
        let of_node = self.nodes.iter().find(|(node, _)| *node == id).map(|(_, cause)| *cause);
        of_node.or(self.all).unwrap_or(Cause::BackendUnavailable)
    }
}

/// The first that is more specific than `BackendUnavailable`.
fn most_specific(mut causes: impl Iterator<Item = Cause>) -> Cause {
    causes.find(|cause| *cause != Cause::BackendUnavailable).unwrap_or(Cause::BackendUnavailable)
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_cause_is_taken_and_all_messages_are_joined() {
        let tls = DialError { cause: Cause::BackendTlsName, message: "a: name".to_owned() };
        let down = DialError::unavailable("b: refused");
        let both = DialError::all(&[down.clone(), tls]);
        assert_eq!((both.cause, &*both.message), (Cause::BackendTlsName, "b: refused; a: name"));
        assert_eq!(DialError::all(&[down]).cause, Cause::BackendUnavailable);
        let nodes = vec![(NodeId(1), Cause::BackendUnavailable), (NodeId(2), Cause::BackendTlsExpired)];
        let failures = Failures { all: None, nodes };
        assert_eq!(failures.cause(), Cause::BackendTlsExpired);
        let of = [1, 2, 3].map(|id| failures.of(NodeId(id)));
        assert_eq!(of, [Cause::BackendUnavailable, Cause::BackendTlsExpired, Cause::BackendUnavailable]);
        assert_eq!(Failures { all: Some(Cause::BackendNotTls), ..failures }.cause(), Cause::BackendNotTls);
    }
}
