//! Files that are written once: keys for their owner alone, and nothing over what is there without --force.

use super::authority::Issued;
use super::named::Pair;
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

    /// Writes a certificate and its key, if they are to be written. Fails when one of them is there without the other.
    pub fn pair(&mut self, pair: &Pair, what: impl Into<String>, issue: impl FnOnce() -> Result<Issued>) -> Result<()> {
        let Pair { certificate, key } = pair;
        if !self.force && certificate.exists() != key.exists() {
            let (there, missing) = if key.exists() { (key, certificate) } else { (certificate, key) };
            let (there, missing) = (there.display(), missing.display());
            let what = format!("{there} is there, and {missing} is not: one was not made for the other");
            return Err(Error::new(what).try_this("Bring the missing one back, remove the other one, or add --force."));
        }
        let (first, second) = (self.wanted(certificate), self.wanted(key));
        if first && second {
            let issued = issue()?;
            self.write(certificate, &issued.certificate, PUBLIC, what.into())?;
            self.write(key, &issued.key, SECRET, "its key".to_owned())?;
        }
        Ok(())
    }

    /// Writes what everybody may read, if it is to be written.
    pub fn public(
        &mut self,
        path: &Path,
        what: impl Into<String>,
        text: impl FnOnce() -> Result<String>,
    ) -> Result<()> {
        if self.wanted(path) { self.write(path, &text()?, PUBLIC, what.into()) } else { Ok(()) }
    }

    /// Writes what only its owner may read, if it is to be written.
    pub fn secret(
        &mut self,
        path: &Path,
        what: impl Into<String>,
        text: impl FnOnce() -> Result<String>,
    ) -> Result<()> {
        if self.wanted(path) { self.write(path, &text()?, SECRET, what.into()) } else { Ok(()) }
    }

    /// Whether a file is to be written. One that is kept is noted.
    fn wanted(&mut self, path: &Path) -> bool {
        let written = self.written.iter().any(|(before, _)| before == path);
        let wanted = !written && (self.force || !path.exists());
        if !wanted && !written && !self.kept.iter().any(|before| before == path) {
            self.kept.push(path.to_owned());
        }
        wanted
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

/// The text of a file.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).doing(|| format!("cannot read {}", path.display()))
}
