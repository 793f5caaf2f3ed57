//! Style that matters is a test: the borders between modules, and what keeps the repository readable. What keeps the data
//! path from falling over is the compiler's to hold: see the lints in `src/lib.rs` and `clippy.toml`.
//!
//! Each rule is reported with its reason where it is broken, and has a test that it can be. A rule that stands in the way
//! of something right is changed here, in the same commit, with the reason.

#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use source::{Source, Token};

/// What each module of `src` may name, in the order of the layers, top first; see "Architecture" in README.md.
/// A module names only what stands below it, siblings of a layer never name each other.
const LAYERS: [(&str, &str); 19] = [
    ("boot", "admin shard listener session table upstream net tls rewrite route config wire cluster metrics sys x509"),
    ("admin", "metrics"),
    ("shard", "listener session table upstream net tls rewrite route config wire cluster metrics sys x509"),
    ("listener", "session table upstream net tls route config cluster metrics sys"),
    ("session", "table upstream net tls rewrite route auth config wire cluster metrics sys x509"),
    ("table", "upstream tls route config cluster"),
    ("upstream", "net tls rewrite config wire cluster metrics sys"),
    ("net", "tls metrics sys"),
    ("tls", "config cluster metrics x509"),
    ("rewrite", "auth wire cluster metrics"),
    ("route", "config cluster metrics x509"),
    ("auth", ""),
    ("config", "cluster x509"),
    ("wire", "cluster metrics"),
    ("cluster", ""),
    ("metrics", ""),
    ("sys", ""),
    ("x509", ""),
    // The crate's root names the modules, `main` calls boot; neither holds anything.
    (
        "",
        "boot admin shard listener session table upstream net tls rewrite route auth config wire cluster metrics sys x509",
    ),
];

/// Lines of a file that is read from top to bottom.
const FILE_LINES_MAX: usize = 500;

/// Files that are one table, and why cutting them would make them worse.
const TABLES: [(&str, &str); 3] = [
    (
        "tests/laws/a_broken_configuration_is_refused_with_every_fault.rs",
        "one broken configuration after the other, as data",
    ),
    ("src/rewrite/rules.rs", "one row for each API: what is served is seen in one place"),
    (
        "src/wire/layouts.rs",
        "made from Kafka's own definitions by a command, see tests/rewriting/layouts_are_kafkas_own.rs",
    ),
];

/// What may stand at the top of the repository.
const TOP_LEVEL: [&str; 19] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "clippy.toml",
    "config",
    "deny.toml",
    "fuzz",
    "loadtest",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "src",
    "systemd",
    "tests",
];

/// Hosts that a file may name in a URL: public documentation. What a build downloads from is the user's own setting.
const HOSTS: [&str; 13] = [
    "127.0.0.1",
    "cwiki.apache.org",
    "doc.rust-lang.org",
    "docs.kernel.org",
    "docs.rs",
    "github.com",
    "kafka.apache.org",
    "keepachangelog.com",
    "man7.org",
    "maven.apache.org",
    "rustup.rs",
    "semver.org",
    "www.apache.org",
];

/// Folders that are somebody's own machine when a path begins with them.
const MACHINE_FOLDERS: [&str; 6] = ["Users", "home", "mnt", "root", "tmp", "work"];

/// A file of the repository.
struct File {
    path: String,
    text: String,
    source: Source,
}

