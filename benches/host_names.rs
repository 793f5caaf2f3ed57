//! What a host name's look-up costs beside the tables of others, for 10 to 100,000 virtual clusters.
//!
//! `cargo bench --bench host_names`. Each line: nanoseconds a look-up; allocations are counted. First the same 512 names over
//! and over: what the look-up itself costs. The other columns ask for names all over the table in random order: there each
//! table pays for one or two places that are in no cache of the core, which is the machine's memory and not the table.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use klamm::cluster::{AddressMap, BackendId, HostFormat, HostNames, NodeId, VirtualClusterId};
use klamm::route::{HostTable, Route};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const SUFFIX: &str = ".kafka.example";
const LOOK_UPS: usize = 1_000_000;
const ROUNDS: usize = 5;
/// Names that are received, and then looked up.
const AT_ONCE: usize = 64;
/// So many names are asked for over and over: of the table, only their places are touched.
const FEW: usize = 512;

/// Counts what is allocated.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: passes on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    ///
    /// As the system's.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    ///
    /// As the system's.
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    println!(
        "{:>8}  {:>10} {:>10} {:>8} {:>8} {:>8}",
        "names", "the same", "HostTable", "HashMap", "sorted", "unknown"
    );
    for count in [10, 1_000, 10_000, 100_000] {
        measure(count);
    }
}

fn measure(count: usize) {
    let labels: Vec<String> = (0..count).map(|number| format!("tenant-{}", number * 7919 % 1_000_003)).collect();
    let names = |label: &String| HostNames::new(HostFormat::SharedSuffix, label, SUFFIX, 9094);
    let route = |label: &String| {
        Arc::new(Route {
            listener: "door".into(),
            virtual_cluster: label.as_str().into(),
            id: VirtualClusterId::of(label),
            backend: BackendId::of("lab"),
            addresses: Arc::new(AddressMap::Names(names(label))),
            namespace: None,
        })
    };
    let started = Instant::now();
    let table = HostTable::new(labels.iter().map(route).collect(), vec![SUFFIX.into()]);
    let built = started.elapsed();
    let own: Vec<Box<[u8]>> = labels.iter().map(|label| names(label).own.as_bytes().into()).collect();
    let map: HashMap<Box<[u8]>, usize> = own.iter().cloned().zip(0..).collect();
    let mut sorted = own.clone();
    sorted.sort();

    let mut rng = StdRng::seed_from_u64(1);
    let asked: Vec<String> = (0..65_536)
        .map(|_| {
            let addresses = AddressMap::Names(names(&labels[rng.random_range(0..count)]));
            addresses.advertised(NodeId(rng.random_range(0..100))).map(|to| to.host()).unwrap_or_default()
        })
        .collect();
    let unknown: Vec<String> = (0..65_536).map(|number| format!("broker-1-nobody{number}{SUFFIX}")).collect();

    let split = |name: &str| HostNames::split(name.as_bytes()).map(|(_, own)| own.len()).unwrap_or_default();
    let own_of = |name: &str| name.as_bytes()[name.len() - split(name)..].to_vec();
    let bare: Vec<Vec<u8>> = asked.iter().map(|name| own_of(name)).collect();

    let mut heard = Heard { bytes: Vec::with_capacity(64 << 10), ends: Vec::with_capacity(AT_ONCE) };
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let few = heard.best(asked.get(..FEW).unwrap_or_default(), |name| table.look_up(name).is_ok());
    let ours = heard.best(&asked, |name| table.look_up(name).is_ok());
    let miss = heard.best(&unknown, |name| table.look_up(name).is_err());
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    // The others are given what is left of a name when it was split and made lower case, which ours does itself.
    let hashed = heard.best(&bare, |name| map.contains_key(name));
    let searched = heard.best(&bare, |name| sorted.binary_search_by(|own| (**own).cmp(name)).is_ok());
    println!(
        "{count:>8}  {few:>7.1} ns {ours:>7.1} ns {hashed:>5.1} ns {searched:>5.1} ns {miss:>5.1} ns   {allocated} allocations, built in {built:.1?}"
    );
}

/// Names as they are when they are looked up: just received, and so in the core's cache, which the tables are not.
struct Heard {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Heard {
    /// Nanoseconds a look-up in the best of the rounds; each must find what it looks for.
    fn best<N: AsRef<[u8]>>(&mut self, names: &[N], mut look_up: impl FnMut(&[u8]) -> bool) -> f64 {
        let mut round = |_| {
            let (mut took, mut looked_up) = (Duration::ZERO, 0);
            for some in names.chunks(AT_ONCE).cycle() {
                if looked_up >= LOOK_UPS {
                    break;
                }
                self.bytes.clear();
                self.ends.clear();
                for name in some {
                    self.bytes.extend_from_slice(name.as_ref());
                    self.ends.push(self.bytes.len());
                }
                let started = Instant::now();
                let mut start = 0;
                for end in &self.ends {
                    assert!(look_up(black_box(&self.bytes[start..*end])));
                    start = *end;
                }
                took += started.elapsed();
                looked_up += some.len();
            }
            took.as_nanos() as f64 / looked_up as f64
        };
        (0..ROUNDS).map(&mut round).fold(f64::INFINITY, f64::min)
    }
}
