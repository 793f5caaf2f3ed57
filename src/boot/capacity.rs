//! How many connections and how much memory this process can afford.

use crate::config::Limits;
use crate::{sys, table};

/// Descriptors of one client connection: its own and its backend's.
const PER_CONNECTION: u64 = 2;
/// Descriptors of a shard beside its sockets: its ring, the executor's rings, its mailbox, catalogue connections.
const PER_SHARD: u64 = 32;
/// Descriptors of a pipe: both its ends.
const PER_PIPE: u64 = 2;
/// Descriptors of the rest of the process.
const BASE: u64 = 128;

/// What the limits come to on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    /// Of the table.
    pub node: table::Capacity,
    descriptors: u64,
}

impl Capacity {
    /// Raises the soft limit of descriptors to the hard one and computes what it is enough for.
    ///
    /// # Errors
    ///
    /// A sentence with both numbers when a set `connections_max` cannot be afforded.
    pub fn of(limits: &Limits, listening: usize, shards: usize) -> Result<Capacity, String> {
        let raised = sys::raise_descriptor_limit();
        let descriptors = raised.unwrap_or_else(|_| sys::descriptor_limit().0);
        let shards = shards as u64;
        let rest = listening as u64 + (PER_SHARD + PER_PIPE * u64::from(limits.pipes_max)) * shards + BASE;
        let connections_max = connections(limits.connections_max, descriptors, rest)?;
        let memory_bytes_max = limits.memory_bytes_max.unwrap_or_else(|| memory() / 100 * 60);
        Ok(Capacity { node: table::Capacity { connections_max, memory_bytes_max }, descriptors })
    }

    /// Logs what was derived.
    pub fn log(&self) {
        tracing::info!(
            connections_max = self.node.connections_max,
            descriptors = self.descriptors,
            memory_mib = self.node.memory_bytes_max >> 20,
            "capacity"
        );
    }
}

/// What is left for connections beside the `rest`.
fn connections(set: Option<u64>, descriptors: u64, rest: u64) -> Result<u64, String> {
    let affordable = descriptors.saturating_sub(rest) / PER_CONNECTION;
    match set {
        None if affordable == 0 => Err(format!(
            "this process may open {descriptors} descriptors, and needs {rest} before the first connection: raise the limit (`ulimit -n`, or LimitNOFILE= in the systemd unit)"
        )),
        None => Ok(affordable),
        Some(set) if set <= affordable => Ok(set),
        Some(set) => Err(format!(
            "node.limits.connections_max is {set}, which needs {} descriptors, and this process may open {descriptors}: raise the limit (`ulimit -n`, or LimitNOFILE= in the systemd unit), or set at most {affordable}",
            set * PER_CONNECTION + rest
        )),
    }
}

/// The memory this process may have, in bytes: the least memory.max of its cgroups, else the machine's.
fn memory() -> u64 {
    let read = |path: String| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo".into()).and_then(|text| total(&text)).unwrap_or(1 << 30);
    let group = read("/proc/self/cgroup".into()).unwrap_or_default();
    let group = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let limits = std::path::Path::new(&group).ancestors().filter_map(|path| {
        read(format!("/sys/fs/cgroup{}/memory.max", path.display().to_string().trim_end_matches('/')))?
            .trim()
            .parse()
            .ok()
    });
    limits.chain([machine]).min().unwrap_or(machine)
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_derived_or_refused_with_both_numbers() {
        assert_eq!(connections(None, 20_000, 200), Ok((20_000 - 200) / 2));
        assert_eq!(connections(Some(9_900), 20_000, 200), Ok(9_900));
        let refused = connections(Some(10_000), 20_000, 200).unwrap_err();
        assert!(refused.contains("20200 descriptors") && refused.contains("may open 20000"), "{refused}");
        assert!(refused.contains("at most 9900"), "{refused}");
        assert!(connections(None, 100, 200).unwrap_err().contains("LimitNOFILE"));
    }

    #[test]
    fn memory_is_not_more_than_the_machine_has() {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap();
        assert!(memory() > 0 && memory() <= total(&text).unwrap());
    }
}
