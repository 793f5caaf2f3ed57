//! Whatever the bytes of a configuration are: it is loaded or refused, quickly and without a panic.

use std::path::Path;
use std::time::{Duration, Instant};

use klamm::config;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const REFERENCE: &str = include_str!("../../config/reference.yaml");
/// For one load on a busy machine; alone none takes a twentieth.
const LOAD_DURATION_MAX: Duration = Duration::from_secs(20);
/// What a mutation puts in: what means something in YAML or to the reader.
const PIECES: [&str; 28] = [
    "\0",
    "\t",
    "\n",
    "\r",
    "  ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "!!",
    "|\n",
    ">\n",
    "<<: ",
    "---\n",
    "${env['PATH']}",
    "${file['.']}",
    "${",
    "-1",
    "99999999999999999999",
    "\u{feff}",
    "\u{10ffff}",
];

/// Loads the bytes; whether they were refused, each fault with something to say.
fn refused(bytes: &[u8]) -> bool {
    let begin = Instant::now();
    let found = config::load_bytes(Path::new("fuzz.yaml"), bytes);
    let refused = match &found {
        Ok(snapshot) => {
            assert!(!config::print(snapshot).is_empty());
            false
        }
        Err(faults) => {
            assert!(faults.count() > 0 && faults.iter().all(|fault| !fault.message().is_empty()));
            assert!(!faults.to_string().is_empty());
            true
        }
    };
    assert!(begin.elapsed() < LOAD_DURATION_MAX, "{:?}: {}", begin.elapsed(), String::from_utf8_lossy(bytes));
    refused
}

/// The reference without its comments, so that a mutation hits something.
fn seed_text() -> String {
    let content = REFERENCE.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty());
    content.map(|line| line.split(" # ").next().unwrap_or("").to_owned() + "\n").collect()
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    let at = rng.random_range(0..=bytes.len());
    let until = rng.random_range(at..=bytes.len().min(at + 40));
    match rng.random_range(0..6) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..until)),
        2 => {
            let piece = PIECES[rng.random_range(0..PIECES.len())];
            bytes.splice(at..at, piece.bytes());
        }
        3 => {
            let piece = PIECES[rng.random_range(0..PIECES.len())];
            bytes.splice(at..until, piece.bytes());
        }
        4 => {
            let copy = bytes[at..until].to_vec();
            let to = rng.random_range(0..=bytes.len());
            bytes.splice(to..to, copy);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.random();
            }
        }
    }
}

#[test]
fn every_truncation_of_the_reference_ends() {
    let text = seed_text();
    assert!(!refused(text.as_bytes()));
    let count = (0..text.len()).filter(|end| refused(&text.as_bytes()[..*end])).count();
    assert!(count > text.len() / 2, "{count}");
}

#[test]
fn random_mutations_of_the_reference_end() {
    let text = seed_text();
    let mut rng = StdRng::seed_from_u64(3);
    let mut outcomes = [0, 0];
    for _ in 0..20_000 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..rng.random_range(1..5) {
            mutate(&mut bytes, &mut rng);
        }
        outcomes[usize::from(refused(&bytes))] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 100), "loaded, refused: {outcomes:?}");
}

/// Files as large as they may be, each made to be slow somewhere.
#[test]
fn bombs_end() {
    let fill = |piece: &str| piece.repeat(((1 << 20) - 4096) / piece.len());
    let range = "[".to_owned() + &fill("\"1-65535\",") + "]";
    let listener = "- {name: a, addresses: [\"0.0.0.0\"], ports: [\"1-65535\"], policies: \
                    [{type: forward_to_virtual_cluster, config: {type: port_mapping, advertised_host: a}}]}\n";
    let same = listener.replace("1-65535", "1-2").replace("0.0.0.0", "::");
    let addresses = |listener: usize| -> String {
        let addresses: Vec<String> = (0..64).map(|n| format!("10.{}.{}.{n}", listener >> 8, listener & 255)).collect();
        format!("- {{name: l{listener}, addresses: [{}], ports: [9], policies: []}}\n", addresses.join(", "))
    };
    let addresses: String = (0..900).map(addresses).collect();
    let tenant = |n: usize| format!("- {{name: t{n}, destination: {{name: a}}, namespace: {{mode: hide_prefix}}}}\n");
    let tenants: String = (0..14_000).map(tenant).collect();
    let tenants =
        "backend_clusters: [{name: a, bootstrap_servers: [\"a:1\"]}]\nvirtual_clusters:\n".to_owned() + &tenants;
    let names = |begin: &str, piece: &str, end: &str| {
        let namespace = format!("{{mode: hide_prefix, additional: {{{begin}{}{end}}}}}", fill(piece));
        format!("virtual_clusters: [{{name: vc, destination: {{name: a}}, namespace: {namespace}}}]")
    };
    let keys: String = (0..60_000).map(|key| format!("k{key}: 1\n")).collect();
    let labels: String = (0..60_000).map(|key| format!("    k{key}: 1\n")).collect();
    let name = "x".repeat(1 << 18);
    let deep: String = (0..30).map(|depth| format!("{}k{depth}:\n", " ".repeat(depth))).collect();
    for (what, text) in [
        ("ranges", format!("listeners: [{{name: a, addresses: [\"::\"], ports: {range}}}]")),
        ("listeners", format!("listeners:\n{}", fill(listener))),
        ("same port", format!("listeners:\n{}", fill(&same))),
        ("one port, many addresses", format!("listeners:\n{addresses}")),
        ("keys", keys),
        ("labels", format!("node:\n  labels:\n{labels}")),
        ("names", format!("backend_clusters: [{{name: {name}, bootstrap_servers: [\"{name}:1\"]}}]")),
        ("long keys", format!("{name}: {{{name}: 1}}")),
        ("same keys", fill("a: 1\n")),
        ("insertions", format!("node: {{description: \"{}\"}}", fill("${env['PATH']}"))),
        ("brackets", fill("[")),
        ("dashes", fill("- ")),
        ("nulls", format!("listeners:\n{}", fill("-\n"))),
        ("flow", "[".to_owned() + &fill("[],")),
        ("flow keys", "{".to_owned() + &fill("a,")),
        ("questions", fill("? ")),
        ("tenants", tenants),
        ("topics", names("topics: [{type: exact_list, exact_list: [", "{backend: vc.x},", "]}]")),
        ("globs", names("topics: [", "{type: glob, glob: \"*a*a*a*b\"},", "]")),
        ("groups", names("consumer_groups: [{type: exact_list, exact_list: [", "{value: v},", "]}]")),
        ("quote", format!("a: \"{}", fill("x\n\n"))),
        ("block", format!("a: |\n{}", fill("  x\n"))),
        ("comments", fill("#\n")),
        ("spaces", fill(" ")),
        ("anchors", fill("&a ")),
        ("deep", deep + &fill("\n")),
        ("documents", fill("---\n")),
    ] {
        assert!(text.len() <= 1 << 20, "{what} is refused for its size: {}", text.len());
        assert!(refused(text.as_bytes()), "{what}");
    }
}
