//! Each broken configuration is refused, each of its faults told with its line, its path and what would be right, and
//! nothing else is told.

use std::fs;
use std::path::Path;

use klamm::config;

/// A configuration that is right. Each case breaks it in one place.
const BASE: &str = r#"node:
  shards: 2
  admin: {address: "127.0.0.1:9644"}
  drain_duration: 30s
  limits: {frame_bytes_max: 100MiB}
backend_clusters:
  - name: lab
    bootstrap_servers: ["127.0.0.1:9092"]
virtual_clusters:
  - name: vc-a
    destination: {name: lab}
listeners:
  - name: desk
    addresses: ["127.0.0.1"]
    ports: ["19092-19095", 19099]
    policies:
      - type: forward_to_virtual_cluster
        config:
          type: port_mapping
          destination: {name: vc-a}
          advertised_host: localhost
"#;

/// `from` of the base is replaced by `to`; the faults are line, path and a part of the message.
struct Case {
    from: &'static str,
    to: &'static str,
    faults: &'static [(u32, &'static str, &'static str)],
}

const fn case(from: &'static str, to: &'static str, faults: &'static [(u32, &'static str, &'static str)]) -> Case {
    Case { from, to, faults }
}

const ADDRESS: &str = "addresses: [\"127.0.0.1\"]";
const HOST: &str = "advertised_host: localhost";
const LIMITS: &str = "{frame_bytes_max: 100MiB}";
const PORTS: &str = "[\"19092-19095\", 19099]";
const SERVERS: &str = "[\"127.0.0.1:9092\"]";

/// What is wrong with the YAML itself.
const YAML: &[Case] = &[
    case("  shards: 2", "\tshards: 2", &[(2, "", "not with tabs")]),
    case("shards: 2", "shards: [2", &[(3, "", "not YAML at column 8: ")]),
    case("shards: 2", "shards: 2\n  shards: 3", &[(3, "node.shards", "stands twice, first on line 2")]),
    case("listeners:", "---\nlisteners:", &[(12, "", "one document")]),
    case("shards: 2", "shards: &s 2", &[(2, "node.shards", "anchors")]),
    case("shards: 2", "shards: !!int 2", &[(2, "node.shards", "tags")]),
    case("shards: 2", "shards: \"2\u{0}\"", &[(2, "", "U+0000")]),
];

/// Keys that are unknown, missing, not built yet, or of the wrong type.
const KEYS: &[Case] = &[
    case("listeners:", "listener:", &[(12, "listener", "did you mean \"listeners\"?")]),
    case(
        "drain_duration: 30s",
        "banana: 30s",
        &[(4, "node.banana", "known here: shards, admin, drain_duration, limits, description, labels")],
    ),
    case(
        "{name: lab}",
        "{nme: lab}",
        &[
            (11, "virtual_clusters[0].destination.name", "is missing"),
            (11, "virtual_clusters[0].destination.nme", "did you mean \"name\"?"),
        ],
    ),
    case("    ports: [\"19092-19095\", 19099]\n", "", &[(13, "listeners[0].ports", "is missing; write ports: [")]),
    case(
        "listeners:\n  - name: desk",
        "listeners: desk\nx:\n  - name: desk",
        &[(12, "listeners", "expected a list of entities"), (13, "x", "unknown key")],
    ),
    case("shards: 2", "shards:", &[(2, "node.shards", "has no value; write auto, a number of shards")]),
    case("shards: 2", "shards: {a: 1}", &[(2, "node.shards", "found a map")]),
    case(
        "bootstrap_servers: [\"127.0.0.1:9092\"]",
        "bootstrap_servers: 127.0.0.1:9092",
        &[(
            8,
            "backend_clusters[0].bootstrap_servers",
            "expected a list of host:port, found the text \"127.0.0.1:9092\"",
        )],
    ),
    case(
        "    destination: {name: lab}",
        "    destination: {name: lab}\n    acl_mode: enforce_on_gateway",
        &[(12, "virtual_clusters[0].acl_mode", "not yet supported")],
    ),
    case(
        SERVERS,
        "[\"127.0.0.1:9092\"]\n    tls: {insecure_skip_verify: true, nonsense: 1}",
        &[(9, "backend_clusters[0].tls.nonsense", "unknown key")],
    ),
    case(
        SERVERS,
        "[\"127.0.0.1:9092\"]\n    authentication: {type: sasl_plain, username: u, password: p}",
        &[(9, "backend_clusters[0].authentication.type", "\"sasl_plain\" is not yet supported; use anonymous")],
    ),
    case(
        "{name: lab}",
        "{name: lab}\n    authentication: [{type: client_certificate}]",
        &[(12, "virtual_clusters[0].authentication[0].type", "not yet supported")],
    ),
    case(
        "- type: forward_to_virtual_cluster",
        "- type: tls_server\n        config: {}\n      - type: forward_to_virtual_cluster",
        &[(
            18,
            "listeners[0].policies[0].config.certificates",
            "is missing; write certificates: [{certificate: ..., key: ...}]",
        )],
    ),
    case("type: port_mapping", "type: principal", &[(19, "listeners[0].policies[0].config.type", "not yet supported")]),
    case(
        "type: port_mapping",
        "type: port_maping",
        &[(19, "listeners[0].policies[0].config.type", "did you mean \"port_mapping\"?")],
    ),
];

