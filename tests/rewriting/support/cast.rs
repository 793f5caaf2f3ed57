//! The names that play in the tests of names in responses: those of a tenant, those it shares, those of others.

use klamm::cluster::{Additional, Exact, Mode, Namespace};
use klamm::rewrite::RejectedName;

use super::Dice;

/// Of another tenant; in every name that is not ours, so that no byte of any may be seen.
pub const FOREIGN: &str = "CANARY7f3a";
/// The tenant's prefix on the backend: not to be seen either, where it is hidden.
pub const PREFIX: &str = "vc-PHYSICAL.";

/// What a physical name is for the client.
#[derive(Clone, Debug)]
pub struct Role {
    /// As the backend has it.
    pub physical: Vec<u8>,
    /// As the client is to read it; `None`: not at all.
    pub shown: Option<Vec<u8>>,
    /// The error code with which it was refused, or 0.
    pub refused: i16,
    /// The type of a resource, as the client said it.
    pub kind: i8,
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
        all_prefixes: [PREFIX.into(), format!("{FOREIGN}.").into()].into(),
    }
}

/// Names of a namespace, as a client of it would use them.
pub struct Cast<'a> {
    pub names: &'a Namespace,
    /// Names that are of nobody here may come.
    pub foreign: bool,
}

impl Cast<'_> {
    fn own(&self, said: &str) -> Role {
        let physical = match self.names.mode {
            Mode::Open => said.to_owned(),
            Mode::HidePrefix | Mode::EnforcePrefix => format!("{PREFIX}{said}"),
        };
        let shown = if self.names.mode == Mode::HidePrefix { said } else { &physical };
        as_shown(&physical, shown)
    }

    fn refused(&self, rejection: RejectedName, said: &str) -> Role {
        let mut physical = Vec::new();
        rejection.write(self.names, said.as_bytes(), &mut physical);
        Role { physical, shown: Some(said.into()), refused: rejection.error(), kind: 0 }
    }

    /// Letters, in lengths where a compact length changes its width.
    fn said(dice: &mut Dice) -> String {
        let bytes = [1, 5, 20, 100, 113, 114, 126, 127, 128, 200][usize::try_from(dice.below(10)).unwrap()];
        let letter = char::from(b'a' + u8::try_from(dice.below(26)).unwrap());
        letter.to_string().repeat(bytes)
    }

    /// One of these names.
    fn pick(&self, dice: &mut Dice, all: Vec<Role>) -> Role {
        let seen: Vec<_> = all.into_iter().filter(|role| self.foreign || role.shown.is_some()).collect();
        seen[usize::try_from(dice.below(seen.len() as u64)).unwrap()].clone()
    }

    pub fn topic(&self, dice: &mut Dice) -> Role {
        let said = Cast::said(dice);
        let mut all = vec![self.own(&said), self.own("orders"), self.refused(RejectedName::Invalid, "a/b")];
        all.extend([self.refused(RejectedName::Absent, &said), self.refused(RejectedName::Exists, "actions")]);
        all.extend([self.refused(RejectedName::Invalid, ""), self.refused(RejectedName::Forbidden, "logs")]);
        if self.names.mode != Mode::Open {
            all.extend([
                as_shown("user_actions", "actions"),
                as_shown("logs", "logs"),
                as_shown("shared-1", "shared-1"),
            ]);
            all.extend([foreign(&format!("{FOREIGN}.orders")), foreign(FOREIGN), foreign(PREFIX)]);
            all.extend([foreign("__consumer_offsets"), foreign("__transaction_state")]);
            // What an additional one hides.
            let hidden =
                if self.names.mode == Mode::HidePrefix { format!("{PREFIX}actions") } else { "actions".into() };
            all.push(foreign(&hidden));
        }
        if self.names.mode == Mode::HidePrefix {
            all.push(as_shown(&format!("{PREFIX}very-long"), "short"));
            all.push(foreign(&format!("{PREFIX}short")));
            all.push(foreign(&format!("{PREFIX}__consumer_offsets")));
        }
        self.pick(dice, all)
    }

    pub fn group(&self, dice: &mut Dice) -> Role {
        let said = Cast::said(dice);
        let mut all = vec![self.own(&said), self.own("app"), self.own("/gx"), self.own("caf\u{e9} \n")];
        if self.names.mode != Mode::Open {
            all.extend([self.own(""), as_shown("legacy", "legacy"), as_shown("shared-1", "shared-1")]);
            all.extend([foreign(&format!("{FOREIGN}.app")), foreign(FOREIGN), foreign("")]);
            all.push(self.refused(RejectedName::ForbiddenGroup, "legacy"));
        }
        if self.names.mode == Mode::EnforcePrefix {
            all.retain(|role| !role.physical.ends_with(b"/gx"));
            all.push(self.refused(RejectedName::InvalidGroup, "app"));
        }
        self.pick(dice, all)
    }

    pub fn transactional_id(&self, dice: &mut Dice) -> Role {
        let said = Cast::said(dice);
        let mut all = vec![self.own(&said), self.own("tx"), self.own("legacy"), self.own("/x")];
        if self.names.mode != Mode::Open {
            all.extend([foreign(&format!("{FOREIGN}.tx")), foreign(FOREIGN), foreign(PREFIX)]);
        }
        if self.names.mode == Mode::EnforcePrefix {
            all.retain(|role| role.physical != PREFIX.as_bytes());
            all.push(self.refused(RejectedName::ForbiddenTransactionalId, "tx"));
        }
        self.pick(dice, all)
    }

    /// A resource of the configuration APIs, with the type that the backend says.
    pub fn resource(&self, dice: &mut Dice) -> (i8, Role) {
        match dice.below(4) {
            0 => {
                let role = self.group(dice);
                (32, Role { kind: 32, ..role })
            }
            1 => {
                let (kind, name) = [(4, "1"), (8, ""), (-1, "a:b"), (16, "m")][usize::try_from(dice.below(4)).unwrap()];
                let role = self.refused(RejectedName::ForbiddenCluster, &format!("{kind}:{name}"));
                (2, Role { shown: Some(name.into()), kind, ..role })
            }
            _ => {
                let role = self.topic(dice);
                (2, Role { kind: 2, ..role })
            }
        }
    }
}

fn as_shown(physical: &str, shown: &str) -> Role {
    Role { physical: physical.into(), shown: Some(shown.into()), refused: 0, kind: 0 }
}

fn foreign(physical: &str) -> Role {
    Role { physical: physical.into(), shown: None, refused: 0, kind: 0 }
}
