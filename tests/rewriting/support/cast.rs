//! The names that play in the scenarios: those of a tenant, those it shares, those of others, and those that it is refused.

use klamm::cluster::{Additional, Exact, Mode, Namespace};
use klamm::rewrite::RejectedName;

use super::Dice;

/// Of another tenant; in every name that is not ours, so that no byte of any may be seen.
pub const FOREIGN: &str = "CANARY7f3a";
/// The tenant's prefix on the backend: not to be seen either, where it is hidden.
pub const PREFIX: &str = "vc-PHYSICAL.";

/// Kinds of names, as scenarios say them.
pub const KINDS: [&str; 9] =
    ["own", "additional", "foreign", "empty", "invalid", "absent", "exists", "forbidden", "refused"];

/// A name, as the backend has it and as the client does.
#[derive(Clone, Debug)]
pub struct Name {
    pub physical: Vec<u8>,
    /// `None`: the client does not see it.
    pub shown: Option<Vec<u8>>,
    /// The error code with which it was refused, or 0.
    pub refused: i16,
}

/// A namespace with everything that names can be.
pub fn namespace(mode: Mode) -> Namespace {
    let exact =
        |physical: &str, virtual_name: &str| Exact { physical: physical.into(), virtual_name: virtual_name.into() };
    let open = mode == Mode::Open;
    let shared =
        |exact| if open { Additional::default() } else { Additional { exact, globs: vec!["shared-*".into()] } };
    Namespace {
        mode,
        prefix: if open { "".into() } else { PREFIX.into() },
        topics: shared(vec![exact("user_actions", "actions"), exact("logs", "logs")]),
        groups: shared(vec![exact("legacy", "legacy")]),
        aliases: if mode == Mode::EnforcePrefix { vec![] } else { vec![("short".into(), "very-long".into())] },
        all_prefixes: [format!("{FOREIGN}.").into(), PREFIX.into()].into(),
    }
}

/// The namespaces in which scenarios play, by the names that they are asked for by.
pub fn namespaces() -> [(&'static str, Namespace); 4] {
    let hidden = namespace(Mode::HidePrefix);
    // Every topic takes the prefix: Produce and Fetch stream.
    let alone = Namespace {
        topics: Additional::default(),
        groups: Additional::default(),
        aliases: Vec::new(),
        ..hidden.clone()
    };
    [
        ("hide_prefix", hidden),
        ("enforce_prefix", namespace(Mode::EnforcePrefix)),
        ("open", namespace(Mode::Open)),
        ("prefix_alone", alone),
    ]
}

/// Names of a namespace.
pub struct Cast<'a> {
    pub names: &'a Namespace,
    /// A client says them; else the backend does.
    pub said: bool,
}