/// Values that no reference has to do with.
const VALUES: &[Case] = &[
    case("30s", "30", &[(4, "node.drain_duration", "\"30\" has no unit; add one: ms, s, m or h, such as 30s")]),
    case("30s", "2h", &[(4, "node.drain_duration", "\"2h\" must be 100ms to 1h")]),
    case("30s", "half a minute", &[(4, "node.drain_duration", "is not a duration")]),
    case("shards: 2", "shards: 0", &[(2, "node.shards", "write auto, a number of shards, or a list of cores")]),
    case("shards: 2", "shards: [0, 1, 0]", &[(2, "node.shards[2]", "core 0 stands there twice")]),
    case("shards: 2", "shards: []", &[(2, "node.shards", "name at least one core")]),
    case(
        "{address: \"127.0.0.1:9644\"}",
        "{address: \"localhost:9644\"}",
        &[(3, "node.admin.address", "an IP address")],
    ),
    case("{address: \"127.0.0.1:9644\"}", "{address: \"127.0.0.1:0\"}", &[(3, "node.admin.address", "port 0")]),
    case(
        "{address: \"127.0.0.1:9644\"}",
        "{address: \"127.0.0.1:1\", socket: /a}",
        &[(3, "node.admin.socket", "keep one")],
    ),
    case("{address: \"127.0.0.1:9644\"}", "{}", &[(3, "node.admin", "neither address nor socket")]),
    case("{address: \"127.0.0.1:9644\"}", "{socket: run/a}", &[(3, "node.admin.socket", "begin it with /")]),
    case(LIMITS, "{frame_bytes_max: 64KB}", &[(5, "node.limits.frame_bytes_max", "such as 64KiB")]),
    case(LIMITS, "{frame_bytes_max: 3GiB}", &[(5, "node.limits.frame_bytes_max", "must be 1KiB to 2147483647B")]),
    case(LIMITS, "{hold_bytes_max: 200MiB}", &[(5, "node.limits.hold_bytes_max", "more than frame_bytes_max, 100MiB")]),
    case(LIMITS, "{frame_bytes_max: 1MiB}", &[(5, "node.limits.frame_bytes_max", "less than hold_bytes_max, 4MiB")]),
    case(
        LIMITS,
        "{hold_bytes_max: 16MiB, memory_bytes_max: 31MiB}",
        &[(5, "node.limits.memory_bytes_max", "31MiB is less than hold_bytes_max times the shards, 32MiB")],
    ),
    case(
        LIMITS,
        "{connections_max: 5, connections_per_source_max: 6}",
        &[(5, "node.limits.connections_per_source_max", "6 is more than connections_max, 5")],
    ),
    case(
        LIMITS,
        "{in_flight_max: 0, idle: 1ms, connections_max: some}",
        &[
            (5, "node.limits.in_flight_max", "must be 1 to 4096"),
            (5, "node.limits.idle", "must be 1s to 24h"),
            (5, "node.limits.connections_max", "is not a whole number; or write auto"),
        ],
    ),
    case(SERVERS, "[]", &[(8, "backend_clusters[0].bootstrap_servers", "name at least one server")]),
    case(
        SERVERS,
        "[\"kafka://a:9092\", \"a:9092,b:9092\", \"a\", \"a:0\", \"300.0.0.1:9092\"]",
        &[
            (8, "backend_clusters[0].bootstrap_servers[0]", "write only host:port"),
            (8, "backend_clusters[0].bootstrap_servers[1]", "one item for each"),
            (8, "backend_clusters[0].bootstrap_servers[2]", "expected host:port"),
            (8, "backend_clusters[0].bootstrap_servers[3]", "a port from 1 to 65535"),
            (8, "backend_clusters[0].bootstrap_servers[4]", "four numbers from 0 to 255"),
        ],
    ),
    case(SERVERS, "[\"a:9092\", \"a:9092\"]", &[(8, "backend_clusters[0].bootstrap_servers[1]", "twice")]),
    case(
        SERVERS,
        "[\"a:9092\"]\n    metadata_update_interval_seconds: 60s",
        &[(9, "backend_clusters[0].metadata_update_interval_seconds", "\"60s\" is not a whole number")],
    ),
    case(
        SERVERS,
        "[\"a:9092\"]\n    metadata_update_interval_seconds: 43201",
        &[(9, "backend_clusters[0].metadata_update_interval_seconds", "must be 1 to 43200")],
    ),
    case(
        SERVERS,
        "[\"a:9092\"]\n    insecure_allow_anonymous_virtual_cluster_auth: yes",
        &[(9, "backend_clusters[0].insecure_allow_anonymous_virtual_cluster_auth", "neither true nor false")],
    ),
    case(
        "{name: lab}",
        "{name: lab}\n    labels: {team: \"a\\u001b[2J\"}",
        &[(12, "virtual_clusters[0].labels.team", "control characters")],
    ),
    case("{name: lab}", "{name: lab}\n    authentication: []", &[(12, "virtual_clusters[0].authentication", "nobody")]),
    case(
        "{name: lab}",
        "{name: lab}\n    authentication: [{}, {type: [anonymous]}, anonymous]",
        &[
            (12, "virtual_clusters[0].authentication[0].type", "is missing; write type: anonymous"),
            (12, "virtual_clusters[0].authentication[1].type", "expected anonymous, found a list"),
            (12, "virtual_clusters[0].authentication[2]", "expected {type: anonymous}, found the text \"anonymous\""),
        ],
    ),
    case(ADDRESS, "addresses: []", &[(14, "listeners[0].addresses", "name at least one address")]),
    case(
        ADDRESS,
        "addresses: [localhost, \"::ffff:127.0.0.1\", \"ff02::1\", \"fe80::1\"]",
        &[
            (14, "listeners[0].addresses[0]", "is not an IP address"),
            (14, "listeners[0].addresses[1]", "write it as IPv4"),
            (14, "listeners[0].addresses[2]", "unicast"),
            (14, "listeners[0].addresses[3]", "zone"),
        ],
    ),
    case(
        HOST,
        "advertised_host: \"gateway:9092\"",
        &[(21, "listeners[0].policies[0].config.advertised_host", "without scheme, port, path or spaces")],
    ),
    case(HOST, "advertised_host: 0.0.0.0", &[(21, "listeners[0].policies[0].config.advertised_host", "connect to")]),
    case(HOST, "advertised_host: \"a host\"", &[(21, "listeners[0].policies[0].config.advertised_host", "not a host")]),
];

/// Ports and the nodes they stand for.
const NODE_PORTS: &[Case] = &[
    case(PORTS, "[]", &[(15, "listeners[0].ports", "name at least one port")]),
    case(
        PORTS,
        "[19092, \"19095-19092\"]",
        &[(
            15,
            "listeners[0].ports[1]",
            "\"19095-19092\" is a range that ends before it begins; write the lower port first",
        )],
    ),
    case(
        PORTS,
        "[19092, 0, \"1-65536\", \"19093-\", http]",
        &[
            (15, "listeners[0].ports[1]", "\"0\" is no port or range; write numbers of 1 to 65535"),
            (15, "listeners[0].ports[2]", "no port or range"),
            (15, "listeners[0].ports[3]", "no port or range"),
            (15, "listeners[0].ports[4]", "no port or range"),
        ],
    ),
    case(PORTS, "[\"19092-19095\", 19094]", &[(15, "listeners[0].ports[1]", "port 19094 is in listeners[0].ports[0]")]),
    case(
        PORTS,
        "[19099, \"19092-19095\"]",
        &[(19, "listeners[0].policies[0].config", "4 ports would stand for no node, such as 19092")],
    ),
    case(
        HOST,
        "advertised_host: localhost\n          node_ports: {7: 19100}",
        &[(22, "listeners[0].policies[0].config.node_ports.7", "port 19100 is not one of the listener's ports")],
    ),
    case(
        HOST,
        "advertised_host: localhost\n          node_ports: {7: 19092}",
        &[(22, "listeners[0].policies[0].config.node_ports.7", "19092 is the bootstrap port")],
    ),
    case(
        HOST,
        "advertised_host: localhost\n          node_ports: {7: 19094}",
        &[(22, "listeners[0].policies[0].config.node_ports.7", "port 19094 stands for node 1 by its place")],
    ),
    case(HOST, "advertised_host: localhost\n          node_ports: {0: 19094, 1: 19093}", &[]),
    case(
        HOST,
        "advertised_host: localhost\n      - {type: forward_to_virtual_cluster, config: {type: port_mapping}}",
        &[(22, "listeners[0].policies[1]", "is a second port mapping beside listeners[0].policies[0].config")],
    ),
    case(
        HOST,
        "advertised_host: localhost\n          node_ports: {7: 19099, 8: 19099}",
        &[(22, "listeners[0].policies[0].config.node_ports.8", "stands for node 7 already")],
    ),
    case(
        HOST,
        "advertised_host: localhost\n          node_ports: {a: 19099, -1: 19099, 7: 0}",
        &[
            (22, "listeners[0].policies[0].config.node_ports.a", "the node id \"a\" is not a whole number"),
            (22, "listeners[0].policies[0].config.node_ports.-1", "the node id \"-1\" must be 0 to"),
            (22, "listeners[0].policies[0].config.node_ports.7", "\"0\" must be 1 to 65535"),
        ],
    ),
    case(
        HOST,
        "advertised_host: localhost\n          bootstrap_port: at_end",
        &[(22, "listeners[0].policies[0].config.bootstrap_port", "is not known here; write at_start or none")],
    ),
    case(PORTS, "[19092]", &[(19, "listeners[0].policies[0].config", "none for a node")]),
    case(
        HOST,
        "advertised_host: localhost\n          min_broker_id: 2147483645",
        &[(19, "listeners[0].policies[0].config", "1 port would stand for no node, such as 19099")],
    ),
    case(PORTS, "[\"1-65535\"]\n    description: wide", &[(13, "listeners[0].name", "65535 x 2 listening sockets")]),
];

