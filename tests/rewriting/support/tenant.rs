//! A namespaced virtual cluster, as the tests of names need it.

use super::{Move, Outcome, addresses, generous_apis, run};
use klamm::cluster::{Additional, AddressMap, Mode, Namespace, NodeApis};
use klamm::metrics::Cause;
use klamm::rewrite::{NamespaceRule, NamespaceView, Requests, Rule, SessionView, rules};
use klamm::wire::InFlight;

/// A namespace whose clients do not see `prefix`, and nothing else.
pub fn hiding(prefix: &str) -> Namespace {
    Namespace {
        mode: Mode::HidePrefix,
        prefix: prefix.into(),
        topics: Additional::default(),
        groups: Additional::default(),
        aliases: Vec::new(),
        all_prefixes: [prefix.into()].into(),
    }
}

/// The view of a session of that namespace.
pub fn named_view<'a>(addresses: &'a AddressMap, apis: &'a NodeApis, names: &'a Namespace) -> SessionView<'a> {
    let named = NamespaceView { names, cluster_id: "AAAAAAAAAAAAAAAAAAAAAA", id_mask: [0x5a; 16] };
    SessionView { namespace: Some(named), ..super::view(addresses, apis) }
}

/// What becomes of a request that comes whole in a fresh session of a namespace.
pub fn feed(names: &Namespace, in_flight: &mut InFlight, hold_bytes_max: u32, frame: &[u8]) -> Result<Outcome, Cause> {
    let (map, apis) = (addresses("gateway.example"), generous_apis());
    let view = SessionView { hold_bytes_max, ..named_view(&map, &apis, names) };
    run(&mut Requests::default(), in_flight, &view, frame, 1 << 20, Move::Feed)
}

/// Rules that a namespace serves, each with its versions.
pub fn served() -> impl Iterator<Item = (&'static Rule, i16)> {
    rules().iter().flat_map(|rule| match rule.named {
        NamespaceRule::Served(max) => (rule.min..=max).map(|version| (rule, version)).collect::<Vec<_>>(),
        _ => Vec::new(),
    })
}
