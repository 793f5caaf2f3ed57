//! The names of one virtual cluster: virtual ones, which its clients use, and physical ones, which the backend has.
//!
//! A pure function of the configuration, never of what exists on the backend, and injective in both directions: two
//! virtual names never mean one physical name, nor the other way round. Names are bytes as they stand on the wire.

use std::sync::Arc;

/// Longest topic name (`Topic.MAX_NAME_LENGTH` of Kafka).
pub const TOPIC_BYTES_MAX: usize = 249;

/// Topics of Kafka itself, and of its controllers: no client of a namespace sees or names them.
pub const INTERNAL_TOPICS: [&str; 4] =
    ["__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"];

/// How virtual and physical names correspond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The virtual name is `orders`, the physical one has the prefix before it.
    HidePrefix,
    /// The virtual name is the physical one; names without the prefix are refused.
    EnforcePrefix,
    /// Names stand as they are, and there are no additional ones: a virtual cluster that has aliases and no namespace.
    Open,
}

/// A backend name that a virtual cluster sees beside its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact {
    /// The physical name.
    pub physical: Box<str>,
    /// The virtual name.
    pub virtual_name: Box<str>,
}

/// Backend names that are seen beside those with the prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Additional {
    /// One by one, perhaps under another name.
    pub exact: Vec<Exact>,
    /// By pattern (`*` is any run of characters, `?` any one), under their own name.
    pub globs: Vec<Box<str>>,
}

/// The names of one virtual cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// How names correspond.
    pub mode: Mode,
    /// Never empty but in [`Mode::Open`].
    pub prefix: Box<str>,
    /// Backend topics that are seen too.
    pub topics: Additional,
    /// Backend groups that are seen too.
    pub groups: Additional,
    /// Alias and the topic it replaces, both as seen in the namespace.
    pub aliases: Vec<(Box<str>, Box<str>)>,
    /// The prefixes of all virtual clusters of this backend, sorted, none the beginning of another: no glob reaches into them.
    pub all_prefixes: Arc<[Box<str>]>,
}

/// Why a virtual name has no physical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Empty, `.`, `..`, a character that no topic may have, too long with the prefix, or Kafka's own:
    /// INVALID_TOPIC_EXCEPTION.
    Invalid,
    /// Stands for nothing: the original of an alias, a name without the enforced prefix.
    Absent,
    /// What a glob of additional topics matches, and another virtual cluster may have: it is as an additional topic that there is
    /// not. Were it the virtual cluster's own, what a name means would say which others there are.
    Reserved,
}

/// A physical name, as two pieces that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Physical<'a> {
    /// The prefix, or nothing.
    pub prefix: &'a [u8],
    /// The rest.
    pub rest: &'a [u8],
    /// It is an additional name: seen, but not owned.
    pub additional: bool,
}

impl Physical<'_> {
    /// Bytes of the name.
    pub fn bytes(&self) -> usize {
        self.prefix.len() + self.rest.len()
    }

    /// Writes the name behind what `into` has.
    pub fn write(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.prefix);
        into.extend_from_slice(self.rest);
    }
}

impl Namespace {
    /// The prefix that every topic name takes and loses, when it is the same for all: then the change of a frame's length
    /// follows from the number of names in it.
    pub fn uniform_prefix(&self) -> Option<&[u8]> {
        let plain = self.topics.exact.is_empty() && self.topics.globs.is_empty() && self.aliases.is_empty();
        (plain && self.mode == Mode::HidePrefix).then_some(self.prefix.as_bytes())
    }

    /// The physical name of a topic that a client names.
    ///
    /// # Errors
    ///
    /// It stands for no topic that this virtual cluster could have.
    pub fn topic_in<'a>(&'a self, virtual_name: &'a [u8]) -> Result<Physical<'a>, Refusal> {
        if let Some((_, topic)) = self.aliases.iter().find(|(alias, _)| alias.as_bytes() == virtual_name) {
            return self.unaliased_in(topic.as_bytes());
        }
        if self.aliases.iter().any(|(_, topic)| topic.as_bytes() == virtual_name) {
            return Err(Refusal::Absent);
        }
        self.unaliased_in(virtual_name)
    }

