//! The exposition is read back as a scraper would.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::metrics::Numbers;

/// Family name -> type; series (name with labels) -> value.
struct Read {
    types: BTreeMap<String, String>,
    series: BTreeMap<String, f64>,
}

/// Reads OpenMetrics 1.0 text, as far as it is used here, and refuses everything else.
fn read(text: &str) -> Read {
    let body = text.strip_suffix("# EOF\n").expect("ends with # EOF");
    let mut read = Read { types: BTreeMap::new(), series: BTreeMap::new() };
    let mut family = (String::new(), String::new());
    for line in body.lines() {
        if let Some(head) = line.strip_prefix("# HELP ") {
            let (name, help) = head.split_once(' ').expect(line);
            assert!(help.len() > 5 && help.ends_with('.') && !help.contains(['\\', '\n']), "{line}");
            family = (name.to_owned(), String::new());
        } else if let Some(head) = line.strip_prefix("# TYPE ") {
            let (name, kind) = head.split_once(' ').expect(line);
            assert_eq!(name, family.0, "{line}");
            family.1 = kind.to_owned();
            assert!(read.types.insert(name.to_owned(), kind.to_owned()).is_none(), "a family twice: {line}");
        } else {
            let (series, value) = line.rsplit_once(' ').expect(line);
            let name = series.split('{').next().expect(line);
            let suffix = match family.1.as_str() {
                "counter" => "_total",
                "gauge" => "",
                "info" => "_info",
                other => panic!("unexpected type {other}"),
            };
            assert_eq!(name, format!("{}{suffix}", family.0), "{line}");
            let value: f64 = value.parse().expect(line);
            assert!(value >= 0.0 && value.is_finite(), "{line}");
            assert!(read.series.insert(series.to_owned(), value).is_none(), "a series twice: {line}");
        }
    }
    read
}

impl Read {
    fn sum(&self, family: &str) -> f64 {
        let own =
            |series: &str| series == family || series.strip_prefix(family).is_some_and(|rest| rest.starts_with('{'));
        self.series.iter().filter(|(series, _)| own(series)).map(|(_, value)| value).sum()
    }
}

/// A shard that lived: connections came, some of them went.
fn lived(random: &mut StdRng) -> Sample {
    let numbers = Numbers::default();
    for _ in 0..random.random_range(0..200) {
        Numbers::count(&numbers.accepted, 1);
        Numbers::count(&numbers.active, 1);
        Numbers::count(&numbers.client_bytes_in, random.random_range(0..1 << 40));
        if random.random_bool(0.7) {
            numbers.active.set(numbers.active.get() - 1);
            numbers.close(Cause::ALL[random.random_range(0..Cause::ALL.len())]);
        }
    }
    numbers.sample()
}

fn report(shards: Vec<Option<Sample>>) -> Report {
    let lab = BackendReport {
        name: "lab".into(),
        catalogue_version: 3,
        nodes: 3,
        refreshed_at_seconds: Some(1_795_000_000.25),
        last_error: None,
    };
    let odd = BackendReport { name: "o\"d\\d".into(), ..BackendReport::default() };
    Report {
        shards,
        backends: vec![lab, odd],
        accepting: true,
        draining: false,
        log_lines_lost: 9,
        started_at_seconds: 1_794_000_000.5,
        reloads: ReloadReport { succeeded: 2, failed: 1, succeeded_at_seconds: 1_796_000_000.5, differing: 4 },
        certificates: vec![
            CertificateReport {
                side: Side::Client,
                holder: "door".into(),
                subjects: vec![("CN=a".into(), 1_800_000_001), ("*.b.example".into(), 1_800_000_002)],
            },
            CertificateReport { side: Side::Backend, holder: "lab".into(), subjects: vec![("CN=k".into(), 7)] },
        ],
    }
}

fn shown(report: Report) -> String {
    let process = Process { cpu_seconds: Some(1.25), resident_bytes: Some(4096), open_descriptors: Some(17) };
    exposition(report, process).expect("a string takes everything")
}