/// Another listener, before that of the base.
macro_rules! other_listener {
    ($addresses:literal, $ports:literal) => {
        concat!(
            "listeners:\n  - name: other\n    addresses: ",
            $addresses,
            "\n    ports: ",
            $ports,
            "\n    policies:\n      - type: forward_to_virtual_cluster\n",
            "        config: {type: port_mapping, advertised_host: a}\n"
        )
    };
}

/// References, names, and what several entities do to each other.
const TOGETHER: &[Case] = &[
    case(
        "{name: lab}",
        "{name: lap}",
        &[(
            11,
            "virtual_clusters[0].destination.name",
            "there is no backend cluster named \"lap\"; did you mean \"lab\"?",
        )],
    ),
    case(
        "{name: vc-a}",
        "{name: production}",
        &[(
            20,
            "listeners[0].policies[0].config.destination.name",
            "there is no virtual cluster named \"production\"; there is: \"vc-a\"",
        )],
    ),
    case("    destination: {name: lab}\n", "", &[(10, "virtual_clusters[0].destination", "is missing")]),
    case(
        "- name: vc-a",
        "- name: VC_A",
        &[
            (10, "virtual_clusters[0].name", "use 1 to 63 of the characters a-z 0-9 -"),
            (20, "listeners[0].policies[0].config.destination.name", "did you mean \"VC_A\"?"),
        ],
    ),
    case(
        "virtual_clusters:\n",
        "virtual_clusters:\n  - {name: vc-a, destination: {name: lab}}\n",
        &[(
            11,
            "virtual_clusters[1].name",
            "a virtual cluster named \"vc-a\" stands already at klamm.yaml:10; rename one",
        )],
    ),
    case(
        "{name: lab}",
        "{name: lab}\n    authentication: [{type: anonymous}]",
        &[(
            12,
            "virtual_clusters[0].authentication[0]",
            "write backend_clusters[0].insecure_allow_anonymous_virtual_cluster_auth: true (klamm.yaml:7)",
        )],
    ),
    case(
        "virtual_clusters:\n  - name: vc-a\n    destination: {name: lab}\n",
        "  - {name: b, bootstrap_servers: [\"b:1\"]}\n",
        &[
            (1, "virtual_clusters", "that needs exactly one backend cluster"),
            (18, "listeners[0].policies[0].config.destination.name", "there is: \"passthrough\""),
        ],
    ),
    case(
        "\"127.0.0.1:9092\"]\nvirtual_clusters:\n  - name: vc-a\n",
        concat!(
            "a:1]\n    insecure_allow_anonymous_virtual_cluster_auth: true\nvirtual_clusters:\n  - name: vc-a\n",
            "    authentication: [{type: anonymous}, {type: anonymous}]\n"
        ),
        &[(12, "virtual_clusters[0].authentication[1]", "has the type of virtual_clusters[0].authentication[0] again")],
    ),
    case("          destination: {name: vc-a}\n", "", &[]),
    case("listeners:\n", "  - {name: vc-b, destination: {name: lab}}\nlisteners:\n", &[]),
    case(
        "listeners:\n",
        concat!("  - {name: vc-b, destination: {name: lab}}\n", other_listener!("[\"127.0.0.2\"]", "[\"1000-1002\"]")),
        &[(19, "listeners[0].policies[0].config.destination", "is missing; write destination: {name: ...}")],
    ),
    case(
        "listeners:\n",
        other_listener!("[\"0.0.0.0\"]", "[\"19095-19096\"]"),
        &[(
            21,
            "listeners[1].ports[0]",
            "port 19095 on 127.0.0.1 is opened by the listener \"other\" already, on 0.0.0.0 (klamm.yaml:14)",
        )],
    ),
    case(
        "listeners:\n",
        other_listener!("[\"127.0.0.1\"]", "[\"19094-19100\"]"),
        &[(21, "listeners[1].ports[0]", "port 19094 on 127.0.0.1 is opened by the listener \"other\"")],
    ),
    case("listeners:\n", other_listener!("[\"::\", \"127.0.0.2\"]", "[\"19092-19099\"]"), &[]),
    case(
        "listeners:\n",
        other_listener!("[\"::\", \"::1\"]", "[\"20000-20001\"]"),
        &[(14, "listeners[0].addresses[1]", "port 20000 on ::1 is opened by the listener \"other\" already, on ::")],
    ),
    case(
        "listeners:\n",
        other_listener!("[\"::1\", \"::\"]", "[\"20000-20001\"]"),
        &[(14, "listeners[0].addresses[1]", "port 20000 on :: is opened by the listener \"other\" already, on ::1")],
    ),
    case(
        "listeners:\n",
        other_listener!("[\"0.0.0.0\"]", "[\"9640-9650\"]"),
        &[(
            15,
            "listeners[0].ports[0]",
            "port 9644 on 0.0.0.0 is opened by the admin address already, on 127.0.0.1 (klamm.yaml:3)",
        )],
    ),
    case("127.0.0.1:9644", "[::]:19099", &[]),
    case("127.0.0.1:9644", "0.0.0.0:19099", &[(15, "listeners[0].ports[1]", "the admin address already, on 0.0.0.0")]),
    case(
        ADDRESS,
        "addresses: [\"0.0.0.0\", \"127.0.0.1\"]",
        &[(14, "listeners[0].addresses[1]", "already, on 0.0.0.0")],
    ),
    case(ADDRESS, "addresses: [\"0.0.0.0\", \"::\"]", &[]),
    case("          advertised_host: localhost\n", "", &[]),
];

/// Where a namespace is put, and the paths in it.
const NO_NAMES: &str = "{name: lab}";
const PREFIX: &str = "virtual_clusters[0].namespace.prefix";
const NEIGHBOURS: &str = "virtual_clusters[1].namespace.prefix";

/// The virtual cluster with this namespace.
macro_rules! names {
    ($namespace:literal) => {
        concat!("{name: lab}\n    namespace: ", $namespace)
    };
}

/// The virtual cluster with this namespace, and another with that one.
macro_rules! two_names {
    ($namespace:literal, $other:literal) => {
        concat!(names!($namespace), "\n  - {name: vc-b, destination: {name: lab}, namespace: ", $other, "}")
    };
}

/// The virtual cluster with this namespace and these aliases.
macro_rules! aliases {
    ($namespace:literal, $aliases:literal) => {
        concat!(names!($namespace), "\n    topic_aliases: [", $aliases, "]")
    };
}

