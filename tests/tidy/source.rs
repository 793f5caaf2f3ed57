//! Rust text as tokens and comments: as much of a lexer as the rules need.

use std::collections::BTreeMap;

/// A word, a literal or a punctuation mark; `::` is one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Counted from 1.
    pub line: usize,
    /// As it stands in the file; of a string only what is between the quotes.
    pub text: String,
    /// A string or a character.
    pub literal: bool,
}

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// All tokens.
    pub tokens: Vec<Token>,
    /// Line -> the comment text on it.
    pub comments: BTreeMap<usize, String>,
}

impl Source {
    /// Reads a file's text.
    pub fn read(text: &str) -> Source {
        let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, source: Source::default() };
        while lexer.step() {}
        lexer.source
    }

    /// The tokens without the items under `#[cfg(test)]`; none where the whole file is under `#![cfg(test)]`.
    pub fn product(&self) -> Vec<Token> {
        let mut kept = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            if self.is(at, &["#", "!", "[", "cfg", "(", "test", ")", "]"]) {
                return Vec::new();
            }
            if self.is(at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
                at = self.item_end(at + 7);
            } else {
                kept.push(self.tokens[at].clone());
                at += 1;
            }
        }
        kept
    }

    /// The modules in files of their own that stand under `#[cfg(test)]`: the name, or the path given to it.
    pub fn test_modules(&self) -> Vec<String> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len() {
            if !self.is(at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
                continue;
            }
            let item = &self.tokens[at + 7..self.item_end(at + 7)];
            if let [.., keyword, name, end] = item
                && keyword.text == "mod"
                && end.text == ";"
            {
                let path = item.iter().find(|token| token.literal);
                found.push(path.map_or_else(|| name.text.clone(), |path| path.text.clone()));
            }
        }
        found
    }

    /// The tokens from `at` on are these.
    fn is(&self, at: usize, texts: &[&str]) -> bool {
        self.tokens.len() >= at + texts.len()
            && self.tokens[at..].iter().zip(texts).all(|(token, text)| !token.literal && token.text == *text)
    }

    /// Behind the item that begins at `at`: behind its `;`, or behind the bracket that closes its body.
    fn item_end(&self, at: usize) -> usize {
        let mut depth = 0usize;
        let mut ends_with_semicolon = false;
        for (offset, token) in self.tokens[at.min(self.tokens.len())..].iter().enumerate() {
            if token.literal {
                continue;
            }
            match token.text.as_str() {
                "use" | "const" | "static" | "let" if depth == 0 => ends_with_semicolon = true,
                "fn" if depth == 0 => ends_with_semicolon = false,
                "(" | "[" | "{" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                "}" => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 && !ends_with_semicolon {
                        return at + offset + 1;
                    }
                }
                ";" if depth == 0 => return at + offset + 1,
                _ => {}
            }
        }
        self.tokens.len()
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    source: Source,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn push(&mut self, line: usize, text: String, literal: bool) {
        self.source.tokens.push(Token { line, text, literal });
    }

    /// Reads one thing; false at the end.
    fn step(&mut self) -> bool {
        let Some(c) = self.peek(0) else { return false };
        let line = self.line;
        match (c, self.peek(1)) {
            ('/', Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.take_comment();
                }
            }
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(line, 0, true),
            ('\'', _) => self.quote(line),
            (':', Some(':')) => {
                self.at += 2;
                self.push(line, "::".into(), false);
            }
            (c, _) if c == '_' || c.is_alphanumeric() => self.word(line),
            (c, _) => {
                self.take();
                if !c.is_whitespace() {
                    self.push(line, c.into(), false);
                }
            }
        }
        true
    }

    fn take_comment(&mut self) {
        let line = self.line;
        if let Some(c) = self.take() {
            self.source.comments.entry(line).or_default().push(c);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            let ends = match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    false
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    depth == 0
                }
                (None, _) => return,
                (Some(_), _) => {
                    self.take_comment();
                    continue;
                }
            };
            self.take_comment();
            self.take_comment();
            if ends {
                return;
            }
        }
    }

    /// A word, or a string with a prefix: `b".."`, `r#".."#`.
    fn word(&mut self, line: usize) {
        let mut text = String::new();
        while let Some(c) = self.peek(0).filter(|c| *c == '_' || c.is_alphanumeric()) {
            text.push(c);
            self.at += 1;
        }
        let hashes = (0..).take_while(|ahead| self.peek(*ahead) == Some('#')).count();
        let quote = self.peek(hashes) == Some('"');
        match text.as_str() {
            "b" | "c" if hashes == 0 && quote => self.string(line, 0, true),
            "r" | "br" | "cr" if quote => {
                self.at += hashes;
                self.string(line, hashes, false);
            }
            "b" if self.peek(0) == Some('\'') => self.quote(line),
            _ => self.push(line, text, false),
        }
    }

    fn string(&mut self, line: usize, hashes: usize, escapes: bool) {
        self.take();
        let mut text = String::new();
        while let Some(c) = self.take() {
            if c == '\\' && escapes {
                text.push(c);
                text.extend(self.take());
            } else if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            } else {
                text.push(c);
            }
        }
        self.push(line, text, true);
    }

    /// A character, or a lifetime.
    fn quote(&mut self, line: usize) {
        self.take();
        let escaped = self.peek(0) == Some('\\');
        if !escaped && self.peek(1) != Some('\'') {
            return;
        }
        let mut text = String::new();
        if escaped {
            text.extend(self.take());
        }
        text.extend(self.take());
        while self.peek(0).is_some_and(|c| c != '\'') {
            text.extend(self.take());
        }
        self.take();
        self.push(line, text, true);
    }
}
