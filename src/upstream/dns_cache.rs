//! The DNS cache of one shard: the addresses that host names resolve to.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Resolver;
use crate::net::{Net, Notify};

/// Addresses are used for so long before the name is resolved again.
const TTL: Duration = Duration::from_secs(30);

type Answer = Result<Arc<[IpAddr]>, Arc<str>>;

#[derive(Default)]
struct Entry {
    answer: Option<(Instant, Answer)>,
    query_in_flight: bool,
}

/// The host names that a shard has resolved; one query per name is in flight.
pub struct DnsCache {
    net: Net,
    shard: usize,
    resolver: Resolver,
    entries: RefCell<HashMap<Arc<str>, Entry>>,
    resolved_any: Notify,
}

impl DnsCache {
    /// Empty.
    pub fn new(net: &Net, shard: usize, resolver: Resolver) -> DnsCache {
        DnsCache { net: net.clone(), shard, resolver, entries: RefCell::default(), resolved_any: Notify::new(net) }
    }

    /// All addresses of `host`, an address among them as it stands.
    ///
    /// # Errors
    ///
    /// The name does not resolve.
    pub async fn resolve(&self, host: &Arc<str>) -> io::Result<Arc<[IpAddr]>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::new([address]));
        }
        loop {
            let count = self.resolved_any.count();
            if let Some(answer) = self.fresh(host) {
                return answer.map_err(|error| io::Error::other(format!("{host}: {error}")));
            }
            self.query(host)?;
            self.resolved_any.after(count).await;
        }
    }

    /// The next `resolve` queries again: no connection could be made with the addresses.
    pub fn forget(&self, host: &str) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(host) {
            entry.answer = None;
        }
    }

    fn fresh(&self, host: &str) -> Option<Answer> {
        let entries = self.entries.borrow();
        let (at, answer) = entries.get(host)?.answer.as_ref()?;
        (self.net.now().saturating_duration_since(*at) < TTL).then(|| answer.clone())
    }

    fn query(&self, host: &Arc<str>) -> io::Result<()> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(host.clone()).or_default();
        if !entry.query_in_flight {
            if !self.resolver.query(host.clone(), self.shard) {
                return Err(io::Error::other(format!("{host}: too many names wait to be resolved")));
            }
            entry.query_in_flight = true;
        }
        Ok(())
    }

    /// Takes the resolver's answer. A failure is kept no longer than the tasks that wait for it need.
    pub fn resolved(&self, host: Arc<str>, addresses: Result<Vec<IpAddr>, String>) {
        /// A name that failed is resolved again after this.
        const FAILURE_TTL: Duration = Duration::from_millis(500);
        let now = self.net.now();
        let (at, answer) = match addresses {
            Ok(addresses) => (now, Ok(addresses.into())),
            Err(error) => (now.checked_sub(TTL - FAILURE_TTL).unwrap_or(now), Err(error.into())),
        };
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(host).or_default();
        *entry = Entry { answer: Some((at, answer)), query_in_flight: false };
        drop(entries);
        self.resolved_any.notify();
    }
}
