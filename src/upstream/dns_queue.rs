//! Which name is resolved next: no backend cluster's names keep the threads from another's.
//!
//! Owns who waits for which name. Resolves nothing, and has no clock.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::cluster::BackendId;

/// Names that are resolved at once.
pub(super) const RUNNING_MAX: usize = 8;
/// So many of them may be names that could not be resolved the last time: a silent DNS server answers these, or does not, after
/// many seconds.
const SUSPECT_RUNNING_MAX: usize = RUNNING_MAX / 2;
/// So many of them may be of one backend cluster, of which it is not known yet whether they can be resolved.
const BACKEND_RUNNING_MAX: usize = 2;
/// So many names of one backend cluster may wait.
const BACKEND_NAMES_MAX: usize = 1024;
/// So many names that could not be resolved are remembered.
const SUSPECTS_MAX: usize = 4096;

/// A shard wants to know the addresses of a name.
#[derive(Debug)]
pub(super) struct Query {
    pub host: Arc<str>,
    pub backend: BackendId,
    pub shard: usize,
}

/// The names that wait or are being resolved, each once, however many shards ask.
#[derive(Default)]
pub(super) struct DnsQueue {
    /// In the order of the first query.
    waiting: VecDeque<Arc<str>>,
    names: HashMap<Arc<str>, Name>,
    backends: HashMap<BackendId, Load>,
    /// Could not be resolved the last time.
    suspects: HashSet<Arc<str>>,
    running: usize,
    suspects_running: usize,
}

#[derive(Default)]
struct Name {
    /// Each backend cluster and each shard once.
    backends: Vec<BackendId>,
    shards: Vec<usize>,
    running: Option<Running>,
}

struct Running {
    backend: BackendId,
    suspect: bool,
}

/// What a backend cluster has in the queue.
#[derive(Default)]
struct Load {
    names: usize,
    running: usize,
}

impl DnsQueue {
    /// Takes a query. False: too many names of this backend cluster wait.
    pub fn push(&mut self, Query { host, backend, shard }: Query) -> bool {
        let known = self.names.get(&host);
        if known.is_none_or(|name| !name.backends.contains(&backend)) {
            let load = self.backends.entry(backend).or_default();
            if load.names >= BACKEND_NAMES_MAX {
                return false;
            }
            load.names += 1;
        }
        if known.is_none() {
            self.waiting.push_back(host.clone());
        }
        let name = self.names.entry(host).or_default();
        if !name.backends.contains(&backend) {
            name.backends.push(backend);
        }
        if !name.shards.contains(&shard) {
            name.shards.push(shard);
        }
        true
    }

    /// The name to be resolved now, if one may be: the oldest of those that keep the bounds.
    pub fn next(&mut self) -> Option<Arc<str>> {
        if self.running >= RUNNING_MAX {
            return None;
        }
        let may_run = |host: &Arc<str>| {
            let suspect = self.suspects.contains(host);
            if suspect && self.suspects_running >= SUSPECT_RUNNING_MAX {
                return None;
            }
            let below =
                |backend: &&BackendId| self.backends.get(backend).is_none_or(|load| load.running < BACKEND_RUNNING_MAX);
            let backend = *self.names.get(host)?.backends.iter().find(below)?;
            Some(Running { backend, suspect })
        };
        let (at, running) = self.waiting.iter().enumerate().find_map(|(at, host)| Some((at, may_run(host)?)))?;
        let host = self.waiting.remove(at)?;
        self.running += 1;
        self.suspects_running += usize::from(running.suspect);
        self.backends.entry(running.backend).or_default().running += 1;
        self.names.entry(host.clone()).or_default().running = Some(running);
        Some(host)
    }

    /// A name was resolved, or could not be: the shards that asked for it.
    pub fn done(&mut self, host: &Arc<str>, resolved: bool) -> Vec<usize> {
        let Some(Name { backends, shards, running }) = self.names.remove(host) else { return Vec::new() };
        if let Some(Running { backend, suspect }) = running {
            self.running = self.running.saturating_sub(1);
            self.suspects_running = self.suspects_running.saturating_sub(usize::from(suspect));
            self.lighten(backend, |load| load.running = load.running.saturating_sub(1));
        }
        for backend in backends {
            self.lighten(backend, |load| load.names = load.names.saturating_sub(1));
        }
        if resolved {
            self.suspects.remove(host);
        } else {
            // What is forgotten is held for good once, and found out again.
            if self.suspects.len() >= SUSPECTS_MAX {
                self.suspects.clear();
            }
            self.suspects.insert(host.clone());
        }
        shards
    }

