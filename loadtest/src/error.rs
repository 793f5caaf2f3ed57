//! What went wrong, as the user reads it: a sentence, what to do about it, and the last lines of the log concerned.
//!
//! Owns the error of this program. It is made of sentences because nothing here branches on the kind of a failure: each
//! ends the step, is printed once, and makes the exit status 1.

use std::fmt;

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure, as a person reads it.
#[derive(Debug)]
pub struct Error {
    what: String,
    remedy: Option<String>,
    log: Vec<String>,
}

impl Error {
    /// A failure in one sentence.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: None, log: Vec::new() }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn try_this(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds the last lines of the log that explains it.
    #[must_use]
    pub fn with_log(mut self, lines: Vec<String>) -> Self {
        self.log = lines;
        self
    }

    /// Adds when it happened.
    #[must_use]
    pub fn during(mut self, what: &str) -> Self {
        self.what = format!("{what}: {}", self.what);
        self
    }

    /// The sentence alone.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.log.is_empty() {
            f.write_str("\nthe last lines of its log:")?;
            for line in &self.log {
                write!(f, "\n  | {line}")?;
            }
        }
        match &self.remedy {
            Some(remedy) => write!(f, "\n{remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// What was being done: words, or what makes them where they are needed.
pub trait Doing {
    /// The words.
    fn words(self) -> String;
}

impl Doing for &str {
    fn words(self) -> String {
        self.to_owned()
    }
}

impl<F: FnOnce() -> String> Doing for F {
    fn words(self) -> String {
        self()
    }
}

/// Adds what was being done to a library's error.
pub trait Context<T> {
    /// Puts `doing` before the error's own words: "doing: error".
    fn doing(self, doing: impl Doing) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn doing(self, doing: impl Doing) -> Result<T> {
        self.map_err(|error| Error::new(format!("{}: {error}", doing.words())))
    }
}
