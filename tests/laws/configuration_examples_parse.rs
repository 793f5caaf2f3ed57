//! The configurations in `config/` load, and what the reference says of each key is true.

use std::path::Path;
use std::time::Duration;

use crate::reference_support::{keys, with_unknown_key, without};
use klamm::cluster::{Additional, AddressMap, Exact, Mode, Namespace, NodeId};
use klamm::config::{self, Admin, Limits, Shards, Snapshot};

const MINIMAL: &str = include_str!("../../config/minimal.yaml");
const TWO_TENANTS: &str = include_str!("../../config/two-tenants.yaml");
const REFERENCE: &str = include_str!("../../config/reference.yaml");
const REFERENCE_TLS: &str = include_str!("../../config/reference-tls.yaml");

fn load(text: &str) -> Snapshot {
    config::load_bytes(Path::new("test.yaml"), text.as_bytes()).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// What clients of the listener's first virtual cluster are told.
fn addresses(snapshot: &Snapshot, listener: usize) -> &AddressMap {
    snapshot.listeners[listener].forwards[0].targets().next().unwrap().1
}

#[test]
fn the_minimal_configuration_is_a_transparent_gateway() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/minimal.yaml");
    let snapshot = config::load(&path).unwrap();
    assert_eq!(snapshot, load(MINIMAL));
    assert_eq!(&*snapshot.virtual_clusters[0].name, "passthrough");
    assert_eq!(snapshot.backend_clusters[0].bootstrap_servers[0].to_string(), "127.0.0.1:9092");
    assert_eq!(snapshot.listeners[0].ports, [19092, 19093, 19094, 19095]);
    let addresses = addresses(&snapshot, 0);
    let AddressMap::Ports(mapping) = addresses else { panic!("{addresses:?}") };
    assert_eq!(mapping.bootstrap_port, Some(19092));
    let node = addresses.advertised(NodeId(2)).unwrap();
    assert_eq!((&*node.host(), node.port), ("localhost", 19095));
    assert_eq!(config::listening_sockets(&snapshot, 2), 8);
    let summary = config::summary(&snapshot, 2);
    assert_eq!(summary, "1 backend cluster, 1 virtual cluster, 1 listener: 8 listening sockets on 2 shards");
    assert_eq!(config::warnings(&snapshot), [""; 0]);
    let named = MINIMAL.replace("type: port_mapping", "type: port_mapping, destination: {name: passthrough}");
    assert_eq!(load(&named), snapshot);
}

#[test]
fn two_tenants_have_each_a_prefix_and_a_listener() {
    let snapshot = load(TWO_TENANTS);
    for (index, (cluster, prefix)) in [("vc-alice", "vc-alice."), ("vc-bob", "vc-bob.")].into_iter().enumerate() {
        assert_eq!(&*snapshot.virtual_clusters[index].name, cluster);
        assert_eq!(snapshot.listeners[index].forwards[0].targets().next().unwrap().0, index);
        let names = snapshot.virtual_clusters[index].namespace.as_ref().unwrap();
        assert_eq!((names.mode, &*names.prefix), (Mode::HidePrefix, prefix));
        assert_eq!(names.uniform_prefix(), Some(prefix.as_bytes()));
        assert_eq!(*names.all_prefixes, ["vc-alice.".into(), "vc-bob.".into()]);
    }
    assert_eq!(config::warnings(&snapshot), [""; 0]);
}

#[test]
fn the_reference_has_a_whole_namespace() {
    let exact =
        |physical: &str, virtual_name: &str| Exact { physical: physical.into(), virtual_name: virtual_name.into() };
    let meant = Namespace {
        mode: Mode::HidePrefix,
        prefix: "vc-a.".into(),
        topics: Additional { exact: vec![exact("clicks", "all-clicks")], globs: vec!["shared-*".into()] },
        groups: Additional { exact: vec![exact("legacy-group", "legacy-group")], globs: vec![] },
        aliases: vec![("orders".into(), "orders-v2".into())],
        all_prefixes: ["vc-a.".into()].into(),
    };
    assert_eq!(load(REFERENCE).virtual_clusters[0].namespace.as_deref(), Some(&meant));
}

