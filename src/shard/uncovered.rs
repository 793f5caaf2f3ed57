//! Names of nodes that no certificate covers: clients that verify names, as all should, cannot reach these nodes. The
//! configuration's check knows the names of bootstrap alone; a node is looked at when a catalogue first names it.
//!
//! Owns what was looked at and told. Only the shard that keeps a backend cluster's catalogue looks, so that all is told once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::cluster::{Catalogue, NodeId};
use crate::net::Net;
use crate::route::{HostTable, Ingress, IngressMode};
use crate::session::Context;
use crate::tls::ServerSide;

/// Names that are looked at before other work of the shard is done.
const NAMES_AT_ONCE: usize = 200;

/// The listeners that route by host name, and what was found out about them.
pub(super) struct Uncovered {
    listeners: Vec<Names>,
    /// By listener and backend cluster.
    looked: RefCell<HashMap<(usize, usize), Looked>>,
    told: RefCell<HashSet<(usize, NodeId)>>,
}

struct Names {
    /// Its index.
    listener: usize,
    name: Arc<str>,
    table: Arc<HostTable>,
}

/// What was looked at, and how many names were not covered.
struct Looked {
    side: Arc<ServerSide>,
    nodes: Vec<NodeId>,
    uncovered: u64,
}

impl Uncovered {
    /// Of the listeners behind these ingresses; one listener has many.
    pub fn new<'e>(ingresses: impl Iterator<Item = &'e Ingress>) -> Uncovered {
        let mut listeners: Vec<Names> = Vec::new();
        for ingress in ingresses {
            let IngressMode::Tls(tls) = &ingress.mode else { continue };
            let Some(table) = &tls.host_table else { continue };
            if !listeners.iter().any(|known| known.listener == tls.listener) {
                let (listener, name) = (tls.listener, ingress.listener.clone());
                listeners.push(Names { listener, name, table: table.clone() });
            }
        }
        Uncovered { listeners, looked: RefCell::default(), told: RefCell::default() }
    }

    /// Looks at a catalogue's nodes, where they or the certificates are others than before.
    pub async fn look(self: Rc<Uncovered>, context: Rc<Context>, backend: usize, catalogue: Arc<Catalogue>) {
        let nodes: Vec<NodeId> = catalogue.nodes.iter().map(|node| node.id).collect();
        for names in &self.listeners {
            let Some(side) = context.server_side(names.listener) else { continue };
            match self.looked.borrow().get(&(names.listener, backend)) {
                Some(looked) if Arc::ptr_eq(&looked.side, &side) && looked.nodes == nodes => continue,
                Some(looked) if !Arc::ptr_eq(&looked.side, &side) => {
                    // Other certificates: what is still not covered is told again.
                    self.told.borrow_mut().retain(|(listener, _)| *listener != names.listener);
                }
                Some(_) | None => {}
            }
            let mut uncovered = 0;
            for node in &nodes {
                uncovered += self.look_at(&context.net, names, &side, backend, *node).await;
            }
            let looked = Looked { side, nodes: nodes.clone(), uncovered };
            self.looked.borrow_mut().insert((names.listener, backend), looked);
        }
        let sum = self.looked.borrow().values().map(|looked| looked.uncovered).sum();
        context.numbers.node_names_uncovered.set(sum);
    }

    /// How many names of a node no certificate covers.
    async fn look_at(&self, net: &Net, names: &Names, side: &ServerSide, backend: usize, node: NodeId) -> u64 {
        let (mut count, mut first) = (0, None);
        let routes = names.table.routes().iter().filter(|route| route.backend == backend);
        for (at, route) in routes.enumerate() {
            if at % NAMES_AT_ONCE == NAMES_AT_ONCE - 1 {
                net.mark_runnable();
                futures_lite::future::yield_now().await;
            }
            let Some(host) = route.addresses.advertised(node).map(|advertised| advertised.host()) else { continue };
            if !side.covers(&host) {
                count += 1;
                first.get_or_insert(host);
            }
        }
        if let Some(first) = first
            && self.told.borrow_mut().insert((names.listener, node))
        {
            tracing::warn!(
                listener = &*names.name,
                node = node.0,
                names = count,
                first,
                "no certificate of the listener covers this node's names: clients that verify names cannot reach it"
            );
        }
        count
    }
}
