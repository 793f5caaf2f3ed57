//! Whatever namespaces a configuration has: when it is accepted, no two names of a virtual cluster mean one name of the
//! backend, what comes back is what was said, and nobody owns what is another's.

use std::collections::BTreeMap;
use std::path::Path;

use klamm::cluster::{Namespace, Physical};
use klamm::config;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Few letters, so that names collide often.
const LETTERS: [char; 4] = ['a', 'b', '.', '_'];
const GLOBS: [&str; 8] = ["*", "a*", "?", "?b", "*.a", "b.*", "a?*", "_*"];
const CONFIGURATIONS: usize = 30_000;

fn word(rng: &mut StdRng, longest: usize) -> String {
    let length = rng.random_range(1..=longest);
    (0..length).map(|_| LETTERS[rng.random_range(0..LETTERS.len())]).collect()
}

fn several(rng: &mut StdRng, most: usize, item: impl Fn(&mut StdRng) -> String) -> String {
    let count = rng.random_range(0..=most);
    (0..count).map(|_| item(rng)).collect::<Vec<String>>().join(", ")
}

fn glob(rng: &mut StdRng) -> String {
    format!("{{type: glob, glob: \"{}\"}}", GLOBS[rng.random_range(0..GLOBS.len())])
}

fn virtual_cluster(rng: &mut StdRng, index: usize) -> String {
    let exact = several(rng, 2, |rng| match rng.random_bool(0.5) {
        true => format!("{{backend: \"{}\", as: \"{}\"}}", word(rng, 2), word(rng, 2)),
        false => format!("{{backend: \"{}\"}}", word(rng, 2)),
    });
    let groups = several(rng, 2, |rng| format!("{{value: \"{}\"}}", word(rng, 2)));
    let (globs, group_globs) = (several(rng, 1, glob), several(rng, 1, glob));
    let aliases = several(rng, 2, |rng| format!("{{alias: \"{}\", topic: \"{}\"}}", word(rng, 2), word(rng, 3)));
    let mode = ["hide_prefix", "enforce_prefix"][rng.random_range(0..2)];
    let namespace = format!(
        "namespace: {{mode: {mode}, prefix: \"{}\", additional: {{topics: [{{type: exact_list, exact_list: [{exact}]}}, \
         {globs}], consumer_groups: [{{type: exact_list, exact_list: [{groups}]}}, {group_globs}]}}}}, ",
        word(rng, 2)
    );
    let namespace = if rng.random_bool(0.8) { namespace } else { String::new() };
    format!("- {{name: v{index}, destination: {{name: lab}}, {namespace}topic_aliases: [{aliases}]}}\n")
}

fn configuration(rng: &mut StdRng) -> String {
    let clusters: String = (0..rng.random_range(1..=2)).map(|index| virtual_cluster(rng, index)).collect();
    format!(
        "backend_clusters: [{{name: lab, bootstrap_servers: [\"a:1\"]}}]\nvirtual_clusters:\n{clusters}\
         listeners: [{{name: desk, addresses: [\"127.0.0.1\"], ports: [\"100-101\"], policies: [{{type: \
         forward_to_virtual_cluster, config: {{type: port_mapping, destination: {{name: v0}}}}}}]}}]\n"
    )
}

/// All names of up to three letters.
fn universe() -> Vec<String> {
    let mut names = vec![String::new()];
    for from in 0.. {
        if names[from].len() == 3 {
            return names;
        }
        names.extend(LETTERS.map(|letter| format!("{}{letter}", names[from])));
    }
    names
}

fn bytes(physical: &Physical<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    physical.write(&mut bytes);
    bytes
}

/// Names in and out again; the physical names, and whether each is the virtual cluster's own.
fn both_ways<'n>(
    universe: &'n [String],
    inward: impl Fn(&'n [u8]) -> Option<Physical<'n>>,
    outward: impl Fn(&[u8]) -> Option<Vec<u8>>,
    place: &str,
) -> BTreeMap<Vec<u8>, bool> {
    let mut physicals = BTreeMap::new();
    for name in universe {
        if let Some(physical) = inward(name.as_bytes()) {
            let before = physicals.insert(bytes(&physical), !physical.additional);
            assert_eq!(before, None, "{name:?} means what another means too\n{place}");
            assert_eq!(outward(&bytes(&physical)).as_deref(), Some(name.as_bytes()), "{name:?} in and out\n{place}");
        }
    }
    for name in universe {
        // A shown name that is longer than those of the universe was not put in.
        if let Some(shown) = outward(name.as_bytes()) {
            let shown = universe.iter().find(|name| name.as_bytes() == shown);
            let physical = shown.and_then(|shown| inward(shown.as_bytes()));
            assert_eq!(
                physical.map(|physical| bytes(&physical)).as_deref(),
                Some(name.as_bytes()),
                "{name:?} out and in\n{place}"
            );
        }
    }
    physicals
}

fn topics(names: &Namespace, universe: &[String], place: &str) -> BTreeMap<Vec<u8>, bool> {
    both_ways(universe, |name| names.topic_in(name).ok(), |name| names.topic_out(name).map(<[u8]>::to_vec), place)
}

fn groups(names: &Namespace, universe: &[String], place: &str) -> BTreeMap<Vec<u8>, bool> {
    both_ways(universe, |name| names.group_in(name, true), |name| names.group_out(name).map(<[u8]>::to_vec), place)
}

#[test]
fn names_are_mapped_one_to_one_and_owned_by_one() {
    let universe = universe();
    let mut rng = StdRng::seed_from_u64(4);
    let (mut accepted, mut pairs) = (0, 0);
    for _ in 0..CONFIGURATIONS {
        let text = configuration(&mut rng);
        let Ok(snapshot) = config::load_bytes(Path::new("test.yaml"), text.as_bytes()) else { continue };
        accepted += 1;
        let mut owned: [BTreeMap<Vec<u8>, usize>; 2] = Default::default();
        let mut borrowed = [Vec::new(), Vec::new()];
        for (index, cluster) in snapshot.virtual_clusters.iter().enumerate() {
            let Some(names) = &cluster.namespace else { continue };
            let found = [topics(names, &universe, &text), groups(names, &universe, &text)];
            // What has no prefix owns nothing: it sees everything.
            for (kind, found) in found.into_iter().enumerate().filter(|_| !names.prefix.is_empty()) {
                for (name, own) in found {
                    if own {
                        let other = owned[kind].insert(name, index);
                        assert_eq!(other, None, "two own the same\n{text}");
                    } else {
                        borrowed[kind].push(name);
                    }
                }
            }
        }
        for (owned, borrowed) in owned.iter().zip(&borrowed) {
            let taken = borrowed.iter().find(|name| owned.contains_key(*name));
            assert_eq!(taken, None, "an additional name is owned\n{text}");
        }
        pairs +=
            usize::from(snapshot.virtual_clusters.iter().filter(|cluster| cluster.namespace.is_some()).count() == 2);
    }
    assert!(accepted > 1000 && pairs > 300, "accepted {accepted}, with two namespaces {pairs}");
}
