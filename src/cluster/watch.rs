//! Topics of a virtual cluster that its additional ones hide, where that is to be told.
//!
//! A topic `<prefix>orders` of the backend is seen by nobody while `orders` means an additional topic. Names are mapped by
//! the configuration alone, so that this changes nothing on the wire: somebody must be told.

use std::sync::Arc;

use super::namespace::{Mode, Namespace, is_topic_name, matches_glob};

/// The additional topics of a virtual cluster that tell what they hide (`conflict: warn`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warned {
    /// Those that were named one by one, as clients say them.
    pub exact: Vec<Box<str>>,
    /// Globs.
    pub globs: Vec<Box<str>>,
}

impl Warned {
    /// None tells.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.globs.is_empty()
    }
}

/// What is looked for on a backend cluster for one virtual cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Its name.
    pub virtual_cluster: Arc<str>,
    /// Its names.
    pub names: Arc<Namespace>,
    /// Which of them tell.
    pub warned: Warned,
}

impl Watch {
    /// What may be hidden can be found in a list of all topics alone.
    pub fn needs_all_topics(&self) -> bool {
        !self.warned.globs.is_empty()
    }

    /// The backend's names of topics that the exact ones would hide.
    pub fn candidates(&self) -> impl Iterator<Item = String> {
        let before = match self.names.mode {
            Mode::HidePrefix => &*self.names.prefix,
            Mode::EnforcePrefix | Mode::Open => "",
        };
        let physical = self.warned.exact.iter().map(move |shown| format!("{before}{shown}"));
        physical.filter(|name| is_topic_name(name.as_bytes()) && self.hides(name))
    }

    /// Whether this topic of the backend is one that is hidden, by a name or a glob that tells.
    pub fn hides(&self, physical: &str) -> bool {
        let Some(name) = self.names.hidden_out(physical.as_bytes()) else { return false };
        let among = |shown: &str| shown.as_bytes() == name;
        if self.names.topics.exact.iter().any(|exact| among(&exact.shown)) {
            return self.warned.exact.iter().any(|shown| among(shown));
        }
        self.warned.globs.iter().any(|glob| matches_glob(glob.as_bytes(), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Additional, Exact};

    fn watch(mode: Mode) -> Watch {
        let exact = |physical: &str, shown: &str| Exact { physical: physical.into(), shown: shown.into() };
        let long = "n".repeat(248);
        let names = Namespace {
            mode,
            prefix: "a.".into(),
            topics: Additional {
                exact: vec![
                    exact("orders", "all-orders"),
                    exact("logs", "logs"),
                    exact("x", "a.x"),
                    exact(&long, &long),
                ],
                globs: vec!["s-*".into(), "quiet-*".into()],
            },
            groups: Additional::default(),
            aliases: vec![("short".into(), "very-long".into())],
            all_prefixes: ["a.".into(), "s-b.".into()].into(),
        };
        let warned =
            Warned { exact: vec!["all-orders".into(), "a.x".into(), long.into_boxed_str()], globs: vec!["s-*".into()] };
        Watch { virtual_cluster: "a".into(), names: names.into(), warned }
    }

    #[test]
    fn what_is_hidden_is_told_where_that_is_asked_for() {
        let hiding = watch(Mode::HidePrefix);
        assert!(hiding.needs_all_topics());
        // A name that is too long behind the prefix is nobody's.
        assert_eq!(hiding.candidates().collect::<Vec<_>>(), ["a.all-orders", "a.a.x"]);
        for hidden in ["a.all-orders", "a.a.x", "a.s-1", "a.s-"] {
            assert!(hiding.hides(hidden), "{hidden}");
            assert_eq!(hiding.names.topic_out(hidden.as_bytes()), None, "{hidden}");
        }
        // Own and shared ones, those of others, what is hidden and not to be told, what another prefix keeps from the glob.
        for other in ["a.orders", "orders", "s-1", "a.logs", "a.quiet-1", "b.all-orders", "a.s-b.x", "a.", "a.short"] {
            assert!(!hiding.hides(other), "{other}");
        }
        // With the prefix in what clients say, only a name that has it hides another.
        let enforcing = watch(Mode::EnforcePrefix);
        assert_eq!(enforcing.candidates().collect::<Vec<_>>(), ["a.x"]);
        assert!(enforcing.hides("a.x") && enforcing.names.topic_out(b"a.x").is_none());
        for other in ["a.all-orders", "a.s-1", "all-orders", "a.y"] {
            assert!(!enforcing.hides(other), "{other}");
        }
    }
}
