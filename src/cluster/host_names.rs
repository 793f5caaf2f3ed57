//! The host names of one virtual cluster: how they are made, and how they are read back.
//!
//! A name is `bootstrap` or `broker-<node id>`, and behind it what is the virtual cluster's own. So a node that joins later
//! has a name already, and no table grows with the nodes.

use super::NodeId;
use std::sync::Arc;

const BOOTSTRAP: &str = "bootstrap";
const BROKER: &str = "broker-";
/// Bytes of a whole name, and of one label: RFC 1035, 2.3.4, as text.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// Digits of the largest node id.
const NODE_DIGITS_MAX: usize = 10;

/// How the name and a virtual cluster's label are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFormat {
    /// `broker-1.<label><suffix>`: each virtual cluster has a domain of its own.
    PerClusterSuffix,
    /// `broker-1-<label><suffix>`: one wildcard certificate covers them all.
    SharedSuffix,
}

/// The names of one virtual cluster's bootstrap and nodes, and the one port they all have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNames {
    /// What stands behind `bootstrap` and `broker-<id>`, in lower case: `-alice.kafka.example`, `.alice.kafka.example`.
    pub own: Arc<str>,
    /// The advertised port.
    pub port: u16,
}

impl HostNames {
    /// The names of the virtual cluster with this label.
    pub fn new(format: HostFormat, label: &str, suffix: &str, port: u16) -> HostNames {
        let separator = match format {
            HostFormat::PerClusterSuffix => '.',
            HostFormat::SharedSuffix => '-',
        };
        let own = format!("{separator}{label}{suffix}").to_ascii_lowercase();
        HostNames { own: own.into(), port }
    }

    /// The name of any live node.
    pub fn bootstrap(&self) -> String {
        format!("{BOOTSTRAP}{}", self.own)
    }

    /// Whether the names of all possible nodes keep the bounds on names and labels.
    pub fn are_names(&self) -> bool {
        let front = BROKER.len() + NODE_DIGITS_MAX;
        let mut labels = self.own.split('.');
        let first = labels.next().map_or(front, |rest| front + rest.len());
        let whole = |label: &str| (1..=LABEL_BYTES_MAX).contains(&label.len());
        front + self.own.len() <= NAME_BYTES_MAX && first <= LABEL_BYTES_MAX && labels.all(whole)
    }

    /// The node that `name` (in lower case, without a dot at the end) would mean, `None` being any live one, and what
    /// stands behind it. `None` where it is no name of any virtual cluster.
    pub fn split(name: &[u8]) -> Option<(Option<NodeId>, &[u8])> {
        if let Some(own) = name.strip_prefix(BOOTSTRAP.as_bytes()) {
            return Some((None, own));
        }
        let rest = name.strip_prefix(BROKER.as_bytes())?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, own) = rest.split_at_checked(digits)?;
        let id = digits
            .iter()
            .try_fold(0i32, |id, digit| id.checked_mul(10)?.checked_add(i32::from(digit.wrapping_sub(b'0'))));
        // A second way to write a number would be a second name for its node.
        let one_way = digits == b"0" || digits.first().is_some_and(|first| *first != b'0');
        id.filter(|_| one_way).map(|id| (Some(NodeId(id)), own))
    }
}

/// The address of a node that is advertised to clients: a port, and a host that is written where it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised<'m> {
    /// The port.
    pub port: u16,
    host: Host<'m>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host<'m> {
    Same(&'m str),
    OfNode(NodeId, &'m str),
}

impl<'m> Advertised<'m> {
    /// The host that stands for every node.
    pub(super) fn same(host: &'m str, port: u16) -> Advertised<'m> {
        Advertised { port, host: Host::Same(host) }
    }

    /// The name of `node`, whose id is not negative.
    pub(super) fn of_node(node: NodeId, names: &'m HostNames) -> Advertised<'m> {
        Advertised { port: names.port, host: Host::OfNode(node, &names.own) }
    }

    /// Bytes of the host.
    pub fn host_bytes(&self) -> usize {
        match self.host {
            Host::Same(host) => host.len(),
            Host::OfNode(node, own) => BROKER.len() + node.0.checked_ilog10().unwrap_or(0) as usize + 1 + own.len(),
        }
    }

    /// Writes the host behind `out`.
    pub fn push_host(&self, out: &mut Vec<u8>) {
        match self.host {
            Host::Same(host) => out.extend_from_slice(host.as_bytes()),
            Host::OfNode(node, own) => {
                out.extend_from_slice(BROKER.as_bytes());
                let mut power = 10i32.pow(node.0.checked_ilog10().unwrap_or(0));
                while power > 0 {
                    out.push(b'0' + u8::try_from(node.0 / power % 10).unwrap_or(0));
                    power /= 10;
                }
                out.extend_from_slice(own.as_bytes());
            }
        }
    }

    /// The host as text, for logs and tests: it is allocated.
    pub fn host(&self) -> String {
        match self.host {
            Host::Same(host) => host.to_owned(),
            Host::OfNode(node, own) => format!("{BROKER}{node}{own}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_a_name_that_is_read_back() {
        for (format, own) in
            [(HostFormat::PerClusterSuffix, ".a-b.kafka.example"), (HostFormat::SharedSuffix, "-a-b.kafka.example")]
        {
            let names = HostNames::new(format, "a-b", ".Kafka.Example", 9094);
            assert_eq!(names.bootstrap(), format!("bootstrap{own}"));
            assert_eq!(HostNames::split(names.bootstrap().as_bytes()), Some((None, own.as_bytes())));
            for id in [0, 1, 9, 10, 99, 100, 1_000_000_007, i32::MAX] {
                let advertised = Advertised::of_node(NodeId(id), &names);
                let mut written = Vec::new();
                advertised.push_host(&mut written);
                assert_eq!(String::from_utf8(written.clone()).unwrap(), format!("broker-{id}{own}"));
                assert_eq!((advertised.host_bytes(), advertised.host().as_bytes()), (written.len(), &*written));
                assert_eq!(HostNames::split(&written), Some((Some(NodeId(id)), own.as_bytes())));
            }
        }
    }

    #[test]
    fn a_node_has_one_name_only() {
        for name in
            ["broker-01-a.x", "broker--1-a.x", "broker-2147483648-a.x", "broker-", "broker-a.x", "broke", "a.x", ""]
        {
            assert_eq!(HostNames::split(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn names_keep_the_bounds_of_dns_for_every_node() {
        let names =
            |label: usize, suffix: &str| HostNames::new(HostFormat::SharedSuffix, &"a".repeat(label), suffix, 1);
        assert!(names(45, ".x").are_names() && !names(46, ".x").are_names());
        assert!(!names(1, "..x").are_names() && !names(1, &format!(".{}", "a".repeat(64))).are_names());
        assert!(!names(1, &".abc".repeat(60)).are_names());
        let own = HostNames::new(HostFormat::PerClusterSuffix, &"a".repeat(63), ".x", 1);
        assert!(own.are_names());
    }
}
