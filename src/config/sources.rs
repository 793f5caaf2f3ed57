//! A path -> the parsed files it stands for: the file, or the `*.yaml` files of the directory in the order of names.
//!
//! Owns the bounds on how much is read. May not know any key of the configuration.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::Context;
use super::reader::Source;
use super::tree::{self, Position};

/// Largest configuration file. A thousand virtual clusters take half of it.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Files of a directory.
const FILES_MAX: usize = 256;

/// The whole file is meant.
const WHOLE: Position = Position { line: 0, column: 0 };

/// Reads and parses what `path` stands for; what cannot be read is reported.
pub(super) fn read(path: &Path, cx: &mut Context) -> Vec<Source> {
    let mut sources = Vec::new();
    for (order, path) in files(path, cx).iter().enumerate() {
        let bytes = read_bounded(path);
        sources.push(match bytes {
            Ok(bytes) => parse(path, order, &bytes, cx),
            Err(message) => unread(path, order, &message, cx),
        });
    }
    sources
}

/// Parses the bytes of the file named `path`; what is wrong is reported.
pub(super) fn parse(path: &Path, order: usize, bytes: &[u8], cx: &mut Context) -> Source {
    if bytes.len() > FILE_BYTES_MAX {
        let message = format!("is larger than {} KiB; split it into the files of a directory", FILE_BYTES_MAX >> 10);
        return unread(path, order, &message, cx);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.iter().take(error.valid_up_to());
            let line = good.filter(|byte| **byte == b'\n').count() + 1;
            return unread(path, order, &format!("is not UTF-8: the first wrong byte is on line {line}"), cx);
        }
    };
    let parsed = tree::parse(text);
    let source = source(path, order, parsed.root);
    for fault in parsed.faults {
        cx.fault(&source.spot(fault.place, fault.path), fault.message);
    }
    cx.names_incomplete |= source.root.is_none();
    source
}

fn source(path: &Path, order: usize, root: Option<tree::Node>) -> Source {
    let directory = path.parent().unwrap_or(Path::new(""));
    Source { label: path.to_string_lossy().into(), order, directory: Arc::from(directory), root }
}

fn unread(path: &Path, order: usize, message: &str, cx: &mut Context) -> Source {
    let source = source(path, order, None);
    cx.fault(&source.spot(WHOLE, String::new()), message);
    cx.names_incomplete = true;
    source
}

/// The files to read. A name in the directory that was likely meant to be read and is not is a fault.
fn files(path: &Path, cx: &mut Context) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    let names = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<PathBuf>, _>>());
    match names {
        Ok(mut paths) => {
            paths.retain(|path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")));
            paths.sort();
            for path in paths {
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("yaml") => found.push(path),
                    Some("yml") => {
                        unread(&path, found.len(), "is not read: only names that end in .yaml are; rename it", cx);
                    }
                    Some(_) | None => {}
                }
            }
        }
        Err(error) => {
            unread(path, 0, &format!("cannot be read: {error}"), cx);
            return found;
        }
    }
    if found.is_empty() {
        unread(path, 0, "the directory has no file whose name ends in .yaml", cx);
    }
    if found.len() > FILES_MAX {
        unread(path, 0, &format!("the directory has more than {FILES_MAX} files of configuration"), cx);
        found.clear();
    }
    found
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| format!("cannot be read: {error}"))
}