    fn unaliased_in<'a>(&'a self, virtual_name: &'a [u8]) -> Result<Physical<'a>, Refusal> {
        if let Some(rest) = self.additional_in(&self.topics, virtual_name) {
            return Ok(Physical { prefix: b"", rest, additional: true });
        }
        if self.globs_reach_others(virtual_name) {
            return Err(Refusal::Reserved);
        }
        match self.mode {
            Mode::Open => Ok(Physical { prefix: b"", rest: virtual_name, additional: false }),
            Mode::HidePrefix => {
                let prefix = self.prefix.as_bytes();
                if !is_topic_name(virtual_name) || prefix.len() + virtual_name.len() > TOPIC_BYTES_MAX {
                    return Err(Refusal::Invalid);
                }
                Ok(Physical { prefix, rest: virtual_name, additional: false })
            }
            Mode::EnforcePrefix => match virtual_name.strip_prefix(self.prefix.as_bytes()) {
                Some(rest) if !rest.is_empty() && is_topic_name(virtual_name) => {
                    Ok(Physical { prefix: b"", rest: virtual_name, additional: false })
                }
                Some(_) | None => Err(Refusal::Invalid),
            },
        }
    }

    /// The name under which clients see a topic of the backend; `None` when they do not.
    pub fn topic_out<'a>(&'a self, physical: &'a [u8]) -> Option<&'a [u8]> {
        let virtual_name = self.unaliased_out(physical)?;
        match self.aliases.iter().find(|(_, topic)| topic.as_bytes() == virtual_name) {
            Some((alias, _)) => Some(alias.as_bytes()),
            // A topic that an alias of another covers cannot be named.
            None => (!self.aliases.iter().any(|(alias, _)| alias.as_bytes() == virtual_name)).then_some(virtual_name),
        }
    }