/// The virtual cluster with these additional topics or groups.
macro_rules! topics {
    ($list:literal) => {
        concat!(
            "{name: lab}\n    namespace: {mode: hide_prefix, additional: {topics: [{type: exact_list, exact_list: [",
            $list,
            "]}]}}"
        )
    };
}
macro_rules! groups {
    ($list:literal) => {
        concat!("{name: lab}\n    namespace: {mode: hide_prefix, additional: {consumer_groups: [{type: exact_list, exact_list: [", $list, "]}]}}")
    };
}
macro_rules! globs {
    ($a:literal, $b:literal, $c:literal) => {
        concat!(
            "{name: lab}\n    namespace: {mode: hide_prefix, additional: {topics: [{type: glob, glob: ",
            $a,
            "}, {type: glob, glob: ",
            $b,
            "}, {type: glob, glob: ",
            $c,
            "}]}}"
        )
    };
}

/// The path of an item of them.
macro_rules! topic {
    ($rest:literal) => {
        concat!("virtual_clusters[0].namespace.additional.topics[0].exact_list[", $rest)
    };
}
macro_rules! group {
    ($rest:literal) => {
        concat!("virtual_clusters[0].namespace.additional.consumer_groups[0].exact_list[", $rest)
    };
}
macro_rules! glob {
    ($index:literal) => {
        concat!("virtual_clusters[0].namespace.additional.topics[", $index, "].glob")
    };
}
macro_rules! alias {
    ($rest:literal) => {
        concat!("virtual_clusters[0].topic_aliases[", $rest)
    };
}

/// Another virtual cluster before the listeners, with this namespace.
macro_rules! neighbour {
    ($namespace:literal) => {
        concat!("  - {name: vc-b, destination: {name: lab}, namespace: ", $namespace, "}\nlisteners:\n")
    };
}

/// A namespace, a single value of it wrong.
const NAMES: &[Case] = &[
    case(NO_NAMES, names!("{mode: hide_prefix}"), &[]),
    case(NO_NAMES, names!("hide_prefix"), &[(12, "virtual_clusters[0].namespace", "expected a map: mode, prefix")]),
    case(NO_NAMES, names!("{}"), &[(12, "virtual_clusters[0].namespace.mode", "is missing; write mode: hide_prefix")]),
    case(
        NO_NAMES,
        names!("{mode: prefix, prefxi: a.}"),
        &[
            (12, "virtual_clusters[0].namespace.mode", "write hide_prefix or enforce_prefix"),
            (12, "virtual_clusters[0].namespace.prefxi", "did you mean \"prefix\"?"),
        ],
    ),
    case(NO_NAMES, names!("{mode: hide_prefix, prefix: \"\"}"), &[(12, PREFIX, "\"\" is empty")]),
    case(NO_NAMES, names!("{mode: hide_prefix, prefix: }"), &[(12, PREFIX, "has no value; write a prefix")]),
    case(
        NO_NAMES,
        names!("{mode: hide_prefix, prefix: a/b}"),
        &[(12, PREFIX, "\"a/b\" has a character that no topic")],
    ),
    case(NO_NAMES, names!("{mode: hide_prefix, prefix: caf\u{e9}}"), &[(12, PREFIX, "use A-Z a-z 0-9 . _ -")]),
    case(NO_NAMES, names!("{mode: hide_prefix, prefix: __a}"), &[(12, PREFIX, "Kafka's own topics")]),
    case(NO_NAMES, names!("{mode: hide_prefix, prefix: ._a}"), &[(12, PREFIX, "Kafka's own topics")]),
    case(NO_NAMES, names!("{mode: enforce_prefix, prefix: _}"), &[(12, PREFIX, "Kafka's own topics")]),
    case(NO_NAMES, names!("{mode: hide_prefix, prefix: .}"), &[(12, PREFIX, "Kafka's own topics")]),
    case(NO_NAMES, names!("{mode: hide_prefix, prefix: _a}"), &[]),
    case(
        NO_NAMES,
        names!(
            "{mode: hide_prefix, additional: {topics: [{type: exact, exact_list: []}, {exact_list: []}, {type: glob}]}}"
        ),
        &[
            (12, "virtual_clusters[0].namespace.additional.topics[0].type", "did you mean \"exact_list\"?"),
            (12, "virtual_clusters[0].namespace.additional.topics[1].type", "is missing; write type: exact_list"),
            (12, "virtual_clusters[0].namespace.additional.topics[2].glob", "is missing; write glob: \"shared-*\""),
        ],
    ),
    case(
        NO_NAMES,
        names!("{mode: hide_prefix, additional: {topics: [{type: exact_list, exact_list: [a], conflict: tell}]}}"),
        &[
            (
                12,
                "virtual_clusters[0].namespace.additional.topics[0].exact_list[0]",
                "expected {backend: ..., as: ...}",
            ),
            (
                12,
                "virtual_clusters[0].namespace.additional.topics[0].conflict",
                "\"tell\" is not known here; write warn or ignore",
            ),
        ],
    ),
    case(
        NO_NAMES,
        topics!("{backend: __consumer_offsets}, {backend: a/b}, {backend: a, as: __transaction_state}, {as: ..}"),
        &[
            (12, topic!("0].backend"), "is one of Kafka's own topics"),
            (12, topic!("1].backend"), "\"a/b\" is no topic name; use 1 to 249 of A-Z a-z 0-9 . _ -"),
            (12, topic!("2].as"), "is one of Kafka's own topics"),
            (12, topic!("3].backend"), "is missing; write backend: a name"),
            (12, topic!("3].as"), "is no topic name"),
        ],
    ),
    case(
        NO_NAMES,
        globs!("\"\"", "a/*", "__consumer_offsets"),
        &[
            (12, glob!("0"), "\"\" is no topic name"),
            (12, glob!("1"), "\"a/*\" matches no topic name; use 1 to 249 of A-Z a-z 0-9 . _ - and of * and ?"),
            (12, glob!("2"), "is one of Kafka's own topics"),
        ],
    ),
    case(
        NO_NAMES,
        groups!("{value: \"\"}, {value: \"a\\tb\"}, {backend: a}, {value: a, as: b}, {value: \"any text: caf\u{e9}\"}"),
        &[
            (12, group!("0].value"), "\"\" is no group name here; use 1 to 255 bytes without control characters"),
            (12, group!("1].value"), "\"a\\tb\" is no group name"),
            (12, group!("2].value"), "is missing; write value: a name"),
            (12, group!("2].backend"), "unknown key; known here: value"),
            (12, group!("3].as"), "unknown key; known here: value"),
        ],
    ),
    case(
        NO_NAMES,
        "{name: lab}\n    topic_aliases: [{alias: a}, {alias: \"\", topic: b}, {alias: c, topic: __consumer_offsets}, d]",
        &[
            (12, "virtual_clusters[0].topic_aliases[0].topic", "is missing"),
            (12, "virtual_clusters[0].topic_aliases[1].alias", "\"\" is no topic name"),
            (12, "virtual_clusters[0].topic_aliases[2].topic", "is one of Kafka's own topics"),
            (12, "virtual_clusters[0].topic_aliases[3]", "expected {alias: ..., topic: ...}, found the text \"d\""),
        ],
    ),
    case(
        NO_NAMES,
        "{name: lab}\n    topic_aliases: [{alias: a, topic: b, condition: x}]",
        &[(12, "virtual_clusters[0].topic_aliases[0].condition", "is not yet supported; remove it")],
    ),
];

