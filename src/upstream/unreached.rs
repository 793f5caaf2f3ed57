//! Why a node was not reached: a cause for the session, a sentence for people.

use std::fmt;

use crate::cluster::NodeId;
use crate::metrics::Cause;

/// Why a node, or a backend cluster, was not reached, or did not answer as it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreached {
    /// With which a session is closed that wanted it.
    pub cause: Cause,
    /// Names the node; where the configuration is wrong, the field.
    pub message: String,
}

impl Unreached {
    /// Without a cause of its own.
    pub fn plain(message: impl Into<String>) -> Unreached {
        Unreached { cause: Cause::BackendUnavailable, message: message.into() }
    }

    /// All of them as one: the first cause that says more than that nothing was reached.
    pub fn all(errors: &[Unreached]) -> Unreached {
        let messages: Vec<&str> = errors.iter().map(|error| &*error.message).collect();
        Unreached { cause: telling(errors.iter().map(|error| error.cause)), message: messages.join("; ") }
    }
}

/// What the last attempt to refresh a catalogue failed to reach, for sessions that wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Why nothing was learnt at all.
    pub(super) all: Option<Cause>,
    /// Nodes that could not be asked.
    pub(super) nodes: Vec<(NodeId, Cause)>,
}

impl Failures {
    /// With which a session is closed for which there was no node.
    pub(super) fn cause(&self) -> Cause {
        self.all.unwrap_or_else(|| telling(self.nodes.iter().map(|(_, cause)| *cause)))
    }

    /// With which a session is closed that wanted this node.
    pub(super) fn of(&self, id: NodeId) -> Cause {
        let of_node = self.nodes.iter().find(|(node, _)| *node == id).map(|(_, cause)| *cause);
        of_node.or(self.all).unwrap_or(Cause::BackendUnavailable)
    }
}

/// The first that says more than that nothing was reached.
fn telling(mut causes: impl Iterator<Item = Cause>) -> Cause {
    causes.find(|cause| *cause != Cause::BackendUnavailable).unwrap_or(Cause::BackendUnavailable)
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_more_is_the_cause_and_all_is_said() {
        let tls = Unreached { cause: Cause::BackendTlsName, message: "a: name".to_owned() };
        let down = Unreached::plain("b: refused");
        let both = Unreached::all(&[down.clone(), tls]);
        assert_eq!((both.cause, &*both.message), (Cause::BackendTlsName, "b: refused; a: name"));
        assert_eq!(Unreached::all(&[down]).cause, Cause::BackendUnavailable);
        let nodes = vec![(NodeId(1), Cause::BackendUnavailable), (NodeId(2), Cause::BackendTlsExpired)];
        let failures = Failures { all: None, nodes };
        assert_eq!(failures.cause(), Cause::BackendTlsExpired);
        let of = [1, 2, 3].map(|id| failures.of(NodeId(id)));
        assert_eq!(of, [Cause::BackendUnavailable, Cause::BackendTlsExpired, Cause::BackendUnavailable]);
        assert_eq!(Failures { all: Some(Cause::BackendNotTls), ..failures }.cause(), Cause::BackendNotTls);
    }
}
