//! Backend connections: DNS, dialling, TLS, the catalogue of each backend cluster.
//!
//! Owns one [`Upstream`] for each table of a shard. May not know virtual names, nor what a session does with its connection.

mod answers;
mod broker_client;
mod catalogue;
mod connect;
mod dial;
mod dial_error;
mod dns_cache;
mod dns_name;
mod dns_queue;
mod hosts;
mod keeper;
mod resolver;
mod secure;
mod shadowed_topics;
mod staggered;
#[cfg(test)]
mod test_ground;
mod tls_configs;

pub use connect::{Connected, Target};
pub use dial_error::Failures;
pub use keeper::Keeper;
pub use resolver::Resolver;
pub use secure::cause_of_error;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cluster::{BackendId, Catalogue, HostPort, ShadowCheck};
use crate::config::BackendCluster;
use crate::metrics::{Cause, Numbers};
use crate::net::{Net, Notify};
use crate::tls::BackendTlsConfig;

use answers::LeftOut;
use dns_cache::DnsCache;
use shadowed_topics::ShadowedTopics;
use tls_configs::ShardTlsConfig;

/// The versions of Metadata that are asked for: they can forbid creation of the topics in a request, and nearly share one
/// layout. Every broker since 0.11 has one of them.
const METADATA_VERSIONS: std::ops::RangeInclusive<i16> = 4..=8;

/// Of one backend cluster on one shard, beside one dial for each session. They are few, since descriptors are planned for one, and
/// many nodes may be silent while many clients connect.
const SPARE_DIALS: usize = 8;

