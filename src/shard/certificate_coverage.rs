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

use crate::cluster::{Catalogue, NodeId};
use crate::net::Net;
use crate::route::{HostTable, Ingress, IngressMode};
use crate::session::Context;
use crate::tls::ServerTlsConfig;

/// Names that are checked before other work of the shard is done.
const NAMES_PER_TURN: usize = 200;

/// The listeners that route by host name, and the results of the check.
pub(super) struct CertificateCoverage {
    listeners: Vec<SniListener>,
    /// By listener and backend cluster.
    checked: RefCell<HashMap<(usize, usize), Checked>>,
    logged: RefCell<HashSet<(usize, NodeId)>>,
}

struct SniListener {
    /// Its index.
    index: usize,
    name: Arc<str>,
    table: Arc<HostTable>,
}

/// What was checked, and how many names were not covered.
struct Checked {
    config: Arc<ServerTlsConfig>,
    nodes: Vec<NodeId>,
    uncovered: u64,
}

impl CertificateCoverage {
    /// Of the listeners behind these ingresses; one listener has many.
    pub fn new<'e>(ingresses: impl Iterator<Item = &'e Ingress>) -> CertificateCoverage {
        let mut listeners: Vec<SniListener> = Vec::new();
        for ingress in ingresses {
            let IngressMode::Tls(tls) = &ingress.mode else { continue };
            let Some(table) = &tls.host_table else { continue };
            if !listeners.iter().any(|known| known.index == tls.listener) {
                let (index, name) = (tls.listener, ingress.listener.clone());
                listeners.push(SniListener { index, name, table: table.clone() });
            }
        }
        CertificateCoverage { listeners, checked: RefCell::default(), logged: RefCell::default() }
    }

    /// Checks a catalogue's nodes, where they or the certificates have changed.
    pub async fn check(self: Rc<CertificateCoverage>, context: Rc<Context>, backend: usize, catalogue: Arc<Catalogue>) {
        let nodes: Vec<NodeId> = catalogue.nodes.iter().map(|node| node.id).collect();
        for listener in &self.listeners {
            let Some(config) = context.server_tls(listener.index) else { continue };
            match self.checked.borrow().get(&(listener.index, backend)) {
                Some(checked) if Arc::ptr_eq(&checked.config, &config) && checked.nodes == nodes => continue,
                Some(checked) if !Arc::ptr_eq(&checked.config, &config) => {
                    // Other certificates: what is still not covered is logged again.
                    self.logged.borrow_mut().retain(|(index, _)| *index != listener.index);
                }
                Some(_) | None => {}
            }
            let mut uncovered = 0;
            for node in &nodes {
                uncovered += self.count_uncovered(&context.net, listener, &config, backend, *node).await;
            }
            let checked = Checked { config, nodes: nodes.clone(), uncovered };
            self.checked.borrow_mut().insert((listener.index, backend), checked);
        }
        let sum = self.checked.borrow().values().map(|checked| checked.uncovered).sum();
        context.numbers.node_names_uncovered.set(sum);
    }

    /// How many names of a node no certificate covers.
    async fn count_uncovered(
        &self,
        net: &Net,
        listener: &SniListener,
        config: &ServerTlsConfig,
        backend: usize,
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
            && self.logged.borrow_mut().insert((listener.index, node))
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
