//! A rule that cannot fail proves nothing: each gets a text that breaks it, and one beside it that does not.

use super::*;

/// What the named rule says to these files.
fn broken(rule: &str, files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
    let found = RULES.iter().find(|candidate| candidate.name == rule).expect(rule);
    (found.broken)(&files)
}

#[test]
fn imports_point_down() {
    let rule = "imports point down";
    for (path, text, named) in [
        ("src/wire/a.rs", "use crate::rewrite::Rule;", "wire names rewrite"),
        ("src/wire/a.rs", "use crate::{cluster::NodeId, session::{self, net}};", "wire names session"),
        ("src/wire/mod.rs", "fn f() { super::net::g() }", "wire names net"),
        ("src/wire/a.rs", "fn f() { super::super::net::g() }", "wire names net"),
        ("src/rewrite/a/b.rs", "use super::super::super::{cluster, route};", "rewrite names route"),
        ("src/route/mod.rs", "\n\nuse crate::rewrite;", "src/route/mod.rs:3"),
        ("src/cluster/mod.rs", "macro_rules! m { () => { $crate::metrics::f() } }", "cluster names metrics"),
        ("src/newcomer/mod.rs", "", "newcomer has no row"),
    ] {
        let places = broken(rule, &[(path, text)]);
        assert!(places.len() == 1 && places[0].contains(named), "{text}: {places:?}");
    }
    for (path, text) in [
        ("src/session/a.rs", "use crate::{wire, net::Ring}; use super::b; use crate::session::c;"),
        ("src/wire/a/b.rs", "use super::super::in_flight; use super::net;"),
        (
            "src/wire/a.rs",
            "// use crate::net;\nconst S: &str = \"crate::net::x\"; /* crate::net::x /* y */ crate::net */",
        ),
        ("src/wire/a.rs", "#[cfg(test)]\nmod tests { use crate::net; fn f() {} }\nuse crate::cluster;"),
        ("src/wire/a.rs", "#[cfg(test)]\nuse crate::{net::{x}, shard};\nuse crate::cluster;"),
        ("src/lib.rs", "pub mod boot; use crate::boot::main;"),
        ("loadtest/src/main.rs", "use crate::net;"),
    ] {
        assert_eq!(broken(rule, &[(path, text)]), Vec::<String>::new(), "{text}");
    }
    let by_name = [("src/wire/a.rs", "#[cfg(test)] mod t;"), ("src/wire/a/t.rs", "use crate::net;")];
    assert_eq!(broken(rule, &by_name), Vec::<String>::new());
    let by_path = [("src/wire/a.rs", "#[cfg(test)] #[path = \"b.rs\"] mod t;"), ("src/wire/b.rs", "use crate::net;")];
    assert_eq!(broken(rule, &by_path), Vec::<String>::new());
    assert_eq!(broken(rule, &by_path[1..]).len(), 1);
}

#[test]
fn the_table_itself_points_down_and_past_siblings() {
    let at = |name: &str| LAYERS.iter().position(|(module, _)| *module == name).expect(name);
    let siblings =
        [["rewrite", "route", "tls"].as_slice(), &["auth", "config", "wire"], &["cluster", "metrics", "sys"]];
    for (module, may) in LAYERS {
        for named in may.split(' ').filter(|named| !named.is_empty()) {
            assert!(at(named) > at(module) || module.is_empty(), "{module} names {named}");
            assert!(
                !siblings.iter().any(|layer| layer.contains(&module) && layer.contains(&named)),
                "{module} {named}"
            );
        }
    }
}

#[test]
fn two_crates_have_their_places() {
    let glommio = "glommio is named in src/shard/executor.rs";
    assert_eq!(broken(glommio, &[("src/shard/mod.rs", "use glommio::Task;")]), ["src/shard/mod.rs:1: glommio"]);
    assert_eq!(broken(glommio, &[("src/boot/a.rs", "glommio::yield_if_needed()")]).len(), 1);
    assert!(
        broken(glommio, &[("src/shard/executor.rs", "use glommio::Task;"), ("src/net/a.rs", "// glommio::x")])
            .is_empty()
    );
    let ring = "io_uring is named in src/sys and src/net";
    assert_eq!(broken(ring, &[("src/shard/a.rs", "use io_uring;")]).len(), 1);
    assert!(
        broken(ring, &[("src/net/a.rs", "use io_uring::x;"), ("src/boot/a.rs", "crate::sys::io_uring::probe()")])
            .is_empty()
    );
}

#[test]
fn nothing_is_unfinished() {
    let unfinished = "no unfinished code";
    for text in [
        "todo!()",
        "unimplemented!()",
        "dbg!(a)",
        concat!("// TO", "DO: later"),
        "#[cfg(test)] mod t { fn f() { todo!() } }",
    ] {
        assert_eq!(broken(unfinished, &[("loadtest/src/a.rs", text)]).len(), 1, "{text}");
    }
    assert!(broken(unfinished, &[("src/a.rs", "let todo = 1; f(\"todo!()\");"), ("a.md", "dbg!")]).is_empty());
}

#[test]
fn files_are_short_and_have_a_head() {
    let long = "a\n".repeat(FILE_LINES_MAX + 1);
    let rule = "a file is read in one go";
    assert_eq!(broken(rule, &[("src/net/a.rs", &long)]).len(), 1);
    assert!(broken(rule, &[("src/net/a.rs", &long[2..]), (TABLES[0].0, &long), ("README.md", &long)]).is_empty());
    let rule = "a file of src begins with what it owns";
    for text in ["", "use a;\n//! Late.", "// No doc.", "//! net", "\n//! Late."] {
        assert_eq!(broken(rule, &[("src/net/a.rs", text)]).len(), 1, "{text}");
    }
    assert!(
        broken(rule, &[("src/net/a.rs", "//! Owns it."), ("tests/a.rs", ""), ("loadtest/src/a.rs", "")]).is_empty()
    );
}

#[test]
fn no_place_of_one_machine() {
    let rule = "the repository holds no place of one machine";
    for folder in MACHINE_FOLDERS {
        for text in
            [format!("cd /{folder}/x"), format!("path: \"/{folder}/x/y\""), format!("PATH=/usr/bin:/{folder}/x")]
        {
            assert_eq!(broken(rule, &[("any.yaml", &text)]).len(), 1, "{text}");
        }
    }
    for scheme in ["https", "http", "registry+https"] {
        let text = format!("see\n{scheme}:{}mirror.invalid/index", "//");
        assert_eq!(broken(rule, &[("Cargo.lock", &text)]), ["Cargo.lock:2: mirror.invalid"], "{text}");
    }
    for text in [
        "https://github.com/a/b, http://127.0.0.1:9644/ready, http://{host}/, http://gateway.example:1/, kafka://",
        "/usr/bin/klamm a/home/b /workers/x/y ./tmp/x /rootless/x homework/x",
    ] {
        assert_eq!(broken(rule, &[("README.md", text)]), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn everything_has_its_place() {
    let files = ["src/a.rs", "tests/a.rs", "notes.txt", "scratch/a", "README.md"].map(|path| File::new(path, ""));
    assert_eq!((TOP_LEVEL_RULE.broken)(&files), ["notes.txt", "scratch"]);
}