/// Namespaces whose parts, or that and its neighbours, do not go together.
const NAMES_TOGETHER: &[Case] = &[
    case("listeners:\n", neighbour!("{mode: hide_prefix}"), &[]),
    case(NO_NAMES, two_names!("{mode: hide_prefix}", "{mode: enforce_prefix}"), &[]),
    case(
        NO_NAMES,
        two_names!("{mode: hide_prefix}", "{mode: hide_prefix, prefix: vc-a.b.}"),
        &[(
            13,
            NEIGHBOURS,
            "the prefix \"vc-a.b.\" of \"vc-b\", and the prefix (name and dot) of the virtual cluster \"vc-a\" \
             (klamm.yaml:10) do not keep their names apart",
        )],
    ),
    case(
        NO_NAMES,
        two_names!("{mode: hide_prefix, prefix: team.a}", "{mode: hide_prefix, prefix: team_}"),
        &[(
            13,
            NEIGHBOURS,
            "the prefix \"team_\" of \"vc-b\", and the prefix \"team.a\" of the virtual cluster \"vc-a\" (klamm.yaml:12)",
        )],
    ),
    case(
        NO_NAMES,
        two_names!("{mode: hide_prefix, prefix: vc-b_}", "{mode: hide_prefix}"),
        &[(13, "virtual_clusters[1].name", "the prefix of \"vc-b\", its name and a dot, and the prefix \"vc-b_\"")],
    ),
    case(
        NO_NAMES,
        two_names!("{mode: hide_prefix, prefix: x}", "{mode: hide_prefix, prefix: x}"),
        &[(13, NEIGHBOURS, "the prefix \"x\" of \"vc-b\", and the prefix \"x\" of the virtual cluster \"vc-a\"")],
    ),
    // On different backend clusters prefixes may be equal.
    case(
        "virtual_clusters:\n  - name: vc-a\n",
        concat!(
            "  - {name: other, bootstrap_servers: [\"b:1\"]}\nvirtual_clusters:\n",
            "  - {name: vc-b, destination: {name: other}, namespace: {mode: hide_prefix, prefix: x}}\n",
            "  - name: vc-a\n    namespace: {mode: hide_prefix, prefix: x}\n"
        ),
        &[],
    ),
    // Two may see the same topic; one sees none that is another's.
    case(
        NO_NAMES,
        two_names!(
            "{mode: hide_prefix, additional: {topics: [{type: exact_list, exact_list: [{backend: x}]}]}}",
            "{mode: hide_prefix, additional: {topics: [{type: exact_list, exact_list: [{backend: x, as: y}]}]}}"
        ),
        &[],
    ),
    case(
        NO_NAMES,
        two_names!(
            "{mode: hide_prefix, additional: {topics: [{type: exact_list, exact_list: [{backend: vc-b.x, as: x}]}]}}",
            "{mode: hide_prefix}"
        ),
        &[(
            12,
            topic!("0].backend"),
            "the virtual cluster \"vc-a\" cannot be given \"vc-b.x\": it begins with the prefix (name and dot) of the \
             virtual cluster \"vc-b\" (klamm.yaml:13)",
        )],
    ),
    case(
        NO_NAMES,
        groups!("{value: vc-a.x}, {value: x}, {value: x}"),
        &[
            (12, group!("0].value"), "cannot be given \"vc-a.x\": it begins with the prefix (name and dot)"),
            (12, group!("2].value"), "the backend's group \"x\" stands already in virtual_clusters[0].namespace"),
        ],
    ),
    case(
        NO_NAMES,
        topics!("{backend: x}, {backend: x, as: y}, {backend: z, as: x}, {backend: w, as: vc-b.x}"),
        &[
            (12, topic!("1].backend"), "the backend's topic \"x\" stands already in virtual_clusters[0].namespace"),
            (
                12,
                topic!("2].as"),
                "\"x\" is what virtual_clusters[0].namespace.additional.topics[0].exact_list[0].backend",
            ),
        ],
    ),
    case(
        NO_NAMES,
        globs!("vc-a.*", "s-*", "s-*"),
        &[
            (
                12,
                glob!("0"),
                "the glob \"vc-a.*\" of the virtual cluster \"vc-a\" matches no topic: all begin with the",
            ),
            (
                12,
                glob!("2"),
                "the glob \"s-*\" stands already in virtual_clusters[0].namespace.additional.topics[1].glob",
            ),
        ],
    ),
    case(NO_NAMES, globs!("\"*\"", "vc-a*", "vc-?.x"), &[]),
    case(
        NO_NAMES,
        two_names!(
            "{mode: hide_prefix, additional: {topics: [{type: glob, glob: \"vc-b.?\"}], \
             consumer_groups: [{type: glob, glob: \"vc-b.?\"}]}}",
            "{mode: hide_prefix}"
        ),
        &[
            (12, glob!("0"), "of the virtual cluster \"vc-b\" (klamm.yaml:13), into which no glob reaches"),
            (12, "virtual_clusters[0].namespace.additional.consumer_groups[0].glob", "matches no group"),
        ],
    ),
    case(
        NO_NAMES,
        names!(
            "{mode: hide_prefix, additional: {topics: [{type: glob, glob: x}, {type: exact_list, exact_list: [{backend: x}]}]}}"
        ),
        &[(
            12,
            glob!("0"),
            "the glob \"x\" matches only the topic of virtual_clusters[0].namespace.additional.topics[1]",
        )],
    ),
    case(
        NO_NAMES,
        aliases!(
            "{mode: hide_prefix}",
            "{alias: a, topic: a}, {alias: b, topic: c}, {alias: b, topic: d}, {alias: e, topic: c}"
        ),
        &[
            (13, alias!("0].alias"), "\"a\" is the topic's own name"),
            (13, alias!("2].alias"), "\"b\" is an alias already in virtual_clusters[0].topic_aliases[1].alias"),
            (
                13,
                alias!("3].topic"),
                "the topic \"c\" has an alias already in virtual_clusters[0].topic_aliases[1].topic",
            ),
        ],
    ),
    case(
        NO_NAMES,
        "{name: lab}\n    topic_aliases: [{alias: a, topic: b}, {alias: b, topic: c}]",
        &[(12, alias!("1].alias"), "\"b\" is the topic of another alias, virtual_clusters[0].topic_aliases[0].topic")],
    ),
    case(
        NO_NAMES,
        aliases!(
            "{mode: hide_prefix, additional: {topics: [{type: exact_list, exact_list: [{backend: x, as: y}]}, {type: glob, glob: \"s-*\"}]}}",
            "{alias: y, topic: a}, {alias: s-1, topic: b}, {alias: x, topic: c}, {alias: d, topic: s-2}, {alias: e, topic: y}"
        ),
        &[
            (
                13,
                alias!("0].alias"),
                "\"y\" means a topic of the backend already, by \"y\" in virtual_clusters[0].namespace.additional",
            ),
            (13, alias!("0].alias"), "\"y\" is the topic of another alias, virtual_clusters[0].topic_aliases[4].topic"),
            (
                13,
                alias!("1].alias"),
                "\"s-1\" means a topic of the backend already, by \"s-*\" in virtual_clusters[0].namespace",
            ),
        ],
    ),
    case(
        NO_NAMES,
        aliases!("{mode: enforce_prefix}", "{alias: a, topic: vc-a.b}, {alias: c, topic: d}, {alias: e, topic: vc-a.}"),
        &[
            (13, alias!("1].topic"), "\"d\" is no topic of this virtual cluster: it does not go on behind the prefix"),
            (13, alias!("2].topic"), "\"vc-a.\" is no topic of this virtual cluster"),
        ],
    ),
    case(
        NO_NAMES,
        aliases!(
            "{mode: enforce_prefix, additional: {topics: [{type: exact_list, exact_list: [{backend: x, as: d}]}]}}",
            "{alias: c, topic: d}"
        ),
        &[],
    ),
    // No glob reaches behind a prefix: neither is an alias there one of its names, nor is a topic of another.
    case(
        NO_NAMES,
        aliases!(
            "{mode: enforce_prefix, additional: {topics: [{type: glob, glob: \"*\"}]}}",
            "{alias: vc-a.b, topic: vc-a.c}, {alias: vc-a.d, topic: vc-b.c}, {alias: vc-a.e, topic: f}"
        ),
        &[],
    ),
    case(
        NO_NAMES,
        concat!(
            aliases!(
                "{mode: enforce_prefix, additional: {topics: [{type: glob, glob: \"*\"}]}}",
                "{alias: vc-a.d, topic: vc-b.c}"
            ),
            "\n  - {name: vc-b, destination: {name: lab}, namespace: {mode: hide_prefix}}"
        ),
        &[(13, alias!("0].topic"), "\"vc-b.c\" is no topic of this virtual cluster")],
    ),
];

