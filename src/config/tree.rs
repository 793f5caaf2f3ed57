//! YAML text -> a small tree that keeps the line and column of each key and value.
//!
//! Owns what of YAML is read: one document of maps, lists and scalars. Anchors, aliases, tags and merge keys are faults
//! (a configuration is read by people, and an alias can make a small file huge), and so is a key that stands twice.
//! May not know any key of the configuration. Its work is linear in the text, its depth is bounded.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use super::faults::quoted;

/// How deep maps and lists may nest. The model needs 8.
const DEPTH_MAX: usize = 32;
/// Characters of a key that a path repeats.
const PATH_KEY_CHARS_MAX: usize = 64;

/// A place in the text, line and column counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub line: u32,
    pub column: u32,
}

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub place: Position,
    pub value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A fault about it was reported already: nothing more must be reported.
    Broken,
}

/// Text as it stands in the file, quotes and escapes taken off, before any interpolation.
#[derive(Debug)]
pub(super) struct Scalar {
    pub text: String,
    /// Written without quotes.
    pub plain: bool,
}

impl Scalar {
    /// Nothing stands there, or what YAML takes for nothing.
    pub fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_place: Position,
    pub value: Node,
}

/// What is wrong with the YAML itself.
#[derive(Debug)]
pub(super) struct TreeFault {
    pub place: Position,
    pub path: String,
    pub message: String,
}

/// The outcome of [`parse`].
#[derive(Debug)]
pub(super) struct Parsed {
    /// The document; `None` where it could not be read to its end.
    pub root: Option<Node>,
    pub faults: Vec<TreeFault>,
}

/// Reads one document. An empty text is an empty map.
pub(super) fn parse(text: &str) -> Parsed {
    let mut builder = Builder::default();
    let whole = match unprintable(text) {
        Some(fault) => {
            builder.faults.push(fault);
            false
        }
        None => builder.run(text),
    };
    let empty = || Node { place: Position { line: 1, column: 1 }, value: Value::Map(Vec::new()) };
    let root = builder.root.take().filter(|node| !matches!(&node.value, Value::Scalar(scalar) if scalar.is_null()));
    Parsed { root: whole.then(|| root.unwrap_or_else(empty)), faults: builder.faults }
}

/// A path's step to a key: `.key`, or `["a key"]` where it is no plain word.
pub(super) fn key_step(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.len() <= PATH_KEY_CHARS_MAX && key.chars().all(plain) {
        let dot = if path.is_empty() { "" } else { "." };
        return format!("{path}{dot}{key}");
    }
    let cut: String = key.chars().take(PATH_KEY_CHARS_MAX).collect();
    format!("{path}[{}]", quoted(&cut))
}

