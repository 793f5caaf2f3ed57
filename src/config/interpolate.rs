//! `${env['NAME']}` and `${file['PATH']}` inside a scalar.
//!
//! Owns what of the world outside the file a value may take. A value that came from there is never shown: errors name
//! the variable or the file only.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::faults::quoted;

/// Largest file that `${file['P']}` inserts: secrets and PEM bundles are far smaller.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// All that one load may insert, so that a small configuration cannot become a huge one.
const TOTAL_BYTES_MAX: usize = 16 << 20;

/// The world outside the configuration file.
pub(super) struct Outside {
    variable: fn(&str) -> Option<OsString>,
    bytes_left: usize,
}

impl Outside {
    /// This process' environment variables, and the file system.
    pub fn process() -> Outside {
        Outside { variable: |name| std::env::var_os(name), bytes_left: TOTAL_BYTES_MAX }
    }

    /// `text` with each `${...}` replaced; `None` where it has none. Paths are relative to `directory`.
    ///
    /// # Errors
    ///
    /// A sentence: what is wrong and what would be right.
    pub fn interpolate(&mut self, text: &str, directory: &Path) -> Result<Option<String>, String> {
        if !text.contains("${") {
            return Ok(None);
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (reference, behind) = Reference::parse(after)?;
            let inserted = self.look_up(reference, directory)?;
            self.bytes_left = self
                .bytes_left
                .checked_sub(inserted.len())
                .ok_or_else(|| format!("the insertions of this configuration exceed {} MiB", TOTAL_BYTES_MAX >> 20))?;
            out.push_str(&inserted);
            rest = behind;
        }
        out.push_str(rest);
        Ok(Some(out))
    }

    fn look_up(&self, reference: Reference<'_>, directory: &Path) -> Result<String, String> {
        match reference {
            Reference::Variable(name) => {
                let shown = quoted(name);
                let value = (self.variable)(name)
                    .ok_or_else(|| format!("the environment variable {shown} is not set; set it for this process"))?;
                let value = value
                    .into_string()
                    .map_err(|_| format!("the environment variable {shown} is not UTF-8; set it to plain text"))?;
                if value.is_empty() {
                    return Err(format!("the environment variable {shown} is empty; give it a value"));
                }
                Ok(value)
            }
            Reference::File(path) => {
                let content = read_inserted(&directory.join(path))
                    .map_err(|error| format!("the file {} {error}", quoted(path)))?;
                // Tools that write a secret to a file end it with a line feed that is not part of it.
                let content = content.strip_suffix('\n').unwrap_or(&content);
                let content = content.strip_suffix('\r').unwrap_or(content);
                if content.is_empty() {
                    return Err(format!("the file {} is empty; write the value into it", quoted(path)));
                }
                Ok(content.to_owned())
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Reference<'t> {
    Variable(&'t str),
    File(&'t str),
}

impl<'t> Reference<'t> {
    /// Reads what stands behind `${`; also gives what stands behind the closing brace.
    fn parse(after: &'t str) -> Result<(Reference<'t>, &'t str), String> {
        let wrong = || "\"${\" begins an insertion; write ${env['NAME']} or ${file['PATH']}".to_owned();
        let (inner, behind) = after.split_once('}').ok_or_else(wrong)?;
        let (kind, name) = inner.split_once("['").ok_or_else(wrong)?;
        let name = name.strip_suffix("']").ok_or_else(wrong)?;
        if name.is_empty() || name.contains(['\'', '\0', '=']) {
            return Err(wrong());
        }
        match kind {
            "env" => Ok((Reference::Variable(name), behind)),
            "file" => Ok((Reference::File(name), behind)),
            _ => Err(wrong()),
        }
    }
}

/// Reads a regular file whole; the error continues the sentence "the file "x" ...".
fn read_inserted(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    // Asked before it is opened: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a regular file; name one".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(format!("is larger than {} KiB; name a smaller one", FILE_BYTES_MAX >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8; name a text file".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside() -> Outside {
        fn variable(name: &str) -> Option<OsString> {
            match name {
                "PORT" => Some("19092".into()),
                "EMPTY" => Some("".into()),
                "NESTED" => Some("${env['PORT']}".into()),
                _ => None,
            }
        }
        Outside { variable, bytes_left: 64 }
    }

    #[test]
    fn variables_and_files_are_inserted_once() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("name"), "desk\r\n").unwrap();
        for (text, meant) in [
            ("plain $ {x}", None),
            ("${env['PORT']}", Some("19092")),
            ("a-${env['PORT']}-${file['name']}-b", Some("a-19092-desk-b")),
            ("${env['NESTED']}", Some("${env['PORT']}")),
        ] {
            let found = outside().interpolate(text, directory.path()).unwrap();
            assert_eq!(found.as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_inserted_is_named_but_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("empty"), "\n").unwrap();
        std::fs::write(directory.path().join("binary"), [0xff, 0xfe]).unwrap();
        std::fs::write(directory.path().join("large"), vec![b'x'; 300 << 10]).unwrap();
        std::fs::write(directory.path().join("secret"), "hunter2-".repeat(9)).unwrap();
        for (text, meant) in [
            ("${env['MISSING']}", "\"MISSING\" is not set"),
            ("${env['EMPTY']}", "\"EMPTY\" is empty"),
            ("${file['missing']}", "\"missing\" cannot be read"),
            ("${file['empty']}", "\"empty\" is empty"),
            ("${file['binary']}", "\"binary\" is not UTF-8"),
            ("${file['large']}", "\"large\" is larger than 256 KiB"),
            ("${file['.']}", "\".\" is not a regular file"),
            ("${file['secret']}", "exceed"),
            ("${vault['x']}", "write ${env['NAME']}"),
            ("${env[PORT]}", "write ${env['NAME']}"),
            ("${env['PORT'", "write ${env['NAME']}"),
        ] {
            let error = outside().interpolate(text, directory.path()).unwrap_err();
            assert!(error.contains(meant) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
