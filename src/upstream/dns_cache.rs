//! The DNS cache of one shard: the addresses that host names resolve to.
//!
//! Owns who waits for an answer, and the bound of names. May not know how long an answer is good.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use super::Resolver;
use super::dns_name::DnsName;
use crate::cluster::BackendId;
use crate::net::{Net, Notify};

/// Names of one backend cluster that are known at once: beyond, others of its names are forgotten.
const NAMES_MAX: usize = 1024;

type Names = HashMap<Arc<str>, DnsName>;

/// The host names that a shard has resolved; one query per name is in flight.
pub struct DnsCache {
    net: Net,
    shard: usize,
    resolver: Resolver,
    /// By backend cluster: the names of one cannot crowd out those of another.
    names: RefCell<HashMap<BackendId, Names>>,
    resolved_any: Notify,
}

impl DnsCache {
    /// Empty.
    pub fn new(net: &Net, shard: usize, resolver: Resolver) -> DnsCache {
        DnsCache { net: net.clone(), shard, resolver, names: RefCell::default(), resolved_any: Notify::new(net) }
    }

    /// All addresses of `host`, an address among them as it stands. Waits only where none was ever known and no query has just
    /// failed; addresses that are old are used, and asked for again meanwhile.
    ///
    /// # Errors
    ///
    /// The name does not resolve.
    pub async fn resolve(&self, backend: BackendId, host: &Arc<str>) -> io::Result<Arc<[IpAddr]>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::new([address]));
        }
        loop {
            let (count, now) = (self.resolved_any.count(), self.net.now());
            let answer = self.with_name(backend, host, |name| {
                let asked = self.query(name, backend, host);
                name.answer(now).map(Ok).or(asked.err().map(Err))
            });
            match answer {
                Some(Ok(answer)) => return answer.map_err(|error| io::Error::other(format!("{host}: {error}"))),
                Some(Err(error)) => return Err(error),
                None => self.resolved_any.after(count).await,
            }
        }
    }

    /// No connection could be made with the addresses of `host`: it is asked for again at once, and they stay in use until
    /// there are others.
    pub fn distrust(&self, backend: BackendId, host: &Arc<str>) {
        let mut names = self.names.borrow_mut();
        if let Some(name) = names.get_mut(&backend).and_then(|names| names.get_mut(host)) {
            name.distrust(self.net.now());
            // Where no query can be sent now, the next `resolve` sends it.
            let _ = self.query(name, backend, host);
        }
    }

    /// Takes the resolver's answer.
    pub fn resolved(&self, host: &Arc<str>, addresses: Result<Vec<IpAddr>, String>) {
        let answer = addresses.map(Arc::from).map_err(Arc::from);
        for names in self.names.borrow_mut().values_mut() {
            if let Some(name) = names.get_mut(host) {
                name.resolved(self.net.now(), answer.clone());
            }
        }
        self.resolved_any.notify();
    }

    /// Forgets the names of backend clusters that are in the shard's table no longer.
    pub fn keep(&self, is_kept: impl Fn(BackendId) -> bool) {
        self.names.borrow_mut().retain(|backend, _| is_kept(*backend));
    }

    fn with_name<T>(&self, backend: BackendId, host: &Arc<str>, look: impl FnOnce(&mut DnsName) -> T) -> T {
        let mut names = self.names.borrow_mut();
        let names = names.entry(backend).or_default();
        if names.len() >= NAMES_MAX && !names.contains_key(host) {
            // Seldom, since so many are forgotten at once. Those that are waited for stay, and the resolver bounds these.
            names.retain(|_, name| name.is_query_in_flight());
        }
        look(names.entry(host.clone()).or_default())
    }

    fn query(&self, name: &mut DnsName, backend: BackendId, host: &Arc<str>) -> io::Result<()> {
        if name.is_to_be_queried(self.net.now()) {
            if !self.resolver.query(host.clone(), backend, self.shard) {
                return Err(io::Error::other(format!("{host}: too many names wait to be resolved")));
            }
            name.queried();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::test_ground::on_shard;

    #[test]
    fn too_many_names_of_one_backend_cluster_cost_another_nothing() {
        on_shard(
            &["a:1"],
            |_| Ok(vec![[127, 0, 0, 1].into()]),
            async |shard| {
                let cache = &shard.upstream.dialer.dns_cache;
                let (own, other) = (BackendId::of("dns-own"), BackendId::of("dns-other"));
                cache.resolve(other, &"x".into()).await.unwrap();
                for name in 0..NAMES_MAX + 100 {
                    cache.resolve(own, &format!("n{name}").into()).await.unwrap();
                }
                let known = |backend| cache.names.borrow().get(&backend).map(HashMap::len);
                assert_eq!((known(own), known(other)), (Some(100), Some(1)));
                cache.keep(|backend| backend == other);
                assert_eq!((known(own), known(other)), (None, Some(1)));
            },
        );
    }
}
