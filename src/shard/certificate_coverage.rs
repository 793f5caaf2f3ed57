//! Certificate coverage of node names: clients that verify names, as all should, cannot reach a node whose host name no
//! certificate covers. The configuration's check knows the bootstrap names alone; a node is checked when a catalogue first
//! lists it.
//!
//! Owns what was checked and logged. Only the shard that keeps a backend cluster's catalogue checks, so that each node is
//! logged once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::server::Serving;
use crate::cluster::{BackendId, Catalogue, ListenerId, NodeId};
use crate::net::Net;
use crate::route::{HostTable, IngressMode};
use crate::table::Table;
use crate::tls::ServerTlsConfig;

/// Names that are checked before other work of the shard is done.
const NAMES_PER_TURN: usize = 200;

/// The results of the check.
#[derive(Default)]
pub(super) struct CertificateCoverage {
    checked: RefCell<HashMap<(ListenerId, BackendId), Checked>>,
    logged: RefCell<HashSet<(ListenerId, NodeId)>>,
}

/// A listener that routes by host name.
struct SniListener {
    id: ListenerId,
    name: Arc<str>,
    table: Arc<HostTable>,
}

/// What was checked, and how many names were not covered.
struct Checked {
    config: Arc<ServerTlsConfig>,
    table: Arc<HostTable>,
    nodes: Vec<NodeId>,
    uncovered: u64,
}

impl Checked {
    fn is_of(&self, config: &Arc<ServerTlsConfig>, table: &Arc<HostTable>) -> bool {
        Arc::ptr_eq(&self.config, config) && Arc::ptr_eq(&self.table, table)
    }
}

impl CertificateCoverage {
    /// Checks a catalogue's nodes, where they, the names or the certificates have changed.
    pub async fn check(
        self: Rc<CertificateCoverage>,
        serving: Rc<Serving>,
        backend: BackendId,
        catalogue: Arc<Catalogue>,
    ) {
        let (context, server_tls) = (&serving.context, &serving.table.server_tls);
        let nodes: Vec<NodeId> = catalogue.nodes.iter().map(|node| node.id).collect();
        let listeners = sni_listeners(&serving.table);
        self.forget_others(&listeners, &serving.table);
        for listener in &listeners {
            let Some(config) = server_tls.get(&listener.id).cloned() else { continue };
            match self.checked.borrow().get(&(listener.id, backend)) {
                Some(checked) if checked.is_of(&config, &listener.table) && checked.nodes == nodes => continue,
                Some(checked) if !checked.is_of(&config, &listener.table) => {
                    // Other certificates or names: what is still not covered is logged again.
                    self.logged.borrow_mut().retain(|(id, _)| *id != listener.id);
                }
                Some(_) | None => {}
            }
            let mut uncovered = 0;
            for node in &nodes {
                uncovered += self.count_uncovered(&context.net, listener, &config, backend, *node).await;
            }
            let checked = Checked { config, table: listener.table.clone(), nodes: nodes.clone(), uncovered };
            self.checked.borrow_mut().insert((listener.id, backend), checked);
        }
        let sum = self.checked.borrow().values().map(|checked| checked.uncovered).sum();
        context.numbers.node_names_uncovered.set(sum);
    }

    /// What is not in the table counts no longer.
    fn forget_others(&self, listeners: &[SniListener], table: &Table) {
        self.checked.borrow_mut().retain(|(listener, backend), _| {
            listeners.iter().any(|known| known.id == *listener)
                && table.backends.iter().any(|known| known.shared.id == *backend)
        });
    }

    /// How many names of a node no certificate covers.
    async fn count_uncovered(
        &self,
        net: &Net,
        listener: &SniListener,
        config: &ServerTlsConfig,
        backend: BackendId,
        node: NodeId,
    ) -> u64 {
        let (mut count, mut first) = (0, None);
        let routes = listener.table.routes().iter().filter(|route| route.backend == backend);
        for (at, route) in routes.enumerate() {
            if at % NAMES_PER_TURN == NAMES_PER_TURN - 1 {
                net.mark_runnable();
                futures_lite::future::yield_now().await;
            }
            let Some(host) = route.addresses.advertised(node).map(|advertised| advertised.host()) else { continue };
            if !config.covers(&host) {
                count += 1;
                first.get_or_insert(host);
            }
        }
        if let Some(first) = first
            && self.logged.borrow_mut().insert((listener.id, node))
        {
            tracing::warn!(
                listener = &*listener.name,
                node = node.0,
                names = count,
                first,
                "no certificate of the listener covers this node's names: clients that verify names cannot reach it"
            );
        }
        count
    }
}

/// The listeners of a table that route by host name; each has many ingresses.
fn sni_listeners(table: &Table) -> Vec<SniListener> {
    let mut listeners: Vec<SniListener> = Vec::new();
    for ingress in table.ingresses.values() {
        let IngressMode::Tls(tls) = &ingress.mode else { continue };
        let Some(host_table) = &tls.host_table else { continue };
        if !listeners.iter().any(|known| known.id == ingress.id) {
            let (id, name) = (ingress.id, ingress.listener.clone());
            listeners.push(SniListener { id, name, table: host_table.clone() });
        }
    }
    listeners
}
