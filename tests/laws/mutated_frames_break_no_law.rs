//! The laws of `fuzz/driver.rs` hold for every seed of the fuzz targets, for what cargo-fuzz found beyond them, for every
//! input that once broke one, and for mutations of all three: 5 seconds of a core, or `KLAMM_FUZZ_SECONDS`, in all.
//!
//! The seeds are messages made from Kafka's own definitions, for every API in every version that is served, with names
//! in every field that has one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::definitions::codec::Value;
use crate::definitions::make::Choose;
use crate::definitions::{Definitions, Entity, Field, Kind};
use crate::driver::{FOREIGN, PREFIX, TARGETS};
use klamm::rewrite::rules;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// Inputs of a target, each from a seed file or made up.
type Inputs = Vec<Vec<u8>>;

const API_VERSIONS: i16 = 18;
/// Longer ones cost time and find nothing more.
const BYTES_MAX: usize = 8 << 10;
/// Inputs of each target that are kept of what cargo-fuzz found.
const FOUND_MAX: usize = 300;

/// Names as they stand in a request, or in a response: every second one is another tenant's there.
struct Names {
    response: bool,
    made: usize,
}

impl Choose for Names {
    fn value(&mut self, field: &Field, version: i16) -> Option<Value> {
        self.made += 1;
        let name = |name: &str| match (self.response, self.made % 4) {
            (false, _) => Value::text(name),
            (true, 0) => Value::text(&format!("{FOREIGN}{name}")),
            (true, _) => Value::text(&format!("{PREFIX}{name}")),
        };
        if field.tagged.has(version) {
            return None;
        }
        match (&field.kind, field.entity, field.name.as_str()) {
            (Kind::Text, Entity::Topic, _) => Some(name("orders")),
            (Kind::Text, Entity::Group, _) | (Kind::Text, _, "Key" | "CoordinatorKeys") => Some(name("app")),
            (Kind::Text, Entity::TransactionalId, _) => Some(name("tx")),
            (Kind::Text, _, "ResourceName") => Some(name("orders")),
            (Kind::Fixed(1), _, "ResourceType") => Some(Value::number(2, 1)),
            (Kind::Text, _, "ProtocolType") => Some(Value::text("consumer")),
            (Kind::Text, _, "ErrorMessage") => Some(Value::text(&format!("Topic '{PREFIX}orders' is none."))),
            (Kind::Text, _, "Host") => Some(Value::text("node.example")),
            (Kind::Fixed(4), Entity::Node, _) => Some(Value::number(i64::try_from(self.made % 5).ok()?, 4)),
            (Kind::Bytes, _, "Metadata" | "MemberMetadata" | "Assignment" | "MemberAssignment") => {
                Some(Value::Bytes(embedded(if self.response { PREFIX } else { "" })))
            }
            (Kind::Records, _, _) => Some(Value::Bytes(vec![0x55; 70])),
            _ => None,
        }
    }

    fn count(&mut self, _field: &Field) -> usize {
        2
    }
}

/// A subscription of the consumer protocol, version 1; as an assignment it is malformed.
fn embedded(prefix: &str) -> Vec<u8> {
    let topic = format!("{prefix}orders");
    let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, topic.len().to_le_bytes()[0]];
    bytes.extend(topic.as_bytes());
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    bytes
}

/// What a client of rustls sends first.
fn client_hello(name: &str) -> Vec<u8> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let mut bytes = Vec::new();
    rustls::ClientConnection::new(config.into(), name).unwrap().write_tls(&mut bytes).unwrap();
    bytes
}

/// The seeds of a target, by a name of their own.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    if target == "frame" {
        let heads: [&[u8]; 4] = [&[0; 12], &[0xff; 12], b"GET / HTTP/1", &[0x80, 0x80, 0x80, 0x80, 0x01]];
        return heads.iter().enumerate().map(|(at, head)| (at.to_string(), head.to_vec())).collect();
    }
    if target == "hello" {
        let names = ["bootstrap-a.k.example", "127.0.0.1", "localhost", "BROKER-1.a.k.example"];
        return names.map(|name| (name.to_owned(), client_hello(name))).to_vec();
    }
    if target == "host_name" {
        let names =
            ["bootstrap-a.k.example", "BROKER-12.A-B.K.example.", "broker-2147483647-broker-1-a-b.k.example", "x"];
        return names.map(|name| (name.to_owned(), name.as_bytes().to_vec())).to_vec();
    }
    let definitions = Definitions::read().unwrap();
    let response = target.starts_with("responses");
    let messages = if response { &definitions.responses } else { &definitions.requests };
    let mut seeds = Vec::new();
    for rule in rules() {
        let message = &messages[&rule.key];
        for version in (rule.min..=rule.max).filter(|version| message.valid.has(*version)) {
            let value = message.make(version, &mut Names { response, made: 0 });
            let body = message.encode(version, &value).bytes;
            let flexible = rule.flexible(version);
            let mut content = Vec::new();
            if !response {
                content.extend([0, 4]);
                content.extend(b"test");
            }
            if flexible && !(response && rule.key == API_VERSIONS) {
                content.push(0);
            }
            content.extend(body);
            for names in [0, 3] {
                let asked = if rule.key == 10 { 0x20 } else { 0 };
                let head = [7, names | asked, u8::try_from(rule.key).unwrap(), u8::try_from(version).unwrap()];
                seeds.push((format!("{}-{version}-{names}", rule.name), [&head[..], &content].concat()));
            }
        }
    }
    seeds
}