#[test]
fn the_reference_shows_the_defaults_of_the_node() {
    assert_eq!(config::listening_sockets(&load(REFERENCE), 3), 2 * 5 * 3);
    let reference = load(REFERENCE).node;
    assert_eq!(reference.limits, Limits::default());
    assert_eq!(reference.drain_duration, Duration::from_secs(30));
    assert_eq!(reference.shards, Shards::Auto);
    assert_eq!(reference.admin, Admin::Address(([127, 0, 0, 1], 9644).into()));
    let minimal = load(MINIMAL).node;
    assert_eq!(config::Node { description: None, labels: minimal.labels.clone(), ..reference }, minimal);
}

#[test]
fn the_word_behind_each_key_of_the_reference_is_true() {
    let whole = load(REFERENCE);
    let keys = keys(REFERENCE);
    assert!(keys.len() > 50, "{}", keys.len());
    for key in &keys {
        let text = without(REFERENCE, key);
        let found = config::load_bytes(Path::new("test.yaml"), text.as_bytes());
        let place = format!("line {}, {}: {found:?}", key.line + 1, key.name);
        match key.word {
            "default" => assert!(found.is_ok_and(|snapshot| snapshot == whole), "{place}"),
            "required" => assert!(found.is_err_and(|faults| !faults.to_string().contains("not YAML")), "{place}"),
            "optional" => assert!(found.is_ok(), "{place}"),
            other => panic!("{place}: the comment begins with {other:?}"),
        }
    }
}

#[test]
fn the_bounds_in_the_reference_are_those_that_hold() {
    let mut told = 0;
    for key in keys(REFERENCE) {
        let lines: Vec<&str> = REFERENCE.lines().collect();
        let (head, _) = lines[key.line].split_once(':').unwrap();
        for beyond in ["99999999999999999999", "99999999999999999999h"] {
            let line = format!("{head}: {beyond}");
            let text: Vec<&str> =
                lines.iter().enumerate().map(|(at, old)| if at == key.line { &*line } else { old }).collect();
            let Err(faults) = config::load_bytes(Path::new("test.yaml"), text.join("\n").as_bytes()) else { continue };
            let Some(bounds) = faults.iter().find_map(|fault| fault.message().split_once("must be ")) else { continue };
            let bounds = bounds.1.split(':').next().unwrap();
            let comment: Vec<&str> = lines[..key.line]
                .iter()
                .rev()
                .map(|line| line.trim())
                .take_while(|line| line.starts_with('#'))
                .collect();
            // What stands under `node_ports` is bounded by the listener's ports before all.
            let said = comment.iter().any(|line| line.contains(bounds)) || key.name == "100";
            assert!(said, "{} must be {bounds}; the comment above it says {comment:?}", key.name);
            told += 1;
        }
    }
    assert!(told >= 15, "{told}");
}

#[test]
fn every_key_that_is_known_stands_in_the_reference() {
    // Keys of TLS and host names have a reference of their own.
    let present: Vec<&str> = keys(REFERENCE).iter().chain(&keys(REFERENCE_TLS)).map(|key| key.name).collect();
    let mut maps = 0;
    // An unknown key in each map makes the reader tell the keys it knows there.
    for key in keys(REFERENCE) {
        let found = config::load_bytes(Path::new("test.yaml"), with_unknown_key(REFERENCE, &key).as_bytes());
        // The maps whose keys are free: an unknown label is none, a node id that is no number is told otherwise.
        let Err(faults) = found else { continue };
        for fault in &faults {
            let Some((_, known)) = fault.message().split_once("known here: ") else { continue };
            maps += 1;
            for known in known.split(", ") {
                let documented = present.contains(&known) || known == "socket" && REFERENCE.contains("{socket: ");
                assert!(documented, "{known} of {} is not in the reference", fault.path());
            }
        }
    }
    assert!(maps > 40, "{maps}");
}

