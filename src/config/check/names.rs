//! The names of one kind of entity: each once, and references by name.

use std::collections::BTreeMap;

use crate::config::context::Context;
use crate::config::faults::quoted;
use crate::config::reader::Text;
use crate::config::suggest::nearest;

/// Name -> index, for one kind of entity.
pub(super) struct Names<'f> {
    /// `virtual cluster`, for example.
    kind: &'static str,
    /// In the order of the file, as messages may show them.
    all: Vec<&'f str>,
    indices: BTreeMap<&'f str, usize>,
    /// Those that a message may show.
    shown: Vec<&'f str>,
}

impl<'f> Names<'f> {
    /// Takes the names in their order; one that stands twice is reported, with both places, as `a <twice> <name>`.
    pub fn of(
        kind: &'static str,
        twice: &str,
        names: impl IntoIterator<Item = &'f Text>,
        cx: &mut Context,
    ) -> Names<'f> {
        let mut firsts: BTreeMap<&'f str, (usize, &'f Text)> = BTreeMap::new();
        let mut all = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            all.push(&*name.shown);
            match firsts.get(&*name.value) {
                Some((_, first)) => {
                    let place = first.spot.file_and_line();
                    let message = format!("a {twice} {} stands already at {place}; rename one", name.shown);
                    cx.fault(&name.spot, message);
                }
                None => {
                    firsts.insert(&name.value, (index, name));
                }
            }
        }
        let shown = firsts.values().filter(|(_, name)| !name.inserted).map(|(_, name)| &*name.value).collect();
        let indices = firsts.into_iter().map(|(name, (index, _))| (name, index)).collect();
        Names { kind, all, indices, shown }
    }

    /// How many entities there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The name with this index, as messages show it.
    pub fn shown(&self, index: usize) -> &'f str {
        self.all.get(index).copied().unwrap_or("")
    }

    /// The index of the entity that `reference` names. That there is none is reported, unless it may be one that could not
    /// be read.
    pub fn resolve(&self, reference: &Text, cx: &mut Context) -> Option<usize> {
        if let Some(index) = self.indices.get(&*reference.value) {
            return Some(*index);
        }
        if !cx.names_incomplete {
            let right = match nearest(&reference.value, self.shown.iter().copied()) {
                Some(name) => format!("did you mean {}?", quoted(name)),
                None => format!("there is: {}", list(&self.shown)),
            };
            cx.fault(&reference.spot, format!("there is no {} named {}; {right}", self.kind, reference.shown));
        }
        None
    }
}

/// The first few names.
fn list(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(SHOWN).map(|name| quoted(name)).collect::<Vec<String>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", ...");
    }
    text
}
