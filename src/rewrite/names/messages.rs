//! Free text in responses: what of it a client may read.
//!
//! Backends put physical names into their error messages, those of other virtual clusters included. The error code says
//! what is needed, so that a text is kept only where the code alone would not help; and of such a text only what cannot be the
//! name of anything but the virtual cluster's own. Which other virtual clusters there are is not asked: what a client reads
//! must not tell it.

use crate::cluster::{Mode, Namespace, is_topic_byte};

/// POLICY_VIOLATION: what it was is in the text alone.
const POLICY_VIOLATION: i16 = 44;
/// INVALID_CONFIG: which one is in the text alone.
const INVALID_CONFIG: i16 = 40;

/// Stands for what could be somebody's name.
const MASK: &[u8] = b"***";

/// Words that could be names by their form, and are known: the configurations of topics and groups (`TopicConfig` and
/// `GroupConfig` of Kafka), and what they can be set to.
const KNOWN: [&str; 50] = [
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "lz4",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "remote.copy.disable",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "replication.factor",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "share.auto.offset.reset",
    "share.delivery.count.limit",
    "share.heartbeat.interval.ms",
    "share.isolation.level",
    "share.partition.max.record.locks",
    "share.record.lock.duration.ms",
    "share.session.timeout.ms",
    "streams.heartbeat.interval.ms",
    "streams.num.standby.replicas",
    "streams.session.timeout.ms",
    "unclean.leader.election.enable",
];

/// The text as the client may read it; `None`: it gets none.
pub fn shown(text: &[u8], error: i16, names: &Namespace) -> Option<Vec<u8>> {
    if !matches!(error, POLICY_VIOLATION | INVALID_CONFIG) {
        return None;
    }
    if names.mode == Mode::Open {
        // It sees all of the backend, under its own names.
        return Some(text.to_vec());
    }
    let own = names.prefix.as_bytes();
    let mut shown = Vec::with_capacity(text.len());
    let mut runs = text.chunk_by(|a, b| is_topic_byte(*a) == is_topic_byte(*b)).peekable();
    while let Some(run) = runs.next() {
        let Some(rest) = run.strip_prefix(own) else {
            shown.extend_from_slice(if is_harmless(run) { run } else { MASK });
            continue;
        };
        // A name that we replaced in the request; and one with the prefix twice cannot be told from a mistake of ours.
        let rejected = rest.is_empty() && runs.peek().is_some_and(|behind| behind.starts_with(b"/"));
        let hides = names.mode == Mode::HidePrefix;
        if rejected || (hides && rest.starts_with(own)) {
            return None;
        }
        shown.extend_from_slice(if hides { rest } else { run });
    }
    Some(shown)
}

/// Bytes that are nobody's name: a word of letters, a number, what separates them, and what is known.
fn is_harmless(run: &[u8]) -> bool {
    let end = run.iter().rposition(|byte| byte.is_ascii_alphanumeric()).map_or(0, |last| last + 1);
    let word = run.get(..end).unwrap_or_default();
    run.first().is_none_or(|first| !is_topic_byte(*first))
        || word.iter().all(u8::is_ascii_alphabetic)
        || !word.iter().any(u8::is_ascii_alphabetic)
        || KNOWN.binary_search_by(|known| known.as_bytes().cmp(word)).is_ok()
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
    fn a_text_is_shown_for_two_errors_and_without_what_could_be_anybodys_name() {
        for (text, expected) in [
            ("Topic a.x must have 3 replicas", Some("Topic x must have 3 replicas")),
            ("a.x", Some("x")),
            ("'a.x','a.y'", Some("'x','y'")),
            ("", Some("")),
            (
                "Invalid value -5 for configuration retention.ms: it is 0.5 at least.",
                Some("Invalid value -5 for configuration retention.ms: it is 0.5 at least."),
            ),
            ("Set min.insync.replicas.", Some("Set min.insync.replicas.")),
            // Names of others, also where ours is a part of theirs, and what is like one.
            ("a.x collides with b-x", Some("x collides with ***")),
            ("xa.secret", Some("***")),
            ("collides with ca.x, x1 and z_z", Some("collides with ***, *** and ***")),
            ("retention.ms.x retention.m", Some("*** ***")),
            // What begins with our prefix twice cannot be told from a mistake of ours.
            ("a.a.x", None),
            ("a./ix is no name", None),
            ("it is a. / ix", Some("it is  / ix")),
            ("caf\u{e9} a.caf\u{e9}", Some("caf\u{e9} caf\u{e9}")),
        ] {
            assert_eq!(shown_text(Mode::HidePrefix, 44, text).as_deref(), expected, "{text}");
            assert_eq!(shown_text(Mode::HidePrefix, 40, text).as_deref(), expected, "{text}");
            assert_eq!(shown_text(Mode::HidePrefix, 17, text), None, "{text}");
        }
        assert_eq!(shown_text(Mode::EnforcePrefix, 44, "no a.x").as_deref(), Some("no a.x"));
        assert_eq!(shown_text(Mode::EnforcePrefix, 44, "no a.x, b-y").as_deref(), Some("no a.x, ***"));
        assert_eq!(shown_text(Mode::EnforcePrefix, 44, "no a./ix"), None);
        assert_eq!(shown_text(Mode::Open, 44, "no a.x, b-y").as_deref(), Some("no a.x, b-y"));
    }

    /// What is shown says nothing about which other virtual clusters there are.
    #[test]
    fn no_text_depends_on_others() {
        let alone = |mode| Namespace { all_prefixes: ["a.".into()].into(), ..names(mode) };
        for text in ["b-x", "xa.secret", "a.x and b-", "b- b", "Invalid value xa. for configuration x"] {
            for mode in [Mode::HidePrefix, Mode::EnforcePrefix, Mode::Open] {
                let shown = |names: &Namespace| shown(text.as_bytes(), 44, names);
                assert_eq!(shown(&names(mode)), shown(&alone(mode)), "{text}");
            }
        }
    }

    #[test]
    fn what_is_known_is_sorted() {
        assert!(KNOWN.is_sorted());
    }
}