    fn unaliased_out<'a>(&'a self, physical: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(virtual_name) = self.additional_out(&self.topics, physical) {
            return Some(virtual_name);
        }
        // An additional topic of that name shadows it: the name means the other one.
        self.own_out(physical).filter(|own| !self.is_additional(own))
    }

    /// Whether a topic's name means an additional one, or what a glob would make one.
    fn is_additional(&self, name: &[u8]) -> bool {
        self.additional_in(&self.topics, name).is_some() || self.globs_reach_others(name)
    }

    /// A topic that a glob matches, and that another virtual cluster may have.
    fn globs_reach_others(&self, name: &[u8]) -> bool {
        // Seldom a name begins so: the globs, which were compared before, are not looked at again for others.
        self.prefix_of(name).is_some_and(|prefix| *prefix != *self.prefix) && globs_match(&self.topics, name)
    }

    /// The virtual name that a shadowed topic would have, were it not that of an additional one; `None` where the topic is not
    /// shadowed.
    pub fn shadowed_out<'a>(&'a self, physical: &'a [u8]) -> Option<&'a [u8]> {
        let own = self.own_out(physical).filter(|own| self.is_additional(own))?;
        // In the enforced mode an additional topic may mean itself.
        self.additional_out(&self.topics, physical).is_none().then_some(own)
    }

    /// A topic of this virtual cluster, whatever else there is. A name that no client could use (one of Kafka's own behind
    /// the prefix) is none.
    fn own_out<'a>(&self, physical: &'a [u8]) -> Option<&'a [u8]> {
        let rest = physical.strip_prefix(self.prefix.as_bytes());
        match self.mode {
            Mode::Open => Some(physical),
            Mode::HidePrefix => rest.filter(|rest| is_topic_name(rest)),
            Mode::EnforcePrefix => rest.filter(|rest| !rest.is_empty()).map(|_| physical),
        }
    }

    /// The physical name of a group that a client names. The empty group is an old and legal one where `empty_is_a_group`,
    /// and stays empty elsewhere, so that the backend refuses it.
    pub fn group_in<'a>(&'a self, virtual_name: &'a [u8], empty_is_a_group: bool) -> Option<Physical<'a>> {
        if virtual_name.is_empty() && !empty_is_a_group {
            return Some(Physical { prefix: b"", rest: virtual_name, additional: false });
        }
        if let Some(rest) = self.additional_in(&self.groups, virtual_name) {
            return Some(Physical { prefix: b"", rest, additional: true });
        }
        self.plain_in(virtual_name)
    }

    /// The name under which clients see a group of the backend; `None` when they do not.
    pub fn group_out<'a>(&'a self, physical: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(virtual_name) = self.additional_out(&self.groups, physical) {
            return Some(virtual_name);
        }
        let own = self.plain_out(physical)?;
        self.additional_in(&self.groups, own).is_none().then_some(own)
    }

    /// The physical transactional id of a client's; an empty one stays empty, so that the backend refuses it. `None`: it
    /// lacks the enforced prefix (TRANSACTIONAL_ID_AUTHORIZATION_FAILED).
    pub fn transactional_id_in<'a>(&'a self, virtual_name: &'a [u8]) -> Option<Physical<'a>> {
        if virtual_name.is_empty() {
            return Some(Physical { prefix: b"", rest: virtual_name, additional: false });
        }
        self.plain_in(virtual_name)
    }

    /// The transactional id as the client knows it; `None` when it is not of this virtual cluster.
    pub fn transactional_id_out<'a>(&'a self, physical: &'a [u8]) -> Option<&'a [u8]> {
        self.plain_out(physical).filter(|virtual_name| !virtual_name.is_empty())
    }

    /// Groups and transactional ids: any bytes are legal. `None`: without the enforced prefix.
    fn plain_in<'a>(&'a self, virtual_name: &'a [u8]) -> Option<Physical<'a>> {
        let prefix = self.prefix.as_bytes();
        match self.mode {
            Mode::Open => Some(Physical { prefix: b"", rest: virtual_name, additional: false }),
            Mode::HidePrefix => Some(Physical { prefix, rest: virtual_name, additional: false }),
            Mode::EnforcePrefix => virtual_name.starts_with(prefix).then_some(Physical {
                prefix: b"",
                rest: virtual_name,
                additional: false,
            }),
        }
    }

    fn plain_out<'a>(&'a self, physical: &'a [u8]) -> Option<&'a [u8]> {
        let rest = physical.strip_prefix(self.prefix.as_bytes());
        match self.mode {
            Mode::Open => Some(physical),
            Mode::HidePrefix => rest,
            Mode::EnforcePrefix => rest.map(|_| physical),
        }
    }

    fn additional_in<'a>(&'a self, additional: &'a Additional, virtual_name: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(exact) = additional.exact.iter().find(|exact| exact.virtual_name.as_bytes() == virtual_name) {
            return Some(exact.physical.as_bytes());
        }
        self.globbed(additional, virtual_name).then_some(virtual_name)
    }

    fn additional_out<'a>(&'a self, additional: &'a Additional, physical: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(exact) = additional.exact.iter().find(|exact| exact.physical.as_bytes() == physical) {
            return Some(exact.virtual_name.as_bytes());
        }
        // The virtual name of an exact one means that one.
        let covered = additional.exact.iter().any(|exact| exact.virtual_name.as_bytes() == physical);
        (!covered && self.globbed(additional, physical)).then_some(physical)
    }

    fn globbed(&self, additional: &Additional, name: &[u8]) -> bool {
        // A physical name with another virtual name has no second one.
        let elsewhere = || additional.exact.iter().any(|exact| exact.physical.as_bytes() == name);
        let reserved =
            || self.prefix_of(name).is_some() || INTERNAL_TOPICS.iter().any(|internal| internal.as_bytes() == name);
        globs_match(additional, name) && !elsewhere() && !reserved()
    }

    /// The prefix of a virtual cluster of the backend that a name begins with.
    fn prefix_of(&self, name: &[u8]) -> Option<&str> {
        // None begins with another: only the last that is not behind the name can be its beginning.
        let behind = self.all_prefixes.partition_point(|prefix| prefix.as_bytes() <= name);
        let prefix = behind.checked_sub(1).and_then(|last| self.all_prefixes.get(last))?;
        name.starts_with(prefix.as_bytes()).then_some(prefix)
    }
}