/// A path's step to the item of a list.
pub(super) fn index_step(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// The first character that YAML 1.2 does not allow (its production `c-printable`). The parser takes a zero for the
/// end of the text and would leave the rest unread.
fn unprintable(text: &str) -> Option<TreeFault> {
    let printable = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    let (at, found) = text.char_indices().find(|(_, c)| !printable(*c))?;
    let before = text.get(..at)?;
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let message = format!("the character U+{:04X} is not allowed in YAML; remove it", u32::from(found));
    Some(TreeFault { place: place(line, column), path: String::new(), message })
}

fn place(line: usize, column: usize) -> Position {
    Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
}

fn place_of(mark: &Marker) -> Position {
    place(mark.line(), mark.col() + 1)
}

/// A map or list whose end was not seen yet.
enum Open {
    List { place: Position, items: Vec<Node> },
    Map { place: Position, entries: Vec<Entry>, lines: HashMap<String, u32>, key: Option<Key> },
}

/// A key that waits for its value.
struct Key {
    /// Empty where it has none that a path could show.
    name: String,
    place: Position,
    /// The key is faulty: its value is read and dropped.
    dropped: bool,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    faults: Vec<TreeFault>,
}

impl Builder {
    /// Whether the text could be read to its end.
    fn run(&mut self, text: &str) -> bool {
        let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => {
                    if !self.event(event, &span) {
                        return false;
                    }
                }
                Err(error) => {
                    self.faults.push(syntax_fault(text, place_of(error.marker()), error.info()));
                    return false;
                }
            }
        }
        true
    }

    /// Whether to read on.
    fn event(&mut self, event: Event<'_>, span: &Span) -> bool {
        let place = place_of(&span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.fault(place, "a second document begins here; write one document in a file".to_owned());
                    return false;
                }
            }
            Event::Alias(_) => {
                self.fault(place, "aliases (*name) are not read; write the value out".to_owned());
                self.complete(Node { place, value: Value::Broken });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(place, anchor, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                self.complete(Node { place, value: Value::Scalar(Scalar { text: text.into_owned(), plain }) });
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(place, anchor, tag.is_some());
                self.open.push(Open::List { place, items: Vec::new() });
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(place, anchor, tag.is_some());
                self.open.push(Open::Map { place, entries: Vec::new(), lines: HashMap::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { place, items }) => self.complete(Node { place, value: Value::List(items) }),
                Some(Open::Map { place, entries, .. }) => self.complete(Node { place, value: Value::Map(entries) }),
                None => {}
            },
        }
        if self.open.len() > DEPTH_MAX {
            self.fault(place, format!("maps and lists nest deeper than {DEPTH_MAX}"));
            return false;
        }
        true
    }

    fn refuse_extras(&mut self, place: Position, anchor: usize, tagged: bool) {
        if anchor > 0 {
            self.fault(place, "anchors (&name) are not read; write the value out where it is needed".to_owned());
        }
        if tagged {
            self.fault(place, "tags (!name) are not read; remove it".to_owned());
        }
    }

    /// A value or a key was read whole: hands it to what it stands in.
    fn complete(&mut self, node: Node) {
        let place = node.place;
        let wrong = match self.open.last_mut() {
            None => {
                self.root = Some(node);
                None
            }
            Some(Open::List { items, .. }) => {
                items.push(node);
                None
            }
            Some(Open::Map { entries, lines, key, .. }) => match key.take() {
                Some(Key { dropped: true, .. }) => None,
                Some(Key { name, place, .. }) => {
                    entries.push(Entry { key: name, key_place: place, value: node });
                    None
                }
                None => {
                    let (read, wrong) = read_key(node, lines);
                    *key = Some(read);
                    wrong
                }
            },
        };
        if let Some(message) = wrong {
            self.fault(place, message);
        }
    }

    fn fault(&mut self, place: Position, message: String) {
        self.faults.push(TreeFault { place, path: self.path(), message });
    }

    /// The path of what is being read.
    fn path(&self) -> String {
        self.open.iter().fold(String::new(), |path, open| match open {
            Open::List { items, .. } => index_step(&path, items.len()),
            Open::Map { key: Some(key), .. } if !key.name.is_empty() => key_step(&path, &key.name),
            Open::Map { .. } => path,
        })
    }
}

/// Reads a key of a map whose keys so far stand in `lines`; with it what is wrong with it.
fn read_key(node: Node, lines: &mut HashMap<String, u32>) -> (Key, Option<String>) {
    let place = node.place;
    let refused = |name: String, message: Option<String>| (Key { name, place, dropped: true }, message);
    let scalar = match node.value {
        Value::Scalar(scalar) => scalar,
        Value::Broken => return refused(String::new(), None),
        Value::List(_) | Value::Map(_) => {
            return refused(String::new(), Some("a key is text; found a map or a list".to_owned()));
        }
    };
    if scalar.is_null() || scalar.text.is_empty() {
        return refused(String::new(), Some("a key is empty; name it".to_owned()));
    }
    let name = scalar.text;
    if name == "<<" && scalar.plain {
        return refused(name, Some("merge keys are not read; write the keys out".to_owned()));
    }
    if let Some(first) = lines.get(&name) {
        let message = format!("stands twice, first on line {first}; keep one");
        return refused(name, Some(message));
    }
    lines.insert(name.clone(), place.line);
    (Key { name, place, dropped: false }, None)
}

