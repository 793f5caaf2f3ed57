//! Bad input and bad luck: each ends with a sentence and an exit status that is not 0, and keeps what was measured.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn loadtest(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    // Messages are wrapped: a sentence is looked for without its line breaks.
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).replace('\n', " ")).concat()
}

fn refuses(args: &[&str], sentence: &str) {
    let output = loadtest(args).output().unwrap();
    let text = text(&output);
    assert!(!output.status.success(), "{args:?}: {text}");
    assert!(text.contains(sentence), "{args:?}: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

fn json(file: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn impossible_values_are_refused() {
    for (args, sentence) in [
        (&["run", "--connections", "0"][..], "0 is not in 1..="),
        (&["run", "--connections", "9999999"], "is not in 1..="),
        (&["run", "--rate", "0"], "0 is not in 1..="),
        (&["run", "--seconds", "0"], "0 is not in 1..="),
        (&["run", "--record-bytes", "1GiB"], "a number, or one with B, KiB or MiB"),
        (&["run", "--record-bytes", "300MiB"], "from 1B to 256MiB"),
        (&["run", "--record-bytes", "100MiB", "--batch-records", "100"], "is more than"),
        (&["run", "--fetch-version", "11"], "11 is not in 12..=17"),
        (&["run", "--acks", "2"], "invalid value '2'"),
        (&["run", "--idempotent"], "add --acks all"),
        (&["run", "--load", "storm", "--connections", "5000"], "at most 512 connections"),
        (&["run", "--target", "direct", "--virtual-clusters", "7"], "more than one virtual cluster"),
        (&["run", "--bootstrap", "kafka1"], "HOST:PORT"),
        (&["run", "--pid", "1"], "--bootstrap"),
        (&["run", "--load-core", "9999"], "there is no core 9999"),
        (&["run", "--klamm-set", "admin=x"], "cannot be set here"),
        (&["run", "--target", "klamm", "--klamm-set", "limits.nope=1"], "unknown key"),
        (&["compare", "--only", "P4"], "there are the figures P1, P2"),
        (&["compare", "--proxy-core", "0", "--load-core", "0"], "a core of its own"),
        (&["compare", "--load-core", "9999"], "there is no core 9999"),
        (&["compare", "--variant", "x"], "no '='"),
        (&["compare", "--rounds", "0"], "0 is not in 1..=100"),
        (&["compare", "--quick", "--rounds", "3"], "cannot be used with"),
        (&["compare", "--klamm-binary", "/no/such/klamm"], "there is no such file"),
        (&["compare", "--variant", "a=shards=1", "--variant", "a=shards=1"], "two proxies are called a"),
    ] {
        refuses(args, sentence);
    }
}

#[test]
fn an_unreachable_bootstrap_and_files_that_cannot_be_written_are_errors() {
    refuses(&["run", "--bootstrap", "127.0.0.1:1,name.invalid:9092"], "no Kafka answers: 127.0.0.1:1: cannot connect");
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("results");
    let inside = inside.to_str().unwrap();
    refuses(&["run", "--target", "direct", "--json", inside], "cannot write");
    refuses(&["compare", "--results", inside], "cannot write results to");
}

#[test]
fn descriptors_that_do_not_suffice_are_an_error_with_both_numbers() {
    let program = env!("CARGO_BIN_EXE_loadtest");
    for command in ["run --target direct --connections 200", "compare --only P2", "figures --connections 500"] {
        let output = Command::new("sh").arg("-c").arg(format!("ulimit -n 300 && exec {program} {command}")).output();
        let output = output.unwrap();
        assert!(!output.status.success());
        let text = text(&output);
        assert!(text.contains("descriptors are needed, the hard limit is 300"), "{command}: {text}");
    }
}

/// The child of a process in which Klamm runs; others, such as one that asks for the commit, come and go.
fn klamm_of(parent: u32) -> Option<u32> {
    let pids = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent_of = |pid: &u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    let is_klamm = |pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|argument| argument == b"__klamm")
    };
    let mut children = pids.filter(|pid| parent_of(pid) == Some(parent) && is_klamm(pid));
    children.next()
}

fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "it did not come to be");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A gateway that dies midway: the error has its status, and what was measured until then is kept.
#[test]
fn a_gateway_that_dies_leaves_a_partial_result() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("run.json");
    let args = ["run", "--target", "klamm", "--seconds", "300", "--warm-up", "0", "--connections", "2", "--json"];
    let run = loadtest(&args).arg(&file).spawn().unwrap();
    let gateway = until(|| klamm_of(run.id()));
    // It has answered for more than a second when the first sample would be there; the file is written at the end only.
    std::thread::sleep(Duration::from_secs(4));
    let status = Command::new("kill").args(["-s", "KILL", &gateway.to_string()]).status().unwrap();
    assert!(status.success());
    let output = run.wait_with_output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Klamm ended by itself (signal: 9"), "{text}");
    let written = json(&file);
    assert_eq!(written["complete"], false);
    assert!(written["failure"].as_str().unwrap().contains("Klamm ended by itself"), "{written}");
}