fn globs_match(additional: &Additional, name: &[u8]) -> bool {
    additional.globs.iter().any(|glob| matches_glob(glob.as_bytes(), name))
}

/// Kafka's rule for a topic name (`Topic.validate`), and not one of its own.
#[inline]
pub fn is_topic_name(name: &[u8]) -> bool {
    // All are looked at, several at a time: that takes less than to stop at the first that is not legal.
    let is_illegal = |illegal, byte: &u8| illegal | ILLEGAL.get(usize::from(*byte)).copied().unwrap_or(true);
    let (chunks, rest) = name.as_chunks::<8>();
    let illegal = chunks.iter().fold(false, |illegal, chunk| chunk.iter().fold(illegal, is_illegal));
    let illegal = rest.iter().fold(illegal, is_illegal);
    !illegal
        && !name.is_empty()
        && name.len() <= TOPIC_BYTES_MAX
        && !matches!(name, b"." | b"..")
        && !INTERNAL_TOPICS.iter().any(|internal| internal.as_bytes() == name)
}

/// Whether a topic's name may have this byte.
pub const fn is_topic_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// The bytes that no topic's name may have.
#[expect(clippy::indexing_slicing, reason = "the compiler has looked at each index")]
static ILLEGAL: [bool; 256] = {
    let mut illegal = [true; 256];
    let mut byte = 0;
    while byte < illegal.len() {
        illegal[byte] = !is_topic_byte(byte as u8);
        byte += 1;
    }
    illegal
};