/// What the parser says, with the column, and with a hint for the commonest slips. It has no path: what is open there may
/// be what was never meant to be.
fn syntax_fault(text: &str, place: Position, info: &str) -> TreeFault {
    let fault = |place, message| TreeFault { place, path: String::new(), message };
    let lines = text.lines().count().max(1);
    let index = usize::try_from(place.line).unwrap_or(usize::MAX).saturating_sub(1);
    let Some(line) = text.lines().nth(index) else {
        let end = self::place(lines, 1);
        return fault(end, format!("not YAML at the end of the file: {info}"));
    };
    let tabbed = line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    let hint = match (tabbed, line.contains("${")) {
        (true, _) => "; indent with spaces, not with tabs",
        (false, true) => "; write \"${...}\" in double quotes",
        (false, false) => "",
    };
    fault(place, format!("not YAML at column {}: {info}{hint}", place.column))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(u32, String, String)> {
        parse(text).faults.into_iter().map(|fault| (fault.place.line, fault.path, fault.message)).collect()
    }

    #[test]
    fn keys_and_values_keep_their_places() {
        let parsed = parse("a:\n  - b: x\n    c: [1, 'two']\n");
        assert!(parsed.faults.is_empty());
        let Some(Node { value: Value::Map(entries), .. }) = &parsed.root else { panic!("{parsed:?}") };
        let Value::List(items) = &entries[0].value.value else { panic!("{entries:?}") };
        let Value::Map(fields) = &items[0].value else { panic!("{items:?}") };
        assert_eq!((fields[1].key_place, fields[1].value.place), (place(3, 5), place(3, 8)));
        let Value::List(values) = &fields[1].value.value else { panic!("{fields:?}") };
        assert_eq!(values[1].place, place(3, 12));
    }

    #[test]
    fn what_is_not_read_of_yaml_is_told_with_its_place() {
        for (text, line, path, message) in [
            ("a: 1\nb: 2\na: 3", 3, "a", "first on line 1"),
            ("a: &x 1", 1, "a", "anchors"),
            ("a: {b: 1}\nc: &x 1\nd: *x", 2, "c", "anchors"),
            ("a: !!str 1", 1, "a", "tags"),
            ("a: 1\n---\nb: 1", 2, "", "second document"),
            ("a: {<<: {b: 1}}", 1, "a[\"<<\"]", "merge keys are not read"),
            ("x:\n  [1, 2]: 3", 2, "x", "a key is text"),
            ("x:\n  \"\": 3", 2, "x", "a key is empty"),
            ("a:\n\tb: 1", 2, "", "not with tabs"),
            ("a: {b: ${env['X']}}", 1, "", "in double quotes"),
            ("a: [1", 1, "", "not YAML at the end of the file"),
            ("a: 1\nb: \"x\u{0}y\"\nc: 1", 2, "", "U+0000"),
        ] {
            let found = faults(text);
            let (at, named, said) = found.first().unwrap_or_else(|| panic!("{text:?} has no fault"));
            let meant = *at == line && (named == path || path.is_empty()) && said.contains(message);
            assert!(meant, "{text:?}: {found:?}");
        }
    }

    #[test]
    fn depth_is_bounded_and_ends_quickly() {
        for text in ["[".repeat(200_000), "- ".repeat(200_000), "{a: ".repeat(200_000), "? ".repeat(100_000)] {
            assert!(parse(&text).root.is_none());
        }
    }

    #[test]
    fn an_empty_text_is_an_empty_map() {
        for text in ["", "# nothing\n", "---\n", "~\n"] {
            let parsed = parse(text);
            let Some(Node { value: Value::Map(entries), .. }) = parsed.root else { panic!("{text:?}") };
            assert!(entries.is_empty() && parsed.faults.is_empty());
        }
    }
}
