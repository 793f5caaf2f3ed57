//! Shadowed topics: topics of a virtual cluster that no client can see, because an additional topic has their name.
//!
//! A topic `<prefix>orders` of the backend is shadowed while `orders` means an additional topic. Names are mapped by the
//! configuration alone, so that this changes nothing on the wire: it is logged, where `conflict: warn` asks for that.

use std::sync::Arc;

use super::VirtualClusterId;
use super::namespace::{Mode, Namespace, is_topic_name, matches_glob};

/// The additional topics of a virtual cluster with `conflict: warn`: a topic that they shadow is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowWarnings {
    /// Those that were named one by one, by their virtual names.
    pub exact: Vec<Box<str>>,
    /// Globs.
    pub globs: Vec<Box<str>>,
}

impl ShadowWarnings {
    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.globs.is_empty()
    }
}

/// What is looked for on a backend cluster for one virtual cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowCheck {
    /// Its id.
    pub id: VirtualClusterId,
    /// Its name.
    pub virtual_cluster: Arc<str>,
    /// Its names.
    pub names: Arc<Namespace>,
    /// The additional topics that warn.
    pub warnings: ShadowWarnings,
}

impl ShadowCheck {
    /// Shadowed topics can be found only in a list of all topics.
    pub fn needs_all_topics(&self) -> bool {
        !self.warnings.globs.is_empty()
    }

    /// The physical names of topics that the exact ones would shadow.
    pub fn candidates(&self) -> impl Iterator<Item = String> {
        let before = match self.names.mode {
            Mode::HidePrefix => &*self.names.prefix,
            Mode::EnforcePrefix | Mode::Open => "",
        };
        let physical = self.warnings.exact.iter().map(move |virtual_name| format!("{before}{virtual_name}"));
        physical.filter(|name| is_topic_name(name.as_bytes()) && self.shadows(name))
    }

    /// Whether this topic of the backend is shadowed by a name or a glob that warns.
    pub fn shadows(&self, physical: &str) -> bool {
        let Some(name) = self.names.shadowed_out(physical.as_bytes()) else { return false };
        let is_it = |virtual_name: &str| virtual_name.as_bytes() == name;
        if self.names.topics.exact.iter().any(|exact| is_it(&exact.virtual_name)) {
            return self.warnings.exact.iter().any(|virtual_name| is_it(virtual_name));
        }
        self.warnings.globs.iter().any(|glob| matches_glob(glob.as_bytes(), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Additional, Exact};

    fn check(mode: Mode) -> ShadowCheck {
        let exact =
            |physical: &str, virtual_name: &str| Exact { physical: physical.into(), virtual_name: virtual_name.into() };
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
        let warnings = ShadowWarnings {
            exact: vec!["all-orders".into(), "a.x".into(), long.into_boxed_str()],
            globs: vec!["s-*".into()],
        };
        ShadowCheck { id: VirtualClusterId::of("a"), virtual_cluster: "a".into(), names: names.into(), warnings }
    }

    #[test]
    fn there_are_warnings_where_there_is_one_of_either_kind() {
        let (exact, globs) = (vec!["a".into()], vec!["a*".into()]);
        assert!(ShadowWarnings::default().is_empty());
        assert!(!ShadowWarnings { exact, ..Default::default() }.is_empty());
        assert!(!ShadowWarnings { globs, ..Default::default() }.is_empty());
    }

    #[test]
    fn shadowed_topics_are_found_where_a_warning_is_wanted() {
        let hiding = check(Mode::HidePrefix);
        assert!(hiding.needs_all_topics());
        // A name that is too long behind the prefix is nobody's.
        assert_eq!(hiding.candidates().collect::<Vec<_>>(), ["a.all-orders", "a.a.x"]);
        for hidden in ["a.all-orders", "a.a.x", "a.s-1", "a.s-", "a.s-b.x"] {
            assert!(hiding.shadows(hidden), "{hidden}");
            assert_eq!(hiding.names.topic_out(hidden.as_bytes()), None, "{hidden}");
        }
        // Own and shared ones, those of others, what is shadowed without a warning.
        for other in ["a.orders", "orders", "s-1", "a.logs", "a.quiet-1", "b.all-orders", "s-b.x", "a.", "a.short"] {
            assert!(!hiding.shadows(other), "{other}");
        }
        // With the prefix in virtual names, only a name that has it shadows another.
        let enforcing = check(Mode::EnforcePrefix);
        assert_eq!(enforcing.candidates().collect::<Vec<_>>(), ["a.x"]);
        assert!(enforcing.shadows("a.x") && enforcing.names.topic_out(b"a.x").is_none());
        for other in ["a.all-orders", "a.s-1", "all-orders", "a.y"] {
            assert!(!enforcing.shadows(other), "{other}");
        }
    }
}