impl File {
    fn new(path: &str, text: &str) -> File {
        let rust = path.ends_with(".rs");
        File { path: path.into(), text: text.into(), source: if rust { Source::read(text) } else { Source::default() } }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The path of this file's module below `src`: `["admin", "server"]`, `[]` for the crate's roots.
    fn module(&self) -> Option<Vec<&str>> {
        let path = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let path = path.strip_suffix("/mod").unwrap_or(path);
        Some(if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').collect() })
    }
}

/// A rule: its name, its reason, and the places (with what is wrong there) where it does not hold.
struct Rule {
    name: &'static str,
    reason: &'static str,
    broken: fn(&[File]) -> Vec<String>,
}

const RULES: [Rule; 7] = [
    Rule {
        name: "imports point down",
        reason: "a module that knows who stands above it cannot be read, tested or replaced alone; \
                 the table LAYERS says what each may name",
        broken: imports_that_point_elsewhere,
    },
    Rule {
        name: "glommio is named in src/shard/executor.rs",
        reason: "the maintained line of glommio calls itself a stopgap: replacing it must be a day's work",
        broken: |files| crates_outside(files, "glommio", &["src/shard/executor.rs"]),
    },
    Rule {
        name: "io_uring is named in src/sys and src/net",
        reason: "the rest speaks of bytes and actions, so that it runs in tests without a ring",
        broken: |files| crates_outside(files, "io_uring", &["src/sys/", "src/net/"]),
    },
    Rule {
        name: "no unfinished code",
        reason: "what is not built is refused with a sentence, not left behind",
        broken: unfinished_code,
    },
    Rule {
        name: "a file is read in one go",
        reason: "one concept a file, 100 to 300 lines; a pure table may be long and is listed in TABLES",
        broken: long_files,
    },
    Rule {
        name: "a file of src begins with what it owns",
        reason: "the head comment says what belongs here and what does not",
        broken: headless_files,
    },
    Rule {
        name: "the repository holds no place of one machine",
        reason: "paths and hosts of the machine it was written on are wrong on every other",
        broken: places_of_one_machine,
    },
];

/// Kept apart from [`RULES`] because it is about the repository, not about a text.
const TOP_LEVEL_RULE: Rule = Rule {
    name: "everything has its place",
    reason: "a file outside the known places is a leftover, or needs a line in TOP_LEVEL",
    broken: strangers_at_the_top,
};

fn imports_that_point_elsewhere(files: &[File]) -> Vec<String> {
    let tests = test_files(files);
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| !tests.contains(&file.path)) {
        let Some(module) = file.module() else { continue };
        let own = module.first().copied().unwrap_or_default();
        let Some((_, may)) = LAYERS.iter().find(|(name, _)| *name == own) else {
            broken.push(format!("{}: the module {own} has no row in LAYERS", file.path));
            continue;
        };
        for (line, named) in named_modules(&file.source.product(), module.len()) {
            let known = LAYERS.iter().any(|(name, _)| *name == named);
            if known && named != own && !may.split(' ').any(|name| name == named) {
                broken.push(format!("{}:{line}: {own} names {named}", file.path));
            }
        }
    }
    broken
}

/// The modules of the crate that stand behind `crate::`, or behind as many `super::` as lead to the crate's root.
fn named_modules(tokens: &[Token], depth: usize) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let supers = (0..).take_while(|n| is(tokens, at + 2 * n, "super") && is(tokens, at + 2 * n + 1, "::")).count();
        if is(tokens, at, "crate") && is(tokens, at + 1, "::") {
            named.extend(heads(&tokens[at + 2..]));
        } else if supers > 0 && supers == depth {
            named.extend(heads(&tokens[at + 2 * supers..]));
        }
        at += 1 + 2 * supers;
    }
    named
}

fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| !token.literal && token.text == text)
}

/// The first word of a path, or of each path in a group in braces.
fn heads(tokens: &[Token]) -> Vec<(usize, String)> {
    if !is(tokens, 0, "{") {
        return tokens.iter().take(1).map(|token| (token.line, token.text.clone())).collect();
    }
    let mut found = Vec::new();
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {
                let before = &tokens[at - 1].text;
                if depth == 1 && (before == "{" || before == ",") {
                    found.push((token.line, token.text.clone()));
                }
            }
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// A crate is named where its name does not follow another path's `::` or a `.`.
fn crates_outside(files: &[File], name: &str, places: &[&str]) -> Vec<String> {
    let outside =
        |file: &&File| file.path.starts_with("src/") && !places.iter().any(|place| file.path.starts_with(place));
    let mut broken = Vec::new();
    for file in files.iter().filter(outside) {
        let tokens = &file.source.tokens;
        for at in 0..tokens.len() {
            let within = at > 0 && (is(tokens, at - 1, "::") || is(tokens, at - 1, "."));
            let path = is(tokens, at + 1, "::") || (at > 0 && is(tokens, at - 1, "use"));
            if is(tokens, at, name) && path && !within {
                broken.push(format!("{}:{}: {name}", file.path, tokens[at].line));
            }
        }
    }
    broken
}

fn unfinished_code(files: &[File]) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let tokens = &file.source.tokens;
        for at in 0..tokens.len() {
            let word = tokens[at].text.as_str();
            let unfinished = matches!(word, "todo" | "unimplemented" | "dbg");
            if unfinished && !tokens[at].literal && is(tokens, at + 1, "!") {
                broken.push(format!("{}:{}: {word}!", file.path, tokens[at].line));
            }
        }
        for (line, text) in &file.source.comments {
            if ["TODO", "FIXME", "XXX"].iter().any(|mark| text.contains(mark)) {
                broken.push(format!("{}:{line}: {}", file.path, text.trim()));
            }
        }
    }
    broken
}