impl Cast<'_> {
    /// A name of this kind (see [`KINDS`]), of a topic, a group or a transactional id; `None`: this namespace has none such.
    pub fn draw(&self, kind: &str, of: &str, dice: &mut Dice) -> Result<Option<Name>, String> {
        let said = said(dice);
        let all = match of {
            "topic" => self.topics(kind, &said),
            "group" => self.groups(kind, &said),
            "transactional_id" => self.transactional_ids(kind, &said),
            _ => return Err(format!("{of} has no names: topic, group and transactional_id have")),
        };
        let one = (!all.is_empty()).then(|| all[usize::try_from(dice.below(all.len() as u64)).unwrap()].clone());
        match &one {
            Some(Name { shown: None, .. }) if self.said => Err(format!("a client does not say a {kind} {of}")),
            _ => Ok(one),
        }
    }

    fn topics(&self, kind: &str, said: &str) -> Vec<Name> {
        let (open, hides) = (self.names.mode == Mode::Open, self.names.mode == Mode::HidePrefix);
        let shares = !self.names.topics.exact.is_empty();
        match kind {
            "own" => vec![self.own(said), self.own("orders")],
            "additional" if shares => {
                let alias = hides.then(|| same(&format!("{PREFIX}very-long"), "short"));
                let additional = [("user_actions", "actions"), ("logs", "logs"), ("shared-1", "shared-1")];
                additional.map(|(physical, shown)| same(physical, shown)).into_iter().chain(alias).collect()
            }
            "foreign" if !open => {
                let mut all = [&format!("{FOREIGN}.orders"), FOREIGN, PREFIX].map(foreign).to_vec();
                all.extend(["__consumer_offsets", "__transaction_state"].map(foreign));
                if hides {
                    all.push(foreign(&format!("{PREFIX}__consumer_offsets")));
                }
                // What an additional one or an alias hides.
                match (shares, hides) {
                    (true, true) => all.extend(["actions", "short"].map(|name| foreign(&format!("{PREFIX}{name}")))),
                    (true, false) => all.push(foreign("actions")),
                    (false, _) => {}
                }
                all
            }
            // Where nothing stands before a name, only what looks refused is.
            "invalid" if self.said && open => self.refused(RejectedName::Invalid, &["/ix"]),
            "invalid" if self.said => {
                self.refused(RejectedName::Invalid, &["", ".", "a/b", "/ix", "__consumer_offsets"])
            }
            "invalid" => self.refused(RejectedName::Invalid, &["a/b", ""]),
            // An alias stands for it.
            "absent" if self.said && !(hides && shares) => Vec::new(),
            "absent" if self.said => self.refused(RejectedName::Absent, &["very-long"]),
            "absent" => self.refused(RejectedName::Absent, &[said]),
            "exists" => self.refused(RejectedName::Exists, &["actions"]),
            "forbidden" => self.refused(RejectedName::Forbidden, &["logs"]),
            "refused" => {
                ["invalid", "absent", "exists", "forbidden"].iter().flat_map(|kind| self.topics(kind, said)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn groups(&self, kind: &str, said: &str) -> Vec<Name> {
        let shares = !self.names.groups.exact.is_empty();
        match kind {
            // One that looks refused is a group unless it has the form of one that is.
            "own" if self.names.mode == Mode::EnforcePrefix => {
                vec![self.own(said), self.own("app"), self.own("caf\u{e9} \n")]
            }
            "own" => ["/gx", "app", "caf\u{e9} \n", said].map(|said| self.own(said)).to_vec(),
            "empty" if self.names.mode != Mode::Open => vec![self.own("")],
            "additional" if shares => vec![same("legacy", "legacy"), same("shared-1", "shared-1")],
            "foreign" if self.names.mode != Mode::Open => {
                [&format!("{FOREIGN}.app"), FOREIGN, ""].map(foreign).to_vec()
            }
            "refused" if self.names.mode == Mode::Open => Vec::new(),
            "refused" => {
                let forbidden =
                    if shares { self.refused(RejectedName::ForbiddenGroup, &["legacy"]) } else { Vec::new() };
                let enforced: &[&str] = if self.names.mode == Mode::EnforcePrefix { &["app"] } else { &[] };
                [forbidden, self.refused(RejectedName::InvalidGroup, enforced)].concat()
            }
            _ => Vec::new(),
        }
    }

    fn transactional_ids(&self, kind: &str, said: &str) -> Vec<Name> {
        match (kind, self.names.mode) {
            ("own", _) => [said, "tx", "legacy", "/x"].map(|said| self.own(said)).to_vec(),
            ("foreign", Mode::HidePrefix) => [&format!("{FOREIGN}.tx"), FOREIGN, PREFIX].map(foreign).to_vec(),
            ("foreign", Mode::EnforcePrefix) => [&format!("{FOREIGN}.tx"), FOREIGN].map(foreign).to_vec(),
            ("refused", Mode::EnforcePrefix) => self.refused(RejectedName::ForbiddenTransactionalId, &["tx"]),
            _ => Vec::new(),
        }
    }

    fn own(&self, said: &str) -> Name {
        let physical = format!("{}{said}", self.names.prefix);
        same(&physical, if self.names.mode == Mode::HidePrefix { said } else { &physical })
    }

    fn refused(&self, rejection: RejectedName, said: &[&str]) -> Vec<Name> {
        said.iter().map(|said| self.rejected(rejection, said.as_bytes())).collect()
    }

    /// What a client said, and how it goes to the backend where it is refused for this.
    pub fn rejected(&self, rejection: RejectedName, said: &[u8]) -> Name {
        let mut physical = Vec::new();
        rejection.write(self.names, said, &mut physical);
        Name { physical, shown: Some(said.into()), refused: rejection.error() }
    }

    /// What a client may read of a text of the backend that explains this error.
    pub fn message<'t>(&self, text: &'t str, error: i64) -> Option<std::borrow::Cow<'t, str>> {
        // INVALID_CONFIG and POLICY_VIOLATION: what it was is in the text alone.
        let open = self.names.mode == Mode::Open;
        if !matches!(error, 40 | 44) || (text.contains("./i") && !open) {
            return None;
        }
        // What could be somebody else's name is masked.
        let masked = text.replace(&format!("{FOREIGN}.orders"), "***");
        match self.names.mode {
            Mode::HidePrefix => Some(masked.replace(PREFIX, "").into()),
            Mode::EnforcePrefix => Some(masked.into()),
            Mode::Open => Some(text.into()),
        }
    }
}

/// Letters, in lengths where a compact length changes its width.
fn said(dice: &mut Dice) -> String {
    let bytes = [1, 5, 20, 100, 113, 114, 126, 127, 128, 200][usize::try_from(dice.below(10)).unwrap()];
    let letter = char::from(b'a' + u8::try_from(dice.below(26)).unwrap());
    letter.to_string().repeat(bytes)
}

fn same(physical: &str, shown: &str) -> Name {
    Name { physical: physical.into(), shown: Some(shown.into()), refused: 0 }
}

fn foreign(physical: &str) -> Name {
    Name { physical: physical.into(), shown: None, refused: 0 }
}