/// As much as is allowed is right, one more is told.
#[test]
fn the_bounds_on_texts_and_lists_are_exact() {
    let list = |count: usize, item: fn(usize) -> String| (0..count).map(item).collect::<Vec<String>>().join(", ");
    let server: fn(usize) -> String = |n| format!("\"a{n}:1\"");
    let address: fn(usize) -> String = |n| format!("127.0.1.{n}");
    let label: fn(usize) -> String = |n| format!("l{n}: x");
    let desk = |more: String| BASE.replace("  - name: desk\n", &format!("  - name: desk\n    {more}\n"));
    type Case<'c> = (usize, &'c str, &'c dyn Fn(usize) -> String);
    let names = |namespace: String| BASE.replacen(NO_NAMES, &format!("{NO_NAMES}\n    namespace: {namespace}"), 1);
    let topics = |lists: String| names(format!("{{mode: hide_prefix, additional: {{topics: [{lists}]}}}}"));
    let exact: fn(usize) -> String = |n| format!("{{backend: t{n}}}");
    let glob: fn(usize) -> String = |n| format!("{{type: glob, glob: g{n}-*}}");
    let alias: fn(usize) -> String = |n| format!("{{alias: a{n}, topic: b{n}}}");
    let aliases = |list: String| BASE.replacen(NO_NAMES, &format!("{NO_NAMES}\n    topic_aliases: [{list}]"), 1);
    const LIST: &str = "virtual_clusters[0].namespace.additional.topics[0].exact_list";
    let cases: [Case<'_>; 13] = [
        (100, PREFIX, &|n| names(format!("{{mode: hide_prefix, prefix: {}}}", "p".repeat(n)))),
        (256, &format!("{LIST}[256].backend"), &|n| {
            topics(format!("{{type: exact_list, exact_list: [{}]}}", list(n, exact)))
        }),
        (249, &format!("{LIST}[0].backend"), &|n| {
            topics(format!("{{type: exact_list, exact_list: [{{backend: {}}}]}}", "t".repeat(n)))
        }),
        (64, "virtual_clusters[0].namespace.additional.topics[64].glob", &|n| topics(list(n, glob))),
        (256, "virtual_clusters[0].topic_aliases[256]", &|n| aliases(list(n, alias))),
        // The topic's name with the default prefix, vc-a and a dot.
        (244, "virtual_clusters[0].topic_aliases[0].topic", &|n| {
            aliases(format!("{{alias: a, topic: {}}}", "t".repeat(n)))
                .replace("topic_aliases", "namespace: {mode: hide_prefix}\n    topic_aliases")
        }),
        (63, "listeners[0].name", &|n| BASE.replace("- name: desk", &format!("- name: {}", "d".repeat(n)))),
        (63, "virtual_clusters[0].name", &|n| BASE.replace("vc-a", &"v".repeat(n))),
        (1024, "listeners[0].description", &|n| desk(format!("description: {}", "x".repeat(n)))),
        (256, "listeners[0].labels.a", &|n| desk(format!("labels: {{a: {}}}", "x".repeat(n)))),
        (64, "listeners[0].labels.l64", &|n| desk(format!("labels: {{{}}}", list(n, label)))),
        (64, "backend_clusters[0].bootstrap_servers[64]", &|n| BASE.replace("\"127.0.0.1:9092\"", &list(n, server))),
        (64, "listeners[0].addresses[64]", &|n| BASE.replace(ADDRESS, &format!("addresses: [{}]", list(n, address)))),
    ];
    for (max, path, text) in cases {
        assert_eq!(told(&text(max)), [], "{path}");
        let found = told(&text(max + 1));
        assert!(matches!(&*found, [(_, at, _)] if at == path), "{path}: {found:#?}");
    }
}

/// Of what is left out, what cannot be made up.
#[test]
fn the_advertised_host_is_made_up_only_where_one_follows() {
    let without = BASE.replace("          advertised_host: localhost\n", "");
    assert_eq!(told(&without), []);
    for addresses in ["[\"0.0.0.0\"]", "[\"::\"]", "[\"127.0.0.1\", \"127.0.0.2\"]"] {
        let found = told(&without.replace("[\"127.0.0.1\"]", addresses));
        let [(18 | 19, path, message)] = &*found else { panic!("{addresses}: {found:#?}") };
        assert_eq!(path, "listeners[0].policies[0].config.advertised_host");
        assert!(message.starts_with("is missing, and it does not follow"), "{message}");
    }
}

/// The admin address that holds by default is opened too.
#[test]
fn a_port_of_the_default_admin_address_is_told() {
    let text = BASE.replace("  admin: {address: \"127.0.0.1:9644\"}\n", "").replace("19099", "9644");
    let found = told(&text.replace("\"19092-19095\", 9644", "\"9640-9650\""));
    let [(14, path, message)] = &*found else { panic!("{found:#?}") };
    assert_eq!(path, "listeners[0].ports[0]");
    assert!(message.contains("opened by the admin address already, on 127.0.0.1 (by default)"), "{message}");
}

fn told(text: &str) -> Vec<(u32, String, String)> {
    match config::load_bytes(Path::new("klamm.yaml"), text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            let printed = faults.to_string();
            assert_eq!(faults.iter().count(), faults.count());
            for fault in &faults {
                assert_eq!(fault.file(), "klamm.yaml");
                assert!(printed.contains(fault.path()), "{printed}");
            }
            let whole = |fault: &config::Fault| {
                (fault.line().unwrap_or(0), fault.path().to_owned(), fault.message().to_owned())
            };
            faults.iter().map(whole).collect()
        }
    }
}