/// `*` is any run of bytes, `?` any one byte. Linear in practice and quadratic at worst: no recursion.
pub fn matches_glob(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, n));
                g += 1;
            }
            Some(byte) if *byte == b'?' || Some(byte) == name.get(n) => {
                g += 1;
                n += 1;
            }
            Some(_) | None => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    g = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    glob.get(g..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(mode: Mode) -> Namespace {
        let exact =
            |physical: &str, virtual_name: &str| Exact { physical: physical.into(), virtual_name: virtual_name.into() };
        Namespace {
            mode,
            prefix: if mode == Mode::Open { "".into() } else { "a.".into() },
            topics: Additional {
                exact: vec![exact("orders", "all-orders"), exact("logs", "logs")],
                globs: vec!["s-*".into()],
            },
            groups: Additional { exact: vec![exact("legacy", "legacy")], globs: vec![] },
            aliases: vec![("short".into(), "very-long".into())],
            all_prefixes: Arc::new(["a.".into(), "s-b.".into()]),
        }
    }

    const NAMES: [&str; 22] = [
        "x",
        "orders",
        "all-orders",
        "logs",
        "s-1",
        "s-b.x",
        "short",
        "very-long",
        "a.x",
        "a.orders",
        "a.all-orders",
        "a.logs",
        "a.s-1",
        "a.short",
        "a.very-long",
        "a.a.x",
        "a.",
        "b.x",
        "__consumer_offsets",
        "a.__consumer_offsets",
        "legacy",
        "a.legacy",
    ];

    #[test]
    fn what_goes_in_comes_out_again_and_two_names_never_meet() {
        for mode in [Mode::HidePrefix, Mode::EnforcePrefix, Mode::Open] {
            let mut names = namespace(mode);
            if mode == Mode::Open {
                (names.topics, names.groups) = Default::default();
            }
            let mut seen = Vec::new();
            for name in NAMES {
                if let Ok(physical) = names.topic_in(name.as_bytes()) {
                    let mut bytes = Vec::new();
                    physical.write(&mut bytes);
                    assert_eq!(names.topic_out(&bytes), Some(name.as_bytes()), "{mode:?} {name}");
                    assert!(!seen.contains(&bytes), "{mode:?} {name}");
                    seen.push(bytes);
                }
                if let Some(virtual_name) = names.topic_out(name.as_bytes()) {
                    let mut bytes = Vec::new();
                    names.topic_in(virtual_name).unwrap().write(&mut bytes);
                    assert_eq!(bytes, name.as_bytes(), "{mode:?} {name}");
                }
                if let Some(virtual_name) = names.group_out(name.as_bytes()) {
                    let mut bytes = Vec::new();
                    names.group_in(virtual_name, true).unwrap().write(&mut bytes);
                    assert_eq!(bytes, name.as_bytes(), "{mode:?} group {name}");
                }
            }
        }
    }

    #[test]
    fn hidden_prefix_by_example() {
        let names = namespace(Mode::HidePrefix);
        let out = |name: &'static str| {
            names.topic_out(name.as_bytes()).map(|virtual_name| str::from_utf8(virtual_name).unwrap())
        };
        assert_eq!(out("a.x"), Some("x"));
        assert_eq!(out("orders"), Some("all-orders"));
        assert_eq!(out("a.all-orders"), None);
        assert_eq!(out("a.very-long"), Some("short"));
        assert_eq!(out("a.short"), None);
        assert_eq!(out("s-b.x"), None);
        for hidden in ["x", "b.x", "a.", "__consumer_offsets"] {
            assert_eq!(out(hidden), None, "{hidden}");
        }
        assert_eq!(names.topic_in(b"very-long"), Err(Refusal::Absent));
        // A glob matches it, and it is another's: it is nobody's here, whether there is another or not.
        assert_eq!(names.topic_in(b"s-b.x"), Err(Refusal::Reserved));
        assert_eq!(out("a.s-b.x"), None);
        for invalid in ["", ".", "..", "a/b", "__consumer_offsets", "caf\u{e9}"] {
            assert_eq!(names.topic_in(invalid.as_bytes()), Err(Refusal::Invalid), "{invalid}");
        }
        assert!(names.topic_in(&[b'x'; 247]).is_ok() && names.topic_in(&[b'x'; 248]).is_err());
        assert_eq!(names.group_in(b"", true).unwrap().prefix, b"a.");
        assert_eq!(names.group_in(b"", false).unwrap().prefix, b"");
        assert_eq!(names.group_out(b"a."), Some(&b""[..]));
    }

    #[test]
    fn a_prefix_is_uniform_where_nothing_else_names_a_topic() {
        let all = namespace(Mode::HidePrefix);
        let plain = Namespace { topics: Additional::default(), aliases: Vec::new(), ..all.clone() };
        assert_eq!(plain.uniform_prefix(), Some(&b"a."[..]));
        let Additional { exact, globs } = all.topics.clone();
        let exact = Namespace { topics: Additional { exact, globs: Vec::new() }, ..plain.clone() };
        let globs = Namespace { topics: Additional { exact: Vec::new(), globs }, ..plain.clone() };
        let aliases = Namespace { aliases: all.aliases.clone(), ..plain.clone() };
        let shown = Namespace { mode: Mode::EnforcePrefix, ..plain };
        for other in [all, exact, globs, aliases, shown] {
            assert_eq!(other.uniform_prefix(), None, "{other:?}");
        }
    }

    #[test]
    fn globs() {
        for (glob, name, expected) in [
            ("*", "", true),
            ("*", "x", true),
            ("a*", "a", true),
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "axxc", false),
            ("*ab", "aaaab", true),
            ("a*bcd*e", "abcbcbcdxe", true),
            ("a*bcd*e", "abcbcbcxxe", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("*a*b*", "xxaxxbxx", true),
            ("shared-*", "shared", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches_glob(glob.as_bytes(), name.as_bytes()), expected, "{glob} {name}");
        }
    }
}
