//! The prefixes of all virtual clusters: what keeps the names of one backend cluster apart.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::config::context::Context;
use crate::config::faults::Spot;
use crate::config::file::{Prefix, VirtualCluster};
use crate::config::reader::Text;

/// A prefix and whose it is. Shown as `the prefix of the virtual cluster "vc-a" (klamm.yaml:12)`.
pub(super) struct Owned<'f> {
    pub text: String,
    cluster: &'f VirtualCluster,
    /// `None`: it follows from the name.
    written: Option<&'f Text>,
}

impl<'f> Owned<'f> {
    /// The prefix of `cluster`; `None` where it has none, or a faulty one.
    pub fn of(cluster: &'f VirtualCluster) -> Option<Owned<'f>> {
        let (text, written) = match &cluster.namespace.as_ref()?.prefix {
            Prefix::Default => (format!("{}.", cluster.name.value), None),
            Prefix::Written(text) => (text.value.clone(), Some(text)),
            Prefix::Faulty => return None,
        };
        Some(Owned { text, cluster, written })
    }

    fn spot(&self) -> &'f Spot {
        self.written.map_or(&self.cluster.name.spot, |text| &text.spot)
    }
}

impl fmt::Display for Owned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.written {
            Some(text) => write!(f, "the prefix {}", text.shown)?,
            None => f.write_str("the prefix (name and dot)")?,
        }
        write!(f, " of the virtual cluster {} ({})", self.cluster.name.shown, self.spot().file_and_line())
    }
}

/// The prefixes of the virtual clusters of one backend cluster.
#[derive(Default)]
pub(super) struct Prefixes<'f> {
    by_text: BTreeMap<String, Owned<'f>>,
    /// Sorted.
    pub all: Arc<[Box<str>]>,
    /// Bytes of the longest.
    longest: usize,
}

/// The prefixes of each backend cluster; `backends` has an index for each of `clusters` that names one.
pub(super) fn by_backend<'f>(
    clusters: &'f [VirtualCluster],
    backends: &[Option<usize>],
    cx: &mut Context,
) -> BTreeMap<usize, Prefixes<'f>> {
    let mut neighbours: BTreeMap<usize, Vec<&VirtualCluster>> = BTreeMap::new();
    for (cluster, backend) in clusters.iter().zip(backends) {
        if let Some(backend) = backend {
            neighbours.entry(*backend).or_default().push(cluster);
        }
    }
    neighbours.into_iter().map(|(backend, clusters)| (backend, Prefixes::of(&clusters, cx))).collect()
}

impl<'f> Prefixes<'f> {
    /// Takes the virtual clusters of one backend cluster, and reports each two whose prefixes do not keep them apart.
    fn of(clusters: &[&'f VirtualCluster], cx: &mut Context) -> Prefixes<'f> {
        let owned = || clusters.iter().filter_map(|cluster| Owned::of(cluster));
        check_apart(owned().collect(), cx);
        let by_text: BTreeMap<_, _> = owned().map(|prefix| (prefix.text.clone(), prefix)).collect();
        let all = by_text.keys().map(|text| text.as_str().into()).collect();
        let longest = by_text.keys().map(String::len).max().unwrap_or(0);
        Prefixes { by_text, all, longest }
    }

    /// A prefix that `name` begins with.
    pub fn begins(&self, name: &str) -> Option<&Owned<'f>> {
        (1..=self.longest.min(name.len())).find_map(|end| self.by_text.get(name.get(..end)?))
    }
}

/// A prefix that begins with another would put one virtual cluster's names into the other's. Kafka refuses topics that
/// differ only in `.` and `_`, so that prefixes which do would let one see what the other has.
fn check_apart(prefixes: Vec<Owned<'_>>, cx: &mut Context) {
    let mut sorted: Vec<(String, usize, &Owned<'_>)> =
        prefixes.iter().enumerate().map(|(index, prefix)| (prefix.text.replace('.', "_"), index, prefix)).collect();
    sorted.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    // All that begin with a text stand behind it without a gap.
    let mut holder: Option<&(String, usize, &Owned<'_>)> = None;
    for next in &sorted {
        match holder {
            Some(first) if next.0.starts_with(&first.0) => {
                let (before, after) = if first.1 < next.1 { (first, next) } else { (next, first) };
                report_overlap(before.2, after.2, cx);
            }
            Some(_) | None => holder = Some(next),
        }
    }
}

fn report_overlap(before: &Owned<'_>, after: &Owned<'_>, cx: &mut Context) {
    // Virtual clusters of one name are reported as such.
    let same_name = before.cluster.name.value == after.cluster.name.value;
    if same_name && before.written.is_none() && after.written.is_none() {
        return;
    }
    let (name, shown) = (&after.cluster.name.shown, after.written.map(|text| &*text.shown));
    let own = shown.map_or_else(|| format!("of {name}, its name and a dot"), |shown| format!("{shown} of {name}"));
    let message = format!(
        "the prefix {own}, and {before} do not keep their names apart: one is the beginning of the other, or they differ \
         only in . and _, which are one to Kafka; choose another prefix"
    );
    cx.fault(after.spot(), message);
}
