//! Backend connections: DNS, dialling, TLS, the catalogue of each backend cluster.
//!
//! Owns one [`Upstream`] a shard. May not know virtual names, nor what a session does with its connection.

mod answers;
mod broker_client;
mod catalogue;
mod connect;
mod dial;
mod dial_error;
mod dns_cache;
mod resolver;
mod secure;
mod shadowed_topics;
mod tls_configs;

pub use catalogue::keep_catalogue;
pub use connect::{Connected, Target};
pub use dial_error::Failures;
pub use resolver::Resolver;
pub use secure::cause_of_error;
pub use shadowed_topics::watch_shadowed_topics;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cluster::{Catalogue, HostPort, ShadowCheck};
use crate::config::BackendCluster;
use crate::metrics::{Cause, Numbers};
use crate::net::{Net, Notify};
use crate::tls::BackendTlsConfig;

use dns_cache::DnsCache;
use shadowed_topics::ShadowedTopics;
use tls_configs::ShardTlsConfig;

/// Messages between shards, and from the resolver, about backends.
#[derive(Debug)]
pub enum Message {
    /// To all shards: the owner of a backend's catalogue has finished an attempt to refresh it.
    Refreshed {
        /// Index of the backend cluster.
        backend: usize,
        /// What is known now; `None` while no attempt has succeeded.
        catalogue: Option<Arc<Catalogue>>,
        /// What was not reached.
        failures: Failures,
    },
    /// To the owner: something did not fit the catalogue, refresh it now.
    Hint {
        /// Index of the backend cluster.
        backend: usize,
    },
    /// To the shard that asked: what a name resolves to.
    Resolved {
        /// The name.
        host: Arc<str>,
        /// All its addresses, or why there are none.
        addresses: Result<Vec<IpAddr>, String>,
    },
}

/// Puts a message into a shard's mailbox; gives it back when that is full.
pub type Post = Arc<dyn Fn(usize, Message) -> Result<(), Message> + Send + Sync>;

/// What all shards share of one backend cluster.
#[derive(Clone)]
pub struct SharedBackend {
    /// Its configuration.
    pub config: Arc<BackendCluster>,
    /// The shard that keeps its catalogue.
    pub owner: usize,
    /// A hint is on its way, so that more of them need not be sent.
    pub hinted: Arc<AtomicBool>,
    /// Which topics of it are looked for, because they would be shadowed.
    pub shadow_checks: Arc<[ShadowCheck]>,
}

/// The backends as one shard sees them.
pub struct Upstream {
    net: Net,
    shard: usize,
    shards: usize,
    post: Post,
    dns_cache: DnsCache,
    backends: Vec<Backend>,
    numbers: Rc<Numbers>,
}

struct Backend {
    shared: SharedBackend,
    catalogue: RefCell<Option<Arc<Catalogue>>>,
    /// Of the last attempt to refresh it.
    failures: RefCell<Failures>,
    /// Notified after each attempt to refresh.
    refreshed: Notify,
    /// Notified by hints; only the owner's is waited for.
    hint: Notify,
    /// Where the next bootstrap connection begins, so that they spread over the nodes.
    turn: Cell<usize>,
    status: RefCell<Status>,
    /// `None`: plain connections.
    tls_config: RefCell<Option<ShardTlsConfig>>,
    /// Hosts with which TLS failed, with the cause: each is logged once.
    logged_tls_faults: RefCell<BTreeMap<HostPort, Cause>>,
    /// Only the owner of the catalogue looks for them.
    shadowed: RefCell<ShadowedTopics>,
}

/// How the last attempts to refresh a catalogue went; known to its owner.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// When the last success was.
    pub refreshed_at: Option<std::time::SystemTime>,
    /// Why the last attempt failed, when it did.
    pub last_error: Option<String>,
}

impl Upstream {
    /// Makes the view of one shard, of so many; `tls_configs` by the index of the backend cluster.
    pub fn new(
        net: &Net,
        (shard, shards): (usize, usize),
        post: Post,
        resolver: Resolver,
        backends: Vec<SharedBackend>,
        tls_configs: &[Option<BackendTlsConfig>],
        numbers: Rc<Numbers>,
    ) -> Upstream {
        let backends = backends.into_iter().enumerate().map(|(at, shared)| Backend {
            shared,
            tls_config: RefCell::new(tls_configs.get(at).and_then(Option::as_ref).map(ShardTlsConfig::of)),
            catalogue: RefCell::default(),
            failures: RefCell::default(),
            refreshed: Notify::new(net),
            logged_tls_faults: RefCell::default(),
            hint: Notify::new(net),
            turn: Cell::new(shard),
            status: RefCell::default(),
            shadowed: RefCell::default(),
        });
        Upstream {
            net: net.clone(),
            shard,
            shards,
            post,
            dns_cache: DnsCache::new(net, shard, resolver),
            backends: backends.collect(),
            numbers,
        }
    }

    /// Takes a message from the mailbox.
    pub fn receive(&self, message: Message) {
        match message {
            Message::Refreshed { backend, catalogue, failures } => {
                let Some(backend) = self.backends.get(backend) else { return };
                *backend.catalogue.borrow_mut() = catalogue;
                *backend.failures.borrow_mut() = failures;
                backend.refreshed.notify();
            }
            Message::Hint { backend } => {
                let Some(backend) = self.backends.get(backend) else { return };
                backend.shared.hinted.store(false, Ordering::Relaxed);
                backend.hint.notify();
            }
            Message::Resolved { host, addresses } => self.dns_cache.resolved(host, addresses),
        }
    }

    /// What is known of a backend cluster.
    pub fn catalogue(&self, backend: usize) -> Option<Arc<Catalogue>> {
        self.backends.get(backend)?.catalogue.borrow().clone()
    }

    /// The backends whose catalogue this shard keeps, with how that goes.
    pub fn owned(&self) -> impl Iterator<Item = (usize, Option<Arc<Catalogue>>, Status)> {
        let mine = self.backends.iter().enumerate().filter(|(_, backend)| backend.shared.owner == self.shard);
        mine.map(|(at, backend)| (at, backend.catalogue.borrow().clone(), backend.status.borrow().clone()))
    }

    /// Asks the owner to refresh a catalogue: a node, an address or a connection did not fit it.
    pub fn hint(&self, backend: usize) {
        let Some(known) = self.backends.get(backend) else { return };
        if known.shared.hinted.swap(true, Ordering::Relaxed) {
            return;
        }
        if (self.post)(known.shared.owner, Message::Hint { backend }).is_err() {
            known.shared.hinted.store(false, Ordering::Relaxed);
        }
    }
}
