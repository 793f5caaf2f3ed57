//! Free text in responses: what of it a client may read.
//!
//! Backends put physical names into their error messages, those of other virtual clusters included. The error code says
//! what is needed, so that a text is kept only where the code alone would not help.

use crate::cluster::{Mode, Namespace};

/// POLICY_VIOLATION: what it was is told in the text alone.
const POLICY_VIOLATION: i16 = 44;
/// INVALID_CONFIG: which one is told in the text alone.
const INVALID_CONFIG: i16 = 40;

/// The text without the virtual cluster's own prefix; `None`: the client gets none.
pub fn shown(text: &[u8], error: i16, names: &Namespace) -> Option<Vec<u8>> {
    if !matches!(error, POLICY_VIOLATION | INVALID_CONFIG) {
        return None;
    }
    let own = names.prefix.as_bytes();
    if names.mode != Mode::Open && rejected(text, own) {
        return None;
    }
    let hides = names.mode == Mode::HidePrefix;
    let text = if hides { without_prefix(text, own) } else { text.to_vec() };
    let physical = (hides && contains(&text, own))
        || names.all_prefixes.iter().any(|prefix| **prefix != *names.prefix && contains(&text, prefix.as_bytes()));
    (!physical).then_some(text)
}

/// Removes the prefix where a name begins with it: elsewhere it may be the end of another one.
fn without_prefix(text: &[u8], prefix: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut inside = false;
    while let Some((first, behind)) = rest.split_first() {
        match rest.strip_prefix(prefix).filter(|_| !inside && !prefix.is_empty()) {
            Some(behind) => {
                rest = behind;
                inside = true;
            }
            None => {
                shown.push(*first);
                inside = first.is_ascii_alphanumeric() || matches!(first, b'.' | b'_' | b'-');
                rest = behind;
            }
        }
    }
    shown
}

/// A name that we replaced in the request.
fn rejected(text: &[u8], prefix: &[u8]) -> bool {
    let with_slash = prefix.len() + 1;
    text.windows(with_slash).any(|window| window.strip_prefix(prefix) == Some(b"/"))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Additional;

    fn names(mode: Mode) -> Namespace {
        Namespace {
            mode,
            prefix: "a.".into(),
            topics: Additional::default(),
            groups: Additional::default(),
            aliases: Vec::new(),
            all_prefixes: ["a.".into(), "b-".into(), "xa.".into()].into(),
        }
    }

    fn shown_text(mode: Mode, error: i16, text: &str) -> Option<String> {
        shown(text.as_bytes(), error, &names(mode)).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_text_is_shown_for_two_errors_and_without_any_prefix() {
        for (text, expected) in [
            ("Topic a.x must have 3 replicas", Some("Topic x must have 3 replicas")),
            ("a.x", Some("x")),
            ("'a.x','a.y'", Some("'x','y'")),
            ("", Some("")),
            // Names of others, also where ours is a part of theirs.
            ("a.x collides with b-x", None),
            ("xa.secret", None),
            ("collides with ca.x", None),
            // What begins with our prefix twice cannot be told from a mistake of ours.
            ("a.a.x", None),
            ("a./ix is no name", None),
        ] {
            assert_eq!(shown_text(Mode::HidePrefix, 44, text).as_deref(), expected, "{text}");
            assert_eq!(shown_text(Mode::HidePrefix, 40, text).as_deref(), expected, "{text}");
            assert_eq!(shown_text(Mode::HidePrefix, 17, text), None, "{text}");
        }
        assert_eq!(shown_text(Mode::EnforcePrefix, 44, "no a.x").as_deref(), Some("no a.x"));
        assert_eq!(shown_text(Mode::EnforcePrefix, 44, "no a.x, b-y"), None);
        assert_eq!(shown_text(Mode::EnforcePrefix, 44, "no a./ix"), None);
    }
}
