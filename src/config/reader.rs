//! Typed reading of the tree: text, numbers, choices, lists and maps with known keys.
//!
//! Owns the reports of a wrong type, an unknown key and a missing value. Each read returns `None` after it has reported a
//! fault, so that the caller goes on to the next field. May not know any key of the model.

use std::path::Path;
use std::sync::Arc;

use super::context::Context;
use super::faults::{Spot, quoted};
use super::suggest::nearest;
use super::tree::{self, Entry, Node, Position, Value};
use super::units::Bounds;

/// One file that was parsed.
#[derive(Debug)]
pub(super) struct Source {
    /// As it was named to us.
    pub label: Arc<str>,
    /// Its turn among the files of a directory.
    pub order: usize,
    /// What `${file['P']}` is relative to.
    pub directory: Arc<Path>,
    /// `None` where it could not be read to its end.
    pub root: Option<Node>,
}

impl Source {
    pub fn spot(&self, place: Position, path: String) -> Spot {
        Spot { file: self.label.clone(), order: self.order, line: place.line, column: place.column, path }
    }
}

/// A value that was read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub value: T,
    pub spot: Spot,
}

/// Text that was read.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// After interpolation.
    pub value: String,
    /// As messages may show it: as it stands in the file, in quotes.
    pub shown: String,
    /// Some of it came from `${...}` and is in no message.
    pub inserted: bool,
    pub spot: Spot,
}

/// A value that is to be read.
#[derive(Clone, Debug)]
pub(super) struct Item<'t> {
    source: &'t Source,
    node: &'t Node,
    path: String,
}

impl<'t> Item<'t> {
    /// The document of `source`, where it could be read.
    pub fn root(source: &'t Source) -> Option<Item<'t>> {
        Some(Item { source, node: source.root.as_ref()?, path: String::new() })
    }

    pub fn spot(&self) -> Spot {
        self.source.spot(self.node.place, self.path.clone())
    }

    pub fn fault(&self, cx: &mut Context, message: impl Into<String>) {
        cx.fault(&self.spot(), message);
    }

    /// The scalar as it stands in the file, `${...}` included; empty where none stands here.
    pub fn written(&self) -> &'t str {
        match &self.node.value {
            Value::Scalar(scalar) => &scalar.text,
            Value::Broken | Value::List(_) | Value::Map(_) => "",
        }
    }

    /// Text, `${...}` replaced. `expected` says what belongs here, such as `a name`.
    pub fn text(&self, expected: &str, cx: &mut Context) -> Option<Text> {
        let scalar = match &self.node.value {
            Value::Scalar(scalar) => scalar,
            Value::Broken => return None,
            Value::List(_) | Value::Map(_) => {
                self.mismatch(expected, cx);
                return None;
            }
        };
        if scalar.is_null() {
            self.mismatch(expected, cx);
            return None;
        }
        match cx.outside.interpolate(&scalar.text, &self.source.directory) {
            Ok(replaced) => {
                let inserted = replaced.is_some();
                let value = replaced.unwrap_or_else(|| scalar.text.clone());
                Some(Text { value, shown: quoted(&scalar.text), inserted, spot: self.spot() })
            }
            Err(message) => {
                self.fault(cx, message);
                None
            }
        }
    }

    /// A number, duration or size within `bounds`, in the base of its unit.
    pub fn number<N: TryFrom<u64>>(&self, bounds: &Bounds, cx: &mut Context) -> Option<At<N>> {
        let text = self.text(&bounds.to_string(), cx)?;
        let read = bounds
            .read(&text.value)
            .and_then(|number| N::try_from(number).map_err(|_| format!("must be {bounds}: {}", bounds.why)));
        match read {
            Ok(value) => Some(At { value, spot: text.spot }),
            Err(message) => {
                cx.fault(&text.spot, format!("{} {message}", text.shown));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self, cx: &mut Context) -> Option<bool> {
        let text = self.text("true or false", cx)?;
        match &*text.value {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                cx.fault(&text.spot, format!("{} is neither true nor false", text.shown));
                None
            }
        }
    }

    /// One of the words of `built`; those of `later` are in the model but not built yet.
    pub fn choice<T: Copy>(&self, built: &[(&str, T)], later: &[&str], cx: &mut Context) -> Option<T> {
        let words = || built.iter().map(|(word, _)| *word);
        let list = words().collect::<Vec<&str>>().join(" or ");
        let text = self.text(&list, cx)?;
        if let Some((_, value)) = built.iter().find(|(word, _)| *word == text.value) {
            return Some(*value);
        }
        let message = if later.contains(&&*text.value) {
            format!("{} is not yet supported; use {list}", text.shown)
        } else {
            match nearest(&text.value, words().chain(later.iter().copied())) {
                Some(word) => format!("{} is not known here; did you mean \"{word}\"?", text.shown),
                None => format!("{} is not known here; write {list}", text.shown),
            }
        };
        cx.fault(&text.spot, message);
        None
    }

    /// The items of a list.
    pub fn list(&self, expected: &str, cx: &mut Context) -> Option<Vec<Item<'t>>> {
        match &self.node.value {
            Value::List(nodes) => {
                let item = |(index, node)| {
                    let path = tree::index_step(&self.path, index);
                    Item { source: self.source, node, path }
                };
                Some(nodes.iter().enumerate().map(item).collect())
            }
            Value::Broken => None,
            Value::Scalar(_) | Value::Map(_) => {
                self.mismatch(expected, cx);
                None
            }
        }
    }

