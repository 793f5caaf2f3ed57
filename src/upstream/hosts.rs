//! The order in which hosts are asked for the catalogue: nodes that are known, and bootstrap servers between them.

use crate::cluster::HostPort;

/// Each host once: the one that answered last, if it is still one of them, then a bootstrap server and a known node in turn. When
/// all nodes have moved, the second host to be asked is one that need not have moved with them.
pub(super) fn candidates(last: Option<&HostPort>, nodes: &[&HostPort], bootstrap: &[HostPort]) -> Vec<HostPort> {
    let first = last.filter(|last| nodes.contains(last) || bootstrap.contains(last)).or(nodes.first().copied());
    let mut hosts: Vec<HostPort> = first.cloned().into_iter().collect();
    for at in 0..nodes.len().max(bootstrap.len()) {
        for host in [bootstrap.get(at), nodes.get(at).copied()].into_iter().flatten() {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &str) -> Vec<HostPort> {
        names.split_terminator(' ').map(|host| HostPort { host: host.into(), port: 9092 }).collect()
    }

    #[test]
    fn bootstrap_servers_stand_among_the_nodes_and_none_is_asked_twice() {
        // Last, nodes, bootstrap servers, and the order.
        let table = [
            ("", "", "", ""),
            ("", "", "a b c", "a b c"),
            ("", "1 2 3", "a", "1 a 2 3"),
            ("", "1 2 3", "a b", "1 a b 2 3"),
            ("3", "1 2 3", "a b", "3 a 1 b 2"),
            ("b", "1 2 3", "a b", "b a 1 2 3"),
            ("gone", "1 2", "a", "1 a 2"),
            ("gone", "", "a b", "a b"),
            ("2", "1 2", "1 2", "2 1"),
            ("1", "1 2 3", "1 2 3", "1 2 3"),
        ];
        for (last, nodes, bootstrap, order) in table {
            let (last, nodes) = (hosts(last).pop(), hosts(nodes));
            let nodes: Vec<&HostPort> = nodes.iter().collect();
            assert_eq!(candidates(last.as_ref(), &nodes, &hosts(bootstrap)), hosts(order), "{last:?} {nodes:?}");
        }
    }
}
