//! For any configuration that the check accepts, each name that a client is told leads back to the same virtual cluster and
//! node, and no name leads to two.

use std::collections::HashMap;
use std::sync::Arc;

use super::material::{Authority, Folder};
use klamm::cluster::NodeId;
use klamm::route;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CONFIGURATIONS: u64 = 300;
/// Pieces that collide when they are put together, on purpose.
const LABELS: [&str; 7] = ["a", "b", "a-b", "ab", "a-broker-1", "broker-1-a", "bootstrap-a"];
const SUFFIXES: [&str; 6] =
    [".k.example", ".a.k.example", "-b.k.example", ".K.example", "-a.k.example", ".b-b.k.example"];
const NODES: [i32; 5] = [0, 1, 10, 1_000, i32::MAX];

fn text(rng: &mut StdRng) -> String {
    let labels: Vec<&str> = LABELS.into_iter().filter(|_| rng.random_bool(0.5)).collect();
    let cluster = |(index, label): (usize, &&str)| {
        format!("  - {{name: v{index}, destination: {{name: lab}}, dns_label: {label}}}\n")
    };
    let clusters: String = labels.iter().enumerate().map(cluster).collect();
    let policies: String = (0..rng.random_range(1..=3))
        .map(|_| {
            let suffix = SUFFIXES[rng.random_range(0..SUFFIXES.len())];
            let format = if rng.random_bool(0.5) { "per_cluster_suffix" } else { "shared_suffix" };
            let destination = match labels.len() {
                0 => String::new(),
                count if rng.random_bool(0.3) => format!("destination: {{name: v{}}}, ", rng.random_range(0..count)),
                _ => String::new(),
            };
            format!(
                "      - {{type: forward_to_virtual_cluster, config: {{type: sni, {destination}sni_suffix: \"{suffix}\", \
                 broker_host_format: {{type: {format}}}}}}}\n"
            )
        })
        .collect();
    let clusters = if clusters.is_empty() { clusters } else { format!("virtual_clusters:\n{clusters}") };
    format!(
        "backend_clusters: [{{name: lab, bootstrap_servers: [\"kafka:9092\"]}}]\n{clusters}listeners:\n  - name: door\n    \
         addresses: [\"127.0.0.1\"]\n    ports: [9094]\n    policies:\n      - {{type: tls_server, config: {{certificates: \
         [{{certificate: \"${{file['all.pem']}}\", key: \"${{file['all.key']}}\"}}]}}}}\n{policies}"
    )
}

#[test]
fn each_advertised_name_leads_back_and_none_to_two() {
    let folder = Folder::new();
    // Every bootstrap name that can come of the pieces is covered.
    let mut names = vec!["*.k.example".to_owned()];
    for suffix in SUFFIXES {
        let suffix = suffix.to_ascii_lowercase();
        names.push(format!("*{}", &suffix[suffix.find('.').unwrap()..]));
        names.extend(LABELS.iter().chain(&["passthrough"]).map(|label| format!("*.{label}{suffix}")));
    }
    names.sort();
    names.dedup();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    folder.write_issued("all", &Authority::new("test").issue(&names, |_| {}));

    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..CONFIGURATIONS {
        let text = text(&mut StdRng::seed_from_u64(seed));
        let Ok(snapshot) = folder.load(&text) else {
            refused += 1;
            continue;
        };
        accepted += 1;
        let listener = &snapshot.listeners[0];
        let table = route::host_names(&snapshot, listener).unwrap();
        let mut owners: HashMap<String, (usize, Option<i32>)> = HashMap::new();
        for (cluster, addresses) in listener.forwards.iter().flat_map(|forward| forward.targets()) {
            let klamm::cluster::AddressMap::Names(own) = &**addresses else { panic!("{text}") };
            let told = NODES.map(|node| (addresses.advertised(NodeId(node)).unwrap().host(), Some(node)));
            for (name, node) in told.into_iter().chain([(own.bootstrap(), None)]) {
                let matched = table
                    .look_up(format!("{}.", name.to_uppercase()).as_bytes())
                    .unwrap_or_else(|e| panic!("{name}: {e:?}\n{text}"));
                assert_eq!(matched.route.virtual_cluster, snapshot.virtual_clusters[cluster].name, "{name}\n{text}");
                assert!(Arc::ptr_eq(&matched.route.addresses, addresses) || matched.route.addresses == *addresses);
                assert_eq!(matched.node.map(|node| node.0), node, "{name}\n{text}");
                assert_eq!(*owners.entry(name.clone()).or_insert((cluster, node)), (cluster, node), "{name}\n{text}");
                assert!(matched.node.is_some() || listener.tls.as_ref().unwrap().coverage().covers(&name), "{name}");
            }
        }
    }
    assert!(accepted > 50 && refused > 20, "{accepted} accepted, {refused} refused");
}