/// Messages between shards, and from the resolver, about backends.
#[derive(Debug)]
pub enum Message {
    /// To all shards: the owner of a backend's catalogue has finished an attempt to refresh it.
    Refreshed {
        /// The backend cluster.
        backend: Arc<SharedBackend>,
        /// What is known now; `None` while no attempt has succeeded.
        catalogue: Option<Arc<Catalogue>>,
        /// What was not reached.
        failures: Failures,
    },
    /// To the owner: something did not fit the catalogue, refresh it now.
    Hint {
        /// The backend cluster.
        backend: Arc<SharedBackend>,
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

/// What all shards share of one backend cluster. As long as tables have the same one, its catalogue goes on; another one of the
/// same name begins without a catalogue, and takes no message about this one.
#[derive(Debug)]
pub struct SharedBackend {
    /// Its id.
    pub id: BackendId,
    /// Its configuration.
    pub config: BackendCluster,
    /// The shard that keeps its catalogue.
    pub owner: usize,
    /// Which topics of it are looked for, because they would be shadowed.
    pub shadow_checks: Vec<ShadowCheck>,
    /// A hint is on its way, so that more of them need not be sent.
    hinted: AtomicBool,
}

impl SharedBackend {
    /// A backend cluster of which nothing is known yet.
    pub fn new(config: BackendCluster, owner: usize, shadow_checks: Vec<ShadowCheck>) -> SharedBackend {
        SharedBackend { id: config.id, config, owner, shadow_checks, hinted: AtomicBool::new(false) }
    }
}

/// A backend cluster as a table has it.
#[derive(Clone, Debug)]
pub struct TableBackend {
    /// What all shards share of it.
    pub shared: Arc<SharedBackend>,
    /// The TLS configuration of handshakes with its nodes; `None`: plain connections.
    pub tls: Option<BackendTlsConfig>,
}

/// The backends of one table as one shard sees them. Sessions keep the one that they began with: a backend that is in no
/// later table stays within their reach, as it was known last.
pub struct Upstream {
    dialer: Rc<Dialer>,
    backends: HashMap<BackendId, Rc<Backend>>,
}

/// What a shard reaches nodes with, whatever its table says.
struct Dialer {
    net: Net,
    shard: usize,
    shards: usize,
    post: Post,
    dns_cache: DnsCache,
    numbers: Rc<Numbers>,
}

struct Backend {
    shared: Arc<SharedBackend>,
    catalogue: RefCell<Option<Arc<Catalogue>>>,
    /// Of the last attempt to refresh it.
    failures: RefCell<Failures>,
    /// Notified after each attempt to refresh.
    refreshed: Notify,
    /// Notified by hints; only the owner's is waited for.
    hint: Notify,
    /// Notified when it is in the shard's table no longer.
    gone: Notify,
    /// Where the next bootstrap connection begins, so that they spread over the nodes.
    turn: Cell<usize>,
    /// Dials that may run beside the first one of a bootstrap connection: see [`staggered`].
    spare_dials: Cell<usize>,
    status: RefCell<Status>,
    /// `None`: plain connections.
    tls_config: RefCell<Option<ShardTlsConfig>>,
    /// Hosts with which TLS failed, with the cause: each is logged once.
    logged_tls_faults: RefCell<BTreeMap<HostPort, Cause>>,
    /// Entries of the last Metadata answer that could not be used: logged when they change.
    logged_left_out: RefCell<Vec<LeftOut>>,
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
    /// The view of one shard, of so many, that has no table yet.
    pub fn new(
        net: &Net,
        (shard, shards): (usize, usize),
        post: Post,
        resolver: Resolver,
        numbers: Rc<Numbers>,
    ) -> Upstream {
        let dns_cache = DnsCache::new(net, shard, resolver);
        let dialer = Dialer { net: net.clone(), shard, shards, post, dns_cache, numbers };
        Upstream { dialer: Rc::new(dialer), backends: HashMap::new() }
    }

    /// The view of the shard's next table, which has these backends, and the keepers that must run for those that are new.
    /// What both tables have goes on, with another TLS configuration perhaps; the keepers of all others end.
    pub fn replaced_by(&self, backends: &[TableBackend]) -> (Upstream, Vec<Keeper>) {
        let mut keepers = Vec::new();
        let next = backends.iter().map(|TableBackend { shared, tls }| {
            if let Some(known) = self.known(shared) {
                known.set_tls_config(tls.as_ref());
                return (shared.id, known.clone());
            }
            let backend = Rc::new(Backend::new(&self.dialer, shared.clone(), tls.as_ref()));
            if shared.owner == self.dialer.shard {
                keepers.push(Keeper::new(self.dialer.clone(), backend.clone()));
            }
            (shared.id, backend)
        });
        let next = Upstream { dialer: self.dialer.clone(), backends: next.collect() };
        let gone = self.backends.values().filter(|backend| next.known(&backend.shared).is_none());
        gone.for_each(|backend| backend.gone.notify());
        next.dialer.dns_cache.keep(|id| next.backends.contains_key(&id));
        (next, keepers)
    }

    /// Takes a message from the mailbox. One that is about a backend of another table is lost: where this shard is the later one
    /// to have a table with it, the first session asks the owner again.
    pub fn receive(&self, message: Message) {
        match message {
            Message::Refreshed { backend, catalogue, failures } => {
                let Some(backend) = self.known(&backend) else { return };
                *backend.catalogue.borrow_mut() = catalogue;
                *backend.failures.borrow_mut() = failures;
                backend.refreshed.notify();
            }
            Message::Hint { backend } => {
                backend.hinted.store(false, Ordering::Relaxed);
                let Some(backend) = self.known(&backend) else { return };
                backend.hint.notify();
            }
            Message::Resolved { host, addresses } => self.dialer.dns_cache.resolved(&host, addresses),
        }
    }

    /// What is known of a backend cluster.
    pub fn catalogue(&self, backend: BackendId) -> Option<Arc<Catalogue>> {
        self.backends.get(&backend)?.catalogue.borrow().clone()
    }

    /// Whether this shard keeps the catalogue of this backend, which is in its table.
    pub fn owns(&self, backend: &Arc<SharedBackend>) -> bool {
        backend.owner == self.dialer.shard && self.known(backend).is_some()
    }

    /// The backends whose catalogue this shard keeps, with how that goes.
    pub fn owned(&self) -> impl Iterator<Item = (BackendId, Option<Arc<Catalogue>>, Status)> {
        let mine = self.backends.iter().filter(|(_, backend)| backend.shared.owner == self.dialer.shard);
        mine.map(|(id, backend)| (*id, backend.catalogue.borrow().clone(), backend.status.borrow().clone()))
    }

    /// Asks the owner to refresh a catalogue: a node, an address or a connection did not fit it.
    pub fn hint(&self, backend: BackendId) {
        if let Some(known) = self.backends.get(&backend) {
            self.dialer.hint(known);
        }
    }

    fn known(&self, shared: &Arc<SharedBackend>) -> Option<&Rc<Backend>> {
        self.backends.get(&shared.id).filter(|backend| Arc::ptr_eq(&backend.shared, shared))
    }
}

impl Dialer {
    fn hint(&self, backend: &Backend) {
        let shared = &backend.shared;
        if shared.hinted.swap(true, Ordering::Relaxed) {
            return;
        }
        if (self.post)(shared.owner, Message::Hint { backend: shared.clone() }).is_err() {
            shared.hinted.store(false, Ordering::Relaxed);
        }
    }
}

impl Backend {
    fn new(dialer: &Dialer, shared: Arc<SharedBackend>, tls_config: Option<&BackendTlsConfig>) -> Backend {
        Backend {
            shared,
            tls_config: RefCell::new(tls_config.map(ShardTlsConfig::of)),
            catalogue: RefCell::default(),
            failures: RefCell::default(),
            refreshed: Notify::new(&dialer.net),
            logged_tls_faults: RefCell::default(),
            hint: Notify::new(&dialer.net),
            gone: Notify::new(&dialer.net),
            turn: Cell::new(dialer.shard),
            spare_dials: Cell::new(SPARE_DIALS),
            status: RefCell::default(),
            logged_left_out: RefCell::default(),
            shadowed: RefCell::default(),
        }
    }
}