    fn lighten(&mut self, backend: BackendId, change: impl FnOnce(&mut Load)) {
        let Some(load) = self.backends.get_mut(&backend) else { return };
        change(load);
        if load.names == 0 && load.running == 0 {
            self.backends.remove(&backend);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(queue: &mut DnsQueue, host: &str, backend: &str, shard: usize) -> bool {
        queue.push(Query { host: host.into(), backend: BackendId::of(backend), shard })
    }

    fn begin(queue: &mut DnsQueue) -> Vec<String> {
        std::iter::from_fn(|| queue.next()).map(|host| host.to_string()).collect()
    }

    #[test]
    fn queries_of_several_shards_for_one_name_are_one() {
        let mut queue = DnsQueue::default();
        for shard in [2, 0, 2] {
            assert!(ask(&mut queue, "x", "dns-a", shard));
        }
        assert_eq!(begin(&mut queue), ["x"]);
        // One that comes while the name is being resolved joins, of another backend cluster too.
        assert!(ask(&mut queue, "x", "dns-b", 1));
        assert_eq!(begin(&mut queue), [""; 0]);
        assert_eq!(queue.done(&"x".into(), true), [2, 0, 1]);
        assert!(queue.names.is_empty() && queue.backends.is_empty() && queue.running == 0);
        assert!(ask(&mut queue, "x", "dns-a", 0));
        assert_eq!(begin(&mut queue), ["x"], "asked anew");
    }

    #[test]
    fn new_names_of_one_backend_cluster_leave_threads_to_the_others() {
        let mut queue = DnsQueue::default();
        for name in 0..20 {
            assert!(ask(&mut queue, &format!("a{name}"), "dns-a", 0));
        }
        assert_eq!(begin(&mut queue), ["a0", "a1"]);
        assert!(ask(&mut queue, "b", "dns-b", 0) && ask(&mut queue, "c", "dns-c", 0));
        assert_eq!(begin(&mut queue), ["b", "c"]);
        queue.done(&"a1".into(), false);
        assert_eq!(begin(&mut queue), ["a2"]);
    }

    #[test]
    fn names_that_failed_hold_at_most_half_of_the_threads() {
        let mut queue = DnsQueue::default();
        let names: Vec<(String, String)> = (0..8).map(|n| (format!("n{n}"), format!("dns-{n}"))).collect();
        for (name, backend) in &names {
            ask(&mut queue, name, backend, 0);
            assert_eq!(begin(&mut queue), std::slice::from_ref(name));
            queue.done(&name.as_str().into(), false);
        }
        names.iter().for_each(|(name, backend)| assert!(ask(&mut queue, name, backend, 0)));
        assert_eq!(begin(&mut queue), ["n0", "n1", "n2", "n3"]);
        for fresh in ["x", "y"] {
            assert!(ask(&mut queue, fresh, &format!("dns-{fresh}"), 0));
        }
        assert_eq!(begin(&mut queue), ["x", "y"], "they stand behind the others, and begin");
        queue.done(&"n2".into(), true);
        assert_eq!(begin(&mut queue), ["n4"]);
        ask(&mut queue, "n2", "dns-2", 0);
        assert_eq!(begin(&mut queue), ["n2"], "resolved the last time: no suspect any longer");
    }

    #[test]
    fn all_threads_are_used_and_no_more() {
        let mut queue = DnsQueue::default();
        (0..20).for_each(|n| assert!(ask(&mut queue, &format!("n{n}"), &format!("dns-{n}"), 0)));
        assert_eq!(begin(&mut queue).len(), RUNNING_MAX);
        queue.done(&"n3".into(), true);
        assert_eq!(begin(&mut queue), ["n8"]);
    }

    #[test]
    fn a_name_of_two_backend_clusters_begins_when_one_of_them_may() {
        let mut queue = DnsQueue::default();
        ["a0", "a1", "both"].iter().for_each(|name| assert!(ask(&mut queue, name, "dns-a", 0)));
        assert_eq!(begin(&mut queue), ["a0", "a1"]);
        assert!(ask(&mut queue, "both", "dns-b", 0));
        assert_eq!(begin(&mut queue), ["both"]);
    }

    #[test]
    fn a_backend_cluster_with_too_many_names_is_refused_alone() {
        let mut queue = DnsQueue::default();
        (0..BACKEND_NAMES_MAX).for_each(|n| assert!(ask(&mut queue, &format!("a{n}"), "dns-a", 0)));
        assert!(!ask(&mut queue, "one more", "dns-a", 0));
        assert!(ask(&mut queue, "a0", "dns-a", 1), "a name that waits already");
        assert!(ask(&mut queue, "b", "dns-b", 0));
        assert_eq!(begin(&mut queue), ["a0", "a1", "b"]);
        queue.done(&"a0".into(), true);
        assert!(ask(&mut queue, "one more", "dns-a", 0));
    }
}