#[test]
fn what_is_printed_loads_to_the_same() {
    let other = r#"
node: {shards: [0, 3], admin: {socket: /run/klamm/admin.sock}, drain_duration: 1500ms, labels: {a: "1"},
       limits: {connections_max: 100, connections_per_source_max: 10, memory_bytes_max: 1GiB, idle: 90s}}
backend_clusters:
  - {name: a, bootstrap_servers: ["a.example:9092", "[::1]:9093"], metadata_update_interval_seconds: 5}
  - {name: b, bootstrap_servers: ["b.example:9092"], description: "true"}
virtual_clusters:
  - {name: "1", destination: {name: b}}
  - {name: two, destination: {name: a}, description: "two\nlines: with # and 'quotes'"}
  - {name: open, destination: {name: a}, topic_aliases: [{alias: a, topic: b}, {alias: c, topic: "1"}]}
  - {name: full, destination: {name: b}, namespace: {mode: enforce_prefix, prefix: f_, additional: {topics: [
       {type: glob, glob: "*"}, {type: exact_list, exact_list: [{backend: x, as: "2"}]},
       {type: glob, glob: "t?", conflict: warn}, {type: exact_list, exact_list: [{backend: y}, {backend: z}],
       conflict: ignore}, {type: exact_list, exact_list: [{backend: "true"}], conflict: warn}], consumer_groups: [{type: glob, glob: "g *"},
       {type: exact_list, exact_list: [{value: "3"}]}]}}, topic_aliases: [{alias: f_a, topic: f_b}]}
  - {name: hide, destination: {name: b}, namespace: {mode: hide_prefix}}
listeners:
  - name: x
    addresses: ["0.0.0.0", "::"]
    ports: ["20000-20002", 20010, "20005-20006"]
    policies:
      - type: forward_to_virtual_cluster
        config: {type: port_mapping, destination: {name: two}, advertised_host: "2001:db8::1", bootstrap_port: none,
                 min_broker_id: 1, node_ports: {7: 20010}}
"#;
    for text in [MINIMAL, TWO_TENANTS, REFERENCE, other] {
        let snapshot = load(text);
        let printed = config::print(&snapshot);
        assert_eq!(load(&printed), snapshot, "{printed}");
    }
    let shadow_warnings = &load(other).virtual_clusters[3].shadow_warnings;
    assert_eq!(
        (shadow_warnings.exact.join(" "), shadow_warnings.globs.join(" ")),
        ("2 true".to_owned(), "t?".to_owned())
    );
    let printed = config::print(&load(MINIMAL));
    for line in ["  drain_duration: 30s", "    idle: 11m", "    frame_bytes_max: 100MiB", "    connections_max: auto"] {
        assert!(printed.lines().any(|found| found == line), "{line} is not in\n{printed}");
    }
}

#[test]
fn what_is_right_but_may_not_be_meant_is_warned_of() {
    let text = MINIMAL.replace(
        "listeners:",
        "  - {name: spare, bootstrap_servers: [\"b:9092\"]}\n\
         virtual_clusters:\n  - {name: a, destination: {name: lab}}\n  - {name: b, destination: {name: lab}}\n\
         node: {admin: {address: \"0.0.0.0:9644\"}}\n\
         listeners:",
    );
    let text = text.replace("type: port_mapping,", "type: port_mapping, destination: {name: a},");
    let warnings = config::warnings(&load(&text)).join("\n");
    for meant in ["backend cluster \"spare\"", "virtual cluster \"b\"", "0.0.0.0:9644"] {
        assert!(warnings.contains(meant), "{meant} is not in\n{warnings}");
    }
    assert_eq!(warnings.lines().count(), 3, "{warnings}");
}

/// Without a namespace a virtual cluster sees into those of its neighbours.
#[test]
fn a_virtual_cluster_that_sees_the_names_of_others_is_warned_of() {
    for without in ["", "topic_aliases: [{alias: a, topic: b}]"] {
        let text = TWO_TENANTS.replacen("namespace: {mode: hide_prefix}", without, 1);
        let warnings = config::warnings(&load(&text));
        let [warning] = &*warnings else { panic!("{warnings:?}") };
        for meant in ["\"vc-alice\" has no namespace", "backend cluster \"lab\"", "virtual cluster \"vc-bob\""] {
            assert!(warning.contains(meant), "{meant} is not in {warning}");
        }
        assert_eq!(config::warnings(&load(&text.replace("namespace: {mode: hide_prefix}", without))), [""; 0]);
    }
}
