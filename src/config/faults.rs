//! What is wrong with a configuration, and where.
//!
//! Owns the faults' shape and their text. May not decide what a fault is.

use std::fmt;
use std::sync::Arc;

/// Columns that a printed fault may take.
const COLUMNS_MAX: usize = 100;
/// Characters of a file's own text that a message repeats.
const QUOTE_CHARS_MAX: usize = 60;
/// Faults kept of one load; the rest are counted. A file of this many faults is not what was meant.
const FAULTS_MAX: usize = 256;

/// Where something stands in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The file, as it was named to us.
    pub file: Arc<str>,
    /// The file's turn among the files of a directory.
    pub order: usize,
    /// 1-based; 0 where the whole file is meant.
    pub line: u32,
    /// 1-based; 0 where the whole line is meant.
    pub column: u32,
    /// For example `listeners[0].ports[1]`; empty where the whole file is meant.
    pub path: String,
}

impl Spot {
    /// `klamm.yaml:12`, for a message that names a second place.
    pub fn file_and_line(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    spot: Spot,
    message: String,
}

impl Fault {
    /// The file, as it was named to `load`; in a directory: the directory and the file's name.
    pub fn file(&self) -> &str {
        &self.spot.file
    }

    /// The line, counted from 1; `None` where the file as a whole is meant.
    pub fn line(&self) -> Option<u32> {
        (self.spot.line > 0).then_some(self.spot.line)
    }

    /// The path of the field, for example `listeners[0].ports[1]`; empty where the file as a whole is meant.
    pub fn path(&self) -> &str {
        &self.spot.path
    }

    /// What is wrong and what would be right. Holds no text that came from `${env[..]}` or `${file[..]}`.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.file().to_owned();
        if let Some(line) = self.line() {
            text.push_str(&format!(":{line}"));
        }
        text.push_str(": ");
        if !self.path().is_empty() {
            text.push_str(&format!("{}: ", self.path()));
        }
        text.push_str(&self.message);
        f.write_str(&wrapped(&text))
    }
}

/// Everything that is wrong with a configuration, in the order of the files and their lines.
///
/// `Display` prints each fault as `file:line: path: message`, wrapped at 100 columns with its further lines indented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    kept: Vec<Fault>,
    left_out: usize,
}

impl Faults {
    /// The faults, in the order of the files and their lines; at most the first 256 that were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.kept.iter()
    }

    /// How many were found, those that `iter` leaves out included.
    pub fn count(&self) -> usize {
        self.kept.len() + self.left_out
    }

    pub(super) fn add(&mut self, spot: Spot, message: String) {
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(Fault { spot, message });
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn sort(&mut self) {
        self.kept.sort_by(|a, b| {
            let key = |fault: &Fault| (fault.spot.order, fault.spot.line, fault.spot.column);
            key(a).cmp(&key(b))
        });
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.kept.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        if self.left_out > 0 {
            write!(f, "\nand {} more", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A piece of the file as a message may show it: in quotes, control characters escaped, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(QUOTE_CHARS_MAX) {
        match c {
            '\'' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(QUOTE_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    format!("\"{shown}\"")
}

/// `1 port`, `2 ports`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Breaks `text` between words so that no line is longer than `COLUMNS_MAX`, as far as its words allow.
fn wrapped(text: &str) -> String {
    const INDENT: &str = "    ";
    let mut out = String::with_capacity(text.len());
    let mut width = 0;
    for word in text.split(' ') {
        let word_width = word.chars().count();
        if width > 0 && width + 1 + word_width > COLUMNS_MAX {
            out.push('\n');
            out.push_str(INDENT);
            width = INDENT.len();
        } else if !out.is_empty() {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += word_width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(line: u32) -> Spot {
        Spot { file: "klamm.yaml".into(), order: 0, line, column: 1, path: "listeners[0].ports[1]".to_owned() }
    }

    #[test]
    fn a_fault_prints_file_line_path_and_message_within_100_columns() {
        let mut faults = Faults::default();
        faults.add(spot(12), "\"19095-19092\" is a range that ends before it begins".to_owned());
        faults.add(spot(3), "word ".repeat(60));
        faults.sort();
        let text = faults.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.starts_with("klamm.yaml:3: listeners[0].ports[1]: word word"), "{text}");
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("    word")), "{text}");
        let last = "klamm.yaml:12: listeners[0].ports[1]: \"19095-19092\" is a range that ends before it begins";
        assert_eq!(text.lines().last(), Some(last));
    }

    #[test]
    fn faults_beyond_the_bound_are_counted() {
        let mut faults = Faults::default();
        for line in 0..300 {
            faults.add(spot(line), "wrong".to_owned());
        }
        assert_eq!((faults.iter().count(), faults.count()), (256, 300));
        assert!(faults.to_string().ends_with("\nand 44 more"));
    }

    #[test]
    fn quoted_text_is_escaped_and_cut() {
        assert_eq!(quoted("a'\u{1b}[31m\n\""), "\"a'\\u{1b}[31m\\n\\\"\"");
        assert!(quoted(&"x".repeat(1000)).len() < 70);
    }
}
