//! The keys of a reference configuration, and what it says of each.

/// A key that stands in the reference, with the lines that go with it.
pub struct Key<'t> {
    pub line: usize,
    pub indent: usize,
    pub name: &'t str,
    /// It is the first of a list's item.
    pub dash: bool,
    /// What the comment behind it says, its first word.
    pub word: &'t str,
}

/// The keys of a reference, in their order.
pub fn keys(text: &str) -> Vec<Key<'_>> {
    let mut keys = Vec::new();
    for (line, content) in text.lines().enumerate() {
        let trimmed = content.trim_start();
        let plain = trimmed.strip_prefix("- ").unwrap_or(trimmed);
        let Some((name, rest)) = plain.split_once(':') else { continue };
        if name.starts_with('#') {
            continue;
        }
        let comment = rest.rsplit_once("# ").map_or("", |(_, comment)| comment);
        let word = comment.split([' ', ':']).next().unwrap_or("");
        let dash = plain.len() < trimmed.len();
        keys.push(Key { line, indent: content.len() - trimmed.len(), name, dash, word });
    }
    keys
}

/// `text` without `key` and what is indented under it.
pub fn without(text: &str, key: &Key<'_>) -> String {
    let indent_of = |line: &str| line.len() - line.trim_start().len();
    let own = key.indent + if key.dash { 2 } else { 0 };
    let mut out = Vec::new();
    let mut under = false;
    for (number, line) in text.lines().enumerate() {
        let blank = line.trim_start().is_empty() || line.trim_start().starts_with('#');
        if number == key.line {
            under = true;
            if key.dash {
                out.push(format!("{}-", " ".repeat(key.indent)));
            }
            continue;
        }
        under &= number < key.line || blank || indent_of(line) > own;
        if !under {
            out.push(line.to_owned());
        }
    }
    out.join("\n")
}

/// `text` with a key that nobody knows before `key`, in the same map.
pub fn with_unknown_key(text: &str, key: &Key<'_>) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = lines[key.line].replacen("- ", "  ", usize::from(key.dash));
    // As deep as the key itself, with its dash where it is the first of a list's item.
    let dash = if key.dash { "- " } else { "" };
    let first = format!("{}{dash}qqqqqqqqqqqq: 1", " ".repeat(key.indent));
    lines.splice(key.line..=key.line, [first, line]);
    lines.join("\n")
}
