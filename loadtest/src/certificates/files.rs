//! Files that are written once: keys for their owner alone, and nothing over what is there without --force.

use crate::error::{Context as _, Error, Result};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// For the owner alone, and for everybody to read.
const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// What was written, in order, each with what it is.
pub struct Files {
    force: bool,
    /// Written now.
    pub written: Vec<(PathBuf, String)>,
    /// There before, and left as they were.
    pub kept: Vec<PathBuf>,
}

impl Files {
    /// Nothing yet. `force`: what is there is replaced.
    pub fn new(force: bool) -> Files {
        Files { force, written: Vec::new(), kept: Vec::new() }
    }

    /// Whether a file is to be written. One that is kept is noted.
    pub fn wanted(&mut self, path: &Path) -> bool {
        let written = self.written.iter().any(|(before, _)| before == path);
        let wanted = !written && (self.force || !path.exists());
        if !wanted && !written && !self.kept.iter().any(|before| before == path) {
            self.kept.push(path.to_owned());
        }
        wanted
    }

    /// Whether a certificate and its key are to be written.
    pub fn pair_wanted(&mut self, certificate: &Path, key: &Path) -> Result<bool> {
        if !self.force && certificate.exists() != key.exists() {
            let (there, missing) = if key.exists() { (key, certificate) } else { (certificate, key) };
            let what = format!(
                "{} is there, and {} is not: one was not made for the other",
                there.display(),
                missing.display()
            );
            return Err(Error::new(what).try_this("Bring the missing one back, remove the other one, or add --force."));
        }
        let (first, second) = (self.wanted(certificate), self.wanted(key));
        Ok(first && second)
    }

    /// Writes what everybody may read.
    pub fn public(&mut self, path: &Path, text: &str, what: impl Into<String>) -> Result<()> {
        self.write(path, text, PUBLIC, what.into())
    }

    /// Writes what only its owner may read.
    pub fn secret(&mut self, path: &Path, text: &str, what: impl Into<String>) -> Result<()> {
        self.write(path, text, SECRET, what.into())
    }

    fn write(&mut self, path: &Path, text: &str, mode: u32, what: String) -> Result<()> {
        let doing = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).doing(doing)?;
        }
        // Removed first, so that the mode is right from the first byte on.
        if self.force && path.exists() {
            fs::remove_file(path).doing(doing)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).doing(doing)?;
        file.write_all(text.as_bytes()).doing(doing)?;
        self.written.push((path.to_owned(), what));
        Ok(())
    }
}