#[test]
fn accepted_is_active_plus_closed_whatever_happened() {
    let mut random = StdRng::seed_from_u64(20_261_120);
    for shards in 0..40 {
        let samples: Vec<_> = (0..shards % 9).map(|_| random.random_bool(0.9).then(|| lived(&mut random))).collect();
        let answered = samples.iter().flatten().count();
        let read = read(&shown(report(samples.clone())));
        assert_eq!(
            read.sum("klamm_connections_accepted_total"),
            read.sum("klamm_connections_active") + read.sum("klamm_connections_closed_total")
        );
        let bytes: u64 = samples.iter().flatten().map(|sample| sample.client_bytes_in).sum();
        assert_eq!(read.sum("klamm_client_bytes_in_total"), bytes as f64);
        assert_eq!(read.sum("klamm_shards"), samples.len() as f64);
        assert_eq!(read.sum("klamm_shards_unresponsive"), (samples.len() - answered) as f64);
        let per_shard = read.series.keys().filter(|name| name.starts_with("klamm_connections_active{")).count();
        assert_eq!(per_shard, answered);
    }
}

#[test]
fn all_causes_are_there_from_the_start() {
    let read = read(&shown(report(vec![Some(Sample::default())])));
    for cause in Cause::ALL {
        let series = format!("klamm_connections_closed_total{{cause=\"{}\"}}", cause.label());
        assert_eq!(read.series.get(&series), Some(&0.0), "{series}");
    }
    assert_eq!(read.series.keys().filter(|name| name.contains("{cause=")).count(), Cause::ALL.len());
}

#[test]
fn every_number_of_a_shard_is_shown_and_the_rest_under_its_name() {
    let read = read(&shown(report(vec![Some(Sample::default())])));
    for number in Sample::DESCRIBED {
        assert!(read.types.contains_key(&format!("klamm_{}", number.name)), "{}", number.name);
    }
    for (series, value) in [
        ("klamm_catalogue_version{backend_cluster=\"lab\"}", 3.0),
        ("klamm_catalogue_version{backend_cluster=\"o\\\"d\\\\d\"}", 0.0),
        ("klamm_catalogue_nodes{backend_cluster=\"lab\"}", 3.0),
        ("klamm_catalogue_refreshed_timestamp_seconds{backend_cluster=\"lab\"}", 1_795_000_000.25),
        ("klamm_reloads_total{result=\"ok\"}", 2.0),
        ("klamm_reloads_total{result=\"failed\"}", 1.0),
        ("klamm_reload_success_timestamp_seconds", 1_796_000_000.5),
        ("klamm_reload_differences", 4.0),
        ("klamm_certificates_expiry_timestamp_seconds{side=\"client\",name=\"door\"}", 1_800_000_001.0),
        ("klamm_certificates_expiry_timestamp_seconds{side=\"backend\",name=\"lab\"}", 7.0),
        (
            "klamm_certificate_expiry_timestamp_seconds{side=\"client\",name=\"door\",subject=\"*.b.example\"}",
            1_800_000_002.0,
        ),
        ("klamm_log_lines_lost_total", 9.0),
        ("klamm_accepting", 1.0),
        ("klamm_draining", 0.0),
        (concat!("klamm_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
        ("process_start_time_seconds", 1_794_000_000.5),
        ("process_cpu_seconds_total", 1.25),
        ("process_resident_memory_bytes", 4096.0),
        ("process_open_fds", 17.0),
    ] {
        assert_eq!(read.series.get(series), Some(&value), "{series}");
    }
    assert_eq!(read.types.get("klamm_held_bytes").map(String::as_str), Some("gauge"));
    assert_eq!(read.series.keys().filter(|name| name.contains("refreshed_timestamp")).count(), 1);
}

#[test]
fn what_is_shown_per_shard_exists() {
    let names: BTreeSet<&str> = Sample::DESCRIBED.iter().map(|number| number.name).collect();
    assert!(PER_SHARD.iter().all(|name| names.contains(name)));
}