fn long_files(files: &[File]) -> Vec<String> {
    let table = |file: &File| TABLES.iter().any(|(path, _)| *path == file.path);
    let long = |file: &&File| file.is_rust() && file.text.lines().count() > FILE_LINES_MAX && !table(file);
    files.iter().filter(long).map(|file| format!("{}: {} lines", file.path, file.text.lines().count())).collect()
}

fn headless_files(files: &[File]) -> Vec<String> {
    let headless = |file: &&File| {
        let head = file.text.lines().next().unwrap_or_default();
        file.module().is_some() && head.strip_prefix("//! ").is_none_or(|text| !text.contains(' '))
    };
    files.iter().filter(headless).map(|file| format!("{}:1: no `//!` sentence", file.path)).collect()
}

fn places_of_one_machine(files: &[File]) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let place = |what: &str| format!("{}:{}: {what}", file.path, number + 1);
            broken.extend(machine_paths(line).map(&place));
            broken.extend(strange_hosts(line).map(&place));
        }
    }
    broken
}

/// Absolute paths that begin with one of [`MACHINE_FOLDERS`].
fn machine_paths(line: &str) -> impl Iterator<Item = &str> {
    let paths = line.split(|c: char| c.is_whitespace() || "\"'`=()[]{}<>,;|:".contains(c));
    paths.filter(|path| {
        let mut parts = path.split('/');
        parts.next() == Some("")
            && parts.next().is_some_and(|first| MACHINE_FOLDERS.contains(&first))
            && parts.next().is_some_and(|second| !second.is_empty())
    })
}

/// Hosts of URLs that are not in [`HOSTS`]. An address with a placeholder in it, or below `example`, is nobody's.
fn strange_hosts(line: &str) -> impl Iterator<Item = &str> {
    let hosts = line.split("://").skip(1).map(|rest| {
        let end = rest.find(|c: char| c != '.' && c != '-' && !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        rest[..end].trim_end_matches('.')
    });
    hosts.filter(|host| {
        let nobodys = host.is_empty() || *host == "example" || host.ends_with(".example") || !host.contains('.');
        !nobodys && !HOSTS.contains(host)
    })
}

fn strangers_at_the_top(files: &[File]) -> Vec<String> {
    let tops: BTreeSet<&str> = files.iter().filter_map(|file| file.path.split('/').next()).collect();
    tops.into_iter().filter(|top| !TOP_LEVEL.contains(top)).map(String::from).collect()
}

/// The files of `src` that are compiled for tests only.
fn test_files(files: &[File]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.starts_with("src/")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let stem = file.path.trim_end_matches(".rs");
        for name in file.source.test_modules() {
            let below = if matches!(stem.rsplit('/').next(), Some("mod" | "lib" | "main")) { folder } else { stem };
            found.insert(format!("{folder}/{name}"));
            found.insert(format!("{below}/{name}.rs"));
            found.insert(format!("{below}/{name}/mod.rs"));
        }
    }
    found
}

/// All files of the repository, new ones that are not ignored included.
fn repository() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The folder may belong to another user, as in a container: this reads names only.
    let list = ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(list).current_dir(root).output().expect("git is needed to list the files");
    assert!(listed.status.success(), "git cannot list the files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
    let mut files = Vec::new();
    for name in names.split_terminator('\0') {
        // A file that was deleted and not yet committed has no text; one that is no text has no lines to check.
        let bytes = std::fs::read(root.join(name)).unwrap_or_default();
        files.push(File::new(name, std::str::from_utf8(&bytes).unwrap_or_default()));
    }
    files
}

#[test]
fn the_repository_keeps_every_rule() {
    let files = repository();
    assert!(files.iter().any(|file| file.path == "src/lib.rs"), "the files were not found");
    let mut message = String::new();
    for rule in RULES.iter().chain([&TOP_LEVEL_RULE]) {
        let places = (rule.broken)(&files);
        if !places.is_empty() {
            message += &format!("\n{}, because {}:\n  {}\n", rule.name, rule.reason, places.join("\n  "));
        }
    }
    assert!(message.is_empty(), "{message}");
}

#[path = "tidy/each_rule_can_break.rs"]
mod each_rule_can_break;

#[path = "tidy/readme.rs"]
mod readme;