/// A comparison that is stopped by SIGTERM keeps its rounds and marks them partial; one that goes on to its end
/// has every round, whether or not the machine was quiet.
#[test]
fn a_comparison_keeps_its_rounds() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().to_str().unwrap();
    let common =
        ["--proxy", "klamm,klamm-hide", "--seconds", "1", "--warm-up", "0", "--tries", "1", "--results", results];
    let file = || -> Option<serde_json::Value> {
        let mut files = fs::read_dir(directory.path()).unwrap().flatten().map(|entry| entry.path());
        files.find(|path| path.extension().is_some_and(|end| end == "json")).map(|path| json(&path))
    };
    let stopped = loadtest(&["compare", "--only", "P10", "--rounds", "100"]).args(common).spawn().unwrap();
    until(|| file().filter(|written| written["workloads"][0]["series"][1]["rounds"][0].is_object()));
    let status = Command::new("kill").args(["-s", "TERM", &stopped.id().to_string()]).status().unwrap();
    assert!(status.success());
    let output = stopped.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let written = file().unwrap();
    assert_eq!(written["complete"], false);
    assert!(written["failure"].as_str().unwrap().contains("stopped by Ctrl-C"), "{written}");

    for entry in fs::read_dir(directory.path()).unwrap().flatten() {
        fs::remove_file(entry.path()).unwrap();
    }
    let output =
        loadtest(&["compare", "--only", "produce-1k-10000,P7", "--rounds", "2"]).args(common).output().unwrap();
    let (text, written) = (text(&output), file().unwrap());
    assert_eq!(output.status.success(), written["complete"].as_bool().unwrap(), "{text}");
    if !output.status.success() {
        assert!(text.contains("the machine is too noisy for a conclusion"), "{text}");
    }
    for workload in written["workloads"].as_array().unwrap() {
        let series = workload["series"].as_array().unwrap();
        let names: Vec<&str> = series.iter().map(|one| one["variant"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["klamm", "klamm-hide", "klamm-again"]);
        for series in series {
            let rounds = series["rounds"].as_array().unwrap();
            assert_eq!(rounds.len(), 2);
            assert!(rounds.iter().all(|round| round["requests"].as_u64() > Some(0)), "{series}");
            assert!(rounds.iter().all(|round| round["cpu_seconds"].as_f64() > Some(0.0)), "{series}");
            // Each has some turns in every second; they are kept where they are compared.
            let turns = |round: &serde_json::Value| round["turns"].as_array().map_or(0, Vec::len);
            let kept = rounds.iter().all(|round| turns(round) >= 2);
            assert_eq!(kept, workload["name"] == "latency-10000", "{series}");
        }
    }
    assert_eq!(written["workloads"].as_array().map(Vec::len), Some(2));
    assert!(written["machine"]["kernel"].is_string());
}