/// Checks all cases before it tells which failed.
fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for Case { from, to, faults } in cases {
        assert!(BASE.contains(from), "the base lacks {from}");
        let found = told(&BASE.replacen(from, to, 1));
        let fits = |meant: &(u32, &str, &str)| {
            found.iter().any(|fault| fault.0 == meant.0 && fault.1 == meant.1 && fault.2.contains(meant.2))
        };
        if !faults.iter().all(fits) || found.len() != faults.len() {
            wrong.push(format!("{to:?}: meant {faults:#?}\nfound {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_base_is_right() {
    assert_eq!(told(BASE), []);
}

#[test]
fn yaml_that_cannot_be_read_is_told_with_its_line() {
    check(YAML);
}

#[test]
fn a_key_that_is_unknown_missing_or_not_built_yet_is_told_with_its_path() {
    check(KEYS);
}

#[test]
fn a_value_that_cannot_be_is_told_with_what_would_be_right() {
    check(VALUES);
}

#[test]
fn ports_that_stand_for_no_node_or_for_two_are_told() {
    check(NODE_PORTS);
}

#[test]
fn entities_that_do_not_go_together_are_told() {
    check(TOGETHER);
}

#[test]
fn a_namespace_that_cannot_be_is_told() {
    check(NAMES);
}

#[test]
fn namespaces_that_do_not_go_together_are_told_with_both() {
    check(NAMES_TOGETHER);
}

/// A file as a newcomer may write it.
const MANY: &str = r#"node:
  shards: none
  admin: 127.0.0.1:9644
  drain_duration: 30
  limits: {frame_bytes_max: 100MB, in_flight: 3}
backend_clusters:
  - name: "my kafka"
    bootstrap_servers: localhost:9092
    authentication: {type: sasl_scram, algorithm: sha256, username: u, password: "${env['KLAMM_TEST_UNSET']}"}
    tls: {enabled: yep}
virtual_clusters:
  - name: Team_A
    destination: {name: mykafka}
    namespace: {mode: hide}
    authentication: [{type: anonymous}, {type: anonymus}]
  - name: team-b
listeners:
  - name: desk
    adresses: ["127.0.0.1"]
    ports: ["19095-19092", 0]
    policies:
      - type: forward_to_virtual_cluster
        config:
          type: port_mapping
          destination: {name: team-c}
          advertised_host: "http://gateway"
          bootstrap_port: first
          min_broker_id: -1
          node_ports: {x: 19092}
      - {type: tls_server, config: {certificates: []}}
"#;

#[test]
fn all_faults_of_a_file_are_told_at_once_in_the_order_of_its_lines() {
    let found: Vec<(u32, String)> = told(MANY).into_iter().map(|(line, path, _)| (line, path)).collect();
    let meant = [
        (2, "node.shards"),
        (3, "node.admin"),
        (4, "node.drain_duration"),
        (5, "node.limits.frame_bytes_max"),
        (5, "node.limits.in_flight"),
        (7, "backend_clusters[0].name"),
        (8, "backend_clusters[0].bootstrap_servers"),
        (9, "backend_clusters[0].authentication.type"),
        (10, "backend_clusters[0].tls.enabled"),
        (12, "virtual_clusters[0].name"),
        (13, "virtual_clusters[0].destination.name"),
        (14, "virtual_clusters[0].namespace.mode"),
        (15, "virtual_clusters[0].authentication[1].type"),
        (16, "virtual_clusters[1].destination"),
        (18, "listeners[0].addresses"),
        (19, "listeners[0].adresses"),
        (20, "listeners[0].ports[0]"),
        (20, "listeners[0].ports[1]"),
        (25, "listeners[0].policies[0].config.destination.name"),
        (26, "listeners[0].policies[0].config.advertised_host"),
        (27, "listeners[0].policies[0].config.bootstrap_port"),
        (28, "listeners[0].policies[0].config.min_broker_id"),
        (29, "listeners[0].policies[0].config.node_ports.x"),
        (30, "listeners[0].policies[1]"),
        (30, "listeners[0].policies[1].config.certificates"),
    ];
    let meant: Vec<(u32, String)> = meant.iter().map(|(line, path)| (*line, (*path).to_owned())).collect();
    assert_eq!(found, meant);
}

#[test]
fn what_is_printed_is_one_block_a_fault_within_100_columns() {
    let faults = config::load_bytes(Path::new("klamm.yaml"), MANY.as_bytes()).unwrap_err();
    let printed = faults.to_string();
    assert!(printed.lines().all(|line| line.chars().count() <= 100), "{printed}");
    let blocks = printed.lines().filter(|line| !line.starts_with("    ")).count();
    assert_eq!(blocks, faults.count(), "{printed}");
    assert!(printed.contains("klamm.yaml:4: node.drain_duration: \"30\" has no unit; add one: ms, s, m or h"));
}

/// Writes the files into a directory of their own and loads it; the directory's name is cut from what is told.
fn load_directory(files: &[(&str, &str)]) -> Result<config::Snapshot, String> {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let own = format!("{}/", directory.path().display());
    config::load(directory.path()).map_err(|faults| {
        let line = |fault: &config::Fault| {
            let file = fault.file().replace(&own, "");
            format!("{file}:{}: {}: {}\n", fault.line().unwrap_or(0), fault.path(), fault.message()).replace(&own, "")
        };
        faults.iter().map(line).collect()
    })
}

/// The base in three files.
fn parts() -> [(&'static str, &'static str); 3] {
    let (node, rest) = BASE.split_once("backend_clusters:").unwrap();
    let (_, listeners) = rest.split_once("listeners:").unwrap();
    let clusters = &BASE[node.len()..BASE.len() - listeners.len() - "listeners:".len()];
    [("node.yaml", node), ("clusters.yaml", clusters), ("listeners.yaml", &BASE[node.len() + clusters.len()..])]
}

#[test]
fn the_files_of_a_directory_are_one_configuration() {
    let mut files = parts().to_vec();
    files.extend([(".hidden.yaml", "nonsense: ["), ("README", "nonsense: ["), ("empty.yaml", "# nothing yet\n")]);
    let whole = config::load_bytes(Path::new("klamm.yaml"), BASE.as_bytes()).unwrap();
    assert_eq!(load_directory(&files), Ok(whole));
}

#[test]
fn an_entity_that_two_files_define_is_told_with_both_places() {
    let [node, clusters, listeners] = parts();
    let found = load_directory(&[node, clusters, listeners, ("z.yaml", clusters.1), ("zz.yaml", node.1)]).unwrap_err();
    for meant in [
        "z.yaml:2: backend_clusters[0].name: a backend cluster named \"lab\" stands already at clusters.yaml:2;",
        "z.yaml:5: virtual_clusters[0].name: a virtual cluster named \"vc-a\" stands already at clusters.yaml:5;",
        "zz.yaml:2: node: is defined already at node.yaml:2; keep one",
    ] {
        assert!(found.contains(meant), "{meant} is not in\n{found}");
    }
    assert_eq!(found.lines().count(), 3, "{found}");
}

#[test]
fn a_file_of_a_directory_that_cannot_be_read_is_the_only_fault() {
    let [node, _, listeners] = parts();
    for broken in ["backend_clusters: [", "\u{0}"] {
        let found = load_directory(&[node, ("clusters.yaml", broken), listeners]).unwrap_err();
        assert!(found.starts_with("clusters.yaml:1: : "), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
    let found = load_directory(&[node, ("clusters.yml", parts()[1].1), listeners]).unwrap_err();
    assert!(found.contains("clusters.yml:0: : is not read: only names that end in .yaml"), "{found}");
    let found = load_directory(&[("klamm.conf", BASE)]).unwrap_err();
    assert!(found.contains("the directory has no file whose name ends in .yaml"), "{found}");
}

#[test]
fn a_file_that_is_missing_too_large_or_no_text_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("klamm.yaml");
    let told = || {
        let faults = config::load(&path).unwrap_err();
        assert_eq!(faults.count(), 1, "{faults}");
        faults.iter().next().unwrap().message().to_owned()
    };
    assert!(told().starts_with("cannot be read: No such file"), "{}", told());
    fs::write(&path, "# x\n".repeat(300_000)).unwrap();
    assert!(told().starts_with("is larger than 1024 KiB"), "{}", told());
    fs::write(&path, b"node: {}\nlisteners: \xff\n").unwrap();
    assert!(told().contains("the first wrong byte is on line 2"), "{}", told());
    fs::write(&path, "").unwrap();
    let faults = config::load(&path).unwrap_err();
    let paths: Vec<&str> = faults.iter().map(config::Fault::path).collect();
    assert_eq!(paths, ["backend_clusters", "listeners"]);
}

#[test]
fn values_come_from_files_beside_the_configuration_and_are_never_shown() {
    let inserted = [("host", "gateway.example\n"), ("secret", "hunter2 99"), ("empty", "\n")];
    let with = |host: &'static str, more: &str| {
        let text = BASE.replace("localhost", host).replace("30s", more);
        let files: Vec<(&str, &str)> = inserted.into_iter().chain([("klamm.yaml", &*text)]).collect();
        load_directory(&files)
    };
    let snapshot = with("\"${file['host']}\"", "30s").unwrap();
    let (_, addresses) = snapshot.listeners[0].forwards[0].targets().next().unwrap();
    let advertised = addresses.advertised(klamm::cluster::NodeId(0)).unwrap();
    assert_eq!((&*advertised.host(), advertised.port), ("gateway.example", 19093));

    for (host, meant) in [
        ("${file['secret']}", "config.advertised_host: \"${file['secret']}\" is not a host"),
        ("${file['empty']}", "config.advertised_host: the file \"empty\" is empty"),
        ("${file['absent']}", "config.advertised_host: the file \"absent\" cannot be read"),
        (
            "${env['KLAMM_TEST_UNSET']}",
            "config.advertised_host: the environment variable \"KLAMM_TEST_UNSET\" is not set",
        ),
        ("${vault['x']}", "config.advertised_host: \"${\" begins an insertion; write ${env['NAME']}"),
    ] {
        let found = with(host, "30s").unwrap_err();
        assert!(found.contains(meant) && found.lines().count() == 1, "{host}: {found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
    // Wherever the secret stands by mistake, no fault shows any of it.
    for (from, to) in [
        ("shards: 2", "shards: \"${file['secret']}\""),
        ("127.0.0.1:9644", "${file['secret']}"),
        ("{frame_bytes_max: 100MiB}", "{frame_bytes_max: \"${file['secret']}\", idle: \"${file['secret']}\"}"),
        ("- name: lab", "- name: \"${file['secret']}\""),
        ("127.0.0.1:9092", "${file['secret']}"),
        ("{name: lab}", "{name: \"${file['secret']}\"}"),
        ("{name: lab}", names!("{mode: \"${file['secret']}\", prefix: \"${file['secret']}\"}")),
        ("{name: lab}", topics!("{backend: \"${file['secret']}\", as: \"${file['secret']}\"}")),
        ("{name: lab}", globs!("\"${file['secret']}\"", "a*", "b*")),
        (
            "{name: lab}",
            "{name: lab}\n    topic_aliases: [{alias: \"${file['secret']}\", topic: \"${file['secret']}\"}]",
        ),
        ("\"127.0.0.1\"]\n    ports", "\"${file['secret']}\"]\n    ports"),
        ("19099", "\"${file['secret']}\""),
        ("type: port_mapping", "type: \"${file['secret']}\""),
        ("{name: vc-a}", "{name: \"${file['secret']}\"}"),
        ("localhost", "localhost\n          min_broker_id: \"${file['secret']}\""),
        ("localhost", "localhost\n          node_ports: {1: \"${file['secret']}\"}"),
        ("localhost", "localhost\n          bootstrap_port: \"${file['secret']}\""),
    ] {
        assert!(BASE.contains(from), "{from}");
        let text = BASE.replacen(from, to, 1);
        let files: Vec<(&str, &str)> = inserted.into_iter().chain([("klamm.yaml", &*text)]).collect();
        let found = load_directory(&files).unwrap_err();
        assert!(!found.contains("hunter2") && !found.contains("99"), "{found}");
    }
}

/// Every key of the configuration model at once, but for TLS of listeners, which `tls` has. What of it is not built yet must be refused as such.
const MODEL: &str = r#"node:
  shards: auto
  admin: {address: "127.0.0.1:9644"}
  drain_duration: 30s
backend_clusters:
  - name: lab
    bootstrap_servers: ["127.0.0.1:9092", "127.0.0.1:9093"]
    authentication: {type: oauth_bearer, token_url: "https://a.example"}
    insecure_allow_anonymous_virtual_cluster_auth: true
    metadata_update_interval_seconds: 60
    tls: {enabled: false}
virtual_clusters:
  - name: vc-alice
    destination: {name: lab}
    dns_label: alice
    authentication: [{type: anonymous}, {type: sasl_plain, mediation: terminate, principals: [{username: u}]}]
    acl_mode: passthrough
    namespace:
      mode: hide_prefix
      prefix: "vc-alice."
      additional:
        topics: [{type: exact_list, exact_list: [{backend: user_actions}, {backend: orders, as: dev-orders}],
                  conflict: warn}, {type: glob, glob: "shared-*"}]
        consumer_groups: [{type: exact_list, exact_list: [{value: legacy-group}]}]
    topic_aliases: [{alias: orders, topic: team-alpha-orders-v2, condition: "..."}]
    policies: []
listeners:
  - name: desk
    addresses: ["127.0.0.1"]
    ports: ["19092-19095", 19099]
    policies:
      - {type: forward_to_virtual_cluster, config: {type: port_mapping, destination: {name: vc-alice},
         advertised_host: localhost, bootstrap_port: at_start, min_broker_id: 1, node_ports: {7: 19099}}}
  - name: door
    addresses: ["0.0.0.0"]
    ports: [9094]
    policies:
      - {type: forward_to_virtual_cluster, config: {type: principal}}
"#;

#[test]
fn what_the_model_has_and_this_version_has_not_is_not_yet_supported() {
    let found = told(MODEL);
    let others: Vec<_> = found.iter().filter(|(_, _, message)| !message.contains("not yet supported")).collect();
    assert!(others.is_empty(), "{others:#?}");
    let paths: Vec<&str> = found.iter().map(|(_, path, _)| &**path).collect();
    let meant = [
        "backend_clusters[0].authentication.type",
        "virtual_clusters[0].authentication[1].type",
        "virtual_clusters[0].acl_mode",
        "virtual_clusters[0].topic_aliases[0].condition",
        "virtual_clusters[0].policies",
        "listeners[1].policies[0].config.type",
    ];
    assert_eq!(paths, meant);
}