/// Inputs that broke a law once.
fn regressions(target: &str) -> Inputs {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target);
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

/// Inputs with which cargo-fuzz reached code that the seeds do not: a line of hexadecimal digits for each.
fn found(target: &str) -> Inputs {
    let text = std::fs::read_to_string(found_file(target)).unwrap_or_default();
    let byte = |at: usize, line: &str| u8::from_str_radix(&line[at..at + 2], 16).expect("hexadecimal digits");
    text.lines().map(|line| (0..line.len()).step_by(2).map(|at| byte(at, line)).collect()).collect()
}

fn found_file(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/found").join(format!("{target}.txt"))
}

fn inputs(target: &str) -> Inputs {
    let seeds = seeds(target).into_iter().map(|(_, seed)| seed);
    seeds.chain(found(target)).chain(regressions(target)).collect()
}

#[test]
fn every_seed_and_regression_keeps_the_laws() {
    for (name, run) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() > 3, "{name} has {} seeds", seeds.len());
        let taken = seeds.iter().filter(|(_, seed)| told(name, run, seed)).count();
        println!("{name}: {taken} of {} seeds are taken", seeds.len());
        assert!(taken * 5 > seeds.len(), "{name}: of {} seeds only {taken} are what they should be", seeds.len());
        for input in found(name).iter().chain(&regressions(name)) {
            told(name, run, input);
        }
    }
}

#[test]
fn mutations_keep_the_laws() {
    let seconds = std::env::var("KLAMM_FUZZ_SECONDS").ok().map_or(5.0, |text| text.parse().unwrap());
    let each = Duration::from_secs_f64(seconds / TARGETS.len() as f64);
    let seed = rand::random();
    println!("the seed of the mutations: {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    for (name, run) in TARGETS {
        let inputs = inputs(name);
        let (end, mut count, mut taken) = (computed() + each, 0, 0);
        while computed() < end {
            taken += usize::from(told(name, run, &mutated(&inputs, &mut random)));
            count += 1;
        }
        println!("{name}: {count} mutations, of which {taken} were taken");
        assert!(count > 100 && taken > 10, "{count} mutations of {name}, {taken} taken");
    }
}

/// For how long this thread has computed: what else the machine does takes nothing from the mutations.
fn computed() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to the struct alone, which outlives it.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// Runs a target, and tells whether the input was taken; one that breaks a law is told, so that it can be kept.
fn told(name: &str, run: fn(&[u8]) -> bool, input: &[u8]) -> bool {
    let outcome = std::panic::catch_unwind(|| run(input));
    outcome.unwrap_or_else(|_| {
        panic!("{name} breaks a law with this input (keep it in fuzz/regressions/{name}): {input:02x?}");
    })
}

/// One input, changed in a few places.
fn mutated(inputs: &Inputs, random: &mut SmallRng) -> Vec<u8> {
    let mut input = inputs.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=input.len());
        let behind = at + random.random_range(0..=16.min(input.len() - at));
        match random.random_range(0..8) {
            0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            1 if at < input.len() => input[at] = *[0, 1, 0x7e, 0x7f, 0x80, 0xfe, 0xff].choose(random).unwrap(),
            2 => drop(input.drain(at..behind)),
            3 => {
                let copy = input[at..behind].to_vec();
                input.splice(at..at, copy);
            }
            4 => {
                let bombs: [&[u8]; 5] =
                    [&[0x7f, 0xff, 0xff, 0xff], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0xff; 10], &[0xff, 0xfe], &[0; 4]];
                let bomb = bombs.choose(random).unwrap();
                let behind = (at + bomb.len()).min(input.len());
                input.splice(at..behind, bomb.iter().copied());
            }
            5 => input.truncate(at),
            6 => {
                let other = inputs.choose(random).unwrap();
                let from = random.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.insert(at, random.random()),
        }
    }
    input.truncate(BYTES_MAX);
    input
}

/// From cargo-fuzz: `KLAMM_FUZZ_FOUND` names the folder with a folder of inputs for each target, minimised (`cargo fuzz cmin`).
/// The shortest of those that are no seeds are kept.
#[test]
#[ignore = "writes files"]
fn found_inputs_are_kept() {
    let folder = PathBuf::from(std::env::var_os("KLAMM_FUZZ_FOUND").expect("KLAMM_FUZZ_FOUND names a folder"));
    for (target, _) in TARGETS {
        let seeds: Inputs = seeds(target).into_iter().map(|(_, seed)| seed).collect();
        let files = std::fs::read_dir(folder.join(target)).unwrap();
        let mut inputs: Inputs = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        inputs.retain(|input| !input.is_empty() && !seeds.contains(input));
        inputs.sort_by_key(|input| (input.len(), input.clone()));
        inputs.truncate(FOUND_MAX);
        let hex = |input: &Vec<u8>| input.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        std::fs::create_dir_all(found_file(target).parent().unwrap()).unwrap();
        std::fs::write(found_file(target), inputs.iter().map(hex).collect::<String>()).unwrap();
    }
}

/// For cargo-fuzz: `KLAMM_FUZZ_SEEDS` names the folder that gets a folder of seeds for each target.
#[test]
#[ignore = "writes files"]
fn seeds_are_written() {
    let folder = PathBuf::from(std::env::var_os("KLAMM_FUZZ_SEEDS").expect("KLAMM_FUZZ_SEEDS names a folder"));
    for (target, _) in TARGETS {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, seed) in seeds(target) {
            std::fs::write(folder.join(name), seed).unwrap();
        }
    }
}