    /// The keys of a map whose keys are free.
    pub fn entries(&self, expected: &str, cx: &mut Context) -> Option<Vec<(Text, Item<'t>)>> {
        let entries = self.map(expected, cx)?;
        let pair = |entry: &'t Entry| {
            let path = tree::key_step(&self.path, &entry.key);
            let spot = self.source.spot(entry.key_place, path.clone());
            let key = Text { value: entry.key.clone(), shown: quoted(&entry.key), inserted: false, spot };
            (key, Item { source: self.source, node: &entry.value, path })
        };
        Some(entries.iter().map(pair).collect())
    }

    /// The fields of a map whose keys are known; [`Fields::done`] reports the others.
    pub fn fields(&self, expected: &str, cx: &mut Context) -> Option<Fields<'t>> {
        let entries = self.map(expected, cx)?;
        Some(Fields { item: self.clone(), entries, asked: Vec::new() })
    }

    /// Whether a list stands here.
    pub fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    fn map(&self, expected: &str, cx: &mut Context) -> Option<&'t [Entry]> {
        match &self.node.value {
            Value::Map(entries) => Some(entries),
            Value::Broken => None,
            Value::Scalar(_) | Value::List(_) => {
                self.mismatch(expected, cx);
                None
            }
        }
    }

    fn mismatch(&self, expected: &str, cx: &mut Context) {
        let message = match &self.node.value {
            Value::Scalar(scalar) if scalar.is_null() => format!("has no value; write {expected}, or remove the key"),
            Value::Scalar(scalar) => format!("expected {expected}, found the text {}", quoted(&scalar.text)),
            Value::List(_) => format!("expected {expected}, found a list"),
            Value::Map(_) => format!("expected {expected}, found a map"),
            Value::Broken => return,
        };
        self.fault(cx, message);
    }
}

/// The fields of a map. The keys that are asked for are the keys that are known.
pub(super) struct Fields<'t> {
    item: Item<'t>,
    entries: &'t [Entry],
    asked: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// The value of `key`, where the file has it.
    pub fn take(&mut self, key: &'static str) -> Option<Item<'t>> {
        self.asked.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Item { source: self.item.source, node: &entry.value, path: tree::key_step(&self.item.path, key) })
    }

    /// The value of `key`, which must be there; `example` shows it as it would be right.
    pub fn require(&mut self, key: &'static str, example: &str, cx: &mut Context) -> Option<Item<'t>> {
        let found = self.take(key);
        if found.is_none() {
            cx.fault(&self.spot_of(key), format!("is missing; write {key}: {example}"));
        }
        found
    }

    /// Where `key` would stand, to report that it is missing.
    pub fn spot_of(&self, key: &str) -> Spot {
        self.item.source.spot(self.item.node.place, tree::key_step(&self.item.path, key))
    }

    pub fn spot(&self) -> Spot {
        self.item.spot()
    }

    /// Reports each key that was not asked for: as not yet supported where `later` has it, else as unknown. Whether
    /// some key that was asked for may stand there misspelt.
    pub fn done(self, later: &[&str], cx: &mut Context) -> bool {
        let mut misspelt = false;
        for entry in self.entries {
            let key = &*entry.key;
            if self.asked.contains(&key) {
                continue;
            }
            let message = if later.contains(&key) {
                "is not yet supported; remove it".to_owned()
            } else {
                match nearest(key, self.asked.iter().chain(later).copied()) {
                    Some(known) => {
                        misspelt = true;
                        format!("unknown key; did you mean \"{known}\"?")
                    }
                    None => format!("unknown key; known here: {}", self.asked.join(", ")),
                }
            };
            cx.fault(&self.item.source.spot(entry.key_place, tree::key_step(&self.item.path, key)), message);
        }
        misspelt
    }
}
